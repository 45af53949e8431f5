//! What the size of an expression's value follows from.

use super::column_lineage::ColumnReference;
use super::{QueryNode, QueryView};
use crate::pgx::functions::extent;
use crate::pgx::node::TreeNode;
use crate::pgx::types;
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
        self.known_form().unwrap_or(ValueForm::Other)
    }

    fn known_form(self) -> Option<ValueForm<'t>> {
        use pg_sys::NodeTag as T;
        Some(match self.tag() {
            T::T_Const => {
                ValueForm::Constant(self.constant_size().and_then(|size| u64::try_from(size).ok()).unwrap_or(u64::MAX))
            }
            T::T_Var => ValueForm::Column(self.column()?),
            T::T_Param => {
                let parameter = self.downcast::<pg_sys::Param>()?;
                let number = i16::try_from(parameter.paramid).ok()?;
                if parameter.paramkind != pg_sys::ParamKind::PARAM_SUBLINK {
                    return None;
                }
                ValueForm::LinkParameter(number)
            }
            T::T_RelabelType => ValueForm::Same(self.downcast::<pg_sys::RelabelType>()?.arg()?),
            T::T_CollateExpr => ValueForm::Same(self.downcast::<pg_sys::CollateExpr>()?.arg()?),
            T::T_NamedArgExpr => ValueForm::Same(self.downcast::<pg_sys::NamedArgExpr>()?.arg()?),
            T::T_FieldSelect => ValueForm::Same(self.downcast::<pg_sys::FieldSelect>()?.arg()?),
            T::T_SubscriptingRef => ValueForm::Same(self.downcast::<pg_sys::SubscriptingRef>()?.refexpr()?),
            T::T_CoerceViaIO => ValueForm::ByText(self.downcast::<pg_sys::CoerceViaIO>()?.arg()?),
            T::T_ArrayCoerceExpr => ValueForm::ByText(self.downcast::<pg_sys::ArrayCoerceExpr>()?.arg()?),
            T::T_CaseExpr => {
                let case = self.downcast::<pg_sys::CaseExpr>()?;
                let branch = |when: QueryNode<'t>| when.downcast::<pg_sys::CaseWhen>()?.result();
                ValueForm::Either(case.args().into_iter().filter_map(branch).chain(case.defresult()).collect())
            }
            T::T_CoalesceExpr => ValueForm::Either(self.downcast::<pg_sys::CoalesceExpr>()?.args()),
            T::T_MinMaxExpr => ValueForm::Either(self.downcast::<pg_sys::MinMaxExpr>()?.args()),
            T::T_NullIfExpr => ValueForm::Either(self.operator()?.args()),
            T::T_ArrayExpr => ValueForm::Gathered(self.downcast::<pg_sys::ArrayExpr>()?.elements()),
            T::T_RowExpr => ValueForm::Gathered(self.downcast::<pg_sys::RowExpr>()?.args()),
            T::T_FuncExpr | T::T_OpExpr | T::T_Aggref | T::T_WindowFunc => {
                let call = self.operations().into_iter().next()?;
                ValueForm::Call { function: call.function, arguments: call.arguments }
            }
            T::T_SubLink => {
                let link = self.downcast::<pg_sys::SubLink>()?;
                let query = link.subselect().and_then(QueryView::of)?;
                if link.subLinkType != pg_sys::SubLinkType::EXPR_SUBLINK {
                    return None;
                }
                ValueForm::Query(query)
            }
            _ => return None,
        })
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
        types::element_type(self.expression_type()).is_some()
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
        let link = self.downcast::<pg_sys::SubLink>()?;
        link.subselect().filter(|_| !link.testexpr.is_null()).and_then(QueryView::of)
    }

    /// The size in bytes of a constant, as PostgreSQL keeps it.
    pub fn constant_size(self) -> Option<usize> {
        let constant = self.downcast::<pg_sys::Const>()?;
        Some(match constant.constlen {
            _ if constant.constisnull => 0,
            // SAFETY: a constant of variable length that is not NULL.
            -1 => unsafe { extent::extended_size(constant.constvalue, constant.consttype) },
            length => usize::try_from(length).unwrap_or(usize::MAX),
        })
    }

    /// Identifies a node within one tree.
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
            let targets = query.query().targetList().into_iter();
            targets
                .filter_map(|entry| entry.downcast::<pg_sys::TargetEntry>())
                .filter(|entry| is_key(entry))
                .filter_map(|entry| entry.expr())
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
        let entries = self.query().rtable().into_iter();
        entries
            .filter_map(|entry| entry.downcast::<pg_sys::RangeTblEntry>())
            .filter(|entry| entry.rtekind == pg_sys::RTEKind::RTE_SUBQUERY)
            .filter_map(|entry| entry.subquery().and_then(QueryView::of))
            .collect()
    }
}
