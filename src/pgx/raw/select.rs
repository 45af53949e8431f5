//! The SELECT statement of a raw tree, and the graft of an untrusted one onto our skeleton.

use super::{RawKind, RawNode, RawResultTarget, kept, nodes, optional_text, text};
use crate::error::{Refusal, StageResult};
use pgrx::pg_sys;
use std::collections::HashSet;

/// A SELECT, VALUES or set operation.
#[derive(Clone, Copy)]
pub struct RawSelect<'t>(RawNode<'t>);

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

impl<'t> RawSelect<'t> {
    pub(super) fn new(node: RawNode<'t>) -> Self {
        RawSelect(node)
    }

    pub(super) fn stmt(self) -> &'t pg_sys::SelectStmt {
        self.0.cast()
    }

    /// The node itself.
    pub fn node(self) -> RawNode<'t> {
        self.0
    }

    /// The common table expressions and whether WITH is RECURSIVE.
    pub fn with(self) -> (Vec<RawExpression<'t>>, bool) {
        let Some(clause) = RawNode::from_pointer(self.stmt().withClause.cast()) else {
            return (Vec::new(), false);
        };
        let clause = clause.cast::<pg_sys::WithClause>();
        let expressions = nodes(clause.ctes)
            .into_iter()
            .map(|node| {
                let cte = node.cast::<pg_sys::CommonTableExpr>();
                RawExpression { name: text(cte.ctename), node, materialized: cte.ctematerialized }
            })
            .collect();
        (expressions, clause.recursive)
    }

    /// INTO and locking clauses, by name. `FOR UPDATE` on a CTE leaves no trace in the analysed tree.
    pub fn refused_clause(self) -> Option<&'static str> {
        if !self.stmt().intoClause.is_null() {
            Some("SELECT INTO")
        } else if !self.stmt().lockingClause.is_null() {
            Some("a locking clause such as FOR UPDATE")
        } else {
            None
        }
    }

    /// Items of the select list.
    pub fn targets(self) -> Vec<RawNode<'t>> {
        nodes(self.stmt().targetList)
            .into_iter()
            .filter_map(|target| RawNode::from_pointer(target.cast::<pg_sys::ResTarget>().val))
            .collect()
    }

    /// Items of the select list that are columns renamed with AS, as (output name, column).
    pub fn output_names(self) -> Vec<(Option<String>, RawNode<'t>)> {
        nodes(self.stmt().targetList)
            .into_iter()
            .filter_map(|target| {
                let target = target.cast::<pg_sys::ResTarget>();
                RawNode::from_pointer(target.val).map(|value| (optional_text(target.name), value))
            })
            .collect()
    }

    /// Items of GROUP BY.
    pub fn group_items(self) -> Vec<RawNode<'t>> {
        nodes(self.stmt().groupClause)
    }

    /// Items of FROM.
    pub fn sources(self) -> Vec<RawNode<'t>> {
        nodes(self.stmt().fromClause)
    }

    /// HAVING, ORDER BY, DISTINCT ON and WINDOW items: the places beside the select list that read grouped columns. In
    /// ORDER BY and DISTINCT ON a bare name that the select list gives means that output, and is left out.
    pub fn grouped_places(self) -> Vec<RawNode<'t>> {
        let stmt = self.stmt();
        let outputs: HashSet<String> = self.output_names().into_iter().filter_map(|(name, _)| name).collect();
        let mut places = nodes(stmt.sortClause);
        places.extend(nodes(stmt.distinctClause));
        places.retain(|place| match bare_name(*place) {
            Some(name) => !outputs.contains(&name),
            None => true,
        });
        places.extend(nodes(stmt.windowClause));
        places.extend(RawNode::from_pointer(stmt.havingClause));
        places
    }

    /// Gives the items of the select list the names that PostgreSQL would find for them, to be kept when they are replaced.
    pub fn name_targets(self) {
        for target in nodes(self.stmt().targetList) {
            let target = RawResultTarget::new(target);
            if let Some(name) = target.default_name() {
                target.set_name(&name);
            }
        }
    }

    /// Replaces items of the select list that are all columns of `alias`, as `is_all` says of an item's value, by the columns.
    pub fn expand(self, is_all: &dyn Fn(RawNode<'t>) -> bool, alias: &str, columns: &[&str]) {
        let items = nodes(self.stmt().targetList);
        let is_star =
            |item: &RawNode<'t>| RawNode::from_pointer(item.cast::<pg_sys::ResTarget>().val).is_some_and(is_all);
        if !items.iter().any(is_star) {
            return;
        }
        let column = |name: &&str| kept::target(kept::column_ref(&[alias, name]), Some(name));
        let expanded = items.into_iter().flat_map(|item| {
            if is_star(&item) { columns.iter().map(column).collect() } else { vec![item.as_pointer()] }
        });
        let expanded = kept::list(expanded);
        // SAFETY: the node is a SelectStmt of a tree that this backend alone holds.
        unsafe { (*self.0.as_pointer().cast::<pg_sys::SelectStmt>()).targetList = expanded };
    }

    /// Adds the column `alias.column` to GROUP BY.
    pub fn add_group_column(self, alias: &str, column: &str) {
        let reference = kept::column_ref(&[alias, column]);
        // SAFETY: the list is NIL or a list of nodes of this tree, which this backend alone holds.
        unsafe {
            let stmt = self.0.as_pointer().cast::<pg_sys::SelectStmt>();
            (*stmt).groupClause = pg_sys::lappend((*stmt).groupClause, reference.cast());
        }
    }
}

/// The name, when a sort item or expression is one unqualified column and nothing else.
fn bare_name(node: RawNode<'_>) -> Option<String> {
    let node = match node.tag() {
        pg_sys::NodeTag::T_SortBy => RawNode::from_pointer(node.cast::<pg_sys::SortBy>().node)?,
        _ => node,
    };
    let RawKind::ColumnRef(reference) = node.kind() else { return None };
    match reference.names().as_slice() {
        [name] if !reference.is_star() => Some(name.clone()),
        _ => None,
    }
}

/// Points FROM's derived table `answer` of the parsed skeleton at the untrusted query.
///
/// `skeleton` is `WITH .. SELECT * FROM (SELECT 1) AS answer`, parsed from our own text.
pub(in crate::pgx) fn graft(skeleton: RawNode<'_>, untrusted: RawNode<'_>) -> StageResult<()> {
    let RawKind::Select(outer) = skeleton.kind() else {
        return Err(Refusal::proof("the skeleton is not a SELECT"));
    };
    let items = outer.sources();
    let [item] = items.as_slice() else {
        return Err(Refusal::proof("the skeleton has not exactly one FROM item"));
    };
    if item.tag() != pg_sys::NodeTag::T_RangeSubselect {
        return Err(Refusal::proof("the skeleton's FROM item is no derived table"));
    }
    // SAFETY: the tag was just checked; both trees live in the same memory context.
    unsafe { (*item.as_pointer().cast::<pg_sys::RangeSubselect>()).subquery = untrusted.as_pointer() };
    Ok(())
}
