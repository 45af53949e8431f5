//! What FROM of one level holds, and what names mean in it.

use crate::catalog::plane::{PlaneColumn, PlaneRelation};
use crate::pgx::raw::{RawKind, RawNode, RawRangeVar};
use crate::pgx::types;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Resolves a name in FROM to its plane relation.
pub(super) type Resolve<'r> = &'r dyn Fn(&RawRangeVar<'_>) -> Option<Rc<PlaneRelation>>;

/// A plane relation in FROM.
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) relation: Rc<PlaneRelation>,
    /// The names of the first columns, where the alias gives any.
    renamed: Vec<String>,
}

impl Source {
    /// The columns, with the names that they have in this level.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &PlaneColumn)> {
        let columns = self.relation.columns.iter().enumerate();
        columns.map(|(place, column)| (self.renamed.get(place).unwrap_or(&column.name).as_str(), column))
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.columns().map(|(name, _)| name).collect()
    }

    /// The name here of a column of the relation; `None` if the column is not in the plane.
    pub(super) fn seen(&self, column: &str) -> Option<&str> {
        self.columns().find(|(_, known)| known.name == column).map(|(name, _)| name)
    }

    pub(super) fn can_group(&self, name: &str) -> bool {
        self.columns().find(|(known, _)| *known == name).is_some_and(|(_, column)| can_be_grouped(column))
    }

    pub(super) fn covers_key(&self, is_grouped: &dyn Fn(&str) -> bool) -> bool {
        let is_fixed = |column: &str| {
            let mut bindings = self.relation.scope.iter();
            bindings.any(|binding| !binding.is_list() && !binding.or_null && binding.column.name == column)
        };
        let mut free = self.relation.primary_key.iter().filter(|column| !is_fixed(column)).peekable();
        free.peek().is_some() && free.all(|column| self.seen(column).is_some_and(is_grouped))
    }
}

/// What FROM of one level holds.
#[derive(Default)]
pub(super) struct Level {
    /// Plane relations.
    pub(super) relations: Vec<Source>,
    /// The names of all columns that are known, those of derived tables among them.
    columns: Vec<String>,
    /// What each join merges.
    joins: Vec<Merged>,
    /// For each alias the joins in which a merged column is not the alias's own.
    foreign: HashMap<String, Vec<usize>>,
    /// How many tables, subqueries and functions.
    pub(super) names: usize,
    /// There is something whose columns are not known.
    is_unknown: bool,
}

/// The columns that a join merges into one of both sides.
enum Merged {
    /// NATURAL: all that both sides have.
    Natural,
    /// USING.
    These(HashSet<String>),
}

impl Level {
    /// Collects an item of FROM and gives the names in it, in order; an item without a name has an empty one.
    pub(super) fn collect(&mut self, item: RawNode<'_>, resolve: Resolve<'_>) -> Vec<String> {
        match item.kind() {
            RawKind::RangeVar(variable) => {
                match resolve(&variable) {
                    Some(relation) => {
                        let source = Source { alias: variable.alias(), relation, renamed: variable.column_names() };
                        self.columns.extend(source.names().into_iter().map(str::to_owned));
                        self.relations.push(source);
                    }
                    None => self.is_unknown = true,
                }
                self.names = self.names.saturating_add(1);
                vec![variable.alias()]
            }
            RawKind::Join(join) => {
                let (known, columns) = (self.relations.len(), self.columns.len());
                let (left, right) = join.sides();
                let mut names = left.map_or_else(Vec::new, |side| self.collect(side, resolve));
                names.extend(right.map_or_else(Vec::new, |side| self.collect(side, resolve)));
                if join.is_renamed() {
                    self.is_unknown = true;
                    self.relations.truncate(known);
                    self.columns.truncate(columns);
                    return vec![item.source_name().unwrap_or_default()];
                }
                // A merged column is the left side's own in inner and left joins; for any other side it may differ from
                // the column, or be there where that side has no row.
                let own = if join.keeps_left() { names.first() } else { None };
                for name in names.iter().filter(|name| Some(*name) != own) {
                    self.foreign.entry(name.clone()).or_default().push(self.joins.len());
                }
                self.joins.push(if join.is_natural() {
                    Merged::Natural
                } else {
                    Merged::These(join.merged_columns().into_iter().collect())
                });
                names
            }
            _ => {
                match item.derived_columns() {
                    Some(columns) => self.columns.extend(columns),
                    None => self.is_unknown = true,
                }
                self.names = self.names.saturating_add(1);
                vec![item.source_name().unwrap_or_default()]
            }
        }
    }

    /// The names that it gives to columns; `outer`: those around it, of a subquery.
    pub(super) fn within<'w>(&self, outer: Option<&'w Within<'w>>) -> Within<'w> {
        Within { columns: self.columns.iter().cloned().collect(), is_unknown: self.is_unknown, outer }
    }

    /// Whether it has a column of this name; `None` where that is not known.
    pub(super) fn has_column(&self, name: &str) -> Option<bool> {
        let has = self.columns.iter().any(|column| column == name);
        if has || !self.is_unknown { Some(has) } else { None }
    }

    /// Whether an unqualified column name, where it means a column of `alias`, is that column and no merged one.
    pub(super) fn is_own(&self, alias: &str, column: &str) -> bool {
        let foreign = self.foreign.get(alias).map_or(&[][..], Vec::as_slice);
        !foreign.iter().filter_map(|join| self.joins.get(*join)).any(|merged| match merged {
            Merged::Natural => true,
            Merged::These(columns) => columns.contains(column),
        })
    }
}

/// A type without equality (json) cannot stand in GROUP BY; one of the group's values is kept instead, since the key makes them
/// one.
pub(super) fn can_be_grouped(column: &PlaneColumn) -> bool {
    types::equality_operator(column.type_oid).is_some()
}

/// What an unqualified name may mean where it stands: columns of the level and of those around it, up to the grouped one.
pub(super) struct Within<'w> {
    columns: HashSet<String>,
    is_unknown: bool,
    /// `None` at the grouped level itself.
    pub(super) outer: Option<&'w Within<'w>>,
}

impl Within<'_> {
    /// Whether nothing here has a column of this name for certain.
    fn lacks(&self, name: &str) -> bool {
        !self.is_unknown && !self.columns.contains(name)
    }

    /// Whether nothing between here and the grouped level has a column of this name for certain.
    pub(super) fn passes(&self, name: &str) -> bool {
        self.outer.is_none_or(|outer| self.lacks(name) && outer.passes(name))
    }

    /// Whether neither the grouped level nor anything within it has a column of this name for certain.
    pub(super) fn never_has(&self, name: &str) -> bool {
        self.lacks(name) && self.outer.is_none_or(|outer| outer.never_has(name))
    }
}
