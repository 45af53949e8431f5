//! The calls of functions that an expression of an analysed tree makes.

use super::QueryNode;
use crate::pgx::node::{Fields, TreeNode};
use crate::pgx::routines;
use crate::pgx::types;
use pgrx::pg_sys;

/// A call of a function, operator, comparison, aggregate, window function or type's input function.
pub struct Operation<'t> {
    /// The function, also of an operator; of a conversion from text the type's, or its elements', input function.
    pub function: pg_sys::Oid,
    /// Its arguments in order.
    pub arguments: Vec<QueryNode<'t>>,
    /// `operator ANY (array)` or `ALL`: one call for each element.
    pub is_list: bool,
    /// An aggregate or window function, which checks for interrupts between its rows.
    pub is_over_rows: bool,
}

impl<'t> QueryNode<'t> {
    /// The calls that evaluating this node itself makes.
    pub fn operations(self) -> Vec<Operation<'t>> {
        use pg_sys::NodeTag as T;
        if let Some(comparison) = self.downcast::<pg_sys::RowCompareExpr>() {
            return pairs(&comparison);
        }
        let Some((function, arguments)) = self.call() else { return Vec::new() };
        vec![Operation {
            function,
            arguments: in_order(arguments),
            is_list: self.tag() == T::T_ScalarArrayOpExpr,
            is_over_rows: matches!(self.tag(), T::T_Aggref | T::T_WindowFunc),
        }]
    }

    /// The one function that evaluating this node itself calls, and its arguments as they stand in the node.
    fn call(self) -> Option<(pg_sys::Oid, Vec<QueryNode<'t>>)> {
        use pg_sys::NodeTag as T;
        Some(match self.tag() {
            T::T_FuncExpr => {
                let call = self.downcast::<pg_sys::FuncExpr>()?;
                (call.funcid, call.args())
            }
            T::T_OpExpr | T::T_DistinctExpr | T::T_NullIfExpr => {
                let call = self.operator()?;
                (routines::operator_function(call.opno), call.args())
            }
            T::T_ScalarArrayOpExpr => {
                let call = self.downcast::<pg_sys::ScalarArrayOpExpr>()?;
                (routines::operator_function(call.opno), call.args())
            }
            T::T_MinMaxExpr => {
                let call = self.downcast::<pg_sys::MinMaxExpr>()?;
                (types::comparison_function(call.minmaxtype).unwrap_or(pg_sys::InvalidOid), call.args())
            }
            T::T_Aggref => {
                let call = self.downcast::<pg_sys::Aggref>()?;
                (call.aggfnoid, call.args())
            }
            T::T_WindowFunc => {
                let call = self.downcast::<pg_sys::WindowFunc>()?;
                (call.winfnoid, call.args())
            }
            T::T_CoerceViaIO => {
                let type_oid = self.expression_type();
                let read = types::element_type(type_oid).unwrap_or(type_oid);
                let argument = self.downcast::<pg_sys::CoerceViaIO>()?.arg();
                (types::input_function(read), argument.into_iter().collect())
            }
            _ => return None,
        })
    }

    /// The value that this node converts through its text, and the type that it becomes.
    pub fn conversion_through_text(self) -> Option<(Self, pg_sys::Oid)> {
        let conversion = self.downcast::<pg_sys::CoerceViaIO>()?;
        conversion.arg().map(|from| (from, conversion.resulttype))
    }

    /// Of a function in FROM with a column definition list: its arguments, and the types of the columns.
    pub fn declared_rows(self) -> Option<(Vec<Self>, Vec<pg_sys::Oid>)> {
        let function = self.downcast::<pg_sys::RangeTblFunction>()?;
        let call = function.funcexpr()?;
        let arguments = call.operations().into_iter().flat_map(|call| call.arguments).collect();
        Some((arguments, function.funccoltypes()))
    }

    /// Which of the function's arguments a named one is, counted from 0.
    fn place(self) -> Option<usize> {
        usize::try_from(self.downcast::<pg_sys::NamedArgExpr>()?.argnumber).ok()
    }

    /// The expression of an argument: that of an aggregate stands in a target entry, a named one in a node of its own.
    fn argument(self) -> Option<Self> {
        match self.tag() {
            pg_sys::NodeTag::T_TargetEntry => self.downcast::<pg_sys::TargetEntry>()?.expr(),
            pg_sys::NodeTag::T_NamedArgExpr => self.downcast::<pg_sys::NamedArgExpr>()?.arg(),
            _ => Some(self),
        }
    }
}

/// The expressions of a call's arguments in the order that the function declares, which named notation need not keep.
fn in_order(arguments: Vec<QueryNode<'_>>) -> Vec<QueryNode<'_>> {
    let mut placed: Vec<(usize, QueryNode<'_>)> = arguments
        .into_iter()
        .enumerate()
        .filter_map(|(written, argument)| Some((argument.place().unwrap_or(written), argument.argument()?)))
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, argument)| argument).collect()
}

/// The comparisons of two rows, field by field.
fn pairs<'t>(comparison: &Fields<QueryNode<'t>, pg_sys::RowCompareExpr>) -> Vec<Operation<'t>> {
    let sides = comparison.largs().into_iter().zip(comparison.rargs());
    let operators = comparison.opnos().into_iter().map(routines::operator_function);
    operators
        .zip(sides)
        .map(|(function, (left, right))| Operation {
            function,
            arguments: vec![left, right],
            is_list: false,
            is_over_rows: false,
        })
        .collect()
}
