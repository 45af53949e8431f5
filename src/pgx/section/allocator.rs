//! Rust's allocator: the system's, with a way out where it has no more.
//!
//! PostgreSQL answers a failed allocation with an ERROR, but Rust aborts the process, and one aborted backend restarts
//! the whole server. So a failed allocation is made again without the ceiling, which is meant for PostgreSQL's memory
//! alone, and then out of a reserve that each call starts with; giving that up ends the call as soon as PostgreSQL
//! checks for interrupts. What may be larger than the reserve is asked for with `try_reserve`.

use super::{address_space_limit, deadline};
use crate::error::{Refusal, StageResult};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicPtr, Ordering};

/// Bytes that are mapped and never touched, so that they cost address space and no memory.
const RESERVE: usize = 2 * 1_024 * 1_024;

/// An allocation from this size on is not what the reserve is for.
const LARGE: usize = RESERVE / 2;

static HELD: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// Ensures that the reserve exists; a call without one must not begin.
pub(in crate::pgx) fn hold_reserve() -> StageResult<()> {
    if !HELD.load(Ordering::Relaxed).is_null() {
        return Ok(());
    }
    // SAFETY: a fresh private mapping, placed by the kernel.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            RESERVE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if mapped == libc::MAP_FAILED {
        return Err(Refusal::out_of_memory());
    }
    HELD.store(mapped.cast(), Ordering::Relaxed);
    Ok(())
}

/// Takes the ceiling away and gives the reserve up: PostgreSQL found no memory, and needs some to say so.
pub(in crate::pgx) fn make_room() {
    address_space_limit::lift();
    give_up_reserve();
}

/// Gives the reserve back to the kernel; `false` when there is none.
fn give_up_reserve() -> bool {
    let held = HELD.swap(std::ptr::null_mut(), Ordering::Relaxed);
    // SAFETY: the mapping of `hold_reserve`, which nothing else knows of.
    !held.is_null() && unsafe { libc::munmap(held.cast(), RESERVE) } == 0
}

struct WithReserve;

#[global_allocator]
static ALLOCATOR: WithReserve = WithReserve;

fn retried(size: usize, allocate: impl Fn() -> *mut u8) -> *mut u8 {
    let mut memory = allocate();
    if memory.is_null() && address_space_limit::lift() {
        memory = allocate();
    }
    if memory.is_null() && size < LARGE && give_up_reserve() {
        deadline::end_for_want_of_memory();
        memory = allocate();
    }
    memory
}

// SAFETY: every call is the system allocator's own, made again when it failed.
unsafe impl GlobalAlloc for WithReserve {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        retried(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        retried(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise; a failed realloc leaves the old block as it was.
        retried(size, || unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}
