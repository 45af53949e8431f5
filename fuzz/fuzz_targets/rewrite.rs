//! What becomes of an admitted text: its tokens, and the plane SQL in which it stands as a derived table.
//!
//! The statement that runs is grafted as PostgreSQL's tree, never as text, so the graft itself is the server's
//! (`pg_test/fuzz` and `pg_test/backend`). Here the text that `ask_dry_run` shows is read by the gate again, and must be
//! one query in which every plane relation is read through its fence: an admitted text can leave neither its brackets
//! nor the scope of our WITH.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use splitplane::gate::fuzzing::{admit_deeper, tokens};
use splitplane::gate::{Gated, Limits, RelationReference, admit};
use splitplane_fuzz::{planted, watch};

/// Stands for the schema of the protected tables.
const FENCED: &str = "behind the fence";
/// What the brackets and the FROM around the text take of the parser's recursion, at most.
const LEVELS: usize = 16;

fuzz_target!(init: watch::begin(), |data: &[u8]| watch::unit(data.len(), || {
    let sql = String::from_utf8_lossy(data);
    tokens_stay_tokens(&sql);
    if let Ok(gated) = admit(&sql, &Limits::default()) {
        stays_within(&gated);
    }
}));

/// The text with each token by itself, a blank between, is the same tokens and gets the same answer: what the gate
/// decides hangs on no white space, comment or accident of neighbourhood.
fn tokens_stay_tokens(sql: &str) {
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let Ok(read) = tokens(sql, &limits) else { return };
    let texts: Vec<&str> = read.iter().map(|(_, text)| *text).collect();
    let spaced = texts.join(" ");
    match tokens(&spaced, &limits) {
        Ok(again) => assert_eq!(read, again),
        Err(error) => panic!("no longer tokens: {error}"),
    }
    let answer = |sql: &str| admit(sql, &limits).map(|gated| gated.relations().clone()).map_err(|error| error.kind());
    assert_eq!(answer(sql), answer(&spaced), "the blanks decided");
}

/// Wraps the text as `attach::skeleton` does and sees what the whole names.
fn stays_within(gated: &Gated) {
    let own: BTreeSet<&str> =
        gated.relations().iter().filter(|named| named.schema.is_none()).map(|named| named.name.as_str()).collect();
    let fences: Vec<String> = own
        .iter()
        .map(|name| format!("{0} AS NOT MATERIALIZED (SELECT * FROM \"{FENCED}\".{0} WHERE a = 1)", quoted(name)))
        .collect();
    let with = if fences.is_empty() { String::new() } else { format!("WITH {}\n", fences.join(",\n     ")) };
    let (before, after) = (format!("{with}SELECT * FROM ("), ") AS answer");
    let whole = if planted::is("rewrite") {
        // Semicolons cut off as text, and not by the tokens: wrong where a comment follows one.
        format!("{before}\n{}\n{after}", gated.sql().trim().trim_end_matches(';').trim_end())
    } else {
        gated.within(&before, after)
    };
    let roomy =
        Limits { max_bytes: 1 << 20, max_tokens: 1 << 20, max_operators: 2_000, max_nesting: 64, ..Limits::default() };
    let expected: BTreeSet<RelationReference> = gated
        .relations()
        .iter()
        .map(|named| RelationReference {
            database: named.database.clone(),
            schema: Some(named.schema.clone().unwrap_or_else(|| FENCED.to_owned())),
            name: named.name.clone(),
        })
        .collect();
    match admit_deeper(&whole, &roomy, LEVELS) {
        Ok(wrapped) => assert_eq!(*wrapped.relations(), expected, "a relation past its fence:\n{whole}"),
        Err(error) => panic!("no longer one query: {error} {:?}\n{whole}", error.detail()),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
