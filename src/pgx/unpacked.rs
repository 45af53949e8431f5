//! How large a row is once compression is undone: what the caller will read, and not what is stored.

use pgrx::{PgMemoryContexts, pg_sys, varlena};

/// Deepest rows within rows that are looked into; further ones count as they are stored.
const DEEPEST: u8 = 16;
/// `attlen` of a column whose values differ in size.
const OF_VARIABLE_LENGTH: i16 = -1;

/// Sizes of one row, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unpacked {
    /// The contents of its values of variable length, unpacked; never more than the row has.
    pub(super) values: usize,
    /// By how much compressed values are larger than they are stored.
    pub(super) surplus: usize,
}

impl Unpacked {
    fn and(self, other: Self) -> Self {
        Unpacked {
            values: self.values.saturating_add(other.values),
            surplus: self.surplus.saturating_add(other.surplus),
        }
    }
}

/// Makes every value of the row in a slot available.
///
/// # Safety
///
/// The slot holds a row.
pub(super) unsafe fn read_all(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: the caller's promise.
    unsafe {
        let count = (*(*slot).tts_tupleDescriptor).natts;
        if i32::from((*slot).tts_nvalid) < count {
            pg_sys::slot_getsomeattrs_int(slot, count);
        }
    }
}

/// Bytes of a value of variable length without its header, once it is unpacked; nothing is unpacked for it.
///
/// # Safety
///
/// Such a value, and not NULL.
pub(super) unsafe fn size(value: pg_sys::Datum) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        if is_plain(value.cast_mut_ptr()) {
            varlena::varsize_any_exhdr(value.cast_mut_ptr())
        } else {
            pg_sys::toast_raw_datum_size(value).saturating_sub(pg_sys::VARHDRSZ)
        }
    }
}

/// The bytes of a value of variable length without its header: where they are, or unpacked into the current memory context.
///
/// # Safety
///
/// Such a value, and not NULL; the bytes are there for as long as it is, or the memory context.
pub(super) unsafe fn contents<'v>(value: pg_sys::Datum) -> &'v [u8] {
    // SAFETY: the caller's promise; what is not plain is after unpacking.
    unsafe {
        let stored = value.cast_mut_ptr::<pg_sys::varlena>();
        let plain = if is_plain(stored) { stored } else { pg_sys::pg_detoast_datum_packed(stored) };
        varlena::varlena_to_byte_slice(plain)
    }
}

/// Neither compressed nor elsewhere.
unsafe fn is_plain(stored: *const pg_sys::varlena) -> bool {
    // SAFETY: the caller's promise: a value of variable length.
    unsafe { !varlena::varatt_is_1b_e(stored) && !varlena::varatt_is_4b_c(stored) }
}

/// The sizes of the row in a slot; nothing is unpacked for it.
///
/// # Safety
///
/// The slot holds a row.
pub(super) unsafe fn of_row(slot: *mut pg_sys::TupleTableSlot) -> Unpacked {
    // SAFETY: the caller's promise; every attribute is made available before it is read.
    unsafe {
        read_all(slot);
        of_values((*slot).tts_tupleDescriptor, (*slot).tts_values, (*slot).tts_isnull, 0)
    }
}

unsafe fn of_values(
    descriptor: pg_sys::TupleDesc,
    values: *const pg_sys::Datum,
    nulls: *const bool,
    depth: u8,
) -> Unpacked {
    // SAFETY: the caller's promise: values of the descriptor's columns, each with its mark for NULL.
    unsafe {
        let columns = (0..(*descriptor).natts).zip(0_usize..).filter(|(_, index)| !*nulls.add(*index));
        let sizes = columns.map(|(number, index)| {
            let attribute = super::types::attribute(descriptor, number);
            if attribute.attlen == OF_VARIABLE_LENGTH {
                of_value(*values.add(index), attribute.atttypid, depth)
            } else {
                Unpacked::default()
            }
        });
        sizes.fold(Unpacked::default(), Unpacked::and)
    }
}

unsafe fn of_value(value: pg_sys::Datum, type_oid: pg_sys::Oid, depth: u8) -> Unpacked {
    // SAFETY: a value of that type, which is one of variable length, and not NULL.
    unsafe {
        let contents = pg_sys::toast_raw_datum_size(value).saturating_sub(pg_sys::VARHDRSZ);
        let stored = pg_sys::toast_datum_size(value).saturating_sub(pg_sys::VARHDRSZ);
        let is_compressed = is_compressed(value);
        let own =
            Unpacked { values: contents, surplus: if is_compressed { contents.saturating_sub(stored) } else { 0 } };
        if is_compressed || depth >= DEEPEST {
            return own;
        }
        if !matches!(type_oid, pg_sys::RECORDOID | pg_sys::RECORDARRAYOID) {
            return own;
        }
        // Memory of its own: there may be many rows.
        let within = PgMemoryContexts::new("splitplane sizes").switch_to(|_| within(value, type_oid, depth + 1));
        // What is compressed within is in the stored size of the whole already.
        own.and(Unpacked { values: within.surplus, surplus: within.surplus })
    }
}

unsafe fn is_compressed(value: pg_sys::Datum) -> bool {
    let pointer = value.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: a value of variable length.
    unsafe {
        if varlena::varatt_is_1b_e(pointer) {
            // On disk the two sizes differ by the header alone unless it is compressed; in memory they are equal.
            let contents = pg_sys::toast_raw_datum_size(value).saturating_sub(pg_sys::VARHDRSZ);
            return pg_sys::toast_datum_size(value) < contents;
        }
        varlena::varatt_is_4b_c(pointer)
    }
}

/// What rows within a record or an array of records hold: PostgreSQL makes many of them with their columns as they were
/// stored. A row of the plane is of type `record`, whatever it is of.
unsafe fn within(value: pg_sys::Datum, type_oid: pg_sys::Oid, depth: u8) -> Unpacked {
    // SAFETY: a value of that type, and not NULL; records are of variable length and aligned as float8 ('d').
    unsafe {
        if type_oid == pg_sys::RECORDOID {
            return of_record(value, depth);
        }
        let (mut elements, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast(),
            pg_sys::RECORDOID,
            -1,
            false,
            b'd' as std::ffi::c_char,
            &raw mut elements,
            &raw mut nulls,
            &raw mut count,
        );
        let present = (0..usize::try_from(count).unwrap_or(0)).filter(|index| !*nulls.add(*index));
        present
            .map(|index| of_value(*elements.add(index), pg_sys::RECORDOID, depth))
            .fold(Unpacked::default(), Unpacked::and)
    }
}

unsafe fn of_record(value: pg_sys::Datum, depth: u8) -> Unpacked {
    // SAFETY: a value of type record, which names its row type; what is made here goes with the caller's memory.
    unsafe {
        let header: pg_sys::HeapTupleHeader = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast();
        let fields = (*header).t_choice.t_datum;
        let descriptor = pg_sys::lookup_rowtype_tupdesc_copy(fields.datum_typeid, fields.datum_typmod);
        let count = usize::try_from((*descriptor).natts).unwrap_or(0);
        let mut tuple = pg_sys::HeapTupleData {
            t_len: u32::try_from(varlena::varsize_any(header.cast())).unwrap_or(0),
            t_data: header,
            ..Default::default()
        };
        let mut values = vec![pg_sys::Datum::from(0); count];
        let mut nulls = vec![true; count];
        pg_sys::heap_deform_tuple(&raw mut tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        of_values(descriptor, values.as_ptr(), nulls.as_ptr(), depth)
    }
}
