//! What happens when the library is loaded, and the SQL that CREATE EXTENSION runs.

use crate::ablation::{self, Switch};
use crate::audit_log::administration;
use crate::catalog::cluster_keys;
use crate::error::{Refusal, State};
use crate::ledger::{self, Capacities};
use crate::pgx::functions::checked::{self, Checks};
use crate::pgx::functions::in_scope;
use crate::pgx::hooks::{
    analysis, commits, configured, index_order, node_fence, security_definer, statistics as planner_statistics,
};
use crate::pgx::section::{process_memory, token};
use crate::pgx::shmem::{baselines, claims_slots, counters, facts};
use crate::pgx::{entry, pg_try, server};
use crate::run::FROM_SERVER;
use crate::texts::{self, Reading};
use crate::{api, audit_log, budget, question, settings, statistics, tripwire};
use pgrx::prelude::*;

/// Checks of texts that a statement makes while it runs.
const CHECKS: Checks = Checks {
    pattern: |text| texts::check_pattern(text, 0),
    zone: texts::check_zone,
    date: |text| texts::check_date(text, Reading::Date),
    json: texts::check_json,
};

const CAPACITIES: Capacities = Capacities {
    ledger: settings::ledger_size,
    // Far more keys than sign at the same time.
    holders: || settings::ledger_size().min(16_384),
    // A switched-off cache keeps the smallest table that dynahash allows, and is never read.
    verdicts: || settings::model::verdict_cache_size().max(16),
};

#[allow(non_snake_case)]
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    if !server::note_load() {
        // Loaded late there is no shared memory, hence no replay ledger.
        pg_try::raise(Refusal::new(
            State::Unsafe,
            "splitplane must be in shared_preload_libraries; add it and restart the server",
        ));
    }
    #[cfg(feature = "ablation")]
    crate::ablation::init();
    #[cfg(feature = "old_minors")]
    crate::preflight::note_build();
    // Before the settings, which close the prefix.
    tripwire::init(|| administration::called("reopen", serde_json::Value::Null));
    security_definer::init();
    index_order::init();
    planner_statistics::init();
    analysis::init();
    process_memory::init();
    entry::init(api::ENTRIES);
    checked::init(CHECKS);
    in_scope::init(|| !ablation::is_off(Switch::Free), settings::fences_each_row);
    token::init(token::Cluster { is_node: cluster_keys::is_node, keys: cluster_keys::usable });
    node_fence::init(|| !ablation::is_off(Switch::Nodes));
    settings::init();
    configured::note(&FROM_SERVER);
    ledger::init(&CAPACITIES);
    budget::init(settings::budget_slots);
    claims_slots::init();
    facts::init(settings::shared_plane_size);
    counters::init(settings::stat_tenants, || statistics::MODELS_COUNTED);
    baselines::init(settings::anomaly_principals);
    question::init();
    statistics::checks::init();
    commits::init();
    audit_log::init();
}

/// One fragment after the other: each requires the one before it, so that the list below alone decides the order.
macro_rules! install_script {
    ($path:tt as $name:tt, $($rest:tt)+) => {
        extension_sql_file!($path, name = $name, bootstrap);
        install_script!(after $name: $($rest)+);
    };
    (after $before:tt: $path:tt as $name:tt,) => {
        extension_sql_file!($path, name = $name, requires = [$before], finalize);
    };
    (after $before:tt: $path:tt as $name:tt, $($rest:tt)+) => {
        extension_sql_file!($path, name = $name, requires = [$before]);
        install_script!(after $name: $($rest)+);
    };
}

// A test holds the numbers of the files against this list; tools/upgrade_script.py reads it.
install_script! {
    "../sql/10_schema.sql" as "schema",
    "../sql/11_facts.sql" as "facts",
    "../sql/12_tables.sql" as "tables",
    "../sql/20_c_functions.sql" as "c_functions",
    "../sql/21_conditions.sql" as "conditions",
    "../sql/22_comparisons.sql" as "comparisons",
    "../sql/30_keys.sql" as "keys",
    "../sql/40_principals.sql" as "principals",
    "../sql/44_contrib_lists.sql" as "contrib_lists",
    "../sql/44_geometry_lists.sql" as "geometry_lists",
    "../sql/44_network_lists.sql" as "network_lists",
    "../sql/44_sketch_lists.sql" as "sketch_lists",
    "../sql/45_extension_lists.sql" as "extension_lists",
    "../sql/46_extensions.sql" as "extension_objects",
    "../sql/50_citus.sql" as "citus",
    "../sql/50_plane_checks.sql" as "plane_checks",
    "../sql/50_plane_parents.sql" as "plane_parents",
    "../sql/51_protect.sql" as "protect",
    "../sql/51_protect_through.sql" as "protect_through",
    "../sql/52_functions.sql" as "functions",
    "../sql/53_describe.sql" as "describe",
    "../sql/54_questions.sql" as "questions",
    "../sql/55_conversations.sql" as "conversations",
    "../sql/55_ratings.sql" as "ratings",
    "../sql/56_extensions.sql" as "extensions",
    "../sql/56_propose.sql" as "propose",
    "../sql/56_views.sql" as "views",
    "../sql/57_budgets.sql" as "budgets",
    "../sql/58_data_servers.sql" as "data_servers",
    "../sql/59_audit.sql" as "audit",
    "../sql/59_statistics.sql" as "statistics",
    "../sql/60_critical.sql" as "critical",
    "../sql/61_warnings.sql" as "warnings",
    "../sql/62_budget_warnings.sql" as "budget_warnings",
    "../sql/62_directory_warnings.sql" as "directory_warnings",
    "../sql/62_node_warnings.sql" as "node_warnings",
    "../sql/62_owner_warnings.sql" as "owner_warnings",
    "../sql/62_parent_warnings.sql" as "parent_warnings",
    "../sql/62_relation_warnings.sql" as "relation_warnings",
    "../sql/62_search_warnings.sql" as "search_warnings",
    "../sql/63_installation_warnings.sql" as "installation_warnings",
    "../sql/70_selftest_truth.sql" as "selftest_truth",
    "../sql/71_selftest.sql" as "selftest",
    "../sql/71_selftest_directories.sql" as "selftest_directories",
    "../sql/72_tripwire.sql" as "tripwire",
    "../sql/73_evaluate.sql" as "evaluate",
    "../sql/90_privileges.sql" as "privileges",
}
