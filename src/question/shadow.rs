//! A second model beside the first: it writes SQL for a share of the questions, which is compared and given to nobody.
//!
//! Whatever goes wrong here is counted and forgotten; it never reaches the first model's answer.

use super::session::{Beside, Consultation, Tally};
use super::{Asked, Source, UntrustedSql};
use crate::catalog::key_file;
use crate::error::{Refusal, StageResult};
use crate::llm::writing::Writing;
use crate::llm::{ModelError, ModelSettings, Prompt};
use crate::pgx::wait;
use crate::settings::evaluation;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

type Coming = Pin<Box<dyn Future<Output = Result<Writing, ModelError>>>>;

/// A second model's call.
pub(super) struct Shadow {
    model: String,
    consultation: Rc<Consultation>,
    coming: Pending,
    came: Option<Result<Writing, ModelError>>,
    counted: Rc<Cell<Tally>>,
}

/// A call that may be under way.
#[derive(Default)]
struct Pending(Option<Coming>);

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(coming) = self.0.take() {
            wait::discard(coming);
        }
    }
}

/// The second model, if this question is one of its share.
pub(super) fn drawn() -> StageResult<Option<String>> {
    let Some((model, share)) = evaluation::shadow() else { return Ok(None) };
    let bytes = key_file::random::<4>().map_err(Refusal::no_random_bytes)?;
    let lot = f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0);
    Ok((lot < share).then_some(model))
}

impl Shadow {
    /// `None` where it cannot be asked.
    pub(super) fn open(second: String, first: &ModelSettings, deadline: Instant) -> Option<Self> {
        let settings = ModelSettings { model: second.clone(), ..first.clone() };
        let consultation = Rc::new(Consultation::open(settings, deadline).ok()?);
        Some(Shadow { model: second, consultation, coming: Pending::default(), came: None, counted: Rc::default() })
    }
}

impl Beside for Shadow {
    fn begin(&mut self, prompt: &Prompt) {
        let (consultation, counted, prompt) = (Rc::clone(&self.consultation), Rc::clone(&self.counted), prompt.clone());
        self.coming = Pending(Some(Box::pin(async move { consultation.write_beside(&prompt, &counted).await })));
    }

    fn come(&mut self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(async {
            if let Some(coming) = &mut self.coming.0 {
                self.came = Some(coming.await);
                self.coming.0 = None;
            }
        })
    }
}

/// What a second model wrote.
pub struct Second {
    /// Who.
    pub model: String,
    /// `None` where it has not answered yet; its SQL, or that it has written none.
    pub came: Option<Option<UntrustedSql>>,
}

impl Asked {
    /// What the second model has written, waited for until `deadline`; `None` where none was asked.
    ///
    /// # Errors
    /// A cancel of the caller's.
    pub fn second(&mut self, deadline: Instant) -> StageResult<Option<Second>> {
        let Some(mut shadow) = self.shadow.take() else { return Ok(None) };
        let waited = if shadow.came.is_some() { Ok(()) } else { wait::wait(deadline, shadow.come()) };
        let came = shadow.came.take().filter(|_| waited.is_ok()).map(|came| match came {
            Ok(Writing::Sql(text)) => Some(UntrustedSql { text, source: Source::Model }),
            Ok(Writing::Clarification(_) | Writing::Both(_)) | Err(_) => None,
        });
        Ok(Some(Second { model: shadow.model, came }))
    }
}
