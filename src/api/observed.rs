//! What every call of the three entry points does when it begins and when it ends, however it ends.

use super::baseline;
use crate::audit_log;
use crate::budget;
use crate::calls::{self, Asker, CallRecord};
use crate::error::Refusal;
use crate::pgx::entry::EntryPoint;
use crate::pgx::hooks::endings;
use crate::pgx::pg_try::log;
use crate::statistics;
use sha2::{Digest, Sha256};

/// A call begins.
pub fn begin(entry_point: EntryPoint) {
    endings::watch_session();
    audit_log::calls::prepare();
    statistics::prepare();
    calls::begin(entry_point);
}

/// The call has ended, with a refusal or without; gives the one that is to be raised. Nothing was given to the caller yet.
pub fn end(refusal: Option<Refusal>) -> Option<Refusal> {
    let Some(record) = calls::end() else { return refusal };
    budget::settle(&record);
    let refusal = audit_log::calls::ended(&record, refusal);
    statistics::count(&record, refusal.as_ref());
    let anomaly = baseline::observe(&record, refusal.as_ref());
    if let (Some(anomaly), Some(asker)) = (&anomaly, &record.asker) {
        audit_log::calls::anomaly(&record, &anomaly.finding);
        statistics::count_anomaly();
        let Asker { tenant, business, subject, .. } = asker;
        log(&format!(
            "anomaly: {}; query_id {}, tenant {tenant:?}, business {business:?}, subject {subject:?}",
            anomaly.finding, record.query_id
        ));
    }
    refusal.map(|mut refusal| {
        log(&line(&record, &refusal));
        // It is in the line.
        refusal.detail = None;
        refusal
    })
}

/// The one line of a refusal in the server log. What comes before its last fields may quote the caller.
fn line(record: &CallRecord, refusal: &Refusal) -> String {
    let mut line = format!("refused ({})", refusal.message);
    if let Some(detail) = refusal.detail.as_ref().filter(|detail| !detail.is_empty()) {
        line.push_str(": ");
        line.push_str(detail);
    }
    let text = match (&record.sql, &record.question) {
        (Some(sql), _) => format!(", SQL {}", digest(sql)),
        (None, Some(question)) => format!(", question {}", digest(question)),
        (None, None) => String::new(),
    };
    format!(
        "{line}; {}, {}, query_id {}, {}{text}",
        refusal.state.sqlstate(),
        refusal.reason.as_str(),
        record.query_id,
        who(record)
    )
}

/// Ids in quotes, with what could end these escaped: what is claimed may be any text.
fn who(record: &CallRecord) -> String {
    match &record.asker {
        Some(Asker { tenant, is_verified: true, .. }) => format!("tenant {tenant:?}"),
        Some(Asker { tenant, .. }) => format!("tenant claimed to be {tenant:?}"),
        None => "no tenant".to_owned(),
    }
}

/// SHA-256 of a text, by which lines with the same text are found.
fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())))
}
