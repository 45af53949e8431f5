//! The parts of administration that SQL cannot do: secrets, sealing, signing, invalidation, facts about the server.

use crate::audit_log::administration;
use crate::budget::amount::Measure;
use crate::budget::{self, Use};
use crate::catalog::{self, cluster_keys, key_file, principals, row};
use crate::error::{Refusal, StageResult, State};
use crate::identity::{self, SigningRequest, principal, seal};
use crate::pgx::functions::interface::exported;
use crate::pgx::hooks::{configured, invalidation};
use crate::pgx::pg_try::raise;
use crate::pgx::server;
use crate::pgx::spi::read::Lookup;
use crate::preflight;
use crate::question;
use crate::settings;
use pgrx::prelude::*;
use serde_json::json;

thread_local! {
    static SIGN: Lookup = const { Lookup::new(SIGN_SQL, 0) };
}

const SIGN_SQL: &str = "SELECT i.indexrelid FROM pg_catalog.pg_index AS i \
     WHERE i.indrelid OPERATOR(pg_catalog.=) 'splitplane.relations'::pg_catalog.regclass::pg_catalog.oid AND i.indisprimary";

fn or_raise<T>(result: StageResult<T>) -> T {
    result.unwrap_or_else(|refusal| raise(refusal))
}

exported!(_new_secret = _new_secret_wrapper);

/// A fresh signing secret: 40 characters of 240 random bits.
#[pg_extern(sql = false)]
fn _new_secret() -> String {
    or_raise(key_file::random::<30>().map(hex::encode).map_err(Refusal::no_random_bytes))
}

exported!(_seal = _seal_wrapper);

/// Seals a secret under the key file, which is made on first use.
#[pg_extern(sql = false)]
fn _seal(key_id: &str, secret: &str) -> Vec<u8> {
    or_raise(key_file::read_or_make().and_then(|master| {
        let nonce = key_file::random::<24>().map_err(Refusal::no_random_bytes)?;
        Ok(seal::seal(&master, nonce, key_id, secret))
    }))
}

exported!(_config_changed = _config_changed_wrapper);

/// Makes every backend read the plane again once this transaction commits. The sign is an index, which no plan depends on
/// by itself: with the table as the sign, every statement about it would be planned anew at each registration.
#[pg_extern(sql = false)]
fn _config_changed() {
    or_raise(SIGN.with(|lookup| lookup.rows(&[])).and_then(|rows| {
        let index = row::first_text(&rows).and_then(|text| text.parse::<u32>().ok());
        let missing = || Refusal::new(State::Internal, "the extension's own tables cannot be found");
        invalidation::invalidate_everywhere(index.ok_or_else(missing)?.into());
        Ok(())
    }));
}

exported!(_key_problem = _key_problem_wrapper);

/// Why a key cannot be used by new sessions, for `doctor()`.
#[pg_extern(sql = false)]
fn _key_problem(key_id: &str, sealed: &[u8]) -> Option<String> {
    key_file::problem(key_id, sealed)
}

exported!(_cluster = _cluster_wrapper);

/// The cluster that this server is a node of, and its keys by check values, for `doctor()`; NULL where it is none.
#[pg_extern(sql = false)]
fn _cluster() -> Option<String> {
    let described = match cluster_keys::current() {
        cluster_keys::Found::Nothing => return None,
        cluster_keys::Found::Keys(keys) => {
            let listed: Vec<_> = keys.all().map(|key| json!({ "id": key.id, "check": key.check() })).collect();
            json!({ "cluster": keys.cluster, "keys": listed, "problem": null })
        }
        cluster_keys::Found::Unusable(problem) => json!({ "cluster": null, "keys": [], "problem": &*problem }),
    };
    Some(described.to_string())
}

exported!(_server_problems = _server_problems_wrapper);

/// What is wrong with the server, for `doctor()`.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn _server_problems()
-> TableIterator<'static, (name!(severity, String), name!(object, String), name!(finding, String), name!(fix, String))>
{
    TableIterator::new(preflight::problems().into_iter().map(|problem| {
        (problem.severity.to_owned(), problem.object.to_owned(), problem.finding, problem.fix.to_owned())
    }))
}

exported!(_configured = _configured_wrapper);

/// The value of a setting that the confined section takes from the server; NULL for any other.
#[pg_extern(sql = false)]
fn _configured(name: &str) -> Option<String> {
    let plane = or_raise(catalog::own_plane());
    let values = configured::values(&plane.database_settings);
    values
        .into_iter()
        .find(|(known, _)| known.to_bytes() == name.as_bytes())
        .map(|(_, value)| value.to_string_lossy().into_owned())
}

exported!(_check_identity = _check_identity_wrapper);

/// Refuses what cannot be a tenant, business or subject: the verifier's own rule, with `*` alone for any.
#[pg_extern(sql = false)]
fn _check_identity(part: &str, value: Option<&str>) {
    let checked = match value {
        None => Err("must not be NULL"),
        Some(principal::ANY) => Ok(()),
        Some(value) => identity::check_identity_value(value),
    };
    or_raise(checked.map_err(|reason| Refusal::new(State::Argument, format!("{part} {reason}"))));
}

exported!(sign = _sign_wrapper);

/// A signed context, for psql, demonstrations and tests.
#[pg_extern(sql = false)]
fn _sign(
    key_id: Option<&str>,
    tenant: Option<&str>,
    business: Option<&str>,
    subject: Option<&str>,
    payload: Option<&str>,
    conversation: Option<&str>,
) -> pgrx::JsonB {
    let missing = |name: &str| Refusal::new(State::Argument, format!("{name} is NULL"));
    let signed = || -> StageResult<serde_json::Value> {
        let key_id = key_id.ok_or_else(|| missing("key_id"))?;
        let unknown = || Refusal::new(State::Argument, "no such key");
        // Looked for before the key file is opened, without which there may be no key at all.
        if !principals::is_known(key_id)? {
            return Err(unknown());
        }
        // A signer is an administrator: it may know why layer 1 would refuse.
        let unopened = |refusal: Refusal| match refusal.state {
            State::Identity => {
                Refusal { detail: refusal.detail, ..Refusal::new(State::Unsafe, "the key cannot be opened") }
            }
            _ => refusal,
        };
        let key = principals::key(key_id).map_err(unopened)?.ok_or_else(unknown)?;
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        // As signers write a host.
        let audience = settings::audience(&server::database_name()).to_ascii_lowercase();
        let request = SigningRequest {
            key_id,
            secret: &key.secret,
            audience: &audience,
            region: "us-east-1",
            tenant: tenant.ok_or_else(|| missing("tenant"))?,
            business: business.unwrap_or(""),
            subject: subject.unwrap_or(""),
            conversation: conversation.unwrap_or(""),
            nonce: &nonce,
            dated: server::now(),
            payload: payload.unwrap_or("").as_bytes(),
        };
        administration::called(
            "sign",
            json!({
                "key_id": request.key_id,
                "tenant": request.tenant,
                "business": request.business,
                "subject": request.subject,
            }),
        )?;
        request.check().map_err(|error| Refusal::new(State::Argument, error.to_string()))?;
        Ok(identity::sign(&request).into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect())
    };
    pgrx::JsonB(or_raise(signed()))
}

exported!(validate = validate_questions_wrapper);

/// What layer 2 says of each question.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn validate_questions(
    questions: Option<Vec<Option<String>>>,
) -> TableIterator<
    'static,
    (name!(question, String), name!(verdict, Option<String>), name!(reason, String), name!(message, String)),
> {
    let missing = || Refusal::new(State::Argument, "questions must be an array without NULL");
    let recorded = administration::called("validate", json!({"questions": questions.as_ref().map(Vec::len)}));
    let validated = recorded
        .and_then(|()| questions.ok_or_else(missing))
        .and_then(|questions| questions.into_iter().collect::<Option<Vec<String>>>().ok_or_else(missing))
        .and_then(question::validate);
    TableIterator::new(or_raise(validated).into_iter().map(|validated| {
        (validated.question, validated.verdict.map(str::to_owned), validated.reason, validated.message)
    }))
}

exported!(check_model = check_model_wrapper);

/// What each model answers.
#[pg_extern(sql = false)]
fn check_model() -> TableIterator<'static, (name!(purpose, String), name!(ok, bool), name!(detail, String))> {
    let recorded = administration::called("check_model", serde_json::Value::Null);
    let checked = or_raise(recorded.and_then(|()| question::check_model()));
    TableIterator::new(checked.into_iter().map(|row| (row.purpose.to_owned(), row.ok, row.detail)))
}

exported!(_budget_use = _budget_use_wrapper);

/// What is used and reserved of a tenant's budget, and when its window ends.
#[pg_extern(sql = false)]
fn _budget_use(
    tenant: &str,
    measure: &str,
    microseconds: i64,
) -> TableIterator<'static, (name!(used, i64), name!(reserved, i64), name!(resets_at, i64))> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let unknown = || Refusal::new(State::Argument, "no such measure");
    let found =
        Measure::named(measure).ok_or_else(unknown).and_then(|measure| budget::use_of(tenant, measure, microseconds));
    let Use { used, reserved, resets_at } = or_raise(found);
    TableIterator::once((number(used), number(reserved), resets_at))
}

exported!(_budget_needs = _budget_needs_wrapper);

/// What one call reserves of each measure.
#[pg_extern(sql = false)]
fn _budget_needs() -> TableIterator<'static, (name!(measure, String), name!(most, Option<i64>))> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let needs = or_raise(question::budget_needs());
    TableIterator::new(needs.into_iter().map(move |(measure, most)| (measure.as_str().to_owned(), most.map(number))))
}
