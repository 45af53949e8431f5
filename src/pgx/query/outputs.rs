//! The columns that a query gives, and where they come from.

use super::{QueryNode, QueryView};
use crate::pgx::node::TreeNode;
use pgrx::pg_sys;

/// An item of a select list.
pub struct Output<'t> {
    /// The name of the column; none of an item that the rows of the query do not have.
    pub name: Option<String>,
    /// Its expression.
    pub value: QueryNode<'t>,
    /// Whether rows are grouped, sorted or made distinct by it.
    pub is_key: bool,
}

/// A column of an answer.
#[derive(Debug, Clone)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_oid: pg_sys::Oid,
    /// The modifier of the type.
    pub modifier: i32,
    /// The column of a table that it hands on as it is, by the table's OID and the column's number.
    pub origin: Option<(pg_sys::Oid, i16)>,
}

impl<'t> QueryView<'t> {
    /// The select list.
    pub fn outputs(self) -> Vec<Output<'t>> {
        let entries = self.query().targetList().into_iter();
        entries
            .filter_map(|node| {
                let entry = node.downcast::<pg_sys::TargetEntry>()?;
                Some(Output {
                    name: (!entry.resjunk).then(|| entry.resname()),
                    value: entry.expr()?,
                    is_key: entry.resjunk || entry.ressortgroupref > 0,
                })
            })
            .collect()
    }

    /// What is known of the columns of the answer.
    pub fn column_facts(self) -> Vec<ColumnFacts> {
        let entries = self.query().targetList().into_iter();
        entries
            .filter_map(|node| node.downcast::<pg_sys::TargetEntry>().filter(|entry| !entry.resjunk))
            .filter_map(|entry| {
                let value = entry.expr()?;
                let is_stored = entry.resorigtbl != pg_sys::InvalidOid && entry.resorigcol > 0;
                Some(ColumnFacts {
                    name: entry.resname(),
                    type_oid: value.expression_type(),
                    // SAFETY: an expression of a whole tree.
                    modifier: unsafe { pg_sys::exprTypmod(value.as_pointer()) },
                    origin: is_stored.then(|| (entry.resorigtbl, entry.resorigcol)),
                })
            })
            .collect()
    }
}
