//! `splitplane.check_model()`: one small call for each purpose, so that an administrator sees what a model and its endpoint
//! answer before anybody asks. The material is made up: nothing of the plane is sent.

use super::refuse_without_model;
use super::session::{Consultation, Secrets};
use crate::error::StageResult;
use crate::llm::prompts::{self, Answer, Knowledge};
use crate::llm::verdict;
use crate::llm::writing::{self, Writing};
use crate::llm::{ModelError, ModelSettings};
use crate::pgx::wait;
use crate::settings;
use crate::statistics::checks::{self, Checked, PURPOSES};
use crate::statistics::labels::Purpose;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{self, StreamExt};
use std::time::{Duration, Instant};

const QUESTION: &str = "How many orders are there?";
const PLANE: &str = "TABLE orders (order_id integer PRIMARY KEY, total numeric)";
const SQL: &str = "SELECT count(*) AS orders FROM orders";

/// What came, or a fault.
type Outcome = Result<String, ModelError>;

/// Calls each model once, within `splitplane.deadline`, and keeps the result for `doctor()`.
///
/// # Errors
/// 55000 without a model, 57014 at a cancel. A fault of a model is its row.
pub fn check_model() -> StageResult<Vec<Checked>> {
    refuse_without_model()?;
    let model = settings::model::model();
    let second = settings::evaluation::shadow_model();
    let is_configured = |purpose: &&str| match *purpose {
        "shadow" => second.is_some(),
        "guardrail" => !model.guardrail.is_empty(),
        _ => true,
    };
    let purposes: Vec<&'static str> = PURPOSES.into_iter().filter(is_configured).collect();
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(settings::deadline()).unwrap_or(0));
    let beside = |second: &String| ModelSettings { model: second.clone(), ..model.clone() };
    let opened = Consultation::open(model.clone(), deadline).and_then(|first| {
        let second = second.as_ref().map(|second| Consultation::open(beside(second), deadline)).transpose()?;
        Ok(Consultations { first, second })
    });
    let rows = match opened {
        Ok(consultations) => called(&consultations, &purposes, deadline)?,
        Err(refusal) => {
            let row = |purpose: &&'static str| Checked { purpose, ok: false, detail: refusal.message.clone() };
            purposes.iter().map(row).collect()
        }
    };
    checks::keep(&model, second.as_deref(), &rows);
    Ok(rows)
}

/// With the models that answer, and with the one beside them.
struct Consultations {
    first: Consultation,
    second: Option<Consultation>,
}

fn called(consultations: &Consultations, purposes: &[&'static str], deadline: Instant) -> StageResult<Vec<Checked>> {
    let secrets = Secrets::fresh()?;
    let secrets = &secrets;
    let at_once = if settings::model::calls_are_sequential() { 1 } else { PURPOSES.len() };
    let work = stream::iter(purposes.iter().map(|purpose| async move {
        let begun = Instant::now();
        let outcome = call(consultations, purpose, secrets).await;
        let (ok, detail) = match outcome {
            Ok(what) => (true, format!("{what}, after {} ms", begun.elapsed().as_millis())),
            Err(error) => (false, told(&error)),
        };
        Checked { purpose, ok, detail }
    }));
    // The client keeps the deadline itself, call by call; a little later the wait would.
    let rows = wait::wait(deadline + Duration::from_secs(1), work.buffered(at_once).collect());
    consultations.first.log_notes();
    consultations.second.iter().for_each(Consultation::log_notes);
    rows
}

/// For an administrator: with the provider's own sentence.
fn told(error: &ModelError) -> String {
    match error.detail() {
        Some(detail) => format!("{error}: {detail}"),
        None => error.to_string(),
    }
}

fn call<'c>(consultations: &'c Consultations, purpose: &str, secrets: &'c Secrets) -> LocalBoxFuture<'c, Outcome> {
    let consultation = &consultations.first;
    let knowledge = Knowledge {
        is_whole: true,
        plane: PLANE,
        metrics: &[],
        examples: &[],
        history: &[],
        today: "2026-01-01 12:00",
        time_zone: "UTC",
    };
    let nonces = secrets.nonces();
    match purpose {
        "validate" => {
            let prompt = prompts::validation(&knowledge, QUESTION, nonces);
            Box::pin(async move {
                let read = |value: &_| verdict::read(value, QUESTION);
                let judgement = consultation.asked(Purpose::Validate, &prompt, None, read).await?;
                Ok(format!("a verdict ({})", judgement.verdict.as_str()))
            })
        }
        "write" => {
            let prompt = prompts::generation(&knowledge, QUESTION, nonces);
            Box::pin(async move { wrote(consultation.asked(Purpose::Write, &prompt, None, writing::read).await?) })
        }
        "shadow" => {
            let prompt = prompts::generation(&knowledge, QUESTION, nonces);
            Box::pin(async move {
                let second = consultations.second.as_ref();
                let second = second.ok_or_else(|| ModelError::Configuration("no second model".to_owned()))?;
                wrote(second.asked(Purpose::Shadow, &prompt, None, writing::read).await?)
            })
        }
        "narrate" => {
            let columns = ["orders".to_owned()];
            let answer = Answer { sql: SQL, columns: &columns, rows_json: "[[3]]", truncated: false };
            let prompt = prompts::narration(QUESTION, answer, "UTC", nonces);
            Box::pin(async move {
                let text = consultation.asked(Purpose::Narrate, &prompt, None, writing::read_answer).await?;
                Ok(format!("an answer of {} characters", text.chars().count()))
            })
        }
        _ => Box::pin(async move {
            match consultation.guarded(QUESTION).await? {
                true => Ok("it lets a question pass".to_owned()),
                false => Err(ModelError::Reply("the guardrail stops a harmless question")),
            }
        }),
    }
}

fn wrote(writing: Writing) -> Outcome {
    match writing {
        Writing::Sql(_) => Ok("SQL".to_owned()),
        Writing::Clarification(_) => Ok("a question back".to_owned()),
        Writing::Both(_) => Err(ModelError::Reply("it holds both SQL and a clarification")),
    }
}
