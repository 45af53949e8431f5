//! Whether a statement touches a private column: one whose values may be used and returned, but must never enter a
//! prompt.
//!
//! Reads the analysed tree before rewriting. Any expression that names such a column of a fence counts, wherever it
//! stands and whether its value reaches the answer or not; so does a whole row. A table that is only joined does not.
//!
//! A column of a plane view is private if it was declared so, or if its expression names a private column. What else a view does
//! with private columns (conditions, groups, subqueries) bears on all of its rows: whoever reads the view touches them.

use crate::attach::{AttachedView, Fence};
use crate::error::{Refusal, StageResult};
use crate::pgx::query::column_lineage::{ColumnReference, Origin};
use crate::pgx::query::outputs::Output;
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The private columns that the statement touches, as `relation.column`, in order. Must come after the proof of the
/// fences and of the tree.
pub(super) fn touched(query: QueryView<'_>, fences: &[Fence], views: &[AttachedView]) -> StageResult<Vec<String>> {
    let is_private = |fence: &Fence| fence.relation.columns.iter().any(|column| column.is_private);
    let all = fences.iter().chain(views.iter().flat_map(|attached| &attached.fences));
    let is_declared = views.iter().any(|attached| !attached.view.private_columns.is_empty());
    if !is_declared && !all.into_iter().any(is_private) {
        return Ok(Vec::new());
    }
    let mut walk = PrivateWalk {
        fences,
        around: query.derived().filter(|_| !views.is_empty()),
        hidden: HashMap::new(),
        views: BTreeMap::new(),
        scopes: vec![query],
        seen: HashSet::new(),
        found: BTreeSet::new(),
    };
    let mut of_views = BTreeSet::new();
    if let Some(around) = walk.around {
        walk.scopes.push(around);
        for attached in views {
            of_views.append(&mut walk.read_view(around, attached)?);
        }
        walk.scopes.pop();
        walk.seen.clear();
    }
    // The queries of the top level's WITH are the fences, which name all of their columns.
    query.named_children(true, &mut |node| walk.visit(node))?;
    walk.found.append(&mut of_views);
    Ok(walk.found.into_iter().collect())
}

struct PrivateWalk<'f, 't> {
    fences: &'f [Fence],
    /// The query with the views in its WITH, if there are any.
    around: Option<QueryView<'t>>,
    /// The views' own queries, by their addresses, that have fences of hidden relations.
    hidden: HashMap<usize, &'f AttachedView>,
    /// The columns of the views that are done, in order, each with whether it is private.
    views: BTreeMap<String, Vec<(String, bool)>>,
    /// The queries around the node that is visited, the outermost first.
    scopes: Vec<QueryView<'t>>,
    /// Columns that were traced already: the query's address, its range table entry, the column there.
    seen: HashSet<(usize, i32, i16)>,
    found: BTreeSet<String>,
}

impl<'f, 't> PrivateWalk<'f, 't> {
    fn visit(&mut self, node: QueryNode<'t>) -> StageResult<()> {
        if let QueryKind::Query(query) = node.kind() {
            self.scopes.push(query);
            let result = query.named_children(self.is_around(query), &mut |child| self.visit(child));
            self.scopes.pop();
            return result;
        }
        match node.named() {
            Some(column) => self.trace(column),
            None => node.children(&mut |child| self.visit(child)),
        }
    }

    fn is_around(&self, query: QueryView<'t>) -> bool {
        self.around.is_some_and(|around| around.address() == query.address())
    }

    /// Finds the private columns of a view. Gives what all of its rows rest on.
    fn read_view(&mut self, around: QueryView<'t>, attached: &'f AttachedView) -> StageResult<BTreeSet<String>> {
        let lost = || Refusal::proof("a view without a query");
        let mut query = around.expression(&attached.view.name).ok_or_else(lost)?;
        let before = self.scopes.len();
        if !attached.fences.is_empty() {
            self.hidden.insert(query.address(), attached);
            self.scopes.push(query);
            query = query.derived().ok_or_else(lost)?;
        }
        let mut columns = Vec::new();
        let mut of_all = BTreeSet::new();
        self.scopes.push(query);
        for Output { name, value, is_key } in query.outputs() {
            self.seen.clear();
            self.found.clear();
            self.visit(value)?;
            let is_private = !self.found.is_empty();
            if is_key {
                of_all.append(&mut self.found);
            }
            if let Some(name) = name {
                let is_declared = attached.view.private_columns.contains(&name);
                columns.push((name, is_private || is_declared));
            }
        }
        self.seen.clear();
        self.found.clear();
        query.named_children(false, &mut |node| {
            if query.is_select_list(node) { Ok(()) } else { self.visit(node) }
        })?;
        of_all.append(&mut self.found);
        self.scopes.truncate(before);
        self.views.insert(attached.view.name.clone(), columns);
        Ok(of_all)
    }

    fn trace(&mut self, column: ColumnReference) -> StageResult<()> {
        let unknown = || Refusal::proof("a column without a range table entry");
        let depth = self.scopes.len().checked_sub(column.level).filter(|depth| *depth > 0).ok_or_else(unknown)?;
        let query = depth.checked_sub(1).and_then(|index| self.scopes.get(index)).copied().ok_or_else(unknown)?;
        // Whole rows of joins of joins, named again and again, would make this as slow as the text is long, squared.
        if !self.seen.insert((query.address(), column.entry, column.attribute)) {
            return Ok(());
        }
        for origin in query.origins(column) {
            match origin {
                // Only the outermost query's expressions are the fences; any other is visited where it stands.
                Origin::Expression { level, name } => {
                    if level.checked_add(1) == Some(depth) {
                        self.note(&name, column.attribute)?;
                    } else {
                        let home = depth.checked_sub(level).and_then(|place| self.scopes.get(place.checked_sub(1)?));
                        let Some(home) = home.copied() else { continue };
                        if self.is_around(home) {
                            self.note_view(&name, column.attribute)?;
                        } else if let Some(attached) = self.hidden.get(&home.address()).copied() {
                            self.note_hidden(attached, &name, column.attribute)?;
                        }
                    }
                }
                // A column of a join: it stands for an expression of the query that the join belongs to.
                Origin::Node(node) => {
                    let inner = self.scopes.split_off(depth);
                    let result = self.visit(node);
                    self.scopes.extend(inner);
                    result?;
                }
                // Visited where they stand.
                Origin::Subquery(_) | Origin::Values(_) | Origin::Function(_) | Origin::Stored | Origin::Other => {}
            }
        }
        Ok(())
    }

    /// One column of a view; a whole row is all of them.
    fn note_view(&mut self, name: &str, attribute: i16) -> StageResult<()> {
        let columns = self.views.get(name).ok_or_else(|| Refusal::proof("a view that was not written"))?;
        let index = usize::try_from(attribute).ok().and_then(|number| number.checked_sub(1));
        let private = columns
            .iter()
            .enumerate()
            .filter(|(position, (_, is_private))| *is_private && index.is_none_or(|index| index == *position));
        self.found.extend(private.map(|(_, (column, _))| format!("{name}.{column}")));
        Ok(())
    }

    /// One column of a fence; a whole row is all of them.
    fn note(&mut self, name: &str, attribute: i16) -> StageResult<()> {
        let fence = self.fences.iter().find(|fence| fence.name == name);
        let fence = fence.ok_or_else(|| Refusal::proof("a top-level expression that is not a fence"))?;
        let private = private_of(fence, attribute);
        self.found.extend(private.map(|column| format!("{}.{column}", fence.relation.name)));
        Ok(())
    }

    /// The same of a hidden relation, whose name is not told.
    fn note_hidden(&mut self, attached: &AttachedView, name: &str, attribute: i16) -> StageResult<()> {
        // Other expressions in its WITH there are none.
        let fence = attached.fences.iter().find(|fence| fence.name == name);
        let fence = fence.ok_or_else(|| Refusal::proof("an expression of a view that is not a fence"))?;
        if private_of(fence, attribute).next().is_some() {
            self.found.insert(format!("{}.*", attached.view.name));
        }
        Ok(())
    }
}

/// The private ones among the columns of a fence that a reference names.
fn private_of(fence: &Fence, attribute: i16) -> impl Iterator<Item = &str> {
    let index = usize::try_from(attribute).ok().and_then(|number| number.checked_sub(1));
    let columns = fence.relation.columns.iter().enumerate();
    columns
        .filter(move |(position, column)| column.is_private && index.is_none_or(|index| index == *position))
        .map(|(_, column)| column.name.as_str())
}
