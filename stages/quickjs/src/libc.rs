//! What the engine, which is written in C, wants of a machine: memory, and a clock.
#![expect(unsafe_code, reason = "it is called by C")]

use std::alloc::{Layout, alloc, dealloc};
use std::ptr;

use crate::clock;

/// Room for a block's size before it, which keeps it aligned for whatever C may put there.
const HEAD: usize = 16;

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(HEAD)?, HEAD).ok()
}

/// # Safety
/// As C has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut u8 {
    let Some(layout) = layout(size) else { return ptr::null_mut() };
    // SAFETY: the layout is not empty.
    let block = unsafe { alloc(layout) };
    if block.is_null() {
        return block;
    }
    // SAFETY: the block is as large as HEAD and `size` together, and aligned.
    unsafe {
        block.cast::<usize>().write(size);
        block.add(HEAD)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut u8 {
    let Some(size) = count.checked_mul(size) else { return ptr::null_mut() };
    // SAFETY: what is not null has `size` bytes.
    unsafe {
        let block = malloc(size);
        if !block.is_null() {
            block.write_bytes(0, size);
        }
        block
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut u8) {
    if block.is_null() {
        return;
    }
    // SAFETY: `malloc` gave it, with its size before it.
    unsafe {
        if let Some(layout) = layout(malloc_usable_size(block)) {
            dealloc(block.sub(HEAD), layout);
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: `malloc` gave it, with its size before it; the two blocks do not overlap.
    unsafe {
        let moved = malloc(size);
        if !moved.is_null() && !block.is_null() {
            ptr::copy_nonoverlapping(block, moved, size.min(malloc_usable_size(block)));
            free(block);
        }
        moved
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut u8) -> usize {
    // SAFETY: `malloc` gave it, with its size before it.
    if block.is_null() { 0 } else { unsafe { block.sub(HEAD).cast::<usize>().read() } }
}

/// The time at which the engine believes to be.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    clock::microseconds()
}
