//! Waiting for the network inside a backend.
//!
//! A backend has one thread that PostgreSQL knows, and PostgreSQL's signals must land on it. So a future is polled here in
//! short slices. During a slice every signal is blocked: threads that a library starts (name look-ups) inherit that mask
//! and can never take one of PostgreSQL's signals. Between two slices the signals that came in run their handlers, and
//! what they ask for (cancel, termination, barriers) is done by PostgreSQL's own CHECK_FOR_INTERRUPTS; an ERROR there
//! unwinds through `wait`, which drops the future and with it the request. A client that has gone away is noticed too.
//!
//! Nothing may be held across a wait: no buffer pin, no SPI connection, no confined section, and no lock but the plain
//! read locks on our own configuration that look-ups leave behind.

use crate::error::{Refusal, StageResult, State};
use pgrx::pg_sys;
use std::cell::OnceCell;
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Length of a slice. Cancels are honoured within one slice and the time to drop the request.
const SLICE: Duration = Duration::from_millis(20);
/// Slices between two checks of the client's socket.
const SLICES_PER_LOOK: u32 = 3;
/// How long a helper thread (name look-ups) stays when it has nothing to do.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(1);

thread_local! {
    // Made on first use, in the backend that uses it: a runtime does not survive fork.
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

// pgrx has no binding for libpq/libpq.h. It may ereport, so calls go through the guard.
unsafe extern "C-unwind" {
    fn pq_check_connection() -> bool;
}

/// Every signal blocked for as long as it lives.
struct SignalsBlocked {
    before: libc::sigset_t,
}

impl SignalsBlocked {
    fn enter() -> Self {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are written before they are read; the calls cannot fail with these arguments.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            SignalsBlocked { before: before.assume_init() }
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the mask that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// Shows other sessions, as long as it lives, that this one waits, and for what (`pg_stat_activity.wait_event`).
///
/// PostgreSQL's own handlers between two slices show what they wait for, and at their end nothing: so each slice shows it anew.
struct Shown;

impl Shown {
    fn waiting(event: u32) -> Self {
        show(event);
        Shown
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        show(0);
    }
}

/// What `pgstat_report_wait_start` and `pgstat_report_wait_end` do, which are inline in C.
fn show(event: u32) {
    // SAFETY: points to this backend's place in shared memory, or to a variable of the process before that is there; no other
    // process writes to it, and others read it as one word.
    unsafe { pg_sys::my_wait_event_info.write_volatile(event) };
}

/// The number of our own event: PostgreSQL gives it, for all sessions, to whoever asks for the name first.
#[cfg(not(any(feature = "pg15", feature = "pg16")))]
fn event() -> u32 {
    thread_local! {
        static EVENT: OnceCell<u32> = const { OnceCell::new() };
    }
    // SAFETY: a NUL-terminated name, which is copied. It raises where too many names are in use; nothing is held here then.
    EVENT.with(|event| *event.get_or_init(|| unsafe { pg_sys::WaitEventExtensionNew(c"SplitplaneModel".as_ptr()) }))
}

/// Before 17 all extensions share one.
#[cfg(any(feature = "pg15", feature = "pg16"))]
fn event() -> u32 {
    pg_sys::PG_WAIT_EXTENSION
}

/// Lets the runtime close what a dropped future has left open, such as the connection of a cancelled request.
struct Settle<'r>(&'r Runtime);

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        const TURNS: usize = 4;
        let _blocked = SignalsBlocked::enter();
        self.0.block_on(async {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        });
    }
}

/// Drives `future` to its end, or refuses at `deadline` (57014).
///
/// # Errors
/// The deadline. A cancel or the end of the session leaves as PostgreSQL's own ERROR or FATAL.
pub fn wait<T>(deadline: Instant, future: impl Future<Output = T>) -> StageResult<T> {
    let event = event();
    RUNTIME.with(|cell| {
        let runtime = runtime(cell)?;
        // Both are declared before the future, hence dropped after it, on every way out.
        let _settle = Settle(runtime);
        // A request that is dropped may hand its connection back, for which its library starts a task: without a runtime at hand
        // that is a panic, which ends the process while an ERROR unwinds.
        let _entered = runtime.enter();
        let mut future = pin!(future);
        let mut slices = 0u32;
        loop {
            let slice = {
                let _shown = Shown::waiting(event);
                let _blocked = SignalsBlocked::enter();
                runtime.block_on(async {
                    let slice = tokio::time::timeout(SLICE, future.as_mut()).await;
                    if slice.is_err() {
                        // Wake-ups that were put off to the end of a turn are lost when this slice ends in that turn.
                        tokio::task::yield_now().await;
                    }
                    slice
                })
            };
            if let Ok(value) = slice {
                return Ok(value);
            }
            if Instant::now() >= deadline {
                return Err(Refusal::late());
            }
            slices = slices.wrapping_add(1);
            if slices.is_multiple_of(SLICES_PER_LOOK) && !client_is_there() {
                return Err(Refusal::new(State::Cancelled, "the client has gone away"));
            }
            pgrx::check_for_interrupts!();
        }
    })
}

/// Drops what was polled in a wait and outlives it, such as a request that nobody waits for any more; a panic elsewhere, as said above.
pub fn discard<T>(future: T) {
    let is_there = RUNTIME.try_with(|cell| {
        let Some(runtime) = cell.get() else { return Some(future) };
        let _settle = Settle(runtime);
        let _entered = runtime.enter();
        drop(future);
        None
    });
    // Without a runtime it was never polled.
    drop(is_there);
}

fn runtime(cell: &OnceCell<Runtime>) -> StageResult<&Runtime> {
    if let Some(runtime) = cell.get() {
        return Ok(runtime);
    }
    let _blocked = SignalsBlocked::enter();
    let made =
        Builder::new_current_thread().enable_all().max_blocking_threads(4).thread_keep_alive(THREAD_KEEP_ALIVE).build();
    let runtime = made.map_err(|error| Refusal::internal(format!("no runtime for network calls: {error}")))?;
    Ok(cell.get_or_init(|| runtime))
}

/// Whether the client's socket is still open; true where there is no client.
#[allow(ffi_unwind_calls)]
fn client_is_there() -> bool {
    // SAFETY: reads a global that is set once, when the session starts.
    if unsafe { pg_sys::MyProcPort.is_null() } {
        return true;
    }
    // SAFETY: a client backend with its socket's wait set; the guard turns an ERROR into an unwind.
    unsafe { pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| pq_check_connection()) }
}
