//! Repair: SQL of the model's own that was refused or failed goes back to it with a sanitised error.

use super::session::{Consultation, Decision, Secrets};
use super::{Asked, Source, Understood, UntrustedSql};
use crate::error::{Refusal, StageResult, State};
use crate::llm::{ModelError, prompts};
use crate::settings;

/// Why a reply with SQL and a question back is asked for again.
const BOTH: &str =
    "both sql and clarification were filled in; fill in exactly one of them and leave the other one empty";

impl Asked {
    /// Asks the model for another statement. `None` when another try is pointless: not its own SQL, an error that
    /// no other SQL would avoid, or the same SQL again. `touched_values` says that the error came after the proof.
    ///
    /// # Errors
    /// A fault of the model.
    pub fn repair(
        &mut self,
        failed: &UntrustedSql,
        refusal: &Refusal,
        touched_values: bool,
    ) -> StageResult<Option<Understood>> {
        if failed.source != Source::Model {
            return Ok(None);
        }
        let Some(error) = sanitised(refusal, touched_values) else { return Ok(None) };
        Ok(match self.rewritten(failed, &error)? {
            Some(Understood::Sql(sql)) if is_same(&sql.text, &failed.text) => None,
            rewritten => rewritten,
        })
    }

    /// Asks again for SQL or a question back, where the model gave both.
    ///
    /// # Errors
    /// A fault of the model.
    pub fn decide_between(&mut self, both: &UntrustedSql) -> StageResult<Understood> {
        let again = self.rewritten(both, BOTH)?;
        again.ok_or_else(|| Refusal::internal("a question without its material was put to a model"))
    }

    /// What is refused when the model keeps giving both.
    pub fn refuse_both() -> Refusal {
        Refusal::from(ModelError::Reply("it holds both SQL and a clarification"))
    }

    fn rewritten(&mut self, failed: &UntrustedSql, error: &str) -> StageResult<Option<Understood>> {
        let (Some(question), Some(brief)) = (&self.question, &self.brief) else { return Ok(None) };
        let prompt = prompts::repair(&brief.knowledge(), question, &failed.text, error, Secrets::fresh()?.nonces());
        let consultation = Consultation::open(settings::model::model(), self.deadline)?;
        let of_model = |text| UntrustedSql { text, source: Source::Model };
        Ok(match consultation.rewrite(&prompt, &mut self.tally)? {
            Decision::Written(text) => Some(Understood::Sql(of_model(text))),
            Decision::Both(text) => Some(Understood::Both(of_model(text))),
            Decision::Declined(declined) => Some(Understood::Declined(declined)),
            Decision::Allowed => None,
        })
    }
}

fn is_same(new: &str, old: &str) -> bool {
    let words = |text: &str| {
        text.trim_end_matches([';', ' ', '\n', '\t', '\r']).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    words(new) == words(old)
}

/// The error as the model may see it; `None` for one that other SQL would not avoid.
///
/// Up to the proof, messages are made of names that the model wrote. From planning on, functions run and a message may
/// quote a row, and a claim that does not fit its column is quoted even before: there only the SQLSTATE is given, in
/// constant words.
fn sanitised(refusal: &Refusal, touched_values: bool) -> Option<String> {
    match refusal.state {
        State::OutsidePlane
        | State::UnknownRelation
        | State::NotAdmitted
        | State::Syntax
        | State::TooComplex
        | State::ResultShape => {
            let message = if touched_values { "the query fails when it is run" } else { refusal.message.as_str() };
            Some(message.to_owned())
        }
        State::Server(_) => from_server(&refusal.state.sqlstate(), &refusal.message, touched_values),
        State::Identity
        | State::Limit
        | State::Cancelled
        | State::Argument
        | State::UnknownObject
        | State::DuplicateObject
        | State::Unsafe
        | State::ModelUnreachable
        | State::ModelRefused
        | State::DataServer
        | State::Internal => None,
    }
}

fn from_server(state: &str, message: &str, touched_values: bool) -> Option<String> {
    match state.get(..2)? {
        "42" | "0A" if !touched_values => Some(message.to_owned()),
        "42" | "0A" => Some(format!("the query fails when it is run ({state})")),
        "21" => Some("a subquery used as one value gives more than one row (21000)".to_owned()),
        "23" => Some(format!("a value does not fit its domain ({state})")),
        "22" => Some(match state {
            "22012" => "division by zero (22012)".to_owned(),
            "22003" => "a number is out of range (22003)".to_owned(),
            "22P02" | "22007" | "22008" => format!("a value cannot be converted to the type asked for ({state})"),
            _ => format!("a value does not fit an operation of the query ({state})"),
        }),
        _ => None,
    }
}
