//! How long a regular expression may be, and how often it may look around.

use crate::error::{Refusal, State};

/// Longest regular expression, in bytes.
pub const LONGEST_PATTERN: i32 = 4 * 1_024;

/// How often a regular expression looks around: each time it may read the whole text again at each of its letters.
pub fn looks_around(pattern: &str) -> usize {
    ["(?=", "(?!", "(?<=", "(?<!"].iter().map(|look| pattern.matches(look).count()).sum()
}

/// What is wrong with a regular expression that is `most` times to look around at most.
///
/// # Errors
/// 53400.
pub fn check_pattern(pattern: &str, most: usize) -> Result<(), Refusal> {
    if i32::try_from(pattern.len()).is_ok_and(|length| length <= LONGEST_PATTERN) && looks_around(pattern) <= most {
        return Ok(());
    }
    let said = if looks_around(pattern) > most { "looks around too often" } else { "is too long" };
    Err(Refusal::new(State::Limit, format!("a regular expression {said}")))
}
