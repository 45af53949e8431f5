//! Keys and principals, read anew for every call: a revocation counts at once.

use super::key_file;
use crate::error::{Refusal, StageResult};
use crate::identity::principal::ANY;
use crate::identity::seal;
use crate::identity::{Key as SigningKey, PrincipalRow};
use crate::pgx::rows::{self, Key, Row};
use crate::reason::Reason;

/// Stands in for the sealed secret of a key that does not exist; it opens under no key file.
const ABSENT_SEALED: [u8; 80] = [1; 80];

/// A row of `splitplane.keys`.
struct KeyRow {
    sealed: Vec<u8>,
    tenants: Option<Vec<String>>,
    max_uses: u32,
    /// Seconds since 1970, as for `Key`.
    not_before: i64,
    not_after: i64,
    revoked: bool,
}

fn key_row(key_id: &str) -> StageResult<Option<KeyRow>> {
    let read = |row: &Row| {
        let moment = |column| row.moment(column)?.ok_or_else(unreadable);
        Ok(KeyRow {
            sealed: row.bytes("sealed")?.ok_or_else(unreadable)?,
            tenants: row
                .texts("tenants")
                .map_err(|_| Refusal::identity(Reason::KeyFile, "a key's tenants cannot be read"))?,
            max_uses: row.number("max_uses")?.and_then(|uses| u32::try_from(uses).ok()).ok_or_else(unreadable)?,
            not_before: seconds_from(moment("not_before")?),
            not_after: moment("not_after")?.div_euclid(MICROSECONDS),
            revoked: row.moment("revoked_at")?.is_some(),
        })
    };
    let found = rows::find_own(c"keys", &[(1, Key::Text(key_id))], read)?;
    Ok(found.into_iter().next())
}

const MICROSECONDS: i64 = 1_000_000;

/// The first whole second that is not before it.
fn seconds_from(moment: i64) -> i64 {
    let whole = moment.div_euclid(MICROSECONDS);
    whole.saturating_add(i64::from(moment.rem_euclid(MICROSECONDS) != 0))
}

fn unreadable() -> Refusal {
    Refusal::identity(Reason::KeyFile, "a key's row cannot be read")
}

/// Whether there is a key of this access key id. Whoever verifies must not ask: it takes less time than to open a key.
pub fn is_known(key_id: &str) -> StageResult<bool> {
    key_row(key_id).map(|row| row.is_some())
}

/// The key of an access key id with its secret opened; `None` when there is none.
pub fn key(key_id: &str) -> StageResult<Option<SigningKey>> {
    let Some(row) = key_row(key_id)? else {
        // Refusing an unknown key takes the same work as a known one: the key file is read, and a dummy secret opened.
        std::hint::black_box(seal::open(&*key_file::read()?, key_id, &ABSENT_SEALED).is_ok());
        return Ok(None);
    };
    let master = key_file::read()?;
    let secret = seal::open(&master, key_id, &row.sealed)
        .map_err(|error| Refusal::identity(Reason::KeyFile, format!("key {key_id}: {error}")))?;
    let KeyRow { tenants, max_uses, not_before, not_after, revoked, .. } = row;
    Ok(Some(SigningKey { secret, not_before, not_after, revoked, tenants, max_uses }))
}

/// The candidate rows of a verified identity.
pub fn principals(tenant: &str, business: &str, subject: &str) -> StageResult<Vec<PrincipalRow>> {
    let read = |row: &Row| {
        Ok(PrincipalRow {
            tenant: row.text("tenant")?.unwrap_or_default(),
            business: row.text("business")?.unwrap_or_default(),
            subject: row.text("subject")?.unwrap_or_default(),
            claims: row.json("claims")?.unwrap_or_default(),
            enabled: row.flag("enabled")? == Some(true),
        })
    };
    let mut found = Vec::new();
    // No context can name `*`; each row is found once.
    for business in [business, ANY] {
        for subject in [subject, ANY] {
            let key = [tenant, business, subject].map(Key::Text);
            let keys: Vec<(i16, Key<'_>)> = (1..).zip(key).collect();
            found.extend(rows::find_own(c"principals", &keys, read)?);
        }
    }
    Ok(found)
}
