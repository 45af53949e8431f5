//! What the names in FROM mean to a tree, and what a reference to each weighs.

use crate::catalog::plane::{Plane, PlaneRelation};
use crate::error::{Refusal, StageResult};
use crate::pgx::raw::RawRangeVar;
use crate::pgx::server;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a tree comes to, as the planner will see it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weight {
    /// Range table entries.
    pub(super) entries: usize,
    /// Those of them that read a fence.
    pub fences: usize,
}

impl Weight {
    pub(super) const FENCE: Weight = Weight { entries: 1, fences: 1 };
    pub(super) const ENTRY: Weight = Weight { entries: 1, fences: 0 };

    pub(super) fn plus(self, other: Weight) -> Weight {
        Weight {
            entries: self.entries.saturating_add(other.entries.max(1)),
            fences: self.fences.saturating_add(other.fences),
        }
    }

    pub(super) fn minus(self, other: Weight) -> Weight {
        Weight { entries: self.entries.saturating_sub(other.entries), fences: self.fences.saturating_sub(other.fences) }
    }
}

/// What a tree may read besides relations.
#[derive(Default)]
pub struct Surroundings {
    /// Views by name, with what a reference to each comes to.
    pub views: BTreeMap<String, Weight>,
    /// Common table expressions that are there already.
    pub expressions: usize,
    /// The tree is a view's: it may read hidden relations.
    pub is_view: bool,
}

/// What names mean in a tree.
#[derive(Clone, Copy)]
pub(super) struct Names<'p> {
    /// The plane.
    pub plane: &'p Plane,
    /// What is there besides.
    pub around: &'p Surroundings,
}

impl<'p> Names<'p> {
    /// The relation of a plane name that the tree may read.
    pub fn relation(self, name: &str) -> Option<&'p Rc<PlaneRelation>> {
        if self.around.is_view { self.plane.relation_of_view(name) } else { self.plane.relation(name) }
    }

    /// The same, by the name of the table.
    pub fn qualified(self, schema: &str, name: &str) -> Option<&'p Rc<PlaneRelation>> {
        if self.around.is_view {
            self.plane.qualified_of_view(schema, name)
        } else {
            self.plane.qualified(schema, name)
        }
    }

    /// What a name in FROM means; `scope` holds the tree's own common table expressions.
    pub fn resolve(self, scope: &[(String, Weight)], variable: &RawRangeVar<'_>) -> StageResult<Meant> {
        let name = variable.name();
        let relation = match (variable.database(), variable.schema()) {
            (None, None) if scope.iter().any(|(known, _)| *known == name) => return Ok(Meant::Own),
            (None, None) => match self.around.views.get(&name) {
                Some(weight) => return Ok(Meant::View(*weight)),
                None => self.relation(&name),
            },
            (None, Some(schema)) => self.qualified(&schema, &name),
            (Some(database), Some(schema)) if server::database_name() == database => self.qualified(&schema, &name),
            (Some(_), _) => None,
        };
        let relation = relation.ok_or_else(|| outside(variable))?;
        Ok(Meant::Relation(Rc::clone(relation)))
    }
}

/// What a name in FROM means.
pub(super) enum Meant {
    /// A common table expression of the tree's own.
    Own,
    /// A relation of the plane.
    Relation(Rc<PlaneRelation>),
    /// A view, with what it comes to.
    View(Weight),
}

/// Plane names hold no dot, so this is none of them; PostgreSQL would cut a longer one.
pub(super) fn fence_name(schema: &str, relation: &PlaneRelation) -> String {
    const LONGEST: usize = 63;
    let name = format!("{schema}.{}", relation.name);
    if name.len() <= LONGEST { name } else { format!("relation.{}", relation.oid.to_u32()) }
}

fn outside(variable: &RawRangeVar<'_>) -> Refusal {
    Refusal::relation([variable.database(), variable.schema()], &variable.name())
}
