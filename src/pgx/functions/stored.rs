//! Values of types that carry a scope or a key, as they lie in a row.

use pgrx::pg_sys;

/// The bytes of a uuid.
///
/// # Safety
/// A datum of type uuid that is not NULL, which outlives what is given.
pub(in crate::pgx) unsafe fn uuid<'d>(value: pg_sys::Datum) -> &'d [u8] {
    // SAFETY: a uuid is 16 bytes that the datum points at.
    unsafe { std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), 16) }
}

/// The value as it lies in the row, or a copy where it is compressed or kept out of line.
///
/// # Safety
/// A varlena that is not NULL.
#[inline]
pub(in crate::pgx) unsafe fn plain(value: pg_sys::Datum) -> *mut pg_sys::varlena {
    // SAFETY: a varlena that is not NULL.
    unsafe {
        let stored = value.cast_mut_ptr::<pg_sys::varlena>();
        if pgrx::varlena::varatt_is_1b_e(stored) || pgrx::varlena::varatt_is_4b_c(stored) {
            return pg_sys::pg_detoast_datum_packed(stored);
        }
        stored
    }
}

/// Without the blanks at the end, which do not count in `character`.
pub(in crate::pgx) fn unblanked(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}
