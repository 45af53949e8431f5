//! Which column of the plane an expression hands on as it is.

use crate::catalog::plane::{Plane, PlaneColumn};
use crate::pgx::query::column_lineage::{Origin, home};
use crate::pgx::query::{QueryNode, QueryView};

/// Columns that may be followed one into the other: common table expressions can be chained without any nesting.
const DEEPEST: usize = 200;

/// The column behind a column of the last of the scopes, through joins, subqueries and expressions of WITH. The outermost query's
/// expressions are the fences, or the proof refuses the statement. `None` for what is computed, and for columns of views over hidden
/// relations.
pub(super) fn column<'p, 't>(
    node: QueryNode<'t>,
    scopes: &[QueryView<'t>],
    plane: &'p Plane,
) -> Option<&'p PlaneColumn> {
    followed(node, scopes, plane, DEEPEST)
}

fn followed<'p, 't>(
    node: QueryNode<'t>,
    scopes: &[QueryView<'t>],
    plane: &'p Plane,
    depth: usize,
) -> Option<&'p PlaneColumn> {
    let depth = depth.checked_sub(1)?;
    let Some(column) = node.column() else {
        return node.relabelled().and_then(|same| followed(same, scopes, plane, depth));
    };
    let (around, query) = home(scopes, column.level)?;
    let of_result = |around: &[QueryView<'t>], inner: QueryView<'t>| {
        let scopes: Vec<QueryView<'t>> = around.iter().copied().chain([inner]).collect();
        followed(inner.result(column.attribute)?, &scopes, plane, depth)
    };
    match query.origin(column) {
        Origin::Node(node) => followed(node, around, plane, depth),
        Origin::Subquery(inner) => of_result(around, inner),
        Origin::Expression { level, name } => {
            let (around, query) = home(around, level)?;
            if around.len() > 1 {
                return of_result(around, query.expression(&name)?);
            }
            let index = usize::try_from(column.attribute).ok()?.checked_sub(1)?;
            plane.relation_of_view(&name)?.columns.get(index)
        }
        Origin::Values(_) | Origin::Function(_) | Origin::Stored | Origin::Other => None,
    }
}
