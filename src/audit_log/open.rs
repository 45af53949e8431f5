//! Opens the log: goes on with the one that this server wrote, or begins a new one that names what was found.

use super::failure::{Failure, Logged};
use super::files::{self, At};
use super::recovery::{self, Left};
use super::state::{DAY, Failed, HOUR, Heads, Noted, Segment, State, Status, Told};
use super::{appending, heads, keys, made};
use crate::audit::{Event, Frontier, LogId};
use crate::pgx::pg_try::log;
use crate::pgx::server;
use crate::settings::audit::{self as settings, Audit};
use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// In the directory: the id of the log that is written to.
const CURRENT: &str = "current";
/// In the log's folder: where it was begun.
const ORIGIN: &str = "origin";
/// Between two tries to open a log that could not be opened, in microseconds.
const PAUSE: i64 = 1_000_000;
/// Bytes that are left for the first entry of a log, and for what belongs to it.
const FIRST_ENTRY_BYTES: u64 = 4_096;

/// What the value in shared memory begins with.
pub fn at_start() -> State {
    let mut state = State::CLOSED;
    if settings::audit() != Audit::Off {
        // Whoever needs it tries again.
        drop(open(&mut state));
    }
    files::forget();
    state
}

/// The log can be written to.
pub fn ensure(state: &mut State) -> Logged<()> {
    match state.status {
        Status::Open => Ok(()),
        Status::Failed(Failed { at, is_full })
            if server::now_microseconds().saturating_sub(at).unsigned_abs() < PAUSE.unsigned_abs() =>
        {
            let text = "the audit log could not be opened a moment ago; the server log says why".to_owned();
            Err(if is_full { Failure::Full(text) } else { Failure::Other(text) })
        }
        Status::Closed | Status::Failed(_) => open(state),
    }
}

fn open(state: &mut State) -> Logged<()> {
    let opened = opened(state);
    match &opened {
        Ok(()) => state.status = Status::Open,
        Err(failure) => {
            let is_full = matches!(failure, Failure::Full(_));
            state.status = Status::Failed(Failed { at: server::now_microseconds(), is_full });
            log(&format!("the audit log cannot be opened: {}", failure.text()));
        }
    }
    opened
}

fn opened(state: &mut State) -> Logged<()> {
    // A log that cannot be signed is not begun.
    drop(keys::texts()?);
    let directory = files::directory();
    files::make_folder(&directory)?;
    let current = match fs::read_to_string(directory.join(CURRENT)) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let Some(current) = current else { return begin(state, None) };
    let Some(id) = LogId::parse(current.trim()) else {
        return begin(state, Some(json!({"why": "the file that names the log cannot be read"})));
    };
    let found = |why: &str, left: Option<&Frontier>| {
        let mut found = json!({"log": id.to_string(), "why": why});
        if let (Some(left), Some(members)) = (left, found.as_object_mut()) {
            members.insert("size".to_owned(), json!(left.size()));
            members.insert("root".to_owned(), json!(hex::encode(left.root())));
        }
        found
    };
    if state.given_up == Some(id) {
        // Another could not be begun at once.
        let left = (state.log == id).then_some(state.frontier);
        return begin(state, Some(found("it was given up; the server log says why", left.as_ref())));
    }
    let is_ours = fs::read_to_string(files::folder(id).join(ORIGIN)).ok() == Some(origin(id).to_string());
    let left = recovery::read(id, is_ours);
    match left {
        Ok(left) if is_ours => {
            let resumed = resume(state, id, left);
            if resumed.as_ref().is_err_and(files::is_end) {
                state.given_up = Some(id);
            }
            resumed
        }
        Ok(left) => {
            let why = "it was begun by another server or in another directory";
            begin(state, Some(found(why, Some(&left.frontier))))
        }
        Err(recovery::Problem::Unreadable(failure)) => Err(failure),
        Err(recovery::Problem::Altered(why)) => {
            log(&format!("the audit log {id} is not what was written, and a new one is begun: {why}"));
            begin(state, Some(found(&why, None)))
        }
    }
}

/// What tells a log's place from every other: a copy of it has another inode or another host, and a cloned cluster another number
/// or another place.
fn origin(log: LogId) -> Value {
    let folder = files::folder(log);
    let inode = fs::metadata(&folder).map(|metadata| metadata.ino()).unwrap_or_default();
    json!({"system_identifier": server::system_identifier().to_string(), "host": host(), "inode": inode.to_string()})
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// A new log, or none at all.
pub fn begin(state: &mut State, found: Option<Value>) -> Logged<()> {
    // A directory that is full is not made fuller.
    appending::remove_by_age(state, server::now_microseconds());
    appending::room(files::stored()?, heads::FIRST_BYTES.saturating_add(FIRST_ENTRY_BYTES))?;
    let id = LogId(keys::random()?);
    let begun = begun_as(state, id, found);
    if begun.is_err() && !is_current(id) {
        files::forget();
        if let Err(error) = fs::remove_dir_all(files::folder(id)) {
            log(&format!("the folder of the audit log {id}, which could not be begun, could not be removed: {error}"));
        }
    }
    *state = begun?;
    log(&format!("the audit log {id} is begun"));
    Ok(())
}

/// Whether the directory names this log, or may do so.
fn is_current(id: LogId) -> bool {
    match fs::read_to_string(files::directory().join(CURRENT)) {
        Ok(text) => text.trim() == id.to_string(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

fn begun_as(before: &State, id: LogId, found: Option<Value>) -> Logged<State> {
    let folder = files::folder(id);
    files::make_folder(&folder)?;
    let origin = origin(id);
    files::replace(&folder.join(ORIGIN), origin.to_string().as_bytes())?;
    let now = server::now_microseconds();
    let segment = Segment { first: 0, bytes: 0, texts: 0, day: now.div_euclid(DAY) };
    files::begin_segment(id, segment)?;
    let heads = heads::write(id, &[], before.heads.generation.saturating_add(1))?;
    let mut state = State {
        log: id,
        frontier: Frontier::new(),
        segment,
        heads,
        stored: files::stored()?,
        durable: 0,
        noted: Noted { hour: now.div_euclid(HOUR), size: 0 },
        ..*before
    };
    let mut details = started(&origin);
    details.insert("format".to_owned(), json!(1));
    details.insert("log".to_owned(), json!(id.to_string()));
    if let Some(found) = found {
        details.insert("found".to_owned(), found);
    }
    appending::add(&mut state, &made::server_entry(Event::Started, details)?, None)?;
    files::with(At::now(&state), |files| files.sync())?;
    state.durable = state.frontier.size();
    files::sync_folder(&folder)?;
    files::replace(&files::directory().join(CURRENT), format!("{id}\n").as_bytes())?;
    Ok(state)
}

/// The log of an earlier life of the server.
fn resume(state: &mut State, id: LogId, left: Left) -> Logged<()> {
    let size = left.frontier.size();
    let generation = state.heads.generation.saturating_add(1);
    let heads = match heads::left(id, size) {
        Some(heads) => Heads { generation, ..heads },
        None => heads::write(id, &recovery::last_of_each(id)?, generation)?,
    };
    heads::mark_in_use(id, &heads)?;
    let now = server::now_microseconds();
    *state = State {
        log: id,
        frontier: left.frontier,
        segment: left.segment,
        heads,
        stored: files::stored()?,
        durable: size,
        noted: Noted { hour: now.div_euclid(HOUR), size: left.noted },
        told: Told { settings: [u8::MAX; 2], read_at: i64::MIN },
        ..*state
    };
    for cut in left.cuts {
        log(&format!(
            "the audit log {id} was not whole at its end, and {} bytes of {} were cut off",
            cut.bytes, cut.file
        ));
        let details = made::object(json!({"file": cut.file, "bytes": cut.bytes}));
        appending::add(state, &made::server_entry(Event::Cut, details)?, None)?;
    }
    appending::add(state, &made::server_entry(Event::Started, started(&origin(id)))?, None)?;
    Ok(())
}

/// What is said at each start.
fn started(origin: &Value) -> Map<String, Value> {
    let mut details = made::object(origin.clone());
    details.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    details.insert("server_version".to_owned(), json!(server::version_number()));
    details.insert("audit_directory".to_owned(), json!(settings::audit_directory()));
    details
}

/// The id of the log that the server writes to, or wrote to before it was stopped.
pub fn current() -> Logged<LogId> {
    begun()?.ok_or_else(|| Failure::other("none was begun; set splitplane.audit"))
}

/// The same; `None` where none was begun.
pub fn begun() -> Logged<Option<LogId>> {
    let text = match fs::read_to_string(files::directory().join(Path::new(CURRENT))) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let damaged = || Failure::other("the file that names the log cannot be read");
    LogId::parse(text.trim()).map(Some).ok_or_else(damaged)
}
