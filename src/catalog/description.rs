//! `describe()` in parts, for a prompt that holds only those that matter.
//!
//! Read anew each time: a comment can change without anything telling the plane.

use super::load::{text, unreadable};
use super::questions::texts;
use crate::error::StageResult;
use crate::pgx::lookup::Lookup;

/// One table or function of the plane, as a model is shown it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its plane name.
    pub name: String,
    /// What `describe()` says of it.
    pub text: String,
    /// Plane names that its foreign keys refer to, beside its own.
    pub refers_to: Vec<String>,
}

thread_local! {
    static PARTS: Lookup = const { Lookup::new(PARTS_SQL, 0) };
}

const PARTS_SQL: &str = "SELECT p.name, p.text, pg_catalog.to_json(p.refers_to)::pg_catalog.text \
     FROM splitplane._describe_parts() AS p";

/// The parts in the order of `describe()`. Must be called as the extension's owner.
pub fn parts() -> StageResult<Vec<Part>> {
    PARTS
        .with(|lookup| lookup.rows(&[]))?
        .iter()
        .map(|row| {
            let [name, description, refers_to] = row.as_slice() else { return Err(unreadable()) };
            Ok(Part { name: text(name)?, text: text(description)?, refers_to: texts(refers_to)? })
        })
        .collect()
}
