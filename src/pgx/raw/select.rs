//! The SELECT statement of a raw tree.

use super::{RawColumnRef, RawNode, RawResultTarget};
use crate::pgx::node::{Fields, TreeNode, Typed};
use pgrx::pg_sys;
use std::collections::HashSet;

/// A SELECT, VALUES or set operation.
#[derive(Clone, Copy)]
pub struct RawSelect<'t>(Typed<RawNode<'t>, pg_sys::SelectStmt>);

/// A common table expression.
pub struct RawExpression<'t> {
    /// Its name.
    pub name: String,
    /// The whole of it.
    pub node: RawNode<'t>,
    materialized: pg_sys::CTEMaterialize::Type,
}

impl RawExpression<'_> {
    /// Whether the planner puts its query in the place of its one reference, if there are no more.
    pub fn moves(&self, references: usize) -> bool {
        self.materialized == pg_sys::CTEMaterialize::CTEMaterializeDefault && references < 2
    }

    /// Whether the planner puts its query in the place of each reference: NOT MATERIALIZED.
    pub fn is_copied(&self) -> bool {
        self.materialized == pg_sys::CTEMaterialize::CTEMaterializeNever
    }
}

/// An expression, and the node right above it.
#[derive(Clone, Copy)]
pub struct Placed<'t> {
    /// The node that holds it.
    pub parent: RawNode<'t>,
    /// The expression.
    pub node: RawNode<'t>,
}

impl<'t> RawSelect<'t> {
    pub(super) fn of(node: RawNode<'t>) -> Option<Self> {
        node.typed().map(RawSelect)
    }

    pub(super) fn stmt(self) -> Fields<RawNode<'t>, pg_sys::SelectStmt> {
        self.0.read()
    }

    pub(super) fn stmt_pointer(self) -> *mut pg_sys::SelectStmt {
        self.0.as_pointer()
    }

    /// The node itself.
    pub fn node(self) -> RawNode<'t> {
        self.0.node()
    }

    /// The common table expressions, and whether WITH is RECURSIVE.
    pub fn with(self) -> (Vec<RawExpression<'t>>, bool) {
        let Some(clause) = self.stmt().withClause().and_then(|clause| clause.downcast::<pg_sys::WithClause>()) else {
            return (Vec::new(), false);
        };
        let expression = |node: RawNode<'t>| {
            let expression = node.downcast::<pg_sys::CommonTableExpr>()?;
            Some(RawExpression { name: expression.ctename(), node, materialized: expression.ctematerialized })
        };
        (clause.ctes().into_iter().filter_map(expression).collect(), clause.recursive)
    }

    /// Whether there is an INTO clause.
    pub fn has_into(self) -> bool {
        !self.stmt().intoClause.is_null()
    }

    /// Whether there is a locking clause. `FOR UPDATE` on a CTE leaves no trace in the analysed tree.
    pub fn has_locking(self) -> bool {
        !self.stmt().lockingClause.is_null()
    }

    /// The select list.
    pub(super) fn result_targets(self) -> Vec<RawResultTarget<'t>> {
        self.stmt().targetList().into_iter().filter_map(|target| target.typed().map(RawResultTarget)).collect()
    }

    /// Items of the select list.
    pub fn targets(self) -> Vec<Placed<'t>> {
        let values = self.result_targets().into_iter().filter_map(RawResultTarget::value);
        values.map(|(parent, node)| Placed { parent, node }).collect()
    }

    /// Items of the select list that are columns renamed with AS, as (output name, column).
    pub fn output_names(self) -> Vec<(Option<String>, RawNode<'t>)> {
        let named = |target: RawResultTarget<'t>| {
            let target = target.0.read();
            Some((target.name(), target.val()?))
        };
        self.result_targets().into_iter().filter_map(named).collect()
    }

    /// The names of its columns, where they can be known yet.
    pub(super) fn column_names(self) -> Option<Vec<String>> {
        let mut first = self;
        while let Some(arm) = first.stmt().larg().and_then(RawSelect::of) {
            first = arm;
        }
        let rows = first.stmt().valuesLists();
        let Some(row) = rows.first() else {
            return first.result_targets().into_iter().map(RawResultTarget::name).collect();
        };
        let values = row.elements();
        let is_known = !values.iter().any(|value| value.is_star());
        is_known.then(|| (1..=values.len()).map(|place| format!("column{place}")).collect())
    }

    /// Items of GROUP BY.
    pub fn group_items(self) -> Vec<RawNode<'t>> {
        self.stmt().groupClause().map(TreeNode::elements).unwrap_or_default()
    }

    /// Items of FROM.
    pub fn sources(self) -> Vec<RawNode<'t>> {
        self.stmt().fromClause()
    }

    /// HAVING, ORDER BY, DISTINCT ON and WINDOW items: the places besides the select list that read grouped columns. In
    /// ORDER BY and DISTINCT ON a bare name that the select list gives means that output, and is left out.
    pub fn grouped_places(self) -> Vec<Placed<'t>> {
        let stmt = self.stmt();
        let outputs: HashSet<String> = self.output_names().into_iter().filter_map(|(name, _)| name).collect();
        let mut places = members(stmt.sortClause());
        places.extend(members(stmt.distinctClause()));
        places.retain(|place| match bare_name(place.node) {
            Some(name) => !outputs.contains(&name),
            None => true,
        });
        places.extend(members(stmt.windowClause()));
        places.extend(stmt.havingClause().map(|node| Placed { parent: self.node(), node }));
        places
    }
}

/// The members of a list, each with the list as the node above it.
pub(super) fn members(list: Option<RawNode<'_>>) -> Vec<Placed<'_>> {
    let Some(parent) = list else { return Vec::new() };
    parent.elements().into_iter().map(|node| Placed { parent, node }).collect()
}

/// The name, when a sort item or expression is one unqualified column and nothing else.
fn bare_name(node: RawNode<'_>) -> Option<String> {
    let node = match node.downcast::<pg_sys::SortBy>() {
        Some(sort) => sort.node()?,
        None => node,
    };
    let reference = RawColumnRef::of(node)?;
    match reference.names().as_slice() {
        [name] if !reference.is_star() => Some(name.clone()),
        _ => None,
    }
}
