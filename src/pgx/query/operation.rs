//! The calls of functions that an expression of an analysed tree makes.

use super::{QueryNode, nodes, oids};
use crate::pgx::values;
use pgrx::pg_sys;

/// A call of a function, operator, comparison, aggregate, window function or type's input function.
pub struct Operation<'t> {
    /// The function, also of an operator; of a conversion from text the type's, or its elements', input function.
    pub function: pg_sys::Oid,
    /// Its arguments in order.
    pub arguments: Vec<QueryNode<'t>>,
    /// `operator ANY (array)` or `ALL`: one call for each element.
    pub is_list: bool,
    /// An aggregate or window function, between whose rows a cancel is heeded.
    pub is_over_rows: bool,
}

impl<'t> QueryNode<'t> {
    /// The calls that evaluating this node itself makes.
    pub fn operations(self) -> Vec<Operation<'t>> {
        use pg_sys::NodeTag as T;
        let (function, arguments) = match self.tag() {
            T::T_FuncExpr => {
                let call = self.cast::<pg_sys::FuncExpr>();
                (call.funcid, nodes(call.args))
            }
            T::T_OpExpr | T::T_DistinctExpr | T::T_NullIfExpr => {
                let call = self.cast::<pg_sys::OpExpr>();
                (values::operator_function(call.opno), nodes(call.args))
            }
            T::T_ScalarArrayOpExpr => {
                let call = self.cast::<pg_sys::ScalarArrayOpExpr>();
                (values::operator_function(call.opno), nodes(call.args))
            }
            T::T_MinMaxExpr => {
                let call = self.cast::<pg_sys::MinMaxExpr>();
                let compared = values::comparison_function(call.minmaxtype).unwrap_or(pg_sys::InvalidOid);
                (compared, nodes(call.args))
            }
            T::T_RowCompareExpr => return self.pairs(),
            T::T_Aggref => {
                let call = self.cast::<pg_sys::Aggref>();
                (call.aggfnoid, nodes(call.args))
            }
            T::T_WindowFunc => {
                let call = self.cast::<pg_sys::WindowFunc>();
                (call.winfnoid, nodes(call.args))
            }
            T::T_CoerceViaIO => {
                let type_oid = self.expression_type();
                let read = values::element_type(type_oid).unwrap_or(type_oid);
                let argument = QueryNode::from_pointer(self.cast::<pg_sys::CoerceViaIO>().arg.cast());
                (values::input_function(read), argument.into_iter().collect())
            }
            _ => return Vec::new(),
        };
        vec![Operation {
            function,
            arguments: arguments.into_iter().filter_map(QueryNode::argument).collect(),
            is_list: self.tag() == T::T_ScalarArrayOpExpr,
            is_over_rows: matches!(self.tag(), T::T_Aggref | T::T_WindowFunc),
        }]
    }

    /// The comparisons of two rows, field by field.
    fn pairs(self) -> Vec<Operation<'t>> {
        let comparison = self.cast::<pg_sys::RowCompareExpr>();
        let sides = nodes(comparison.largs).into_iter().zip(nodes(comparison.rargs));
        let operators = oids(comparison.opnos).into_iter().map(values::operator_function);
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

    /// The value that this node converts through its text, and the type that it becomes.
    pub fn conversion_through_text(self) -> Option<(Self, pg_sys::Oid)> {
        if self.tag() != pg_sys::NodeTag::T_CoerceViaIO {
            return None;
        }
        let conversion = self.cast::<pg_sys::CoerceViaIO>();
        QueryNode::from_pointer(conversion.arg.cast()).map(|from| (from, conversion.resulttype))
    }

    /// Of a function in FROM with a column definition list: its arguments, and the types of the columns.
    pub fn declared_rows(self) -> Option<(Vec<Self>, Vec<pg_sys::Oid>)> {
        if self.tag() != pg_sys::NodeTag::T_RangeTblFunction {
            return None;
        }
        let function = self.cast::<pg_sys::RangeTblFunction>();
        let call = QueryNode::from_pointer(function.funcexpr)?;
        let arguments = call.operations().into_iter().flat_map(|call| call.arguments).collect();
        Some((arguments, oids(function.funccoltypes)))
    }

    /// The expression of an argument: that of an aggregate stands in a target entry, a named one in a node of its own.
    fn argument(self) -> Option<Self> {
        match self.tag() {
            pg_sys::NodeTag::T_TargetEntry => QueryNode::from_pointer(self.cast::<pg_sys::TargetEntry>().expr.cast()),
            pg_sys::NodeTag::T_NamedArgExpr => QueryNode::from_pointer(self.cast::<pg_sys::NamedArgExpr>().arg.cast()),
            _ => Some(self),
        }
    }
}
