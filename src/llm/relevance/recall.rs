//! How often the tables that a question needs are shown, of some 360 tables of eight applications and with an eighth of
//! what it would take to show all: questions in the language of the schema, and no model asked.
#![cfg_attr(
    test,
    allow(
        clippy::cast_precision_loss,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Part, choose, names, speaks_of, tokens};

const LEAST_RECALL: f64 = 0.95;

/// Table name and columns of each line of the schemas; the notation is that of pg_test/propose/README.md.
fn plane() -> Vec<Part> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pg_test/propose/schemas");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let lines: Vec<(String, String, String)> = files
        .iter()
        .flat_map(|file| {
            let schema = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(file).unwrap();
            let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
            lines.into_iter().map(move |line| {
                let mut fields = line.split('|').map(str::trim);
                let (table, _, columns) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
                (schema.clone(), table.to_owned(), columns.to_owned())
            })
        })
        .collect();
    let mut often: HashMap<&str, usize> = HashMap::new();
    for (_, table, _) in &lines {
        *often.entry(table).or_default() += 1;
    }
    // A plane has one table of a name.
    let name = |schema: &str, table: &str| match often.get(table) {
        Some(1) | None => table.to_owned(),
        Some(_) => format!("{schema}_{table}"),
    };
    lines
        .iter()
        .map(|(schema, table, columns)| part(&name(schema, table), columns, |table| name(schema, table)))
        .collect()
}

fn part(name: &str, columns: &str, plane_name: impl Fn(&str) -> String) -> Part {
    let (mut text, mut keys, mut references) = (format!("table {name}"), String::new(), Vec::new());
    for column in columns.split(';').next().unwrap().split(',') {
        let mut words = column.trim().split(' ');
        let noted = words.next().unwrap().trim_end_matches(['!', '^']);
        let (column, target) = noted.split_once('>').unwrap_or((noted, ""));
        text += &format!("\n  {column} {}", words.next().map_or("bigint", |kind| kind.trim_end_matches('!')));
        if !target.is_empty() {
            let target = plane_name(target.split('.').next().unwrap());
            keys += &format!("\n  foreign key ({column}) references {target} (id)");
            references.push(target);
        }
    }
    Part { name: name.to_owned(), text: text + &keys, references }
}

/// Each question with the tables that it needs.
fn questions() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(folder().join("questions.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once(" | ").unwrap());
    lines.map(|(question, tables)| (question.to_owned(), tables.split(' ').map(str::to_owned).collect())).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pg_test/propose")
}

/// What part of the needed tables `found` has, and the others.
fn recall(questions: &[(String, Vec<String>)], found: impl Fn(&str) -> Vec<String>) -> (f64, Vec<String>) {
    let (mut needed, mut missed) = (0.0, Vec::new());
    for (question, tables) in questions {
        let found = found(question);
        needed += tables.len() as f64;
        missed.extend(tables.iter().filter(|table| !found.contains(table)).map(|table| format!("{question}: {table}")));
    }
    ((needed - missed.len() as f64) / needed, missed)
}

fn shown(parts: &[Part], question: &str, budget: usize) -> Vec<String> {
    choose(parts, &[], &[question], budget).iter().map(|part| part.name.clone()).collect()
}

#[test]
fn shows_the_tables_that_questions_need() {
    let (parts, questions) = (plane(), questions());
    let whole: usize = parts.iter().map(|part| tokens(&part.text)).sum();
    let budget = whole / 8;
    assert!(parts.len() >= 300 && questions.len() >= 60, "{} tables, {} questions", parts.len(), questions.len());
    for table in questions.iter().flat_map(|(_, tables)| tables) {
        assert!(parts.iter().any(|part| part.name == *table), "{table}");
    }
    let (reached, missed) = recall(&questions, |question| shown(&parts, question, budget));
    println!(
        "{} questions over {} tables, {budget} of {whole} tokens: recall {reached:.3}, missed: {missed:?}",
        questions.len(),
        parts.len()
    );
    assert!(reached >= LEAST_RECALL, "recall {reached:.3}: {missed:?}");
    // The control: without words there is nothing to go by.
    let (blind, _) = recall(&questions, |_| shown(&parts, "?", budget));
    assert!(blind < 0.3, "recall {blind:.3} without a question");
}

/// In another language the words lead nowhere, so that the model is asked for the tables, and every name that it needs is offered.
#[test]
fn offers_the_tables_that_questions_in_other_languages_need() {
    let (parts, questions) = (plane(), questions());
    let budget = parts.iter().map(|part| tokens(&part.text)).sum::<usize>() / 7;
    let mut asked_in_english = 0.0;
    for (question, _) in &questions {
        asked_in_english += f64::from(u8::from(!speaks_of(&parts, question)));
    }
    println!(
        "in the language of the schema the model is asked for {:.2} of the questions",
        asked_in_english / questions.len() as f64
    );
    for language in ["de", "es", "fr", "ja"] {
        let text = fs::read_to_string(folder().join(format!("questions/{language}.txt"))).unwrap();
        let translated: Vec<(String, Vec<String>)> =
            text.lines().zip(&questions).map(|(line, (_, tables))| (line.to_owned(), tables.clone())).collect();
        assert_eq!(text.lines().count(), questions.len(), "{language}");
        let known: Vec<&str> = translated
            .iter()
            .map(|(question, _)| question.as_str())
            .filter(|question| speaks_of(&parts, question))
            .collect();
        let asked = translated.len() - known.len();
        let (by_words, _) = recall(&translated, |question| shown(&parts, question, budget));
        let (reached, missed) = recall(&translated, |question| match known.contains(&question) {
            true => shown(&parts, question, budget),
            false => names(&parts, &[question], budget),
        });
        println!(
            "{language}: the model is asked for {asked}, recall {reached:.3} (by words alone {by_words:.3}), missed: {missed:?}"
        );
        assert!(reached >= LEAST_RECALL, "{language}: recall {reached:.3}: {missed:?}");
        assert!(by_words < LEAST_RECALL, "{language}: the control: words alone do not do");
    }
}
