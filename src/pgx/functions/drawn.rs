//! `splitplane.drawn()`: what `random()` gives, out of the system's source instead of a generator with a state.
//!
//! The state of PostgreSQL's generator belongs to the session. Out of a few numbers it can be computed, and with it what came
//! before and what will come, for whoever shares the connection; and how many numbers were drawn in between.

use super::version_1::version_1;
use crate::error::Refusal;
use crate::pgx::pg_try::raise;
use pgrx::{IntoDatum, pg_guard, pg_sys};

version_1!(pg_finfo_drawn_wrapper);

/// The digits of a double's significand.
const DIGITS: u32 = 53;

/// `drawn() RETURNS double precision`: at least 0, and less than 1.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn drawn_wrapper(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    match getrandom::u64() {
        Ok(bits) => fraction(bits).into_datum().unwrap_or(pg_sys::Datum::from(0)),
        Err(error) => raise(Refusal::internal(format!("the system gives no random numbers: {error}"))),
    }
}

/// The highest bits as the digits behind the point.
fn fraction(bits: u64) -> f64 {
    // Both are exact: no more digits than a double has, and a power of two.
    #[allow(clippy::cast_precision_loss)]
    let digits = (bits >> (u64::BITS - DIGITS)) as f64;
    #[allow(clippy::cast_precision_loss)]
    let scale = (1_u64 << DIGITS) as f64;
    digits / scale
}

#[cfg(test)]
mod tests {
    use super::fraction;

    #[test]
    fn stays_below_one() {
        assert_eq!(fraction(0), 0.0);
        assert!(fraction(u64::MAX) < 1.0);
        assert_eq!(fraction(1 << 63), 0.5);
        assert!(fraction(u64::MAX) > fraction(u64::MAX - (1 << 11)));
    }
}
