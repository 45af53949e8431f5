//! Tests of the gate: honest queries, refusals, the lexer against scan.l, the caps in a debug build, and scoping.

mod caps;
mod disagreements;
mod honest;
mod honest_forms;
mod honest_shapes;
mod lexing;
mod random;
mod refusals;
mod scoping;
mod shapes;
mod unreadable;
mod words;

use super::{GateError, GateErrorKind, Gated, Limits, admit};

/// Admits with the default limits.
fn admitted(sql: &str) -> Result<Gated, GateError> {
    admit(sql, &Limits::default())
}

/// The relations of an admitted query, as `a public.b`, in order.
fn relations(sql: &str) -> Result<String, GateError> {
    let gated = admitted(sql)?;
    assert_eq!(gated.sql(), sql, "the text must come out as it went in");
    let names: Vec<String> = gated
        .relations()
        .iter()
        .map(|relation| {
            let parts = [relation.database.as_deref(), relation.schema.as_deref(), Some(relation.name.as_str())];
            parts.into_iter().flatten().collect::<Vec<_>>().join(".")
        })
        .collect();
    Ok(names.join(" "))
}

/// The kind of refusal, or none.
fn refused(sql: &str) -> Option<GateErrorKind> {
    admitted(sql).err().map(|error| error.kind())
}

/// Checks a table of queries and the relations they must be seen to name; reports all failures at once.
fn check(cases: &[(&str, &str)]) {
    let mut failures = String::new();
    for (sql, expected) in cases {
        match relations(sql) {
            Ok(found) if found == *expected => {}
            Ok(found) => failures.push_str(&format!("{sql}\n    names [{found}], not [{expected}]\n")),
            Err(error) => failures.push_str(&format!("{sql}\n    {error} ({:?})\n", error.detail())),
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}
