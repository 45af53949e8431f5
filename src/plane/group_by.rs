//! `GROUP BY` on a primary key.
//!
//! PostgreSQL lets `SELECT o.id, o.status .. GROUP BY o.id` pass when `id` is the table's primary key, but cannot see
//! the key through a common table expression. Here the columns of that relation that the level reads are added to
//! GROUP BY: the key determines them, so the groups stay what they were. Columns that a scope fixes to one value for the
//! whole call count as given, so that the key (tenant_id, id) is covered by `GROUP BY id`.

use crate::catalog::plane::PlaneRelation;
use crate::pgx::raw::{RawColumnRef, RawKind, RawNode, RawRangeVar, RawSelect};
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
    let mut relations = Vec::new();
    for item in select.sources() {
        collect_relations(item, resolve, &mut relations);
    }
    for (alias, relation) in relations {
        let is_grouped = |column: &str| grouped.iter().any(|known| known.means(&alias, column));
        if !covers_key(&relation, &is_grouped) {
            continue;
        }
        let mut read = BTreeMap::new();
        for place in select.targets().into_iter().chain(select.grouped_places()) {
            collect_columns(place, &Reader { alias: &alias, relation: &relation, aggregates }, &mut read);
        }
        read.retain(|column, _| !is_grouped(column));
        for (column, references) in read {
            if can_be_grouped(&relation, &column) {
                select.add_group_column(&alias, &column);
            } else {
                select.name_targets();
                references.iter().for_each(RawColumnRef::take_any);
            }
        }
    }
}

/// A column in GROUP BY, as written.
struct GroupedColumn {
    alias: Option<String>,
    column: String,
}

impl GroupedColumn {
    fn means(&self, alias: &str, column: &str) -> bool {
        self.column == column && self.alias.as_deref().is_none_or(|written| written == alias)
    }

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

fn collect_relations(item: RawNode<'_>, resolve: Resolve<'_>, found: &mut Vec<(String, Rc<PlaneRelation>)>) {
    match item.kind() {
        RawKind::RangeVar(variable) if !variable.renames_columns() => {
            found.extend(resolve(&variable).map(|relation| (variable.alias(), relation)));
        }
        RawKind::Join => {
            // The visitor never refuses.
            let _ = item.children(&mut |child| {
                collect_relations(child, resolve, found);
                Ok(())
            });
        }
        _ => {}
    }
}

/// Whose columns are looked for.
struct Reader<'r> {
    alias: &'r str,
    relation: &'r PlaneRelation,
    aggregates: &'r HashSet<String>,
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
                references.extend(column.is_some().then_some(reference));
            }
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
