//! PostgreSQL's analysed tree (`Query`) as safe, typed views for the proof.
//!
//! `prove` decides over these views. Nodes live in the memory context of the confinement ('t).

use super::node::{Fields, TreeNode};
use super::types;
use crate::error::{Refusal, StageResult};
use crate::pgx::interrupts;
use pgrx::{pg_guard, pg_sys};
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

mod barrier;
pub mod column_lineage;
pub mod condition;
mod evaluation;
mod fence;
pub mod operation;
pub mod outputs;
mod readings;
mod size;
mod view;
mod wrap;
mod wrapper;

pub(super) use barrier::put_barriers;
pub use evaluation::Evaluation;
pub use fence::{BaseScan, FenceCall, LinkCall, ScanCondition, ScopeCall};
pub(in crate::pgx) use fence::{column_of, drop_presence_conditions, fence_call, is_own_fence};
pub use size::ValueForm;
pub use view::QueryView;
pub use wrapper::Wrapper;

/// One node of an analysed tree.
#[derive(Clone, Copy)]
pub struct QueryNode<'t> {
    pointer: NonNull<pg_sys::Node>,
    tree: PhantomData<&'t ()>,
}

/// What a node is, for the walk that proves it.
pub enum QueryKind<'t> {
    /// A query or subquery.
    Query(QueryView<'t>),
    /// An entry of a range table; its contents come as children of the query.
    RangeTableEntry(RangeTableKind),
    /// A function in FROM with the types of its column definition list.
    RangeTableFunction(Vec<pg_sys::Oid>),
    /// The operators of GROUP BY, DISTINCT or ORDER BY: equality and, if any, ordering.
    SortGroup { equality: pg_sys::Oid, ordering: pg_sys::Oid },
    /// The support functions of a RANGE frame, if any.
    Window { start: pg_sys::Oid, end: pg_sys::Oid },
    /// UNION and the like, with the operators of its duplicate removal and its column types.
    SetOperation { groups: Vec<QueryNode<'t>>, types: Vec<pg_sys::Oid> },
    /// A column of a range table entry.
    Column { type_oid: pg_sys::Oid, is_system: bool },
    /// A parameter.
    Parameter { is_sublink: bool, type_oid: pg_sys::Oid },
    /// A conversion through text; both types are checked instead of their input and output functions.
    CoerceViaIo { from: pg_sys::Oid, to: pg_sys::Oid },
    /// A CYCLE clause: the type and inequality operator of its marks.
    Cycle { type_oid: pg_sys::Oid, operator: pg_sys::Oid },
    /// COLLATE.
    Collate { collation: pg_sys::Oid, type_oid: pg_sys::Oid },
    /// CURRENT_DATE and the like.
    SqlValue { is_time: bool },
    /// The call of a function.
    Call(Call<'t>),
    /// A conversion to a domain, whose checks then run.
    CoerceToDomain { type_oid: pg_sys::Oid, value: Option<QueryNode<'t>> },
    /// Assignment of several columns at once.
    MultipleAssignment,
    /// Any other node, by its tag.
    Other(pg_sys::NodeTag),
}

/// A direct function call with its arguments, for the rules about growth.
pub struct Call<'t> {
    /// The function.
    pub function: pg_sys::Oid,
    /// Its arguments in order.
    pub arguments: Vec<QueryNode<'t>>,
}

/// The kind of a range table entry.
pub enum RangeTableKind {
    /// A table or view, by OID.
    Relation(pg_sys::Oid),
    /// A subquery, join, function, VALUES list, common table expression, grouping step or empty FROM.
    Derived,
    /// XMLTABLE, a transition table, or anything newer.
    Other,
}

/// The shape of a query without its expressions.
pub struct QueryShape {
    /// SELECT and nothing else: no utility statement, target relation, row marks, modifying WITH.
    pub is_plain_select: bool,
}

struct QueryVisit<'a, 't> {
    visitor: &'a mut dyn FnMut(QueryNode<'t>) -> StageResult<()>,
    refusal: Option<Refusal>,
}

#[pg_guard]
unsafe extern "C-unwind" fn visit_child(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    let Some(pointer) = NonNull::new(node) else { return false };
    interrupts::check();
    // SAFETY: `context` is the `QueryVisit` that `children` keeps on its stack for the length of the walk.
    let visit = unsafe { &mut *context.cast::<QueryVisit>() };
    match (visit.visitor)(QueryNode { pointer, tree: PhantomData }) {
        Ok(()) => false,
        Err(refusal) => {
            visit.refusal = Some(refusal);
            true
        }
    }
}

/// As `QueryVisit`, for a question that a single yes answers.
struct Question<'a, 't> {
    is_so: &'a mut dyn FnMut(QueryNode<'t>) -> bool,
}

#[pg_guard]
unsafe extern "C-unwind" fn ask_child(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    let Some(pointer) = NonNull::new(node) else { return false };
    interrupts::check();
    // SAFETY: `context` is the `Question` that `any_child` keeps on its stack for the length of the walk.
    let question = unsafe { &mut *context.cast::<Question>() };
    (question.is_so)(QueryNode { pointer, tree: PhantomData })
}

#[pg_guard]
unsafe extern "C-unwind" fn collect_function(function: pg_sys::Oid, context: *mut c_void) -> bool {
    // SAFETY: `context` is the vector that `functions_in` keeps on its stack.
    unsafe { &mut *context.cast::<Vec<pg_sys::Oid>>() }.push(function);
    false
}

impl TreeNode for QueryNode<'_> {
    unsafe fn from_pointer(node: *mut pg_sys::Node) -> Option<Self> {
        NonNull::new(node).map(|pointer| QueryNode { pointer, tree: PhantomData })
    }

    fn as_pointer(self) -> *mut pg_sys::Node {
        self.pointer.as_ptr()
    }
}

impl<'t> QueryNode<'t> {
    /// The type of an expression's value.
    pub fn expression_type(self) -> pg_sys::Oid {
        // SAFETY: a node of a whole tree; for one that is no expression PostgreSQL raises an ERROR.
        unsafe { pg_sys::exprType(self.as_pointer()) }
    }

    /// An operator's call, DISTINCT FROM or NULLIF, which differ in their tags alone.
    fn operator(self) -> Option<Fields<Self, pg_sys::OpExpr>> {
        use pg_sys::NodeTag as T;
        matches!(self.tag(), T::T_OpExpr | T::T_DistinctExpr | T::T_NullIfExpr)
            // SAFETY: DistinctExpr and NullIfExpr are other names of OpExpr (primnodes.h).
            .then(|| unsafe { Fields::of(self) })
    }

    /// The functions that running this node itself calls.
    pub fn functions(self) -> Vec<pg_sys::Oid> {
        let mut functions: Vec<pg_sys::Oid> = Vec::new();
        // SAFETY: the vector outlives the call.
        unsafe {
            pg_sys::check_functions_in_node(
                self.as_pointer(),
                Some(collect_function),
                (&raw mut functions).cast::<c_void>(),
            )
        };
        functions
    }

    /// The operators that running this node itself applies.
    pub fn operators(self) -> Vec<pg_sys::Oid> {
        if let Some(comparison) = self.downcast::<pg_sys::RowCompareExpr>() {
            return comparison.opnos();
        }
        let list = self.downcast::<pg_sys::ScalarArrayOpExpr>().map(|call| call.opno);
        list.or_else(|| self.operator().map(|call| call.opno)).into_iter().collect()
    }

    /// The types that this node converts a value from and to, if that is all it does: by a cast's function, through text, or
    /// over the same bytes.
    pub fn conversion(self) -> Option<(pg_sys::Oid, pg_sys::Oid)> {
        use pg_sys::CoercionForm as Form;
        let value = if let Some(call) = self.downcast::<pg_sys::FuncExpr>() {
            let is_cast = matches!(call.funcformat, Form::COERCE_EXPLICIT_CAST | Form::COERCE_IMPLICIT_CAST);
            call.args().into_iter().next().filter(|_| is_cast)
        } else if let Some(relabelled) = self.downcast::<pg_sys::RelabelType>() {
            relabelled.arg()
        } else {
            self.downcast::<pg_sys::CoerceViaIO>()?.arg()
        };
        value.map(|value| (value.expression_type(), self.expression_type()))
    }

    /// Calls `visitor` on each direct child of an expression node.
    pub fn children(self, visitor: &mut dyn FnMut(QueryNode<'t>) -> StageResult<()>) -> StageResult<()> {
        let mut visit = QueryVisit { visitor, refusal: None };
        // SAFETY: the node is an analysed expression node, and `visit` outlives the call.
        unsafe {
            pg_sys::expression_tree_walker(self.as_pointer(), Some(visit_child), (&raw mut visit).cast::<c_void>())
        };
        visit.refusal.map_or(Ok(()), Err)
    }

    /// Whether `is_so` says yes of any direct child of an expression node.
    pub fn any_child(self, is_so: &mut dyn FnMut(QueryNode<'t>) -> bool) -> bool {
        let mut question = Question { is_so };
        // SAFETY: the node is an analysed expression node, and `question` outlives the call.
        unsafe {
            pg_sys::expression_tree_walker(self.as_pointer(), Some(ask_child), (&raw mut question).cast::<c_void>())
        }
    }

    /// The text of a constant of a text-like type, if this is one and it is not NULL.
    pub fn constant_text(self) -> Option<String> {
        let constant = self.constant()?;
        if !matches!(constant.consttype, pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::UNKNOWNOID) {
            return None;
        }
        if constant.consttype == pg_sys::UNKNOWNOID {
            // SAFETY: an unknown constant is a C string.
            return Some(unsafe { CStr::from_ptr(constant.constvalue.cast_mut_ptr()) }.to_string_lossy().into_owned());
        }
        // SAFETY: the type says that the datum is a varlena text.
        unsafe { <String as pgrx::FromDatum>::from_datum(constant.constvalue, false) }
    }

    /// Whether this is a constant that is NULL.
    pub fn is_null(self) -> bool {
        self.tag() == pg_sys::NodeTag::T_Const && self.constant().is_none()
    }

    /// Whether this is a path of JSON.
    pub fn is_json_path(self) -> bool {
        self.expression_type() == pg_sys::JSONPATHOID
    }

    /// Whether this is an expression of type text.
    pub fn is_text(self) -> bool {
        self.expression_type() == pg_sys::TEXTOID
    }

    /// A constant of any type as its own output function writes it, if this is one and it is not NULL.
    pub fn constant_as_text(self) -> Option<String> {
        let constant = self.constant()?;
        // SAFETY: the constant is of the type that it says.
        Some(unsafe { types::text_of(constant.constvalue, constant.consttype) })
    }

    /// The value of a constant of type name.
    pub(in crate::pgx) fn constant_name(self) -> Option<String> {
        let constant = self.constant()?;
        // SAFETY: the type says that the datum points at NAMEDATALEN bytes that end in a zero byte.
        (constant.consttype == pg_sys::NAMEOID)
            .then(|| unsafe { CStr::from_ptr(constant.constvalue.cast_mut_ptr()) }.to_string_lossy().into_owned())
    }

    /// The value of an integer constant.
    pub fn constant_integer(self) -> Option<i32> {
        let constant = self.constant()?;
        // SAFETY: the type says that the datum is an int4.
        (constant.consttype == pg_sys::INT4OID)
            .then(|| unsafe { <i32 as pgrx::FromDatum>::from_datum(constant.constvalue, false) })
            .flatten()
    }

    /// The argument of `pg_typeof(argument)` where this is a conversion of that.
    pub fn type_named(self) -> Option<Self> {
        let call = self.downcast::<pg_sys::CoerceViaIO>()?.arg()?.downcast::<pg_sys::FuncExpr>()?;
        call.args().first().copied().filter(|_| call.funcid == pg_sys::Oid::from(pg_sys::F_PG_TYPEOF))
    }

    /// Whether it is `ROW(..)`, of no named type.
    pub fn is_anonymous_row(self) -> bool {
        self.downcast::<pg_sys::RowExpr>().is_some_and(|row| row.row_typeid == pg_sys::RECORDOID)
    }

    /// Whether it gives more than one row.
    pub fn is_set(self) -> bool {
        // SAFETY: an expression of a whole tree.
        unsafe { pg_sys::expression_returns_set(self.as_pointer()) }
    }

    /// The values of an array of integer constants, none of them NULL: `ARRAY[2, 3]` or `'{2,3}'`.
    pub fn constant_integers(self) -> Option<Vec<i32>> {
        if let Some(array) = self.downcast::<pg_sys::ArrayExpr>() {
            return array.elements().into_iter().map(QueryNode::constant_integer).collect();
        }
        let constant = self.constant().filter(|constant| constant.consttype == pg_sys::INT4ARRAYOID)?;
        // SAFETY: the type says that the datum is an array of int4.
        let values = unsafe { <Vec<Option<i32>> as pgrx::FromDatum>::from_datum(constant.constvalue, false) }?;
        values.into_iter().collect()
    }

    /// A field of a row without a named type: the row, and the number of the field, from 1.
    pub fn field_of_anonymous_row(self) -> Option<(Self, usize)> {
        let select = self.downcast::<pg_sys::FieldSelect>()?;
        let row = select.arg()?;
        let number = usize::try_from(select.fieldnum).unwrap_or(usize::MAX);
        (row.expression_type() == pg_sys::RECORDOID).then_some((row, number))
    }

    /// Whether this is a text search configuration that came with the server, or NULL in the place of one.
    pub fn is_built_in_search_configuration(self) -> bool {
        let Some(constant) = self.downcast::<pg_sys::Const>() else { return false };
        let configuration = pg_sys::Oid::from(u32::try_from(constant.constvalue.value()).unwrap_or(0));
        constant.consttype == pg_sys::REGCONFIGOID
            && (constant.constisnull
                || configuration.to_u32() < pg_sys::FirstNormalObjectId
                    && types::is_search_configuration(configuration))
    }

    fn constant(self) -> Option<Fields<Self, pg_sys::Const>> {
        self.downcast::<pg_sys::Const>().filter(|value| !value.constisnull)
    }

    /// What this node is.
    pub fn kind(self) -> QueryKind<'t> {
        self.view().unwrap_or(QueryKind::Other(self.tag()))
    }

    fn view(self) -> Option<QueryKind<'t>> {
        use pg_sys::NodeTag as T;
        Some(match self.tag() {
            T::T_Query => QueryKind::Query(QueryView::of(self)?),
            T::T_RangeTblEntry => {
                QueryKind::RangeTableEntry(range_table_kind(&*self.downcast::<pg_sys::RangeTblEntry>()?))
            }
            T::T_RangeTblFunction => {
                QueryKind::RangeTableFunction(self.downcast::<pg_sys::RangeTblFunction>()?.funccoltypes())
            }
            T::T_SortGroupClause => {
                let clause = self.downcast::<pg_sys::SortGroupClause>()?;
                QueryKind::SortGroup { equality: clause.eqop, ordering: clause.sortop }
            }
            T::T_WindowClause => {
                let clause = self.downcast::<pg_sys::WindowClause>()?;
                QueryKind::Window { start: clause.startInRangeFunc, end: clause.endInRangeFunc }
            }
            T::T_SetOperationStmt => {
                let operation = self.downcast::<pg_sys::SetOperationStmt>()?;
                QueryKind::SetOperation { groups: operation.groupClauses(), types: operation.colTypes() }
            }
            T::T_Var => {
                let var = self.downcast::<pg_sys::Var>()?;
                QueryKind::Column { type_oid: var.vartype, is_system: var.varattno < 0 }
            }
            T::T_Param => {
                let parameter = self.downcast::<pg_sys::Param>()?;
                QueryKind::Parameter {
                    is_sublink: parameter.paramkind == pg_sys::ParamKind::PARAM_SUBLINK,
                    type_oid: parameter.paramtype,
                }
            }
            T::T_CoerceViaIO => {
                let coercion = self.downcast::<pg_sys::CoerceViaIO>()?;
                let from = coercion.arg().map_or(pg_sys::InvalidOid, QueryNode::expression_type);
                QueryKind::CoerceViaIo { from, to: coercion.resulttype }
            }
            T::T_CollateExpr => QueryKind::Collate {
                collation: self.downcast::<pg_sys::CollateExpr>()?.collOid,
                type_oid: self.expression_type(),
            },
            T::T_SQLValueFunction => {
                use pg_sys::SQLValueFunctionOp as Op;
                let function = self.downcast::<pg_sys::SQLValueFunction>()?;
                QueryKind::SqlValue { is_time: function.op <= Op::SVFOP_LOCALTIMESTAMP_N }
            }
            T::T_CTECycleClause => {
                let clause = self.downcast::<pg_sys::CTECycleClause>()?;
                QueryKind::Cycle { type_oid: clause.cycle_mark_type, operator: clause.cycle_mark_neop }
            }
            T::T_FuncExpr => {
                let call = self.downcast::<pg_sys::FuncExpr>()?;
                QueryKind::Call(Call { function: call.funcid, arguments: call.args() })
            }
            T::T_SubLink
                if self.downcast::<pg_sys::SubLink>()?.subLinkType == pg_sys::SubLinkType::MULTIEXPR_SUBLINK =>
            {
                QueryKind::MultipleAssignment
            }
            T::T_CoerceToDomain => {
                let conversion = self.downcast::<pg_sys::CoerceToDomain>()?;
                QueryKind::CoerceToDomain { type_oid: conversion.resulttype, value: conversion.arg() }
            }
            _ => return None,
        })
    }
}

fn range_table_kind(entry: &pg_sys::RangeTblEntry) -> RangeTableKind {
    use pg_sys::RTEKind as K;
    match entry.rtekind {
        K::RTE_RELATION => RangeTableKind::Relation(entry.relid),
        K::RTE_SUBQUERY | K::RTE_JOIN | K::RTE_FUNCTION | K::RTE_VALUES | K::RTE_CTE | K::RTE_RESULT => {
            RangeTableKind::Derived
        }
        #[cfg(any(feature = "pg18", feature = "pg19"))]
        K::RTE_GROUP => RangeTableKind::Derived,
        _ => RangeTableKind::Other,
    }
}
