//! Bounds on one unit: heap, processor time and stack. Over any of them is a finding.
//!
//! libFuzzer alone would not do: its `-malloc_limit_mb` needs a sanitizer's hooks, `-rss_limit_mb` looks once a second at
//! the whole process, and `-timeout` is wall clock, which on a busy machine must be long. So the heap is counted in the
//! allocator, exactly, and the time is the thread's own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Heap that a unit may have at once: so much, and so much for each of its bytes.
const HEAP: usize = 8 << 20;
const HEAP_PER_BYTE: usize = 1_024;
/// More than that at once is stopped while it happens.
const HEAP_AT_MOST: usize = 512 << 20;
/// Processor time that a unit may take.
const TIME: Duration = Duration::from_secs(2);
/// For the signal handler, when there is no stack left.
const SIGNAL_STACK: usize = 256 << 10;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grown(size: usize) {
    let live = LIVE.fetch_add(size, Relaxed) + size;
    PEAK.fetch_max(live, Relaxed);
    if live > HEAP_AT_MOST {
        // libFuzzer keeps the input of an abort.
        std::process::abort();
    }
}

// SAFETY: every call goes to the system's allocator unchanged; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's own promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's own promise; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Called once, before the first unit.
///
/// `SPLITPLANE_FUZZ_STACK_KIB` is the stack that units may use: the kernel grows a main thread's stack up to the limit
/// of the moment. The handler of SIGSEGV gets a stack of its own (libFuzzer keeps the flag), without which an overflow
/// would end the process before the input is written.
pub fn begin() {
    if let Some(kibibytes) = std::env::var("SPLITPLANE_FUZZ_STACK_KIB").ok().and_then(|text| text.parse::<u64>().ok()) {
        let limit = libc::rlimit { rlim_cur: kibibytes << 10, rlim_max: libc::RLIM_INFINITY };
        let limit = libc::rlimit { rlim_max: hard_limit().unwrap_or(limit.rlim_max), ..limit };
        // SAFETY: a valid resource and a limit on this stack.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_STACK, &raw const limit) }, 0, "the stack cannot be limited");
    }
    give_signals_a_stack();
    // SAFETY: all zero is a valid action: the default one, with no flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: reads the action of the moment, a sanitizer's for instance.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, std::ptr::null(), &raw mut action) }, 0, "no action to read");
    action.sa_flags |= libc::SA_ONSTACK;
    // SAFETY: the same action with one flag more.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()) }, 0, "no action set");
}

/// A sanitizer has given them one already, and takes another, which nothing in its sight points to, for a leak.
fn give_signals_a_stack() {
    let mut present = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: writes to this stack.
    assert_eq!(unsafe { libc::sigaltstack(std::ptr::null(), &raw mut present) }, 0, "no stack for signals to read");
    if present.ss_flags & libc::SS_DISABLE == 0 {
        return;
    }
    let stack = Box::leak(vec![0_u8; SIGNAL_STACK].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIGNAL_STACK };
    // SAFETY: the memory is leaked, so it outlives every signal.
    assert_eq!(unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) }, 0, "no stack for signals");
}

fn hard_limit() -> Option<libc::rlim_t> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to this stack.
    (unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) } == 0).then_some(limit.rlim_max)
}

/// Runs what a target does with a unit of `length` bytes.
///
/// # Panics
/// When the unit took more heap or time than it may.
pub fn unit(length: usize, work: impl FnOnce()) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let started = processor_time();
    work();
    let heap = PEAK.load(Relaxed).saturating_sub(before);
    let took = processor_time().saturating_sub(started);
    let most = HEAP + HEAP_PER_BYTE * length;
    assert!(heap <= most, "{heap} bytes of heap for {length} bytes");
    assert!(took <= TIME, "{took:?} of processor time for {length} bytes");
}

/// What this thread has used so far.
///
/// # Panics
/// When there is no such clock.
#[must_use]
pub fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to this stack.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(read, 0, "the clock cannot be read");
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
