//! How the cost of one call of a function grows with its arguments, where it does not check for interrupts.
//!
//! The limits are sizes in bytes at which a call takes well under half a second of processor time; pg_test/interrupts
//! measures them. What is on no list grows as its arguments do.

use crate::texts::LONGEST_PATTERN;

/// Up to this many bytes a value is too short for its size to matter.
pub(super) const TINY: u64 = 256;

/// What is searched may be longer than what is searched for.
pub(super) const SUBJECT: i32 = 64 * 1_024;
const SOUGHT: i32 = 2 * 1_024;

/// Arguments that are multiplied with one another, or with themselves.
pub(super) const FACTOR: i32 = 32 * 1_024;

/// Shapes of many points, each pair of which is costly.
const SHAPE: i32 = 8 * 1_024;

/// Arguments that are sorted by one call, and rows that one aggregate sorts.
const SORTED: i32 = 1_024 * 1_024;
const SORTED_ROWS: i32 = 500_000;

/// Numbers: some 96,000 digits, which one division takes a quarter of a second for.
const NUMBER: i32 = 48 * 1_024;

/// Operands of a logarithm to any base: close to 1, it is worked out to as many digits as they have, again and again.
const LOGARITHM: i32 = 2 * 1_024;

/// What is compared by a locale, or element by element.
pub(super) const COMPARED: i32 = 1_024 * 1_024;

/// What is read once from end to end.
const READ: i32 = 4 * 1_024 * 1_024;

/// How a call grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// By copying at most: memory ends it before time does.
    Copy,
    /// By reading all of its arguments.
    Read,
    /// By comparing.
    Compare,
    /// By comparing two values that are made lower-case first, whole.
    Folded,
    /// As arithmetic of many digits does.
    Number,
    /// As a logarithm of many digits does.
    Logarithm,
    /// By the second argument, which is a pattern that is compiled; `patterns` says how much of the first it may read.
    Pattern,
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

impl Cost {
    /// The largest that the argument at `index` may be, in bytes; rows for `SortRows`.
    pub(super) fn most(self, index: usize, is_list: bool) -> i32 {
        match self {
            Cost::Copy => i32::MAX,
            Cost::Read => READ,
            Cost::Compare | Cost::Folded => COMPARED,
            Cost::Number => NUMBER,
            Cost::Logarithm => LOGARITHM,
            Cost::Search if index == 0 => SUBJECT,
            // Regular expressions and paths of JSON.
            Cost::Pattern => LONGEST_PATTERN,
            Cost::Search if !is_list => SOUGHT,
            Cost::Search | Cost::Product | Cost::Square => FACTOR,
            Cost::Shapes => SHAPE,
            Cost::Sort => SORTED,
            Cost::SortRows => SORTED_ROWS,
        }
    }

    /// Up to which estimated size an argument is left as it is.
    pub(super) fn free(self) -> u64 {
        match self {
            Cost::Copy | Cost::Read | Cost::Compare | Cost::Folded => 8 * 1_024,
            Cost::Number
            | Cost::Logarithm
            | Cost::Pattern
            | Cost::Search
            | Cost::Product
            | Cost::Square
            | Cost::Shapes
            | Cost::Sort
            // Less than a stored value of no declared length counts as.
            | Cost::SortRows => 1_000,
        }
    }
}

/// How a function of an extension's list grows, by the name that the list has for it; one that is unknown is bounded most.
pub(super) fn of_bound(name: &str) -> Cost {
    match name {
        "read" => Cost::Read,
        "folded" => Cost::Folded,
        "pattern" => Cost::Pattern,
        "search" => Cost::Search,
        "product" => Cost::Product,
        "square" => Cost::Square,
        "sort" => Cost::Sort,
        _ => Cost::Shapes,
    }
}

/// Reads a multirange from text, and sorts it.
pub(super) const MULTIRANGE_INPUT: &str = "multirange_in";

/// How a built-in function, operator's function, aggregate or input function of this name grows. `is_list`: called for
/// each element of an array.
pub(super) fn of(name: &str, is_list: bool) -> Cost {
    match name {
        "position" | "strpos" | "replace" | "string_to_array" | "string_to_table" | "split_part" | "translate"
        | "ltrim" | "rtrim" | "btrim" | "like" | "notlike" | "textlike" | "textnlike" | "texticlike"
        | "texticnlike" | "bpcharlike" | "bpcharnlike" | "bpchariclike" | "bpcharicnlike" | "namelike"
        | "namenlike" | "nameiclike" | "nameicnlike" | "bytealike" | "byteanlike" => Cost::Search,
        "arrayoverlap" | "arraycontains" | "arraycontained" | "array_to_string" | "concat_ws" | "jsonb_contains"
        | "jsonb_contained" | "jsonb_exists_any" | "jsonb_exists_all" | "jsonb_delete" | "tsq_mcontains"
        | "tsq_mcontained" => Cost::Product,
        // Marks that combine are put in order one by one.
        "normalize" | "is_normalized" | "poly_overlap" | "poly_contain" | "poly_contained" | "poly_distance"
        | "poly_same" | "path_inter" | "path_distance" => Cost::Shapes,
        "ts_rank"
        | "ts_rank_cd"
        | "plainto_tsquery"
        | "ts_match_tt"
        | "ts_match_tq"
        | "phraseto_tsquery"
        | "websearch_to_tsquery"
        | "to_tsquery"
        | "numeric_power"
        | "pow"
        | "power"
        | "gcd"
        | "lcm" => Cost::Square,
        "log" | "numeric_log" => Cost::Logarithm,
        name if name.contains("regex") || name.starts_with("jsonb_path_") || name == "substring" => Cost::Pattern,
        "int4multirange" | "int8multirange" | "nummultirange" | "tsmultirange" | "tstzmultirange"
        | "datemultirange" | "jsonb_object" | "array_sort" | MULTIRANGE_INPUT => Cost::Sort,
        "range_agg"
        | "range_intersect_agg"
        | "jsonb_object_agg"
        | "jsonb_object_agg_strict"
        | "jsonb_object_agg_unique"
        | "jsonb_object_agg_unique_strict"
        | "json_object_agg_unique"
        | "json_object_agg_unique_strict" => Cost::SortRows,
        // Comparing by a locale copies both sides, for each element again.
        "text_lt" | "text_le" | "text_gt" | "text_ge" | "bpcharlt" | "bpcharle" | "bpchargt" | "bpcharge"
            if is_list =>
        {
            Cost::Product
        }
        "textcat" | "concat" | "byteacat" | "array_append" | "array_prepend" | "array_cat" | "cardinality"
        | "array_length" | "array_upper" | "array_lower" | "array_ndims" | "array_dims" | "octet_length" | "unnest"
        | "string_agg" | "array_agg" | "count" | "jsonb_array_length" | "substr" | "left" | "first_value"
        | "last_value" | "nth_value" | "lag" | "lead" => Cost::Copy,
        "min" | "max" | "mode" | "percentile_disc" => Cost::Compare,
        name if compares(name) => Cost::Compare,
        name if name.starts_with("numeric_") || is_numeric_by_name(name) => Cost::Number,
        _ => Cost::Read,
    }
}

/// Functions that compute with numeric and are called otherwise.
fn is_numeric_by_name(name: &str) -> bool {
    matches!(
        name,
        "div"
            | "mod"
            | "sqrt"
            | "exp"
            | "ln"
            | "log10"
            | "round"
            | "trunc"
            | "sum"
            | "avg"
            | "width_bucket"
            | "variance"
            | "var_pop"
            | "var_samp"
            | "stddev"
            | "stddev_pop"
            | "stddev_samp"
    )
}

/// Whether a function compares two values: the shorter one then sets how long it takes.
pub(super) fn compares(name: &str) -> bool {
    const KINDS: [&str; 6] = ["text", "bpchar", "bytea", "name", "bit", "varbit"];
    const RELATIONS: [&str; 7] = ["eq", "ne", "lt", "le", "gt", "ge", "cmp"];
    RELATIONS.iter().any(|relation| {
        name.strip_suffix(relation).is_some_and(|rest| {
            rest.ends_with('_') || KINDS.contains(&rest.strip_prefix("bt").unwrap_or(rest)) || rest == "bit"
        })
    }) || matches!(
        name,
        "text_larger" | "text_smaller" | "array_larger" | "array_smaller" | "record_larger" | "record_smaller"
    )
}
