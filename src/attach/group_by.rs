//! `GROUP BY` on a primary key.
//!
//! PostgreSQL lets `SELECT o.id, o.status .. GROUP BY o.id` pass when `id` is the table's primary key, but cannot see
//! the key through a common table expression. Here the columns of that relation that the level reads are added to
//! GROUP BY: the key determines them, so the groups stay what they were. Columns that a scope fixes to one value for the
//! whole call count as given, so that the key (tenant_id, id) is covered by `GROUP BY id`.

use crate::catalog::plane::PlaneRelation;
use crate::pgx::raw::{Placed, RawColumnRef, RawKind, RawNode, RawRangeVar, RawSelect, RawTree};
use crate::pgx::{interrupts, types};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// Resolves a name in FROM to its plane relation.
pub(super) type Resolve<'r> = &'r dyn Fn(&RawRangeVar<'_>) -> Option<Rc<PlaneRelation>>;

/// Completes GROUP BY of this level, if it groups by a plane relation's key.
pub(super) fn complete<'t>(
    tree: &mut RawTree<'t>,
    select: RawSelect<'t>,
    resolve: Resolve<'_>,
    aggregates: &HashSet<String>,
) {
    let items = select.group_items();
    if items.is_empty() {
        return;
    }
    let Some(grouped) = Grouped::read(select, &items) else { return };
    let mut level = Level::default();
    for item in select.sources() {
        level.collect(item, resolve);
    }
    for (alias, relation) in &level.relations {
        interrupts::check();
        let is_grouped = |column: &str| grouped.holds(alias, column, &level);
        if !covers_key(relation, &is_grouped) {
            continue;
        }
        let mut read = BTreeMap::new();
        for place in select.targets().into_iter().chain(select.grouped_places()) {
            collect_columns(place, &Reader { alias, relation, aggregates, is_inner: false }, &mut read);
        }
        read.retain(|column, _| {
            interrupts::check();
            !is_grouped(column)
        });
        for (column, references) in read {
            if can_be_grouped(relation, &column) {
                tree.add_group_column(select, alias, &column);
            } else {
                tree.name_targets(select);
                references.into_iter().for_each(|(parent, reference)| tree.take_any(parent, reference));
            }
        }
    }
}

/// What FROM of one level holds.
#[derive(Default)]
struct Level {
    /// Plane relations with their aliases.
    relations: Vec<(String, Rc<PlaneRelation>)>,
    /// What each join merges.
    joins: Vec<Merged>,
    /// For each alias the joins in which a merged column is not the alias's own.
    foreign: HashMap<String, Vec<usize>>,
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
    fn collect(&mut self, item: RawNode<'_>, resolve: Resolve<'_>) -> Vec<String> {
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
            _ => vec![item.source_name().unwrap_or_default()],
        }
    }

    /// Whether an unqualified column name, where it means a column of `alias`, is that column and no merged one.
    fn is_own(&self, alias: &str, column: &str) -> bool {
        let foreign = self.foreign.get(alias).map_or(&[][..], Vec::as_slice);
        !foreign.iter().filter_map(|join| self.joins.get(*join)).any(|merged| match merged {
            Merged::Natural => true,
            Merged::These(columns) => columns.contains(column),
        })
    }
}

/// The columns in GROUP BY, as written, ordinals and output names resolved.
#[derive(Default)]
struct Grouped {
    qualified: HashSet<(String, String)>,
    unqualified: HashSet<String>,
}

impl Grouped {
    /// `None` with grouping sets, where PostgreSQL itself does not see the dependency.
    fn read(select: RawSelect<'_>, items: &[RawNode<'_>]) -> Option<Self> {
        let outputs = select.output_names();
        let mut by_name = HashMap::new();
        for (name, value) in &outputs {
            if let Some(name) = name {
                // Of two with one name PostgreSQL takes neither.
                by_name.entry(name.as_str()).or_insert(*value);
            }
        }
        let mut grouped = Grouped::default();
        for item in items {
            match item.kind() {
                RawKind::GroupingSet => return None,
                RawKind::Constant(Some(position)) => {
                    let index = usize::try_from(position).ok().and_then(|position| position.checked_sub(1));
                    if let Some((_, value)) = index.and_then(|index| outputs.get(index)) {
                        grouped.take(*value);
                    }
                }
                _ => {
                    let Some(name) = grouped.take(*item) else { continue };
                    if let Some(value) = by_name.get(name.as_str()) {
                        grouped.take(*value);
                    }
                }
            }
        }
        Some(grouped)
    }

    /// Notes a column reference; gives its name when that stands alone.
    fn take(&mut self, node: RawNode<'_>) -> Option<String> {
        let RawKind::ColumnRef(reference) = node.kind() else { return None };
        if reference.is_star() {
            return None;
        }
        let mut names = reference.names();
        let column = names.pop()?;
        match names.pop() {
            Some(alias) => {
                self.qualified.insert((alias, column));
                None
            }
            None => {
                self.unqualified.insert(column.clone());
                Some(column)
            }
        }
    }

    /// Whether a column of `alias` is in GROUP BY.
    fn holds(&self, alias: &str, column: &str, level: &Level) -> bool {
        self.qualified.contains(&(alias.to_owned(), column.to_owned()))
            || self.unqualified.contains(column) && level.is_own(alias, column)
    }
}

/// A type without equality (json) cannot stand in GROUP BY; any of the group's values is taken instead, since the key
/// makes them one.
fn can_be_grouped(relation: &PlaneRelation, column: &str) -> bool {
    let known = relation.columns.iter().find(|known| known.name == column);
    known.is_some_and(|known| types::equality_operator(known.type_oid).is_some())
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

/// By column: the references to it, each with the node right above it.
type Found<'t> = BTreeMap<String, Vec<(RawNode<'t>, RawColumnRef<'t>)>>;

/// Columns that are read outside aggregates, with their references; too many do no harm, the key determines them all.
fn collect_columns<'t>(place: Placed<'t>, reader: &Reader<'_>, found: &mut Found<'t>) {
    let Placed { parent, node } = place;
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
                references.extend(is_certain.then_some((parent, reference)));
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
                collect_columns(Placed { parent: node, node: child }, &inner, found);
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
        collect_columns(Placed { parent: node, node: child }, reader, found);
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
