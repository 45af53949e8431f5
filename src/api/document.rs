//! The JSON documents that `ask` and `ask_dry_run` return.

use crate::audit::receipt;
use crate::audit_log::Written;
use crate::calls;
use crate::error::{Refusal, StageResult};
use crate::pgx::sink::JsonRows;
use crate::prove::ProofFacts;
use crate::question::{Asked, Declined, UntrustedSql};
use crate::remote::Form;
use crate::timings::Timings;
use serde_json::{Value, json};
use uuid::Uuid;

/// What `ask_dry_run` shows.
pub struct DryRun {
    /// The fences and the untrusted text, as one SQL text.
    pub plane_sql: String,
    /// (type, value) of each parameter.
    pub parameters: Vec<(String, String)>,
    /// (name, type) of each result column.
    pub columns: Vec<(String, String)>,
    /// What was proved.
    pub facts: ProofFacts,
    /// What only administrators are shown.
    pub seen: Option<Seen>,
}

/// What depends on every tenant's rows, or on the plan.
pub struct Seen {
    /// EXPLAIN.
    pub plan: String,
    /// (relation, condition) that no index may be searched by.
    pub untrusted: Vec<(String, String)>,
}

/// What an answered call says.
pub struct Answered<'a> {
    /// Name and type of each result column, as JSON.
    pub columns: &'a str,
    /// The rows.
    pub rows: &'a JsonRows,
    /// The SQL that gave them.
    pub sql: &'a UntrustedSql,
    /// The answer in words.
    pub answer: Option<&'a str>,
    /// The form of the data server that gave them, where that takes no claims.
    pub form: Option<Form>,
    /// Its entry in the audit log.
    pub recorded: Option<Written>,
}

/// The document of an answered call. The rows are PostgreSQL's own JSON text and are not parsed here: numbers keep
/// every digit.
pub fn answered(answered: &Answered<'_>, asked: &Asked, timings: &Timings) -> StageResult<String> {
    let mut head = json!({
        "outcome": "answered",
        "query_id": query_id(),
        "row_count": answered.rows.count,
        "truncated": answered.rows.truncated,
        "sql": answered.sql.text(),
        "source": answered.sql.source().as_str(),
        "answer": answered.answer,
        "usage": usage_json(asked),
        "timings_ms": timings_json(timings),
    });
    name_conversation(&mut head, asked);
    name_form(&mut head, answered.form);
    if let (Some(written), Some(fields)) = (&answered.recorded, head.as_object_mut()) {
        fields.insert("audit".to_owned(), receipt::reference(&written.log, &written.link));
    }
    let head = head.to_string();
    let head = head.strip_suffix('}').unwrap_or_default();
    let parts = [head, ",\"columns\":", answered.columns, ",\"rows\":", &answered.rows.text, "}"];
    let mut document = String::new();
    // All of it at once, with room for the NUL that a C string ends in: the rows may be the largest thing that Rust holds.
    let length = parts.iter().map(|part| part.len()).sum::<usize>().saturating_add(1);
    document.try_reserve_exact(length).map_err(|_| Refusal::out_of_memory())?;
    parts.iter().for_each(|part| document.push_str(part));
    Ok(document)
}

/// Name and type of each column, as JSON text.
pub fn columns(columns: &[(String, String)]) -> String {
    columns_json(columns).to_string()
}

/// The document of a question that was not answered: a request for clarification, or the reason.
pub fn declined(declined: &Declined, asked: &Asked, timings: &Timings) -> String {
    let mut document = json!({
        "outcome": declined.outcome.as_str(),
        "query_id": query_id(),
        "message": declined.message,
        "usage": usage_json(asked),
        "timings_ms": timings_json(timings),
    });
    name_conversation(&mut document, asked);
    document.to_string()
}

/// The conversation's id, in the documents of those calls that belong to one.
fn name_conversation(document: &mut Value, asked: &Asked) {
    if let (Some(id), Some(fields)) = (asked.conversation_id(), document.as_object_mut()) {
        fields.insert("conversation".to_owned(), json!(id));
    }
}

/// By what form of a data server the rows were bound, where one fence fewer bound them.
fn name_form(document: &mut Value, form: Option<Form>) {
    if let (Some(form), Some(fields)) = (form, document.as_object_mut()) {
        fields.insert("data_server".to_owned(), json!(form.name()));
    }
}

/// The number of the call that runs.
fn query_id() -> String {
    calls::read(|call| call.query_id).unwrap_or_else(Uuid::new_v4).to_string()
}

fn usage_json(asked: &Asked) -> Value {
    let tally = asked.tally();
    json!({
        "model_calls": tally.calls,
        "input_tokens": tally.usage.input_tokens,
        "output_tokens": tally.usage.output_tokens,
    })
}

/// The document of a dry run.
pub fn dry_run(shown: &DryRun, sql: &UntrustedSql, asked: &Asked, timings: &Timings) -> String {
    let parameters: Vec<Value> = shown
        .parameters
        .iter()
        .enumerate()
        .map(|(index, (type_name, value))| json!({"number": index + 1, "type": type_name, "value": value}))
        .collect();
    let mut document = json!({
        "outcome": "dry_run",
        "query_id": query_id(),
        "sql": sql.text(),
        "source": sql.source().as_str(),
        "usage": usage_json(asked),
        "plane_sql": shown.plane_sql,
        "parameters": parameters,
        "columns": columns_json(&shown.columns),
        "proved": {
            "relations": shown.facts.relations,
            "functions": shown.facts.functions,
            "expressions": shown.facts.expressions,
            "private_columns": shown.facts.private,
            "row_level_security": shown.facts.form.is_none(),
        },
        "timings_ms": timings_json(timings),
    });
    name_form(&mut document, shown.facts.form);
    if let (Some(seen), Some(fields)) = (&shown.seen, document.as_object_mut()) {
        fields.insert("plan".to_owned(), json!(seen.plan.lines().collect::<Vec<_>>()));
        let untrusted = seen.untrusted.iter().map(|(relation, text)| json!({"relation": relation, "condition": text}));
        fields.insert("untrusted_conditions".to_owned(), untrusted.collect());
    }
    document.to_string()
}

fn columns_json(columns: &[(String, String)]) -> Value {
    columns.iter().map(|(name, type_name)| json!({"name": name, "type": type_name})).collect()
}

fn timings_json(timings: &Timings) -> Value {
    let rounded = |microseconds: f64| (microseconds).round() / 1_000.0;
    timings.laps.iter().map(|(stage, microseconds)| ((*stage).to_owned(), json!(rounded(*microseconds)))).collect()
}
