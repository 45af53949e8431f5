//! Dates and timestamps printed by `to_char` as a year, a month or a day: bounds of a column that follow from comparing the text.

use super::LONGEST_LIST;
use super::bounds::Bounds;
use crate::calendar;
use crate::catalog::plane::Plane;
use crate::pgx::order::Order;
use crate::pgx::query::QueryNode;
use crate::pgx::query::condition::{AnyComparison, Bound, Replacement};
use crate::pgx::types;

/// What stands beside `to_char(column, 'YYYY-MM') = '2026-03'` and its like, if anything does.
pub(super) fn in_place_of<'t>(condition: QueryNode<'t>, plane: &Plane) -> Option<Replacement<'t>> {
    let AnyComparison { side, order, values } = condition.any_comparison()?;
    let (argument, pattern) = side.printed_moment()?;
    if order != Order::Equal || values.len() > LONGEST_LIST || !types::is_by_bytes(condition.collation()) {
        return None;
    }
    let mut bounds = Bounds::of_day(plane);
    let column = bounds.follow_day(argument)?;
    let mut alternatives = Vec::new();
    for value in values {
        for days in calendar::printed::days(&pattern, &value.constant_text()?)? {
            let bound = |day: i32| move |calls: &[_]| Bound::Day { day, calls: calls.to_vec() };
            let mut parts = bounds.parts(Order::GreaterOrEqual, column, bound(*days.start()))?;
            parts.extend(bounds.parts(Order::LessOrEqual, column, bound(*days.end()))?);
            alternatives.push(parts);
        }
    }
    alternatives.extend(bounds.refused(order, column)?);
    Some(Replacement { alternatives, original: bounds.original() })
}
