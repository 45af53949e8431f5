//! What the proof reads off a fence: the scan that it comes down to, and the row-level security on its table.

use super::{QueryNode, QueryView};
use crate::pgx::node::{TreeNode, Typed};
use crate::pgx::routines;
use pgrx::pg_sys;

/// What a common table expression of ours must reduce to; for anything else `scan` returns `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseScan {
    /// The relation.
    pub relation: pg_sys::Oid,
    /// Attribute numbers of the select list, in order, each a bare column.
    pub columns: Vec<i16>,
    /// The scope conditions, in order.
    pub conditions: Vec<ScanCondition>,
    /// The condition on the keys of parents, after them.
    pub links: Option<LinkCall>,
}

/// `column = $parameter` or `column = ANY ($parameter)`; with `or_null` as `(.. OR column IS NULL)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanCondition {
    /// Attribute number of the column.
    pub attribute: i16,
    /// The operator.
    pub operator: pg_sys::Oid,
    /// Number of the parameter, from 1.
    pub parameter: i32,
    /// `= ANY`.
    pub is_list: bool,
    /// `OR column IS NULL`.
    pub or_null: bool,
}

/// One row-level security condition that is `in_scope(column, 'claim')` or, with `or_null`, `in_scope(column, 'claim') OR
/// column IS NULL`, and nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct ScopeCall {
    /// The function.
    pub function: pg_sys::Oid,
    /// Attribute number of the bare column.
    pub attribute: i16,
    /// Name of the claim.
    pub claim: String,
    /// `OR column IS NULL`, of the same column.
    pub or_null: bool,
}

/// A condition that is `in_parent('links', column, ..)`, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCall {
    /// The function.
    pub function: pg_sys::Oid,
    /// The links and how many columns each has, as the policy says it.
    pub links: String,
    /// Attribute numbers of the bare columns.
    pub attributes: Vec<i16>,
}

/// One of the conditions by which a fence holds.
#[derive(Debug, PartialEq, Eq)]
pub enum FenceCall {
    /// A column is bound to a claim.
    Scope(ScopeCall),
    /// Keys are those of parents.
    Links(LinkCall),
}

impl<'t> QueryView<'t> {
    /// A plain SELECT without any clause besides its select list, FROM and WHERE.
    fn does_nothing_else(self) -> bool {
        let query = self.query();
        self.shape().is_plain_select
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
            && !query.hasSubLinks
    }

    /// Reduces this query to a scan of one table under scope conditions, or `None` if it is anything more.
    pub fn scan(self) -> Option<BaseScan> {
        let query = self.query();
        if !self.does_nothing_else() {
            return None;
        }
        let relation = self.only_relation()?;
        let column = |node: QueryNode<'t>| {
            let entry = node.downcast::<pg_sys::TargetEntry>().filter(|entry| !entry.resjunk)?;
            plain_column(entry.expr()?)
        };
        let columns = query.targetList().into_iter().map(column).collect::<Option<Vec<i16>>>()?;
        let from = query.jointree()?.downcast::<pg_sys::FromExpr>()?;
        if from.fromlist().len() != 1 {
            return None;
        }
        let mut quals = from.quals().map(conjuncts).unwrap_or_default();
        let links = quals.last().and_then(|last| link_call(*last, 1));
        quals.truncate(quals.len() - usize::from(links.is_some()));
        let conditions = quals.into_iter().map(scan_condition).collect::<Option<Vec<_>>>()?;
        Some(BaseScan { relation, columns, conditions, links })
    }

    fn only_entry(self) -> Option<Typed<QueryNode<'t>, pg_sys::RangeTblEntry>> {
        match self.query().rtable().as_slice() {
            [entry] => entry.typed(),
            _ => None,
        }
    }

    fn security_conditions(self) -> Vec<QueryNode<'t>> {
        self.only_entry().map(|entry| entry.read().securityQuals()).unwrap_or_default()
    }

    fn only_relation(self) -> Option<pg_sys::Oid> {
        let entry = self.only_entry()?.read();
        (entry.rtekind == pg_sys::RTEKind::RTE_RELATION && entry.inh && entry.tablesample.is_null())
            .then_some(entry.relid)
    }

    /// The first row-level security condition on the one table of this query, each AND taken apart; a condition that is
    /// anything but a call of ours is `None`. PostgreSQL keeps the conditions in the order in which they are evaluated.
    pub fn first_security_condition(self) -> Vec<Option<FenceCall>> {
        let first = self.security_conditions().first().copied();
        first.map(conjuncts).unwrap_or_default().into_iter().map(|condition| fence_call(condition, 1)).collect()
    }

    /// The relations that the row-level security conditions on the one table of this query read in sub-selects.
    pub fn relations_of_security_conditions(self) -> Vec<pg_sys::Oid> {
        let mut found = Vec::new();
        for condition in self.security_conditions() {
            collect_relations(condition, &mut found);
        }
        found
    }
}

/// Takes out of the row-level security conditions on the one table of a query those that say no more than that the policy
/// `policy` is there. They are no scans: as sub-selects they would cost the plan its workers.
///
/// # Safety
/// Nothing else reads the query's tree meanwhile.
pub(in crate::pgx) unsafe fn drop_presence_conditions(query: QueryView<'_>, policy: &str) {
    let Some(entry) = query.only_entry() else { return };
    let relation = entry.read().relid;
    let (kept, dropped): (Vec<_>, Vec<_>) =
        query.security_conditions().into_iter().partition(|condition| !is_presence(*condition, relation, policy));
    if dropped.is_empty() {
        return;
    }
    let list = kept.into_iter().fold(std::ptr::null_mut(), |list, condition| {
        // SAFETY: appends a node of the tree to a list of nodes.
        unsafe { pg_sys::lappend(list, condition.as_pointer().cast()) }
    });
    // SAFETY: the caller's promise. What the rewriter noted of sub-selects stays: a policy of the table's own may have others.
    unsafe { (*entry.as_pointer()).securityQuals = list };
}

/// Adds the tables that a node and everything below reads.
pub(super) fn collect_relations(node: QueryNode<'_>, found: &mut Vec<pg_sys::Oid>) {
    let mut visit = |child: QueryNode<'_>| {
        collect_relations(child, found);
        false
    };
    if let Some(query) = QueryView::of(node) {
        query.any_child(false, &mut visit);
    } else if let Some(entry) = node.downcast::<pg_sys::RangeTblEntry>() {
        if entry.rtekind == pg_sys::RTEKind::RTE_RELATION {
            found.push(entry.relid);
        }
    } else if node.tag() != pg_sys::NodeTag::T_SortGroupClause {
        node.any_child(&mut visit);
    }
}

/// Exactly `EXISTS (SELECT FROM pg_policy WHERE polrelid = 'relation'::regclass AND polname = 'policy')`.
fn is_presence(node: QueryNode<'_>, relation: pg_sys::Oid, policy: &str) -> bool {
    const OF_RELATION: i16 = 3;
    const NAME: i16 = 2;
    const OID_EQUALITY: u32 = 607;
    const NAME_EQUALITY: u32 = 93;
    let conditions = conditions_on_policies(node).unwrap_or_default();
    let [of_relation, by_name] = conditions.as_slice() else { return false };
    let is_relation = compared(*of_relation, OF_RELATION, OID_EQUALITY)
        .and_then(|value| value.downcast::<pg_sys::Const>())
        .is_some_and(|constant| !constant.constisnull && constant.constvalue == pg_sys::Datum::from(relation));
    let is_policy =
        compared(*by_name, NAME, NAME_EQUALITY).is_some_and(|value| value.constant_name().as_deref() == Some(policy));
    is_relation && is_policy
}

/// The conditions of `EXISTS (SELECT FROM pg_policy WHERE ..)`.
fn conditions_on_policies(node: QueryNode<'_>) -> Option<Vec<QueryNode<'_>>> {
    const POLICIES: u32 = 3256;
    let link = node.downcast::<pg_sys::SubLink>()?;
    if link.subLinkType != pg_sys::SubLinkType::EXISTS_SUBLINK {
        return None;
    }
    let query = link.subselect().and_then(QueryView::of)?;
    if !query.does_nothing_else() || query.only_relation() != Some(pg_sys::Oid::from(POLICIES)) {
        return None;
    }
    let from = query.query().jointree()?.downcast::<pg_sys::FromExpr>()?;
    Some(from.quals().map(conjuncts).unwrap_or_default())
}

/// The constant that a bare column is compared with by that operator.
fn compared(condition: QueryNode<'_>, attribute: i16, operator: u32) -> Option<QueryNode<'_>> {
    let expression = condition.downcast::<pg_sys::OpExpr>()?;
    let arguments = expression.args();
    let [column, value] = arguments.as_slice() else { return None };
    let is_column = plain_column(*column) == Some(attribute) && expression.opno.to_u32() == operator;
    unrelabelled(*value).filter(|value| is_column && value.tag() == pg_sys::NodeTag::T_Const)
}

fn conjuncts(node: QueryNode<'_>) -> Vec<QueryNode<'_>> {
    if node.tag() == pg_sys::NodeTag::T_List {
        return node.elements().into_iter().flat_map(conjuncts).collect();
    }
    match node.downcast::<pg_sys::BoolExpr>() {
        Some(both) if both.boolop == pg_sys::BoolExprType::AND_EXPR => {
            both.args().into_iter().flat_map(conjuncts).collect()
        }
        _ => vec![node],
    }
}

/// The node below binary-compatible relabelling (varchar read as text).
fn unrelabelled(mut node: QueryNode<'_>) -> Option<QueryNode<'_>> {
    while let Some(relabelled) = node.downcast::<pg_sys::RelabelType>() {
        node = relabelled.arg()?;
    }
    Some(node)
}

/// The array below binary-compatible relabelling of its elements (varchar[] read as text[]).
fn unrelabelled_elements(node: QueryNode<'_>) -> Option<QueryNode<'_>> {
    let Some(coercion) = node.downcast::<pg_sys::ArrayCoerceExpr>() else { return Some(node) };
    let element = unrelabelled(coercion.elemexpr()?)?;
    if element.tag() != pg_sys::NodeTag::T_CaseTestExpr {
        return None;
    }
    coercion.arg()
}

fn plain_column(node: QueryNode<'_>) -> Option<i16> {
    column_of(node, 1)
}

/// The attribute number of a bare column of the range table entry `entry`.
pub(in crate::pgx) fn column_of(node: QueryNode<'_>, entry: i32) -> Option<i16> {
    let var = node.downcast::<pg_sys::Var>()?;
    let varno = i32::try_from(i64::from(var.varno)).ok()?;
    (var.varlevelsup == 0 && varno == entry && var.varattno > 0).then_some(var.varattno)
}

/// The two sides of `condition OR column IS NULL`, the column as its attribute number.
fn or_null(node: QueryNode<'_>, entry: i32) -> Option<(QueryNode<'_>, i16)> {
    let either = node.downcast::<pg_sys::BoolExpr>().filter(|either| either.boolop == pg_sys::BoolExprType::OR_EXPR)?;
    let arguments = either.args();
    let [condition, test] = arguments.as_slice() else { return None };
    let test = test.downcast::<pg_sys::NullTest>()?;
    if test.nulltesttype != pg_sys::NullTestType::IS_NULL || test.argisrow {
        return None;
    }
    Some((*condition, column_of(test.arg()?, entry)?))
}

fn scan_condition(node: QueryNode<'_>) -> Option<ScanCondition> {
    if let Some((condition, column)) = or_null(node, 1) {
        let condition = plain_condition(condition).filter(|condition| condition.attribute == column)?;
        return Some(ScanCondition { or_null: true, ..condition });
    }
    plain_condition(node)
}

fn plain_condition(node: QueryNode<'_>) -> Option<ScanCondition> {
    let (operator, arguments, is_list) = if let Some(expression) = node.downcast::<pg_sys::OpExpr>() {
        (expression.opno, expression.args(), false)
    } else {
        let expression = node.downcast::<pg_sys::ScalarArrayOpExpr>().filter(|expression| expression.useOr)?;
        (expression.opno, expression.args(), true)
    };
    let [column, parameter] = arguments.as_slice() else { return None };
    let attribute = plain_column(unrelabelled(*column)?)?;
    let parameter = unrelabelled(if is_list { unrelabelled_elements(*parameter)? } else { *parameter })?;
    let parameter = parameter.downcast::<pg_sys::Param>()?;
    (parameter.paramkind == pg_sys::ParamKind::PARAM_EXTERN).then_some(ScanCondition {
        attribute,
        operator,
        parameter: parameter.paramid,
        is_list,
        or_null: false,
    })
}

/// Whether a policy's condition is made of the extension's own alone: those that bind columns to claims or keys, and the one of
/// shared tables.
pub(in crate::pgx) fn is_own_fence(condition: QueryNode<'_>) -> bool {
    let is_of = |function, name| routines::is_named(function, c"splitplane", name);
    conjuncts(condition).into_iter().all(|condition| match fence_call(condition, 1) {
        Some(FenceCall::Scope(call)) => is_of(call.function, c"in_scope"),
        Some(FenceCall::Links(call)) => is_of(call.function, c"in_parent"),
        None => condition
            .downcast::<pg_sys::FuncExpr>()
            .is_some_and(|call| call.args().is_empty() && is_of(call.funcid, c"in_call")),
    })
}

/// A scope's condition or one on keys, over columns of the range table entry `entry`.
pub(in crate::pgx) fn fence_call(node: QueryNode<'_>, entry: i32) -> Option<FenceCall> {
    let scope = scope_call(node, entry).map(FenceCall::Scope);
    scope.or_else(|| link_call(node, entry).map(FenceCall::Links))
}

/// The call `function('links', column, ..)`, the columns bare ones of the range table entry `entry`.
fn link_call(node: QueryNode<'_>, entry: i32) -> Option<LinkCall> {
    let call = node.downcast::<pg_sys::FuncExpr>()?;
    let arguments = call.args();
    let (links, columns) = arguments.split_first()?;
    let attributes = columns.iter().map(|column| column_of(*column, entry)).collect::<Option<Vec<i16>>>()?;
    let links = links.constant_text().filter(|_| !attributes.is_empty())?;
    Some(LinkCall { function: call.funcid, links, attributes })
}

/// The call `function(column, 'claim')`, or that `OR column IS NULL`, over a column of the range table entry `entry`.
fn scope_call(node: QueryNode<'_>, entry: i32) -> Option<ScopeCall> {
    if let Some((condition, column)) = or_null(node, entry) {
        let call = plain_call(condition, entry).filter(|call| call.attribute == column)?;
        return Some(ScopeCall { or_null: true, ..call });
    }
    plain_call(node, entry)
}

fn plain_call(node: QueryNode<'_>, entry: i32) -> Option<ScopeCall> {
    let call = node.downcast::<pg_sys::FuncExpr>()?;
    match call.args().as_slice() {
        [column, claim] => Some(ScopeCall {
            function: call.funcid,
            attribute: column_of(unrelabelled(*column)?, entry)?,
            claim: claim.constant_text()?,
            or_null: false,
        }),
        _ => None,
    }
}
