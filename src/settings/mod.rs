//! The settings (`splitplane.*`): private statics behind typed accessors.
//!
//! All of them can be changed by a superuser only, so that an application role cannot widen its own limits.

use crate::numbers::WideNumbers;
use crate::pgx::section::address_space_limit;
use crate::pgx::server;
use pgrx::PostgresGucEnum;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;

pub mod audit;
pub mod evaluation;
pub mod model;

/// `splitplane.json_numbers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum JsonNumbers {
    #[name = c"number"]
    Number,
    #[name = c"text"]
    Text,
}

static AUDIENCE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static CLOCK_SKEW: GucSetting<i32> = GucSetting::<i32>::new(300);
static DEADLINE: GucSetting<i32> = GucSetting::<i32>::new(10_000);
static MAX_ROWS: GucSetting<i32> = GucSetting::<i32>::new(1_000);
static MAX_BYTES: GucSetting<i32> = GucSetting::<i32>::new(1_024);
static MAX_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(262_144);
static MAX_SESSION_GROWTH: GucSetting<i32> = GucSetting::<i32>::new(1_048_576);
static MAX_TEMP: GucSetting<i32> = GucSetting::<i32>::new(1_048_576);
static MAX_COST: GucSetting<f64> = GucSetting::<f64>::new(0.0);
static MAX_SQL_BYTES: GucSetting<i32> = GucSetting::<i32>::new(65_536);
static JSON_NUMBERS: GucSetting<JsonNumbers> = GucSetting::<JsonNumbers>::new(JsonNumbers::Number);
static TIME_ZONE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"UTC"));
static LEDGER_SIZE: GucSetting<i32> = GucSetting::<i32>::new(65_536);
static SHARED_PLANE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(8_192);
static STAT_TENANTS: GucSetting<i32> = GucSetting::<i32>::new(1_000);
static TRACK_STATEMENTS: GucSetting<bool> = GucSetting::<bool>::new(false);
static FENCE_EACH_ROW: GucSetting<bool> = GucSetting::<bool>::new(false);
static ANOMALY_PRINCIPALS: GucSetting<i32> = GucSetting::<i32>::new(4_096);
static BUDGET_SLOTS: GucSetting<i32> = GucSetting::<i32>::new(10_000);
static CLUSTER_KEY_FILE: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"splitplane_cluster.key"));
static KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"splitplane.key"));

/// Defines every setting; called once from `_PG_init` in the postmaster.
pub fn init() {
    GucRegistry::define_string_guc(
        c"splitplane.audience",
        c"Name that a context must be signed for (its host header).",
        c"Empty means the name of the database. Give every server its own, so that a context is good for one only.",
        &AUDIENCE,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.clock_skew",
        c"How far the date of a context may be from the server's clock.",
        c"Also how long a used context is remembered.",
        &CLOCK_SKEW,
        1,
        3_600,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"splitplane.deadline",
        c"Longest time that one call of ask may take.",
        c"The call is cancelled with SQLSTATE 57014 when it passes.",
        &DEADLINE,
        1,
        3_600_000,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_rows",
        c"Most rows that one answer holds.",
        c"ask cuts there and says so (truncated); ask_rows refuses with SQLSTATE 53400.",
        &MAX_ROWS,
        1,
        10_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_bytes",
        c"Most bytes of rows that one answer holds.",
        c"ask cuts there and says so (truncated); ask_rows refuses with SQLSTATE 53400.",
        &MAX_BYTES,
        1,
        262_144,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_memory",
        c"Most memory by which a backend may grow during one call.",
        c"Watched every 50 ms while untrusted SQL runs; over it the call ends with SQLSTATE 53400.",
        &MAX_MEMORY,
        16_384,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_session_growth",
        c"Private memory by which a session may have grown since its first call.",
        c"Looked at after each call, which is answered as usual; over it the session ends as soon as its transaction has ended. \
          0 switches it off.",
        &MAX_SESSION_GROWTH,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_temp_files",
        c"Most temporary file space of one call.",
        c"Becomes temp_file_limit while untrusted SQL runs.",
        &MAX_TEMP,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_float_guc(
        c"splitplane.max_cost",
        c"Highest estimated cost of a plan that is run.",
        c"In the planner's units; 0 switches the check off. Estimates rest on every tenant's rows, so whether a statement is \
          over the limit tells of values in them: see the threat model before setting it.",
        &MAX_COST,
        0.0,
        1e300,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_sql_bytes",
        c"Longest SQL that is looked at.",
        c"Longer text is refused with SQLSTATE 54001 before anything reads it.",
        &MAX_SQL_BYTES,
        1_024,
        1_048_576,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_string_guc(
        c"splitplane.time_zone",
        c"Time zone in which untrusted SQL runs.",
        c"The caller's own TimeZone is not used, since it would change the meaning of dates.",
        &TIME_ZONE,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"splitplane.json_numbers",
        c"How ask gives bigint and numeric: as JSON numbers or, for clients that would round them, as JSON text.",
        c"text holds for columns of these types, of domains over them, and of arrays of them.",
        &JSON_NUMBERS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.ledger_size",
        c"How many used contexts are remembered.",
        c"When the ledger is full of contexts that are still fresh, further ones are refused.",
        &LEDGER_SIZE,
        64,
        16_777_216,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.shared_plane_size",
        c"Shared memory in which sessions find the plane that another one has read.",
        c"A session that does not find it reads it itself. 0 switches it off.",
        &SHARED_PLANE_SIZE,
        0,
        1_048_576,
        GucContext::Postmaster,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"splitplane.stat_tenants",
        c"How many tenants have a row of their own in splitplane.stat_tenants.",
        c"Of all databases together. What further tenants do is counted in one row.",
        &STAT_TENANTS,
        16,
        1_000_000,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.budget_slots",
        c"How many budgets of tenants are counted at the same time.",
        c"One for each tenant and measure that was used in the present window. When all are in use, further tenants with a budget \
          are refused with SQLSTATE 53400.",
        &BUDGET_SLOTS,
        16,
        1_000_000,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"splitplane.track_statements",
        c"Whether pg_stat_statements counts the statements of calls.",
        c"By the names of the relations that they read and a fingerprint: no word of their own texts is kept.",
        &TRACK_STATEMENTS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"splitplane.fence_each_row",
        c"Whether row-level security looks at each row also where an index is searched for one value of the scope column.",
        c"Off, it looks once at the value that is searched for.",
        &FENCE_EACH_ROW,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.anomaly_principals",
        c"How many principals have their calls compared with their own past.",
        c"When there is no room, the past of one that has not called for long is forgotten. 0 switches it off.",
        &ANOMALY_PRINCIPALS,
        0,
        1_048_576,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"splitplane.key_file",
        c"File with the key that seals the signing secrets.",
        c"Relative to the data directory; made with mode 0600 on first use.",
        &KEY_FILE,
        GucContext::Postmaster,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"splitplane.cluster_key_file",
        c"File with the keys that the servers of a cluster share.",
        c"Relative to the data directory. A server that has one is a node of the cluster.",
        &CLUSTER_KEY_FILE,
        GucContext::Postmaster,
        GucFlags::SUPERUSER_ONLY,
    );
    audit::define();
    model::define();
    evaluation::define();
    address_space_limit::define_worker_setting();
    // A misspelt setting is an error, not a placeholder that any role may create.
    server::reserve_prefix(c"splitplane");
}

fn text(setting: &GucSetting<Option<CString>>) -> String {
    setting.get().and_then(|value| value.into_string().ok()).unwrap_or_default()
}

fn unsigned(setting: &GucSetting<i32>) -> usize {
    usize::try_from(setting.get()).unwrap_or(0)
}

/// `splitplane.audience`, or `database` when it is empty; a host is compared with it without case.
pub fn audience(database: &str) -> String {
    let configured = text(&AUDIENCE);
    if configured.is_empty() { database.to_owned() } else { configured }
}

/// Seconds.
pub fn clock_skew() -> i64 {
    i64::from(CLOCK_SKEW.get())
}

/// Milliseconds.
pub fn deadline() -> i32 {
    DEADLINE.get()
}

/// Rows.
pub fn max_rows() -> usize {
    unsigned(&MAX_ROWS)
}

/// Bytes.
pub fn max_bytes() -> usize {
    unsigned(&MAX_BYTES).saturating_mul(1_024)
}

/// Bytes.
pub fn max_memory() -> usize {
    unsigned(&MAX_MEMORY).saturating_mul(1_024)
}

/// Bytes; `None` when switched off.
pub fn max_session_growth() -> Option<usize> {
    Some(unsigned(&MAX_SESSION_GROWTH).saturating_mul(1_024)).filter(|most| *most > 0)
}

/// Kibibytes, as `temp_file_limit` counts.
pub fn max_temp_files() -> i32 {
    MAX_TEMP.get()
}

/// The planner's units; `None` when switched off.
pub fn max_cost() -> Option<f64> {
    let cost = MAX_COST.get();
    (cost > 0.0).then_some(cost)
}

/// Bytes.
pub fn max_sql_bytes() -> usize {
    unsigned(&MAX_SQL_BYTES)
}

/// How wide numbers stand in a document.
pub fn wide_numbers() -> WideNumbers {
    match JSON_NUMBERS.get() {
        JsonNumbers::Number => WideNumbers::Number,
        JsonNumbers::Text => WideNumbers::Text,
    }
}

/// A time zone name.
pub fn time_zone() -> String {
    text(&TIME_ZONE)
}

/// Entries.
pub fn ledger_size() -> usize {
    unsigned(&LEDGER_SIZE)
}

/// Bytes.
pub fn shared_plane_size() -> usize {
    unsigned(&SHARED_PLANE_SIZE).saturating_mul(1_024)
}

/// Tenants.
pub fn stat_tenants() -> usize {
    unsigned(&STAT_TENANTS)
}

/// Whether modules that count statements are to know those of calls.
pub fn tracks_statements() -> bool {
    TRACK_STATEMENTS.get()
}

/// Whether a fence is asked of each row, also where an index was searched for what it wants.
pub fn fences_each_row() -> bool {
    FENCE_EACH_ROW.get()
}

/// Principals; 0 where none are watched.
pub fn anomaly_principals() -> usize {
    unsigned(&ANOMALY_PRINCIPALS)
}

/// Slots.
pub fn budget_slots() -> usize {
    unsigned(&BUDGET_SLOTS)
}

/// A path, relative to the data directory unless absolute.
pub fn cluster_key_file() -> String {
    text(&CLUSTER_KEY_FILE)
}

/// A path, relative to the data directory unless absolute.
pub fn key_file() -> String {
    text(&KEY_FILE)
}
