//! What the first entry of a log says of the one that the server found when it began it.

use super::super::entry::Event;
use super::super::entry_reader::parse_line;
use super::super::files::LogId;
use super::super::hash::{Hash, from_hex};
use super::super::read::entry_line;
use super::super::tree::Frontier;
use serde_json::Value;
use std::path::Path;

/// A log as another one names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The one that was found.
    pub log: LogId,
    /// The one that was begun then.
    pub by: LogId,
    /// Entries that were in it; `None` where it could not be read to its end.
    pub size: Option<u64>,
    /// The root over them.
    pub root: Option<Hash>,
}

impl Found {
    /// What the log in a folder names; `None` where there is nothing, or its first entry is gone. Whether that entry is the one
    /// that was written says its own verification.
    #[must_use]
    pub fn read(folder: &Path, by: LogId) -> Option<Self> {
        let line = entry_line(folder, 0).ok()?;
        let (_, entry) = parse_line(line.as_bytes()).ok()?;
        let found = entry.details.get("found").filter(|_| entry.event == Event::Started)?;
        Some(Self {
            log: LogId::parse(found.get("log")?.as_str()?)?,
            by,
            size: found.get("size").and_then(Value::as_u64),
            root: found.get("root").and_then(Value::as_str).and_then(from_hex),
        })
    }

    /// What is wrong, if anything is, with the log as it is at this size.
    pub(super) fn differs(&self, tree: &Frontier) -> Option<String> {
        let size = self.size.filter(|size| *size == tree.size())?;
        let root = self.root.filter(|root| *root != tree.root())?;
        let (by, root) = (self.by, hex::encode(root));
        Some(format!("The log {by} names another root over the first {size} entries than the log has: {root}."))
    }

    /// What is wrong, if anything is, with the log that ends at this size.
    pub(super) fn is_behind(&self, end: u64) -> Option<String> {
        let size = self.size.filter(|size| *size > end)?;
        Some(format!("The log had {size} entries when the log {} was begun, and it has {end}.", self.by))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Found;
    use crate::audit::LogId;
    use crate::audit::testing::{LOG, Log, Shape};
    use crate::audit::verify::{More, Request, verify_with};
    use std::cell::Cell;

    fn criticals(log: &Log, size: Option<u64>, root: Option<[u8; 32]>) -> u64 {
        let found = [Found { log: LOG, by: LogId([1; 16]), size, root }];
        let request = Request { key: log.key.verifying(), checkpoint: None, tenant: None };
        let more = More { found: &found, ..More::default() };
        verify_with(log.path(), &request, &more, &mut |_| {}).unwrap().critical
    }

    #[test]
    fn what_another_log_names_is_held_against_this_one() {
        let (log, shorter) = (Log::write(Shape::of(12)), Log::write(Shape { note_every: 0, ..Shape::of(9) }));
        let (whole, at_nine) = (log.tree.root(), Log::write(Shape::of(9)).tree.root());
        for (size, root) in [(Some(12), Some(whole)), (Some(9), Some(at_nine)), (Some(12), None), (None, None)] {
            assert_eq!(criticals(&log, size, root), 0, "the control: {size:?}");
        }
        assert_eq!(criticals(&log, Some(9), Some(whole)), 1, "another root");
        assert_eq!(criticals(&log, Some(0), Some(whole)), 1, "of no entries");
        assert_eq!(criticals(&log, Some(13), None), 1, "fewer entries");
        assert_eq!(criticals(&shorter, Some(12), Some(whole)), 1, "the end was cut off");
    }

    #[test]
    fn a_first_entry_that_names_no_log_gives_none() {
        assert_eq!(Found::read(Log::write(Shape::of(3)).path(), LOG), None);
    }

    #[test]
    fn it_is_called_at_each_entry_and_may_unwind() {
        let log = Log::write(Shape::of(12));
        let request = Request { key: log.key.verifying(), checkpoint: None, tenant: None };
        let calls = Cell::new(0);
        let more = More { between: &|| calls.set(calls.get() + 1), ..More::default() };
        verify_with(log.path(), &request, &more, &mut |_| {}).unwrap();
        assert_eq!(calls.get(), 12);
        let stops = || {
            let more = More { between: &|| std::panic::resume_unwind(Box::new("stop")), ..More::default() };
            verify_with(log.path(), &request, &more, &mut |_| {}).map(drop)
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(stops)).is_err());
    }
}
