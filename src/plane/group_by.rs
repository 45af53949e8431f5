//! `GROUP BY` on a primary key.
//!
//! PostgreSQL lets `SELECT o.id, o.status .. GROUP BY o.id` pass when `id` is the table's primary key, but cannot see
//! the key through a common table expression. Here the columns of that relation that the level reads are added to
//! GROUP BY: the key determines them, so the groups stay what they were. Columns that a scope fixes to one value for the
//! whole call count as given, so that the key (tenant_id, id) is covered by `GROUP BY id`.

use crate::catalog::plane::PlaneRelation;
use crate::pgx::raw::{RawColumnRef, RawJoin, RawKind, RawNode, RawRangeVar, RawSelect};
use crate::pgx::values;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

/// Resolves a name in FROM to its plane relation.
pub(super) type Resolve<'r> = &'r dyn Fn(&RawRangeVar<'_>) -> Option<Rc<PlaneRelation>>;

/// Completes GROUP BY of this level, if it groups by a plane relation's key.
pub(super) fn complete(select: RawSelect<'_>, resolve: Resolve<'_>, aggregates: &HashSet<String>) {
    let items = select.group_items();
    if items.is_empty() {
        return;
    }
    let Some(grouped) = grouped_columns(select, &items) else { return };
    let mut level = Level { relations: Vec::new(), joins: Vec::new() };
    for item in select.sources() {
        level.collect(item, resolve);
    }
    for (alias, relation) in &level.relations {
        let is_grouped = |column: &str| grouped.iter().any(|known| level.means(known, alias, column));
        if !covers_key(relation, &is_grouped) {
            continue;
        }
        let mut read = BTreeMap::new();
        for place in select.targets().into_iter().chain(select.grouped_places()) {
            collect_columns(place, &Reader { alias, relation, aggregates, is_inner: false }, &mut read);
        }
        read.retain(|column, _| !is_grouped(column));
        for (column, references) in read {
            if can_be_grouped(relation, &column) {
                select.add_group_column(alias, &column);
            } else {
                select.name_targets();
                references.iter().for_each(RawColumnRef::take_any);
            }
        }
    }
}

/// What FROM of one level holds.
struct Level<'t> {
    /// Plane relations with their aliases.
    relations: Vec<(String, Rc<PlaneRelation>)>,
    /// Joins with the names of their sides, in order; an item without a name has an empty one.
    joins: Vec<(RawJoin<'t>, Vec<String>)>,
}

impl<'t> Level<'t> {
    /// Collects an item of FROM and gives the names in it, in order.
    fn collect(&mut self, item: RawNode<'t>, resolve: Resolve<'_>) -> Vec<String> {
        match item.kind() {
            RawKind::RangeVar(variable) => {
                if !variable.renames_columns() {
                    self.relations.extend(resolve(&variable).map(|relation| (variable.alias(), relation)));
                }
                vec![variable.alias()]
            }
            RawKind::Join(join) => {
                let known = self.relations.len();
                let (left, right) = join.sides();
                let mut names = left.map_or_else(Vec::new, |side| self.collect(side, resolve));
                names.extend(right.map_or_else(Vec::new, |side| self.collect(side, resolve)));
                if join.is_renamed() {
                    self.relations.truncate(known);
                    return vec![item.source_name().unwrap_or_default()];
                }
                self.joins.push((join, names.clone()));
                names
            }
            _ => vec![item.source_name().unwrap_or_default()],
        }
    }

    /// Whether a column in GROUP BY is `alias`'s own. An unqualified name that a join merges is so only for the
    /// leftmost relation of inner and left joins; for any other side it may differ from the column, or be there where
    /// that side has no row.
    fn means(&self, grouped: &GroupedColumn, alias: &str, column: &str) -> bool {
        if grouped.column != column {
            return false;
        }
        match &grouped.alias {
            Some(written) => written == alias,
            None => self.joins.iter().all(|(join, names)| {
                let is_outside = !names.iter().any(|name| name == alias);
                let is_kept = join.keeps_left() && names.first().is_some_and(|name| name == alias);
                is_outside || !join.merges(column) || is_kept
            }),
        }
    }
}

/// A column in GROUP BY, as written.
struct GroupedColumn {
    alias: Option<String>,
    column: String,
}

impl GroupedColumn {
    fn read(node: RawNode<'_>) -> Option<Self> {
        let RawKind::ColumnRef(reference) = node.kind() else { return None };
        if reference.is_star() {
            return None;
        }
        let mut names = reference.names();
        let column = names.pop()?;
        Some(GroupedColumn { alias: names.pop(), column })
    }
}

/// The columns in GROUP BY, ordinals and output names resolved; `None` with grouping sets, where PostgreSQL itself
/// does not see the dependency.
fn grouped_columns(select: RawSelect<'_>, items: &[RawNode<'_>]) -> Option<Vec<GroupedColumn>> {
    let outputs = select.output_names();
    let mut grouped = Vec::new();
    for item in items {
        match item.kind() {
            RawKind::GroupingSet => return None,
            RawKind::Constant(Some(position)) => {
                let index = usize::try_from(position).ok().and_then(|position| position.checked_sub(1));
                let target = index.and_then(|index| outputs.get(index));
                grouped.extend(target.and_then(|(_, value)| GroupedColumn::read(*value)));
            }
            _ => {
                let Some(column) = GroupedColumn::read(*item) else { continue };
                if column.alias.is_none() {
                    let renamed = outputs.iter().find(|(name, _)| name.as_deref() == Some(column.column.as_str()));
                    grouped.extend(renamed.and_then(|(_, value)| GroupedColumn::read(*value)));
                }
                grouped.push(column);
            }
        }
    }
    Some(grouped)
}

/// A type without equality (json) cannot stand in GROUP BY; any of the group's values is taken instead, since the key
/// makes them one.
fn can_be_grouped(relation: &PlaneRelation, column: &str) -> bool {
    let known = relation.columns.iter().find(|known| known.name == column);
    known.is_some_and(|known| values::equality_operator(known.type_oid).is_some())
}

fn covers_key(relation: &PlaneRelation, is_grouped: &dyn Fn(&str) -> bool) -> bool {
    let is_fixed =
        |column: &str| relation.scope.iter().any(|binding| !binding.is_list() && binding.column.name == column);
    let mut free = relation.primary_key.iter().filter(|column| !is_fixed(column)).peekable();
    free.peek().is_some() && free.all(|column| is_grouped(column))
}

/// Whose columns are looked for.
#[derive(Clone, Copy)]
struct Reader<'r> {
    alias: &'r str,
    relation: &'r PlaneRelation,
    aggregates: &'r HashSet<String>,
    /// Within a subquery, where an unqualified name is most likely the subquery's own.
    is_inner: bool,
}

/// Columns that are read outside aggregates, with their references; too many do no harm, the key determines them all.
fn collect_columns<'t>(node: RawNode<'t>, reader: &Reader<'_>, found: &mut BTreeMap<String, Vec<RawColumnRef<'t>>>) {
    match node.kind() {
        RawKind::ColumnRef(reference) => {
            let names = reference.names();
            let mut names = names.iter().rev();
            let column = if reference.is_star() { None } else { names.next() };
            if names.next().is_some_and(|written| written != reader.alias) {
                return;
            }
            let columns = reader.relation.columns.iter().map(|known| &known.name);
            for name in columns.filter(|known| column.is_none_or(|column| column == *known)) {
                let references = found.entry(name.clone()).or_default();
                let is_certain = column.is_some() && !(reader.is_inner && reference.names().len() == 1);
                references.extend(is_certain.then_some(reference));
            }
            return;
        }
        RawKind::Select(select) => {
            // A subquery with a FROM item of that name means its own by it.
            if select.sources().into_iter().any(|item| binds(item, reader.alias)) {
                return;
            }
            let inner = Reader { is_inner: true, ..*reader };
            // The visitor never refuses.
            let _ = node.children(&mut |child| {
                collect_columns(child, &inner, found);
                Ok(())
            });
            return;
        }
        RawKind::Function(function) => {
            let is_aggregate = function.names().last().is_some_and(|name| reader.aggregates.contains(name));
            if is_aggregate && !function.is_windowed() {
                return;
            }
        }
        _ => {}
    }
    // The visitor never refuses.
    let _ = node.children(&mut |child| {
        collect_columns(child, reader, found);
        Ok(())
    });
}

/// Whether an item of FROM, or a side of a join in it, is known by `name`.
fn binds(item: RawNode<'_>, name: &str) -> bool {
    let is_below = match item.kind() {
        RawKind::Join(join) => {
            let (left, right) = join.sides();
            [left, right].into_iter().flatten().any(|side| binds(side, name))
        }
        _ => false,
    };
    is_below || item.source_name().is_some_and(|known| known == name)
}
