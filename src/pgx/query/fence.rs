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

/// One row-level security condition, reduced to the one comparison that it must be.
pub struct SecurityCondition {
    /// The operator or function at its top: what compares column and claim.
    pub top: Option<pg_sys::Oid>,
    /// What it compares: the attribute number of a bare column, and a claim as (function, name).
    pub compared: Option<(i16, (pg_sys::Oid, String))>,
}

impl<'t> QueryView<'t> {
    /// The one value of a query that is `SELECT value` and nothing else.
    fn only_value(self) -> Option<QueryNode<'t>> {
        let query = self.query();
        // SAFETY: a jointree is a FromExpr of the same tree.
        let from = unsafe { query.jointree.as_ref() }?;
        if !self.does_nothing_else() || !query.rtable.is_null() || !from.fromlist.is_null() || !from.quals.is_null() {
            return None;
        }
        match nodes(query.targetList).as_slice() {
            [entry] => QueryNode::from_pointer(entry.cast::<pg_sys::TargetEntry>().expr.cast()),
            _ => None,
        }
    }

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

fn security_condition(node: QueryNode<'_>) -> SecurityCondition {
    let (top, arguments) = match node.tag() {
        pg_sys::NodeTag::T_OpExpr => {
            let expression = node.cast::<pg_sys::OpExpr>();
            (Some(expression.opno), nodes(expression.args))
        }
        pg_sys::NodeTag::T_FuncExpr => {
            let call = node.cast::<pg_sys::FuncExpr>();
            (Some(call.funcid), nodes(call.args))
        }
        _ => (None, Vec::new()),
    };
    let compared = match arguments.as_slice() {
        [column, value] => unrelabelled(*column).and_then(plain_column).zip(claim_of(*value)),
        _ => None,
    };
    SecurityCondition { top, compared }
}

/// `(SELECT claim('name'))` and nothing more, but for conversions of the type.
fn claim_of(node: QueryNode<'_>) -> Option<(pg_sys::Oid, String)> {
    let node = unconverted(node)?;
    if node.tag() != pg_sys::NodeTag::T_SubLink {
        return None;
    }
    let link = node.cast::<pg_sys::SubLink>();
    if link.subLinkType != pg_sys::SubLinkType::EXPR_SUBLINK {
        return None;
    }
    let call = unconverted(QueryView::new(QueryNode::from_pointer(link.subselect)?).only_value()?)?;
    if call.tag() != pg_sys::NodeTag::T_FuncExpr {
        return None;
    }
    let call = call.cast::<pg_sys::FuncExpr>();
    match nodes(call.args).as_slice() {
        [argument] => Some((call.funcid, argument.constant_text()?)),
        _ => None,
    }
}

/// The node below conversions that make one value out of one: relabelling, through text, and either for each element.
fn unconverted(mut node: QueryNode<'_>) -> Option<QueryNode<'_>> {
    loop {
        let inner = match node.tag() {
            pg_sys::NodeTag::T_RelabelType => node.cast::<pg_sys::RelabelType>().arg,
            pg_sys::NodeTag::T_CoerceViaIO => node.cast::<pg_sys::CoerceViaIO>().arg,
            pg_sys::NodeTag::T_ArrayCoerceExpr => {
                let coercion = node.cast::<pg_sys::ArrayCoerceExpr>();
                let element = unconverted(QueryNode::from_pointer(coercion.elemexpr.cast())?)?;
                if element.tag() != pg_sys::NodeTag::T_CaseTestExpr {
                    return None;
                }
                coercion.arg
            }
            _ => return Some(node),
        };
        node = QueryNode::from_pointer(inner.cast())?;
    }
}
