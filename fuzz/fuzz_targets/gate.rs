//! SQL text to the gate's answer: no text makes it panic, recurse too deep, take long or take much memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use splitplane::gate::{GateErrorKind, Limits, admit};
use splitplane_fuzz::{planted, watch};

/// The longest sentence of constants, with the longest quotation of the caller's text.
const LONGEST_MESSAGE: usize = 512;

fuzz_target!(init: watch::begin(), |data: &[u8]| watch::unit(data.len(), || {
    // As the server does it: what is not UTF-8 never reaches the gate, but its parts do.
    let sql = String::from_utf8_lossy(data);
    answer(&sql, &Limits::default());
    // An administrator may raise the bytes, and only those (splitplane.max_sql_bytes).
    answer(&sql, &Limits { max_bytes: 1 << 20, ..Limits::default() });
    answer(&sql, &tight());
}));

/// Caps so low that texts of a fuzzer meet each of them.
fn tight() -> Limits {
    Limits {
        max_bytes: 4_096,
        max_tokens: 64,
        max_operators: 6,
        max_set_arms: 2,
        max_joins: 2,
        max_nesting: 4,
        max_comment_nesting: 2,
        max_operator_run: 8,
        max_identifier: 16,
        major: 18,
    }
}

fn answer(sql: &str, limits: &Limits) {
    let answer = admit(sql, limits);
    match &answer {
        Ok(gated) => {
            let kept = if planted::is("gate") { sql.trim() } else { sql };
            assert_eq!(gated.sql(), kept, "an admitted text comes out as it went in");
            assert!(sql.len() <= limits.max_bytes, "longer than admitted");
            for relation in gated.relations() {
                for name in [Some(&relation.name), relation.schema.as_ref()].into_iter().flatten() {
                    assert!((1..=63).contains(&name.len()), "no name that PostgreSQL keeps: {name:?}");
                    assert!(!name.contains('\0'));
                }
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
            assert!(!message.is_empty() && message.len() <= LONGEST_MESSAGE, "{message:?}");
            assert!(sql.len() <= limits.max_bytes || error.kind() == GateErrorKind::TooLong);
        }
    }
    assert_eq!(answer, admit(sql, limits), "two answers to one text");
}
