//! What happens when the library is loaded, and the SQL that CREATE EXTENSION runs.

use crate::ablation::{self, Switch};
use crate::error::{Refusal, State};
use crate::ledger::{self, Capacities};
use crate::pgx::functions::checked::{self, Checks};
use crate::pgx::functions::in_scope;
use crate::pgx::hooks::{configured, index_order, security_definer};
use crate::pgx::section::process_memory;
use crate::pgx::shmem::claims_slots;
use crate::pgx::{entry, pg_try, server};
use crate::run::FROM_SERVER;
use crate::texts::{self, Reading};
use crate::{api, settings, tripwire};
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
    // A switched-off cache keeps the smallest table that dynahash likes, and is never asked.
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
    // Before the settings, which close the prefix.
    tripwire::init();
    security_definer::init();
    index_order::init();
    process_memory::init();
    entry::init(api::ENTRIES);
    checked::init(CHECKS);
    in_scope::init(|| !ablation::is_off(Switch::Free));
    settings::init();
    configured::note(&FROM_SERVER);
    ledger::init(&CAPACITIES);
    claims_slots::init();
}

extension_sql_file!("../sql/10_schema.sql", name = "schema", bootstrap);
extension_sql_file!("../sql/20_c_functions.sql", name = "c_functions", requires = ["schema"]);
extension_sql_file!("../sql/30_keys.sql", name = "keys", requires = ["c_functions"]);
extension_sql_file!("../sql/40_principals.sql", name = "principals", requires = ["keys"]);
extension_sql_file!("../sql/50_plane_checks.sql", name = "plane_checks", requires = ["principals"]);
extension_sql_file!("../sql/51_protect.sql", name = "protect", requires = ["plane_checks"]);
extension_sql_file!("../sql/52_functions.sql", name = "functions", requires = ["protect"]);
extension_sql_file!("../sql/53_describe.sql", name = "describe", requires = ["functions"]);
extension_sql_file!("../sql/54_questions.sql", name = "questions", requires = ["describe"]);
extension_sql_file!("../sql/55_conversations.sql", name = "conversations", requires = ["questions"]);
extension_sql_file!("../sql/60_critical.sql", name = "critical", requires = ["conversations"]);
extension_sql_file!("../sql/61_warnings.sql", name = "warnings", requires = ["critical"]);
extension_sql_file!("../sql/62_relation_warnings.sql", name = "relation_warnings", requires = ["warnings"]);
extension_sql_file!("../sql/70_selftest_truth.sql", name = "selftest_truth", requires = ["relation_warnings"]);
extension_sql_file!("../sql/71_selftest.sql", name = "selftest", requires = ["selftest_truth"]);
extension_sql_file!("../sql/72_tripwire.sql", name = "tripwire", requires = ["selftest"]);
extension_sql_file!("../sql/90_privileges.sql", name = "privileges", requires = ["tripwire"], finalize);
