//! The answer in words: which results may be shown to a model, and what becomes of its text.
//!
//! The rows are an answer already, so if the narration fails, only the words are missing.

use super::Asked;
use super::session::{Consultation, Secrets};
use super::spending::{self, AGGREGATE_BYTES, BYTES};
use crate::audit_log;
use crate::budget;
use crate::error::StageResult;
use crate::llm::prompts;
use crate::pgx::pg_try;
use crate::pgx::sink::JsonRows;
use crate::settings;
use crate::settings::model::Narrate;

/// Most rows of a result that is narrated, for aggregates and for any query.
const AGGREGATE_ROWS: usize = 20;
const ROWS: usize = 100;
/// What the narration needs of a result.
pub struct Told<'a> {
    /// The SQL that gave it.
    pub sql: &'a str,
    /// Column names.
    pub columns: Vec<String>,
    /// The rows. The model is shown numbers as numbers, however the document has them.
    pub rows: &'a JsonRows,
    /// How many.
    pub count: usize,
    /// Whether there were more.
    pub truncated: bool,
    /// Whether the outermost query aggregates.
    pub is_aggregate: bool,
    /// Whether the statement names a private column anywhere.
    pub is_private: bool,
}

impl Asked {
    /// The answer in words, where the settings and the result allow it.
    ///
    /// # Errors
    /// A cancel; a fault of the model is only logged.
    pub fn narrate(&mut self, told: &Told<'_>) -> StageResult<Option<String>> {
        let model = settings::model::model();
        let Some(question) = &self.question else { return Ok(None) };
        // Quotes round numbers at most double a text, and the brackets around it are two.
        if !model.names_a_model() || told.rows.text.len() > 2 * BYTES + 2 {
            return Ok(None);
        }
        let rows = told.rows.with_numbers();
        if !may_be_told(settings::model::narrate(), told, rows.len()) {
            return Ok(None);
        }
        let prompt = prompts::narration(
            question,
            prompts::Answer { sql: told.sql, columns: &told.columns, rows_json: &rows, truncated: told.truncated },
            &settings::time_zone(),
            Secrets::fresh()?.nonces(),
        );
        // Where layer 2 had nothing to ask, nothing is reserved yet.
        let reserved = spending::narration(&model, question).map_or(Ok(()), |request| budget::reserve(&[request]));
        if let Err(refusal) = reserved {
            pg_try::log(&format!("did not put the answer into words: {}", refusal.message));
            return Ok(None);
        }
        // Where layer 2 had nothing to ask, the log does not know yet that something leaves the server.
        audit_log::calls::intent()?;
        match Consultation::open(model, self.deadline)?.tell(&prompt, &mut self.tally)? {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                pg_try::log(&format!("could not put the answer into words: {error}{detail}"));
                Ok(None)
            }
        }
    }
}

fn may_be_told(narrate: Narrate, told: &Told<'_>, bytes: usize) -> bool {
    match narrate {
        _ if told.is_private => false,
        Narrate::Off => false,
        Narrate::Aggregate => {
            told.is_aggregate && !told.truncated && told.count <= AGGREGATE_ROWS && bytes <= AGGREGATE_BYTES
        }
        Narrate::Rows => told.count <= ROWS && bytes <= BYTES,
    }
}
