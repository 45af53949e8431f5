//! PostgreSQL's own functions and types that untrusted SQL may use; read with the plane.

use super::plane::Builtins;
use super::row::oid;
use crate::error::StageResult;
use crate::pgx::spi::read::Lookup;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    static ENTRIES: Lookup = const { Lookup::new(include_str!("functions.sql"), 0) };
}

/// Pseudo-types stand for others in signatures and cannot be written; `regconfig` would look up the catalog.
const NOT_WRITTEN: [&str; 3] = ["any", "record", "regconfig"];

/// Types that an expression may have besides those that may be written: rows of subqueries, and untyped literals.
const EXPRESSION_ONLY: [u32; 3] = [RECORD, RECORD_ARRAY, UNKNOWN];
const RECORD: u32 = 2249;
const RECORD_ARRAY: u32 = 2287;
const UNKNOWN: u32 = 705;

/// The allowlist. Must be called as the extension's owner.
pub fn builtins() -> StageResult<Rc<Builtins>> {
    let (mut functions, mut types, mut collations) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut aggregates, mut type_names, mut collation_names) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut drawing = HashMap::new();
    for row in ENTRIES.with(|lookup| lookup.rows(&[]))? {
        let (kind, name) = (row.first().cloned().flatten(), row.get(2).cloned().flatten().unwrap_or_default());
        let entry = oid(row.get(1))?;
        if kind.as_deref() == Some("aggregate") {
            aggregates.push(name.clone());
        }
        if kind.as_deref() == Some("collation") {
            collations.push(entry);
            collation_names.push(name);
        } else if kind.as_deref() == Some("drawing") {
            drawing.insert(name.clone(), entry);
            names.push(name);
        } else if kind.as_deref() != Some("type") {
            functions.push(entry);
            names.push(name);
        } else {
            types.push(entry);
            if !name.starts_with('_') && !name.starts_with("any") && !NOT_WRITTEN.contains(&name.as_str()) {
                type_names.push(name);
            }
        }
    }
    types.extend(EXPRESSION_ONLY.map(pgrx::pg_sys::Oid::from));
    let builtins = Builtins {
        functions: functions.into_iter().collect(),
        names: names.into_iter().collect(),
        drawing,
        aggregates: aggregates.into_iter().collect(),
        types: types.into_iter().collect(),
        type_names: type_names.into_iter().collect(),
        collations: collations.into_iter().collect(),
        collation_names: collation_names.into_iter().collect(),
    };
    Ok(Rc::new(builtins))
}
