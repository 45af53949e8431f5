//! How large a value is once the zeros are written out that a number does not store: 1e131000 takes ten bytes, and 131,000
//! digits as text.

use crate::pgx::unpacked;
use pgrx::pg_sys;

/// A value that is larger than this is large without being looked at more closely.
const LOOKED_INTO: usize = 4 * 1_024 * 1_024;

/// Bytes of a value of variable length, TOAST undone, or those of the digits of the numbers in it, if that is more.
///
/// # Safety
///
/// `value` is a value of that type, and not NULL; the type is one of variable length.
pub(in crate::pgx) unsafe fn extended_size(value: pg_sys::Datum, type_oid: pg_sys::Oid) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        let size = pg_sys::toast_raw_datum_size(value);
        if size > LOOKED_INTO { size } else { size.max(digits_size(value, type_oid)) }
    }
}

/// Bytes of all digits of the numbers in a value; 0 for types without any.
///
/// # Safety
///
/// As above.
pub(in crate::pgx) unsafe fn digits_size(value: pg_sys::Datum, type_oid: pg_sys::Oid) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        match type_oid {
            pg_sys::NUMERICOID => of_number(value),
            pg_sys::JSONBOID => of_json(value),
            pg_sys::NUMERICARRAYOID => of_elements(value, pg_sys::NUMERICOID),
            pg_sys::JSONBARRAYOID => of_elements(value, pg_sys::JSONBOID),
            _ => 0,
        }
    }
}

/// Source: numeric.c, "long format"; the short one has no more than 63 digits on either side.
unsafe fn of_number(value: pg_sys::Datum) -> usize {
    const IS_SHORT_OR_SPECIAL: u16 = 0x8000;
    const DISPLAY_SCALE: u16 = 0x3fff;
    const DIGITS_PER_PIECE: usize = 4;
    const BYTES_PER_PIECE: usize = 2;
    // SAFETY: the caller's promise; the long format has both fields.
    unsafe {
        let fields = unpacked::contents(value).as_ptr().cast::<u16>();
        let header = fields.read_unaligned();
        if header & IS_SHORT_OR_SPECIAL != 0 {
            return 0;
        }
        let weight = fields.add(1).cast::<i16>().read_unaligned();
        let before = usize::try_from(weight).unwrap_or(0).saturating_add(1);
        let after = usize::from(header & DISPLAY_SCALE).div_ceil(DIGITS_PER_PIECE);
        before.saturating_add(after).saturating_mul(BYTES_PER_PIECE)
    }
}

unsafe fn of_json(value: pg_sys::Datum) -> usize {
    use pg_sys::JsonbIteratorToken as Token;
    let mut sum = 0usize;
    // SAFETY: the caller's promise; PostgreSQL's own iterator over the container that follows the header.
    unsafe {
        let json = pg_sys::pg_detoast_datum(value.cast_mut_ptr());
        let mut iterator = pg_sys::JsonbIteratorInit(json.cast::<u8>().add(pg_sys::VARHDRSZ).cast());
        let mut found: pg_sys::JsonbValue = std::mem::zeroed();
        loop {
            match pg_sys::JsonbIteratorNext(&raw mut iterator, &raw mut found, false) {
                Token::WJB_DONE => return sum,
                Token::WJB_VALUE | Token::WJB_ELEM if found.type_ == pg_sys::jbvType::jbvNumeric => {
                    sum = sum.saturating_add(of_number(pg_sys::Datum::from(found.val.numeric)));
                }
                _ => {}
            }
        }
    }
}

unsafe fn of_elements(value: pg_sys::Datum, element: pg_sys::Oid) -> usize {
    let mut elements = std::ptr::null_mut();
    let mut nulls = std::ptr::null_mut();
    let mut count = 0;
    // SAFETY: the caller's promise; numeric and jsonb are of variable length and aligned as int4 ('i').
    unsafe {
        let array = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast();
        let align = b'i' as std::ffi::c_char;
        pg_sys::deconstruct_array(array, element, -1, false, align, &raw mut elements, &raw mut nulls, &raw mut count);
        let indexes = 0..usize::try_from(count).unwrap_or(0);
        let present = indexes.filter(|index| !*nulls.add(*index));
        present.fold(0usize, |sum, index| sum.saturating_add(digits_size(*elements.add(index), element)))
    }
}
