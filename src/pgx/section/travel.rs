//! Takes a call's claims and settings to the other servers of a cluster, before anything is asked of them.
//!
//! Citus repeats a SET LOCAL of this session in each session that it uses for the rest of the transaction, in the same
//! subtransaction, so that its end undoes them there too. In a statement of its own it does not: a DO block is what it takes
//! for more than one statement. A node verifies the token by itself (token.rs), and adds the fences by itself
//! (hooks/node_fence.rs): what is sent here grants nothing to whoever sends something else.

use super::pin::Setting;
use super::{address_space_limit, claim_text, claims, token};
use crate::cluster::keys::ClusterKeys;
use crate::cluster::token::seal;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::flags::c_int;
use crate::pgx::section::pin::Pinned;
use crate::pgx::server;
use crate::pgx::spi::read::{Connection, broken};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use std::rc::Rc;

/// Settings of the section that the reader may set for itself and that a node must have, too: those that give text its meaning,
/// and what a statement may use. Others the reader has by ALTER ROLE, or they say nothing to a node.
const SENT: [&CStr; 19] = [
    c"client_min_messages",
    c"row_security",
    c"standard_conforming_strings",
    c"transform_null_equals",
    c"array_nulls",
    c"DateStyle",
    c"IntervalStyle",
    c"TimeZone",
    c"timezone_abbreviations",
    c"extra_float_digits",
    c"bytea_output",
    c"lc_monetary",
    c"lc_numeric",
    c"lc_time",
    c"default_text_search_config",
    c"jit",
    c"synchronize_seqscans",
    c"work_mem",
    c"hash_mem_multiplier",
];

/// Which every node has in every session of ours. No text: it is a list of names.
const FIXED: &str = "SET LOCAL search_path = pg_catalog, pg_temp;";

/// How long a token outlives its call, in microseconds: what clocks of nodes may differ.
const GRACE: i64 = 5_000_000;

/// The end of the block's body. No value that is sent may hold it.
const TAG: &str = "$splitplane$";

/// What SPI answers when it ran a command.
const DONE: std::ffi::c_int = c_int(pg_sys::SPI_OK_UTILITY);

/// What is needed for it.
pub struct Travel {
    /// The keys that the token is made with.
    pub keys: Rc<ClusterKeys>,
}

/// What was sent, to be taken back. Where the subtransaction is rolled back this is not needed.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    /// The nest level of the settings that this session got on the way.
    level: std::ffi::c_int,
}

/// Sets them for the subtransaction that runs. `milliseconds` are left of the call.
pub(super) fn send(travel: &Travel, settings: &[Setting], milliseconds: i32) -> StageResult<Sent> {
    let expires = server::now_microseconds().saturating_add(i64::from(milliseconds) * 1_000).saturating_add(GRACE);
    let number = |wanted: &CStr| {
        let value = settings.iter().find(|(name, _)| *name == wanted);
        value.and_then(|(_, value)| value.to_str().ok()?.parse().ok()).unwrap_or(0)
    };
    let sealed = match claims::text() {
        Some(claims) => {
            let told =
                claim_text::sent(&claims, number(address_space_limit::WORKER_SETTING), number(c"temp_file_limit"));
            seal(&travel.keys, &server::database_name(), expires, told.as_bytes()).ok_or_else(|| {
                Refusal::new(State::Limit, "the claims are too long to be sent to the servers of a cluster")
            })?
        }
        None => String::new(),
    };
    let mut body = format!("{FIXED} {}", assignment(token::SETTING, &sealed)?);
    for (name, value) in settings.iter().filter(|(name, _)| SENT.contains(name)) {
        body.push_str(&assignment(name, &value.to_string_lossy())?);
    }
    body.push_str(&assignment(c"statement_timeout", &milliseconds.max(1).to_string())?);
    body.push_str("SET LOCAL transaction_read_only = on;");
    // SAFETY: inside the section's subtransaction, whose end closes the level.
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    run(&body)?;
    Ok(Sent { level })
}

impl Sent {
    /// Puts this session's own settings back. The nodes empty the token by themselves when the subtransaction is released
    /// (token.rs); the other settings of the reader's sessions there stay as they were sent, until the transaction ends or another
    /// call sends them: the reader's statements are calls.
    pub(super) fn take_back(self) {
        // SAFETY: the level that `send` opened; those that were opened after it were closed since.
        unsafe { pg_sys::AtEOXact_GUC(false, self.level) };
    }
}

/// Runs commands in a DO block.
fn run(body: &str) -> StageResult<()> {
    // No statistics of statements keep the token.
    let _uncounted = Pinned::all(&[(c"pg_stat_statements.track", c"none")]);
    let block = CString::new(format!("DO {TAG}BEGIN {body} END{TAG} LANGUAGE plpgsql"))
        .map_err(|_| broken("a setting holds a NUL byte"))?;
    let _connection = Connection::open()?;
    // SAFETY: connected to SPI; a NUL-terminated text.
    let status = unsafe { pg_sys::SPI_execute(block.as_ptr(), false, 0) };
    if status == DONE { Ok(()) } else { Err(broken("the settings of a call could not be sent to its cluster")) }
}

/// `SET LOCAL name = 'value';`, the value as any text that is read the same with and without standard strings.
fn assignment(name: &CStr, value: &str) -> StageResult<String> {
    if value.contains(TAG) {
        return Err(broken("a setting cannot be sent to the servers of a cluster"));
    }
    let value = value.replace('\\', "\\\\").replace('\'', "''");
    Ok(format!("SET LOCAL {} = E'{value}';", name.to_string_lossy()))
}
