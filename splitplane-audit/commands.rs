//! The commands.

use crate::arguments::Run;
use crate::audit::export::{Export, export};
use crate::audit::hash::leaf_hash;
use crate::audit::receipt::{Receipt, ReceiptError};
use crate::audit::verify::{Finding, Found, More, Request, Severity, verify_with};
use crate::audit::{LogId, VerifyingKey, entry_line, verify_export};
use crate::{Verdict, logs, say};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

type Outcome = Result<Verdict, String>;

/// Runs a command; an error is why nothing can be said.
pub fn run(command: &Run) -> Outcome {
    match command {
        Run::Verify { directory, key, checkpoint, tenant } => {
            let keys = logs::keys(key)?;
            let note = checkpoint.as_deref().map(logs::read).transpose()?;
            verify_all(directory, &keys, note.as_deref(), tenant.as_deref())
        }
        Run::Receipt { directory, document } => receipt(directory, &logs::read(document)?),
        Run::Export { directory, key, checkpoint, tenant, database, note } => {
            let keys = logs::keys(key)?;
            let checkpoint = logs::read(checkpoint)?;
            let note = note.as_deref().map(logs::read).transpose()?;
            let key = signer(&keys, &checkpoint).ok_or("the checkpoint has no signature of the key that is given")?;
            let what = Export { key, database: *database, tenant, checkpoint: &checkpoint, head: note.as_deref() };
            write_export(&logs::of(directory, key.log())?, &what)
        }
        Run::VerifyExport { file, key } => exported(file, &logs::keys(key)?),
    }
}

/// The key that has signed a note.
fn signer<'a>(keys: &'a BTreeMap<LogId, VerifyingKey>, note: &str) -> Option<&'a VerifyingKey> {
    keys.values().find(|key| key.open(note).is_ok())
}

fn print(finding: &Finding) {
    let entry = finding.sequence.map_or_else(|| "-".to_owned(), |sequence| sequence.to_string());
    say(&format!("{:<8}  {entry:>10}  {}", finding.severity.as_str(), finding.sentence));
}

fn verify_all(
    directory: &Path,
    keys: &BTreeMap<LogId, VerifyingKey>,
    note: Option<&str>,
    tenant: Option<&str>,
) -> Outcome {
    let mut verdict = Verdict::Sound;
    let logs = logs::find(directory)?;
    // Whose note it is: where one log is all there is, the note is held against that, whoever signed it.
    let noted = note.and_then(|note| signer(keys, note)).map(VerifyingKey::log);
    let mut is_compared = note.is_none();
    let only = if keys.len() == 1 { keys.values().next() } else { None };
    let key_of = |id: &Option<LogId>| id.map_or(only, |id| keys.get(&id));
    let named: Vec<Found> = logs.iter().filter_map(|(id, folder)| Found::read(folder, key_of(id)?.log())).collect();
    for (id, folder) in &logs {
        let Some(key) = key_of(id) else {
            say(&format!("{}: not verified, since its key is not among those given", folder.display()));
            verdict = verdict.max(Verdict::Unreadable);
            continue;
        };
        let is_its_own = noted == Some(key.log()) || logs.len() == 1;
        is_compared |= is_its_own;
        let request = Request { key, checkpoint: note.filter(|_| is_its_own), tenant };
        let of_it: Vec<Found> = named.iter().filter(|found| found.log == key.log()).cloned().collect();
        let more = More { found: &of_it, ..More::default() };
        let summary =
            verify_with(folder, &request, &more, &mut |finding| print(&finding)).map_err(|error| error.to_string())?;
        let found = if summary.critical > 0 { Verdict::Tampered } else { Verdict::Sound };
        verdict = verdict.max(found);
        say(&format!(
            "{} {}: {} entries, the first that is kept is {}, {} notes, root {}",
            if found == Verdict::Sound { "sound" } else { "TAMPERED" },
            key.log(),
            summary.size,
            summary.first,
            summary.notes,
            hex::encode(summary.root),
        ));
        if found == Verdict::Sound && request.checkpoint.is_none() {
            say("(no checkpoint was compared: an end that was cut off, or a log that was written anew, is not seen)");
        }
    }
    if !is_compared {
        let sentence = "The note that was given is of none of these logs.".to_owned();
        print(&Finding { severity: Severity::Critical, sequence: None, sentence });
        verdict = verdict.max(Verdict::Tampered);
    }
    // Where the folder of one log is given, the others are not asked for.
    if logs.iter().all(|(_, folder)| folder != directory) {
        verdict = verdict.max(missing(&logs, keys, &named));
    }
    Ok(verdict)
}

/// Logs that must be here and are not. No server removes one.
fn missing(logs: &[(Option<LogId>, PathBuf)], keys: &BTreeMap<LogId, VerifyingKey>, named: &[Found]) -> Verdict {
    let is_here = |log: &LogId| logs.iter().any(|(id, _)| *id == Some(*log));
    let mut verdict = Verdict::Sound;
    for log in keys.keys().filter(|log| !is_here(log)) {
        let sentence = format!("The log {log}, whose key is given, is not here.");
        print(&Finding { severity: Severity::Critical, sequence: None, sentence });
        verdict = Verdict::Tampered;
    }
    for Found { log, by, .. } in named.iter().filter(|found| !is_here(&found.log) && !keys.contains_key(&found.log)) {
        let sentence = format!("The log {log}, which was there when the log {by} was begun, is not here.");
        print(&Finding { severity: Severity::Warning, sequence: None, sentence });
    }
    verdict
}

fn receipt(directory: &Path, document: &str) -> Outcome {
    let receipt = Receipt::parse(document).map_err(|error| error.to_string())?;
    let folder = logs::of(directory, receipt.log)?;
    let line = entry_line(&folder, receipt.entry.sequence).map_err(|error| error.to_string())?;
    match receipt.check(line.as_bytes()) {
        Ok(()) => {
            say(&format!(
                "sound: entry {} records these columns and rows; verify says whether the log was changed",
                receipt.entry.sequence
            ));
            say(&line);
            Ok(Verdict::Sound)
        }
        Err(error @ (ReceiptError::OtherEntry | ReceiptError::OtherAnswer)) => {
            say(&format!("NOT THE ANSWER OF ENTRY {}: {error}", receipt.entry.sequence));
            say(&format!("the entry's hash is {}", hex::encode(leaf_hash(line.as_bytes()))));
            Ok(Verdict::Tampered)
        }
        Err(error) => Err(error.to_string()),
    }
}

fn write_export(log: &Path, what: &Export<'_>) -> Outcome {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let entries = export(log, what, &mut out).map_err(|error| error.to_string())?;
    out.flush().map_err(|error| format!("the export: {error}"))?;
    let _ = writeln!(std::io::stderr(), "{entries} entries");
    Ok(Verdict::Sound)
}

fn exported(file: &Path, keys: &BTreeMap<LogId, VerifyingKey>) -> Outcome {
    let mut problem = None;
    for key in keys.values() {
        let mut findings = Vec::new();
        match verify_export(file, key, &mut |finding| findings.push(finding)) {
            // Another of the keys may be the log's.
            Err(error) => problem = Some(error.to_string()),
            Ok(summary) => {
                findings.iter().for_each(print);
                let is_sound = summary.critical == 0;
                let word = if is_sound { "sound" } else { "TAMPERED" };
                let size = summary.checkpoint.map_or(0, |checkpoint| checkpoint.size);
                say(&format!("{word} {}: {} entries, in the tree of the first {size}", key.log(), summary.entries));
                return Ok(if is_sound { Verdict::Sound } else { Verdict::Tampered });
            }
        }
    }
    Err(problem.unwrap_or_default())
}
