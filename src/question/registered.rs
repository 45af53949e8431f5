//! Verified queries and metrics: the questions whose answer an administrator has verified.
//!
//! Read once for each state of the plane: any change of these tables makes the plane stale as well.

use crate::catalog::current_plane;
use crate::catalog::plane::Plane;
use crate::catalog::row::{text, unreadable};
use crate::error::{Refusal, StageResult, State, clip};
use crate::llm::matching::{Catalogue, Known};
use crate::pgx::spi::read::Lookup;
use std::cell::RefCell;
use std::rc::Rc;

/// A question with the SQL that answers it, proved when it was registered.
#[derive(Debug, Clone)]
struct VerifiedQuery {
    /// Its name.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// The SQL that answers it.
    pub sql: String,
    /// Other ways to ask it.
    pub synonyms: Vec<String>,
}

/// A metric with the SQL that computes it, proved when it was registered.
#[derive(Debug, Clone)]
pub struct MetricRow {
    /// Its name, which is also a way to ask for it.
    pub name: String,
    /// The SQL that computes it.
    pub sql: String,
    /// What it measures.
    pub description: String,
    /// Other ways to ask for it.
    pub synonyms: Vec<String>,
}

/// All that is registered.
pub struct Questions {
    /// From `define_metric`.
    pub metrics: Vec<MetricRow>,
    /// These and what `verify_query` registered, by what is asked.
    pub catalogue: Catalogue,
}

thread_local! {
    static CACHE: RefCell<Option<(Rc<Plane>, Rc<Questions>)>> = const { RefCell::new(None) };
    static QUERIES: Lookup = const { Lookup::new(QUERIES_SQL, 0) };
    static METRICS: Lookup = const { Lookup::new(METRICS_SQL, 0) };
}

const QUERIES_SQL: &str = "SELECT name, question, sql, pg_catalog.to_json(synonyms)::pg_catalog.text \
     FROM splitplane.verified_queries ORDER BY name COLLATE pg_catalog.\"C\"";

const METRICS_SQL: &str = "SELECT name, sql, description, pg_catalog.to_json(synonyms)::pg_catalog.text \
     FROM splitplane.metrics ORDER BY name COLLATE pg_catalog.\"C\"";

/// What is registered now. Must be called as the extension's owner.
///
/// # Errors
/// 55000 as for the plane itself, while a finding that breaks isolation is open.
pub fn current() -> StageResult<Rc<Questions>> {
    let plane = current_plane()?;
    let known = CACHE.with(|cache| match &*cache.borrow() {
        Some((of, questions)) if Rc::ptr_eq(of, &plane) => Some(Rc::clone(questions)),
        Some(_) | None => None,
    });
    if let Some(questions) = known {
        return Ok(questions);
    }
    let (queries, metrics) = (queries()?, metrics()?);
    let catalogue = Catalogue::new(askable(&queries, &metrics));
    let questions = Rc::new(Questions { metrics, catalogue });
    CACHE.with(|cache| *cache.borrow_mut() = Some((plane, Rc::clone(&questions))));
    Ok(questions)
}

/// A verified query, and all that is registered but for it and whatever has the same SQL.
///
/// # Errors
/// Those of [`current`], and 42704 where there is none of the name.
pub fn without(name: &str) -> StageResult<(Known, Rc<Questions>)> {
    let all = current()?;
    let entries = all.catalogue.entries();
    let entry = entries
        .iter()
        .find(|known| !known.is_metric && known.name == name)
        .ok_or_else(|| Refusal::new(State::UnknownObject, format!("there is no verified query \"{}\"", clip(name))))?;
    let sql = squeezed(&entry.sql);
    let others = entries.iter().filter(|known| squeezed(&known.sql) != sql).cloned().collect();
    let metrics = all.metrics.iter().filter(|metric| squeezed(&metric.sql) != sql).cloned().collect();
    Ok((entry.clone(), Rc::new(Questions { metrics, catalogue: Catalogue::new(others) })))
}

/// SQL without what does not change it: blanks, case, a semicolon at its end. Texts that differ in a constant's case or blanks
/// alone count as one, too.
fn squeezed(sql: &str) -> String {
    let letters: String = sql.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect();
    letters.trim_end_matches(';').to_owned()
}

fn askable(queries: &[VerifiedQuery], metrics: &[MetricRow]) -> Vec<Known> {
    let queries = queries.iter().map(|query| Known {
        name: query.name.clone(),
        question: query.question.clone(),
        sql: query.sql.clone(),
        synonyms: query.synonyms.clone(),
        is_metric: false,
    });
    let metrics = metrics.iter().map(|metric| Known {
        name: metric.name.clone(),
        question: metric.description.clone(),
        sql: metric.sql.clone(),
        synonyms: metric.synonyms.clone(),
        is_metric: true,
    });
    queries.chain(metrics).collect()
}

fn queries() -> StageResult<Vec<VerifiedQuery>> {
    QUERIES
        .with(|lookup| lookup.rows(&[]))?
        .iter()
        .map(|row| {
            let [name, question, sql, synonyms] = row.as_slice() else { return Err(unreadable()) };
            Ok(VerifiedQuery {
                name: text(name)?,
                question: text(question)?,
                sql: text(sql)?,
                synonyms: texts(synonyms)?,
            })
        })
        .collect()
}

fn metrics() -> StageResult<Vec<MetricRow>> {
    METRICS
        .with(|lookup| lookup.rows(&[]))?
        .iter()
        .map(|row| {
            let [name, sql, description, synonyms] = row.as_slice() else { return Err(unreadable()) };
            Ok(MetricRow {
                name: text(name)?,
                sql: text(sql)?,
                description: text(description)?,
                synonyms: texts(synonyms)?,
            })
        })
        .collect()
}

/// A JSON array of strings.
pub(crate) fn texts(value: &Option<String>) -> StageResult<Vec<String>> {
    let json = text(value)?;
    let array: Vec<serde_json::Value> = serde_json::from_str(&json).map_err(|_| unreadable())?;
    array.into_iter().map(|entry| entry.as_str().map(str::to_owned).ok_or_else(unreadable)).collect()
}
