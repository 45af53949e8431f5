//! Functions that make a large value out of small ones in a single step, between two of PostgreSQL's interrupt checks.
//!
//! The watch on memory ends what grows step by step. These grow at once, so their sizes are bounded before they run
//! where they are constants; where they are computed, the watch on memory ends the call right after.

use crate::error::{Refusal, StageResult, State};
use crate::pgx::query::{Call, QueryNode};
use crate::pgx::routines;

/// Longest constant length or count.
const LARGEST: i32 = 100_000;

/// Most digits of a width in the constant format string of `format`.
const WIDTH_DIGITS: usize = 4;

/// Refuses a call whose constant arguments ask for too much.
pub(super) fn check(call: &Call<'_>) -> StageResult<()> {
    match routines::function_name(call.function).as_str() {
        name @ ("repeat" | "lpad" | "rpad") => {
            match call.arguments.get(1).map(|argument| argument.constant_integer()) {
                Some(Some(size)) if size > LARGEST => Err(too_large(name)),
                _ => Ok(()),
            }
        }
        "format" => match call.arguments.first().and_then(|argument| QueryNode::constant_text(*argument)) {
            Some(format) if has_wide_field(&format) => Err(too_large("format")),
            Some(_) => Ok(()),
            None => Err(Refusal::new(
                State::NotAdmitted,
                "format with a format string that is no constant is not admitted in the plane",
            )),
        },
        "array_fill" => match call.arguments.get(1).and_then(|lengths| lengths.constant_integers()) {
            Some(lengths) => {
                let most = i64::from(LARGEST);
                let count = lengths.iter().try_fold(1_i64, |count, length| count.checked_mul(i64::from(*length)));
                let is_small = lengths.iter().all(|length| i64::from(*length) <= most);
                if is_small && count.is_some_and(|count| count <= most) { Ok(()) } else { Err(too_large("array_fill")) }
            }
            None => Err(Refusal::new(
                State::NotAdmitted,
                "array_fill with lengths that are no constants is not admitted in the plane",
            )),
        },
        _ => Ok(()),
    }
}

fn too_large(name: &str) -> Refusal {
    Refusal::new(State::Limit, format!("function \"{name}\" asks for a value that is too large"))
}

/// A width of many digits, or one taken from an argument (`*`).
fn has_wide_field(format: &str) -> bool {
    let mut digits = 0usize;
    let mut after_percent = false;
    for character in format.chars() {
        match character {
            '%' => {
                after_percent = true;
                digits = 0;
            }
            '*' if after_percent => return true,
            '0'..='9' if after_percent => {
                digits += 1;
                if digits > WIDTH_DIGITS {
                    return true;
                }
            }
            '-' | '$' if after_percent => digits = 0,
            _ => after_percent = false,
        }
    }
    false
}
