//! Memory of this process, as the kernel counts it.

use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Memory of this process, by async-signal-safe calls only; zeros when it cannot be read.
///
/// Resident minus shared: shared buffers that a scan touches for the first time are not the call's own growth.
pub(in crate::pgx) fn memory() -> Memory {
    let mut buffer = [0u8; 128];
    // SAFETY: open, read and close are async-signal-safe and get valid pointers and lengths.
    let read = unsafe {
        let saved = *libc::__errno_location();
        let file = libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            *libc::__errno_location() = saved;
            return Memory { address_space: 0, private: 0 };
        }
        let read = libc::read(file, buffer.as_mut_ptr().cast(), buffer.len());
        libc::close(file);
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
