//! Memory of this process, as the kernel counts it.

use pgrx::pg_sys;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes of a page of memory; noted at load, since a signal handler reads it.
static PAGE: AtomicUsize = AtomicUsize::new(4_096);

/// Notes what the machine's kernel says of itself; called once from `_PG_init`.
pub fn init() {
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    if let Ok(page) = usize::try_from(page) {
        PAGE.store(page.max(1), Ordering::Relaxed);
    }
}

/// Memory of this process in bytes: address space, and what of it is resident and private.
pub(in crate::pgx) struct Memory {
    pub(in crate::pgx) address_space: usize,
    pub(in crate::pgx) private: usize,
}

/// The file that the kernel counts in, and the process that opened it: a child has its own. Looking it up at each reading would take
/// longer than the reading.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// That file; negative when it cannot be opened. Only by async-signal-safe calls.
fn counts() -> c_int {
    // SAFETY: a global of the process.
    let process = u64::from(unsafe { pg_sys::MyProcPid }.unsigned_abs()) << 32;
    let known = OPENED.load(Ordering::Relaxed);
    let opened = |known: u64| c_int::try_from(known & u64::from(u32::MAX)).unwrap_or(-1);
    if process != 0 && known & !u64::from(u32::MAX) == process {
        return opened(known);
    }
    // SAFETY: open and close are async-signal-safe and get valid arguments.
    unsafe {
        let file = libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let Ok(number) = u32::try_from(file) else { return file };
        match OPENED.compare_exchange(known, process | u64::from(number), Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => file,
            // A signal handler has opened it meanwhile.
            Err(meanwhile) => {
                libc::close(file);
                opened(meanwhile)
            }
        }
    }
}

/// Memory of this process, by async-signal-safe calls only; zeros when it cannot be read.
///
/// Resident minus shared: shared buffers that a scan touches for the first time are not the call's own growth.
pub(in crate::pgx) fn memory() -> Memory {
    let mut buffer = [0u8; 128];
    // SAFETY: pread is async-signal-safe and gets a valid pointer and length; a file that could not be opened gives an error.
    let read = unsafe {
        let saved = *libc::__errno_location();
        let read = libc::pread(counts(), buffer.as_mut_ptr().cast(), buffer.len(), 0);
        *libc::__errno_location() = saved;
        read
    };
    let bytes = buffer.get(..usize::try_from(read).unwrap_or(0)).unwrap_or(&[]);
    let mut fields = bytes.split(|byte| *byte == b' ').map(number);
    let total = fields.next().unwrap_or(0);
    let resident = fields.next().unwrap_or(0);
    let shared = fields.next().unwrap_or(0);
    let page = PAGE.load(Ordering::Relaxed);
    Memory { address_space: total.saturating_mul(page), private: resident.saturating_sub(shared).saturating_mul(page) }
}

/// Address space of this process in bytes; 0 when it cannot be read.
pub(in crate::pgx) fn address_space() -> usize {
    memory().address_space
}

/// Resident memory of this process that it shares with no other, in bytes; 0 when it cannot be read.
pub(in crate::pgx) fn private_memory() -> usize {
    memory().private
}

fn number(field: &[u8]) -> usize {
    field
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0usize, |sum, byte| sum.saturating_mul(10).saturating_add(usize::from(byte - b'0')))
}
