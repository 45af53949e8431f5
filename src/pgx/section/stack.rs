//! The stack, mapped in full before untrusted SQL runs.
//!
//! The kernel maps a stack as it grows, and when there is no room for the next page it kills the process: under the
//! ceiling, and also where the machine has a limit on address space or does not overcommit. PostgreSQL's own check
//! knows only `max_stack_depth`. So the kernel is asked for all of it beforehand, in a way that can fail.

use crate::error::{Refusal, StageResult};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What PostgreSQL lets run below `max_stack_depth` without a check (STACK_DEPTH_SLOP), in bytes.
const UNCHECKED: usize = 512 * 1_024;

/// Bytes below the first call's frame that are known to be mapped.
static MAPPED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C-unwind" {
    // PostgreSQL writes it whenever the setting is set.
    static mut max_stack_depth: std::ffi::c_int;
}

/// Ensures that the stack is mapped as far down as PostgreSQL may use it.
pub(in crate::pgx) fn map() -> StageResult<()> {
    // SAFETY: a setting of the backend.
    let kilobytes = unsafe { max_stack_depth };
    let checked = usize::try_from(kilobytes).unwrap_or(0).saturating_mul(1_024);
    if checked <= MAPPED.load(Ordering::Relaxed) {
        return Ok(());
    }
    let frame = 0u8;
    let depth = checked.saturating_add(UNCHECKED).min(most());
    let here = (&raw const frame).addr();
    if !written_by_the_kernel(here.saturating_sub(depth)) && is_grown_by_the_kernel(here) {
        return Err(Refusal::out_of_memory());
    }
    MAPPED.store(checked, Ordering::Relaxed);
    Ok(())
}

/// Whether the stack in use is the one that the kernel grows. Under Valgrind it is not: that has one of its own, and grows it.
fn is_grown_by_the_kernel(address: usize) -> bool {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return true };
    let bound = |text: &str| usize::from_str_radix(text, 16).ok();
    let stack = maps.lines().find(|line| line.ends_with("[stack]")).and_then(|line| {
        let (low, high) = line.split(' ').next()?.split_once('-')?;
        Some(bound(low)?..bound(high)?)
    });
    stack.is_none_or(|stack| stack.contains(&address))
}

/// The kernel's own limit, less what is in use above and its guard below.
fn most() -> usize {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid place to write to.
    let status = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limits) };
    let most = if status == 0 { usize::try_from(limits.rlim_cur).unwrap_or(usize::MAX) } else { 0 };
    most.saturating_sub(UNCHECKED)
}

/// Has the kernel write one byte there: a stack grows for a system call as it does for a program, but where it cannot,
/// the call fails (EFAULT) instead of the process.
fn written_by_the_kernel(address: usize) -> bool {
    // SAFETY: the byte lies below every frame in use, where nothing is kept; open, read and close get valid arguments.
    unsafe {
        let file = libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return false;
        }
        let read = libc::read(file, std::ptr::without_provenance_mut(address), 1);
        libc::close(file);
        read == 1
    }
}
