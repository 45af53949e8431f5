//! What a question may cost of models at most, to be reserved from its tenant's budgets before any of them is asked.
//!
//! What a prompt will hold is counted in bytes, of which a token has at least one; where it is not known yet it is taken at what the
//! settings let in. A request that turns out larger than what is left of the reservation is not sent.

use super::context::{self, Brief};
use super::registered;
use crate::budget::amount::Measure;
use crate::budget::{self, Request};
use crate::error::StageResult;
use crate::llm::client::HIDDEN_TOKENS;
use crate::llm::prompts::{self, Nonces};
use crate::llm::{ModelSettings, Prompt};
use crate::settings::model::Narrate;
use crate::settings::{self, evaluation};

/// Most bytes of rows that enter a prompt: few for aggregates, since array_agg and the like gather what was not summed up.
pub(super) const AGGREGATE_BYTES: usize = 2 * 1_024;
pub(super) const BYTES: usize = 16 * 1_024;
/// Most bytes of our own instructions, names of fields, and an error.
const INSTRUCTIONS: usize = 16 * 1_024;
/// Bytes that are sent for one of a text: quotes and line ends are escaped.
const ESCAPED: usize = 2;
/// Bytes of a token, as `splitplane.prompt_budget` counts them, with what is escaped in them.
const TOKEN_BYTES: usize = 4;

/// Most bytes of SQL that goes back to a model: what it wrote itself.
fn sql_bytes(model: &ModelSettings) -> usize {
    TOKEN_BYTES.saturating_mul(usize::try_from(model.most_tokens.sql).unwrap_or(usize::MAX))
}

/// What will be asked.
pub(super) struct Plan<'a> {
    /// Whom.
    pub(super) model: &'a ModelSettings,
    /// By whom.
    pub(super) question: &'a str,
    /// Which tables it needs, if that is asked first.
    pub(super) tables: Option<Prompt>,
    /// What is known, unless that hangs on the tables.
    pub(super) brief: Option<&'a Brief>,
    /// Whether SQL is to be written.
    pub(super) write: bool,
    /// By whom besides.
    pub(super) shadow: Option<&'a str>,
}

impl Plan<'_> {
    /// Reserves it.
    ///
    /// # Errors
    /// 53400 over a budget, and those of [`budget::reserve`].
    pub(super) fn reserve(&self) -> StageResult<()> {
        budget::reserve(&self.requests())
    }

    fn requests(&self) -> Vec<Request> {
        let Plan { model, question, tables, brief, write, shadow } = self;
        let (writer, validator) = (&model.model, &model.validator_model);
        let validator = if validator.is_empty() { writer } else { validator };
        let unknown = TOKEN_BYTES * settings::model::prompt_budget() + ESCAPED * question.len() + INSTRUCTIONS;
        let bytes = |prompt: &dyn Fn(&Brief) -> Prompt| brief.map_or(unknown, |brief| prompt(brief).most_bytes());
        let most = model.most_tokens;
        let mut requests = Vec::new();
        if let Some(prompt) = tables {
            requests.push(request(model, validator, prompt.most_bytes(), most.verdict));
        }
        if settings::model::validation_is_required() {
            let bytes = bytes(&|brief| prompts::validation(&brief.knowledge(), question, NONCES));
            requests.push(request(model, validator, bytes, most.verdict));
        }
        if *write {
            let bytes = bytes(&|brief| prompts::generation(&brief.knowledge(), question, NONCES));
            requests.push(request(model, writer, bytes, most.sql));
            requests.extend(shadow.map(|shadow| request(model, shadow, bytes, most.sql)));
            let repair = bytes + ESCAPED * sql_bytes(model) + INSTRUCTIONS;
            requests.extend((0..settings::model::max_repairs()).map(|_| request(model, writer, repair, most.sql)));
        }
        requests.extend(narration(model, question));
        requests
    }
}

/// As long as those that are sent.
const NONCES: Nonces<'static> = Nonces { secret: b"", fresh: "0000000000000000" };

fn request(settings: &ModelSettings, model: &str, bytes: usize, output: u32) -> Request {
    /// Names of the fields of effort and tier.
    const NAMES: usize = 128;
    let added = settings.request_fields.len() + settings.effort.len() + settings.service_tier.len() + NAMES;
    let input_tokens = u64::try_from(bytes.saturating_add(added)).unwrap_or(u64::MAX).saturating_add(HIDDEN_TOKENS);
    Request { model: model.to_owned(), input_tokens, output_tokens: u64::from(output) }
}

/// An answer in words, where the settings let one be asked for.
pub(super) fn narration(model: &ModelSettings, question: &str) -> Option<Request> {
    let rows = match settings::model::narrate() {
        Narrate::Off => return None,
        Narrate::Aggregate => AGGREGATE_BYTES,
        Narrate::Rows => BYTES,
    };
    let bytes = ESCAPED * (question.len() + sql_bytes(model) + rows) + INSTRUCTIONS;
    Some(request(model, &model.model, bytes, model.most_tokens.answer))
}

/// What a call of this database reserves of each measure, with a short question that is new.
///
/// # Errors
/// 55000 while the plane is closed.
pub fn budget_needs() -> StageResult<Vec<(Measure, Option<u64>)>> {
    const QUESTION: &str = "How many are there?";
    let model = settings::model::model();
    if !model.names_a_model() {
        return budget::needs(&[]);
    }
    let names = context::names_to_choose_from(QUESTION)?;
    let tables = names.map(|names| prompts::tables(&names, QUESTION, &[], NONCES));
    let shadow = evaluation::shadow().map(|(model, _)| model);
    let shadow = shadow.as_deref();
    let brief = Brief::gather(&*registered::current()?, QUESTION, &[], &[], true)?;
    budget::needs(
        &Plan { model: &model, question: QUESTION, tables, brief: Some(&brief), write: true, shadow }.requests(),
    )
}
