//! Names in the messages of refusals, which are all that callers, and the model that repairs, see of an error.
//!
//! PostgreSQL's words name functions and types as the plane has them. Behind a name that differs from one of the plane's in the case
//! of its letters alone (PostgreSQL folds what is not in quotes), the one that was meant is said. Only names that the plane takes
//! are: those that describe() shows, and behind a schema the tables' own.

use crate::attach;
use crate::catalog::plane::Plane;
use crate::error::{Missing, Refusal, Words};
use crate::gate::Gated;
use crate::pgx::names::quote_identifier;
use std::collections::BTreeSet;

/// Most names that a message gives.
const MOST_NAMES: usize = 3;

/// The refusal, with the plane's spelling of the name that was not found, if there is one.
pub(super) fn hinted(plane: &Plane, gated: &Gated, mut refusal: Refusal) -> Refusal {
    let Some(name) = refusal.missing.clone() else { return refusal };
    let references = gated.relations();
    let names: BTreeSet<(&str, Option<&str>)> = match &name {
        Missing::Relation(sought) => {
            let written = references.iter().filter(|reference| reference.name == *sought);
            let schemas = written.filter_map(|reference| reference.schema.as_deref()).map(Some);
            schemas.chain([None]).flat_map(|schema| relations(plane, schema)).collect()
        }
        Missing::Column(_) => {
            let relations = references.iter().filter_map(|reference| match &reference.schema {
                Some(schema) => plane.qualified(schema, &reference.name),
                None => plane.relation(&reference.name),
            });
            let views = attach::named(plane, references).into_iter();
            relations
                .flat_map(|relation| relation.columns.iter().map(|column| column.name.as_str()))
                .chain(views.flat_map(|view| view.columns.iter().map(|column| column.name.as_str())))
                .map(|name| (name, None))
                .collect()
        }
    };
    let (Missing::Relation(sought) | Missing::Column(sought)) = &name;
    let is_meant = |(name, _): &(&str, _)| *name != sought && name.to_lowercase() == sought.to_lowercase();
    let shown = |(name, schema): (&str, Option<&str>)| match schema {
        Some(schema) => format!("{}.{}", quote_identifier(schema), quote_identifier(name)),
        None => quote_identifier(name),
    };
    let mut meant: Vec<(&str, Option<&str>)> = names.into_iter().filter(is_meant).collect();
    // Of a schema that was written, its own tables are nearest.
    if meant.iter().any(|(_, schema)| schema.is_some()) {
        meant.retain(|(_, schema)| schema.is_some());
    }
    let meant: Vec<String> = meant.into_iter().take(MOST_NAMES).map(shown).collect();
    if !meant.is_empty() {
        refusal.message = format!("{}; the plane has {}", refusal.message, meant.join(" and "));
    }
    refusal
}

/// The relations that can be named without a schema, or those of one, by the names of their tables.
fn relations<'p>(plane: &'p Plane, schema: Option<&'p str>) -> Vec<(&'p str, Option<&'p str>)> {
    let relations = plane.relations.iter().filter(|known| !known.is_hidden);
    match schema {
        None => relations
            .filter(|known| !known.has_lost_name)
            .map(|known| known.name.as_str())
            .chain(plane.views.keys().map(String::as_str))
            .map(|name| (name, None))
            .collect(),
        Some(schema) => {
            relations.filter(|known| known.schema == schema).map(|known| (known.table.as_str(), Some(schema))).collect()
        }
    }
}

/// The refusal with names as the plane has them, where the words are PostgreSQL's. In others a name stands as it was written, or a
/// type of another schema would be known by its changed name.
pub(super) fn as_shown(plane: &Plane, mut refusal: Refusal) -> Refusal {
    if refusal.words == Words::Servers {
        refusal.message = plane.types.in_words(&without_function_schema(plane, &refusal.message));
    }
    refusal
}

/// A function goes without its schema, which the stage `attach` puts before it. PostgreSQL puts quotes around neither, so that only
/// who knows both can tell them apart.
fn without_function_schema(plane: &Plane, message: &str) -> String {
    let unqualified = |schema: &str, name: &str| {
        let rest = message.strip_prefix("function ")?.strip_prefix(schema)?.strip_prefix('.')?;
        rest.strip_prefix(name)?.starts_with('(').then(|| format!("function {rest}"))
    };
    let allowed = plane.allowed.iter().map(|function| (function.schema.as_str(), function.name.as_str()));
    let built_in = plane.builtins.names.iter().map(|name| ("pg_catalog", name));
    allowed.chain(built_in).find_map(|(schema, name)| unqualified(schema, name)).unwrap_or_else(|| message.to_owned())
}
