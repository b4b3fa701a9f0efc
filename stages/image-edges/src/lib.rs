//! Finds the edges in a picture, given as the pixels that `image-decode` makes: Sobel's operator on the brightness.
//! Edges are white on black; pixels beyond the border are those at the border.
//!
//! Config: `threshold`, from 0 to 255; with it an edge is white from there on and black below, without it grey.

use raster::{CHANNELS, Raster};
use sandmill_stage::Failure;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    threshold: Option<u8>,
}

fn edges(record: &[u8], config: &Config) -> Result<Vec<u8>, Failure> {
    let Raster { width, height, pixels } = Raster::read(record)?;
    let light: Vec<i32> = pixels.chunks_exact(CHANNELS).map(brightness).collect();
    let mut edges = Vec::with_capacity(pixels.len());
    let rows: Vec<&[i32]> = light.chunks_exact((width as usize).max(1)).collect();
    for (y, &row) in rows.iter().enumerate() {
        let above = rows.get(y.wrapping_sub(1)).copied().unwrap_or(row);
        let below = rows.get(y + 1).copied().unwrap_or(row);
        for x in 0..row.len() {
            let strength = gradient(columns(above, x), columns(row, x), columns(below, x));
            let grey = match config.threshold {
                None => strength,
                Some(threshold) if strength >= threshold => 255,
                Some(_) => 0,
            };
            edges.extend_from_slice(&[grey, grey, grey, 255]);
        }
    }
    let mut picture = Vec::new();
    raster::write(&mut picture, width, height, &edges);
    Ok(picture)
}

/// By the weights of ITU-R BT.601, in thousandths.
fn brightness(pixel: &[u8]) -> i32 {
    match *pixel {
        [red, green, blue, ..] => (299 * i32::from(red) + 587 * i32::from(green) + 114 * i32::from(blue)) / 1000,
        _ => 0,
    }
}

/// A pixel with its neighbours to the left and right.
fn columns(row: &[i32], x: usize) -> [i32; 3] {
    let here = row.get(x).copied().unwrap_or_default();
    [row.get(x.wrapping_sub(1)).copied().unwrap_or(here), here, row.get(x + 1).copied().unwrap_or(here)]
}

/// How steeply the brightness changes: from 0 to 255.
fn gradient(above: [i32; 3], row: [i32; 3], below: [i32; 3]) -> u8 {
    let across = (above[2] + 2 * row[2] + below[2]) - (above[0] + 2 * row[0] + below[0]);
    let down = (below[0] + 2 * below[1] + below[2]) - (above[0] + 2 * above[1] + above[2]);
    let strength = f64::from(across * across + down * down).sqrt();
    strength.min(255.0) as u8
}

sandmill_stage::stage!(edges);

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_stage::trial;

    /// Black on the left, white on the right.
    fn halves(width: u32, height: u32) -> Vec<u8> {
        let pixel = |x: u32| if x < width / 2 { [0, 0, 0, 255] } else { [255, 255, 255, 255] };
        let pixels: Vec<u8> = (0..height).flat_map(|_| (0..width).flat_map(pixel)).collect();
        let mut record = Vec::new();
        raster::write(&mut record, width, height, &pixels);
        record
    }

    #[test]
    fn an_edge_is_where_the_brightness_changes_and_nowhere_else() {
        let fates = trial!(edges).unwrap().process_keyed([("a.png", halves(6, 3))]);
        let found = Raster::read(&fates.outputs[0].value).unwrap();
        let middle: Vec<u8> = found.pixels[24..48].chunks(4).map(|pixel| pixel[0]).collect();
        assert_eq!(middle, [0, 0, 255, 255, 0, 0]);
        assert_eq!(fates.outputs[0].key, b"a.png");
    }

    #[test]
    fn pictures_of_one_pixel_or_none_have_no_edges() {
        for (width, height) in [(0, 0), (1, 1), (0, 5), (7, 1)] {
            let fates = trial!(edges, r#"{"threshold": 1}"#).unwrap().process([halves(width, height)]);
            let found = Raster::read(&fates.outputs[0].value).unwrap();
            assert_eq!((found.width, found.height), (width, height));
        }
        assert_eq!(trial!(edges).unwrap().process(["no pixels"]).failures.len(), 1);
    }
}
