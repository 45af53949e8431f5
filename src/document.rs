//! The JSON documents that `ask` and `ask_dry_run` return.

use crate::api::Timings;
use crate::guard::ProofFacts;
use crate::pgx::run::JsonRows;
use serde_json::{Value, json};
use std::fmt::Write;
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
    /// EXPLAIN, for administrators.
    pub plan: Option<String>,
}

/// The document of an answered call. The rows are PostgreSQL's own JSON text and are not parsed here: numbers keep
/// every digit.
pub fn answered(columns: &[(String, String)], rows: &JsonRows, sql: &str, timings: &Timings) -> String {
    let head = json!({
        "outcome": "answered",
        "query_id": Uuid::new_v4().to_string(),
        "columns": columns_json(columns),
        "row_count": rows.count,
        "truncated": rows.truncated,
        "sql": sql,
        "source": "caller",
        "answer": Value::Null,
        "timings_ms": timings_json(timings),
    });
    let mut document = head.to_string();
    document.pop();
    // Writing to a String cannot fail.
    let _ = write!(document, ",\"rows\":{}}}", rows.text);
    document
}

/// The document of a dry run.
pub fn dry_run(shown: &DryRun, sql: &str, timings: &Timings) -> String {
    let parameters: Vec<Value> = shown
        .parameters
        .iter()
        .enumerate()
        .map(|(index, (type_name, value))| json!({"number": index + 1, "type": type_name, "value": value}))
        .collect();
    let mut document = json!({
        "outcome": "dry_run",
        "query_id": Uuid::new_v4().to_string(),
        "sql": sql,
        "source": "caller",
        "plane_sql": shown.plane_sql,
        "parameters": parameters,
        "columns": columns_json(&shown.columns),
        "proved": {
            "relations": shown.facts.relations,
            "functions": shown.facts.functions,
            "expressions": shown.facts.expressions,
            "private_columns": shown.facts.private,
            "row_level_security": true,
        },
        "timings_ms": timings_json(timings),
    });
    if let (Some(plan), Some(fields)) = (&shown.plan, document.as_object_mut()) {
        fields.insert("plan".to_owned(), json!(plan.lines().collect::<Vec<_>>()));
    }
    document.to_string()
}

fn columns_json(columns: &[(String, String)]) -> Value {
    columns.iter().map(|(name, type_name)| json!({"name": name, "type": type_name})).collect()
}

fn timings_json(timings: &Timings) -> Value {
    let rounded = |microseconds: f64| (microseconds).round() / 1_000.0;
    timings.0.iter().map(|(stage, microseconds)| ((*stage).to_owned(), json!(rounded(*microseconds)))).collect()
}
