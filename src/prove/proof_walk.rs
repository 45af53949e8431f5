//! The walk over everything below the top level's fences.

use super::admitted::{self, Admitted};
use super::{ProofFacts, growth};
use crate::ablation::{self, Switch};
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::query::{QueryKind, QueryNode, QueryView, RangeTableKind};
use crate::pgx::routines;
use crate::pgx::types;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::collections::HashSet;

/// Proves the tree: one SELECT, no relation but the fences', and nothing that is on no allowlist.
/// `hidden`: the addresses of the fences within views.
pub(super) fn prove_tree(query: QueryView<'_>, hidden: &HashSet<usize>, plane: &Plane) -> StageResult<ProofFacts> {
    if ablation::is_off(Switch::Proof) {
        return Ok(ProofFacts::default());
    }
    let mut walk = ProofWalk { plane, hidden, facts: ProofFacts::default() };
    walk.shape(query)?;
    // The queries of the top level's WITH are the fences, proved by their own check.
    query.children(true, &mut |node| walk.visit(node, Place::within(query, node)))?;
    Ok(walk.facts)
}

/// `pg_typeof(..)::text` of a type of PostgreSQL's own: no other has its name written by PostgreSQL. A row of a table has that
/// of the table there, and none in the plane.
fn is_name_of_type(node: QueryNode<'_>) -> bool {
    let is_named = |type_oid: Oid| {
        type_oid.to_u32() < pg_sys::FirstNormalObjectId
            && ![pg_sys::RECORDOID, pg_sys::RECORDARRAYOID].contains(&type_oid)
    };
    node.type_named().is_some_and(|argument| is_named(argument.expression_type()))
}

/// Where a node stands, for what is admitted in select lists alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A query whose rows a FROM reads, up to the statement's own; also WITH on the way to its queries.
    Source,
    /// The select list of such a query, with what it groups and orders by: it is computed over rows that the fences and all
    /// conditions let through.
    SelectList,
    /// Conditions, functions in FROM, LIMIT, and everything below them; subqueries of expressions.
    Other,
}

impl Place {
    /// That of a node directly below a query which is a source itself.
    fn within<'t>(query: QueryView<'t>, node: QueryNode<'t>) -> Self {
        if query.is_select_list(node) {
            Place::SelectList
        } else if query.is_source(node) {
            Place::Source
        } else {
            Place::Other
        }
    }
}

struct ProofWalk<'p> {
    plane: &'p Plane,
    hidden: &'p HashSet<usize>,
    facts: ProofFacts,
}

impl ProofWalk<'_> {
    fn shape(&self, query: QueryView<'_>) -> StageResult<()> {
        if query.shape().is_plain_select { Ok(()) } else { Err(Refusal::construct("anything but a plain SELECT")) }
    }

    fn visit(&mut self, node: QueryNode<'_>, place: Place) -> StageResult<()> {
        self.check_conversion(node)?;
        match node.kind() {
            // Proved by their own check, as those of the top level are.
            QueryKind::Query(query) if self.hidden.contains(&query.address()) => return Ok(()),
            QueryKind::Query(query) => {
                self.shape(query)?;
                return query.children(false, &mut |child| {
                    let below = if place == Place::Source { Place::within(query, child) } else { Place::Other };
                    self.visit(child, below)
                });
            }
            // The contents of an entry come as children of its query.
            QueryKind::RangeTableEntry(kind) => return self.visit_entry(&kind),
            QueryKind::RangeTableFunction(types) => {
                types.into_iter().try_for_each(|known| self.check_read_type(known))?
            }
            QueryKind::SortGroup { equality, ordering } => {
                self.check_operator(equality)?;
                self.check_operator(ordering)?;
                return Ok(());
            }
            QueryKind::Window { start, end } => {
                self.check_function(start)?;
                self.check_function(end)?;
            }
            QueryKind::SetOperation { groups, types } => {
                types.into_iter().try_for_each(|known| self.check_type(known))?;
                groups.into_iter().try_for_each(|group| self.visit(group, place))?;
            }
            QueryKind::Column { type_oid, is_system } => {
                if is_system {
                    return Err(Refusal::construct("a system column"));
                }
                self.check_type(type_oid)?;
            }
            QueryKind::Parameter { is_sublink, type_oid } => {
                if !is_sublink {
                    return Err(Refusal::construct("a parameter such as $1"));
                }
                self.check_type(type_oid)?;
            }
            QueryKind::CoerceViaIo { to, .. } if is_name_of_type(node) => {
                self.check_type(to)?;
                return node.type_named().map_or(Ok(()), |argument| self.visit(argument, place));
            }
            QueryKind::CoerceViaIo { from, to } => {
                self.check_type(from)?;
                self.check_read_type(to)?;
            }
            QueryKind::CoerceToDomain { type_oid, .. } => {
                if !self.plane.types.is_writable(type_oid) {
                    return Err(self.plane.types.outside(type_oid));
                }
            }
            QueryKind::Cycle { type_oid, operator } => {
                self.check_type(type_oid)?;
                self.check_operator(operator)?;
            }
            QueryKind::Collate { collation, type_oid } => {
                self.check_type(type_oid)?;
                if !self.plane.builtins.collations.contains(&collation) {
                    return Err(Refusal::new(State::OutsidePlane, "this collation is not in the plane"));
                }
            }
            QueryKind::SqlValue { is_time } => {
                if !is_time {
                    return Err(Refusal::new(
                        State::OutsidePlane,
                        "functions such as CURRENT_USER and CURRENT_SCHEMA are not in the plane",
                    ));
                }
            }
            QueryKind::MultipleAssignment => return Err(Refusal::construct("a multiple assignment")),
            QueryKind::Call(call) if self.plane.draws(call.function) => {
                self.check_type(node.expression_type())?;
                if place != Place::SelectList {
                    return Err(Refusal::construct("random() or gen_random_uuid() outside of a select list"));
                }
                self.facts.functions += 1;
                self.facts.draws = true;
            }
            QueryKind::Call(call) => {
                self.check_expression(node)?;
                growth::check(&call)?;
            }
            QueryKind::Other(tag) => match admitted::check(tag)? {
                Admitted::Expression => self.check_expression(node)?,
                Admitted::Children => {}
            },
        }
        self.facts.expressions += 1;
        node.children(&mut |child| self.visit(child, place))
    }

    fn visit_entry(&self, kind: &RangeTableKind) -> StageResult<()> {
        match kind {
            RangeTableKind::Derived => Ok(()),
            RangeTableKind::Relation(relation) => {
                Err(Refusal::proof(format!("relation {} outside the fences", relation.to_u32())))
            }
            RangeTableKind::Other => Err(Refusal::construct("this kind of FROM item")),
        }
    }

    fn check_expression(&mut self, node: QueryNode<'_>) -> StageResult<()> {
        // Nothing else of a type that names catalog objects is admitted: a number would do, and PostgreSQL has an internal
        // error for one that does not exist.
        if node.is_built_in_search_configuration() {
            return Ok(());
        }
        self.check_type(node.expression_type())?;
        node.functions().into_iter().try_for_each(|function| self.check_function(function))?;
        node.operators().into_iter().try_for_each(|operator| self.check_own_operator(operator))
    }

    /// A cast that someone made from or to an extension's type is none of the extension's.
    fn check_conversion(&self, node: QueryNode<'_>) -> StageResult<()> {
        match node.conversion().filter(|_| !ablation::is_off(Switch::Functions)) {
            Some((from, to)) if !self.plane.allows_cast(from, to) => Err(Refusal::new(
                State::OutsidePlane,
                format!(
                    "a conversion from {} to {} is not in the plane",
                    self.plane.types.shown(from),
                    self.plane.types.shown(to)
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Analysis looks for operators in the schemas of extensions, where others may have put their own.
    fn check_own_operator(&self, operator: Oid) -> StageResult<()> {
        if self.plane.allows_operator(operator) || ablation::is_off(Switch::Functions) {
            return Ok(());
        }
        Err(Refusal::operator(&routines::operator_name(operator)))
    }

    fn check_type(&self, type_oid: Oid) -> StageResult<()> {
        if types::names_catalog_object(type_oid) {
            return Err(Refusal::catalog_object());
        }
        if self.plane.allows_type(type_oid) {
            return Ok(());
        }
        Err(self.plane.types.outside(type_oid))
    }

    /// That of values which are made of text, in columns of JSON too.
    fn check_read_type(&self, type_oid: Oid) -> StageResult<()> {
        self.check_type(type_oid)?;
        if self.plane.reads(type_oid) || ablation::is_off(Switch::Functions) {
            return Ok(());
        }
        let shown = self.plane.types.shown(type_oid);
        Err(Refusal::new(State::OutsidePlane, format!("a text that becomes {shown} is not in the plane")))
    }

    fn check_operator(&mut self, operator: Oid) -> StageResult<()> {
        if operator == pg_sys::InvalidOid {
            return Ok(());
        }
        self.check_function(routines::operator_function(operator))?;
        self.check_own_operator(operator)
    }

    fn check_function(&mut self, function: Oid) -> StageResult<()> {
        if function == pg_sys::InvalidOid {
            return Ok(());
        }
        self.facts.functions += 1;
        check_function(function, self.plane)
    }
}

/// Whether a function is in the plane, or one that attach or trust put there; the raw walk refuses the names of those in a text.
pub(super) fn check_function(function: Oid, plane: &Plane) -> StageResult<()> {
    if plane.is_own_function(function) || ablation::is_off(Switch::Functions) {
        return Ok(());
    }
    // One that was marked LEAKPROOF after it was allowed would run before row-level security.
    let is_trusted_blindly = function.to_u32() >= pg_sys::FirstNormalObjectId && routines::is_leakproof(function);
    if plane.allows_function(function) && !is_trusted_blindly {
        return Ok(());
    }
    Err(Refusal::function(&routines::function_name(function)))
}
