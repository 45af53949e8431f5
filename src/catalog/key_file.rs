//! The key file: 32 random bytes that seal the signing secrets, in the data directory with mode 0600.
//!
//! It is no part of a dump, so a dump holds no usable secret; it is part of a physical copy, so a standby can verify.

use crate::error::{Refusal, StageResult, State};
use crate::identity::seal;
use crate::pgx::server;
use crate::reason::Reason;
use crate::settings;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A master key.
pub type MasterKey = Zeroizing<[u8; 32]>;

thread_local! {
    static KNOWN: RefCell<Option<MasterKey>> = const { RefCell::new(None) };
}

/// The master key of this server; a refusal of layer 1 when there is none.
pub fn read() -> StageResult<MasterKey> {
    if let Some(known) = KNOWN.with(|known| known.borrow().clone()) {
        return Ok(known);
    }
    let key = load(&path()).map_err(|error| Refusal::identity(Reason::KeyFile, format!("key file: {error}")))?;
    KNOWN.with(|known| *known.borrow_mut() = Some(key.clone()));
    Ok(key)
}

/// A secret of this database that is made of the master key, for one purpose.
///
/// # Errors
/// As [`read`].
pub fn derived(purpose: &str) -> StageResult<MasterKey> {
    let master = read()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(master.as_slice()).map_err(|_| Refusal::internal("no HMAC"))?;
    mac.update(purpose.as_bytes());
    mac.update(&server::database_oid().to_be_bytes());
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// The master key, made on first use.
pub fn read_or_make() -> StageResult<MasterKey> {
    let path = path();
    match load(&path) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(&path).and_then(|()| load(&path)).map_err(|error| unusable(&error))
        }
        Err(error) => Err(unusable(&error)),
    }
}

/// Why a sealed secret cannot be opened with the key file as it is now; `None` if it can.
pub fn problem(key_id: &str, sealed: &[u8]) -> Option<String> {
    match load(&path()) {
        Err(error) => Some(format!("the key file (splitplane.key_file) cannot be used: {error}")),
        Ok(master) => match seal::open(&master, key_id, sealed) {
            Err(error) => Some(format!("the key file (splitplane.key_file) did not seal this key: {error}")),
            Ok(_) => None,
        },
    }
}

fn unusable(error: &io::Error) -> Refusal {
    Refusal::new(State::Unsafe, "the key file (splitplane.key_file) cannot be read or made")
        .with_detail(error.to_string())
}

fn path() -> PathBuf {
    Path::new(&server::data_directory()).join(settings::key_file())
}

fn load(path: &Path) -> io::Result<MasterKey> {
    let mut file = OpenOptions::new().read(true).open(path)?;
    let mode = file.metadata()?.mode();
    if mode & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "readable by others than the server's user"));
    }
    let mut key = Zeroizing::new([0u8; 32]);
    file.read_exact(key.as_mut_slice())?;
    if file.read(&mut [0u8; 1])? != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than 32 bytes"));
    }
    Ok(key)
}

/// Writes a fresh key under a temporary name and links it, so that a reader sees the whole file or none and of two
/// backends that create it at the same time one wins.
fn make(path: &Path) -> io::Result<()> {
    let key = Zeroizing::new(random::<32>()?);
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(key.as_slice()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&temporary);
    linked.and(removed)
}

/// Bytes from the operating system's random source.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
