//! Types of the catalog: what belongs to them, and values as text.

use super::flags::{c_int, cache};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// The array type of a type, or `None`.
pub fn array_type(element: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a catalog look-up.
    let found = unsafe { pg_sys::get_array_type(element) };
    (found != pg_sys::InvalidOid).then_some(found)
}

/// The type below domains.
pub fn base_type(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::getBaseType(type_oid) }
}

/// The element type of an array type, or `None`.
pub fn element_type(array: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a catalog look-up.
    let found = unsafe { pg_sys::get_element_type(array) };
    (found != pg_sys::InvalidOid).then_some(found)
}

/// Whether it is `bytea`.
pub fn is_bytes(type_oid: pg_sys::Oid) -> bool {
    type_oid == pg_sys::BYTEAOID
}

/// Whether values of a type are rows.
pub fn is_row(type_oid: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up.
    matches!(type_oid, pg_sys::RECORDOID | pg_sys::RECORDARRAYOID) || unsafe { pg_sys::type_is_rowtype(type_oid) }
}

/// Whether values of a type name objects of the catalog: regclass and its like.
pub fn names_catalog_object(type_oid: pg_sys::Oid) -> bool {
    matches!(
        type_oid,
        pg_sys::REGPROCOID
            | pg_sys::REGPROCEDUREOID
            | pg_sys::REGOPEROID
            | pg_sys::REGOPERATOROID
            | pg_sys::REGCLASSOID
            | pg_sys::REGTYPEOID
            | pg_sys::REGROLEOID
            | pg_sys::REGNAMESPACEOID
            | pg_sys::REGCONFIGOID
            | pg_sys::REGDICTIONARYOID
            | pg_sys::REGCOLLATIONOID
    )
}

/// The array's elements, the range's bounds or the domain's values, and so on down to a type that is none of these.
pub fn innermost_type(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    let mut known = type_oid;
    while let Some(inner) = inner_type(known) {
        known = inner;
    }
    known
}

/// Whether a type is a domain, or an array or range with one on the way down to its innermost type.
pub fn holds_domain(type_oid: pg_sys::Oid) -> bool {
    let mut known = Some(type_oid);
    while let Some(type_oid) = known {
        if base_type(type_oid) != type_oid {
            return true;
        }
        known = inner_type(type_oid);
    }
    false
}

/// One step of that.
fn inner_type(known: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: catalog look-ups.
    let inner = unsafe {
        [
            pg_sys::get_element_type(known),
            pg_sys::get_range_subtype(known),
            pg_sys::get_multirange_range(known),
            pg_sys::getBaseType(known),
        ]
    };
    inner.into_iter().find(|inner| *inner != pg_sys::InvalidOid && *inner != known)
}

/// Whether values of a type are numbers that floating point would round (`int8`, `numeric`), or arrays of them; domains count as
/// what they are over.
pub(super) fn is_wide_number(type_oid: pg_sys::Oid) -> bool {
    let mut known = type_oid;
    loop {
        // SAFETY: catalog look-ups.
        let inner = unsafe {
            let base = pg_sys::getBaseType(known);
            let element = pg_sys::get_element_type(base);
            if element == pg_sys::InvalidOid { base } else { element }
        };
        if inner == known {
            return matches!(known, pg_sys::INT8OID | pg_sys::NUMERICOID);
        }
        known = inner;
    }
}

/// Whether `to_json` has a way of its own for values of a type, which is no domain: for arrays, rows, and types with a cast to JSON.
/// The types that JSON has itself, and dates, are not asked about.
pub(super) fn has_way_to_json(type_oid: pg_sys::Oid) -> bool {
    let is_array = matches!(type_oid, pg_sys::ANYARRAYOID | pg_sys::ANYCOMPATIBLEARRAYOID | pg_sys::RECORDARRAYOID)
        || element_type(type_oid).is_some();
    if is_array || is_row(type_oid) {
        return true;
    }
    let mut cast = pg_sys::InvalidOid;
    // SAFETY: a catalog look-up, and a valid place to write to.
    type_oid.to_u32() >= pg_sys::FirstNormalObjectId
        && unsafe {
            let explicit = pg_sys::CoercionContext::COERCION_EXPLICIT;
            pg_sys::find_coercion_pathway(pg_sys::JSONOID, type_oid, explicit, &raw mut cast)
        } == pg_sys::CoercionPathType::COERCION_PATH_FUNC
}

/// A value as its type's output function writes it.
///
/// # Safety
/// The value is of that type, and not NULL.
pub unsafe fn text_of(value: pg_sys::Datum, type_oid: pg_sys::Oid) -> String {
    // SAFETY: the caller's promise.
    unsafe {
        if type_oid == pg_sys::TEXTOID {
            return <String as pgrx::FromDatum>::from_datum(value, false).unwrap_or_default();
        }
        let mut output = pg_sys::InvalidOid;
        let mut varies = false;
        pg_sys::getTypeOutputInfo(type_oid, &raw mut output, &raw mut varies);
        let text = pg_sys::OidOutputFunctionCall(output, value);
        CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}

/// The bytes that a claim's value stands for in a column of type `bytea`: `\x` and two lower-case hexadecimal digits for each,
/// at least one. `None` for anything else, though the type reads many other spellings: an id has one.
pub fn bytes_of_id(text: &str) -> Option<Box<[u8]>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect::<Option<Box<[u8]>>>().filter(|bytes| !bytes.is_empty())
}

/// The equality operator that PostgreSQL's own type cache gives for a type.
pub fn equality_operator(type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let flags = const { c_int(pg_sys::TYPECACHE_EQ_OPR) };
    // SAFETY: a type cache look-up; entries are never freed.
    let entry = unsafe { pg_sys::lookup_type_cache(type_oid, flags).as_ref() }?;
    (entry.eq_opr != pg_sys::InvalidOid).then_some(entry.eq_opr)
}

/// Whether texts under a collation are equal when their bytes are, and never otherwise.
pub fn is_by_bytes(collation: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up, for which there must be such a collation.
    collation != pg_sys::InvalidOid && unsafe { pg_sys::get_collation_isdeterministic(collation) }
}

/// The function by which values of a type are put in order (GREATEST, LEAST), or `None`.
pub fn comparison_function(type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let flags = const { c_int(pg_sys::TYPECACHE_CMP_PROC) };
    // SAFETY: a type cache look-up; entries are never freed.
    let entry = unsafe { pg_sys::lookup_type_cache(type_oid, flags).as_ref() }?;
    (entry.cmp_proc != pg_sys::InvalidOid).then_some(entry.cmp_proc)
}

/// The cast from a type to another, domains by what they are over; `None` where there is none.
pub fn cast(from: pg_sys::Oid, to: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: catalog look-ups.
    let found = unsafe { pg_sys::get_cast_oid(pg_sys::getBaseType(from), pg_sys::getBaseType(to), true) };
    (found != pg_sys::InvalidOid).then_some(found)
}

/// The function that reads values of a type from text.
pub fn input_function(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    input(type_oid).0
}

/// The function that takes elements out of values of a type by a subscript; no function for most.
pub(super) fn subscript_function(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_typsubscript(type_oid, std::ptr::null_mut()) }
}

fn input(type_oid: pg_sys::Oid) -> (pg_sys::Oid, pg_sys::Oid) {
    let mut function = pg_sys::InvalidOid;
    let mut parameter = pg_sys::InvalidOid;
    // SAFETY: two valid places to write to.
    unsafe { pg_sys::getTypeInputInfo(type_oid, &raw mut function, &raw mut parameter) };
    (function, parameter)
}

/// A value of a type as its input function reads it, in the current memory context; a text that it does not accept is
/// PostgreSQL's own error, of class 22. There is no zero byte in the text.
pub(super) fn from_text(type_oid: pg_sys::Oid, text: &str) -> pg_sys::Datum {
    let text = CString::new(text).unwrap_or_default();
    let (function, parameter) = input(type_oid);
    // SAFETY: the type's own input function on a NUL-terminated text.
    unsafe { pg_sys::OidInputFunctionCall(function, text.as_ptr().cast_mut(), parameter, -1) }
}

/// A type's name as SQL writes it.
pub fn shown_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up that gives a NUL-terminated text.
    unsafe { CStr::from_ptr(pg_sys::format_type_be_qualified(type_oid)) }.to_string_lossy().into_owned()
}

/// A value of a type as its output function writes it, by the settings of the moment.
pub(super) fn to_text(type_oid: pg_sys::Oid, value: pg_sys::Datum) -> String {
    let mut function = pg_sys::InvalidOid;
    let mut is_varlena = false;
    // SAFETY: two valid places to write to; then the type's own output function on a value of it, which makes a NUL-terminated text.
    unsafe {
        pg_sys::getTypeOutputInfo(type_oid, &raw mut function, &raw mut is_varlena);
        CStr::from_ptr(pg_sys::OidOutputFunctionCall(function, value)).to_string_lossy().into_owned()
    }
}

/// Whether values of a type, as its input function reads them, hang on the text alone.
pub(super) fn is_read_from_text_alone(type_oid: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up.
    let volatility = unsafe { pg_sys::func_volatile(input_function(type_oid)) };
    u8::try_from(volatility).is_ok_and(|volatility| volatility == pg_sys::PROVOLATILE_IMMUTABLE)
}

/// Whether a type is an enum.
pub fn is_enum(type_oid: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::type_is_enum(type_oid) }
}

/// The type modifier of a table's column; -1 where there is none.
pub fn type_modifier(relation: pg_sys::Oid, attribute: i16) -> i32 {
    let (mut type_oid, mut modifier, mut collation) = (pg_sys::InvalidOid, -1, pg_sys::InvalidOid);
    // SAFETY: a catalog look-up of a column of a table of the plane, and three valid places to write to.
    unsafe {
        pg_sys::get_atttypetypmodcoll(relation, attribute, &raw mut type_oid, &raw mut modifier, &raw mut collation);
    }
    modifier
}

/// Whether there is such a text search configuration.
pub fn is_search_configuration(configuration: pg_sys::Oid) -> bool {
    let cache = const { cache(pg_sys::SysCacheIdentifier::TSCONFIGOID) };
    let none = pg_sys::Datum::from(0);
    // SAFETY: a look-up by the one key of that cache.
    unsafe { pg_sys::SearchSysCacheExists(cache, pg_sys::Datum::from(configuration), none, none, none) }
}

/// (type, modifier) of each column of a descriptor.
///
/// # Safety
/// The descriptor must be valid.
pub(super) unsafe fn column_types(descriptor: pg_sys::TupleDesc) -> Vec<(pg_sys::Oid, i32)> {
    // SAFETY: the caller's promise.
    let count = unsafe { (*descriptor).natts };
    (0..count)
        .map(|index| {
            // SAFETY: the index is in range.
            let attribute = unsafe { attribute(descriptor, index) };
            (attribute.atttypid, attribute.atttypmod)
        })
        .collect()
}

#[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17"))]
pub(super) unsafe fn attribute<'d>(descriptor: pg_sys::TupleDesc, index: i32) -> &'d pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's promise: valid descriptor, index in range.
    unsafe { &*(*descriptor).attrs.as_ptr().add(usize::try_from(index).unwrap_or(0)) }
}

#[cfg(any(feature = "pg18", feature = "pg19"))]
pub(super) unsafe fn attribute<'d>(descriptor: pg_sys::TupleDesc, index: i32) -> &'d pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's promise: valid descriptor, index in range.
    unsafe { &*pg_sys::TupleDescAttr(descriptor, index) }
}
