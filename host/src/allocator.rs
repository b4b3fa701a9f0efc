//! Tells the C library's allocator to keep freed memory.
//!
//! A batch is allocated here, freed there, a thousand times a second. By default glibc gives the end of its heap back
//! to the system at once, and asks for it again for the next batch: page faults all over every batch, an eighth to a
//! fifth of a trivial stage's processor time. What is kept instead is memory that the next batches use.

/// Freed memory below this stays with the process, per heap. A few batches of the default bound, with room.
const KEPT_BYTES: i32 = 32 << 20;

/// Keeps freed memory for the next batch. For programs whose work is a pipeline, before it starts: it holds for the
/// whole process. Elsewhere than on glibc it does nothing.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    set();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library has no safe interface for it")]
fn set() {
    let parameters =
        [(libc::M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_"), (libc::M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_")];
    for (parameter, variable) in parameters {
        // Whoever has set it from outside knows better.
        if std::env::var_os(variable).is_none() {
            // SAFETY: both parameters take any number of bytes, and may be set at any time. Refused, they stay as they
            // were.
            unsafe { libc::mallopt(parameter, KEPT_BYTES) };
        }
    }
}
