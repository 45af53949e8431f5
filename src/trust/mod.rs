//! The analysed tree in a form that may run under row-level security: bounds around what would run long, and a barrier around
//! what may raise an error over rows that the fence hides.
//!
//! Requires: the grafted tree, analysed. Produces: `Trusted`, which alone can be proved. It comes before the proof, and takes the
//! outermost expressions for our fences: where one is not, the proof refuses the statement. What this stage adds is part of what
//! the proof looks at. What it takes out (`pg_typeof` of a type of the plane) is not run, and a constant stands in its place; and
//! `random()`, whose place a function of ours without a state takes. Conditions that PostgreSQL does not trust before row-level
//! security are put in a form that it does trust.

mod conditions;
mod cost;
mod cost_bounds;
mod draws;
mod leakproof;
mod leaks;
mod patterns;
mod row_fields;
mod size;
mod type_names;
mod zones;

use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult};
use crate::pgx::parse::Analysed;

// The tables' own test holds them against the server.
#[cfg(feature = "pg_test")]
pub(crate) use leakproof::lists as leakproof_lists;

/// An analysed tree with its bounds and barriers, to be proved. Only `trust` makes one.
pub struct Trusted<'c>(Analysed<'c>);

impl<'c> Trusted<'c> {
    /// The tree.
    pub fn into_analysed(self) -> Analysed<'c> {
        self.0
    }
}

/// Puts bounds around what would run long, and a barrier around what may raise an error behind the fence; a statement that
/// has neither stays as it is.
///
/// # Errors
/// 0A000 for a field that a row may lack; 22023 and 53400 for texts that are refused as they stand.
pub fn trust<'c>(analysed: Analysed<'c>, plane: &Plane) -> StageResult<Trusted<'c>> {
    let analysed = type_names::named(analysed, plane)?;
    let analysed = draws::stateless(analysed, plane)?;
    let analysed = conditions::trusted(analysed, plane)?;
    let query = analysed.query();
    row_fields::check(query)?;
    let bounds = cost_bounds::find(query, plane)?;
    let has_leaks = leaks::is_needed(query, plane);
    if bounds.is_empty() && !has_leaks {
        return Ok(Trusted(analysed));
    }
    let wrappers = |node| {
        let leak = if has_leaks { leaks::of(node, plane) } else { None };
        leak.into_iter().chain(bounds.of(node)).collect()
    };
    let wrapped = query.wrapped(&wrappers).ok_or_else(|| Refusal::proof("the analysed tree could not be copied"))?;
    Ok(Trusted(analysed.with_query(wrapped)))
}
