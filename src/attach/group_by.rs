//! `GROUP BY` on a primary key.
//!
//! PostgreSQL lets `SELECT o.id, o.status .. GROUP BY o.id` pass when `id` is the table's primary key, but cannot see
//! the key through a common table expression. Here the columns of that relation that the level reads are added to
//! GROUP BY: the key determines them, so the groups stay what they were. Columns that a scope fixes to one value for the
//! whole call count as given, so that the key (tenant_id, id) is covered by `GROUP BY id`.
//!
//! A column of a type without equality (json, point, arrays of them) cannot be added: an aggregate of ours, which hands on one of
//! the group's values, stands for it. A whole row becomes a row of the columns so found.

use crate::catalog::plane::PlaneRelation;
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
    let Some(grouped) = Grouped::read(select, &items) else { return };
    let mut level = Level::default();
    let sources = select.sources();
    for item in &sources {
        level.collect(*item, resolve);
    }
    let is_only = sources.len() == 1 && level.names == 1;
    for (alias, relation) in &level.relations {
        interrupts::check();
        let is_grouped = |column: &str| grouped.holds(alias, column, &level);
        if !covers_key(relation, &is_grouped) {
            continue;
        }
        let mut read = Found::default();
        let has_rest = relation.columns.iter().any(|column| !can_be_grouped(relation, &column.name));
        let reader =
            Reader { alias, relation, aggregates, resolve, has_rest, is_argument: false, within: &level.within() };
        if has_rest {
            let columns: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
            tree.expand(select, &|item| reader.is_all(item, is_only), alias, &columns);
        }
        for place in select.targets().into_iter().chain(select.grouped_places()) {
            collect_columns(tree, place, &reader, &mut read);
        }
        if !read.rows.is_empty() {
            for column in &relation.columns {
                read.columns.entry(column.name.clone()).or_default();
            }
        }
        let groups = |column: &str| is_grouped(column) || can_be_grouped(relation, column);
        if !read.rows.is_empty() || read.columns.keys().any(|column| !groups(column)) {
            tree.name_targets(select);
        }
        for (column, references) in &read.columns {
            interrupts::check();
            if !groups(column) {
                references.iter().for_each(|place| tree.keep(*place, alias, column));
            } else if !is_grouped(column) {
                tree.add_group_column(select, alias, column);
            }
        }
        let key = relation.primary_key.iter().find(|column| is_grouped(column));
        if let Some(key) = key {
            let columns = relation.columns.iter().map(|column| column.name.as_str());
            let columns: Vec<RowColumn<'_>> =
                columns.map(|name| RowColumn { name, is_grouped: groups(name) }).collect();
            read.rows.iter().for_each(|place| tree.keep_row(*place, alias, &columns, key));
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
                let relation = resolve(&variable).filter(|_| !variable.renames_columns());
                self.is_unknown |= relation.is_none();
                self.relations.extend(relation.map(|relation| (variable.alias(), relation)));
                self.names = self.names.saturating_add(1);
                vec![variable.alias()]
            }
            RawKind::Join(join) => {
                let known = self.relations.len();
                let (left, right) = join.sides();
                let mut names = left.map_or_else(Vec::new, |side| self.collect(side, resolve));
                names.extend(right.map_or_else(Vec::new, |side| self.collect(side, resolve)));
                if join.is_renamed() {
                    self.is_unknown = true;
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
            _ => {
                self.is_unknown = true;
                self.names = self.names.saturating_add(1);
                vec![item.source_name().unwrap_or_default()]
            }
        }
    }

    /// The names that it gives to columns.
    fn within(&self) -> Within<'static> {
        let relations = self.relations.iter().map(|(_, relation)| Rc::clone(relation)).collect();
        Within { relations, is_unknown: self.is_unknown, outer: None }
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

/// A type without equality (json) cannot stand in GROUP BY; one of the group's values is kept instead, since the key makes them
/// one.
fn can_be_grouped(relation: &PlaneRelation, column: &str) -> bool {
    let known = relation.columns.iter().find(|known| known.name == column);
    known.is_some_and(|known| types::equality_operator(known.type_oid).is_some())
}

fn covers_key(relation: &PlaneRelation, is_grouped: &dyn Fn(&str) -> bool) -> bool {
    let is_fixed = |column: &str| {
        let mut bindings = relation.scope.iter();
        bindings.any(|binding| !binding.is_list() && !binding.or_null && binding.column.name == column)
    };
    let mut free = relation.primary_key.iter().filter(|column| !is_fixed(column)).peekable();
    free.peek().is_some() && free.all(|column| is_grouped(column))
}

/// What an unqualified name may mean where it stands: columns of the level and of those around it, up to the grouped one.
struct Within<'w> {
    relations: Vec<Rc<PlaneRelation>>,
    is_unknown: bool,
    /// `None` at the grouped level itself.
    outer: Option<&'w Within<'w>>,
}

impl Within<'_> {
    /// Whether nothing here has a column of this name for certain.
    fn lacks(&self, name: &str) -> bool {
        let has = |relation: &Rc<PlaneRelation>| relation.columns.iter().any(|column| column.name == name);
        !self.is_unknown && !self.relations.iter().any(has)
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
    alias: &'r str,
    relation: &'r PlaneRelation,
    aggregates: &'r HashSet<String>,
    resolve: Resolve<'r>,
    /// The relation has columns that cannot be grouped.
    has_rest: bool,
    /// An argument of a function, where `alias.*` is the whole row.
    is_argument: bool,
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
        self.relation.columns.iter().any(|column| column.name == name)
    }

    /// Whether a reference is the alias alone, and no column of that name.
    fn is_row(&self, reference: &RawColumnRef<'_>) -> bool {
        !reference.is_star()
            && matches!(reference.names().as_slice(), [name] if name == self.alias && self.within.never_has(name))
    }

    /// Whether an item of the select list is all columns: `alias.*`, `(alias).*`, or `*` of the only item of FROM.
    fn is_all(&self, item: RawNode<'_>, is_only: bool) -> bool {
        match item.kind() {
            RawKind::ColumnRef(reference) if reference.is_star() => match reference.names().as_slice() {
                [] => is_only,
                [.., name] => name == self.alias,
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
        RawKind::Function(function) => {
            let is_aggregate = function.names().last().is_some_and(|name| reader.aggregates.contains(name));
            if is_aggregate && !function.is_windowed() && !is_of_a_subquery(node, &reader) {
                return;
            }
            reader.is_argument = true;
        }
        RawKind::Other(NodeTag::T_List) => {}
        _ => reader.is_argument = false,
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
        [.., name] if reference.is_star() => reader.is_argument && name == reader.alias,
        _ => reader.is_row(&reference),
    };
    if is_row {
        found.rows.push(place);
        return;
    }
    let mut written = names.iter().rev();
    let column = if reference.is_star() { None } else { written.next() };
    if written.next().is_some_and(|name| name != reader.alias) {
        return;
    }
    let columns = reader.relation.columns.iter().map(|known| &known.name);
    for name in columns.filter(|known| column.is_none_or(|column| column == *known)) {
        let references = found.columns.entry(name.clone()).or_default();
        let is_certain = column.is_some() && (names.len() > 1 || reader.within.passes(name));
        references.extend(is_certain.then_some(place));
    }
}

fn collect_in_subquery<'t>(tree: &mut RawTree<'t>, select: RawSelect<'t>, reader: &Reader<'_>, found: &mut Found<'t>) {
    let sources = select.sources();
    // A subquery with a FROM item of that name means its own by it.
    if sources.iter().any(|item| binds(*item, reader.alias)) {
        return;
    }
    let mut level = Level::default();
    for item in sources {
        level.collect(item, reader.resolve);
    }
    if reader.has_rest {
        tree.name_targets(select);
    }
    let within = Within { outer: Some(reader.within), ..level.within() };
    let inner = Reader { within: &within, is_argument: false, ..*reader };
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
            [.., qualifier, _] if !reference.is_star() => qualifier == reader.alias,
            [.., qualifier] => qualifier == reader.alias,
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
