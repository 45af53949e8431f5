//! A name that differs from one of the plane's in the case of its letters alone: PostgreSQL folds what is not in quotes.
//!
//! Callers, and the model that repairs, see an error's message and nothing else of it, so the name that was meant is said there. Only
//! names of the plane are: those that describe() shows.

use crate::catalog::plane::Plane;
use crate::error::{Refusal, State};
use crate::gate::Gated;
use crate::pgx::names::quote_identifier;
use crate::pgx::server_errors::{self, Missing};
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

fn missing(refusal: &Refusal) -> Option<Missing> {
    match (refusal.relation_outside(), refusal.state) {
        (Some(name), _) => Some(Missing::Relation(name.rsplit_once('.').map_or(name, |(_, last)| last).to_owned())),
        (None, State::Server(code)) => server_errors::missing(code, &refusal.message),
        _ => None,
    }
}
