//! The year of a date or timestamp: bounds of a column that follow from comparing it.
//!
//! No comparison is exact: an infinite date has an infinite year, NaN is a number too, and a conversion to `integer` raises an error
//! over an infinite year. The condition itself stays beside the bounds, which rows that it raises an error over meet too.

use super::LONGEST_LIST;
use super::bounds::{Bounds, type_of};
use crate::catalog::plane::Plane;
use crate::pgx::query::QueryNode;
use crate::pgx::query::condition::{AnyComparison, Bound, Replacement, YearCall};
use pgrx::pg_sys;

/// What stands beside a comparison of a year, if anything does. Nothing where the value is a query's, as for moments.
pub(super) fn in_place_of<'t>(condition: QueryNode<'t>, plane: &Plane) -> Option<Replacement<'t>> {
    let AnyComparison { side, order, values } = condition.any_comparison()?;
    let YearCall { argument, is_integer, is_of_timestamp } = side.year_call()?;
    let number = type_of(side);
    let is_number = |value: &QueryNode<'t>| type_of(*value) == number && !value.holds_query();
    if !matches!(number, pg_sys::NUMERICOID | pg_sys::FLOAT8OID | pg_sys::INT4OID)
        || values.len() > LONGEST_LIST
        || !values.iter().all(is_number)
    {
        return None;
    }
    let mut bounds = Bounds::of_year(number, plane)?;
    if is_integer {
        bounds.refuse_infinities();
    }
    if is_of_timestamp {
        bounds.refuse_late_dates(argument);
    }
    let column = bounds.follow_day(argument)?;
    let of_value = |value| bounds.parts(order, column, |calls| Bound::Value { value, calls: calls.to_vec() });
    let mut alternatives = values.into_iter().map(of_value).collect::<Option<Vec<_>>>()?;
    alternatives.extend(bounds.refused(order, column)?);
    Some(Replacement { alternatives, original: bounds.original() })
}
