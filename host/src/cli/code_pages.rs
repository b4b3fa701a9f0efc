//! Gives back the memory of code that has done its work.
//!
//! To read the command line and the pipeline file, to check them and to open everything touches code all over the
//! program, and a run does not use it again. Its pages are those of the program file, so nothing is lost: what the run does
//! use comes back from the system's cache, a few hundred page faults in all. A run of CSV into SQLite holds 2 to 3 MiB less then.

/// Gives back the pages of this program's code. Elsewhere than on Linux it does nothing.
pub(super) fn give_back() {
    #[cfg(target_os = "linux")]
    if let Some((start, length)) = own_code() {
        advise(start, length);
    }
}

/// Where this program's code is in memory: its first address, and how many bytes.
#[cfg(target_os = "linux")]
fn own_code() -> Option<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    range_of(&maps, own_code as *const () as usize)
}

/// The range of memory that holds this address, if it holds code that cannot be written to.
#[cfg(target_os = "linux")]
fn range_of(maps: &str, address: usize) -> Option<(usize, usize)> {
    maps.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let is_code = fields.next()? == "r-xp" && (start..end).contains(&address);
        is_code.then(|| (start, end - start))
    })
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "there is no safe way to give back memory that the loader has mapped")]
fn advise(start: usize, length: usize) {
    // SAFETY: the range is one mapping of the program file that is never written to, so its pages come back as they were.
    // Whether the system follows the advice does not matter.
    unsafe { libc::madvise(std::ptr::without_provenance_mut(start), length, libc::MADV_DONTNEED) };
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const MAPS: &str = "\
5500000000-5500001000 r--p 00000000 fe:00 1    /usr/bin/sandmill
5500001000-5500009000 r-xp 00001000 fe:00 1    /usr/bin/sandmill
5500009000-550000a000 rw-p 00009000 fe:00 1    /usr/bin/sandmill
7f00000000-7f00001000 r-xp 00000000 fe:00 2    /usr/lib/libc.so.6
";

    #[test]
    fn only_code_is_given_back() {
        assert_eq!(range_of(MAPS, 0x55_0000_1234), Some((0x55_0000_1000, 0x8000)));
        assert_eq!(range_of(MAPS, 0x55_0000_0234), None);
        assert_eq!(range_of(MAPS, 0x55_0000_9234), None);
        assert_eq!(range_of("nonsense\n\n", 0x55_0000_1234), None);
    }

    #[test]
    fn a_program_that_has_given_back_its_code_continues() {
        let (start, length) = own_code().expect("a test program has code");
        assert!((start..start + length).contains(&(give_back as *const () as usize)));
        give_back();
        assert_eq!(own_code(), Some((start, length)));
    }
}
