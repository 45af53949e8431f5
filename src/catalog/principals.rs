//! Keys and principals, read anew for every call: a revocation counts at once.

use super::key_file;
use crate::error::{Refusal, StageResult};
use crate::identity::seal;
use crate::identity::{Key, PrincipalRow};
use crate::pgx::spi::read::Lookup;

thread_local! {
    static KEY: Lookup = const { Lookup::new(KEY_SQL, 1) };
    static PRINCIPALS: Lookup = const { Lookup::new(PRINCIPALS_SQL, 3) };
}

const KEY_SQL: &str = "SELECT pg_catalog.encode(sealed, 'hex'), pg_catalog.to_json(tenants)::pg_catalog.text, \
     max_uses::pg_catalog.text, \
     pg_catalog.ceil(EXTRACT(epoch FROM \
     GREATEST(not_before, '0001-01-01 00:00:00+00'::pg_catalog.timestamptz)))::pg_catalog.int8::pg_catalog.text, \
     pg_catalog.floor(EXTRACT(epoch FROM \
     LEAST(not_after, '9999-12-31 00:00:00+00'::pg_catalog.timestamptz)))::pg_catalog.int8::pg_catalog.text, \
     (revoked_at IS NOT NULL)::pg_catalog.text \
     FROM splitplane.keys WHERE key_id OPERATOR(pg_catalog.=) $1";

const PRINCIPALS_SQL: &str = "SELECT tenant, business, subject, claims::pg_catalog.text, enabled::pg_catalog.text \
     FROM splitplane.principals WHERE tenant OPERATOR(pg_catalog.=) $1 \
     AND (business OPERATOR(pg_catalog.=) $2 OR business OPERATOR(pg_catalog.=) '*') \
     AND (subject OPERATOR(pg_catalog.=) $3 OR subject OPERATOR(pg_catalog.=) '*')";

/// Stands in for the sealed secret of a key that does not exist; it opens under no key file.
const ABSENT_SEALED: [u8; 80] = [1; 80];

/// Whether there is a key of this access key id. Whoever verifies must not ask: it takes less time than to open a key.
pub fn is_known(key_id: &str) -> StageResult<bool> {
    KEY.with(|lookup| lookup.rows(&[key_id])).map(|rows| !rows.is_empty())
}

/// The key of an access key id with its secret opened; `None` when there is none.
pub fn key(key_id: &str) -> StageResult<Option<Key>> {
    let rows = KEY.with(|lookup| lookup.rows(&[key_id]))?;
    let Some(row) = rows.first() else {
        // Refusing an unknown key takes the same work as a known one: the key file is read, and a dummy secret opened.
        std::hint::black_box(seal::open(&*key_file::read()?, key_id, &ABSENT_SEALED).is_ok());
        return Ok(None);
    };
    let [Some(sealed), tenants, Some(max_uses), Some(not_before), Some(not_after), Some(revoked)] = row.as_slice()
    else {
        return Err(Refusal::identity("a key's row cannot be read"));
    };
    let unreadable = |_| Refusal::identity("a key's row cannot be read");
    let sealed = hex::decode(sealed).map_err(|_| Refusal::identity("a key's row cannot be read"))?;
    let master = key_file::read()?;
    let secret =
        seal::open(&master, key_id, &sealed).map_err(|error| Refusal::identity(format!("key {key_id}: {error}")))?;
    let tenants = match tenants {
        None => None,
        Some(json) => Some(
            serde_json::from_str::<Vec<serde_json::Value>>(json)
                .map_err(|_| Refusal::identity("a key's tenants cannot be read"))?
                .into_iter()
                .map(|tenant| tenant.as_str().map(str::to_owned))
                .collect::<Option<Vec<String>>>()
                .ok_or_else(|| Refusal::identity("a key's tenants cannot be read"))?,
        ),
    };
    Ok(Some(Key {
        secret,
        not_before: not_before.parse().map_err(unreadable)?,
        not_after: not_after.parse().map_err(unreadable)?,
        revoked: revoked != "false",
        tenants,
        max_uses: max_uses.parse().map_err(unreadable)?,
    }))
}

/// The candidate rows of a verified identity.
pub fn principals(tenant: &str, business: &str, subject: &str) -> StageResult<Vec<PrincipalRow>> {
    PRINCIPALS
        .with(|lookup| lookup.rows(&[tenant, business, subject]))?
        .into_iter()
        .map(|row| {
            let mut values = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || values.next().unwrap_or_default();
            Ok(PrincipalRow {
                tenant: next(),
                business: next(),
                subject: next(),
                claims: next(),
                enabled: next() == "true",
            })
        })
        .collect()
}
