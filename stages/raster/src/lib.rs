//! Pixels as the image stages pass them on: a picture is decoded once and encoded once, however many stages it passes.
//!
//! `width` and `height` as 32-bit little-endian numbers, then eight-bit red, green, blue and alpha of every pixel, row by
//! row. Nothing else: the length of the record is 8 + 4 × width × height bytes.

use std::fmt;

/// Bytes of a pixel: red, green, blue, alpha.
pub const CHANNELS: usize = 4;

/// A picture, borrowed from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raster<'a> {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue and alpha of every pixel, row by row.
    pub pixels: &'a [u8],
}

/// The record is no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRaster(String);

impl<'a> Raster<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// When it is too short for a size, or its length does not match its size.
    pub fn read(record: &'a [u8]) -> Result<Self, NoRaster> {
        let short = || NoRaster(format!("the record is no raster: {} bytes hold no size", record.len()));
        let (width, rest) = record.split_first_chunk().ok_or_else(short)?;
        let (height, pixels) = rest.split_first_chunk().ok_or_else(short)?;
        let (width, height) = (u32::from_le_bytes(*width), u32::from_le_bytes(*height));
        if pixels.len() as u64 != expected(width, height) {
            return Err(NoRaster(format!(
                "the record is no raster: {width} × {height} pixels are {} bytes, not {}",
                expected(width, height),
                pixels.len()
            )));
        }
        Ok(Self { width, height, pixels })
    }
}

/// Appends a picture to a buffer.
///
/// # Panics
/// When there are not exactly as many pixels as width and height say.
pub fn write(buffer: &mut Vec<u8>, width: u32, height: u32, pixels: &[u8]) {
    assert_eq!(pixels.len() as u64, expected(width, height), "the number of pixels matches width and height");
    buffer.reserve(8 + pixels.len());
    buffer.extend_from_slice(&width.to_le_bytes());
    buffer.extend_from_slice(&height.to_le_bytes());
    buffer.extend_from_slice(pixels);
}

/// Saturates: no record is so long.
fn expected(width: u32, height: u32) -> u64 {
    (u64::from(width) * u64::from(height)).saturating_mul(CHANNELS as u64)
}

impl fmt::Display for NoRaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoRaster {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_picture_reads_back_and_one_of_another_size_does_not() {
        let pixels: Vec<u8> = (0..24).collect();
        let mut record = Vec::new();
        write(&mut record, 3, 2, &pixels);
        assert_eq!(Raster::read(&record), Ok(Raster { width: 3, height: 2, pixels: &pixels }));
        record.pop();
        let error = Raster::read(&record).unwrap_err().to_string();
        assert_eq!(error, "the record is no raster: 3 × 2 pixels are 24 bytes, not 23");
        assert!(Raster::read(b"1234567").is_err());
        assert!(Raster::read(&[0xff; 8]).is_err());
    }
}
