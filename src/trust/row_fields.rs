//! Fields of rows without a named type: each must be there, whichever branch the row comes from.
//!
//! PostgreSQL settles the fields of such a row by the first branch of a UNION. Where another branch makes a shorter row it
//! finds out during execution, by an internal error, and what shows the plan as text reads behind the row's end.

use crate::error::{Refusal, StageResult};
use crate::pgx::query::column_lineage::{Origin, home};
use crate::pgx::query::{QueryKind, QueryNode, QueryView, ValueForm};

/// Columns that may be followed one into the other.
const DEEPEST: usize = 200;

/// Refuses (0A000) a field that some branch of its row may lack.
pub(super) fn check(query: QueryView<'_>) -> StageResult<()> {
    let mut walk = FieldWalk { scopes: vec![query] };
    query.children(true, &mut |node| walk.visit(node))
}

struct FieldWalk<'t> {
    /// The queries around the node that is visited, the outermost first.
    scopes: Vec<QueryView<'t>>,
}

impl<'t> FieldWalk<'t> {
    fn visit(&mut self, node: QueryNode<'t>) -> StageResult<()> {
        match node.kind() {
            QueryKind::Query(query) => {
                self.scopes.push(query);
                let result = query.children(false, &mut |child| self.visit(child));
                self.scopes.pop();
                return result;
            }
            // Their contents come as children of their query, or they hold no expression.
            QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => return Ok(()),
            _ => {}
        }
        if let Some((row, field)) = node.field_of_anonymous_row()
            && !has_field(row, field, &self.scopes, 0)
        {
            return Err(Refusal::construct("a field of a row whose columns differ from branch to branch"));
        }
        node.children(&mut |child| self.visit(child))
    }
}

/// Whether every row that the expression may come to has a field of that number, as far as the statement says.
fn has_field<'t>(row: QueryNode<'t>, field: usize, scopes: &[QueryView<'t>], depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    let depth = depth.saturating_add(1);
    if let Some(column) = row.named() {
        let Some((around, query)) = home(scopes, column.level) else { return false };
        if column.attribute == 0 {
            return field <= query.width(column.entry);
        }
        return match query.origin(column) {
            Origin::Node(node) => has_field(node, field, around, depth),
            Origin::Subquery(inner) => results_have(inner, column.attribute, field, around, depth),
            Origin::Expression { level, name } => home(around, level).is_some_and(|(around, query)| {
                let inner = query.expression(&name);
                inner.is_some_and(|inner| results_have(inner, column.attribute, field, around, depth))
            }),
            Origin::Values(_) | Origin::Function(_) | Origin::Stored | Origin::Other => false,
        };
    }
    match row.value_form() {
        ValueForm::Gathered(fields) => field <= fields.len(),
        // Its columns are those that the function declares.
        ValueForm::Call { .. } => true,
        _ => false,
    }
}

/// The same of a column of a query, whose surroundings are given.
fn results_have<'t>(query: QueryView<'t>, column: i16, field: usize, around: &[QueryView<'t>], depth: usize) -> bool {
    let scopes: Vec<QueryView<'t>> = around.iter().copied().chain([query]).collect();
    match query.result(column) {
        Some(node) => has_field(node, field, &scopes, depth),
        None => {
            let arms = query.arms();
            !arms.is_empty() && arms.into_iter().all(|arm| results_have(arm, column, field, &scopes, depth))
        }
    }
}
