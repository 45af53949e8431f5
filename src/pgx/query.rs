//! PostgreSQL's analysed tree (`Query`) as safe, typed views for the proof.
//!
//! `guard` decides over these views. Nodes live in the memory context of the confinement ('t).

use crate::error::{Refusal, StageResult};
use pgrx::{PgList, pg_guard, pg_sys};
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

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

/// What a common table expression of ours must come down to; anything beside it makes `scan` answer `None`.
#[derive(Debug, PartialEq, Eq)]
pub struct BaseScan {
    /// The relation.
    pub relation: pg_sys::Oid,
    /// Attribute numbers of the select list, in order, each a bare column.
    pub columns: Vec<i16>,
    /// The scope conditions, in order.
    pub conditions: Vec<ScanCondition>,
}

/// `column = $parameter` or `column = ANY ($parameter)`.
#[derive(Debug, PartialEq, Eq)]
pub struct ScanCondition {
    /// Attribute number of the column.
    pub attribute: i16,
    /// The operator.
    pub operator: pg_sys::Oid,
    /// Number of the parameter, from 1.
    pub parameter: i32,
    /// `= ANY`.
    pub is_list: bool,
}

/// One row-level security condition, reduced to the columns it reads and the claims it asks for.
pub struct SecurityCondition {
    /// The operator or function at its top: what compares column and claim.
    pub top: Option<pg_sys::Oid>,
    /// Attribute numbers.
    pub attributes: Vec<i16>,
    /// (function, name of the claim).
    pub claims: Vec<(pg_sys::Oid, String)>,
}

struct Visit<'a, 't> {
    visitor: &'a mut dyn FnMut(QueryNode<'t>) -> StageResult<()>,
    refusal: Option<Refusal>,
}

#[pg_guard]
unsafe extern "C-unwind" fn visit_child(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    let Some(pointer) = NonNull::new(node) else { return false };
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

#[pg_guard]
unsafe extern "C-unwind" fn collect_function(function: pg_sys::Oid, context: *mut c_void) -> bool {
    // SAFETY: `context` is the vector that `functions_in` keeps on its stack.
    unsafe { &mut *context.cast::<Vec<pg_sys::Oid>>() }.push(function);
    false
}

impl<'t> QueryNode<'t> {
    pub(super) fn from_pointer(node: *mut pg_sys::Node) -> Option<Self> {
        NonNull::new(node).map(|pointer| QueryNode { pointer, tree: PhantomData })
    }

    pub(super) fn as_pointer(self) -> *mut pg_sys::Node {
        self.pointer.as_ptr()
    }

    pub(super) fn tag(self) -> pg_sys::NodeTag {
        // SAFETY: every tree node begins with its tag.
        unsafe { (*self.as_pointer()).type_ }
    }

    pub(super) fn cast<T>(self) -> &'t T {
        // SAFETY: callers match the tag first; the node lives as long as the confinement's memory context.
        unsafe { &*self.as_pointer().cast::<T>() }
    }

    pub(super) fn expression_type(self) -> pg_sys::Oid {
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

    /// The value of an integer constant.
    pub fn constant_integer(self) -> Option<i32> {
        let constant = self.constant()?;
        // SAFETY: the type says that the datum is an int4.
        (constant.consttype == pg_sys::INT4OID)
            .then(|| unsafe { <i32 as pgrx::FromDatum>::from_datum(constant.constvalue, false) })
            .flatten()
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
            T::T_Query => QueryKind::Query(QueryView(self)),
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
            T::T_CoerceToDomain | T::T_CoerceToDomainValue => QueryKind::Refused("a conversion to a domain"),
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

pub(super) fn nodes<'t>(list: *mut pg_sys::List) -> Vec<QueryNode<'t>> {
    // SAFETY: these are pointer lists of nodes or NIL.
    let list = unsafe { PgList::<pg_sys::Node>::from_pg(list) };
    list.iter_ptr().filter_map(QueryNode::from_pointer).collect()
}

fn oids(list: *mut pg_sys::List) -> Vec<pg_sys::Oid> {
    // SAFETY: these are OID lists or NIL.
    let list = unsafe { PgList::<pg_sys::Oid>::from_pg(list) };
    list.iter_oid().collect()
}

pub(super) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: names in a tree are NUL-terminated.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// A query or subquery.
#[derive(Clone, Copy)]
pub struct QueryView<'t>(QueryNode<'t>);

impl<'t> QueryView<'t> {
    /// A view of what PostgreSQL's analyser or rewriter made.
    pub(super) fn from_pointer(query: *mut pg_sys::Query) -> Option<Self> {
        QueryNode::from_pointer(query.cast()).map(QueryView)
    }

    pub(super) fn as_pointer(self) -> *mut pg_sys::Query {
        self.0.as_pointer().cast()
    }

    pub(super) fn query(self) -> &'t pg_sys::Query {
        self.0.cast()
    }

    /// The shape beside the expressions.
    pub fn shape(self) -> QueryShape {
        let query = self.query();
        QueryShape {
            is_plain_select: query.commandType == pg_sys::CmdType::CMD_SELECT
                && query.utilityStmt.is_null()
                && query.resultRelation == 0
                && !query.hasModifyingCTE
                && !query.hasForUpdate
                && query.rowMarks.is_null()
                && query.onConflict.is_null()
                && query.returningList.is_null()
                && query.mergeActionList.is_null()
                && query.withCheckOptions.is_null()
                && !query.isReturn,
        }
    }

    /// Whether row-level security was applied below this query.
    pub fn has_row_security(self) -> bool {
        self.query().hasRowSecurity
    }

    /// The common table expressions of this level, as (name, query).
    pub fn expressions(self) -> Vec<(String, Option<QueryView<'t>>)> {
        nodes(self.query().cteList)
            .into_iter()
            .map(|node| {
                let cte = node.cast::<pg_sys::CommonTableExpr>();
                let query = QueryNode::from_pointer(cte.ctequery)
                    .filter(|query| query.tag() == pg_sys::NodeTag::T_Query)
                    .map(QueryView);
                (text(cte.ctename), query)
            })
            .collect()
    }

    /// Calls `visitor` on everything below this query: range table entries first, sort and group clauses too.
    /// `skip_expressions` leaves out the queries of this level's WITH.
    pub fn children(
        self,
        skip_expressions: bool,
        visitor: &mut dyn FnMut(QueryNode<'t>) -> StageResult<()>,
    ) -> StageResult<()> {
        let mut flags = pg_sys::QTW_EXAMINE_RTES_BEFORE | pg_sys::QTW_EXAMINE_SORTGROUP;
        if skip_expressions {
            flags |= pg_sys::QTW_IGNORE_CTE_SUBQUERIES;
        }
        let mut visit = Visit { visitor, refusal: None };
        // SAFETY: the query is whole, and `visit` outlives the call.
        unsafe {
            pg_sys::query_tree_walker(
                self.as_pointer(),
                Some(visit_child),
                (&raw mut visit).cast::<c_void>(),
                i32::try_from(flags).unwrap_or(0),
            )
        };
        visit.refusal.map_or(Ok(()), Err)
    }

    /// The types of the result columns that are not junk, with their names.
    pub fn columns(self) -> Vec<(String, pg_sys::Oid)> {
        nodes(self.query().targetList)
            .into_iter()
            .map(|node| node.cast::<pg_sys::TargetEntry>())
            .filter(|entry| !entry.resjunk)
            .filter_map(|entry| {
                let expression = QueryNode::from_pointer(entry.expr.cast())?;
                Some((text(entry.resname), expression.expression_type()))
            })
            .collect()
    }

    /// Reduces this query to a scan of one table under scope conditions, or `None` if it is anything more.
    pub fn scan(self) -> Option<BaseScan> {
        let query = self.query();
        let nothing_else = self.shape().is_plain_select
            && query.cteList.is_null()
            && query.groupClause.is_null()
            && query.groupingSets.is_null()
            && query.havingQual.is_null()
            && query.windowClause.is_null()
            && query.distinctClause.is_null()
            && query.sortClause.is_null()
            && query.limitCount.is_null()
            && query.limitOffset.is_null()
            && query.setOperations.is_null()
            && !query.hasAggs
            && !query.hasWindowFuncs
            && !query.hasTargetSRFs
            && !query.hasSubLinks;
        if !nothing_else {
            return None;
        }
        let relation = self.only_relation()?;
        let columns = nodes(query.targetList)
            .into_iter()
            .map(|node| {
                let entry = node.cast::<pg_sys::TargetEntry>();
                (!entry.resjunk).then(|| plain_column(QueryNode::from_pointer(entry.expr.cast())?)).flatten()
            })
            .collect::<Option<Vec<i16>>>()?;
        // SAFETY: a jointree is a FromExpr of the same tree.
        let from = unsafe { query.jointree.as_ref() }?;
        if nodes(from.fromlist).len() != 1 {
            return None;
        }
        let conditions = match QueryNode::from_pointer(from.quals) {
            None => Vec::new(),
            Some(quals) => conjuncts(quals).into_iter().map(scan_condition).collect::<Option<Vec<_>>>()?,
        };
        Some(BaseScan { relation, columns, conditions })
    }

    fn only_entry(self) -> Option<&'t pg_sys::RangeTblEntry> {
        match nodes(self.query().rtable).as_slice() {
            [entry] => Some(entry.cast()),
            _ => None,
        }
    }

    fn only_relation(self) -> Option<pg_sys::Oid> {
        let entry = self.only_entry()?;
        (entry.rtekind == pg_sys::RTEKind::RTE_RELATION && entry.inh && entry.tablesample.is_null())
            .then_some(entry.relid)
    }

    /// The row-level security conditions on the one table of this query, each AND taken apart.
    pub fn security_conditions(self) -> Vec<SecurityCondition> {
        let Some(entry) = self.only_entry() else { return Vec::new() };
        nodes(entry.securityQuals).into_iter().flat_map(conjuncts).map(security_condition).collect()
    }
}

fn conjuncts(node: QueryNode<'_>) -> Vec<QueryNode<'_>> {
    match node.tag() {
        pg_sys::NodeTag::T_BoolExpr if node.cast::<pg_sys::BoolExpr>().boolop == pg_sys::BoolExprType::AND_EXPR => {
            nodes(node.cast::<pg_sys::BoolExpr>().args).into_iter().flat_map(conjuncts).collect()
        }
        pg_sys::NodeTag::T_List => nodes(node.as_pointer().cast()).into_iter().flat_map(conjuncts).collect(),
        _ => vec![node],
    }
}

/// The node below binary-compatible relabelling (varchar read as text).
fn unrelabelled(mut node: QueryNode<'_>) -> Option<QueryNode<'_>> {
    while node.tag() == pg_sys::NodeTag::T_RelabelType {
        node = QueryNode::from_pointer(node.cast::<pg_sys::RelabelType>().arg.cast())?;
    }
    Some(node)
}

fn plain_column(node: QueryNode<'_>) -> Option<i16> {
    if node.tag() != pg_sys::NodeTag::T_Var {
        return None;
    }
    let var = node.cast::<pg_sys::Var>();
    (var.varlevelsup == 0 && var.varno == 1 && var.varattno > 0).then_some(var.varattno)
}

fn scan_condition(node: QueryNode<'_>) -> Option<ScanCondition> {
    let (operator, arguments, is_list) = match node.tag() {
        pg_sys::NodeTag::T_OpExpr => {
            let expression = node.cast::<pg_sys::OpExpr>();
            (expression.opno, nodes(expression.args), false)
        }
        pg_sys::NodeTag::T_ScalarArrayOpExpr => {
            let expression = node.cast::<pg_sys::ScalarArrayOpExpr>();
            if !expression.useOr {
                return None;
            }
            (expression.opno, nodes(expression.args), true)
        }
        _ => return None,
    };
    let [column, parameter] = arguments.as_slice() else { return None };
    let attribute = plain_column(unrelabelled(*column)?)?;
    let parameter = unrelabelled(*parameter)?;
    if parameter.tag() != pg_sys::NodeTag::T_Param {
        return None;
    }
    let parameter = parameter.cast::<pg_sys::Param>();
    (parameter.paramkind == pg_sys::ParamKind::PARAM_EXTERN).then_some(ScanCondition {
        attribute,
        operator,
        parameter: parameter.paramid,
        is_list,
    })
}

fn security_condition(node: QueryNode<'_>) -> SecurityCondition {
    let top = match node.tag() {
        pg_sys::NodeTag::T_OpExpr => Some(node.cast::<pg_sys::OpExpr>().opno),
        pg_sys::NodeTag::T_FuncExpr => Some(node.cast::<pg_sys::FuncExpr>().funcid),
        _ => None,
    };
    let mut condition = SecurityCondition { top, attributes: Vec::new(), claims: Vec::new() };
    // The visitor never refuses, so the walk always goes to its end.
    let _ = collect_security(node, &mut condition);
    condition
}

fn collect_security(node: QueryNode<'_>, condition: &mut SecurityCondition) -> StageResult<()> {
    match node.tag() {
        pg_sys::NodeTag::T_Var => {
            condition.attributes.extend(plain_column(node));
            Ok(())
        }
        pg_sys::NodeTag::T_FuncExpr => {
            let call = node.cast::<pg_sys::FuncExpr>();
            if let [argument] = nodes(call.args).as_slice()
                && let Some(name) = argument.constant_text()
            {
                condition.claims.push((call.funcid, name));
            }
            node.children(&mut |child| collect_security(child, condition))
        }
        pg_sys::NodeTag::T_Query => QueryView(node).children(false, &mut |child| collect_security(child, condition)),
        pg_sys::NodeTag::T_RangeTblEntry => Ok(()),
        _ => node.children(&mut |child| collect_security(child, condition)),
    }
}
