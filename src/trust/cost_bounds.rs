//! Calls that would run long without checking for interrupts: `splitplane.bounded` wraps their arguments.
//!
//! Where such a call reads a value that the statement itself builds, the value is measured before the call runs (53400),
//! and interrupts are checked. A call over stored columns and short constants is left as it is: those are what indexes
//! and estimates are for.

use super::cost::{self, Cost};
use super::size::{ANY, Sizes};
use super::{patterns, zones};
use crate::catalog::plane::Plane;
use crate::error::{Refusal, StageResult};
use crate::pgx::query::operation::Operation;
use crate::pgx::query::{QueryKind, QueryNode, QueryView, Wrapper};
use crate::pgx::routines;
use crate::pgx::types;
use pgrx::pg_sys::{self, Oid};
use std::collections::HashMap;

/// Bytes that unmeasured calls of one statement may read together, by the estimates: all of them may follow one another
/// for one row.
const UNMEASURED: u64 = 64 * 1_024;

/// The bounds that a statement needs.
#[derive(Default)]
pub(super) struct Bounds<'t> {
    /// By the address of the expression, the innermost first.
    places: HashMap<usize, Vec<Wrapper>>,
    /// Expressions that are sorted or grouped by, which must stay equal to their like: wherever one equal to them stands.
    keys: Vec<(QueryNode<'t>, Wrapper)>,
}

impl<'t> Bounds<'t> {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.keys.is_empty()
    }

    /// The bounds to be put around an expression, the innermost first. That of a key comes before those of the place where it
    /// stands: PostgreSQL must find the grouped expression in there, or ROLLUP would leave its value where NULL belongs.
    pub(super) fn of(&self, node: QueryNode<'t>) -> impl Iterator<Item = Wrapper> {
        let key = self.keys.iter().find(|(key, _)| key.equals(node)).map(|(_, wrapper)| *wrapper);
        let places = self.places.get(&node.address()).map_or(&[][..], Vec::as_slice);
        key.into_iter().chain(places.iter().copied())
    }

    /// Puts one more around an expression, or another limit in the place of one that is there.
    fn put(&mut self, node: QueryNode<'t>, wrapper: Wrapper) {
        let wrappers = self.places.entry(node.address()).or_default();
        match wrappers.iter_mut().find(|known| known.function == wrapper.function) {
            Some(known) => *known = wrapper,
            None => wrappers.push(wrapper),
        }
    }
}

/// Finds them, in a tree whose outermost expressions are the fences: the proof, which comes after, refuses any other.
pub(super) fn find<'t>(query: QueryView<'t>, plane: &Plane) -> StageResult<Bounds<'t>> {
    let mut walk = CostWalk {
        plane,
        scopes: vec![query],
        sizes: Sizes::default(),
        unmeasured: 0,
        measures_all: false,
        bounds: Bounds::default(),
    };
    walk.walk_top(query)?;
    if walk.unmeasured > UNMEASURED {
        // All are measured then: equal expressions must stay equal for GROUP BY.
        walk.measures_all = true;
        walk.walk_top(query)?;
    }
    Ok(walk.bounds)
}

struct CostWalk<'p, 't> {
    plane: &'p Plane,
    /// The queries around the node that is visited, the outermost first.
    scopes: Vec<QueryView<'t>>,
    sizes: Sizes<'t>,
    /// Bytes that calls without a bound read.
    unmeasured: u64,
    measures_all: bool,
    bounds: Bounds<'t>,
}

impl<'t> CostWalk<'_, 't> {
    fn walk_top(&mut self, query: QueryView<'t>) -> StageResult<()> {
        self.bound_keys(query);
        query.children(true, &mut |node| self.visit(node))
    }

    fn visit(&mut self, node: QueryNode<'t>) -> StageResult<()> {
        match node.kind() {
            // A fence within a view; the proof refuses any other.
            QueryKind::Query(query) if query.reads_table() => return Ok(()),
            QueryKind::Query(query) => {
                self.scopes.push(query);
                self.bound_keys(query);
                let result = query.children(false, &mut |child| self.visit(child));
                self.scopes.pop();
                return result;
            }
            // Their text lies within a JSON value.
            QueryKind::RangeTableFunction(types) if types.iter().copied().any(is_sorted_on_input) => {
                return Err(Refusal::construct(
                    "a multirange in a column definition list or a relation's row made of JSON",
                ));
            }
            // The checks may do anything that is linear, and more than that with patterns.
            QueryKind::CoerceToDomain { value: Some(value), .. } => {
                let size = self.sizes.of(value, &self.scopes);
                if size > Cost::Pattern.free() {
                    self.bounds.put(value, Wrapper::with_most(self.plane.policy.bounded, cost::SUBJECT));
                }
            }
            // Their contents come as children of their query, or they hold no expression.
            QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => return Ok(()),
            _ => {}
        }
        for operation in node.operations() {
            self.bound(&operation)?;
        }
        for value in zones::read_as_dates(node) {
            self.bounds.put(value, Wrapper::of(self.plane.policy.dated));
        }
        let Some(query) = node.link_query() else {
            return node.children(&mut |child| self.visit(child));
        };
        self.sizes.enter_link(query);
        let result = node.children(&mut |child| self.visit(child));
        self.sizes.leave_link();
        result
    }

    /// What is sorted, grouped or made distinct is compared, one value with another.
    fn bound_keys(&mut self, query: QueryView<'t>) {
        for key in query.sort_keys() {
            let size = self.sizes.of(key, &self.scopes);
            if size > Cost::Compare.free() {
                let wrapper = Wrapper::with_most(self.plane.policy.bounded, Cost::Compare.most(0, false));
                self.bounds.keys.push((key, wrapper));
            }
        }
    }

    fn bound(&mut self, operation: &Operation<'t>) -> StageResult<()> {
        let functions = self.plane.policy;
        if self.plane.is_own_function(operation.function) {
            return Ok(());
        }
        let is_built_in = operation.function.to_u32() < pg_sys::FirstNormalObjectId;
        let name = if is_built_in { routines::function_name(operation.function) } else { String::new() };
        let cost = match self.plane.extensions.functions.get(&operation.function) {
            Some(bound) => cost::of_bound(bound),
            None if is_built_in => cost::of(&name, operation.is_list),
            None => Cost::Read,
        };
        if let Some(zone) = zones::named_at_run_time(&name, operation)? {
            self.bounds.put(zone, Wrapper::of(functions.zone));
        }
        match cost {
            Cost::SortRows => self.count_rows(operation, cost),
            Cost::Pattern => self.bound_pattern(operation)?,
            _ => self.bound_arguments(operation, cost),
        }
        Ok(())
    }

    fn count_rows(&mut self, operation: &Operation<'t>, cost: Cost) {
        let varying: Vec<QueryNode<'t>> =
            operation.arguments.iter().copied().filter(|argument| argument.varies_in_length()).collect();
        // Rows are counted by any argument.
        let counted = if varying.is_empty() { operation.arguments.get(..1).unwrap_or_default() } else { &varying };
        for argument in counted {
            self.bounds.put(*argument, Wrapper::with_most(self.plane.policy.counted, cost.most(0, false)));
        }
    }

    fn bound_pattern(&mut self, operation: &Operation<'t>) -> StageResult<()> {
        let pattern = operation.arguments.get(1).copied().filter(|pattern| pattern.varies_in_length());
        // substring(text, integer, integer)
        let Some(pattern) = pattern else {
            self.bound_arguments(operation, Cost::Copy);
            return Ok(());
        };
        let demand = patterns::demand(pattern, operation.is_list)?;
        for (index, argument) in operation.arguments.iter().enumerate() {
            let (most, free) = match index {
                0 => (demand.most, demand.free),
                _ => (Cost::Pattern.most(index, operation.is_list), Cost::Pattern.free()),
            };
            let size = self.sizes.of(*argument, &self.scopes);
            self.bound_argument(operation, *argument, size, most, free);
        }
        if demand.is_unseen {
            self.bounds.put(pattern, Wrapper::of(self.plane.policy.pattern));
        }
        Ok(())
    }

    fn bound_arguments(&mut self, operation: &Operation<'t>, cost: Cost) {
        let sizes: Vec<u64> =
            operation.arguments.iter().map(|argument| self.sizes.of(*argument, &self.scopes)).collect();
        let cost = if is_linear(operation, cost, &sizes) { Cost::Read } else { cost };
        // Of two values that are compared the shorter one sets how long it takes.
        let at_most = if cost == Cost::Compare && !operation.is_list && sizes.len() > 1 { second(&sizes) } else { ANY };
        for (index, (argument, size)) in operation.arguments.iter().zip(&sizes).enumerate() {
            let most = cost.most(index, operation.is_list);
            self.bound_argument(operation, *argument, (*size).min(at_most), most, cost.free());
        }
    }

    fn bound_argument(&mut self, operation: &Operation<'t>, argument: QueryNode<'t>, size: u64, most: i32, free: u64) {
        // Between the rows of an aggregate PostgreSQL checks for interrupts.
        let is_constant = argument.constant_size().is_some();
        if size > free || self.measures_all && size > 0 && !is_constant && !operation.is_over_rows {
            self.bounds.put(argument, Wrapper::with_most(self.plane.policy.bounded, most));
        } else if !operation.is_over_rows {
            self.unmeasured = self.unmeasured.saturating_add(size);
        }
    }
}

fn is_sorted_on_input(type_oid: Oid) -> bool {
    let read = types::element_type(type_oid).unwrap_or(type_oid);
    routines::function_name(types::input_function(read)) == cost::MULTIRANGE_INPUT
}

/// Whether at most one argument of a search or product is more than a tiny value.
fn is_linear(operation: &Operation<'_>, cost: Cost, sizes: &[u64]) -> bool {
    if !(cost == Cost::Search || cost == Cost::Product && !operation.is_list) {
        return false;
    }
    let arguments = operation.arguments.iter().zip(sizes);
    arguments.filter(|(argument, size)| argument.varies_in_length() && **size > cost::TINY).count() < 2
}

fn second(sizes: &[u64]) -> u64 {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    sorted.iter().rev().nth(1).copied().unwrap_or(0)
}

// A statement's own values never count as stored ones.
const _: () = assert!(ANY > UNMEASURED);
