//! PostgreSQL's constants in the type that its functions take them in.

use pgrx::pg_sys;
use std::ffi::c_int;

/// A flag or other constant of PostgreSQL as a C int. One that does not fit stops the build where it is used in a constant,
/// as it is everywhere here.
pub(in crate::pgx) const fn c_int(constant: u32) -> c_int {
    assert!(constant <= c_int::MAX as u32);
    constant as c_int
}

/// The number of one of PostgreSQL's caches, as its functions take it. Since 19 it is signed.
#[cfg(not(feature = "pg19"))]
pub(in crate::pgx) const fn cache(identifier: pg_sys::SysCacheIdentifier::Type) -> c_int {
    c_int(identifier)
}

#[cfg(feature = "pg19")]
pub(in crate::pgx) const fn cache(identifier: pg_sys::SysCacheIdentifier::Type) -> c_int {
    identifier
}
