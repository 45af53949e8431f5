//! The settings of the audit log. They come from the configuration files alone, so that no session can write to the log otherwise
//! than the server's administrator decided, and a change is an entry of the log.

use super::{text, unsigned};
use pgrx::PostgresGucEnum;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;

/// `splitplane.audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum Audit {
    /// No entry is written.
    #[name = c"off"]
    Off,
    /// A call goes on if its entry cannot be written, and the gap is recorded.
    #[name = c"on"]
    On,
    /// An answer that cannot be recorded is withheld.
    #[name = c"required"]
    Required,
}

impl Audit {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Audit::Off => "off",
            Audit::On => "on",
            Audit::Required => "required",
        }
    }
}

/// `splitplane.audit_text`: what is recorded of question and SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum AuditText {
    /// Nothing.
    #[name = c"none"]
    None,
    /// A keyed hash.
    #[name = c"hash"]
    Hash,
    /// The text, in a file of its own, and its keyed hash.
    #[name = c"full"]
    Full,
}

impl AuditText {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            AuditText::None => "none",
            AuditText::Hash => "hash",
            AuditText::Full => "full",
        }
    }
}

static AUDIT: GucSetting<Audit> = GucSetting::<Audit>::new(Audit::Off);
static TEXT: GucSetting<AuditText> = GucSetting::<AuditText>::new(AuditText::Hash);
static DIRECTORY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"splitplane_audit"));
static MAX_SIZE: GucSetting<i32> = GucSetting::<i32>::new(0);
static RETENTION: GucSetting<i32> = GucSetting::<i32>::new(0);
static CHECKPOINT_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

pub(super) fn define() {
    GucRegistry::define_enum_guc(
        c"splitplane.audit",
        c"Whether each call is recorded in the audit log.",
        c"on: a call goes on if its entry cannot be written, and the gap is recorded. required: its answer is withheld.",
        &AUDIT,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"splitplane.audit_text",
        c"What the audit log keeps of question and SQL: nothing, a keyed hash, or the text.",
        c"Texts lie in files of their own and can be erased; the log still verifies.",
        &TEXT,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"splitplane.audit_directory",
        c"Directory of the audit log.",
        c"Relative to the data directory; made with mode 0700 on first use. Best outside of the data directory.",
        &DIRECTORY,
        GucContext::Postmaster,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_int_guc(
        c"splitplane.audit_max_size",
        c"Most space that the audit log takes.",
        c"At this size nothing more is written (SQLSTATE 53400 where it is required); nothing is deleted. 0: no limit.",
        &MAX_SIZE,
        0,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"splitplane.audit_retention",
        c"Days after which entries are removed from the audit log.",
        c"A file is removed when its last entry is older. 0: never.",
        &RETENTION,
        0,
        36_500,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"splitplane.audit_checkpoint_file",
        c"File to which the signed checkpoints of the audit log are added as well.",
        c"Relative to the data directory; name one that is copied elsewhere. Empty: none.",
        &CHECKPOINT_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
}

/// Whether calls are recorded.
pub fn audit() -> Audit {
    AUDIT.get()
}

/// What is kept of texts.
pub fn audit_text() -> AuditText {
    TEXT.get()
}

/// A path, relative to the data directory unless absolute.
pub fn audit_directory() -> String {
    text(&DIRECTORY)
}

/// Bytes; `None` without a limit.
pub fn audit_max_size() -> Option<u64> {
    const MEBIBYTE: u64 = 1_048_576;
    let size = u64::try_from(unsigned(&MAX_SIZE)).unwrap_or(u64::MAX);
    (size > 0).then(|| size.saturating_mul(MEBIBYTE))
}

/// Days; `None` for ever.
pub fn audit_retention() -> Option<i64> {
    let days = i64::from(RETENTION.get());
    (days > 0).then_some(days)
}

/// A path, relative to the data directory unless absolute; `None` for no file.
pub fn audit_checkpoint_file() -> Option<String> {
    Some(text(&CHECKPOINT_FILE)).filter(|path| !path.is_empty())
}
