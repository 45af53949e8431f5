//! `splitplane.drawn()`: what `random()` gives, out of the system's source instead of a generator with a state.
//!
//! The state of PostgreSQL's generator belongs to the session. Out of a few numbers it can be computed, and with it what came
//! before and what will come, for whoever shares the connection; and how many numbers were drawn in between.

use super::interface::exported;
use crate::error::Refusal;
use crate::numbers::fraction;
use crate::pgx::pg_try::raise;
use pgrx::{IntoDatum, pg_guard, pg_sys};

exported!(drawn = drawn_wrapper);

/// `drawn() RETURNS double precision`: at least 0, and less than 1.
#[pg_guard]
unsafe extern "C-unwind" fn drawn_wrapper(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    match getrandom::u64() {
        Ok(bits) => fraction(bits).into_datum().unwrap_or(pg_sys::Datum::from(0)),
        Err(error) => raise(Refusal::internal(format!("the system gives no random numbers: {error}"))),
    }
}
