//! What the size of an expression's value follows from.

use super::column_lineage::ColumnReference;
use super::{QueryNode, QueryView, nodes};
use crate::pgx::functions::extent;
use crate::pgx::values;
use pgrx::pg_sys;

/// The form of an expression, as far as the size of its value goes.
pub enum ValueForm<'t> {
    /// A constant of so many bytes.
    Constant(u64),
    /// A column.
    Column(ColumnReference),
    /// In a sub-link's test: the column of its query, from 1.
    LinkParameter(i16),
    /// The value of another expression, whole or a part of it.
    Same(QueryNode<'t>),
    /// A conversion through text, also of each element.
    ByText(QueryNode<'t>),
    /// The value of one of these.
    Either(Vec<QueryNode<'t>>),
    /// An array or row of these.
    Gathered(Vec<QueryNode<'t>>),
    /// The result of a function, operator, aggregate or window function.
    Call { function: pg_sys::Oid, arguments: Vec<QueryNode<'t>> },
    /// The one value of a subquery.
    Query(QueryView<'t>),
    /// Anything else.
    Other,
}

impl<'t> QueryNode<'t> {
    /// The form of this expression.
    pub fn value_form(self) -> ValueForm<'t> {
        use pg_sys::NodeTag as T;
        let child = |node: *mut pg_sys::Expr, form: fn(QueryNode<'t>) -> ValueForm<'t>| {
            QueryNode::from_pointer(node.cast()).map_or(ValueForm::Other, form)
        };
        match self.tag() {
            T::T_Const => {
                ValueForm::Constant(self.constant_size().and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX))
            }
            T::T_Var => self.column().map_or(ValueForm::Other, ValueForm::Column),
            T::T_Param => {
                let parameter = self.cast::<pg_sys::Param>();
                match i16::try_from(parameter.paramid) {
                    Ok(number) if parameter.paramkind == pg_sys::ParamKind::PARAM_SUBLINK => {
                        ValueForm::LinkParameter(number)
                    }
                    _ => ValueForm::Other,
                }
            }
            T::T_RelabelType => child(self.cast::<pg_sys::RelabelType>().arg, ValueForm::Same),
            T::T_CollateExpr => child(self.cast::<pg_sys::CollateExpr>().arg, ValueForm::Same),
            T::T_NamedArgExpr => child(self.cast::<pg_sys::NamedArgExpr>().arg, ValueForm::Same),
            T::T_FieldSelect => child(self.cast::<pg_sys::FieldSelect>().arg, ValueForm::Same),
            T::T_SubscriptingRef => child(self.cast::<pg_sys::SubscriptingRef>().refexpr, ValueForm::Same),
            T::T_CoerceViaIO => child(self.cast::<pg_sys::CoerceViaIO>().arg, ValueForm::ByText),
            T::T_ArrayCoerceExpr => child(self.cast::<pg_sys::ArrayCoerceExpr>().arg, ValueForm::ByText),
            T::T_CaseExpr => {
                let case = self.cast::<pg_sys::CaseExpr>();
                let branch =
                    |when: QueryNode<'t>| QueryNode::from_pointer(when.cast::<pg_sys::CaseWhen>().result.cast());
                let branches = nodes(case.args).into_iter().filter_map(branch);
                ValueForm::Either(branches.chain(QueryNode::from_pointer(case.defresult.cast())).collect())
            }
            T::T_CoalesceExpr => ValueForm::Either(nodes(self.cast::<pg_sys::CoalesceExpr>().args)),
            T::T_MinMaxExpr => ValueForm::Either(nodes(self.cast::<pg_sys::MinMaxExpr>().args)),
            T::T_NullIfExpr => ValueForm::Either(nodes(self.cast::<pg_sys::OpExpr>().args)),
            T::T_ArrayExpr => ValueForm::Gathered(nodes(self.cast::<pg_sys::ArrayExpr>().elements)),
            T::T_RowExpr => ValueForm::Gathered(nodes(self.cast::<pg_sys::RowExpr>().args)),
            T::T_FuncExpr | T::T_OpExpr | T::T_Aggref | T::T_WindowFunc => match self.operations().into_iter().next() {
                Some(call) => ValueForm::Call { function: call.function, arguments: call.arguments },
                None => ValueForm::Other,
            },
            T::T_SubLink => {
                let link = self.cast::<pg_sys::SubLink>();
                let query = QueryNode::from_pointer(link.subselect).map(QueryView::new);
                match query {
                    Some(query) if link.subLinkType == pg_sys::SubLinkType::EXPR_SUBLINK => ValueForm::Query(query),
                    _ => ValueForm::Other,
                }
            }
            _ => ValueForm::Other,
        }
    }

    /// Whether values of this expression's type vary in length.
    pub fn varies_in_length(self) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::get_typlen(self.expression_type()) == -1 }
    }

    /// Whether this is a number of any length.
    pub fn is_number(self) -> bool {
        self.expression_type() == pg_sys::NUMERICOID
    }

    /// Whether this is a string of bits.
    pub fn is_bits(self) -> bool {
        matches!(self.expression_type(), pg_sys::BITOID | pg_sys::VARBITOID)
    }

    /// Whether this is an array of any type.
    pub fn is_array(self) -> bool {
        values::element_type(self.expression_type()).is_some()
    }

    /// The bytes that a column's declared type allows: varchar(n), char(n), numeric(p, s).
    pub fn declared_size(self) -> Option<u64> {
        // SAFETY: reads the modifier of an expression node.
        let modifier = unsafe { pg_sys::exprTypmod(self.as_pointer()) };
        let declared = u64::try_from(modifier.checked_sub(4)?).ok()?;
        match self.expression_type() {
            pg_sys::VARCHAROID | pg_sys::BPCHAROID => Some(declared.saturating_mul(4)),
            // Their modifier is the number of bits itself.
            pg_sys::BITOID | pg_sys::VARBITOID => Some(declared.div_ceil(8).saturating_add(8)),
            // The precision stands in the upper half; four digits take two bytes.
            pg_sys::NUMERICOID => Some((declared >> 16 & 0xffff).saturating_add(24)),
            _ => None,
        }
    }

    /// The query of a sub-link that compares its left side with each row of it.
    pub fn link_query(self) -> Option<QueryView<'t>> {
        if self.tag() != pg_sys::NodeTag::T_SubLink {
            return None;
        }
        let link = self.cast::<pg_sys::SubLink>();
        QueryNode::from_pointer(link.subselect).filter(|_| !link.testexpr.is_null()).map(QueryView::new)
    }

    /// The size in bytes of a constant, as PostgreSQL keeps it.
    pub fn constant_size(self) -> Option<usize> {
        if self.tag() != pg_sys::NodeTag::T_Const {
            return None;
        }
        let constant = self.cast::<pg_sys::Const>();
        Some(match constant.constlen {
            _ if constant.constisnull => 0,
            // SAFETY: a constant of variable length that is not NULL.
            -1 => unsafe { extent::extended_size(constant.constvalue, constant.consttype) },
            length => usize::try_from(length).unwrap_or(usize::MAX),
        })
    }

    /// Tells nodes of one tree apart.
    pub fn address(self) -> usize {
        self.as_pointer().addr()
    }

    /// Whether two expressions are the same to PostgreSQL.
    pub fn equals(self, other: Self) -> bool {
        // SAFETY: compares two nodes of whole trees.
        unsafe { pg_sys::equal(self.as_pointer().cast(), other.as_pointer().cast()) }
    }
}

impl<'t> QueryView<'t> {
    /// The expressions that this query sorts, groups or makes distinct by; of UNION and the like the columns of each arm.
    pub fn sort_keys(self) -> Vec<QueryNode<'t>> {
        let entries = |query: QueryView<'t>, is_key: fn(&pg_sys::TargetEntry) -> bool| -> Vec<QueryNode<'t>> {
            nodes(query.query().targetList)
                .into_iter()
                .map(|entry| entry.cast::<pg_sys::TargetEntry>())
                .filter(|entry| is_key(entry))
                .filter_map(|entry| QueryNode::from_pointer(entry.expr.cast()))
                .collect()
        };
        if self.query().setOperations.is_null() {
            return entries(self, |entry| entry.ressortgroupref != 0);
        }
        // The columns of the whole stand for those of the first arm, and are left as they are.
        let arms = self.arms().into_iter().filter(|arm| arm.query().setOperations.is_null());
        arms.flat_map(|arm| entries(arm, |entry| !entry.resjunk)).collect()
    }

    /// The arms of UNION and the like.
    pub fn arms(self) -> Vec<QueryView<'t>> {
        if self.query().setOperations.is_null() {
            return Vec::new();
        }
        nodes(self.query().rtable)
            .into_iter()
            .map(|entry| entry.cast::<pg_sys::RangeTblEntry>())
            .filter(|entry| entry.rtekind == pg_sys::RTEKind::RTE_SUBQUERY)
            .filter_map(|entry| QueryView::from_pointer(entry.subquery))
            .collect()
    }
}
