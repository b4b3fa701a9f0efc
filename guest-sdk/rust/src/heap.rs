//! The heap of a guest: the standard library's allocator, which here begins with the memory that the instance has.
//!
//! By itself it grows the memory for its first byte, and once more for the first batch. Each time the host changes the
//! protection of pages, and undoes it for the next instance: system calls that stop every thread of the process, and
//! cost an instance that lives for one batch as much as its work.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32;
use std::cell::{Cell, UnsafeCell};
use std::ptr;

use dlmalloc::{Allocator, Dlmalloc};

const PAGE_BYTES: usize = 64 << 10;

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Memory { is_begun: Cell::new(false) })));

struct Heap(UnsafeCell<Dlmalloc<Memory>>);

/// What the linker and `memory.grow` give.
struct Memory {
    is_begun: Cell<bool>,
}

unsafe extern "C" {
    /// The linker's: the first byte behind data and stack.
    static __heap_base: u8;
}

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

// SAFETY: each call is handed on as it came; one thread, and an allocator that calls no one back, never borrow twice.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(at, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(at, layout.size(), layout.align(), size) }
    }
}

impl Memory {
    /// Where the unused memory begins: at the first call behind data and stack, later behind everything.
    fn unused_from(&self, end: usize) -> usize {
        if self.is_begun.get() { end } else { (&raw const __heap_base).addr().next_multiple_of(16).min(end) }
    }
}

// SAFETY: what is given lies behind everything the linker placed, and is given once. Nothing is taken back.
unsafe impl Allocator for Memory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let end = wasm32::memory_size(0) * PAGE_BYTES;
        let from = self.unused_from(end);
        let missing = size.saturating_sub(end - from).div_ceil(PAGE_BYTES);
        if missing > 0 && wasm32::memory_grow(0, missing) == usize::MAX {
            return (ptr::null_mut(), 0, 0);
        }
        self.is_begun.set(true);
        // Of a memory of 4 GiB the last bytes are left out, so that no end wraps around to 0.
        let given = (end - from + missing * PAGE_BYTES).min(usize::MAX - from - 15);
        (ptr::without_provenance_mut(from), given, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}
