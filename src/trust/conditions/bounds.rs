//! From a value to bounds of a column of dates or timestamps, through what is computed of that column.

use crate::calendar;
use crate::catalog::own_functions::MomentFunction;
use crate::catalog::plane::Plane;
use crate::pgx::order::{self, Order};
use crate::pgx::query::condition::{Bound, MomentCall, Original, Part, Test};
use crate::pgx::query::{QueryNode, Wrapper};
use crate::pgx::types;
use crate::pgx::zones::{self, SessionZone};
use pgrx::pg_sys::{self, Oid};

pub(super) fn type_of(node: QueryNode<'_>) -> Oid {
    types::base_type(node.expression_type())
}

pub(super) fn is_moment(type_oid: Oid) -> bool {
    matches!(type_oid, pg_sys::DATEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID)
}

/// Functions around the value that give bounds of the side which is looked at: `side >= value` where `side >= least(value)`, and
/// `side <= value` where `side <= most(value)`.
pub(super) struct Bounds<'p> {
    plane: &'p Plane,
    zone: SessionZone,
    least: Vec<Wrapper>,
    most: Vec<Wrapper>,
    /// Where the bounds follow from the condition and no more: `side > value` only where `side >= above(value)`.
    above: Vec<Wrapper>,
    /// Likewise, `side < value` only where `side <= below(value)`.
    below: Vec<Wrapper>,
    /// `side = value` where `side = equal(value)`.
    equal: Option<Vec<Wrapper>>,
    /// The conditions say the same, and evaluating the one raises no error. Else the bounds follow from the condition.
    is_exact: bool,
    /// Up to this day, as a number, the condition raises an error over the column.
    refused_until: Option<i32>,
    /// From this day on it does, but for infinity perhaps.
    refused_from: Option<i32>,
}

impl<'p> Bounds<'p> {
    fn new(plane: &'p Plane, is_exact: bool) -> Self {
        let none = Vec::new;
        let zone = zones::of_session();
        let (least, most, above, below) = (none(), none(), none(), none());
        let (equal, refused_until, refused_from) = (None, None, None);
        Bounds { plane, zone, least, most, above, below, equal, is_exact, refused_until, refused_from }
    }

    /// Of an infinite column the condition raises an error.
    pub(super) fn refuse_infinities(&mut self) {
        self.refused_until = Some(i32::MIN);
        self.refused_from = Some(i32::MAX);
    }

    /// Of a date column the condition makes a timestamp, and raises an error over dates that none reaches. A timestamp's date is
    /// never as late as that.
    pub(super) fn refuse_late_dates(&mut self, argument: QueryNode<'_>) {
        if argument.is_own_column() && type_of(argument) == pg_sys::DATEOID {
            self.refused_from = Some(calendar::date_at_most(calendar::LAST).saturating_add(1));
        }
    }

    /// Those of an expression of one type that is compared with a value of another.
    pub(super) fn of_value(side: Oid, value: Oid, plane: &'p Plane) -> Option<Self> {
        let mut bounds = Bounds { equal: Some(Vec::new()), ..Bounds::new(plane, true) };
        if side != value {
            bounds.convert(side, value)?;
        }
        Some(bounds)
    }

    /// Those of a date that is compared with one, of which the condition asks less or no more than that.
    pub(super) fn of_day(plane: &'p Plane) -> Self {
        Bounds::new(plane, false)
    }

    /// Those of a date whose year is compared with a number of a type.
    pub(super) fn of_year(number: Oid, plane: &'p Plane) -> Option<Self> {
        let mut bounds = Bounds::of_day(plane);
        let number = if number == pg_sys::INT4OID {
            bounds.push(Wrapper::of(pg_sys::F_NUMERIC_INT4.into()), Wrapper::of(pg_sys::F_NUMERIC_INT4.into()));
            pg_sys::NUMERICOID
        } else {
            number
        };
        let call = |name| plane.moments.of(name, pg_sys::DATEOID, number).map(Wrapper::of);
        bounds.least.push(call(MomentFunction::First)?);
        bounds.most.push(call(MomentFunction::Last)?);
        bounds.above.push(call(MomentFunction::After)?);
        bounds.below.push(call(MomentFunction::Before)?);
        Some(bounds)
    }

    /// Puts one call around both lower bounds and one around both upper ones.
    fn push(&mut self, least: Wrapper, most: Wrapper) {
        self.least.push(least);
        self.above.push(least);
        self.most.push(most);
        self.below.push(most);
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
        self.push(least, most);
        if let Some(calls) = &mut self.equal {
            calls.push(equal);
        }
        Some(())
    }

    /// From a day to the moments of it.
    fn days_of(&mut self, inner: Oid) -> Option<()> {
        let by_zone = inner == pg_sys::TIMESTAMPTZOID;
        if by_zone && self.zone == SessionZone::Other {
            return None;
        }
        // In other zones the date of the outermost moments may be beyond the range.
        self.is_exact &= !by_zone || self.zone == SessionZone::Fixed(0);
        self.equal = None;
        let functions = &self.plane.moments;
        let call = |name| functions.of(name, inner, pg_sys::DATEOID).map(Wrapper::of);
        let (first, last) = (call(MomentFunction::First)?, call(MomentFunction::Last)?);
        self.push(first, last);
        Some(())
    }

    /// Takes the side apart down to its column, and the bounds along. `None` where that is not possible.
    pub(super) fn follow<'t>(&mut self, side: QueryNode<'t>) -> Option<QueryNode<'t>> {
        if side.is_own_column() {
            return Some(side);
        }
        let (call, argument) = side.moment_call()?;
        let inner = type_of(argument);
        match call {
            MomentCall::ToDate => self.days_of(inner)?,
            MomentCall::FromDate => {
                // Of dates that no timestamp reaches it is an error.
                self.is_exact = false;
                self.refuse_late_dates(argument);
                self.convert(inner, type_of(side))?;
            }
            MomentCall::Truncated { unit } => {
                let longest = calendar::longest(&unit.to_ascii_lowercase())?;
                // Local times of both are truncated and compared. Each is within a day of UTC (`zones::FURTHEST`), on either side: where
                // a zone has crossed the date line in between, the two offsets differ by more than a day.
                let apart = match (inner, self.zone) {
                    (pg_sys::TIMESTAMPTZOID, SessionZone::Other) => return None,
                    (pg_sys::TIMESTAMPTZOID, SessionZone::Changing) => 2 * calendar::DAY,
                    _ => 0,
                };
                // An error near the beginning of time.
                self.is_exact = false;
                self.equal = None;
                let function = self.plane.moments.of(MomentFunction::Moved, inner, inner)?;
                if apart != 0 {
                    self.least.push(Wrapper::with_distance(function, -apart));
                    self.above.push(Wrapper::with_distance(function, -apart));
                }
                let later = Wrapper::with_distance(function, longest.saturating_add(apart));
                self.most.push(later);
                self.below.push(later);
            }
        }
        self.follow(argument)
    }

    /// The same of the date of something, which is a date or timestamp.
    pub(super) fn follow_day<'t>(&mut self, side: QueryNode<'t>) -> Option<QueryNode<'t>> {
        let type_oid = type_of(side);
        if !is_moment(type_oid) {
            return None;
        }
        if type_oid != pg_sys::DATEOID {
            self.days_of(type_oid)?;
        }
        self.follow(side)
    }

    pub(super) fn are_trivial(&self) -> bool {
        self.least.is_empty() && self.most.is_empty()
    }

    /// What the column is where the side is so compared with a value; `bound` puts calls around that.
    pub(super) fn parts<'t>(
        &self,
        order: Order,
        column: QueryNode<'t>,
        bound: impl Fn(&[Wrapper]) -> Bound<'t>,
    ) -> Option<Vec<Part<'t>>> {
        let column_type = type_of(column);
        let part = |order: Order, calls: &[Wrapper]| {
            let operator = order::operator_of_order(order, column_type)?;
            Some(Part { column, test: Test::Operator(operator), bound: bound(calls) })
        };
        Some(match (order, &self.equal) {
            (Order::GreaterOrEqual, _) => vec![part(Order::GreaterOrEqual, &self.least)?],
            (Order::LessOrEqual, _) => vec![part(Order::LessOrEqual, &self.most)?],
            (Order::Less, _) if self.is_exact => vec![part(Order::Less, &self.least)?],
            (Order::Greater, _) if self.is_exact => vec![part(Order::Greater, &self.most)?],
            (Order::Equal, Some(equal)) if self.is_exact => vec![part(Order::Equal, equal)?],
            // A row beyond a strict bound may be at what follows from it.
            (Order::Less, _) => vec![part(Order::LessOrEqual, &self.below)?],
            (Order::Greater, _) => vec![part(Order::GreaterOrEqual, &self.above)?],
            (Order::Equal, _) => {
                vec![part(Order::GreaterOrEqual, &self.least)?, part(Order::LessOrEqual, &self.most)?]
            }
        })
    }

    /// Where the column is such that the condition raises an error, which a row has to reach as it would by hand. A bound in that
    /// direction lets the row through by itself.
    pub(super) fn refused<'t>(&self, order: Order, column: QueryNode<'t>) -> Option<Vec<Vec<Part<'t>>>> {
        let column_type = type_of(column);
        let part = |order: Order, day: i32| {
            let test = Test::Operator(order::operator_of_order(order, column_type)?);
            let calls = if column_type == pg_sys::DATEOID {
                Vec::new()
            } else {
                let first = self.plane.moments.of(MomentFunction::First, column_type, pg_sys::DATEOID)?;
                vec![Wrapper::of(first)]
            };
            Some(vec![Part { column, test, bound: Bound::Day { day, calls } }])
        };
        let early = self.refused_until.filter(|_| !matches!(order, Order::Less | Order::LessOrEqual));
        let late = self.refused_from.filter(|_| !matches!(order, Order::Greater | Order::GreaterOrEqual));
        let early = early.map(|day| part(Order::LessOrEqual, day));
        let late = late.map(|day| part(Order::GreaterOrEqual, day));
        early.into_iter().chain(late).collect()
    }

    /// What becomes of the condition.
    pub(super) fn original(&self) -> Original {
        if self.is_exact { Original::Left } else { Original::Wrapped(self.plane.policy.beside) }
    }
}
