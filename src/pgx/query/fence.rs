//! What the proof reads off a fence: the scan that it comes down to, and the row-level security on its table.

use super::{QueryNode, QueryView, nodes};
use crate::error::StageResult;
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

/// One row-level security condition, reduced to the columns it reads and the claims it asks for.
pub struct SecurityCondition {
    /// The operator or function at its top: what compares column and claim.
    pub top: Option<pg_sys::Oid>,
    /// Attribute numbers.
    pub attributes: Vec<i16>,
    /// (function, name of the claim).
    pub claims: Vec<(pg_sys::Oid, String)>,
}

impl<'t> QueryView<'t> {
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
        pg_sys::NodeTag::T_Query => {
            QueryView::new(node).children(false, &mut |child| collect_security(child, condition))
        }
        pg_sys::NodeTag::T_RangeTblEntry => Ok(()),
        _ => node.children(&mut |child| collect_security(child, condition)),
    }
}
