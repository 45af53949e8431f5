//! A plane that one backend has derived, for the others: as bytes in shared memory.
//!
//! They are taken as long as no transaction that changed something of what they were made from has committed, and if the catalog's
//! rows are what they were; those of a relation are looked at when a statement names it. What a backend must do itself is left out:
//! loading the libraries of allowed extensions, and the settings of the database, which no cache of PostgreSQL's holds.

use super::own_functions::{ComparisonFunctions, MomentFunctions, PolicyFunctions};
use super::plane::{AllowedFunction, Builtins, Extensions, Plane};
use super::relations::{Packed, Relations};
use super::row::unreadable;
use super::rows::Rows;
use super::sorted::Oids;
use super::types::PlaneTypes;
use super::views::PlaneView;
use crate::ablation::{self, Switch};
use crate::error::StageResult;
use crate::pgx::hooks::commits;
use crate::pgx::hooks::invalidation::Watched;
use crate::pgx::shmem::facts;
use crate::pgx::{pg_try, server};
use pgrx::pg_sys::Oid;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// What is shared of a plane.
#[derive(Serialize, Deserialize)]
struct Facts<'a> {
    #[serde(borrow)]
    relations: Packed<'a>,
    rows: Rows,
    watched: Cow<'a, Watched>,
    has_extensions: bool,
    views: Cow<'a, HashMap<String, Rc<PlaneView>>>,
    allowed: Cow<'a, [AllowedFunction]>,
    column_types: Cow<'a, Oids>,
    types: Cow<'a, PlaneTypes>,
    builtins: Cow<'a, Builtins>,
    reader: Oid,
    policy: PolicyFunctions,
    moments: Cow<'a, MomentFunctions>,
    comparisons: Cow<'a, ComparisonFunctions>,
    tripwires: Cow<'a, str>,
}

/// A plane that another backend has derived.
pub(super) struct Found {
    /// It, without extensions and without the settings of the database.
    pub(super) plane: Plane,
    /// What it was made from.
    pub(super) watched: Watched,
    /// Whether there are extensions.
    pub(super) has_extensions: bool,
}

/// The count of changes that bytes of now would be made at; `None` where none are shared: on a standby, whose changes are made
/// elsewhere, and in a transaction that has changed something itself.
pub(super) fn count() -> Option<u64> {
    // What these switches let a session read is not for others.
    let is_widened = ablation::is_off(Switch::Columns) || ablation::is_off(Switch::RowSecurity);
    if is_widened || server::is_standby() || commits::has_written() {
        return None;
    }
    facts::count(server::database_oid())
}

/// What was made at this count, if the catalog is as it was.
pub(super) fn find(count: u64) -> Option<Found> {
    let is_compared = !ablation::is_off(Switch::Shared);
    let bytes = facts::get(server::database_oid(), is_compared.then_some(count))?;
    let facts: Facts<'_> = postcard::from_bytes(&bytes).ok()?;
    if is_compared && (server::role(c"splitplane_reader") != Some(facts.reader) || !facts.rows.are_same()) {
        return None;
    }
    let plane = Plane {
        relations: Relations::unpack(facts.relations, facts.rows.register),
        views: facts.views.into_owned(),
        allowed: facts.allowed.into_owned(),
        extensions: Extensions::default(),
        column_types: facts.column_types.into_owned(),
        types: facts.types.into_owned(),
        builtins: Rc::new(facts.builtins.into_owned()),
        reader: facts.reader,
        policy: facts.policy,
        moments: Rc::new(facts.moments.into_owned()),
        comparisons: Rc::new(facts.comparisons.into_owned()),
        tripwires: facts.tripwires.into_owned(),
        database_settings: Vec::new(),
    };
    Some(Found { plane, watched: facts.watched.into_owned(), has_extensions: facts.has_extensions })
}

/// Gives a plane to the others, which was made at this count. Nothing else happens where there is no room.
pub(super) fn share(plane: &Plane, watched: &Watched, count: u64) -> StageResult<()> {
    let Some(register) = server::own_relation(c"relations").zip(server::own_relation(c"relations_pkey")) else {
        return Ok(());
    };
    // Whether it keeps its name hangs on tables that are not there yet, which nothing can be watched by.
    if plane.relations.iter().any(|relation| relation.is_moved) {
        return Ok(());
    }
    let register = (register.0.to_u32(), register.1.to_u32());
    let rows = Rows::read(plane.reader, register);
    let bytes = plane.relations.with_packed(register, |relations| {
        let facts = Facts {
            relations,
            has_extensions: rows.have_extensions(),
            rows,
            watched: Cow::Borrowed(watched),
            views: Cow::Borrowed(&plane.views),
            allowed: Cow::Borrowed(&plane.allowed),
            column_types: Cow::Borrowed(&plane.column_types),
            types: Cow::Borrowed(&plane.types),
            builtins: Cow::Borrowed(&plane.builtins),
            reader: plane.reader,
            policy: plane.policy,
            moments: Cow::Borrowed(&plane.moments),
            comparisons: Cow::Borrowed(&plane.comparisons),
            tripwires: Cow::Borrowed(&plane.tripwires),
        };
        postcard::to_allocvec(&facts).map_err(|_| unreadable())
    })?;
    // What was changed while the rows were read has counted.
    let database = server::database_oid();
    if facts::count(database) == Some(count) && !facts::put(database, count, &bytes) && without_room_is_news() {
        pg_try::log(
            "splitplane.shared_plane_size has no room for the plane of this database: each session reads it itself",
        );
    }
    Ok(())
}

/// How often there was no room since the server started.
pub fn without_room() -> u64 {
    facts::without_room()
}

/// Once an hour.
fn without_room_is_news() -> bool {
    facts::size() > 0 && facts::note_without_room(server::now())
}
