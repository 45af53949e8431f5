//! Where the columns of an analysed tree come from.

use super::{QueryNode, QueryView};
use crate::pgx::node::{Fields, TreeNode};
use pgrx::pg_sys;

/// A column as an expression names it.
#[derive(Clone, Copy)]
pub struct ColumnReference {
    /// How many queries up.
    pub level: usize,
    /// The range table entry there.
    pub entry: i32,
    /// The column of the entry, from 1; 0 is the whole row.
    pub attribute: i16,
}

/// What stands behind a column of a range table entry.
pub enum Origin<'t> {
    /// A common table expression, `level` queries up.
    Expression { level: usize, name: String },
    /// A subquery in FROM.
    Subquery(QueryView<'t>),
    /// An expression of the same query: a column of a join.
    Node(QueryNode<'t>),
    /// The expressions of a column of VALUES.
    Values(Vec<QueryNode<'t>>),
    /// A function in FROM.
    Function(QueryNode<'t>),
    /// A table.
    Stored,
    /// Anything else.
    Other,
}

impl<'t> QueryNode<'t> {
    /// The column that this node names, if it is one and not a whole row.
    pub fn column(self) -> Option<ColumnReference> {
        self.named().filter(|column| column.attribute > 0)
    }

    /// The column or whole row that this node names, if it is one.
    pub fn named(self) -> Option<ColumnReference> {
        let var = self.downcast::<pg_sys::Var>()?;
        let level = usize::try_from(var.varlevelsup).ok()?;
        #[allow(clippy::useless_conversion)]
        let entry = i32::try_from(var.varno).ok()?;
        Some(ColumnReference { level, entry, attribute: var.varattno })
    }
}

impl<'t> QueryView<'t> {
    /// What stands behind a column of this query's range table.
    pub fn origin(self, column: ColumnReference) -> Origin<'t> {
        let Some(entry) = self.entry(column.entry) else { return Origin::Other };
        match entry.rtekind {
            pg_sys::RTEKind::RTE_CTE if !entry.self_reference => match usize::try_from(entry.ctelevelsup) {
                Ok(level) => Origin::Expression { level, name: entry.ctename() },
                Err(_) => Origin::Other,
            },
            pg_sys::RTEKind::RTE_SUBQUERY => {
                entry.subquery().and_then(QueryView::of).map_or(Origin::Other, Origin::Subquery)
            }
            pg_sys::RTEKind::RTE_RELATION => Origin::Stored,
            pg_sys::RTEKind::RTE_VALUES => {
                let index = usize::try_from(column.attribute).unwrap_or(0).checked_sub(1);
                let rows = entry.values_lists().into_iter();
                let values = rows.filter_map(|row| row.elements().get(index?).copied());
                Origin::Values(values.collect())
            }
            // ROWS FROM of several functions is left alone.
            pg_sys::RTEKind::RTE_FUNCTION => match entry.functions().as_slice() {
                [function] => function
                    .downcast::<pg_sys::RangeTblFunction>()
                    .and_then(|function| function.funcexpr())
                    .map_or(Origin::Other, Origin::Function),
                _ => Origin::Other,
            },
            pg_sys::RTEKind::RTE_JOIN => nth(&entry.joinaliasvars(), column.attribute),
            #[cfg(any(feature = "pg18", feature = "pg19"))]
            pg_sys::RTEKind::RTE_GROUP => nth(&entry.groupexprs(), column.attribute),
            _ => Origin::Other,
        }
    }

    /// What stands behind a column, or behind each column of a whole row.
    pub fn origins(self, column: ColumnReference) -> Vec<Origin<'t>> {
        if column.attribute == 0 {
            let entry = self.entry(column.entry);
            if let Some(join) = entry.filter(|entry| entry.rtekind == pg_sys::RTEKind::RTE_JOIN) {
                return join.joinaliasvars().into_iter().map(Origin::Node).collect();
            }
        }
        vec![self.origin(column)]
    }

    /// Whether an entry of the range table has rows of the statement's own making: those of a subquery, VALUES or a join, or of a
    /// common table expression so many queries up.
    pub fn makes_rows(self, entry: i32) -> Option<usize> {
        let entry = self.entry(entry)?;
        match entry.rtekind {
            pg_sys::RTEKind::RTE_SUBQUERY | pg_sys::RTEKind::RTE_VALUES | pg_sys::RTEKind::RTE_JOIN => Some(0),
            pg_sys::RTEKind::RTE_CTE => usize::try_from(entry.ctelevelsup).ok(),
            _ => None,
        }
    }

    /// The number of columns of a range table entry.
    pub fn width(self, entry: i32) -> usize {
        let names = self.entry(entry).and_then(|entry| entry.eref()?.downcast::<pg_sys::Alias>());
        names.map_or(0, |names| names.colnames().len())
    }

    /// An entry of the range table, from 1.
    fn entry(self, number: i32) -> Option<Fields<QueryNode<'t>, pg_sys::RangeTblEntry>> {
        let index = usize::try_from(number).unwrap_or(0).checked_sub(1)?;
        self.query().rtable().get(index)?.downcast()
    }

    /// The expression of a result column, from 1; `None` for UNION and the like.
    pub fn result(self, attribute: i16) -> Option<QueryNode<'t>> {
        if !self.query().setOperations.is_null() {
            return None;
        }
        let entries = self.query().targetList().into_iter();
        entries
            .filter_map(|node| node.downcast::<pg_sys::TargetEntry>())
            .find(|entry| entry.resno == attribute)
            .and_then(|entry| entry.expr())
    }
}

fn nth<'t>(nodes: &[QueryNode<'t>], attribute: i16) -> Origin<'t> {
    let index = usize::try_from(attribute).unwrap_or(0).checked_sub(1);
    index.and_then(|index| nodes.get(index).copied()).map_or(Origin::Other, Origin::Node)
}

/// The queries around an expression, the outermost first, as seen `level` queries up, with the query there.
pub fn home<'s, 't>(scopes: &'s [QueryView<'t>], level: usize) -> Option<(&'s [QueryView<'t>], QueryView<'t>)> {
    let home = scopes.get(..scopes.len().checked_sub(level)?)?;
    Some((home, *home.last()?))
}
