//! Random numbers (feature `random`).
//!
//! ```toml
//! [stage.grant]
//! random = "real"             # or a number: a seed, for the same in every instance and every run
//! ```
//!
//! Fit for keys and tokens unless the pipeline file gives a seed. `HashMap` needs no such grant: its seeds are fixed in a
//! guest, so the order of its entries is the same in every run.

/// As much as is asked for at once: the host bounds it.
const CHUNK_BYTES: usize = 64 << 10;

/// That many random bytes.
#[must_use]
pub fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        bytes.extend(some((count - bytes.len()).min(CHUNK_BYTES)));
    }
    bytes
}

/// At most [`CHUNK_BYTES`].
fn some(count: usize) -> Vec<u8> {
    #[cfg(target_arch = "wasm32")]
    return wasi::wasi::random::random::get_random_bytes(count as u64);
    #[cfg(not(target_arch = "wasm32"))]
    (0..count.div_ceil(8)).flat_map(|_| u64().to_le_bytes()).take(count).collect()
}

/// A random number.
#[must_use]
pub fn u64() -> u64 {
    #[cfg(target_arch = "wasm32")]
    return wasi::wasi::random::random::get_random_u64();
    // No source for keys, but there are none to be made in a test.
    #[cfg(not(target_arch = "wasm32"))]
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ())
}

#[cfg(target_arch = "wasm32")]
#[expect(clippy::all, clippy::restriction, reason = "generated")]
mod wasi {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package sandmill:reach-random; world random { import wasi:random/random@0.2.12; }",
        generate_all,
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_differ_and_bytes_are_as_many_as_asked_for() {
        assert_ne!(super::u64(), super::u64());
        assert_eq!([0, 1, 9, 100_000].map(|count| super::bytes(count).len()), [0, 1, 9, 100_000]);
    }
}
