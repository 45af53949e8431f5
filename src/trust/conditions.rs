//! Conditions that PostgreSQL does not trust, in a form that it does.
//!
//! Under row-level security a condition is an index condition, and has statistics, only where its operator is leakproof.
//! Comparisons of a date with a timestamp, `LIKE`, conversions of the column, and numbers and enums are not, though none of them can
//! tell of a row that the fence hides. What they say of the column is said here by an operator of the column's own type, which is
//! leakproof, or by a function of ours around PostgreSQL's own comparison:
//!
//! - `day >= moment` becomes `day >= date_at_least(moment)`, whose other side does not depend on the row and may be anything.
//! - `moment::date = day` becomes `moment >= timestamp_first(day) AND moment <= timestamp_last(day)`.
//! - `date_trunc('month', moment) = month` becomes bounds that follow from it, beside the condition itself.
//! - `extract(year FROM moment) = 2026` has bounds beside it likewise, and so has `to_char(moment, 'YYYY-MM') = '2026-03'`.
//! - `name LIKE 'abc%'`, of a column with an index, becomes `name >= 'abc' AND name < 'abd'`, beside the condition itself. Not
//!   `name ^@ 'abc'`, which is leakproof and raises an error over a text that holds bytes of no character.
//! - `price = 12.34` becomes `numeric_equal(price, 12.34)`, beside the condition itself, which partial indexes and partitions are
//!   found by; `status IN ('open', 'paid')` becomes two such calls.
//!
//! The answer is the same for every row. Where an operator or conversion may raise an error, or where the bounds say less, the
//! condition stays beside them, and is not evaluated for a row that they leave out. They leave out none that it raises an error over,
//! but at the ends of the range of timestamps: `.. OR day >= '294277-01-01'`. Only operators that answer for every pair of values
//! are left out: those of `date_cmp_timestamp`, `date_cmp_timestamptz` and `timestamp_cmp_timestamptz`, which take what is out of range
//! for more or less than all that is in it (date.c and timestamp.c, 15 to 19); the conversion of a timestamp to its date; `textlike`
//! with a pattern that does not end in its escape character, under a collation by bytes; and those of `LEAKPROOF` in `comparisons.rs`.

mod bounds;
mod comparisons;
mod like;
mod moments;
mod printed;
mod stored;
mod years;

use crate::ablation::{self, Switch};
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult};
use crate::pgx::order::{self, Order};
use crate::pgx::parse::Analysed;
use crate::pgx::query::condition::{Bound, Original, Part, Replacement, Test};
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use crate::pgx::types;
use pgrx::pg_sys;
use std::collections::HashMap;

/// The longest list of IN that is taken apart: the planner looks for an index by each of its values.
const LONGEST_LIST: usize = 32;

/// The statement with its conditions in that form.
pub(super) fn trusted<'c>(analysed: Analysed<'c>, plane: &Plane) -> StageResult<Analysed<'c>> {
    let query = analysed.query();
    let mut walk = ConditionWalk { plane, scopes: vec![query], found: HashMap::new() };
    query.children(true, &mut |node| walk.visit(node))?;
    if walk.found.is_empty() {
        return Ok(analysed);
    }
    let replaced = query.with_conditions(&|node| walk.found.get(&node.address()).cloned());
    Ok(analysed.with_query(replaced.ok_or_else(|| Refusal::proof("the analysed tree could not be copied"))?))
}

struct ConditionWalk<'p, 't> {
    plane: &'p Plane,
    /// The queries around the node that is visited, the outermost first.
    scopes: Vec<QueryView<'t>>,
    /// What takes the place of conditions, by their addresses.
    found: HashMap<usize, Replacement<'t>>,
}

impl<'t> ConditionWalk<'_, 't> {
    /// Finds it at this node and anywhere below, also in subqueries.
    fn visit(&mut self, node: QueryNode<'t>) -> StageResult<()> {
        match node.kind() {
            // A fence within a view; the proof refuses any other.
            QueryKind::Query(query) if query.reads_table() => Ok(()),
            QueryKind::Query(query) => {
                self.scopes.push(query);
                for condition in query.conditions() {
                    let replacement = self.in_place_of(condition);
                    self.found.extend(replacement.map(|replacement| (condition.address(), replacement)));
                }
                let result = query.children(false, &mut |child| self.visit(child));
                self.scopes.pop();
                result
            }
            // Their contents come as children of their query, or they hold no expression.
            QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => Ok(()),
            _ => node.children(&mut |child| self.visit(child)),
        }
    }

    fn in_place_of(&self, condition: QueryNode<'t>) -> Option<Replacement<'t>> {
        moments::in_place_of(condition, self.plane)
            .or_else(|| years::in_place_of(condition, self.plane))
            .or_else(|| printed::in_place_of(condition, self.plane))
            .or_else(|| in_place_of_search(condition, self.plane, &self.scopes))
            .or_else(|| comparisons::in_place_of(condition, self.plane, &self.scopes))
            .map(|found| if ablation::is_off(Switch::Conditions) { Replacement::nothing() } else { found })
    }
}

/// The prefix that a pattern begins with. Of a column that no index has, in a statement over one table, the pattern alone is asked:
/// bounds would take as long as the pattern does.
fn in_place_of_search<'t>(
    condition: QueryNode<'t>,
    plane: &Plane,
    scopes: &[QueryView<'t>],
) -> Option<Replacement<'t>> {
    let (subject, pattern) = condition.search_by_pattern()?;
    let found =
        like::prefix(&pattern).filter(|found| (found.is_whole || !found.text.is_empty()) && subject.is_own_column())?;
    let part = |operator, text| Part { column: subject, test: Test::Operator(operator), bound: Bound::Text(text) };
    if found.is_whole {
        let equality = types::equality_operator(pg_sys::TEXTOID)?;
        let parts = vec![part(equality, found.text)];
        return Some(Replacement { alternatives: vec![parts], original: Original::Left });
    }
    // What a join begins with hangs on estimates, which bounds improve.
    let joins_nothing = scopes.iter().all(|query| query.sources() == 1)
        && scopes.first().is_some_and(|query| query.relations().len() == 1);
    if joins_nothing && stored::column(subject, scopes, plane).is_some_and(|column| !column.is_indexed) {
        return None;
    }
    let operators = order::of_bytes(condition.collation());
    let behind = like::behind(&found.text).and_then(|behind| Some(part(operators(Order::Less)?, behind)));
    let first = part(operators(Order::GreaterOrEqual)?, found.text);
    let original = Original::Wrapped(plane.policy.beside);
    Some(Replacement { alternatives: vec![std::iter::once(first).chain(behind).collect()], original })
}
