//! Makes a PNG file of the pixels that the other image stages pass on. No configuration. The key stays.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use raster::Raster;
use sandmill_stage::Failure;

fn encode(record: &[u8]) -> Result<Vec<u8>, Failure> {
    let Raster { width, height, pixels } = Raster::read(record)?;
    let mut file = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive);
    encoder.write_image(pixels, width, height, ExtendedColorType::Rgba8)?;
    Ok(file)
}

sandmill_stage::stage!(encode);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    #[test]
    fn pixels_become_a_png_with_the_same_pixels() {
        let pixels: Vec<u8> = (0..24).collect();
        let mut record = Vec::new();
        raster::write(&mut record, 3, 2, &pixels);
        let fates = trial!(super::encode).unwrap().process_keyed([("a.png", record.as_slice()), ("b.png", b"?")]);
        assert_eq!(image::load_from_memory(&fates.outputs[0].value).unwrap().into_rgba8().into_raw(), pixels);
        assert_eq!(fates.outputs[0].key, b"a.png");
        assert_eq!(fates.failure(1), Some("the record is no raster: 1 bytes hold no size"));
    }
}
