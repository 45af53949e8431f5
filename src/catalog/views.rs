//! Plane views: relations of the plane that are queries over the plane, kept as text.

use super::row::{oid, text, unreadable};
use crate::error::StageResult;
use crate::pgx::spi::read::Lookup;
use pgrx::pg_sys::Oid;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

thread_local! {
    static VIEWS: Lookup = const { Lookup::new(VIEWS_SQL, 0) };
}

/// A row for each column; one of a view that is being defined, whose columns are not known yet.
const VIEWS_SQL: &str = "SELECT v.name, v.sql, c.value ->> 'name', splitplane._view_column_type(c.value, h.types_of)::pg_catalog.text, \
     ((c.value ->> 'name') OPERATOR(pg_catalog.=) ANY (v.private_columns))::pg_catalog.text \
     FROM (SELECT splitplane._types_of() AS types_of) AS h CROSS JOIN splitplane.views AS v \
     LEFT JOIN LATERAL pg_catalog.jsonb_array_elements(v.columns) WITH ORDINALITY AS c (value, place) ON true \
     ORDER BY v.name COLLATE pg_catalog.\"C\", c.place";

/// A column of a view, as it was when the view was defined.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ViewColumn {
    /// Its name.
    pub name: String,
    /// Its type; `None` if that is no more.
    pub type_oid: Option<Oid>,
}

/// One view.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlaneView {
    /// Its name in the plane.
    pub name: String,
    /// Its query, as it was written.
    pub sql: String,
    /// Its columns, in order; none while it is being defined.
    pub columns: Vec<ViewColumn>,
    /// Columns that were declared private.
    pub private_columns: HashSet<String>,
    #[serde(skip)]
    is_open: Cell<bool>,
}

impl PlaneView {
    /// Whether it could be read when it was last proved, in this state of the plane. Functions and settings change besides.
    pub fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// Keeps whether it can be read, until it is proved again or the plane changes.
    pub fn settle(&self, is_open: bool) {
        self.is_open.set(is_open);
    }
}

/// All views by name. Must be called as the owner.
pub(super) fn load() -> StageResult<HashMap<String, Rc<PlaneView>>> {
    let mut found: HashMap<String, PlaneView> = HashMap::new();
    for row in VIEWS.with(|lookup| lookup.rows(&[]))? {
        let [name, sql, column, type_oid, private] = row.as_slice() else { return Err(unreadable()) };
        let name = text(name)?;
        let entry = match found.entry(name.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(PlaneView {
                name,
                sql: text(sql)?,
                columns: Vec::new(),
                private_columns: HashSet::new(),
                is_open: Cell::new(false),
            }),
        };
        let Some(column) = column else { continue };
        let type_oid = type_oid.as_ref().map(|_| oid(Some(type_oid))).transpose()?;
        if private.as_deref() == Some("true") {
            entry.private_columns.insert(column.clone());
        }
        entry.columns.push(ViewColumn { name: column.clone(), type_oid });
    }
    Ok(found.into_iter().map(|(name, view)| (name, Rc::new(view))).collect())
}
