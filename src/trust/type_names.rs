//! `pg_typeof` of a type of the plane: PostgreSQL would write its schema, so its name in the plane stands there. The rows of a
//! query of the statement's own are records, as in PostgreSQL; those of a relation have a type there that the plane has not.

use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult};
use crate::pgx::parse::Analysed;
use crate::pgx::query::column_lineage::home;
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use pgrx::pg_sys;
use std::collections::HashMap;

/// The statement with the names in the place of the calls.
///
/// # Errors
/// 0A000 for the type of what has none in the plane.
pub(super) fn named<'c>(analysed: Analysed<'c>, plane: &Plane) -> StageResult<Analysed<'c>> {
    let query = analysed.query();
    let mut walk = NameWalk { plane, scopes: vec![query], names: HashMap::new() };
    query.children(true, &mut |node| walk.visit(node))?;
    let names = walk.names;
    if names.is_empty() {
        return Ok(analysed);
    }
    // What computes the value is not run, and need not be proved.
    let named = query.with_texts(&|node| names.get(&node.address()).cloned());
    Ok(analysed.with_query(named.ok_or_else(|| Refusal::proof("the analysed tree could not be copied"))?))
}

struct NameWalk<'p, 't> {
    plane: &'p Plane,
    /// The queries around the node that is visited, the outermost first.
    scopes: Vec<QueryView<'t>>,
    /// What stands for the expressions at these addresses.
    names: HashMap<usize, String>,
}

impl<'t> NameWalk<'_, 't> {
    fn visit(&mut self, node: QueryNode<'t>) -> StageResult<()> {
        match node.kind() {
            QueryKind::Query(query) => {
                self.scopes.push(query);
                let result = query.children(false, &mut |child| self.visit(child));
                self.scopes.pop();
                return result;
            }
            // Their contents come as children of their query, or they hold no expression.
            QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => return Ok(()),
            _ => {}
        }
        if let Some(argument) = node.type_named()
            && let Some(name) = self.name(argument)?
        {
            self.names.insert(node.address(), name);
            return Ok(());
        }
        node.children(&mut |child| self.visit(child))
    }

    /// The name that stands for the type of an expression; none of a type whose name PostgreSQL may write, or that the proof
    /// refuses by its own name.
    fn name(&self, argument: QueryNode<'t>) -> StageResult<Option<String>> {
        let type_oid = argument.expression_type();
        match type_oid {
            pg_sys::RECORDOID if self.is_own_row(argument) && !argument.is_set() => Ok(Some("record".to_owned())),
            pg_sys::RECORDOID | pg_sys::RECORDARRAYOID => {
                Err(Refusal::construct("pg_typeof of a row of a relation, or of a row out of an expression,"))
            }
            _ if type_oid.to_u32() < pg_sys::FirstNormalObjectId || !self.plane.allows_type(type_oid) => Ok(None),
            // It would be as many rows.
            _ if argument.is_set() => Err(Refusal::construct("pg_typeof of a set of values of a type of the plane")),
            _ => Ok(Some(self.plane.types.shown(type_oid))),
        }
    }

    /// Whether it is put together here, or the whole row of a query, and not of a fence: one of those stands in the outermost
    /// WITH.
    fn is_own_row(&self, row: QueryNode<'t>) -> bool {
        if row.is_anonymous_row() {
            return true;
        }
        let Some(column) = row.named().filter(|column| column.attribute == 0) else { return false };
        let Some((around, query)) = home(&self.scopes, column.level) else { return false };
        query
            .makes_rows(column.entry)
            .is_some_and(|level| home(around, level).is_some_and(|(above, _)| above.len() > 1))
    }
}
