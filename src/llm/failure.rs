//! What can go wrong between us and a model. No variant ever holds a secret or a reply, and none shows a prompt to a caller.

use thiserror::Error;

use super::refused::{Cause, phrase};

/// Why a model gave no usable reply. The texts are complete sentences for a caller without a full stop; `detail` of
/// some variants is for the server log only.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    /// No connection, connection lost, or no answer from the endpoint (08006).
    #[error("the model endpoint cannot be reached ({step})")]
    Unreachable {
        /// What was being done: `connecting`, `sending the request`, `reading the response`, ..
        step: &'static str,
        /// For the log.
        detail: String,
    },
    /// The endpoint answered with an error (38000). `code` is one of the endpoint's published error codes, or empty.
    #[error(
        "the model endpoint refused the call: {} (HTTP {status}, {})",
        cause.sentence(),
        if code.is_empty() { phrase(*status) } else { code.as_str() }
    )]
    Refused {
        /// HTTP status.
        status: u16,
        /// Such as `AccessDeniedException`.
        code: String,
        /// Chooses our sentence.
        cause: Cause,
        /// For the log: the provider's own sentence, and the URL where it may be wrong.
        detail: String,
    },
    /// Another try may help, and the deadline has no room for the pause before it (53400).
    #[error(
        "the model endpoint gives no answer now, and the next try, in {seconds} s, would be after splitplane.deadline \
         (HTTP {status}, {})",
        if code.is_empty() { phrase(*status) } else { code.as_str() }
    )]
    Later {
        /// How long the next try would have had to wait, rounded up.
        seconds: u64,
        /// HTTP status.
        status: u16,
        /// As above.
        code: String,
        /// For the log, as above.
        detail: String,
    },
    /// A 200 whose content is not what was asked for (38000).
    #[error("the model's reply cannot be used: {0}")]
    Reply(&'static str),
    /// No usable credentials, region, key or endpoint (38000). The text names the step and no secret.
    #[error("the model cannot be called: {0}")]
    Configuration(String),
    /// The request may cost more than what is left of what was reserved for the question (53400).
    #[error("the question needs more of the model than was reserved for it from a budget")]
    Budget,
    /// The deadline passed (57014).
    #[error("the call took longer than splitplane.deadline allows")]
    Deadline,
}

impl ModelError {
    /// What the server log has beside the message, if there is more to say.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            ModelError::Unreachable { detail, .. }
            | ModelError::Refused { detail, .. }
            | ModelError::Later { detail, .. } => Some(detail),
            ModelError::Reply(_) | ModelError::Configuration(_) | ModelError::Budget | ModelError::Deadline => None,
        }
    }
}
