//! Limits on texts that a statement hands to PostgreSQL: regular expressions, names of time zones, dates.
//!
//! What the statement spells out is checked before analysis and before the proof; what it makes while it runs, by the functions
//! of pgx/functions/checked.rs, which are given the same checks.

mod patterns;
mod zones;

pub use patterns::{LONGEST_PATTERN, check_pattern, looks_around};
#[cfg(feature = "pg_test")]
pub(crate) use zones::foreign_zone;
pub use zones::{Reading, check_date, check_json, check_zone, is_foreign_as_time, is_zone};
