//! Why a call ended without an answer, as a word: for the audit log, the counters and alerts, never for the caller of `ask`,
//! who must not learn which check of layer 1 has failed.
//!
//! The words are a closed list, so that every counter is there from the start. Reference: docs/reference-sqlstates.md.

/// One word of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The context is no JSON object of headers.
    MalformedContext,
    /// A header is missing, unsigned, unknown, given twice or not in its form.
    Headers,
    /// Signed for another database.
    Audience,
    /// Dated too far from the server's clock.
    Clock,
    /// Dated before what the ledger remembers.
    ReplayHorizon,
    /// Used before.
    Replayed,
    /// The ledger has no room, or cannot be kept.
    LedgerFull,
    /// The text asked is declared unsigned, or is another one.
    Payload,
    /// No such key.
    UnknownKey,
    /// The signature is not the key's.
    Signature,
    /// The key was revoked.
    KeyRevoked,
    /// The key is not valid yet.
    KeyNotYetValid,
    /// The key's time is over.
    KeyExpired,
    /// The key may not speak for the tenant.
    KeyTenant,
    /// The key cannot be opened.
    KeyFile,
    /// The combination is not registered.
    UnknownPrincipal,
    /// It is disabled.
    DisabledPrincipal,
    /// Its claims cannot be used.
    Claims,
    /// The conversation is not the signed one.
    Conversation,
    /// A malformed argument.
    Argument,
    /// A function, type or column outside the plane.
    OutsidePlane,
    /// A relation outside the plane.
    UnknownRelation,
    /// A construct that the plane does not admit.
    NotAdmitted,
    /// SQL that does not parse.
    Syntax,
    /// Too long, too deep, too complex.
    TooComplex,
    /// The statement could not be proved to stay in the plane: an attack, or a defect.
    Proof,
    /// A reserved row was read, or the plane is shut since.
    Tripwire,
    /// Over a configured limit.
    Limit,
    /// Over a budget.
    Budget,
    /// The entry of the audit log could not be written.
    Audit,
    /// Deadline or cancel.
    Cancelled,
    /// The session was ended.
    Terminated,
    /// Not preloaded, or a configuration that doctor() names.
    Configuration,
    /// The columns do not fit the column definition list.
    ResultShape,
    /// The model endpoint cannot be reached.
    ModelUnreachable,
    /// The model endpoint refused, or its reply cannot be used.
    ModelRefused,
    /// A data server cannot be reached.
    DataServer,
    /// An error of PostgreSQL over the caller's text or rows.
    Server,
    /// A defect.
    Internal,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 39] = [
        Reason::MalformedContext,
        Reason::Headers,
        Reason::Audience,
        Reason::Clock,
        Reason::ReplayHorizon,
        Reason::Replayed,
        Reason::LedgerFull,
        Reason::Payload,
        Reason::UnknownKey,
        Reason::Signature,
        Reason::KeyRevoked,
        Reason::KeyNotYetValid,
        Reason::KeyExpired,
        Reason::KeyTenant,
        Reason::KeyFile,
        Reason::UnknownPrincipal,
        Reason::DisabledPrincipal,
        Reason::Claims,
        Reason::Conversation,
        Reason::Argument,
        Reason::OutsidePlane,
        Reason::UnknownRelation,
        Reason::NotAdmitted,
        Reason::Syntax,
        Reason::TooComplex,
        Reason::Proof,
        Reason::Tripwire,
        Reason::Limit,
        Reason::Budget,
        Reason::Audit,
        Reason::Cancelled,
        Reason::Terminated,
        Reason::Configuration,
        Reason::ResultShape,
        Reason::ModelUnreachable,
        Reason::ModelRefused,
        Reason::DataServer,
        Reason::Server,
        Reason::Internal,
    ];

    /// As the audit log and the views say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::MalformedContext => "malformed_context",
            Reason::Headers => "headers",
            Reason::Audience => "audience",
            Reason::Clock => "clock",
            Reason::ReplayHorizon => "replay_horizon",
            Reason::Replayed => "replayed",
            Reason::LedgerFull => "ledger_full",
            Reason::Payload => "payload",
            Reason::UnknownKey => "unknown_key",
            Reason::Signature => "signature",
            Reason::KeyRevoked => "key_revoked",
            Reason::KeyNotYetValid => "key_not_yet_valid",
            Reason::KeyExpired => "key_expired",
            Reason::KeyTenant => "key_tenant",
            Reason::KeyFile => "key_file",
            Reason::UnknownPrincipal => "unknown_principal",
            Reason::DisabledPrincipal => "disabled_principal",
            Reason::Claims => "claims",
            Reason::Conversation => "conversation",
            Reason::Argument => "argument",
            Reason::OutsidePlane => "outside_plane",
            Reason::UnknownRelation => "unknown_relation",
            Reason::NotAdmitted => "not_admitted",
            Reason::Syntax => "syntax",
            Reason::TooComplex => "too_complex",
            Reason::Proof => "proof",
            Reason::Tripwire => "tripwire",
            Reason::Limit => "limit",
            Reason::Budget => "budget",
            Reason::Audit => "audit",
            Reason::Cancelled => "cancelled",
            Reason::Terminated => "terminated",
            Reason::Configuration => "configuration",
            Reason::ResultShape => "result_shape",
            Reason::ModelUnreachable => "model_unreachable",
            Reason::ModelRefused => "model_refused",
            Reason::DataServer => "data_server",
            Reason::Server => "server",
            Reason::Internal => "internal",
        }
    }

    /// Whether layer 1 refused: who asks is then only claimed.
    pub fn is_of_identity(self) -> bool {
        self <= Reason::Conversation
    }
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]
mod tests {
    use super::*;

    #[test]
    fn lists_every_reason_once_and_in_order() {
        assert!(Reason::ALL.windows(2).all(|pair| pair[0] < pair[1] && pair[0] as usize + 1 == pair[1] as usize));
        assert_eq!((Reason::ALL[0] as usize, Reason::ALL[38]), (0, Reason::Internal));
    }

    #[test]
    fn tells_layer_one_from_the_others() {
        assert!(Reason::Conversation.is_of_identity() && !Reason::Argument.is_of_identity());
    }
}
