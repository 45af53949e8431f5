//! The cluster's key file of this server, read when it starts and after each reload of its configuration.
//!
//! A server that has one is a node, and its hooks hold; what the file says only decides whether tokens can be made and verified.

use crate::cluster::keys::{ClusterKeys, MAX_FILE_BYTES};
use crate::pgx::server;
use crate::settings;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use zeroize::Zeroizing;

/// What there is.
#[derive(Clone)]
pub enum Found {
    /// No file: the server is no node of a cluster.
    Nothing,
    /// Keys.
    Keys(Rc<ClusterKeys>),
    /// A file that cannot be used, and why.
    Unusable(Rc<str>),
}

thread_local! {
    static KNOWN: RefCell<Found> = const { RefCell::new(Found::Nothing) };
    /// When the configuration had last been read, as `KNOWN` was; none before the first time.
    static READ_AT: Cell<Option<i64>> = const { Cell::new(None) };
    static IS_NODE: Cell<bool> = const { Cell::new(false) };
}

/// The keys as they are known.
pub fn current() -> Found {
    refresh();
    KNOWN.with(|known| known.borrow().clone())
}

/// Those with which tokens are made and verified.
pub fn usable() -> Option<Rc<ClusterKeys>> {
    match current() {
        Found::Keys(keys) => Some(keys),
        Found::Nothing | Found::Unusable(_) => None,
    }
}

/// Whether this server is a node of a cluster. Asked for each statement, so it costs next to nothing.
pub fn is_node() -> bool {
    refresh();
    IS_NODE.get()
}

fn refresh() {
    let reload = Some(server::reload_time());
    if READ_AT.get() == reload {
        return;
    }
    let found = match load(&path()) {
        Ok(keys) => Found::Keys(Rc::new(keys)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
        Err(error) => Found::Unusable(error.to_string().into()),
    };
    IS_NODE.set(!matches!(found, Found::Nothing));
    KNOWN.with(|known| *known.borrow_mut() = found);
    READ_AT.set(reload);
}

fn path() -> PathBuf {
    Path::new(&server::data_directory()).join(settings::cluster_key_file())
}

fn load(path: &Path) -> io::Result<ClusterKeys> {
    let file = File::open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "readable by others than the server's user"));
    }
    let mut text = Zeroizing::new(String::new());
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(0).saturating_add(1);
    if file.take(most).read_to_string(&mut text)? > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than a key file is"));
    }
    ClusterKeys::parse(&text).map_err(io::Error::other)
}
