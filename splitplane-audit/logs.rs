//! Which logs a directory has, and which key is whose.

use crate::audit::files::{HASHES, entries_first};
use crate::audit::{LogId, VerifyingKey};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files given on the command line are this long at most. Bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The keys of a file: a line for each log. Lines that are empty or begin with # are passed over.
pub fn keys(file: &Path) -> Result<BTreeMap<LogId, VerifyingKey>, String> {
    let mut keys = BTreeMap::new();
    for line in read(file)?.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let key = VerifyingKey::parse(line).map_err(|error| format!("{}: {error}", file.display()))?;
        if let Some(other) = keys.insert(key.log(), key.clone())
            && other != key
        {
            return Err(format!("{}: two keys of one log", file.display()));
        }
    }
    if keys.is_empty() { Err(format!("{}: there is no key in it", file.display())) } else { Ok(keys) }
}

/// A text file.
pub fn read(file: &Path) -> Result<String, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", file.display());
    if fs::metadata(file).map_err(problem)?.len() > MAX_FILE_BYTES {
        return Err(format!("{}: the file is too large", file.display()));
    }
    fs::read_to_string(file).map_err(problem)
}

/// The folders of logs: the directory itself, or those in it whose names are ids. `None`: the name is no id.
pub fn find(directory: &Path) -> Result<Vec<(Option<LogId>, PathBuf)>, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", directory.display());
    let (mut logs, mut is_log) = (Vec::new(), false);
    for file in fs::read_dir(directory).map_err(problem)? {
        let path = file.map_err(problem)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        is_log |= name == HASHES || entries_first(name).is_some();
        if let Some(id) = LogId::parse(name).filter(|_| path.is_dir()) {
            logs.push((Some(id), path));
        }
    }
    if is_log {
        let own = directory.canonicalize().map_err(problem)?;
        let id = own.file_name().and_then(|name| name.to_str()).and_then(LogId::parse);
        return Ok(vec![(id, directory.to_owned())]);
    }
    logs.sort();
    if logs.is_empty() { Err(format!("{}: there is no log here", directory.display())) } else { Ok(logs) }
}

/// The folder of one log. A folder that is a log and is named otherwise is taken for it.
pub fn of(directory: &Path, log: LogId) -> Result<PathBuf, String> {
    let found = find(directory)?.into_iter().find(|(id, _)| id.is_none_or(|id| id == log));
    found.map(|(_, path)| path).ok_or_else(|| format!("{}: the log {log} is not here", directory.display()))
}
