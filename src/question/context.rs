//! What a model is shown besides the question: names, types and comments of the plane, metrics, examples, earlier turns
//! of the same principal, the date. Never a row, never a value, never a tenant.

use super::description;
use super::registered::Questions;
use crate::error::{Refusal, StageResult, State};
use crate::llm::prompts::{Example, Knowledge, Metric, Turn};
use crate::llm::relevance::{self, Part};
use crate::pgx::spi::read::Lookup;
use crate::settings;

/// Most verified queries that are shown as examples.
const EXAMPLES: usize = 4;
/// Share of the budget that metrics and examples may take, as a divisor.
const SHARE: usize = 3;

thread_local! {
    static TODAY: Lookup = const { Lookup::new(TODAY_SQL, 1) };
}

const TODAY_SQL: &str =
    "SELECT pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE $1, 'FMDay, YYYY-MM-DD HH24:MI')";

/// The material of one question.
pub(super) struct Brief {
    plane: String,
    is_whole: bool,
    metrics: Vec<Metric>,
    examples: Vec<Example>,
    history: Vec<Turn>,
    today: String,
    time_zone: String,
}

impl Brief {
    /// Gathers what bears on the question, of what is `known` to be answered, within `splitplane.prompt_budget`. `wanted`: names of tables that are to be shown first.
    /// Only a writer gets the date: a verdict must not depend on it.
    pub(super) fn gather(
        known: &Questions,
        question: &str,
        history: &[Turn],
        wanted: &[String],
        write: bool,
    ) -> StageResult<Self> {
        let budget = settings::model::prompt_budget();
        let mut left = budget / SHARE;
        let metrics: Vec<Metric> = known
            .metrics
            .iter()
            .map(|metric| Metric {
                name: metric.name.clone(),
                description: metric.description.clone(),
                synonyms: metric.synonyms.clone(),
                sql: metric.sql.clone(),
            })
            .collect();
        let metrics = fitting(metrics, &mut left, |metric| {
            [metric.name.as_str(), &metric.description, &metric.sql].map(relevance::tokens).iter().sum()
        });
        // All metrics are shown as such: they take no example's place. What they read must be shown, too.
        let near = known.catalogue.near(question, usize::MAX);
        let meant: Vec<&str> =
            near.iter().filter(|known| known.is_metric).take(EXAMPLES).map(|known| known.sql.as_str()).collect();
        let near: Vec<Example> = near
            .into_iter()
            .filter(|known| !known.is_metric)
            .take(EXAMPLES)
            .map(|known| Example { question: known.question.clone(), sql: known.sql.clone() })
            .collect();
        let examples = fitting(near, &mut left, |example| {
            relevance::tokens(&example.question).saturating_add(relevance::tokens(&example.sql))
        });
        let history = latest(history, &mut left);
        let parts = description::parts()?;
        let is_empty = parts.is_empty();
        let left = budget.saturating_sub(budget / SHARE).saturating_add(left);
        let (plane, is_whole) = chosen(&parts, wanted, question, &meant, &history, &examples, left);
        if plane.is_empty() && !is_empty {
            return Err(Refusal::new(
                State::Limit,
                "no table's description fits into splitplane.prompt_budget; raise it, or shorten comments",
            ));
        }
        let time_zone = settings::time_zone();
        let today = if write { today(&time_zone)? } else { String::new() };
        Ok(Brief { plane, is_whole, metrics, examples, history, today, time_zone })
    }

    /// The same as the prompts take it.
    pub(super) fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            plane: &self.plane,
            is_whole: self.is_whole,
            metrics: &self.metrics,
            examples: &self.examples,
            history: &self.history,
            today: &self.today,
            time_zone: &self.time_zone,
        }
    }
}

/// The names of all tables, where a prompt cannot hold the whole plane and the words of the question do not say which of them it is
/// about.
pub(super) fn names_to_choose_from(question: &str) -> StageResult<Option<Vec<String>>> {
    let budget = settings::model::prompt_budget();
    let parts = description::parts()?;
    if relevance::fits(&parts, budget - budget / SHARE) || relevance::speaks_of(&parts, question) {
        return Ok(None);
    }
    Ok(Some(relevance::names(&parts, &[question], budget)))
}

/// Those that fit into what is left of the budget, in their order.
fn fitting<T>(all: Vec<T>, left: &mut usize, tokens: impl Fn(&T) -> usize) -> Vec<T> {
    all.into_iter()
        .filter(|one| {
            let rest = left.checked_sub(tokens(one));
            *left = rest.unwrap_or(*left);
            rest.is_some()
        })
        .collect()
}

/// The latest turns that fit into what is left of the budget, oldest first. A caller's own SQL may be long.
fn latest(turns: &[Turn], left: &mut usize) -> Vec<Turn> {
    let newest_first = turns.iter().rev().cloned().collect();
    let mut taken = fitting(newest_first, left, |turn: &Turn| {
        relevance::tokens(&turn.question).saturating_add(turn.sql.as_deref().map_or(0, relevance::tokens))
    });
    taken.reverse();
    taken
}

/// The description of what bears on the question, and whether that is all of the plane.
fn chosen(
    parts: &[Part],
    wanted: &[String],
    question: &str,
    metrics: &[&str],
    history: &[Turn],
    examples: &[Example],
    budget: usize,
) -> (String, bool) {
    let mut hints = vec![question];
    hints.extend(metrics);
    hints.extend(history.iter().map(|turn| turn.question.as_str()));
    hints.extend(examples.iter().map(|example| example.sql.as_str()));
    let texts: Vec<&str> =
        relevance::choose(parts, wanted, &hints, budget).into_iter().map(|part| part.text.as_str()).collect();
    (texts.join("\n"), texts.len() == parts.len())
}

fn today(time_zone: &str) -> StageResult<String> {
    let rows = TODAY.with(|lookup| lookup.rows(&[time_zone]))?;
    Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
}
