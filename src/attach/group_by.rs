//! `GROUP BY` on a primary key.
//!
//! PostgreSQL lets `SELECT o.id, o.status .. GROUP BY o.id` pass when `id` is the table's primary key, but cannot see
//! the key through a common table expression. Here the columns of that relation that the level reads are added to
//! GROUP BY: the key determines them, so the groups stay what they were. Columns that a scope fixes to one value for the
//! whole call count as given, so that the key (tenant_id, id) is covered by `GROUP BY id`.
//!
//! A column of a type without equality (json, point, arrays of them) cannot be added: an aggregate of ours, which hands on one of
//! the group's values, stands for it. A whole row becomes a row of the columns so found. With grouping sets the key must be in
//! each of them, as PostgreSQL wants it.

use super::grouped::Grouped;
use crate::catalog::plane::{PlaneColumn, PlaneRelation};
use crate::pgx::raw::{Placed, RawColumnRef, RawKind, RawNode, RawRangeVar, RawSelect, RawTree, RowColumn};
use crate::pgx::{interrupts, types};
use pgrx::pg_sys::NodeTag;
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
    let mut level = Level::default();
    let sources = select.sources();
    for item in &sources {
        level.collect(*item, resolve);
    }
    let Some(grouped) = Grouped::read(select, &items, &level) else { return };
    let is_only = sources.len() == 1 && level.names == 1;
    for source in &level.relations {
        interrupts::check();
        let alias = source.alias.as_str();
        let is_in_all = |column: &str| grouped.holds(alias, column, &level);
        if !source.covers_key(&is_in_all) {
            continue;
        }
        let mut read = Found::default();
        let has_rest = source.columns().any(|(_, column)| !can_be_grouped(column));
        let reader = Reader { source, aggregates, resolve, has_rest, star_is_row: false, within: &level.within() };
        if has_rest {
            tree.expand(select, &|item| reader.is_all(item, is_only), alias, &source.names());
        }
        for place in select.targets() {
            collect_columns(tree, place, &reader, &mut read);
        }
        let reader = Reader { star_is_row: true, ..reader };
        for place in select.grouped_places() {
            collect_columns(tree, place, &reader, &mut read);
        }
        if !read.rows.is_empty() {
            for name in source.names() {
                read.columns.entry(name.to_owned()).or_default();
            }
        }
        // What only some of the sets hold is NULL in the others, and must not be put into all.
        let is_written = |column: &str| grouped.mentions(alias, column, &level);
        let groups = |column: &str| is_written(column) || source.can_group(column);
        if !read.rows.is_empty() || read.columns.keys().any(|column| !groups(column)) {
            tree.name_targets(select);
        }
        for (column, references) in &read.columns {
            interrupts::check();
            if !groups(column) {
                references.iter().for_each(|place| tree.keep(*place, alias, column));
            } else if !is_written(column) {
                tree.add_group_column(select, alias, column);
            }
        }
        let key = source.relation.primary_key.iter().filter_map(|column| source.seen(column));
        if let Some(key) = key.into_iter().find(|column| is_in_all(column)) {
            // A whole row holds a column's own value also where a set leaves the column out.
            let columns: Vec<RowColumn<'_>> = source
                .columns()
                .map(|(name, column)| RowColumn {
                    name,
                    output: &column.name,
                    is_grouped: is_in_all(name) || !is_written(name) && can_be_grouped(column),
                })
                .collect();
            read.rows.iter().for_each(|place| tree.keep_row(*place, alias, &columns, key));
        }
    }
}

/// A plane relation in FROM.
pub(super) struct Source {
    alias: String,
    relation: Rc<PlaneRelation>,
    /// The names of the first columns, where the alias gives any.
    renamed: Vec<String>,
}

impl Source {
    /// The columns, with the names that they have in this level.
    fn columns(&self) -> impl Iterator<Item = (&str, &PlaneColumn)> {
        let columns = self.relation.columns.iter().enumerate();
        columns.map(|(place, column)| (self.renamed.get(place).unwrap_or(&column.name).as_str(), column))
    }

    fn names(&self) -> Vec<&str> {
        self.columns().map(|(name, _)| name).collect()
    }

    /// The name here of a column of the relation; `None` if the column is not in the plane.
    fn seen(&self, column: &str) -> Option<&str> {
        self.columns().find(|(_, known)| known.name == column).map(|(name, _)| name)
    }

    fn can_group(&self, name: &str) -> bool {
        self.columns().find(|(known, _)| *known == name).is_some_and(|(_, column)| can_be_grouped(column))
    }

    fn covers_key(&self, is_grouped: &dyn Fn(&str) -> bool) -> bool {
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
    relations: Vec<Source>,
    /// The names of all columns that are known, those of derived tables among them.
    columns: Vec<String>,
    /// What each join merges.
    joins: Vec<Merged>,
    /// For each alias the joins in which a merged column is not the alias's own.
    foreign: HashMap<String, Vec<usize>>,
    /// How many tables, subqueries and functions.
    names: usize,
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
    fn collect(&mut self, item: RawNode<'_>, resolve: Resolve<'_>) -> Vec<String> {
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

    /// The names that it gives to columns.
    fn within(&self) -> Within<'static> {
        Within { columns: self.columns.iter().cloned().collect(), is_unknown: self.is_unknown, outer: None }
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
fn can_be_grouped(column: &PlaneColumn) -> bool {
    types::equality_operator(column.type_oid).is_some()
}

/// What an unqualified name may mean where it stands: columns of the level and of those around it, up to the grouped one.
struct Within<'w> {
    columns: HashSet<String>,
    is_unknown: bool,
    /// `None` at the grouped level itself.
    outer: Option<&'w Within<'w>>,
}

impl Within<'_> {
    /// Whether nothing here has a column of this name for certain.
    fn lacks(&self, name: &str) -> bool {
        !self.is_unknown && !self.columns.contains(name)
    }

    /// Whether nothing between here and the grouped level has a column of this name for certain.
    fn passes(&self, name: &str) -> bool {
        self.outer.is_none_or(|outer| self.lacks(name) && outer.passes(name))
    }

    /// Whether neither the grouped level nor anything within it has a column of this name for certain.
    fn never_has(&self, name: &str) -> bool {
        self.lacks(name) && self.outer.is_none_or(|outer| outer.never_has(name))
    }
}

/// Whose columns are looked for.
#[derive(Clone, Copy)]
struct Reader<'r> {
    source: &'r Source,
    aggregates: &'r HashSet<String>,
    resolve: Resolve<'r>,
    /// The relation has columns that cannot be grouped.
    has_rest: bool,
    /// `alias.*` is the whole row here: anywhere but in lists, where it is all columns.
    star_is_row: bool,
    within: &'r Within<'r>,
}

/// What was found to be read.
#[derive(Default)]
struct Found<'t> {
    /// Columns with those references that certainly mean them.
    columns: BTreeMap<String, Vec<Placed<'t>>>,
    /// References that mean the whole row.
    rows: Vec<Placed<'t>>,
}

impl Reader<'_> {
    fn has_column(&self, name: &str) -> bool {
        self.source.columns().any(|(column, _)| column == name)
    }

    /// Whether a reference is the alias alone, and no column of that name.
    fn is_row(&self, reference: &RawColumnRef<'_>) -> bool {
        !reference.is_star()
            && matches!(reference.names().as_slice(), [name] if name == &self.source.alias && self.within.never_has(name))
    }

    /// Whether an item of the select list is all columns: `alias.*`, `(alias).*`, or `*` of the only item of FROM.
    fn is_all(&self, item: RawNode<'_>, is_only: bool) -> bool {
        match item.kind() {
            RawKind::ColumnRef(reference) if reference.is_star() => match reference.names().as_slice() {
                [] => is_only,
                [.., name] => name == &self.source.alias,
            },
            _ => item.all_of().is_some_and(|reference| self.is_row(&reference)),
        }
    }
}

/// Columns that are read outside aggregates, with their references; too many do no harm, the key determines them all. A field of
/// the whole row becomes the column.
fn collect_columns<'t>(tree: &mut RawTree<'t>, place: Placed<'t>, reader: &Reader<'_>, found: &mut Found<'t>) {
    let mut reader = *reader;
    let place = match place.node.field() {
        Some((reference, name)) if reader.is_row(&reference) && reader.has_column(&name) => tree.read_field(place),
        _ => place,
    };
    let node = place.node;
    match node.kind() {
        RawKind::ColumnRef(reference) => return collect_reference(place, reference, &reader, found),
        RawKind::Select(select) => return collect_in_subquery(tree, select, &reader, found),
        // Its arguments must be in GROUP BY as they are written.
        RawKind::Other(NodeTag::T_GroupingFunc) => return,
        RawKind::Function(function) => {
            let is_aggregate = function.names().last().is_some_and(|name| reader.aggregates.contains(name));
            if is_aggregate && !function.is_windowed() && !is_of_a_subquery(node, &reader) {
                return;
            }
            reader.star_is_row = true;
        }
        RawKind::Other(NodeTag::T_RowExpr) => {
            if reader.has_rest {
                tree.expand_row(node, &|item| reader.is_all(item, false), &reader.source.alias, &reader.source.names());
            }
            reader.star_is_row = false;
        }
        RawKind::Other(NodeTag::T_List) => {}
        RawKind::ResultTarget(_) => reader.star_is_row = false,
        _ => reader.star_is_row = true,
    }
    // The visitor never refuses.
    let _ = node.children(&mut |child| {
        collect_columns(tree, Placed { parent: node, node: child }, &reader, found);
        Ok(())
    });
}

fn collect_reference<'t>(place: Placed<'t>, reference: RawColumnRef<'t>, reader: &Reader<'_>, found: &mut Found<'t>) {
    let names = reference.names();
    let is_row = match names.as_slice() {
        [.., name] if reference.is_star() => reader.star_is_row && name == &reader.source.alias,
        _ => reader.is_row(&reference),
    };
    if is_row {
        found.rows.push(place);
        return;
    }
    let mut written = names.iter().rev();
    let column = if reference.is_star() { None } else { written.next() };
    if written.next().is_some_and(|name| *name != reader.source.alias) {
        return;
    }
    let columns = reader.source.columns().map(|(name, _)| name);
    for name in columns.filter(|known| column.is_none_or(|column| column == known)) {
        let references = found.columns.entry(name.to_owned()).or_default();
        let is_certain = column.is_some() && (names.len() > 1 || reader.within.passes(name));
        references.extend(is_certain.then_some(place));
    }
}

fn collect_in_subquery<'t>(tree: &mut RawTree<'t>, select: RawSelect<'t>, reader: &Reader<'_>, found: &mut Found<'t>) {
    let sources = select.sources();
    // A subquery with a FROM item of that name means its own by it.
    if sources.iter().any(|item| binds(*item, &reader.source.alias)) {
        return;
    }
    let mut level = Level::default();
    for item in sources {
        level.collect(item, reader.resolve);
    }
    let within = Within { outer: Some(reader.within), ..level.within() };
    let inner = Reader { within: &within, star_is_row: false, ..*reader };
    if reader.has_rest {
        tree.name_targets(select);
        tree.expand(select, &|item| inner.is_all(item, false), &inner.source.alias, &inner.source.names());
    }
    let node = select.node();
    // The visitor never refuses.
    let _ = node.children(&mut |child| {
        collect_columns(tree, Placed { parent: node, node: child }, &inner, found);
        Ok(())
    });
}

/// Whether an aggregate belongs to a subquery of the grouped level and not to that itself: it reads something of the subquery's
/// own, or nothing at all.
fn is_of_a_subquery(call: RawNode<'_>, reader: &Reader<'_>) -> bool {
    if reader.within.outer.is_none() {
        return false;
    }
    let (mut reads_own, mut reads_outer) = (false, false);
    let _ = call.children(&mut |child| {
        note_levels(child, reader, &mut reads_own, &mut reads_outer);
        Ok(())
    });
    reads_own || !reads_outer
}

fn note_levels(node: RawNode<'_>, reader: &Reader<'_>, reads_own: &mut bool, reads_outer: &mut bool) {
    if let RawKind::ColumnRef(reference) = node.kind() {
        let names = reference.names();
        let is_outer = match names.as_slice() {
            [name] if !reference.is_star() => {
                reader.is_row(&reference) || reader.has_column(name) && reader.within.passes(name)
            }
            [.., qualifier, _] if !reference.is_star() => *qualifier == reader.source.alias,
            [.., qualifier] => *qualifier == reader.source.alias,
            [] => false,
        };
        if is_outer {
            *reads_outer = true
        } else {
            *reads_own = true
        }
        return;
    }
    let _ = node.children(&mut |child| {
        note_levels(child, reader, reads_own, reads_outer);
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
