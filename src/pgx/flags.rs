//! PostgreSQL's constants in the type that its functions take them in.

use std::ffi::c_int;

/// A flag or other constant of PostgreSQL as a C int. One that does not fit stops the build where it is used in a constant,
/// as it is everywhere here.
pub(in crate::pgx) const fn c_int(constant: u32) -> c_int {
    assert!(constant <= c_int::MAX as u32);
    constant as c_int
}
