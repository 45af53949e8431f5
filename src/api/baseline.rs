//! Compares each call with its principal's own past. Nothing of it reaches the caller.

use crate::anomaly::{Anomaly, Baseline, Observation, WORDS};
use crate::calls::{Asker, CallRecord, Decline, Outcome};
use crate::error::Refusal;
use crate::pgx::server;
use crate::pgx::shmem::baselines;
use crate::reason::Reason;
use sha2::{Digest, Sha256};

const _: () = assert!(WORDS == baselines::WORDS);

/// Makes a call part of its principal's past; says so where it is unlike that.
pub(super) fn observe(record: &CallRecord, refusal: Option<&Refusal>) -> Option<Anomaly> {
    // Of one that is claimed alone nothing is kept: anybody could write another's past.
    let asker = record.asker.as_ref().filter(|asker| asker.is_verified)?;
    let seen = seen(record, refusal)?;
    baselines::change(&key(asker), |words| {
        let mut baseline = Baseline::from_words(*words);
        let anomaly = baseline.observe(seen);
        *words = baseline.to_words();
        anomaly
    })?
}

/// `None` where it says nothing of the principal: no answer and no refusal, or a refusal for reasons of the server's.
fn seen(record: &CallRecord, refusal: Option<&Refusal>) -> Option<Observation> {
    let declined = |decline| (decline == Decline::Refused).then_some(Observation::Refused);
    match (refusal, record.outcome) {
        // ask_rows has no other way to say it.
        (Some(refusal), Some(Outcome::Declined(decline))) if refusal.reason == Reason::Argument => declined(decline),
        (Some(refusal), _) => is_over_what_was_asked(refusal.reason).then_some(Observation::Refused),
        (None, Some(Outcome::Answered)) => {
            let relations = u64::try_from(record.relations.len()).unwrap_or(u64::MAX);
            Some(Observation::Answered { rows: record.rows, relations })
        }
        (None, Some(Outcome::Declined(decline))) => declined(decline),
        (None, Some(Outcome::DryRun) | None) => None,
    }
}

fn is_over_what_was_asked(reason: Reason) -> bool {
    match reason {
        Reason::Argument
        | Reason::OutsidePlane
        | Reason::UnknownRelation
        | Reason::NotAdmitted
        | Reason::Syntax
        | Reason::TooComplex
        | Reason::Proof
        | Reason::Tripwire
        | Reason::Limit
        | Reason::Budget
        | Reason::ResultShape
        | Reason::Server => true,
        Reason::Audit
        | Reason::Cancelled
        | Reason::Terminated
        | Reason::Configuration
        | Reason::ModelUnreachable
        | Reason::ModelRefused
        | Reason::DataServer
        | Reason::Internal => false,
        // Of layer 1: whoever asks is not known.
        Reason::MalformedContext
        | Reason::Headers
        | Reason::Audience
        | Reason::Clock
        | Reason::ReplayHorizon
        | Reason::Replayed
        | Reason::LedgerFull
        | Reason::Payload
        | Reason::UnknownKey
        | Reason::Signature
        | Reason::KeyRevoked
        | Reason::KeyNotYetValid
        | Reason::KeyExpired
        | Reason::KeyTenant
        | Reason::KeyFile
        | Reason::UnknownPrincipal
        | Reason::DisabledPrincipal
        | Reason::Claims
        | Reason::Conversation => false,
    }
}

/// What a principal of this database is called in shared memory. No id holds a zero byte.
fn key(asker: &Asker) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(server::database_oid().to_be_bytes());
    for id in [&asker.tenant, &asker.business, &asker.subject] {
        hash.update(id.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}
