//! Conditions that decide whether a row counts, and the forms that can be put in their place.

use super::wrapper::Wrapper;
use super::{QueryNode, QueryView};
use crate::pgx::node::TreeNode;
use crate::pgx::order::{self, Order};
use crate::pgx::{routines, types};
use pgrx::pg_sys;

/// A column, or what is computed of one, compared with a value that is the same for all rows of the query.
pub struct Comparison<'t> {
    /// The side that depends on the row.
    pub side: QueryNode<'t>,
    /// The operator as it reads with that side on its left.
    pub order: Order,
    /// The other side.
    pub value: QueryNode<'t>,
}

/// The same with several values, of which one is to meet it.
pub struct AnyComparison<'t> {
    pub side: QueryNode<'t>,
    pub order: Order,
    pub values: Vec<QueryNode<'t>>,
}

/// One condition of those that take another's place.
#[derive(Clone)]
pub struct Part<'t> {
    /// A column of the query.
    pub column: QueryNode<'t>,
    /// By what.
    pub test: Test,
    /// What it is compared with.
    pub bound: Bound<'t>,
}

/// What a column is compared by.
#[derive(Debug, Clone, Copy)]
pub enum Test {
    /// An operator between the column's type and itself.
    Operator(pg_sys::Oid),
    /// A function of ours over the column and what it is compared with.
    Function(pg_sys::Oid),
}

/// What a column is compared with.
#[derive(Clone)]
pub enum Bound<'t> {
    /// A value of the statement in calls of our functions, the first innermost.
    Value { value: QueryNode<'t>, calls: Vec<Wrapper> },
    /// A date, as the number that it is stored as, in such calls.
    Day { day: i32, calls: Vec<Wrapper> },
    /// A text.
    Text(String),
}

/// What takes a condition's place: other conditions, and itself if they do not say all that it says.
#[derive(Clone)]
pub struct Replacement<'t> {
    /// One of these is enough, and is met where all of its parts are.
    pub alternatives: Vec<Vec<Part<'t>>>,
    pub original: Original,
}

impl Replacement<'_> {
    /// What every row meets.
    pub fn nothing() -> Self {
        Replacement { alternatives: vec![Vec::new()], original: Original::Left }
    }
}

/// What becomes of a condition in whose place others stand.
#[derive(Debug, Clone, Copy)]
pub enum Original {
    /// They say the same.
    Left,
    /// It stands beside them in a call of that function, and they are counted.
    Wrapped(pg_sys::Oid),
    /// It stands beside them as it is, and is counted.
    Kept,
}

/// A conversion or truncation of a date or timestamp.
pub enum MomentCall {
    /// To a date.
    ToDate,
    /// To a timestamp of either kind, of a date.
    FromDate,
    /// `date_trunc(unit, ..)`.
    Truncated { unit: String },
}

/// The year of a date or timestamp.
pub struct YearCall<'t> {
    /// What it is taken of.
    pub argument: QueryNode<'t>,
    /// It becomes an integer, which an infinite year cannot.
    pub is_integer: bool,
    /// It is taken of a date as of a timestamp, which not every date can become.
    pub is_of_timestamp: bool,
}

impl<'t> QueryView<'t> {
    /// The conditions of WHERE and ON: those that NULL does not meet any more than false, taken apart at AND and OR. Not those of
    /// HAVING, where only what is grouped by may be read.
    pub fn conditions(self) -> Vec<QueryNode<'t>> {
        let query = self.query();
        let mut found = Vec::new();
        if let Some(from) = query.jointree() {
            conditions_of_from(from, &mut found);
        }
        found
    }
}

fn conditions_of_from<'t>(node: QueryNode<'t>, found: &mut Vec<QueryNode<'t>>) {
    if let Some(from) = node.downcast::<pg_sys::FromExpr>() {
        from.fromlist().into_iter().for_each(|item| conditions_of_from(item, found));
        if let Some(condition) = from.quals() {
            take_apart(condition, found);
        }
    } else if let Some(join) = node.downcast::<pg_sys::JoinExpr>() {
        join.larg().into_iter().chain(join.rarg()).for_each(|item| conditions_of_from(item, found));
        // FULL JOIN takes conditions of certain forms only.
        let condition = join.quals().filter(|_| join.jointype != pg_sys::JoinType::JOIN_FULL);
        if let Some(condition) = condition {
            take_apart(condition, found);
        }
    }
}

fn take_apart<'t>(condition: QueryNode<'t>, found: &mut Vec<QueryNode<'t>>) {
    match condition.downcast::<pg_sys::BoolExpr>().filter(|of| of.boolop != pg_sys::BoolExprType::NOT_EXPR) {
        Some(several) => several.args().into_iter().for_each(|one| take_apart(one, found)),
        None => found.push(condition),
    }
}

impl<'t> QueryNode<'t> {
    /// The collation by which an expression compares; no collation for one that needs none.
    pub fn collation(self) -> pg_sys::Oid {
        // SAFETY: an expression of a whole tree.
        unsafe { pg_sys::exprInputCollation(self.as_pointer()) }
    }

    /// This condition as a comparison with one value or with several, by IN.
    pub fn any_comparison(self) -> Option<AnyComparison<'t>> {
        if let Some(Comparison { side, order, value }) = self.comparison() {
            return Some(AnyComparison { side, order, values: vec![value] });
        }
        let (side, values) = self.membership()?;
        Some(AnyComparison { side, order: Order::Equal, values })
    }

    /// This condition as a comparison by an operator of the order of its row's side, with a value that no row of the query and
    /// no chance has a part in.
    pub fn comparison(self) -> Option<Comparison<'t>> {
        let call = self.downcast::<pg_sys::OpExpr>()?;
        let [left, right] = call.args()[..] else { return None };
        let (side, value, is_swapped) = match (left.reads_own_column(), right.reads_own_column()) {
            (true, false) => (left, right, false),
            (false, true) => (right, left, true),
            _ => return None,
        };
        let order = order::place_in_order(call.opno, types::base_type(side.expression_type()))?;
        // SAFETY: an expression of a whole tree.
        let is_volatile = unsafe { pg_sys::contain_volatile_functions(value.as_pointer()) };
        let order = if is_swapped { order.swapped() } else { order };
        (!is_volatile).then_some(Comparison { side, order, value })
    }

    /// `column IN (..)` by the equality of the column's type, with values as above: the column, and the values.
    fn membership(self) -> Option<(Self, Vec<Self>)> {
        let call = self.downcast::<pg_sys::ScalarArrayOpExpr>().filter(|call| call.useOr)?;
        let [side, list] = call.args()[..] else { return None };
        let is_equality =
            order::place_in_order(call.opno, types::base_type(side.expression_type())) == Some(Order::Equal);
        let values = list.downcast::<pg_sys::ArrayExpr>().filter(|array| is_equality && !array.multidims)?.elements();
        // SAFETY: an expression of a whole tree.
        let is_volatile = unsafe { pg_sys::contain_volatile_functions(list.as_pointer()) };
        (side.reads_own_column() && !list.reads_own_column() && !is_volatile).then_some((side, values))
    }

    /// Whether it reads a column of the query that it stands in.
    fn reads_own_column(self) -> bool {
        // SAFETY: an expression of a whole tree.
        unsafe { pg_sys::contain_vars_of_level(self.as_pointer(), 0) }
    }

    /// Whether a query stands in it.
    pub fn holds_query(self) -> bool {
        self.tag() == pg_sys::NodeTag::T_SubLink || self.any_child(&mut QueryNode::holds_query)
    }

    /// Whether it is a column of the query that it stands in, as it is or as another type of the same form.
    pub fn is_own_column(self) -> bool {
        if let Some(column) = self.downcast::<pg_sys::Var>() {
            return column.varlevelsup == 0 && column.varattno > 0;
        }
        self.relabelled().is_some_and(QueryNode::is_own_column)
    }

    /// What this node hands on as another type of the same form.
    pub fn relabelled(self) -> Option<Self> {
        self.downcast::<pg_sys::RelabelType>().and_then(|same| same.arg())
    }

    /// This call as a conversion or truncation of a date or timestamp, with its argument.
    pub fn moment_call(self) -> Option<(MomentCall, Self)> {
        let call = self.downcast::<pg_sys::FuncExpr>()?;
        let arguments = call.args();
        Some(match (call.funcid.to_u32(), arguments.as_slice()) {
            (pg_sys::F_DATE_TIMESTAMP | pg_sys::F_DATE_TIMESTAMPTZ, [argument]) => (MomentCall::ToDate, *argument),
            (pg_sys::F_TIMESTAMP_DATE | pg_sys::F_TIMESTAMPTZ_DATE, [argument]) => (MomentCall::FromDate, *argument),
            (pg_sys::F_DATE_TRUNC_TEXT_TIMESTAMP | pg_sys::F_DATE_TRUNC_TEXT_TIMESTAMPTZ, [unit, argument]) => {
                (MomentCall::Truncated { unit: unit.constant_text()? }, *argument)
            }
            _ => return None,
        })
    }

    /// This call as one that takes the year of a date or timestamp: by EXTRACT or `date_part`, as an integer too.
    pub fn year_call(self) -> Option<YearCall<'t>> {
        let call = self.downcast::<pg_sys::FuncExpr>()?;
        match (call.funcid.to_u32(), call.args().as_slice()) {
            (pg_sys::F_INT4_NUMERIC | pg_sys::F_INT4_FLOAT8, [year]) => {
                year.year_call().map(|year| YearCall { is_integer: true, ..year })
            }
            (
                pg_sys::F_EXTRACT_TEXT_DATE
                | pg_sys::F_EXTRACT_TEXT_TIMESTAMP
                | pg_sys::F_EXTRACT_TEXT_TIMESTAMPTZ
                | pg_sys::F_DATE_PART_TEXT_DATE
                | pg_sys::F_DATE_PART_TEXT_TIMESTAMP
                | pg_sys::F_DATE_PART_TEXT_TIMESTAMPTZ,
                [unit, argument],
            ) => unit.constant_text()?.eq_ignore_ascii_case("year").then_some(YearCall {
                argument: *argument,
                is_integer: false,
                is_of_timestamp: call.funcid.to_u32() == pg_sys::F_DATE_PART_TEXT_DATE,
            }),
            _ => None,
        }
    }

    /// `to_char(moment, pattern)` with a constant pattern: the timestamp, and the pattern.
    pub fn printed_moment(self) -> Option<(Self, String)> {
        let call = self.downcast::<pg_sys::FuncExpr>()?;
        match (call.funcid.to_u32(), call.args().as_slice()) {
            (pg_sys::F_TO_CHAR_TIMESTAMP_TEXT | pg_sys::F_TO_CHAR_TIMESTAMPTZ_TEXT, [moment, pattern]) => {
                Some((*moment, pattern.constant_text()?))
            }
            _ => None,
        }
    }

    /// `text LIKE pattern` with a constant pattern, where texts are equal that have the same bytes and no others: the text, and
    /// the pattern.
    pub fn search_by_pattern(self) -> Option<(Self, String)> {
        let call = self.downcast::<pg_sys::OpExpr>()?;
        let [subject, pattern] = call.args()[..] else { return None };
        let is_search = routines::operator_function(call.opno).to_u32() == pg_sys::F_TEXTLIKE && subject.is_text();
        (is_search && types::is_by_bytes(call.inputcollid)).then_some(())?;
        Some((subject, pattern.constant_text()?))
    }
}
