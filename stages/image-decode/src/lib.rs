//! Makes pixels of a PNG file, for the other image stages (their form is described in `raster`). The key, which is the
//! file's name, stays.
//!
//! Config: `max_pixels`, 16 million when it is not given. A larger picture fails before its pixels take any memory; so
//! does a file that is no PNG.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{DynamicImage, ImageDecoder};
use sandmill_stage::Failure;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "sixteen_million")]
    max_pixels: u64,
}

fn sixteen_million() -> u64 {
    16_000_000
}

fn decode(file: &[u8], config: &Config) -> Result<Vec<u8>, Failure> {
    let decoder = PngDecoder::new(Cursor::new(file))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > config.max_pixels {
        return Err(Failure::new(format!(
            "{width} × {height} pixels are more than max_pixels = {}",
            config.max_pixels
        )));
    }
    let picture = DynamicImage::from_decoder(decoder)?.into_rgba8();
    let mut record = Vec::new();
    raster::write(&mut record, width, height, picture.as_raw());
    Ok(record)
}

sandmill_stage::stage!(decode);

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, RgbaImage};
    use sandmill_stage::trial;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let picture = RgbaImage::from_fn(width, height, |x, y| image::Rgba([x as u8, y as u8, 7, 255]));
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    #[test]
    fn a_png_becomes_pixels_and_keeps_its_name() {
        let fates = trial!(decode).unwrap().process_keyed([("a.png", png(3, 2))]);
        let output = &fates.outputs[0];
        let raster = raster::Raster::read(&output.value).unwrap();
        assert_eq!((raster.width, raster.height, &raster.pixels[4..8]), (3, 2, &[1, 0, 7, 255][..]));
        assert_eq!(output.key, b"a.png");
    }

    #[test]
    fn a_broken_or_too_large_file_fails() {
        let mut truncated = png(9, 9);
        truncated.truncate(40);
        let files = [truncated, b"GIF89a".to_vec(), png(11, 1), png(10, 1)];
        let fates = trial!(decode, r#"{"max_pixels": 10}"#).unwrap().process(files);
        assert_eq!(fates.failures.len(), 3);
        assert_eq!(fates.failure(2), Some("11 × 1 pixels are more than max_pixels = 10"));
        assert_eq!(fates.outputs[0].origin, Some(3));
    }
}
