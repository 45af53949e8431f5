//! How large the value of an expression may be, as far as the statement says.
//!
//! Stored values are taken to be of ordinary size: a kilobyte, or what the column's type allows. A statement's own values
//! are followed through functions, subqueries, common table expressions and joins. What cannot be followed may be of
//! any size.

use crate::pgx::query::column_lineage::{ColumnReference, Origin, home};
use crate::pgx::query::{QueryNode, QueryView, ValueForm};
use crate::pgx::routines;
use pgrx::pg_sys;
use std::collections::HashMap;

/// Of any size.
pub(super) const ANY: u64 = u64::MAX;

/// A stored value whose type sets no limit.
const STORED: u64 = 1_024;

/// A stored number whose type sets no limit.
const STORED_NUMBER: u64 = 64;

/// A number that comes of a fixed one, a date as text and the like.
const SHORT: u64 = 64;

/// Digits that a division, a root or a logarithm may add, in bytes.
const FRACTION: u64 = 8_400;

/// The longest number, in bytes: 131,072 digits before the point and 16,383 after it.
const LONGEST_NUMBER: u64 = 73_728;

/// Columns that may be followed one into the other: common table expressions can be chained without any nesting.
const DEEPEST: usize = 200;

/// Estimates for one statement, each column's made once: equal expressions must come to equal estimates.
#[derive(Default)]
pub(super) struct Sizes<'t> {
    columns: HashMap<(usize, i32, i16), u64>,
    depth: usize,
    /// The queries of the sub-links in whose tests an expression stands, the innermost last: parameters are their columns.
    links: Vec<QueryView<'t>>,
}

impl<'t> Sizes<'t> {
    /// Enters a sub-link's test.
    pub(super) fn enter_link(&mut self, query: QueryView<'t>) {
        self.links.push(query);
    }

    pub(super) fn leave_link(&mut self) {
        self.links.pop();
    }

    /// Bytes at most; 0 for types of fixed length. `scopes` are the queries around the node, the outermost first.
    pub(super) fn of(&mut self, node: QueryNode<'t>, scopes: &[QueryView<'t>]) -> u64 {
        if !node.varies_in_length() {
            return 0;
        }
        match node.value_form() {
            ValueForm::Constant(size) => size,
            ValueForm::Column(column) => self.of_column(column, node, scopes),
            ValueForm::LinkParameter(number) => match self.links.last().copied() {
                Some(query) => {
                    let scopes: Vec<QueryView<'t>> = scopes.iter().copied().chain([query]).collect();
                    self.of_result(query, number, &scopes)
                }
                None => ANY,
            },
            ValueForm::Same(inner) => self.of(inner, scopes),
            // Powers of ten are short as text.
            ValueForm::ByText(inner) if node.is_number() && inner.varies_in_length() => LONGEST_NUMBER,
            ValueForm::ByText(inner) if inner.varies_in_length() => {
                let letters = if inner.is_bits() { 8 } else { 4 };
                self.of(inner, scopes).saturating_mul(letters).saturating_add(SHORT)
            }
            ValueForm::ByText(_) => SHORT,
            ValueForm::Either(branches) => self.largest(&branches, scopes),
            ValueForm::Gathered(parts) => self.sum(&parts, scopes),
            ValueForm::Call { function, arguments } => self.of_call(node, function, &arguments, scopes),
            ValueForm::Query(query) => {
                let scopes: Vec<QueryView<'t>> = scopes.iter().copied().chain([query]).collect();
                self.of_result(query, 1, &scopes)
            }
            ValueForm::Other => ANY,
        }
    }

    fn largest(&mut self, nodes: &[QueryNode<'t>], scopes: &[QueryView<'t>]) -> u64 {
        nodes.iter().map(|node| self.of(*node, scopes)).max().unwrap_or(0)
    }

    fn sum(&mut self, nodes: &[QueryNode<'t>], scopes: &[QueryView<'t>]) -> u64 {
        nodes.iter().fold(0u64, |sum, node| sum.saturating_add(self.of(*node, scopes)).saturating_add(8))
    }

    fn of_column(&mut self, column: ColumnReference, node: QueryNode<'t>, scopes: &[QueryView<'t>]) -> u64 {
        let Some((home, query)) = home(scopes, column.level) else { return ANY };
        let key = (query.address(), column.entry, column.attribute);
        if let Some(known) = self.columns.get(&key) {
            return *known;
        }
        if self.depth >= DEEPEST {
            return ANY;
        }
        self.depth += 1;
        let size = match query.origin(column) {
            Origin::Stored => stored(node),
            Origin::Other => ANY,
            Origin::Node(node) => self.of(node, home),
            Origin::Values(nodes) => self.largest(&nodes, home),
            Origin::Function(call) => self.of_rows(call, home),
            Origin::Subquery(inner) => {
                let scopes: Vec<QueryView<'t>> = home.iter().copied().chain([inner]).collect();
                self.of_result(inner, column.attribute, &scopes)
            }
            Origin::Expression { level, name } => self.of_expression(level, &name, column.attribute, node, home),
        };
        self.depth -= 1;
        self.columns.insert(key, size);
        size
    }

    fn of_expression(
        &mut self,
        level: usize,
        name: &str,
        attribute: i16,
        node: QueryNode<'t>,
        scopes: &[QueryView<'t>],
    ) -> u64 {
        let Some((home, query)) = home(scopes, level) else { return ANY };
        // The outermost query's expressions are the fences, or the proof refuses the statement.
        if home.len() == 1 {
            return stored(node);
        }
        let Some(inner) = query.expression(name) else { return ANY };
        let scopes: Vec<QueryView<'t>> = home.iter().copied().chain([inner]).collect();
        self.of_result(inner, attribute, &scopes)
    }

    /// A result column of the last of the scopes; of UNION and the like the largest of all arms.
    fn of_result(&mut self, query: QueryView<'t>, attribute: i16, scopes: &[QueryView<'t>]) -> u64 {
        if let Some(node) = query.result(attribute) {
            return self.of(node, scopes);
        }
        let arms = query.arms();
        let mut size = if arms.is_empty() { ANY } else { 0 };
        for arm in arms {
            let scopes: Vec<QueryView<'t>> = scopes.iter().copied().chain([arm]).collect();
            size = size.max(self.of_result(arm, attribute, &scopes));
        }
        size
    }

    /// A column of a function in FROM, or of a set-returning one anywhere: parts of its arguments.
    fn of_rows(&mut self, node: QueryNode<'t>, scopes: &[QueryView<'t>]) -> u64 {
        let ValueForm::Call { function, arguments } = node.value_form() else { return ANY };
        match routines::function_name(function).as_str() {
            "generate_series" => self.sum(&arguments, scopes).saturating_add(SHORT),
            "unnest"
            | "regexp_split_to_table"
            | "string_to_table"
            | "regexp_matches"
            | "json_each"
            | "json_each_text"
            | "jsonb_each"
            | "jsonb_each_text"
            | "json_array_elements"
            | "json_array_elements_text"
            | "jsonb_array_elements"
            | "jsonb_array_elements_text"
            | "json_object_keys"
            | "jsonb_object_keys"
            | "json_to_record"
            | "json_to_recordset"
            | "jsonb_to_record"
            | "jsonb_to_recordset" => self.sum(&arguments, scopes).saturating_mul(2),
            _ => ANY,
        }
    }

    fn of_call(
        &mut self,
        node: QueryNode<'t>,
        function: pg_sys::Oid,
        arguments: &[QueryNode<'t>],
        scopes: &[QueryView<'t>],
    ) -> u64 {
        if function.to_u32() >= pg_sys::FirstNormalObjectId {
            return ANY;
        }
        let constant = |index: usize| arguments.get(index).and_then(|argument| argument.constant_text());
        let first = arguments.get(..1).unwrap_or_default();
        match routines::function_name(function).as_str() {
            // As large as the first argument, or smaller.
            "ltrim"
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
            | "name"
            | "regexp_substr"
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
            | "setweight"
            | "strip"
            | "min"
            | "max"
            | "lag"
            | "lead"
            | "first_value"
            | "last_value"
            | "nth_value"
            | "any_value"
            | "mode"
            | "percentile_disc"
            | "numeric_abs"
            | "numeric_uminus"
            | "ceil"
            | "ceiling"
            | "floor"
            | "sign"
            | "abs"
            | "trim_scale" => self.sum(first, scopes),
            // Letters of one byte that become one of three or four.
            "lower" | "upper" | "initcap" | "translate" => self.sum(first, scopes).saturating_mul(4),
            // A word of one letter becomes two nodes of a tree.
            "to_tsquery" | "plainto_tsquery" | "phraseto_tsquery" | "websearch_to_tsquery" => {
                self.sum(arguments, scopes).saturating_mul(16).saturating_add(SHORT)
            }
            // Weights, positions, brackets.
            "to_tsvector"
            | "encode"
            | "decode"
            | "convert_to"
            | "convert_from"
            | "quote_literal"
            | "quote_ident"
            | "quote_nullable"
            | "string_to_array"
            | "regexp_match"
            | "regexp_split_to_array"
            | "to_json"
            | "to_jsonb"
            | "row_to_json"
            | "array_to_json"
            | "json_build_array"
            | "json_build_object"
            | "jsonb_build_array"
            | "jsonb_build_object"
            | "json_object"
            | "jsonb_object"
            | "jsonb_set"
            | "jsonb_insert"
            | "jsonb_strip_nulls"
            | "json_strip_nulls"
            | "overlay"
            | "bytea" => self.sum(arguments, scopes).saturating_mul(8).saturating_add(SHORT),
            // As large as all of them together.
            "textcat" | "byteacat" => self.sum(arguments, scopes),
            "concat" | "array_append" | "array_prepend" | "array_cat" | "jsonb_concat" | "tsvector_concat"
            | "bitcat" | "textanycat" | "anytextcat" | "to_number" | "numeric_add" | "numeric_sub" | "numeric_mul"
            | "numeric_inc" | "range_merge" | "tsquery_and" | "tsquery_or" | "sum" => {
                self.sum(arguments, scopes).saturating_add(SHORT.saturating_mul(2))
            }
            "numeric_div" | "numeric_mod" | "mod" | "div" | "round" | "trunc" | "sqrt" | "ln" | "log" | "avg"
            | "variance" | "var_pop" | "var_samp" | "stddev" | "stddev_pop" | "stddev_samp" | "gcd"
            | "numeric_sqrt" | "numeric_ln" | "numeric_log" => {
                // A fraction that is no longer than usual, but for one that is asked for.
                let asked = if arguments.len() > 1 { arguments.get(1).map_or(0, |scale| fraction(*scale)) } else { 0 };
                self.sum(arguments, scopes).saturating_add(SHORT).saturating_add(asked)
            }
            "concat_ws" if !arguments.iter().any(|argument| argument.is_array()) => {
                let glue = self.sum(first, scopes).saturating_mul(u64::try_from(arguments.len()).unwrap_or(ANY));
                self.sum(arguments, scopes).saturating_add(glue)
            }
            // An element that is NULL takes one bit.
            "array_to_string" => {
                let between = self.sum(arguments.get(1..).unwrap_or_default(), scopes);
                self.sum(first, scopes).saturating_mul(8).saturating_mul(between)
            }
            "replace" => match (constant(1), constant(2)) {
                (Some(from), Some(to)) => grown(self.sum(first, scopes), from.len(), to.len()),
                _ => ANY,
            },
            "regexp_replace" => match constant(2) {
                Some(to) => grown(self.sum(first, scopes), 1, to.len()),
                None => ANY,
            },
            "repeat" | "lpad" | "rpad" => match arguments.get(1).and_then(|count| count.constant_integer()) {
                Some(count) => {
                    let count = u64::try_from(count).unwrap_or(0);
                    self.sum(first, scopes).max(1).saturating_mul(count.saturating_add(1))
                }
                None => ANY,
            },
            "to_char" => constant(1).map_or(ANY, |format| {
                let format = u64::try_from(format.len()).unwrap_or(ANY);
                self.sum(first, scopes).saturating_add(format.saturating_mul(16)).saturating_add(SHORT)
            }),
            // A declared length fills up what is shorter; fractions of a declared scale.
            "bit" | "varbit" | "bpchar" | "numeric" => {
                let declared = node.declared_size().map_or(SHORT.saturating_mul(4), |size| size.saturating_add(SHORT));
                self.sum(first, scopes).saturating_add(declared)
            }
            // Made of values of fixed length.
            "md5"
            | "to_hex"
            | "chr"
            | "int4_numeric"
            | "int2_numeric"
            | "int8_numeric"
            | "extract"
            | "date_part"
            | "timeofday"
            | "int4range"
            | "int8range"
            | "daterange"
            | "tsrange"
            | "tstzrange"
            | "host"
            | "abbrev"
            | "broadcast"
            | "network"
            | "netmask"
            | "hostmask"
            | "set_masklen"
            | "macaddr8_set7bit"
            | "uuid_extract_timestamp"
            | "sha224"
            | "sha256"
            | "sha384"
            | "sha512"
            | "numeric_sign"
            | "numeric_ceil"
            | "numeric_floor" => SHORT.saturating_mul(4),
            name if name.starts_with("extract_") => SHORT,
            _ => ANY,
        }
    }
}

/// What a stored value's type allows.
fn stored(column: QueryNode<'_>) -> u64 {
    column.declared_size().unwrap_or(if column.is_number() { STORED_NUMBER } else { STORED })
}

/// Bytes of a fraction of so many digits.
fn fraction(digits: QueryNode<'_>) -> u64 {
    match digits.constant_integer() {
        Some(digits) => u64::try_from(digits).unwrap_or(0).min(FRACTION),
        // The second operand of an arithmetic function, not a number of digits.
        None if digits.varies_in_length() => 0,
        None => FRACTION,
    }
}

/// A text in which each piece of `from` bytes becomes one of `to`.
fn grown(size: u64, from: usize, to: usize) -> u64 {
    let times = to.div_ceil(from.max(1)).saturating_add(1);
    if to <= from { size } else { size.saturating_mul(u64::try_from(times).unwrap_or(ANY)) }
}
