//! Whether a statement touches a private column: one whose values may be used and returned, but must never enter a
//! prompt.
//!
//! Reads the analysed tree before rewriting. Any expression that names such a column of a fence counts, wherever it
//! stands and whether its value reaches the answer or not; so does a whole row. A table that is only joined does not.

use crate::attach::Fence;
use crate::error::{Refusal, StageResult};
use crate::pgx::query::column_lineage::{ColumnReference, Origin};
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use std::collections::{BTreeSet, HashSet};

/// The private columns that the statement touches, as `relation.column`, in order. Must come after the proof of the
/// fences and of the tree.
pub(super) fn touched(query: QueryView<'_>, fences: &[Fence]) -> StageResult<Vec<String>> {
    let is_private = |fence: &Fence| fence.relation.columns.iter().any(|column| column.is_private);
    if !fences.iter().any(is_private) {
        return Ok(Vec::new());
    }
    let mut walk = PrivateWalk { fences, scopes: vec![query], seen: HashSet::new(), found: BTreeSet::new() };
    // The queries of the top level's WITH are the fences, which name all of their columns.
    query.named_children(true, &mut |node| walk.visit(node))?;
    Ok(walk.found.into_iter().collect())
}

struct PrivateWalk<'f, 't> {
    fences: &'f [Fence],
    /// The queries around the node that is visited, the outermost first.
    scopes: Vec<QueryView<'t>>,
    /// Columns that were traced already: the query's address, its range table entry, the column there.
    seen: HashSet<(usize, i32, i16)>,
    found: BTreeSet<String>,
}

impl<'t> PrivateWalk<'_, 't> {
    fn visit(&mut self, node: QueryNode<'t>) -> StageResult<()> {
        if let QueryKind::Query(query) = node.kind() {
            self.scopes.push(query);
            let result = query.named_children(false, &mut |child| self.visit(child));
            self.scopes.pop();
            return result;
        }
        match node.named() {
            Some(column) => self.trace(column),
            None => node.children(&mut |child| self.visit(child)),
        }
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

    /// One column of a fence; a whole row is all of them.
    fn note(&mut self, name: &str, attribute: i16) -> StageResult<()> {
        let fence = self.fences.iter().find(|fence| fence.name == name);
        let fence = fence.ok_or_else(|| Refusal::proof("a top-level expression that is not a fence"))?;
        let relation = &fence.relation;
        let index = usize::try_from(attribute).ok().and_then(|number| number.checked_sub(1));
        for (position, column) in relation.columns.iter().enumerate() {
            if column.is_private && index.is_none_or(|index| index == position) {
                self.found.insert(format!("{}.{}", relation.name, column.name));
            }
        }
        Ok(())
    }
}
