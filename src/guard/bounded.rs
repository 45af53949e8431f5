//! Functions whose cost is the product of their arguments' sizes and that heed no cancel on the way.
//!
//! Where such a call reads a value that the statement itself builds, `splitplane.bounded` is put around it. A call over
//! stored columns and short constants is left as it is: those are what indexes and estimates are for.

use crate::catalog::plane::{Plane, PolicyFunctions};
use crate::error::{Refusal, StageResult};
use crate::pgx::bounded::Operation;
use crate::pgx::origin::{ColumnReference, Origin};
use crate::pgx::query::{QueryKind, QueryNode, QueryView};
use crate::pgx::values;
use pgrx::pg_sys::Oid;

/// Largest constant, in bytes, that is left as it is.
const PLAIN_CONSTANT: usize = 1_024;

/// Largest constant, in bytes with its header, beside which the cost of a call is as good as linear.
const TINY_CONSTANT: usize = 32;

/// What is searched may be longer than what is searched for.
const SUBJECT: i32 = 64 * 1_024;
const NEEDLE: i32 = 4 * 1_024;

/// Arguments that are multiplied with one another, or with themselves.
const FACTOR: i32 = 32 * 1_024;

/// Shapes of many points, each pair of which is costly.
const SHAPE: i32 = 8 * 1_024;

/// Rows that are sorted by one aggregate, and arguments that are sorted.
const SORTED_ROWS: i32 = 500_000;
const SORTED: i32 = 1_024 * 1_024;

/// Calls over built values, in the whole statement, that may follow one another without heeding a cancel.
const CROWD: usize = 16;

/// Steps that may be taken to find where columns come from, over the whole statement.
const STEPS: usize = 20_000;

/// Steps that may be taken one within the other: common table expressions can be chained without any nesting.
const DEEPEST: usize = 200;

/// The first OID that is not PostgreSQL's own.
const FIRST_USER_OID: u32 = 16_384;

/// Reads a multirange from text, and sorts it.
const MULTIRANGE_INPUT: &str = "multirange_in";

/// How the cost of a call grows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    /// By the first argument times the others.
    Search,
    /// By all arguments multiplied.
    Product,
    /// By the square of a single one.
    Square,
    /// By all arguments multiplied, at a higher price.
    Shapes,
    /// As sorting does.
    Sort,
    /// As sorting all rows does.
    SortRows,
}

/// Puts a bound around every built argument of a costly call. Must come after the proof of the fences and before the
/// proof of the tree.
pub(super) fn bound(query: QueryView<'_>, plane: &Plane) -> StageResult<()> {
    let mut walk =
        Walk { functions: plane.policy, scopes: vec![query], steps: STEPS, depth: 0, calls: 0, is_crowd: false };
    query.children(true, &mut |node| walk.visit(node))?;
    if walk.calls <= CROWD {
        return Ok(());
    }
    // Equal expressions must stay equal for GROUP BY: either all such calls heed a cancel or none does.
    walk.is_crowd = true;
    walk.steps = STEPS;
    query.children(true, &mut |node| walk.visit(node))
}

struct Walk<'t> {
    functions: PolicyFunctions,
    /// The queries around the node that is visited, the outermost first.
    scopes: Vec<QueryView<'t>>,
    steps: usize,
    depth: usize,
    /// Calls that look for no cancel.
    calls: usize,
    /// Whether such calls are made to.
    is_crowd: bool,
}

impl<'t> Walk<'t> {
    fn visit(&mut self, node: QueryNode<'t>) -> StageResult<()> {
        match node.kind() {
            QueryKind::Query(query) => {
                self.scopes.push(query);
                let result = query.children(false, &mut |child| self.visit(child));
                self.scopes.pop();
                return result;
            }
            // Their text lies within a JSON value.
            QueryKind::RangeTableFunction(types) if types.iter().copied().any(is_sorted_on_input) => {
                return Err(Refusal::construct("a multirange in a column definition list"));
            }
            // Their contents come as children of their query, or they hold no expression.
            QueryKind::RangeTableEntry(_) | QueryKind::SortGroup { .. } => return Ok(()),
            // Left to the proof, which refuses them.
            QueryKind::Refused(_) | QueryKind::Unknown(_) => return Ok(()),
            _ => {}
        }
        if let Some(operation) = node.operation() {
            match cost(&operation) {
                Some(cost) if !is_linear(&operation, cost) => self.bound(&operation, cost),
                _ => self.check(&operation),
            }
        }
        node.children(&mut |child| self.visit(child))
    }

    fn bound(&mut self, operation: &Operation<'t>, cost: Cost) {
        if cost == Cost::SortRows {
            operation.bound_argument(0, self.functions.counted, SORTED_ROWS);
            return;
        }
        let scopes = self.scopes.clone();
        for (index, argument) in operation.arguments.iter().enumerate() {
            if argument.varies_in_length() && !self.is_plain(*argument, &scopes) {
                let most = match cost {
                    Cost::Search if index == 0 => SUBJECT,
                    Cost::Search if !operation.is_list => NEEDLE,
                    Cost::Search | Cost::Product | Cost::Square => FACTOR,
                    Cost::Shapes => SHAPE,
                    Cost::Sort | Cost::SortRows => SORTED,
                };
                operation.bound_argument(index, self.functions.bounded, most);
            }
        }
    }

    /// A call as costly as its arguments are large: no bound, but among many a cancel must be heeded.
    fn check(&mut self, operation: &Operation<'t>) {
        let is_ours = [self.functions.bounded, self.functions.counted].contains(&operation.function);
        if is_ours || operation.is_over_rows {
            return;
        }
        let scopes = self.scopes.clone();
        for (index, argument) in operation.arguments.iter().enumerate() {
            if argument.may_be_large() && !self.is_plain(*argument, &scopes) {
                self.calls += 1;
                if self.is_crowd {
                    operation.bound_argument(index, self.functions.bounded, i32::MAX);
                }
                return;
            }
        }
    }

    /// Whether a value is of the size of a stored one: a column of a fence, a short constant, or made of such by
    /// functions that do not build, or of a length that is fixed.
    fn is_plain(&mut self, node: QueryNode<'t>, scopes: &[QueryView<'t>]) -> bool {
        let Some(left) = self.steps.checked_sub(1).filter(|_| self.depth < DEEPEST) else { return false };
        self.steps = left;
        self.depth += 1;
        let is_plain = self.is_plain_within(node, scopes);
        self.depth -= 1;
        is_plain
    }

    fn is_plain_within(&mut self, node: QueryNode<'t>, scopes: &[QueryView<'t>]) -> bool {
        if !node.varies_in_length() {
            return true;
        }
        if let Some(size) = node.constant_size() {
            return size <= PLAIN_CONSTANT;
        }
        if let Some(column) = node.column() {
            return self.is_plain_column(column, scopes);
        }
        if node.only_passes_on() {
            let mut all = true;
            // The visitor never refuses.
            let _ = node.children(&mut |child| {
                all = all && self.is_plain(child, scopes);
                Ok(())
            });
            return all;
        }
        if let Some(operation) = node.operation().filter(|operation| !operation.is_list) {
            return builds_nothing(&operation)
                && operation.arguments.iter().all(|argument| self.is_plain(*argument, scopes));
        }
        false
    }

    fn is_plain_column(&mut self, column: ColumnReference, scopes: &[QueryView<'t>]) -> bool {
        let Some(home) = outwards(scopes, column.level) else { return false };
        let Some(query) = home.last() else { return false };
        match query.origin(column) {
            Origin::Other => false,
            Origin::Node(node) => self.is_plain(node, home),
            Origin::Subquery(inner) => self.is_plain_result(home, inner, column.attribute),
            Origin::Expression { level, name } => match outwards(home, level) {
                // The outermost query's expressions are the fences.
                Some([_]) => true,
                Some(home) => {
                    let known = home.last().map(|query| query.expressions()).unwrap_or_default();
                    let inner = known.into_iter().find(|(known, _)| *known == name).and_then(|(_, query)| query);
                    inner.is_some_and(|inner| self.is_plain_result(home, inner, column.attribute))
                }
                None => false,
            },
        }
    }

    fn is_plain_result(&mut self, home: &[QueryView<'t>], inner: QueryView<'t>, attribute: i16) -> bool {
        let scopes: Vec<QueryView<'t>> = home.iter().copied().chain([inner]).collect();
        inner.result(attribute).is_some_and(|node| self.is_plain(node, &scopes))
    }
}

/// The scopes as seen `level` queries up.
fn outwards<'s, 't>(scopes: &'s [QueryView<'t>], level: usize) -> Option<&'s [QueryView<'t>]> {
    scopes.get(..scopes.len().checked_sub(level)?).filter(|scopes| !scopes.is_empty())
}

fn is_sorted_on_input(type_oid: Oid) -> bool {
    let read = values::element_type(type_oid).unwrap_or(type_oid);
    values::function_name(values::input_function(read)) == MULTIRANGE_INPUT
}

/// Whether at most one argument of a search or product is more than a tiny constant.
fn is_linear(operation: &Operation<'_>, cost: Cost) -> bool {
    if operation.is_list || !matches!(cost, Cost::Search | Cost::Product) {
        return false;
    }
    let is_tiny = |argument: &QueryNode<'_>| argument.constant_size().is_some_and(|size| size <= TINY_CONSTANT);
    operation.arguments.iter().filter(|argument| argument.varies_in_length() && !is_tiny(argument)).count() < 2
}

/// How a call grows, if faster than its arguments.
fn cost(operation: &Operation<'_>) -> Option<Cost> {
    if operation.function.to_u32() >= FIRST_USER_OID {
        return None;
    }
    match values::function_name(operation.function).as_str() {
        "position" | "strpos" | "replace" | "string_to_array" | "string_to_table" | "split_part" | "translate"
        | "ltrim" | "rtrim" | "btrim" | "like" | "notlike" | "textlike" | "textnlike" | "texticlike"
        | "texticnlike" | "bpcharlike" | "bpcharnlike" | "bpchariclike" | "bpcharicnlike" | "namelike"
        | "namenlike" | "nameiclike" | "nameicnlike" | "bytealike" | "byteanlike" => Some(Cost::Search),
        "arrayoverlap" | "arraycontains" | "arraycontained" | "jsonb_contains" | "jsonb_contained"
        | "jsonb_exists_any" | "jsonb_exists_all" | "jsonb_delete" | "tsq_mcontains" | "tsq_mcontained" => {
            Some(Cost::Product)
        }
        "poly_overlap" | "poly_contain" | "poly_contained" | "poly_distance" | "path_inter" | "path_distance" => {
            Some(Cost::Shapes)
        }
        // Comparing by a locale copies both sides, for each element again.
        "text_lt" | "text_le" | "text_gt" | "text_ge" | "bpcharlt" | "bpcharle" | "bpchargt" | "bpcharge"
            if operation.is_list =>
        {
            Some(Cost::Product)
        }
        "normalize" | "is_normalized" | "ts_rank" | "ts_rank_cd" => Some(Cost::Square),
        name if name.starts_with("jsonb_path_") => Some(Cost::Square),
        "int4multirange" | "int8multirange" | "nummultirange" | "tsmultirange" | "tstzmultirange"
        | "datemultirange" | MULTIRANGE_INPUT => Some(Cost::Sort),
        "range_agg" => Some(Cost::SortRows),
        _ => None,
    }
}

/// Whether a call's result is about as large as its arguments, or smaller.
fn builds_nothing(operation: &Operation<'_>) -> bool {
    let constant = |index: usize| operation.arguments.get(index).and_then(|argument| argument.constant_text());
    match values::function_name(operation.function).as_str() {
        "lower"
        | "upper"
        | "initcap"
        | "ltrim"
        | "rtrim"
        | "btrim"
        | "substr"
        | "substring"
        | "left"
        | "right"
        | "split_part"
        | "reverse"
        | "text"
        | "varchar"
        | "bpchar"
        | "name"
        | "to_char"
        | "json_object_field"
        | "json_object_field_text"
        | "json_array_element"
        | "json_array_element_text"
        | "json_extract_path"
        | "json_extract_path_text"
        | "jsonb_object_field"
        | "jsonb_object_field_text"
        | "jsonb_array_element"
        | "jsonb_array_element_text"
        | "jsonb_extract_path"
        | "jsonb_extract_path_text"
        | "jsonb_delete"
        | "array_remove"
        | "to_tsvector"
        | "setweight"
        | "to_tsquery"
        | "plainto_tsquery"
        | "phraseto_tsquery"
        | "websearch_to_tsquery"
        | "min"
        | "max"
        | "lag"
        | "lead"
        | "first_value"
        | "last_value"
        | "nth_value" => true,
        "replace" => match (constant(1), constant(2)) {
            (Some(from), Some(to)) => to.len() <= from.len(),
            _ => false,
        },
        "regexp_replace" => constant(2).is_some_and(|to| to.is_empty()),
        _ => false,
    }
}
