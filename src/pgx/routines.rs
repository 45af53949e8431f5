//! Functions and operators of the catalog.

use super::flags::cache;
use pgrx::pg_sys;
use std::ffi::CStr;

/// A row of a catalog cache, held for as long as this lives.
struct CachedRow(pg_sys::HeapTuple);

impl CachedRow {
    /// `None` for NULL.
    ///
    /// # Safety
    /// What a look-up in a catalog cache just gave.
    unsafe fn held(row: pg_sys::HeapTuple) -> Option<Self> {
        (!row.is_null()).then_some(CachedRow(row))
    }
}

impl Drop for CachedRow {
    fn drop(&mut self) {
        // While an ERROR unwinds, the transaction's abort lets it go.
        if !std::thread::panicking() {
            // SAFETY: the row of a look-up, let go once.
            unsafe { pg_sys::ReleaseSysCache(self.0) };
        }
    }
}

/// The function behind an operator.
pub fn operator_function(operator: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_opcode(operator) }
}

/// Whether a function is marked LEAKPROOF.
pub fn is_leakproof(function: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up, for which there must be such a function.
    function != pg_sys::InvalidOid && unsafe { pg_sys::get_func_leakproof(function) }
}

/// The type of a function's only argument; `None` where there are more or there is no such function.
pub fn only_argument(function: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let cache = const { cache(pg_sys::SysCacheIdentifier::PROCOID) };
    // SAFETY: a look-up by the one key of that cache; the row is read before it is let go, and has as many types as it says.
    unsafe {
        let row = CachedRow::held(pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function)))?;
        let entry = pg_sys::GETSTRUCT(row.0).cast::<pg_sys::FormData_pg_proc>();
        ((*entry).pronargs == 1).then(|| *(*entry).proargtypes.values.as_ptr())
    }
}

/// Whether a function is SECURITY DEFINER; one that is not there counts as such.
pub fn runs_as_owner(function: pg_sys::Oid) -> bool {
    let cache = const { cache(pg_sys::SysCacheIdentifier::PROCOID) };
    // SAFETY: a look-up by the one key of that cache; the row is read before it is let go.
    unsafe {
        CachedRow::held(pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function)))
            .is_none_or(|row| (*pg_sys::GETSTRUCT(row.0).cast::<pg_sys::FormData_pg_proc>()).prosecdef)
    }
}

/// Whether a function is the handler of an access method, which opening a table or an index may look up.
pub(super) fn is_access_method(function: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up, for which there must be such a function.
    let result = unsafe { pg_sys::get_func_rettype(function) };
    matches!(result, pg_sys::TABLE_AM_HANDLEROID | pg_sys::INDEX_AM_HANDLEROID)
}

/// The function `name` of one argument in a schema.
pub(super) fn function_named(schema: pg_sys::Oid, name: &CStr, argument: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let cache = const { cache(pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP) };
    // SAFETY: a look-up by the three keys of that cache; the vector lives until it is over.
    unsafe {
        let arguments = pg_sys::buildoidvector(&raw const argument, 1);
        let row = CachedRow::held(pg_sys::SearchSysCache3(
            cache,
            pg_sys::Datum::from(name.as_ptr()),
            pg_sys::Datum::from(arguments),
            pg_sys::Datum::from(schema),
        ));
        row.map(|row| (*pg_sys::GETSTRUCT(row.0).cast::<pg_sys::FormData_pg_proc>()).oid)
    }
}

/// Whether a function has that name in that schema.
pub(super) fn is_named(function: pg_sys::Oid, schema: &CStr, name: &CStr) -> bool {
    // SAFETY: catalog look-ups of NUL-terminated names; InvalidOid where there is none.
    let home = unsafe { (pg_sys::get_namespace_oid(schema.as_ptr(), true), pg_sys::get_func_namespace(function)) };
    home.0 != pg_sys::InvalidOid && home.0 == home.1 && name.to_str() == Ok(function_name(function).as_str())
}

/// An operator's name without its schema; empty for an unknown one.
pub fn operator_name(operator: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up that gives NULL or a NUL-terminated string.
    let name = unsafe { pg_sys::get_opname(operator) };
    if name.is_null() {
        return String::new();
    }
    // SAFETY: checked for NULL.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
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
