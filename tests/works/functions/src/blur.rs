//! A square grey picture, eight bits a pixel, blurred by a box.

/// Pixels in a row, and rows.
pub(crate) const SIDE: usize = 64;
/// How far a pixel spreads: the box has a side of seven pixels.
const RADIUS: usize = 3;
const BOX: u32 = 2 * RADIUS as u32 + 1;

/// Appends the picture, blurred along rows and then along columns. Beyond its edge the picture goes on as it ends.
pub(crate) fn blur(picture: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let picture: &[u8; SIDE * SIDE] =
        picture.try_into().map_err(|_| format!("{} bytes are no picture of {SIDE} × {SIDE}", picture.len()))?;
    let mut rows = [0; SIDE * SIDE];
    let mut both = [0; SIDE * SIDE];
    along_rows(picture, &mut rows);
    along_rows(&rows, &mut both);
    out.extend_from_slice(&both);
    Ok(())
}

/// Blurs along rows, and swaps rows and columns: twice, and both are blurred and all is where it was.
fn along_rows(from: &[u8; SIDE * SIDE], to: &mut [u8; SIDE * SIDE]) {
    for (y, row) in from.chunks_exact(SIDE).enumerate() {
        let at = |x: usize| u32::from(row.get(x.saturating_sub(RADIUS).min(SIDE - 1)).copied().unwrap_or_default());
        // `at` counts from RADIUS pixels before the row.
        let mut sum: u32 = (0..2 * RADIUS + 1).map(at).sum();
        for x in 0..SIDE {
            if let Some(pixel) = to.get_mut(x * SIDE + y) {
                *pixel = (sum / BOX) as u8;
            }
            sum = sum + at(x + 2 * RADIUS + 1) - at(x);
        }
    }
}
