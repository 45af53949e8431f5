//! Calls of our own functions that are put around expressions.

use pgrx::pg_sys;

/// A call to be put around an expression: `function(expression)` or `function(expression, number)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapper {
    /// One that hands its first argument on, or gives a value next to it.
    pub function: pg_sys::Oid,
    pub(super) second: Option<Second>,
}

/// The second argument of such a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    Integer(i32),
    Bigint(i64),
}

impl Wrapper {
    /// `function(expression)`.
    pub fn of(function: pg_sys::Oid) -> Self {
        Wrapper { function, second: None }
    }

    /// `function(expression, most)`, an `integer`.
    pub fn with_most(function: pg_sys::Oid, most: i32) -> Self {
        Wrapper { function, second: Some(Second::Integer(most)) }
    }

    /// `function(expression, by)`, a `bigint`.
    pub fn with_distance(function: pg_sys::Oid, by: i64) -> Self {
        Wrapper { function, second: Some(Second::Bigint(by)) }
    }
}
