//! How often the tables that a question needs are shown, of some 360 tables of eight applications and with an eighth of
//! what it would take to show all: questions in the language of the schema, and no model asked.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::{Part, choose, tokens};

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

#[test]
fn shows_the_tables_that_questions_need() {
    let parts = plane();
    let whole: usize = parts.iter().map(|part| tokens(&part.text)).sum();
    let budget = whole / 8;
    assert!(parts.len() >= 300, "{} tables", parts.len());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pg_test/propose/questions.txt");
    let text = fs::read_to_string(file).unwrap();
    let (mut needed, mut shown, mut asked, mut missed) = (0.0, 0.0, 0, Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (question, tables) = line.split_once(" | ").unwrap();
        let chosen = choose(&parts, &[question], budget);
        asked += 1;
        for table in tables.split(' ') {
            assert!(parts.iter().any(|part| part.name == table), "{table}");
            needed += 1.0;
            if chosen.iter().any(|part| part.name == table) {
                shown += 1.0;
            } else {
                missed.push(format!("{question}: {table}"));
            }
        }
    }
    println!(
        "{asked} questions over {} tables, {budget} of {whole} tokens: {shown} of {needed} tables shown",
        parts.len()
    );
    println!("{}", missed.join("\n"));
    assert!(asked >= 60);
    assert!(shown / needed >= LEAST_RECALL, "recall {:.3}: {missed:?}", shown / needed);
    // The control: without words there is nothing to go by.
    assert!(choose(&parts, &["?"], budget).iter().filter(|part| text.contains(&part.name)).count() < 60);
}
