//! `splitplane.validate(questions)`: many verdicts at once, for tuning comments and models. Nothing is run.

use super::context::Brief;
use super::refuse_without_model;
use super::registered;
use super::session::{Consultation, Secrets};
use crate::error::{Refusal, StageResult, State};
use crate::llm::screen::{self, Screened};
use crate::llm::verdict::Judgement;
use crate::llm::{ModelError, Prompt, prompts};
use crate::pgx::{pg_try, wait};
use crate::settings;
use futures_util::stream::{self, StreamExt};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Most questions of one call.
const MOST: usize = 1_000;

/// One question's verdict.
pub struct Validated {
    /// The question.
    pub question: String,
    /// `allow`, `clarify`, `out_of_scope` or `reject`; `None` when there is none, and `message` says why.
    pub verdict: Option<&'static str>,
    /// The model's reason.
    pub reason: String,
    /// The model's message, or the fault.
    pub message: String,
}

enum Prepared {
    Ask(Prompt),
    Known(Validated),
}

/// Validates every question, `splitplane.validate_concurrency` at a time, within `splitplane.deadline`. The cache is
/// neither read nor filled.
///
/// # Errors
/// 22023 for too many questions, 55000 without a model. An error of one question is reported in its row.
pub fn validate(questions: Vec<String>) -> StageResult<Vec<Validated>> {
    if questions.len() > MOST {
        return Err(Refusal::new(State::Argument, format!("more than {MOST} questions at once")));
    }
    refuse_without_model()?;
    let model = settings::model::model();
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(settings::deadline()).unwrap_or(0));
    let consultation = Consultation::open(model, deadline)?;
    let prepared =
        questions.into_iter().map(|question| Ok((prepare(&question)?, question))).collect::<StageResult<Vec<_>>>()?;
    let consultation = &consultation;
    // What the log has of them, each once: a thousand questions may fail alike.
    let faults = RefCell::new(BTreeSet::new());
    let faults = &faults;
    let work = stream::iter(prepared.into_iter().map(|(prepared, question)| async move {
        match prepared {
            Prepared::Known(validated) => validated,
            Prepared::Ask(prompt) => match consultation.judge(&prompt, &question).await {
                Ok(judgement) => judged(question, judgement),
                Err(error) => {
                    if let Some(detail) = error.detail() {
                        faults.borrow_mut().insert(format!("no verdict ({error}): {detail}"));
                    }
                    faulty(question, &error)
                }
            },
        }
    }));
    // The client keeps the deadline itself, question by question; a little later the wait would.
    let patience = deadline + Duration::from_secs(1);
    let outcome = wait::wait(patience, work.buffered(settings::model::validate_concurrency()).collect());
    consultation.log_notes();
    faults.borrow().iter().for_each(|fault| pg_try::log(fault));
    outcome
}

fn prepare(question: &str) -> StageResult<Prepared> {
    Ok(match screen::check(question, settings::model::max_question_bytes()) {
        Ok(Screened::Question) => {
            let brief = Brief::gather(&*registered::current()?, question, &[], &[], false)?;
            Prepared::Ask(prompts::validation(&brief.knowledge(), question, Secrets::fresh()?.nonces()))
        }
        Ok(Screened::Suspicious(why)) => Prepared::Known(Validated {
            question: question.to_owned(),
            verdict: Some("reject"),
            reason: why.to_owned(),
            message: "rejected before any model saw it".to_owned(),
        }),
        Err(error) => Prepared::Known(Validated {
            question: question.to_owned(),
            verdict: None,
            reason: String::new(),
            message: Refusal::from(error).message,
        }),
    })
}

fn judged(question: String, judgement: Judgement) -> Validated {
    let verdict = Some(judgement.verdict.as_str());
    Validated { question, verdict, reason: judgement.reason, message: judgement.message }
}

fn faulty(question: String, error: &ModelError) -> Validated {
    Validated { question, verdict: None, reason: String::new(), message: error.to_string() }
}
