//! Claims as typed parameters, and types and names of the catalog.

use crate::error::{Refusal, StageResult, State};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

struct Parameter {
    type_oid: pg_sys::Oid,
    /// Value and its text; `None` is NULL.
    value: Option<(pg_sys::Datum, String)>,
}

impl Parameter {
    fn text(&self) -> Option<&str> {
        self.value.as_ref().map(|(_, text)| text.as_str())
    }
}

/// The parameters of one statement: types and values in order of their numbers.
#[derive(Default)]
pub struct Parameters {
    values: Vec<Parameter>,
}

impl Parameters {
    /// Adds a value of `type_oid` given as text and returns its number, from 1. An equal one is used again.
    ///
    /// A text that the type does not accept is PostgreSQL's own error, of class 22.
    pub fn add(&mut self, type_oid: pg_sys::Oid, text: String) -> StageResult<usize> {
        if let Some(number) = self.known(type_oid, Some(&text)) {
            return Ok(number);
        }
        if text.contains('\0') {
            return Err(Refusal::new(State::Argument, "a claim holds a zero byte"));
        }
        let datum = from_text(type_oid, &text);
        self.values.push(Parameter { type_oid, value: Some((datum, text)) });
        Ok(self.values.len())
    }

    /// Adds a NULL of `type_oid` and returns its number, from 1. An equal one is used again.
    pub fn add_null(&mut self, type_oid: pg_sys::Oid) -> usize {
        self.known(type_oid, None).unwrap_or_else(|| {
            self.values.push(Parameter { type_oid, value: None });
            self.values.len()
        })
    }

    fn known(&self, type_oid: pg_sys::Oid, text: Option<&str>) -> Option<usize> {
        let index = self.values.iter().position(|known| known.type_oid == type_oid && known.text() == text);
        index.map(|index| index + 1)
    }

    /// The types in order.
    pub fn types(&self) -> Vec<pg_sys::Oid> {
        self.values.iter().map(|parameter| parameter.type_oid).collect()
    }

    /// (type name, value as text) in order, for `ask_dry_run`.
    pub fn shown(&self, name: impl Fn(pg_sys::Oid) -> String) -> Vec<(String, String)> {
        self.values
            .iter()
            .map(|parameter| (name(parameter.type_oid), parameter.text().unwrap_or("NULL").to_owned()))
            .collect()
    }

    /// PostgreSQL's form; every value is a constant for the planner.
    pub(super) fn bound(&self) -> pg_sys::ParamListInfo {
        let count = i32::try_from(self.values.len()).unwrap_or(0);
        // SAFETY: makeParamList allocates `count` entries after the header.
        let list = unsafe { pg_sys::makeParamList(count) };
        // SAFETY: as above.
        let entries = unsafe { (*list).params.as_mut_slice(self.values.len()) };
        for (entry, parameter) in entries.iter_mut().zip(&self.values) {
            entry.value = parameter.value.as_ref().map_or(pg_sys::Datum::from(0), |(datum, _)| *datum);
            entry.isnull = parameter.value.is_none();
            entry.pflags = u16::try_from(pg_sys::PARAM_FLAG_CONST).unwrap_or(1);
            entry.ptype = parameter.type_oid;
        }
        list
    }
}

/// A PostgreSQL array literal of the values.
pub fn array_literal(values: &[String]) -> String {
    let mut literal = String::from("{");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            literal.push(',');
        }
        literal.push('"');
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

/// The array type of a type, or `None`.
pub fn array_type(element: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a catalog look-up.
    let found = unsafe { pg_sys::get_array_type(element) };
    (found != pg_sys::InvalidOid).then_some(found)
}

/// The element type of an array type, or `None`.
pub fn element_type(array: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a catalog look-up.
    let found = unsafe { pg_sys::get_element_type(array) };
    (found != pg_sys::InvalidOid).then_some(found)
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
    loop {
        // SAFETY: catalog look-ups.
        let inner = unsafe {
            [
                pg_sys::get_element_type(known),
                pg_sys::get_range_subtype(known),
                pg_sys::get_multirange_range(known),
                pg_sys::getBaseType(known),
            ]
        };
        match inner.into_iter().find(|inner| *inner != pg_sys::InvalidOid && *inner != known) {
            Some(inner) => known = inner,
            None => return known,
        }
    }
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

/// The equality operator that PostgreSQL's own type cache gives for a type.
pub fn equality_operator(type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let flags = i32::try_from(pg_sys::TYPECACHE_EQ_OPR).unwrap_or(1);
    // SAFETY: a type cache look-up; entries are never freed.
    let entry = unsafe { pg_sys::lookup_type_cache(type_oid, flags).as_ref() }?;
    (entry.eq_opr != pg_sys::InvalidOid).then_some(entry.eq_opr)
}

/// The function by which values of a type are put in order (GREATEST, LEAST), or `None`.
pub fn comparison_function(type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let flags = i32::try_from(pg_sys::TYPECACHE_CMP_PROC).unwrap_or(8);
    // SAFETY: a type cache look-up; entries are never freed.
    let entry = unsafe { pg_sys::lookup_type_cache(type_oid, flags).as_ref() }?;
    (entry.cmp_proc != pg_sys::InvalidOid).then_some(entry.cmp_proc)
}

/// Whether a function is marked LEAKPROOF.
pub fn is_leakproof(function: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up, for which there must be such a function.
    function != pg_sys::InvalidOid && unsafe { pg_sys::get_func_leakproof(function) }
}

/// The function behind an operator.
pub fn operator_function(operator: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_opcode(operator) }
}

/// The function that reads values of a type from text.
pub fn input_function(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    input(type_oid).0
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

/// Whether a type is an enum.
pub fn is_enum(type_oid: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::type_is_enum(type_oid) }
}

/// The function `name` of one argument in a schema.
pub(super) fn function_named(schema: pg_sys::Oid, name: &CStr, argument: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let cache = i32::try_from(pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP).unwrap_or(-1);
    // SAFETY: a look-up by the three keys of that cache; the vector lives until it is over.
    unsafe {
        let arguments = pg_sys::buildoidvector(&raw const argument, 1);
        let row = pg_sys::SearchSysCache3(
            cache,
            pg_sys::Datum::from(name.as_ptr()),
            pg_sys::Datum::from(arguments),
            pg_sys::Datum::from(schema),
        );
        if row.is_null() {
            return None;
        }
        let function = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>()).oid;
        pg_sys::ReleaseSysCache(row);
        Some(function)
    }
}

/// A type's name as SQL spells it.
pub fn type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: gives a NUL-terminated string, "???" for an unknown type.
    let name = unsafe { CStr::from_ptr(pg_sys::format_type_be(type_oid)) };
    name.to_string_lossy().into_owned()
}

/// A function's name without its schema; empty for an unknown one.
pub fn function_name(function: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up that gives NULL or a NUL-terminated string.
    let name = unsafe { pg_sys::get_func_name(function) };
    if name.is_null() {
        return String::new();
    }
    // SAFETY: checked for NULL.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// Whether a function is SECURITY DEFINER; one that is not there counts as such.
pub fn runs_as_owner(function: pg_sys::Oid) -> bool {
    let cache = i32::try_from(pg_sys::SysCacheIdentifier::PROCOID).unwrap_or(-1);
    // SAFETY: a look-up by the one key of that cache; the row is read before it is let go.
    unsafe {
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if row.is_null() {
            return true;
        }
        let is_definer = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>()).prosecdef;
        pg_sys::ReleaseSysCache(row);
        is_definer
    }
}

/// The type modifier of a table's column; -1 where there is none.
pub fn type_modifier(relation: pg_sys::Oid, attribute: i16) -> i32 {
    let (mut type_oid, mut modifier, mut collation) = (pg_sys::InvalidOid, -1, pg_sys::InvalidOid);
    // SAFETY: a catalog look-up of a column of a table of the plane.
    unsafe {
        pg_sys::get_atttypetypmodcoll(relation, attribute, &raw mut type_oid, &raw mut modifier, &raw mut collation);
    }
    modifier
}

/// Whether there is such a text search configuration.
pub fn is_search_configuration(configuration: pg_sys::Oid) -> bool {
    let cache = i32::try_from(pg_sys::SysCacheIdentifier::TSCONFIGOID).unwrap_or(-1);
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
unsafe fn attribute<'d>(descriptor: pg_sys::TupleDesc, index: i32) -> &'d pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's promise: valid descriptor, index in range.
    unsafe { &*(*descriptor).attrs.as_ptr().add(usize::try_from(index).unwrap_or(0)) }
}

#[cfg(feature = "pg18")]
unsafe fn attribute<'d>(descriptor: pg_sys::TupleDesc, index: i32) -> &'d pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's promise: valid descriptor, index in range.
    unsafe { &*pg_sys::TupleDescAttr(descriptor, index) }
}
