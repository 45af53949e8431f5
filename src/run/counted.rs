//! What pg_stat_statements is given of a statement where `splitplane.track_statements` is on: a text of our own making and its number.
//!
//! The module stores the text that a statement comes with as it is where it has no entry of its number, such as after a reset. So
//! the statement comes with this one, in which nothing is of its writer's choosing: names of the plane, which a DBA gave, and a
//! hash over the statement's shape.

use super::limits;
use crate::catalog::plane::Plane;
use crate::gate::Gated;
use crate::pgx::names::quote_identifier;
use crate::pgx::section::pin::Setting;
use crate::pgx::server;
use crate::prove::ProofFacts;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::num::NonZeroU64;

/// What decides which statements the module counts.
const TRACK: &CStr = c"pg_stat_statements.track";

/// A statement as it is counted.
pub(super) struct Counted {
    pub(super) text: String,
    /// The number by which the module knows it.
    pub(super) number: NonZeroU64,
}

impl Counted {
    /// Of a proved statement.
    pub(super) fn of(gated: &Gated, facts: &ProofFacts, plane: &Plane) -> Self {
        let relations: BTreeSet<&str> = facts.relations.iter().map(String::as_str).collect();
        let columns: BTreeSet<&str> = relations
            .iter()
            .filter_map(|name| plane.relations.get(name))
            .flat_map(|relation| relation.columns.iter().map(|column| column.name.as_str()))
            .chain(
                relations
                    .iter()
                    .filter_map(|name| plane.views.get(*name))
                    .flat_map(|view| view.columns.iter().map(|column| column.name.as_str())),
            )
            .collect();
        let is_known = |name: &str| relations.contains(name) || columns.contains(name) || is_of_plane(name, plane);
        let mut hash = Sha256::new();
        for name in &relations {
            hash.update(name.as_bytes());
            hash.update([0]);
        }
        // The gate admitted the text under the same limits.
        hash.update(gated.shape(&limits::limits(), is_known).unwrap_or_default().as_bytes());
        let digest = hash.finalize();
        let [one, two, three, four, five, six, seven, eight, ..] = <[u8; 32]>::from(digest);
        let number = u64::from_be_bytes([one, two, three, four, five, six, seven, eight]);
        let number = NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN);
        let over = match relations.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "nothing".to_owned(),
            names => names,
        };
        Counted { text: format!("/* splitplane */ SELECT over {over} (fingerprint {number:016x})"), number }
    }
}

/// Whether it is a name that the plane has for a function or type.
fn is_of_plane(name: &str, plane: &Plane) -> bool {
    plane.builtins.names.contains(name)
        || plane.builtins.drawing.contains_key(name)
        || plane.builtins.type_names.contains(name)
        || plane.types.named(name).is_some()
        || plane.extensions.has_function(None, name)
        || plane.allowed.iter().any(|function| function.name == name)
}

/// The setting under which the module counts statements within functions, such as one of a call. Whoever switched it off is left
/// alone.
pub(super) fn setting() -> Option<Setting> {
    (server::option(TRACK).as_deref() == Some("top")).then_some((TRACK, Cow::Borrowed(c"all")))
}
