//! The files of the log, as this process has them open.

use super::failure::{Failure, Logged};
use super::state::{Segment, State};
use crate::audit::LogId;
use crate::audit::files::{HASHES, entries_name, texts_name};
use crate::audit::note::whole;
use crate::pgx::server;
use crate::settings::audit as settings;
use std::cell::RefCell;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// In the log's folder: the tenants' last entries.
pub const HEADS: &str = "heads";

thread_local! {
    static OPEN: RefCell<Option<Files>> = const { RefCell::new(None) };
}

/// Which files they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    log: LogId,
    segment: u64,
    generation: u64,
}

impl At {
    /// Those of this moment.
    pub fn now(state: &State) -> Self {
        At { log: state.log, segment: state.segment.first, generation: state.heads.generation }
    }
}

/// Those that an entry goes to.
pub struct Files {
    at: At,
    /// Entries.
    pub entries: File,
    /// Texts; made when the first is kept.
    texts: Option<File>,
    /// Their hashes.
    pub hashes: File,
    /// The tenants' last entries.
    pub heads: File,
}

/// `splitplane.audit_directory`.
pub fn directory() -> PathBuf {
    Path::new(&server::data_directory()).join(settings::audit_directory())
}

/// The folder of a log.
pub fn folder(log: LogId) -> PathBuf {
    directory().join(log.to_string())
}

/// All logs in the directory.
pub fn logs() -> io::Result<Vec<LogId>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(directory())? {
        logs.extend(entry?.file_name().to_str().and_then(LogId::parse));
    }
    Ok(logs)
}

/// Makes a folder that nobody else may read, if it is not there.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Opens a file of the log for reading and writing, and makes it if it is not there.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// What a folder lists is on disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a file whole: a reader sees the old or the new.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path.parent().unwrap_or(path))
}

impl Files {
    fn open(at: At) -> io::Result<Self> {
        let folder = folder(at.log);
        Ok(Files {
            at,
            entries: open(&folder.join(entries_name(at.segment)))?,
            texts: None,
            hashes: open(&folder.join(HASHES))?,
            heads: open(&folder.join(HEADS))?,
        })
    }

    /// The texts of the entries that are written now, if they are open.
    pub fn texts(&self) -> Option<&File> {
        self.texts.as_ref()
    }

    /// Opens them.
    pub fn open_texts(&mut self) -> io::Result<()> {
        if self.texts.is_none() {
            self.texts = Some(open(&folder(self.at.log).join(texts_name(self.at.segment)))?);
        }
        Ok(())
    }

    /// All that was written is on disk.
    ///
    /// # Errors
    /// What was written may then be lost, and a second try that succeeds would say nothing of it: the log is to be given up.
    pub fn sync(&self) -> Logged<()> {
        // Not open here does not mean that others have written nothing.
        let texts = match File::open(folder(self.at.log).join(texts_name(self.at.segment))) {
            Ok(texts) => Some(texts),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let mut all = [&self.entries, &self.hashes].into_iter().chain(&texts);
        all.try_for_each(File::sync_data).map_err(|error| Failure::other(format!("{UNSYNCED}: {error}")))
    }
}

/// Calls `body` with these files.
pub fn with<T>(at: At, body: impl FnOnce(&mut Files) -> Logged<T>) -> Logged<T> {
    OPEN.with_borrow_mut(|open| {
        let files = match open.take().filter(|files| files.at == at) {
            Some(files) => files,
            None => Files::open(at)?,
        };
        body(open.insert(files))
    })
}

/// Has what is open opened anew at the next use.
pub fn forget() {
    OPEN.with_borrow_mut(|open| *open = None);
}

/// Adds bytes behind those that are there, or none.
///
/// # Errors
/// Where there are more or fewer than the server has written, and nothing is then written.
pub fn add(file: &File, length: u64, bytes: &[u8], name: &str) -> Logged<()> {
    if file.metadata()?.len() != length {
        return Err(Failure::other(format!("{CHANGED}: {name}")));
    }
    file.write_all_at(bytes, length).map_err(|error| {
        // Half an entry is cut off again; if that cannot be done, the next start does it.
        drop(file.set_len(length));
        error.into()
    })
}

/// How the text of that failure begins.
pub const CHANGED: &str = "somebody else has changed a file of the log";
/// How the text begins where entries may not be on disk.
pub const UNSYNCED: &str = "entries could not be brought to disk";

/// Whether the log cannot be gone on with after this.
pub fn is_end(failure: &Failure) -> bool {
    matches!(failure, Failure::Other(text) if text.starts_with(CHANGED) || text.starts_with(UNSYNCED))
}

/// Creates the files of a segment, durably.
pub fn begin_segment(log: LogId, segment: Segment) -> io::Result<()> {
    let folder = folder(log);
    open(&folder.join(entries_name(segment.first)))?.sync_all()?;
    sync_folder(&folder)
}

/// Adds a note and an empty line to a file of notes: all of it or nothing. The caller holds the log's lock, so that nobody else adds
/// to it at the same time.
pub fn add_note(mut file: &File, note: &str) -> io::Result<()> {
    /// More than the last two lines of a note.
    const END: u64 = 1_024;
    let length = file.metadata()?.len();
    let mut end = vec![0; usize::try_from(length.min(END)).unwrap_or_default()];
    file.read_exact_at(&mut end, length.saturating_sub(END))?;
    // What a crash has left of a note must not become a part of this one.
    let before = if whole(&end) == end.len() { "" } else { "\n\n" };
    file.write_all(format!("{before}{note}\n").as_bytes()).inspect_err(|_| drop(file.set_len(length)))
}

/// Bytes of all files below the directory of all logs.
pub fn stored() -> io::Result<u64> {
    let mut sum = 0_u64;
    for entry in fs::read_dir(directory())? {
        let path = entry?.path();
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                sum = sum.saturating_add(entry?.metadata()?.len());
            }
        } else {
            sum = sum.saturating_add(path.metadata()?.len());
        }
    }
    Ok(sum)
}
