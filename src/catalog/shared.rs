//! A plane that one backend has derived, for the others: as bytes in shared memory.
//!
//! They are taken as long as no transaction that changed something of what they were made from has committed, and if the catalog's
//! rows are what they were; those of a relation are looked at when a statement names it. Settings of the database, which no cache of
//! PostgreSQL's holds, each backend reads itself. What hangs on things that cannot be watched is not shared.

use super::budgets;
use super::own_functions::{ComparisonFunctions, MomentFunctions, PolicyFunctions};
use super::plane::{AllowedFunction, Builtins, Extensions, Plane};
use super::relations::{Packed, Relations};
use super::row::unreadable;
use super::rows::{self as catalog_rows, Rows};
use super::sorted::Oids;
use super::types::PlaneTypes;
use super::views::PlaneView;
use crate::ablation::{self, Switch};
use crate::error::StageResult;
use crate::pgx::hooks::invalidation::Watched;
use crate::pgx::shmem::facts;
use crate::pgx::{pg_try, rows, server};
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
    has_budgets: bool,
    is_on_nodes: bool,
}

/// A plane that another backend has derived.
pub(super) struct Found {
    /// It, without the settings of the database.
    pub(super) plane: Plane,
    /// What it was made from.
    pub(super) watched: Watched,
    rows: Rows,
}

/// The count of this database's changes; `None` without shared memory.
pub(super) fn count() -> Option<u64> {
    facts::count(server::database_oid())
}

/// Whether planes are taken and given here: not on a standby, whose changes are made elsewhere, and not in a transaction that has
/// changed something itself.
pub(super) fn is_possible() -> bool {
    // What these switches let a session read is not for others.
    let is_widened = ablation::is_off(Switch::Columns) || ablation::is_off(Switch::RowSecurity);
    !is_widened && !server::is_standby() && !server::has_written()
}

/// What was made at this count.
pub(super) fn find(count: u64) -> Option<Found> {
    let bytes = facts::get(server::database_oid(), (!ablation::is_off(Switch::Shared)).then_some(count))?;
    let facts: Facts<'_> = postcard::from_bytes(&bytes).ok()?;
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
        has_budgets: facts.has_budgets,
        is_on_nodes: facts.is_on_nodes,
        database_settings: Vec::new(),
    };
    Some(Found { plane, watched: facts.watched.into_owned(), rows: facts.rows })
}

impl Found {
    /// Whether the catalog is as it was, and nothing has counted since. What counts from now on must be known before.
    pub(super) fn holds(&self, count: u64) -> bool {
        ablation::is_off(Switch::Shared)
            || server::role(c"splitplane_reader") == Some(self.plane.reader)
                && self.rows.are_same()
                && self.plane.has_budgets == budgets::are_there_any()
                && self::count() == Some(count)
    }
}

/// What rows of the catalog are like before a plane is read.
pub(super) struct Before {
    count: u64,
    rows: Rows,
    relations: HashMap<u32, u64>,
}

impl Before {
    /// As they are now; `None` where the plane will not be shared.
    pub(super) fn read(count: Option<u64>) -> StageResult<Option<Self>> {
        let found = server::own_relation(c"relations").and_then(|table| Some((table, rows::primary_key(table)?)));
        let (Some(count), Some((table, index)), Some(reader)) = (count, found, server::role(c"splitplane_reader"))
        else {
            return Ok(None);
        };
        // What a library of an extension may do hangs on the file, and no change of it counts.
        let has_extensions =
            server::own_relation(c"allowed_extensions").is_some_and(|table| rows::print_of_table(table) != 0);
        if has_extensions {
            return Ok(None);
        }
        let register = (table.to_u32(), index.to_u32());
        let relations = rows::relations_in(table, "relation")?;
        let relations = relations.into_iter().map(|known| (known.to_u32(), catalog_rows::of_relation(register, known)));
        let relations = relations.collect();
        Ok(Some(Before { count, rows: Rows::read(reader, register), relations }))
    }
}

/// Gives a plane to the others, that was made at this count. Nothing else happens where there is no room.
pub(super) fn share(plane: &Plane, watched: &Watched, before: Before) -> StageResult<()> {
    // Whether it keeps its name hangs on tables that are not there yet, which nothing can be watched by.
    if plane.relations.iter().any(|relation| relation.is_moved) {
        return Ok(());
    }
    let Before { count, rows, relations } = before;
    let bytes = plane.relations.with_packed(&relations, |relations| {
        let facts = Facts {
            relations,
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
            has_budgets: plane.has_budgets,
            is_on_nodes: plane.is_on_nodes,
        };
        postcard::to_allocvec(&facts).map_err(|_| unreadable())
    })?;
    // Bytes of a count that has passed are not given out.
    if self::count() == Some(count) && !facts::put(server::database_oid(), count, &bytes) && without_room_is_news() {
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
