//! What the log is signed with, and what texts are hashed under: 32 random bytes in a file beside the key file, sealed under it.

use super::failure::{Failure, Logged};
use crate::audit::{LogId, SigningKey};
use crate::catalog::key_file;
use crate::identity::seal;
use crate::pgx::server;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What the sealed seed is bound to.
const PURPOSE: &str = "splitplane audit log";
/// What the other secret is derived for.
const TEXTS: &[u8] = b"splitplane audit log: texts";

type Secret = Zeroizing<[u8; 32]>;

thread_local! {
    static SEED: RefCell<Option<Secret>> = const { RefCell::new(None) };
}

/// Beside the key file.
fn path() -> PathBuf {
    let key_file = Path::new(&server::data_directory()).join(crate::settings::key_file());
    key_file.with_file_name("splitplane.audit_key")
}

/// The seed of the signing key, made on first use.
fn seed() -> Logged<Secret> {
    if let Some(known) = SEED.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let unusable =
        |what: &str, error: &dyn std::fmt::Display| Failure::other(format!("the signing key {what}: {error}"));
    let master = key_file::read_or_make().map_err(|refusal| unusable("is sealed", &refusal.message))?;
    let sealed = match fs::read(path()) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(&master).map_err(|error| unusable("cannot be made", &error))?;
            fs::read(path())?
        }
        Err(error) => return Err(unusable("cannot be read", &error)),
    };
    let opened = seal::open(&master, PURPOSE, &sealed).map_err(|error| unusable("cannot be opened", &error))?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(opened.as_bytes(), seed.as_mut_slice()).map_err(|error| unusable("is damaged", &error))?;
    SEED.with_borrow_mut(|known| *known = Some(seed.clone()));
    Ok(seed)
}

/// Under a temporary name and linked, so that of two that make it at the same time one wins.
fn make(master: &[u8; 32]) -> io::Result<()> {
    let seed = Zeroizing::new(key_file::random::<32>()?);
    let text = Zeroizing::new(hex::encode(seed.as_slice()));
    let sealed = seal::seal(master, key_file::random()?, PURPOSE, &text);
    let path = path();
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(&sealed).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&temporary, &path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&temporary);
    linked.and(removed)
}

/// The key that signs a log's notes.
pub fn signing(log: LogId) -> Logged<SigningKey> {
    let seed = seed()?;
    SigningKey::from_seed(log, &seed).map_err(|error| Failure::other(error.to_string()))
}

/// The secret under which texts are hashed of which only the hash is kept.
pub fn texts() -> Logged<Secret> {
    let seed = seed()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(seed.as_slice()).map_err(|error| Failure::other(error.to_string()))?;
    mac.update(TEXTS);
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// Bytes of the operating system's random source.
pub fn random<const N: usize>() -> Logged<[u8; N]> {
    key_file::random().map_err(|error| Failure::other(format!("no random bytes could be had: {error}")))
}
