//! What the proof reads off a fence: the scan that it comes down to, and the row-level security on its table.

use super::{QueryNode, QueryView, nodes};
use pgrx::pg_sys;

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

/// One row-level security condition that is `in_scope(column, 'claim')` and nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct ScopeCall {
    /// The function.
    pub function: pg_sys::Oid,
    /// Attribute number of the bare column.
    pub attribute: i16,
    /// Name of the claim.
    pub claim: String,
}

impl<'t> QueryView<'t> {
    /// A plain SELECT without any clause beside its select list, FROM and WHERE.
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

    /// The first row-level security condition on the one table of this query, each AND taken apart; a condition that is
    /// anything but a scope call is `None`. PostgreSQL keeps the conditions in the order in which they are evaluated.
    pub fn first_security_condition(self) -> Vec<Option<ScopeCall>> {
        let first = self.only_entry().and_then(|entry| nodes(entry.securityQuals).first().copied());
        first.map(conjuncts).unwrap_or_default().into_iter().map(|condition| scope_call(condition, 1)).collect()
    }

    /// The relations that the row-level security conditions on the one table of this query read in sub-selects.
    pub fn relations_of_security_conditions(self) -> Vec<pg_sys::Oid> {
        let Some(entry) = self.only_entry() else { return Vec::new() };
        let mut found = Vec::new();
        for condition in nodes(entry.securityQuals) {
            collect_relations(condition, &mut found);
        }
        found
    }

    /// Takes out of the row-level security conditions on the one table of this query those that say no more than that
    /// the policy `policy` is there. They are no scans: as sub-selects they would cost the plan its workers.
    pub fn drop_presence_conditions(self, policy: &str) {
        let Some(entry) = self.only_entry() else { return };
        let (kept, dropped): (Vec<_>, Vec<_>) =
            nodes(entry.securityQuals).into_iter().partition(|condition| !is_presence(*condition, entry.relid, policy));
        if dropped.is_empty() {
            return;
        }
        let list = kept.into_iter().fold(std::ptr::null_mut(), |list, condition| {
            // SAFETY: appends a node of the tree to a list of nodes.
            unsafe { pg_sys::lappend(list, condition.as_pointer().cast()) }
        });
        let place = std::ptr::from_ref(entry).cast_mut();
        // SAFETY: the entry belongs to a tree that this backend alone holds. What the rewriter noted of sub-selects stays:
        // a policy of the table's own may have others.
        unsafe { (*place).securityQuals = list };
    }
}

fn collect_relations(node: QueryNode<'_>, found: &mut Vec<pg_sys::Oid>) {
    let mut visit = |child: QueryNode<'_>| {
        collect_relations(child, found);
        false
    };
    match node.tag() {
        pg_sys::NodeTag::T_Query => QueryView::new(node).any_child(false, &mut visit),
        pg_sys::NodeTag::T_RangeTblEntry => {
            let entry = node.cast::<pg_sys::RangeTblEntry>();
            if entry.rtekind == pg_sys::RTEKind::RTE_RELATION {
                found.push(entry.relid);
            }
            false
        }
        pg_sys::NodeTag::T_SortGroupClause => false,
        _ => node.any_child(&mut visit),
    };
}

/// `EXISTS (SELECT FROM pg_policy WHERE polrelid = 'relation'::regclass AND polname = 'policy')`, word for word.
fn is_presence(node: QueryNode<'_>, relation: pg_sys::Oid, policy: &str) -> bool {
    const POLICIES: u32 = 3256;
    const OF_RELATION: i16 = 3;
    const NAME: i16 = 2;
    if node.tag() != pg_sys::NodeTag::T_SubLink {
        return false;
    }
    let link = node.cast::<pg_sys::SubLink>();
    if link.subLinkType != pg_sys::SubLinkType::EXISTS_SUBLINK {
        return false;
    }
    let Some(query) = QueryNode::from_pointer(link.subselect).map(QueryView::new) else { return false };
    if !query.does_nothing_else() || query.only_relation() != Some(pg_sys::Oid::from(POLICIES)) {
        return false;
    }
    // SAFETY: a jointree is a FromExpr of the same tree.
    let Some(from) = (unsafe { query.query().jointree.as_ref() }) else { return false };
    let conditions = QueryNode::from_pointer(from.quals).map(conjuncts).unwrap_or_default();
    let [of_relation, by_name] = conditions.as_slice() else { return false };
    let compared = |condition: &QueryNode<'_>, attribute: i16, operator: u32| {
        if condition.tag() != pg_sys::NodeTag::T_OpExpr {
            return None;
        }
        let expression = condition.cast::<pg_sys::OpExpr>();
        let arguments = nodes(expression.args);
        let [column, value] = arguments.as_slice() else { return None };
        let is_column = plain_column(*column) == Some(attribute) && expression.opno.to_u32() == operator;
        unrelabelled(*value).filter(|value| is_column && value.tag() == pg_sys::NodeTag::T_Const)
    };
    const OID_EQUALITY: u32 = 607;
    const NAME_EQUALITY: u32 = 93;
    let is_relation = compared(of_relation, OF_RELATION, OID_EQUALITY).is_some_and(|value| {
        let constant = value.cast::<pg_sys::Const>();
        !constant.constisnull && constant.constvalue == pg_sys::Datum::from(relation)
    });
    let is_policy =
        compared(by_name, NAME, NAME_EQUALITY).is_some_and(|value| value.constant_name().as_deref() == Some(policy));
    is_relation && is_policy
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

/// The array below binary-compatible relabelling of its elements (varchar[] read as text[]).
fn unrelabelled_elements(node: QueryNode<'_>) -> Option<QueryNode<'_>> {
    if node.tag() != pg_sys::NodeTag::T_ArrayCoerceExpr {
        return Some(node);
    }
    let coercion = node.cast::<pg_sys::ArrayCoerceExpr>();
    let element = unrelabelled(QueryNode::from_pointer(coercion.elemexpr.cast())?)?;
    if element.tag() != pg_sys::NodeTag::T_CaseTestExpr {
        return None;
    }
    QueryNode::from_pointer(coercion.arg.cast())
}

fn plain_column(node: QueryNode<'_>) -> Option<i16> {
    column_of(node, 1)
}

/// The attribute number of a bare column of the range table entry `entry`.
fn column_of(node: QueryNode<'_>, entry: i32) -> Option<i16> {
    if node.tag() != pg_sys::NodeTag::T_Var {
        return None;
    }
    let var = node.cast::<pg_sys::Var>();
    let varno = i32::try_from(i64::from(var.varno)).ok()?;
    (var.varlevelsup == 0 && varno == entry && var.varattno > 0).then_some(var.varattno)
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
    let parameter = unrelabelled(if is_list { unrelabelled_elements(*parameter)? } else { *parameter })?;
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

/// The call `function(column, 'claim')` over a column of the range table entry `entry`.
pub(in crate::pgx) fn scope_call(node: QueryNode<'_>, entry: i32) -> Option<ScopeCall> {
    if node.tag() != pg_sys::NodeTag::T_FuncExpr {
        return None;
    }
    let call = node.cast::<pg_sys::FuncExpr>();
    match nodes(call.args).as_slice() {
        [column, claim] => Some(ScopeCall {
            function: call.funcid,
            attribute: column_of(unrelabelled(*column)?, entry)?,
            claim: claim.constant_text()?,
        }),
        _ => None,
    }
}
