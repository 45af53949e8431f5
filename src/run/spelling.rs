//! A name that differs from one of the plane's in the case of its letters alone: PostgreSQL folds what is not in quotes.
//!
//! Callers, and the model that repairs, see an error's message and nothing else of it, so the name that was meant is said there. Only
//! names of the plane are: those that describe() shows.

use crate::catalog::plane::Plane;
use crate::error::{Refusal, State};
use crate::gate::Gated;
use crate::pgx::names::quote_identifier;
use std::collections::BTreeSet;

/// Most names that a message gives.
const MOST_NAMES: usize = 3;

/// The refusal, with the plane's spelling of the name that was not found, if there is one.
pub(super) fn hinted(plane: &Plane, gated: &Gated, mut refusal: Refusal) -> Refusal {
    let Some(name) = missing(&refusal) else { return refusal };
    let relations = gated.relations();
    let names: BTreeSet<&str> = match name {
        Missing::Relation(_) => plane.relations.keys().map(String::as_str).collect(),
        Missing::Column(_) => relations
            .iter()
            .filter_map(|reference| plane.relation(&reference.name))
            .flat_map(|relation| relation.columns.iter().map(|column| column.name.as_str()))
            .collect(),
    };
    let (Missing::Relation(sought) | Missing::Column(sought)) = &name;
    let is_meant = |name: &&str| *name != sought && name.to_lowercase() == sought.to_lowercase();
    let meant: Vec<String> = names.into_iter().filter(is_meant).take(MOST_NAMES).map(quote_identifier).collect();
    if !meant.is_empty() {
        refusal.message = format!("{}; the plane has {}", refusal.message, meant.join(" and "));
    }
    refusal
}

/// What an error says is missing, without its qualification.
enum Missing {
    Relation(String),
    Column(String),
}

fn missing(refusal: &Refusal) -> Option<Missing> {
    let between = |before: &str, after: &str| {
        let name = refusal.message.strip_prefix(before)?.split_once(after)?.0;
        let name = name.trim_matches('"');
        Some(name.rsplit_once('.').map_or(name, |(_, last)| last).trim_matches('"').to_owned())
    };
    if refusal.state == State::UnknownRelation {
        return between("relation \"", "\" is not in the plane").map(Missing::Relation);
    }
    match refusal.state.sqlstate().as_str() {
        "42P01" => between("missing FROM-clause entry for table \"", "\"").map(Missing::Relation),
        "42703" => between("column \"", "\" ").or_else(|| between("column ", " does not exist")).map(Missing::Column),
        _ => None,
    }
}
