//! Blurs a picture, given as the pixels that `image-decode` makes.
//!
//! Config: `sigma`, how far a pixel spreads, in pixels; 2 when it is not given.

use image::RgbaImage;
use image::imageops::fast_blur;
use raster::Raster;
use sandmill_stage::Failure;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    sigma: Sigma,
}

#[derive(Deserialize)]
#[serde(try_from = "f32")]
struct Sigma(f32);

impl Default for Sigma {
    fn default() -> Self {
        Self(2.0)
    }
}

impl TryFrom<f32> for Sigma {
    type Error = String;

    fn try_from(sigma: f32) -> Result<Self, String> {
        if sigma > 0.0 && sigma <= 1000.0 {
            Ok(Self(sigma))
        } else {
            Err(format!("{sigma} is not above 0 and at most 1000"))
        }
    }
}

fn blur(record: &[u8], config: &Config) -> Result<Vec<u8>, Failure> {
    let Raster { width, height, pixels } = Raster::read(record)?;
    let picture = RgbaImage::from_raw(width, height, pixels.to_vec()).ok_or("the picture is too large")?;
    let mut blurred = Vec::new();
    raster::write(&mut blurred, width, height, fast_blur(&picture, config.sigma.0).as_raw());
    Ok(blurred)
}

sandmill_stage::stage!(blur);

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_stage::trial;

    #[test]
    fn a_point_spreads_and_the_size_stays() {
        let mut pixels = vec![0; 4 * 15 * 15];
        pixels[4 * (7 * 15 + 7)] = 255;
        let mut record = Vec::new();
        raster::write(&mut record, 15, 15, &pixels);
        let fates = trial!(blur, r#"{"sigma": 1}"#).unwrap().process_keyed([("a.png", record)]);
        let blurred = Raster::read(&fates.outputs[0].value).unwrap();
        let red = |x: usize, y: usize| blurred.pixels[4 * (y * 15 + x)];
        assert_eq!((blurred.width, blurred.height), (15, 15));
        assert!(red(7, 7) > red(8, 7) && red(8, 7) > 0 && red(0, 0) == 0);
        assert_eq!(fates.outputs[0].key, b"a.png");
    }

    #[test]
    fn an_empty_picture_stays_one_and_a_blur_of_nothing_is_refused() {
        let mut record = Vec::new();
        raster::write(&mut record, 0, 0, &[]);
        assert_eq!(trial!(blur).unwrap().process([&record]).outputs[0].value, record);
        let refused = trial!(blur, r#"{"sigma": 0}"#).unwrap_err();
        assert_eq!(refused.message(), "config.sigma: 0 is not above 0 and at most 1000");
    }
}
