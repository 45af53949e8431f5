//! The settings of the confined section. The caller's own values are not trusted.
//!
//! settings.tsv says of every setting of every major whether it is pinned, taken from the server, kept or irrelevant, and
//! why; a test holds it against the server and against the lists here.

use super::counted;
use crate::ablation::{self, Switch};
use crate::catalog::plane::Plane;
use crate::pgx::hooks::{configured, security_definer, tripwire_scan};
use crate::pgx::section::address_space_limit;
use crate::pgx::section::pin::Setting;
use crate::settings;
use std::borrow::Cow;
use std::ffi::{CStr, CString};

/// Settings that give text its meaning, that let others' sessions show, or that write the text where it does not belong.
/// One that a major does not have is passed over.
pub(crate) const FIXED: [(&CStr, &CStr); 32] = [
    // First: nothing below may send the client a notice.
    (c"client_min_messages", c"error"),
    // An ERROR that became FATAL would go to the client as it is, and end the session.
    (c"exit_on_error", c"off"),
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"row_security", c"on"),
    (c"standard_conforming_strings", c"on"),
    (c"escape_string_warning", c"off"),
    (c"backslash_quote", c"on"),
    (c"transform_null_equals", c"off"),
    (c"quote_all_identifiers", c"off"),
    (c"array_nulls", c"on"),
    (c"DateStyle", c"ISO, MDY"),
    (c"IntervalStyle", c"postgres"),
    (c"timezone_abbreviations", c"Default"),
    (c"extra_float_digits", c"1"),
    (c"bytea_output", c"hex"),
    (c"xmlbinary", c"base64"),
    (c"xmloption", c"content"),
    (c"debug_print_raw_parse", c"off"),
    (c"debug_print_parse", c"off"),
    (c"debug_print_rewritten", c"off"),
    (c"debug_print_plan", c"off"),
    (c"trace_sort", c"off"),
    (c"lc_messages", c"C"),
    (c"lc_numeric", c"C"),
    (c"lc_time", c"C"),
    (c"session_replication_role", c"origin"),
    (c"jit", c"off"),
    // A scan of a large table would start where another tenant's has got to.
    (c"synchronize_seqscans", c"off"),
    // Anything else makes counts over a GIN index wrong.
    (c"gin_fuzzy_search_limit", c"0"),
    (c"force_parallel_mode", c"off"),
    (c"debug_parallel_query", c"off"),
    // Statement statistics would normalise the text by positions that the grafted tree does not have.
    (c"compute_query_id", c"off"),
];

/// Settings of extensions that decide an answer: a client's startup packet could set them, for RESET as well. One of a library
/// that is not loaded is passed over; those of allowed extensions are.
pub(crate) const OF_EXTENSIONS: [(&CStr, &CStr); 3] = [
    (c"pg_trgm.similarity_threshold", c"0.3"),
    (c"pg_trgm.word_similarity_threshold", c"0.6"),
    (c"pg_trgm.strict_word_similarity_threshold", c"0.5"),
];

/// Settings of Citus: those that decide an answer, what of it is planned how, and what is written of it where.
pub(crate) const OF_CITUS: [(&CStr, &CStr); 22] = [
    (c"citus.propagate_set_commands", c"local"),
    (c"citus.limit_clause_row_fetch_count", c"-1"),
    (c"citus.count_distinct_error_rate", c"0"),
    (c"citus.subquery_pushdown", c"off"),
    (c"citus.coordinator_aggregation_strategy", c"row-gather"),
    (c"citus.enable_router_execution", c"on"),
    (c"citus.enable_fast_path_router_planner", c"on"),
    (c"citus.enable_local_execution", c"on"),
    (c"citus.enable_non_colocated_router_query_pushdown", c"on"),
    (c"citus.enable_recurring_outer_join_pushdown", c"on"),
    (c"citus.enable_repartition_joins", c"off"),
    (c"citus.enable_single_hash_repartition_joins", c"off"),
    (c"citus.enable_unsafe_triggers", c"off"),
    (c"citus.local_table_join_policy", c"auto"),
    (c"citus.task_assignment_policy", c"greedy"),
    (c"citus.select_opens_transaction_block", c"on"),
    (c"citus.use_citus_managed_tables", c"off"),
    (c"citus.log_remote_commands", c"off"),
    (c"citus.log_local_commands", c"off"),
    (c"citus.log_intermediate_results", c"off"),
    (c"citus.log_multi_join_order", c"off"),
    (c"citus.multi_task_query_log_level", c"off"),
];

/// Settings that widen what a statement may use, and those whose right value only the administrator knows.
pub(crate) const FROM_SERVER: [&CStr; 31] = [
    c"work_mem",
    c"hash_mem_multiplier",
    c"default_text_search_config",
    c"lc_monetary",
    c"restrict_nonsystem_relation_kind",
    c"temp_tablespaces",
    c"max_parallel_workers",
    c"max_parallel_workers_per_gather",
    c"parallel_leader_participation",
    c"min_parallel_table_scan_size",
    c"min_parallel_index_scan_size",
    c"effective_io_concurrency",
    c"io_combine_limit",
    c"enable_partitionwise_aggregate",
    c"enable_partitionwise_join",
    // How long planning may take.
    c"geqo",
    c"geqo_threshold",
    c"geqo_effort",
    c"geqo_generations",
    c"geqo_pool_size",
    c"from_collapse_limit",
    c"join_collapse_limit",
    // The estimate that splitplane.max_cost compares.
    c"seq_page_cost",
    c"random_page_cost",
    c"cpu_tuple_cost",
    c"cpu_index_tuple_cost",
    c"cpu_operator_cost",
    c"parallel_setup_cost",
    c"parallel_tuple_cost",
    c"effective_cache_size",
    c"recursive_worktable_factor",
];

/// All of them, in the order in which they are to be set.
pub(super) fn settings(plane: &Plane) -> Vec<Setting> {
    let fixed = |(name, value): &(&'static CStr, &'static CStr)| -> Setting { (*name, Cow::Borrowed(*value)) };
    let made = |value: String| Cow::Owned(CString::new(value).unwrap_or_default());
    let mut pinned: Vec<Setting> = FIXED.iter().chain(&OF_EXTENSIONS).map(fixed).collect();
    pinned.extend(configured::values(&plane.database_settings).into_iter().map(|(name, value)| {
        // PostgreSQL would check whether the caller may create files there.
        let is_foreign = name == c"temp_tablespaces" && !value.is_empty();
        (name, if is_foreign { Cow::Borrowed(c"") } else { Cow::Owned(value) })
    }));
    pinned.push((c"TimeZone", made(settings::time_zone())));
    let worker_memory = (settings::max_memory() / 1_024).saturating_mul(2).min(i32::MAX as usize);
    pinned.push((address_space_limit::WORKER_SETTING, made(worker_memory.to_string())));
    pinned.push((c"temp_file_limit", made(settings::max_temp_files().to_string())));
    if !ablation::is_off(Switch::Definers) {
        let allowed = plane.allowed.iter().map(|function| function.oid);
        pinned.push((security_definer::SETTING, Cow::Owned(security_definer::admitted(plane.reader, allowed))));
    }
    if settings::tracks_statements() {
        pinned.extend(counted::setting());
    }
    if plane.is_on_nodes {
        pinned.extend(OF_CITUS.iter().map(fixed));
        // It is part of what such a statement is made of.
        pinned.push((c"splitplane.max_rows", made(settings::max_rows().to_string())));
    }
    pinned.push((tripwire_scan::SETTING, made(plane.tripwires.clone())));
    pinned
}
