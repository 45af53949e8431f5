//! The data servers whose tables are in the plane: whom their tokens are for, and with what they are made.

use super::key_file;
use crate::error::{Refusal, StageResult, State};
use crate::identity::seal;
use crate::pgx::rows::{self, Key, Row};
use crate::remote::Form;
use zeroize::Zeroizing;

/// What tokens for a data server are made with.
pub struct RemoteKey {
    /// Its id there.
    pub key_id: String,
    /// Its secret.
    pub secret: Zeroizing<String>,
    /// The data servers that it is of.
    pub audience: String,
}

/// The key of a data server by the name of its foreign server.
///
/// # Errors
/// 55000 where there is none, or it cannot be opened.
pub fn key(server: &str) -> StageResult<RemoteKey> {
    let unreadable = || unfit(format!("the row of data server {server} cannot be read"));
    let read = |row: &Row| {
        Ok((
            row.text("key_id")?.ok_or_else(unreadable)?,
            row.text("audience")?.ok_or_else(unreadable)?,
            row.bytes("sealed")?.ok_or_else(unreadable)?,
        ))
    };
    let found = rows::find_own(c"data_servers", &[(1, Key::Text(server))], read)?;
    let (key_id, audience, sealed) =
        found.into_iter().next().ok_or_else(|| unfit(format!("there is no key of data server {server}")))?;
    let master = key_file::read().map_err(|refusal| unfit(refusal.detail.unwrap_or_default()))?;
    // A secret is sealed for its purpose: no signing key's opens here.
    let secret = seal::open(&master, &format!("data server {server}"), &sealed)
        .map_err(|error| unfit(format!("the key of data server {server}: {error}")))?;
    Ok(RemoteKey { key_id, secret, audience })
}

/// What a data server does for the fences of its tables, by the name of its foreign server.
///
/// # Errors
/// 55000 where nothing is known of it.
pub fn form(server: &str) -> StageResult<Form> {
    let read = |row: &Row| Ok(row.text("form")?.as_deref().and_then(Form::named));
    let found = rows::find_own(c"data_servers", &[(1, Key::Text(server))], read)?;
    found.into_iter().next().flatten().ok_or_else(|| unfit(format!("there is no key of data server {server}")))
}

fn unfit(detail: String) -> Refusal {
    Refusal::new(State::Unsafe, "a data server is not set up: splitplane.doctor() says what to do").with_detail(detail)
}
