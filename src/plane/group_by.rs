//! `GROUP BY` on a primary key.
//!
//! PostgreSQL lets `SELECT o.id, o.status .. GROUP BY o.id` pass when `id` is the table's primary key, but cannot see
//! the key through a common table expression. Here the columns of that relation that the level reads are added to
//! GROUP BY: the key determines them, so the groups stay what they were. Columns that a scope fixes to one value for the
//! whole call count as given, so that the key (tenant_id, id) is covered by `GROUP BY id`.

use crate::catalog::plane::PlaneRelation;
use crate::pgx::raw::{RawKind, RawNode, RawRangeVar, RawSelect};
use crate::pgx::values;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Resolves a name in FROM to its plane relation.
pub(super) type Resolve<'r> = &'r dyn Fn(&RawRangeVar<'_>) -> Option<Rc<PlaneRelation>>;

/// Completes GROUP BY of this level, if it groups by a plane relation's key.
pub(super) fn complete(select: RawSelect<'_>, resolve: Resolve<'_>) {
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
        let mut read = BTreeSet::new();
        for place in select.targets().into_iter().chain(select.grouped_places()) {
            collect_columns(place, &alias, &relation, &mut read);
        }
        for column in read {
            if is_grouped(&column) {
                continue;
            }
            if can_be_grouped(&relation, &column) {
                select.add_group_column(&alias, &column);
            } else {
                select.take_any(&alias, &column);
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

/// A type without equality (json) cannot stand in GROUP BY; where such a column is selected as it is, any of the group's
/// values is taken, since the key makes them one.
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

/// Columns of `relation` that an expression may read under `alias`; too many do no harm, the key determines them all.
fn collect_columns(node: RawNode<'_>, alias: &str, relation: &PlaneRelation, found: &mut BTreeSet<String>) {
    if let RawKind::ColumnRef(reference) = node.kind() {
        let names = reference.names();
        let mut names = names.iter().rev();
        let column = if reference.is_star() { None } else { names.next() };
        if names.next().is_some_and(|written| written != alias) {
            return;
        }
        let columns = relation.columns.iter().map(|known| &known.name);
        found.extend(columns.filter(|known| column.is_none_or(|column| column == *known)).cloned());
        return;
    }
    // The visitor never refuses.
    let _ = node.children(&mut |child| {
        collect_columns(child, alias, relation, found);
        Ok(())
    });
}
