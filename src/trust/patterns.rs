//! Regular expressions and JSON paths: how much text one of them may read.
//!
//! A pattern that PostgreSQL compiles to a small automaton reads a text once. A long one makes an automaton that no longer
//! fits its cache of states, and one that looks around may read the whole text again at each of its letters.

use super::cost::{COMPARED, Cost, FACTOR, SUBJECT, TINY};
use crate::error::StageResult;
use crate::pgx::query::QueryNode;
use crate::pgx::routines;
use crate::texts::{check_pattern, looks_around};

/// How often a pattern that the statement spells out may look around.
const LOOKS: usize = 4;

/// Bytes of text that a pattern which looks around may read.
const LOOKED_AT: i32 = 8 * 1_024;

/// What a pattern demands of the call that it is part of.
pub(super) struct Demand {
    /// The largest that the text may be, in bytes.
    pub most: i32,
    /// Up to which estimated size the text is not measured.
    pub free: u64,
    /// Whether the pattern itself is seen only when the statement runs.
    pub is_unseen: bool,
}

/// The text of a pattern that the statement spells out; of SIMILAR TO the one that is turned into a regular expression, in which
/// each letter may become two and nothing looks around.
fn spelled_out(pattern: QueryNode<'_>) -> Option<String> {
    let turned = || {
        let operation = pattern.operations().into_iter().next()?;
        let is_turned = SIMILAR.contains(&routines::function_name(operation.function).as_str());
        let parts: Option<Vec<String>> =
            operation.arguments.iter().filter(|_| is_turned).map(|part| part.constant_as_text()).collect();
        parts.and_then(|parts| parts.into_iter().next()).map(|text| text.repeat(2))
    };
    pattern.constant_as_text().or_else(turned)
}

/// Functions that turn a pattern of SIMILAR TO into a regular expression.
const SIMILAR: [&str; 2] = ["similar_to_escape", "similar_escape"];

/// Reads the pattern. `is_list`: it is an array of patterns.
///
/// # Errors
/// 53400 for one that is too long or looks around too often.
pub(super) fn demand(pattern: QueryNode<'_>, is_list: bool) -> StageResult<Demand> {
    let free = Cost::Pattern.free();
    let Some(text) = spelled_out(pattern) else {
        return Ok(Demand { most: if is_list { FACTOR } else { SUBJECT }, free, is_unseen: !pattern.is_null() });
    };
    check_pattern(&text, if is_list { 0 } else { LOOKS })?;
    let seen = |most, free| Ok(Demand { most, free, is_unseen: false });
    // Two lists of a JSON value that are compared with one another are as many comparisons as their lengths multiplied.
    let compares_lists = pattern.is_json_path() && text.matches(['$', '@']).count() > 1;
    if compares_lists {
        seen(SUBJECT, Cost::Read.free())
    } else if is_list {
        seen(FACTOR, free)
    } else if looks_around(&text) > 0 {
        seen(LOOKED_AT, free)
    } else if u64::try_from(text.len()).is_ok_and(|length| length <= TINY) {
        seen(COMPARED, Cost::Read.free())
    } else {
        seen(SUBJECT, free)
    }
}
