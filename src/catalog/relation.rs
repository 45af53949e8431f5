//! One relation of the plane, as it is registered.

use crate::pgx::foreign::RemoteTable;
use crate::pgx::query::LinkCall;
use pgrx::pg_sys::Oid;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// One column of a plane relation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaneColumn {
    /// Its name.
    pub name: String,
    /// Its attribute number.
    pub attribute: i16,
    /// Its type.
    pub type_oid: Oid,
    /// Its values may be used and returned, but never enter a prompt.
    pub is_private: bool,
    /// An index of the table has it.
    pub is_indexed: bool,
}

/// One scope condition: a column bound to a claim.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScopeBinding {
    /// The column.
    pub column: PlaneColumn,
    /// The column's type with domains taken off.
    pub base_type: Oid,
    /// The claim.
    pub claim: String,
    /// Rows whose column is NULL are everybody's: `"tenant or null"`.
    pub or_null: bool,
}

impl ScopeBinding {
    /// A binding as `splitplane.relations` has it. Any other text ending in "or null" is the name of a claim that nobody
    /// has, so it shows nothing.
    pub fn new(column: PlaneColumn, base_type: Oid, bound_to: &str) -> Self {
        let or_null = bound_to == "tenant or null";
        let claim = if or_null { "tenant" } else { bound_to };
        Self { column, base_type, claim: claim.to_owned(), or_null }
    }

    /// `tenant`, `business` and `subject` are one value and compare by equality; every other claim is a list.
    pub fn is_list(&self) -> bool {
        !matches!(self.claim.as_str(), "tenant" | "business" | "subject")
    }
}

/// A foreign key by which rows belong to those of another relation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    /// Its number in `splitplane.parents`.
    pub number: i32,
    /// The relation whose visible rows have the keys.
    pub parent: Oid,
    /// The relation's columns of the key.
    pub columns: Vec<PlaneColumn>,
    /// The parent's columns that they are compared with, in the same order.
    pub parent_columns: Vec<PlaneColumn>,
    /// Whether none of the relation's columns can be NULL.
    pub is_not_null: bool,
}

/// One relation of the plane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaneRelation {
    /// The table.
    pub oid: Oid,
    /// The table's schema.
    pub schema: String,
    /// The table's name.
    pub table: String,
    /// The name in the plane.
    pub name: String,
    /// The name in the plane was the table's, which has another one now: it means nothing until the table is registered again.
    pub has_lost_name: bool,
    /// The table has been moved to another schema since it gave the plane its name. A table that is made where it was takes that name
    /// away.
    pub is_moved: bool,
    /// Only views can read it.
    pub is_hidden: bool,
    /// The same for everyone: no scope.
    pub is_shared: bool,
    /// Citus keeps its rows, on servers of a cluster.
    pub is_on_nodes: bool,
    /// The columns that untrusted SQL may name, in the table's order.
    pub columns: Vec<PlaneColumn>,
    /// The scope conditions, in order of column number.
    pub scope: Vec<ScopeBinding>,
    /// The foreign keys by which its rows belong to those of others, in order of their numbers.
    pub links: Vec<Link>,
    /// The primary key's columns by name; empty without one.
    pub primary_key: Vec<String>,
    /// Data servers keep its rows: the table is their directory, and no statement reads it.
    pub is_remote: bool,
    /// The table of a data server that it stands for, once `attach` has looked into the directory.
    #[serde(skip)]
    pub remote: Option<Rc<RemoteTable>>,
}

impl PlaneRelation {
    /// How many conditions its policy has.
    pub fn conditions(&self) -> usize {
        self.scope.len() + usize::from(!self.links.is_empty())
    }

    /// The links and how many columns each has, as the policy says it.
    pub fn links_text(&self) -> String {
        let parts = self.links.iter().map(|link| format!("{}:{}", link.number, link.columns.len()));
        parts.collect::<Vec<String>>().join(",")
    }

    /// The columns of all links, in the order of the policy's call.
    pub fn link_columns(&self) -> impl Iterator<Item = &PlaneColumn> {
        self.links.iter().flat_map(|link| &link.columns)
    }

    /// The condition on the keys of its links, as a call of `in_parent` or `has_parent`; `None` without any.
    pub fn link_call(&self, function: Oid) -> Option<LinkCall> {
        (!self.links.is_empty()).then(|| LinkCall {
            function,
            links: self.links_text(),
            attributes: self.link_columns().map(|column| column.attribute).collect(),
        })
    }
}
