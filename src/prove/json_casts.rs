//! Types of extensions whose cast to JSON must not run. `to_json` and its like find that cast by themselves, in whatever value
//! holds one of such a type; an answer shows it by another function.

use super::admitted::{self, Admitted};
use crate::ablation::{self, Switch};
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use crate::pgx::types;
use pgrx::pg_sys::{self, Oid};

/// Refuses (42501) a statement that could make JSON of such a value.
pub(super) fn check(query: QueryView<'_>, plane: &Plane) -> StageResult<()> {
    if plane.extensions.answers.is_empty() || ablation::is_off(Switch::Functions) {
        return Ok(());
    }
    let mut walk = Walk { plane, has_value: false, has_rows: false };
    for (_, type_oid) in query.columns() {
        // The answer shows a value by itself, and not what holds one.
        let base = types::base_type(type_oid);
        if !plane.extensions.answers.contains_key(&base) {
            walk.look_at(type_oid)?;
        }
    }
    walk.enter(query)?;
    // What a row without a type of its own holds is known only when it is there.
    if walk.has_value && walk.has_rows {
        return Err(refusal("a row that may hold one of an extension's type"));
    }
    Ok(())
}

struct Walk<'p> {
    plane: &'p Plane,
    /// Whether the statement has an expression of such a type.
    has_value: bool,
    /// Whether it makes JSON of rows.
    has_rows: bool,
}

impl Walk<'_> {
    fn visit(&mut self, node: QueryNode<'_>) -> StageResult<()> {
        match node.kind() {
            QueryKind::Query(query) => return self.enter(query),
            QueryKind::RangeTableFunction(types) => self.has_value |= types.into_iter().any(|known| self.is_own(known)),
            // Their contents come as children of their query, or they hold no expression.
            QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => return Ok(()),
            QueryKind::Window { .. }
            | QueryKind::SetOperation { .. }
            | QueryKind::Cycle { .. }
            | QueryKind::MultipleAssignment => {}
            QueryKind::Other(tag) => {
                if let Admitted::Expression = admitted::check(tag)? {
                    self.visit_expression(node)?;
                }
            }
            _ => self.visit_expression(node)?,
        }
        node.children(&mut |child| self.visit(child))
    }

    fn enter(&mut self, query: QueryView<'_>) -> StageResult<()> {
        self.has_value |= query.columns().into_iter().any(|(_, type_oid)| self.is_own(type_oid));
        // A fence has columns and no JSON.
        if query.reads_table() { Ok(()) } else { query.children(false, &mut |child| self.visit(child)) }
    }

    fn visit_expression(&mut self, node: QueryNode<'_>) -> StageResult<()> {
        let type_oid = node.expression_type();
        self.has_value |= self.is_own(type_oid);
        if matches!(type_oid, pg_sys::JSONOID | pg_sys::JSONBOID) {
            let arguments = node.operations().into_iter().flat_map(|operation| operation.arguments);
            arguments.map(QueryNode::expression_type).try_for_each(|argument| self.look_at(argument))?;
        }
        Ok(())
    }

    /// Of a value that becomes JSON.
    fn look_at(&mut self, type_oid: Oid) -> StageResult<()> {
        if self.is_own(type_oid) {
            return Err(refusal(&self.plane.types.shown(type_oid)));
        }
        self.has_rows |= types::is_row(types::innermost_type(type_oid));
        Ok(())
    }

    fn is_own(&self, type_oid: Oid) -> bool {
        self.plane.extensions.answers.contains_key(&types::innermost_type(type_oid))
    }
}

fn refusal(shown: &str) -> Refusal {
    Refusal::new(State::OutsidePlane, format!("JSON of {shown} is not in the plane"))
        .with_detail("Make it text first, with st_astext or st_asewkt.")
}
