//! PostgreSQL's analysed tree (`Query`) as safe, typed views for the proof.
//!
//! `guard` decides over these views. Nodes live in the memory context of the confinement ('t).

use super::values;
use crate::error::{Refusal, StageResult};
use crate::pgx::interrupts;
use pgrx::{PgList, pg_guard, pg_sys};
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

pub mod column_lineage;
mod evaluation;
mod fence;
pub mod operation;
mod size;
mod view;
mod wrap;

pub use evaluation::Evaluation;
pub(in crate::pgx) use fence::scope_call;
pub use fence::{BaseScan, ScanCondition, ScopeCall};
pub use size::ValueForm;
pub use view::QueryView;
pub use wrap::Wrapper;

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
    /// Any other expression: its result type, and the functions that running it calls.
    Expression { type_oid: pg_sys::Oid, functions: Vec<pg_sys::Oid>, call: Option<Call<'t>> },
    /// A node that holds nothing to check but its children.
    Plain,
    /// A conversion to a domain, whose checks then run.
    CoerceToDomain { type_oid: pg_sys::Oid, value: Option<QueryNode<'t>> },
    /// A construct that is refused, by name.
    Refused(&'static str),
    /// A tag that is on no list.
    Unknown(u32),
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

/// The shape of a query beside its expressions.
pub struct QueryShape {
    /// SELECT and nothing else: no utility statement, target relation, row marks, modifying WITH.
    pub is_plain_select: bool,
}

/// `pg_typeof("any")`.
const PG_TYPEOF: pg_sys::Oid = pg_sys::Oid::from_u32(1619);

struct Visit<'a, 't> {
    visitor: &'a mut dyn FnMut(QueryNode<'t>) -> StageResult<()>,
    refusal: Option<Refusal>,
}

#[pg_guard]
unsafe extern "C-unwind" fn visit_child(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    let Some(pointer) = NonNull::new(node) else { return false };
    interrupts::check();
    // SAFETY: `context` is the `Visit` that `children` keeps on its stack for the length of the walk.
    let visit = unsafe { &mut *context.cast::<Visit>() };
    match (visit.visitor)(QueryNode { pointer, tree: PhantomData }) {
        Ok(()) => false,
        Err(refusal) => {
            visit.refusal = Some(refusal);
            true
        }
    }
}

/// As `Visit`, for a question that a single yes answers.
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

impl<'t> QueryNode<'t> {
    pub(in crate::pgx) fn from_pointer(node: *mut pg_sys::Node) -> Option<Self> {
        NonNull::new(node).map(|pointer| QueryNode { pointer, tree: PhantomData })
    }

    pub(in crate::pgx) fn as_pointer(self) -> *mut pg_sys::Node {
        self.pointer.as_ptr()
    }

    pub(in crate::pgx) fn tag(self) -> pg_sys::NodeTag {
        // SAFETY: every tree node begins with its tag.
        unsafe { (*self.as_pointer()).type_ }
    }

    pub(in crate::pgx) fn cast<T>(self) -> &'t T {
        // SAFETY: callers match the tag first; the node lives as long as the confinement's memory context.
        unsafe { &*self.as_pointer().cast::<T>() }
    }

    pub(in crate::pgx) fn expression_type(self) -> pg_sys::Oid {
        // SAFETY: only called on expression nodes.
        unsafe { pg_sys::exprType(self.as_pointer()) }
    }

    fn functions_in(self) -> Vec<pg_sys::Oid> {
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

    /// Calls `visitor` on each direct child of an expression node.
    pub fn children(self, visitor: &mut dyn FnMut(QueryNode<'t>) -> StageResult<()>) -> StageResult<()> {
        let mut visit = Visit { visitor, refusal: None };
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
        Some(unsafe { values::text_of(constant.constvalue, constant.consttype) })
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
        if self.tag() != pg_sys::NodeTag::T_CoerceViaIO {
            return None;
        }
        let call = QueryNode::from_pointer(self.cast::<pg_sys::CoerceViaIO>().arg.cast())?;
        if call.tag() != pg_sys::NodeTag::T_FuncExpr || call.cast::<pg_sys::FuncExpr>().funcid != PG_TYPEOF {
            return None;
        }
        nodes(call.cast::<pg_sys::FuncExpr>().args).first().copied()
    }

    /// Converts a name in the place of `pg_typeof(..)`: `type_named` says that this is one.
    pub fn name_type(self, name: &str) {
        let conversion = self.as_pointer().cast::<pg_sys::CoerceViaIO>();
        // SAFETY: `type_named` looked at the tag; the tree is this backend's alone, and the constant lies in its memory context.
        unsafe {
            let text = pgrx::IntoDatum::into_datum(name).unwrap_or(pg_sys::Datum::from(0));
            let collation = pg_sys::DEFAULT_COLLATION_OID;
            (*conversion).arg = pg_sys::makeConst(pg_sys::TEXTOID, -1, collation, -1, text, false, false).cast();
        }
    }

    /// Whether it gives more than one row.
    pub fn is_set(self) -> bool {
        // SAFETY: an expression node.
        unsafe { pg_sys::expression_returns_set(self.as_pointer()) }
    }

    /// The type of its value.
    pub fn type_oid(self) -> pg_sys::Oid {
        self.expression_type()
    }

    /// The values of an array of integer constants, none of them NULL: `ARRAY[2, 3]` or `'{2,3}'`.
    pub fn constant_integers(self) -> Option<Vec<i32>> {
        if self.tag() == pg_sys::NodeTag::T_ArrayExpr {
            let array = self.cast::<pg_sys::ArrayExpr>();
            return nodes(array.elements).into_iter().map(QueryNode::constant_integer).collect();
        }
        let constant = self.constant().filter(|constant| constant.consttype == pg_sys::INT4ARRAYOID)?;
        // SAFETY: the type says that the datum is an array of int4.
        let values = unsafe { <Vec<Option<i32>> as pgrx::FromDatum>::from_datum(constant.constvalue, false) }?;
        values.into_iter().collect()
    }

    /// A field of a row without a named type: the row, and the number of the field, from 1.
    pub fn field_of_anonymous_row(self) -> Option<(Self, usize)> {
        if self.tag() != pg_sys::NodeTag::T_FieldSelect {
            return None;
        }
        let select = self.cast::<pg_sys::FieldSelect>();
        let row = QueryNode::from_pointer(select.arg.cast())?;
        let number = usize::try_from(select.fieldnum).unwrap_or(usize::MAX);
        (row.expression_type() == pg_sys::RECORDOID).then_some((row, number))
    }

    /// Whether this is a text search configuration that came with the server, or NULL in the place of one.
    pub fn is_built_in_search_configuration(self) -> bool {
        if self.tag() != pg_sys::NodeTag::T_Const {
            return false;
        }
        let constant = self.cast::<pg_sys::Const>();
        let configuration = pg_sys::Oid::from(u32::try_from(constant.constvalue.value()).unwrap_or(0));
        constant.consttype == pg_sys::REGCONFIGOID
            && (constant.constisnull
                || configuration.to_u32() < pg_sys::FirstNormalObjectId
                    && values::is_search_configuration(configuration))
    }

    fn constant(self) -> Option<&'t pg_sys::Const> {
        (self.tag() == pg_sys::NodeTag::T_Const)
            .then(|| self.cast::<pg_sys::Const>())
            .filter(|value| !value.constisnull)
    }

    fn expression(self, call: Option<Call<'t>>) -> QueryKind<'t> {
        QueryKind::Expression { type_oid: self.expression_type(), functions: self.functions_in(), call }
    }

    /// What this node is.
    pub fn kind(self) -> QueryKind<'t> {
        use pg_sys::NodeTag as T;
        match self.tag() {
            T::T_Query => QueryKind::Query(QueryView::new(self)),
            T::T_RangeTblEntry => QueryKind::RangeTableEntry(range_table_kind(self.cast())),
            T::T_RangeTblFunction => {
                QueryKind::RangeTableFunction(oids(self.cast::<pg_sys::RangeTblFunction>().funccoltypes))
            }
            T::T_SortGroupClause => {
                let clause = self.cast::<pg_sys::SortGroupClause>();
                QueryKind::SortGroup { equality: clause.eqop, ordering: clause.sortop }
            }
            T::T_WindowClause => {
                let clause = self.cast::<pg_sys::WindowClause>();
                QueryKind::Window { start: clause.startInRangeFunc, end: clause.endInRangeFunc }
            }
            T::T_SetOperationStmt => {
                let operation = self.cast::<pg_sys::SetOperationStmt>();
                QueryKind::SetOperation { groups: nodes(operation.groupClauses), types: oids(operation.colTypes) }
            }
            T::T_Var => {
                let var = self.cast::<pg_sys::Var>();
                QueryKind::Column { type_oid: var.vartype, is_system: var.varattno < 0 }
            }
            T::T_Param => {
                let parameter = self.cast::<pg_sys::Param>();
                QueryKind::Parameter {
                    is_sublink: parameter.paramkind == pg_sys::ParamKind::PARAM_SUBLINK,
                    type_oid: parameter.paramtype,
                }
            }
            T::T_CoerceViaIO => {
                let coercion = self.cast::<pg_sys::CoerceViaIO>();
                let from =
                    QueryNode::from_pointer(coercion.arg.cast()).map_or(pg_sys::InvalidOid, QueryNode::expression_type);
                QueryKind::CoerceViaIo { from, to: coercion.resulttype }
            }
            T::T_CollateExpr => QueryKind::Collate {
                collation: self.cast::<pg_sys::CollateExpr>().collOid,
                type_oid: self.expression_type(),
            },
            T::T_SQLValueFunction => {
                use pg_sys::SQLValueFunctionOp as Op;
                let op = self.cast::<pg_sys::SQLValueFunction>().op;
                QueryKind::SqlValue { is_time: op <= Op::SVFOP_LOCALTIMESTAMP_N }
            }
            T::T_CTECycleClause => {
                let clause = self.cast::<pg_sys::CTECycleClause>();
                QueryKind::Cycle { type_oid: clause.cycle_mark_type, operator: clause.cycle_mark_neop }
            }
            T::T_FuncExpr => {
                let call = self.cast::<pg_sys::FuncExpr>();
                self.expression(Some(Call { function: call.funcid, arguments: nodes(call.args) }))
            }
            T::T_SubLink if self.cast::<pg_sys::SubLink>().subLinkType == pg_sys::SubLinkType::MULTIEXPR_SUBLINK => {
                QueryKind::Refused("a multiple assignment")
            }
            T::T_Const
            | T::T_Aggref
            | T::T_GroupingFunc
            | T::T_WindowFunc
            | T::T_SubscriptingRef
            | T::T_NamedArgExpr
            | T::T_OpExpr
            | T::T_DistinctExpr
            | T::T_NullIfExpr
            | T::T_ScalarArrayOpExpr
            | T::T_BoolExpr
            | T::T_SubLink
            | T::T_FieldSelect
            | T::T_RelabelType
            | T::T_ArrayCoerceExpr
            | T::T_CaseExpr
            | T::T_CaseTestExpr
            | T::T_ArrayExpr
            | T::T_RowExpr
            | T::T_RowCompareExpr
            | T::T_CoalesceExpr
            | T::T_MinMaxExpr
            | T::T_NullTest
            | T::T_BooleanTest => self.expression(None),
            T::T_List
            | T::T_CaseWhen
            | T::T_TargetEntry
            | T::T_FromExpr
            | T::T_JoinExpr
            | T::T_RangeTblRef
            | T::T_GroupingSet
            | T::T_CTESearchClause
            | T::T_CommonTableExpr => QueryKind::Plain,
            T::T_CoerceToDomain => {
                let conversion = self.cast::<pg_sys::CoerceToDomain>();
                QueryKind::CoerceToDomain {
                    type_oid: conversion.resulttype,
                    value: QueryNode::from_pointer(conversion.arg.cast()),
                }
            }
            T::T_CoerceToDomainValue => QueryKind::Refused("the value of a domain's check"),
            T::T_ConvertRowtypeExpr | T::T_FieldStore => QueryKind::Refused("a conversion of a whole row"),
            T::T_NextValueExpr => QueryKind::Refused("a sequence"),
            T::T_XmlExpr | T::T_TableFunc => QueryKind::Refused("XML"),
            T::T_TableSampleClause => QueryKind::Refused("TABLESAMPLE"),
            T::T_CurrentOfExpr => QueryKind::Refused("WHERE CURRENT OF"),
            T::T_SetToDefault => QueryKind::Refused("DEFAULT"),
            other => QueryKind::Unknown(other as u32),
        }
    }
}

fn range_table_kind(entry: &pg_sys::RangeTblEntry) -> RangeTableKind {
    use pg_sys::RTEKind as K;
    match entry.rtekind {
        K::RTE_RELATION => RangeTableKind::Relation(entry.relid),
        K::RTE_SUBQUERY | K::RTE_JOIN | K::RTE_FUNCTION | K::RTE_VALUES | K::RTE_CTE | K::RTE_RESULT => {
            RangeTableKind::Derived
        }
        #[cfg(feature = "pg18")]
        K::RTE_GROUP => RangeTableKind::Derived,
        _ => RangeTableKind::Other,
    }
}

pub(in crate::pgx) fn nodes<'t>(list: *mut pg_sys::List) -> Vec<QueryNode<'t>> {
    // SAFETY: these are pointer lists of nodes or NIL.
    let list = unsafe { PgList::<pg_sys::Node>::from_pg(list) };
    list.iter_ptr().filter_map(QueryNode::from_pointer).collect()
}

pub(in crate::pgx) fn oids(list: *mut pg_sys::List) -> Vec<pg_sys::Oid> {
    // SAFETY: these are OID lists or NIL.
    let list = unsafe { PgList::<pg_sys::Oid>::from_pg(list) };
    list.iter_oid().collect()
}

pub(in crate::pgx) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: names in a tree are NUL-terminated.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
