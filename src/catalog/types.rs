//! Enums and domains of the plane's columns, and those that they are made of, and types of allowed extensions, which it
//! knows by bare names.
//!
//! PostgreSQL writes them with their schema, since none is on the confined section's search path.

use super::row::{oid, text, unreadable};
use crate::error::{Refusal, StageResult, State};
use crate::pgx::names;
use crate::pgx::spi::read::Lookup;
use pgrx::pg_sys::{self, Oid};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

thread_local! {
    static TYPES: Lookup = const { Lookup::new(TYPES_SQL, 0) };
}

const TYPES_SQL: &str = "SELECT t.type::pg_catalog.text, t.schema, t.name, t.shown, t.is_writable::pg_catalog.text, \
     t.is_visible::pg_catalog.text, t.of_extension::pg_catalog.text FROM splitplane._plane_types() AS t";

/// A type of a column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaneType {
    /// The type.
    pub oid: Oid,
    /// How it is shown: by its name, or as the type of a column, quoted as in SQL.
    shown: String,
    /// Whether a cast may name it.
    is_writable: bool,
}

/// All of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlaneTypes {
    /// By name, unquoted; those alone that a cast may name.
    writable: HashMap<String, PlaneType>,
    /// (as PostgreSQL writes it with its schema, as it is shown), the longest first.
    spellings: Vec<(String, String)>,
    /// Those of extensions, by (schema, name), unquoted.
    of_extensions: HashMap<(String, String), Oid>,
    /// All, to watch.
    all: Vec<Oid>,
    /// Those of columns that untrusted SQL may name.
    visible: Vec<Oid>,
}

impl PlaneTypes {
    /// The type that a name in a cast means.
    pub fn named(&self, name: &str) -> Option<&PlaneType> {
        self.writable.get(name)
    }

    /// The type of an extension that a name with its schema in a cast means.
    pub fn of_extension(&self, schema: &str, name: &str) -> Option<Oid> {
        self.of_extensions.get(&(schema.to_owned(), name.to_owned())).copied()
    }

    /// Whether a value may be converted to this type by a cast.
    pub fn is_writable(&self, type_oid: Oid) -> bool {
        self.writable.values().any(|known| known.oid == type_oid)
    }

    /// All of them.
    pub fn oids(&self) -> &[Oid] {
        &self.all
    }

    /// Those whose values a query can meet: what a column's domain is over, and the elements of its array, are among them.
    pub fn visible(&self) -> &[Oid] {
        &self.visible
    }

    /// A text of PostgreSQL's in which types of the plane go by the names that they are shown by.
    pub fn renamed(&self, text: &str) -> String {
        self.spellings.iter().fold(text.to_owned(), |text, (written, shown)| replaced(&text, written, shown))
    }

    /// A type's name, as it is shown.
    pub fn shown(&self, type_oid: Oid) -> String {
        self.renamed(&names::type_name(type_oid))
    }

    /// The refusal of a type that the caller did not write, but met in a function's argument or result. Its name says something
    /// only where it is PostgreSQL's own or one of the plane.
    pub fn outside(&self, type_oid: Oid) -> Refusal {
        let shown = self.shown(type_oid);
        if type_oid.to_u32() < pg_sys::FirstNormalObjectId || !shown.contains('.') {
            return Refusal::type_name(&shown);
        }
        Refusal::new(State::OutsidePlane, "a value is of a type that is not in the plane").with_detail(shown)
    }

    /// A text of PostgreSQL's about the caller's statement, in which types go by the names that they are shown by.
    pub fn in_words(&self, text: &str) -> String {
        without_enum(self.renamed(text))
    }
}

/// What is no label of an enum outside the plane says nothing of the enum.
fn without_enum(message: String) -> String {
    const BEFORE: &str = "invalid input value for enum ";
    let rest = message.strip_prefix(BEFORE).and_then(|rest| rest.split_once(": \""));
    match rest {
        Some((name, value)) if name.contains('.') && !name.contains('%') => {
            format!("{BEFORE}outside the plane: \"{value}")
        }
        _ => message,
    }
}

/// Each `written` that is no part of a longer name becomes `shown`.
fn replaced(text: &str, written: &str, shown: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '.');
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(written) {
        let is_whole = !after.starts_with(is_part) && !before.ends_with(is_part);
        result.push_str(before);
        result.push_str(if is_whole { shown } else { written });
        rest = after;
    }
    result.push_str(rest);
    result
}

/// Reads them. Must be called as the owner.
pub(super) fn load() -> StageResult<PlaneTypes> {
    let mut types = PlaneTypes::default();
    for row in TYPES.with(|lookup| lookup.rows(&[]))? {
        let [type_oid, schema, name, shown, is_writable, is_visible, of_extension] = row.as_slice() else {
            return Err(unreadable());
        };
        let (name, known) = (
            text(name)?,
            PlaneType {
                oid: oid(Some(type_oid))?,
                shown: text(shown)?,
                is_writable: is_writable.as_deref() == Some("true"),
            },
        );
        let written = [&text(schema)?, &name].map(|part| names::quote_identifier(part)).join(".");
        types.all.push(known.oid);
        if is_visible.as_deref() == Some("true") {
            types.visible.push(known.oid);
        }
        if of_extension.as_deref() == Some("true") {
            types.of_extensions.insert((text(schema)?, name.clone()), known.oid);
        }
        types.spellings.push((written, known.shown.clone()));
        if known.is_writable {
            types.writable.insert(name, known);
        }
    }
    types.spellings.sort_by_key(|(written, _)| std::cmp::Reverse(written.len()));
    Ok(types)
}
