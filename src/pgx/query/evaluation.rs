//! What evaluating a node of an analysed tree comes down to, for the table that says which may raise an error.

use super::QueryNode;
use crate::pgx::node::{Fields, TreeNode};
use crate::pgx::{routines, types};
use pgrx::pg_sys;

/// Every node that PostgreSQL takes for leakproof by itself or through the functions that it calls (`contain_leaked_vars`),
/// with what decides whether it raises. Nodes that PostgreSQL itself takes for leaky are `Other`.
pub enum Evaluation<'t> {
    Column,
    Constant,
    Parameter,
    /// ARRAY[..].
    Array {
        /// Its elements are arrays themselves.
        is_nested: bool,
        elements: Vec<QueryNode<'t>>,
    },
    /// ROW(..).
    Row {
        fields: Vec<QueryNode<'t>>,
    },
    /// A field of a row.
    Field,
    /// A row with a field replaced; no SELECT has it.
    FieldStore,
    NamedArgument,
    Boolean,
    /// Another type over the same bytes.
    Relabelling,
    Collation,
    /// CASE .. WHEN: the conditions over its operand, which reach it through a placeholder; none without an operand.
    Case {
        tests: Vec<QueryNode<'t>>,
    },
    /// The placeholder of a CASE operand or an array's element.
    Placeholder,
    /// CURRENT_DATE and the like.
    SqlValue,
    NullTest,
    BooleanTest,
    /// A sequence's next value; no plane has it.
    NextValue,
    List,
    /// Calls of functions: also operators, DISTINCT FROM, NULLIF, ANY and ALL over an array, GREATEST and LEAST, and
    /// comparisons of rows.
    Calls {
        functions: Vec<pg_sys::Oid>,
        /// A collation is needed, and none could be found.
        lacks_collation: bool,
    },
    /// A conversion of each element of an array.
    ArrayConversion {
        element: Option<QueryNode<'t>>,
    },
    /// A conversion through text.
    ConversionByText,
    /// An element or a slice.
    Subscript,
    /// OLD and NEW in RETURNING (18); no SELECT has it.
    #[cfg_attr(not(any(feature = "pg18", feature = "pg19")), allow(dead_code))]
    Returning,
    /// Whatever else: leaky to PostgreSQL, which puts it behind the fence by itself.
    Other,
}

impl<'t> QueryNode<'t> {
    /// What evaluating this node comes down to.
    pub fn evaluation(self) -> Evaluation<'t> {
        self.known_evaluation().unwrap_or(Evaluation::Other)
    }

    fn known_evaluation(self) -> Option<Evaluation<'t>> {
        use pg_sys::NodeTag as T;
        Some(match self.tag() {
            T::T_Var => Evaluation::Column,
            T::T_Const => Evaluation::Constant,
            T::T_Param => Evaluation::Parameter,
            T::T_ArrayExpr => {
                let array = self.downcast::<pg_sys::ArrayExpr>()?;
                Evaluation::Array { is_nested: array.multidims, elements: array.elements() }
            }
            T::T_RowExpr => Evaluation::Row { fields: self.downcast::<pg_sys::RowExpr>()?.args() },
            T::T_FieldSelect => Evaluation::Field,
            T::T_FieldStore => Evaluation::FieldStore,
            T::T_NamedArgExpr => Evaluation::NamedArgument,
            T::T_BoolExpr => Evaluation::Boolean,
            T::T_RelabelType => Evaluation::Relabelling,
            T::T_CollateExpr => Evaluation::Collation,
            T::T_CaseExpr => {
                let case = self.downcast::<pg_sys::CaseExpr>()?;
                let tests = if case.arg.is_null() { Vec::new() } else { case.args() };
                let test = |when: QueryNode<'t>| when.downcast::<pg_sys::CaseWhen>()?.expr();
                Evaluation::Case { tests: tests.into_iter().filter_map(test).collect() }
            }
            T::T_CaseTestExpr => Evaluation::Placeholder,
            T::T_SQLValueFunction => Evaluation::SqlValue,
            T::T_NullTest => Evaluation::NullTest,
            T::T_BooleanTest => Evaluation::BooleanTest,
            T::T_NextValueExpr => Evaluation::NextValue,
            T::T_List => Evaluation::List,
            T::T_FuncExpr => {
                let call = self.downcast::<pg_sys::FuncExpr>()?;
                calls(call.funcid, call.inputcollid, call.args())
            }
            T::T_OpExpr | T::T_DistinctExpr | T::T_NullIfExpr => {
                let call = self.operator()?;
                calls(routines::operator_function(call.opno), call.inputcollid, call.args())
            }
            T::T_ScalarArrayOpExpr => {
                let call = self.downcast::<pg_sys::ScalarArrayOpExpr>()?;
                calls(routines::operator_function(call.opno), call.inputcollid, call.args())
            }
            T::T_MinMaxExpr => {
                let call = self.downcast::<pg_sys::MinMaxExpr>()?;
                let compared = types::comparison_function(call.minmaxtype).unwrap_or(pg_sys::InvalidOid);
                calls(compared, call.inputcollid, call.args())
            }
            T::T_RowCompareExpr => row_comparison(&self.downcast()?),
            T::T_ArrayCoerceExpr => {
                Evaluation::ArrayConversion { element: self.downcast::<pg_sys::ArrayCoerceExpr>()?.elemexpr() }
            }
            T::T_CoerceViaIO => Evaluation::ConversionByText,
            T::T_SubscriptingRef => Evaluation::Subscript,
            #[cfg(any(feature = "pg18", feature = "pg19"))]
            T::T_ReturningExpr => Evaluation::Returning,
            _ => return None,
        })
    }

    fn is_collatable(self) -> bool {
        // SAFETY: a catalog look-up.
        let collation = unsafe { pg_sys::get_typcollation(self.expression_type()) };
        collation != pg_sys::InvalidOid
    }
}

fn calls<'t>(function: pg_sys::Oid, collation: pg_sys::Oid, arguments: Vec<QueryNode<'t>>) -> Evaluation<'t> {
    let lacks_collation = collation == pg_sys::InvalidOid && arguments.into_iter().any(QueryNode::is_collatable);
    Evaluation::Calls { functions: vec![function], lacks_collation }
}

fn row_comparison<'t>(comparison: &Fields<QueryNode<'t>, pg_sys::RowCompareExpr>) -> Evaluation<'t> {
    let functions = comparison.opnos().into_iter().map(routines::operator_function).collect();
    let lacks_collation = comparison
        .largs()
        .into_iter()
        .zip(comparison.inputcollids())
        .any(|(left, collation)| collation == pg_sys::InvalidOid && left.is_collatable());
    Evaluation::Calls { functions, lacks_collation }
}
