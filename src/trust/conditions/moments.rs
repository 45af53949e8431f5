//! Dates and timestamps: bounds of a column that follow from a comparison with a value of another type, or of what is computed
//! of the column.

use crate::calendar;
use crate::catalog::own_functions::MomentFunction;
use crate::catalog::plane::Plane;
use crate::pgx::order::{self, Order};
use crate::pgx::query::condition::{Bound, MomentCall, Original, Part, Replacement, Test};
use crate::pgx::query::{QueryNode, Wrapper};
use crate::pgx::types;
use crate::pgx::zones::{self, SessionZone};
use pgrx::pg_sys::{self, Oid};

/// What takes the place of a comparison, if anything does. Nothing where the value is a query's: it could raise an error, and whether
/// PostgreSQL gets to run it might depend on what another index finds before the fence.
pub(super) fn in_place_of<'t>(condition: QueryNode<'t>, plane: &Plane) -> Option<Replacement<'t>> {
    let comparison = condition.comparison()?;
    let (side_type, value_type) = (of(comparison.side), of(comparison.value));
    if !is_moment(side_type) || !is_moment(value_type) || comparison.value.holds_query() {
        return None;
    }
    let mut bounds = Bounds::of_value(side_type, value_type, plane)?;
    let column = bounds.follow(comparison.side)?;
    if bounds.are_trivial() {
        return None;
    }
    let column_type = of(column);
    let part = |order: Order, calls: &[Wrapper]| {
        let operator = order::operator_of_order(order, column_type)?;
        let bound = Bound::Value { value: comparison.value, calls: calls.to_vec() };
        Some(Part { column, test: Test::Operator(operator), bound })
    };
    let is_exact = bounds.is_exact;
    // Where the bounds follow from the condition and no more, a row beyond a strict one may be at the bound itself.
    let loose = |order, or_equal| if is_exact { order } else { or_equal };
    let parts = match (comparison.order, &bounds.equal) {
        (Order::GreaterOrEqual, _) => vec![part(Order::GreaterOrEqual, &bounds.least)?],
        (Order::Less, _) => vec![part(loose(Order::Less, Order::LessOrEqual), bounds.below())?],
        (Order::Greater, _) => vec![part(loose(Order::Greater, Order::GreaterOrEqual), bounds.above())?],
        (Order::LessOrEqual, _) => vec![part(Order::LessOrEqual, &bounds.most)?],
        (Order::Equal, Some(equal)) if is_exact => vec![part(Order::Equal, equal)?],
        (Order::Equal, _) => {
            vec![part(Order::GreaterOrEqual, &bounds.least)?, part(Order::LessOrEqual, &bounds.most)?]
        }
    };
    let original = if is_exact { Original::Left } else { Original::Wrapped(plane.policy.beside) };
    Some(Replacement { parts, is_any: false, original })
}

fn of(node: QueryNode<'_>) -> Oid {
    types::base_type(node.expression_type())
}

fn is_moment(type_oid: Oid) -> bool {
    matches!(type_oid, pg_sys::DATEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID)
}

/// Functions around the value that give bounds of the side which is looked at: `side >= value` where `side >= least(value)`, and
/// `side <= value` where `side <= most(value)`.
struct Bounds<'p> {
    plane: &'p Plane,
    zone: SessionZone,
    least: Vec<Wrapper>,
    most: Vec<Wrapper>,
    /// `side = value` where `side = equal(value)`.
    equal: Option<Vec<Wrapper>>,
    /// The conditions say the same, and evaluating the one raises no error. Else the bounds follow from the condition.
    is_exact: bool,
}

impl<'p> Bounds<'p> {
    /// Those of an expression of one type that is compared with a value of another.
    fn of_value(side: Oid, value: Oid, plane: &'p Plane) -> Option<Self> {
        let zone = zones::of_session();
        let mut bounds =
            Bounds { plane, zone, least: Vec::new(), most: Vec::new(), equal: Some(Vec::new()), is_exact: true };
        if side != value {
            bounds.convert(side, value)?;
        }
        Some(bounds)
    }

    /// From the value's type to that of the side.
    fn convert(&mut self, side: Oid, value: Oid) -> Option<()> {
        let by_zone = side == pg_sys::TIMESTAMPTZOID || value == pg_sys::TIMESTAMPTZOID;
        if by_zone && self.zone == SessionZone::Other {
            return None;
        }
        // Timestamps without a zone: some stand for a moment that comes before those of earlier ones.
        let is_steady = !by_zone || matches!(self.zone, SessionZone::Fixed(_));
        self.is_exact &= side != pg_sys::TIMESTAMPOID || is_steady;
        // Where a zone has left out a day, two dates begin at one moment.
        if side == pg_sys::DATEOID && !is_steady {
            self.equal = None;
        }
        let functions = &self.plane.moments;
        let call = |name| functions.of(name, side, value).map(Wrapper::of);
        let (least, most, equal) =
            (call(MomentFunction::AtLeast)?, call(MomentFunction::AtMost)?, call(MomentFunction::EqualTo)?);
        self.least.push(least);
        self.most.push(most);
        if let Some(calls) = &mut self.equal {
            calls.push(equal);
        }
        Some(())
    }

    /// Takes the side apart down to its column, and the bounds along. `None` where that is not possible.
    fn follow<'t>(&mut self, side: QueryNode<'t>) -> Option<QueryNode<'t>> {
        if side.is_own_column() {
            return Some(side);
        }
        let (call, argument) = side.moment_call()?;
        let inner = of(argument);
        match call {
            MomentCall::ToDate => {
                let by_zone = inner == pg_sys::TIMESTAMPTZOID;
                if by_zone && self.zone == SessionZone::Other {
                    return None;
                }
                // In other zones the date of the outermost moments is beyond the range, which is an error.
                self.is_exact &= !by_zone || self.zone == SessionZone::Fixed(0);
                self.equal = None;
                let functions = &self.plane.moments;
                let call = |name| functions.of(name, inner, pg_sys::DATEOID).map(Wrapper::of);
                let (first, last) = (call(MomentFunction::First)?, call(MomentFunction::Last)?);
                self.least.push(first);
                self.most.push(last);
            }
            MomentCall::FromDate => {
                // Of dates that no timestamp reaches it is an error.
                self.is_exact = false;
                self.convert(inner, of(side))?;
            }
            MomentCall::Truncated { unit } => {
                let longest = calendar::longest(&unit.to_ascii_lowercase())?;
                // Where the clocks change, what is truncated may be some hours away, and later too.
                let apart = match (inner, self.zone) {
                    (pg_sys::TIMESTAMPTZOID, SessionZone::Other) => return None,
                    (pg_sys::TIMESTAMPTZOID, SessionZone::Changing) => calendar::DAY,
                    _ => 0,
                };
                // An error near the beginning of time.
                self.is_exact = false;
                self.equal = None;
                let function = self.plane.moments.of(MomentFunction::Moved, inner, inner)?;
                if apart != 0 {
                    self.least.push(Wrapper::with_distance(function, -apart));
                }
                self.most.push(Wrapper::with_distance(function, longest.saturating_add(apart)));
            }
        }
        self.follow(argument)
    }

    fn are_trivial(&self) -> bool {
        self.least.is_empty() && self.most.is_empty()
    }

    /// What the side is less than; loosely, what it is at most.
    fn below(&self) -> &[Wrapper] {
        if self.is_exact { &self.least } else { &self.most }
    }

    /// What the side is greater than; loosely, what it is at least.
    fn above(&self) -> &[Wrapper] {
        if self.is_exact { &self.most } else { &self.least }
    }
}
