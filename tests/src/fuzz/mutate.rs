//! Mutations for the short run: what a fuzzer does, without its memory. The same seed of the generator makes the same bytes.

use fastrand::Rng;

/// Numbers at which code is apt to be wrong.
const EDGES: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, b'"'];

/// One of `seeds`, with a few changes: bytes turned, put in, taken out, moved, or taken from another seed.
pub fn mutated<B: AsRef<[u8]>>(seeds: &[B], rng: &mut Rng) -> Vec<u8> {
    let any = |rng: &mut Rng| rng.choice(seeds).map(|seed| seed.as_ref().to_vec()).unwrap_or_default();
    let mut bytes = any(rng);
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(0..=bytes.len());
        let end = (at + rng.usize(0..16)).min(bytes.len());
        match rng.u8(0..7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, rng.u128(..).to_le_bytes().into_iter().take(rng.usize(1..=16)))),
            3 => drop(bytes.splice(at..at, any(rng).into_iter().skip(at).take(rng.usize(1..64)))),
            4 => bytes.extend_from_within(at..end),
            5 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.u8(0..8)),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = *rng.choice(&EDGES).unwrap_or(&0)),
        }
    }
    bytes
}
