//! One statement through the confined path as a registered principal, for `splitplane.selftest()`.
//!
//! Requires: a call by the extension's owner. The principal comes about as every principal does, by a context that is
//! signed and verified; its key is made here at random, is registered nowhere and is gone with the call, so nothing that
//! others sign is admitted by it, and no use is entered in the ledger. From there on the stages are those of `ask`.

use crate::catalog::{key_file, own_plane};
use crate::error::{Refusal, StageResult, State};
use crate::identity::{self, Key, Policy, Principal, SigningRequest};
use crate::numbers::WideNumbers;
use crate::pgx::functions::interface::exported;
use crate::pgx::server;
use crate::pgx::sink::{Caps, Sink};
use crate::run::{self, Subject};
use crate::timings::Stopwatch;
use crate::{authenticate, preflight, settings};
use pgrx::prelude::*;
use std::rc::Rc;
use zeroize::Zeroizing;

/// Wider than any sample that `selftest` compares, narrower than what a backend can hold.
const CAPS: Caps = Caps { rows: 20_000, bytes: 64 * 1_024 * 1_024 };

/// Read by nothing: a context must name one.
const KEY_ID: &str = "SELFTEST";

exported!(_selftest_run = selftest_run_wrapper);

/// Runs `sql` as the principal of these ids; if `opened`, it may name hidden relations. The outcome is a value in both cases:
/// SQLSTATE `00000` with the rows as the text of a JSON array of arrays, or the SQLSTATE and the words of the refusal, its reason
/// for the log included.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn selftest_run(
    tenant: &str,
    business: &str,
    subject: &str,
    sql: &str,
    opened: bool,
) -> TableIterator<'static, (name!(state, String), name!(message, Option<String>), name!(answer, Option<String>))> {
    let outcome = match run(tenant, business, subject, sql, opened) {
        Ok(rows) => ("00000".to_owned(), None, Some(rows)),
        Err(refusal) => {
            let message = match refusal.detail {
                Some(detail) if !detail.is_empty() && !detail.starts_with(&refusal.message) => {
                    format!("{} ({detail})", refusal.message)
                }
                _ => refusal.message,
            };
            (refusal.state.sqlstate(), Some(message), None)
        }
    };
    TableIterator::once(outcome)
}

fn run(tenant: &str, business: &str, subject: &str, sql: &str, opened: bool) -> StageResult<String> {
    preflight::check()?;
    let principal = Rc::new(principal(tenant, business, subject, sql)?);
    let plane = own_plane()?;
    let plane = if opened { Rc::new(plane.opened()) } else { plane };
    let subject = Subject { plane: &plane, principal: Some(&principal), columns: None };
    run::with_statement(sql, subject, &mut Stopwatch::start(settings::deadline()), |statement, _| {
        let planned = statement.plan(&plane)?;
        let mut sink = Sink::json(CAPS, WideNumbers::Number, &plane.extensions.answers);
        run::run(planned, &mut sink)?;
        let rows = sink.into_json()?;
        if rows.truncated {
            return Err(Refusal::new(State::Limit, "the rows are more than the self-test compares"));
        }
        Ok(rows.text)
    })
}

/// Layer 1 with a key of one call's life, for what is asked.
pub(super) fn principal(tenant: &str, business: &str, subject: &str, text: &str) -> StageResult<Principal> {
    let secret =
        key_file::random::<32>().map(|bytes| Zeroizing::new(hex::encode(bytes))).map_err(Refusal::no_random_bytes)?;
    let audience = settings::audience(&server::database_name());
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let now = server::now();
    let signed = identity::sign(&SigningRequest {
        key_id: KEY_ID,
        secret: &secret,
        audience: &audience,
        region: "self",
        tenant,
        business,
        subject,
        conversation: "",
        nonce: &nonce,
        dated: now,
        payload: text.as_bytes(),
    });
    let context: serde_json::Map<String, serde_json::Value> =
        signed.into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect();
    let key = Key {
        secret,
        not_before: now,
        not_after: now,
        revoked: false,
        tenants: Some(vec![tenant.to_owned()]),
        max_uses: 1,
    };
    // The horizon guards against replays of a key that lives on; this one was made a moment ago.
    let policy = Policy { audience: &audience, now, clock_skew: 0, horizon: i64::MIN };
    authenticate::verify_own(&serde_json::Value::Object(context).to_string(), text, &key, &policy)
}
