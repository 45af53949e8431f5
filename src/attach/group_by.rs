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
use super::level::{Level, Resolve, Source, Within, can_be_grouped};
use crate::catalog::sorted::Names;
use crate::pgx::interrupts;
use crate::pgx::raw::{Placed, RawColumnRef, RawKind, RawNode, RawSelect, RawTree, RowColumn};
use pgrx::pg_sys::NodeTag;
use std::collections::BTreeMap;

/// Completes GROUP BY of this level, if it groups by a plane relation's key.
pub(super) fn complete<'t>(tree: &mut RawTree<'t>, select: RawSelect<'t>, resolve: Resolve<'_>, aggregates: &Names) {
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
        let reader = Reader { source, aggregates, resolve, has_rest, star_is_row: false, within: &level.within(None) };
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

/// Whose columns are looked for.
#[derive(Clone, Copy)]
struct Reader<'r> {
    source: &'r Source,
    aggregates: &'r Names,
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
    let within = level.within(Some(reader.within));
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
