//! Dates and timestamps: bounds of a column that follow from a comparison with a value of another type, or of what is computed
//! of the column.

use super::bounds::{Bounds, is_moment, type_of};
use crate::catalog::plane::Plane;
use crate::pgx::query::QueryNode;
use crate::pgx::query::condition::{Bound, Replacement};

/// What takes the place of a comparison, if anything does. Nothing where the value is a query's: it could raise an error, and whether
/// PostgreSQL gets to run it might depend on what another index finds before the fence.
pub(super) fn in_place_of<'t>(condition: QueryNode<'t>, plane: &Plane) -> Option<Replacement<'t>> {
    let comparison = condition.comparison()?;
    let (side_type, value_type) = (type_of(comparison.side), type_of(comparison.value));
    if !is_moment(side_type) || !is_moment(value_type) || comparison.value.holds_query() {
        return None;
    }
    let mut bounds = Bounds::of_value(side_type, value_type, plane)?;
    let column = bounds.follow(comparison.side)?;
    if bounds.are_trivial() {
        return None;
    }
    let value = comparison.value;
    let parts = bounds.parts(comparison.order, column, |calls| Bound::Value { value, calls: calls.to_vec() })?;
    let mut alternatives = vec![parts];
    alternatives.extend(bounds.refused(comparison.order, column)?);
    Some(Replacement { alternatives, original: bounds.original() })
}
