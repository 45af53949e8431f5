//! Why an entry could not be written.

use crate::error::{Refusal, State};
use crate::reason::Reason;
use std::io;

/// What stood in the way; its text is for administrators.
#[derive(Debug, Clone)]
pub enum Failure {
    /// No room, by the disk, a quota or `splitplane.audit_max_size`.
    Full(String),
    /// Anything else.
    Other(String),
}

impl Failure {
    /// Something else.
    pub fn other(text: impl Into<String>) -> Self {
        Failure::Other(text.into())
    }

    /// For the server log.
    pub fn text(&self) -> &str {
        match self {
            Failure::Full(text) | Failure::Other(text) => text,
        }
    }

    /// What a caller is told whose answer is withheld.
    pub fn withheld(self) -> Refusal {
        self.refusal("the call could not be recorded in the audit log, so that its answer is withheld")
    }

    /// What an administrator is told who has asked for something of the log.
    pub fn shown(self) -> Refusal {
        let text = self.text().to_owned();
        self.refusal(&format!("the audit log cannot be used: {text}"))
    }

    fn refusal(self, message: &str) -> Refusal {
        let state = match self {
            Failure::Full(_) => State::Limit,
            Failure::Other(_) => State::Unsafe,
        };
        Refusal::new(state, message).because(Reason::Audit).with_detail(self.text())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Failure::Full(error.to_string())
            }
            _ => Failure::Other(error.to_string()),
        }
    }
}

/// What every function of the log gives.
pub type Logged<T> = Result<T, Failure>;
