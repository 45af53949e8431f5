//! Which module may name which. Reads the sources; needs no server.
//!
//! The list below goes from the ground floor up: a module names only modules that stand above it in the list, so the graph has
//! no circle, and only those that its line gives. A name that is in no use any more is to be taken off its line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// (module, the other modules that it may name)
const MAY_NAME: [(&str, &[&str]); 24] = [
    ("error", &[]),
    ("json", &[]),
    ("characters", &[]),
    ("identity", &["characters", "json"]),
    ("gate", &[]),
    ("llm", &["characters", "json"]),
    ("numbers", &[]),
    ("timings", &[]),
    ("pgx", &["error", "identity", "numbers"]),
    ("ablation", &["error", "pgx"]),
    ("texts", &["error", "pgx"]),
    ("tripwire", &["error", "pgx"]),
    ("ledger", &["error", "identity", "pgx"]),
    ("settings", &["llm", "numbers", "pgx"]),
    ("catalog", &["ablation", "error", "identity", "pgx", "settings"]),
    ("preflight", &["ablation", "catalog", "error", "llm", "pgx", "settings", "texts", "tripwire"]),
    ("authenticate", &["ablation", "catalog", "error", "identity", "ledger", "pgx", "settings"]),
    ("question", &["ablation", "catalog", "error", "identity", "llm", "pgx", "settings"]),
    ("attach", &["ablation", "catalog", "error", "gate", "identity", "pgx", "texts"]),
    ("trust", &["ablation", "catalog", "error", "pgx", "texts"]),
    ("prove", &["ablation", "attach", "catalog", "error", "pgx", "trust"]),
    (
        "run",
        &[
            "ablation", "attach", "catalog", "error", "gate", "identity", "pgx", "prove", "settings", "timings",
            "trust", "tripwire",
        ],
    ),
    (
        "api",
        &[
            "authenticate",
            "catalog",
            "error",
            "identity",
            "llm",
            "numbers",
            "pgx",
            "preflight",
            "prove",
            "question",
            "run",
            "settings",
            "timings",
        ],
    ),
    ("install", &["ablation", "api", "error", "ledger", "pgx", "run", "settings", "texts", "tripwire"]),
];

/// A source file: its path below src/, and its text without comments.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
        Source { path: path.to_owned(), text: lines.collect::<Vec<_>>().join("\n") }
    }

    /// Its module as path segments below the crate; empty for lib.rs.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if path == "lib" { Vec::new() } else { path.split('/').collect() }
    }

    /// Every path below the crate that it names, by `crate::` or by `super::`.
    fn names(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
        for (start, _) in self.text.match_indices("crate::").chain(self.text.match_indices("super::")) {
            let before = self.text.get(..start).unwrap_or_default();
            if before.ends_with(|last: char| is_part(last) || last == '$') {
                continue;
            }
            let rest = self.text.get(start..).unwrap_or_default();
            let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
            let (path, behind) = rest.split_at(end);
            let mut segments: Vec<String> =
                path.split("::").map(str::to_owned).filter(|part| !part.is_empty()).collect();
            let mut base: Vec<String> = self.module().into_iter().map(str::to_owned).collect();
            base.extend(self.inline_modules_around(start));
            if segments.first().is_some_and(|first| first == "crate") {
                segments.remove(0);
                base.clear();
            }
            while segments.first().is_some_and(|first| first == "super") {
                segments.remove(0);
                base.pop();
            }
            base.extend(segments);
            match behind.strip_prefix('{') {
                Some(tree) if path.ends_with("::") => {
                    found.extend(branches(tree).into_iter().map(|branch| [base.clone(), branch].concat()));
                }
                _ => found.push(base),
            }
        }
        found
    }

    /// The names of the modules within the file that a place lies in, the outermost first.
    fn inline_modules_around(&self, place: usize) -> Vec<String> {
        let mut open: Vec<(usize, String)> = Vec::new();
        for line in self.text.get(..place).unwrap_or_default().lines() {
            let indentation = line.len() - line.trim_start().len();
            if line.trim() == "}" {
                open.retain(|(opened, _)| *opened != indentation);
            } else if let Some((before, name)) = line.trim_end_matches(" {").rsplit_once("mod ")
                && line.ends_with('{')
                && before.trim_start().chars().all(|letter| "pub(crate)super ".contains(letter))
            {
                open.push((indentation, name.to_owned()));
            }
        }
        open.into_iter().map(|(_, name)| name).collect()
    }

    /// A file of tests, or of what they share.
    fn is_for_tests(&self) -> bool {
        self.module().iter().any(|part| ["tests", "testing", "properties", "vectors", "wire_tests"].contains(part))
    }

    /// The same file without its tests, which may look back.
    fn without_tests(&self) -> Self {
        let text = self.text.split("#[cfg(test)]").next().unwrap_or_default();
        Source { path: self.path.clone(), text: text.to_owned() }
    }
}

/// The paths of a use tree, from behind its opening brace.
fn branches(tree: &str) -> Vec<Vec<String>> {
    let (mut found, mut prefixes, mut current) = (Vec::new(), Vec::<Vec<String>>::new(), String::new());
    let path = |prefixes: &[Vec<String>], text: &str| -> Vec<String> {
        let own = text.split(" as ").next().unwrap_or_default();
        let parts =
            own.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty() && part != "self");
        prefixes.iter().flatten().cloned().chain(parts).collect()
    };
    for character in tree.chars() {
        match character {
            '{' => prefixes.push(path(&[], &std::mem::take(&mut current))),
            ',' | '}' => {
                let text = std::mem::take(&mut current);
                if !text.trim().is_empty() {
                    found.push(path(&prefixes, &text));
                }
                if character == '}' && prefixes.pop().is_none() {
                    break;
                }
            }
            _ => current.push(character),
        }
    }
    found
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![folder()];
    while let Some(folder_or_file) = open.pop() {
        if folder_or_file.is_dir() {
            open.extend(fs::read_dir(&folder_or_file).unwrap().map(|entry| entry.unwrap().path()));
        } else if folder_or_file.extension().is_some_and(|extension| extension == "rs") {
            let path = folder_or_file.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned();
            found.push(Source::new(&path, &fs::read_to_string(&folder_or_file).unwrap()));
        }
    }
    assert!(found.len() > 150, "the sources were not found");
    found
}

/// What is named by whom, by top-level modules.
fn arrows(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for source in sources {
        let Some(module) = source.module().first().map(|first| (*first).to_owned()) else { continue };
        for path in source.names() {
            // A test outside the tree is declared by lib.rs, and may name what it tests.
            if let Some(other) = path.first().filter(|other| **other != module) {
                found.entry(module.clone()).or_default().insert(other.clone());
            }
        }
    }
    found
}

/// Every arrow that the list does not have, and every one of the list that is not in the sources.
fn differences(sources: &[Source]) -> Vec<String> {
    let found = arrows(sources);
    let mut wrong = Vec::new();
    for (module, others) in &found {
        let allowed = MAY_NAME.iter().find(|(known, _)| known == module).map(|(_, others)| *others);
        match allowed {
            None => wrong.push(format!("{module} is not on the list")),
            Some(allowed) => {
                wrong.extend(
                    others
                        .iter()
                        .filter(|other| !allowed.contains(&other.as_str()))
                        .map(|o| format!("{module} -> {o}")),
                );
                wrong.extend(
                    allowed
                        .iter()
                        .filter(|other| !others.contains(**other))
                        .map(|o| format!("{module} -> {o} is unused")),
                );
            }
        }
    }
    wrong
}

#[test]
fn modules_name_only_what_they_may() {
    assert_eq!(differences(&sources()), Vec::<String>::new());
}

#[test]
fn the_list_goes_one_way() {
    let mut below: Vec<&str> = Vec::new();
    for (module, others) in MAY_NAME {
        for other in others {
            assert!(below.contains(other), "{module} names {other}, which does not stand before it");
        }
        below.push(module);
    }
    let modules: BTreeSet<String> =
        sources().iter().filter_map(|source| source.module().first().map(|first| (*first).to_owned())).collect();
    assert_eq!(
        modules,
        below.iter().map(|module| (*module).to_owned()).collect(),
        "modules that the list lacks or has too many"
    );
}

#[test]
fn a_planted_use_is_found() {
    let planted = [
        ("pgx/entry.rs", "use crate::api::ask;", "pgx -> api"),
        ("pgx/section/stack.rs", "use super::super::super::settings;", "pgx -> settings"),
        ("gate/walk.rs", "use crate::{error::Refusal, pgx::{self, parse}};", "gate -> pgx"),
        ("identity/seal.rs", "fn f() { crate::pgx::server::now(); }", "identity -> pgx"),
        ("prove/mod.rs", "use crate::{\n    attach,\n    run::with_statement as all,\n};", "prove -> run"),
        ("newcomer.rs", "use crate::error;", "newcomer is not on the list"),
    ];
    for (path, text, expected) in planted {
        let mut all = sources();
        all.push(Source::new(path, text));
        assert!(differences(&all).iter().any(|found| found == expected), "{path}: {text}");
    }
    let mut all = sources();
    all.push(Source::new("pgx/entry.rs", "// use crate::api;"));
    assert_eq!(differences(&all), Vec::<String>::new(), "a comment names nothing");
}

/// Files that name one another in a circle; a folder's mod.rs and what lies in the folder may.
fn circles(sources: &[Source]) -> Vec<String> {
    let modules: BTreeMap<Vec<&str>, usize> =
        sources.iter().enumerate().map(|(index, source)| (source.module(), index)).collect();
    let names: Vec<BTreeSet<usize>> = sources
        .iter()
        .map(|source| {
            let own = source.module();
            let paths = source.names();
            let deepest = |path: &Vec<String>| {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                (1..=path.len()).rev().find_map(|length| modules.get(path.get(..length)?).copied())
            };
            let is_family = |other: usize| {
                let other = sources.get(other).map(Source::module).unwrap_or_default();
                other.starts_with(&own) || own.starts_with(&other)
            };
            paths.iter().filter_map(deepest).filter(|other| !is_family(*other)).collect()
        })
        .collect();
    let reached = |from: usize| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            for other in names.get(next).into_iter().flatten() {
                if seen.insert(*other) {
                    open.push(*other);
                }
            }
        }
        seen
    };
    (0..sources.len())
        .filter(|index| reached(*index).contains(index))
        .filter_map(|index| sources.get(index))
        .map(|source| source.path.clone())
        .collect()
}

#[test]
fn files_name_one_another_in_no_circle() {
    let sources: Vec<Source> =
        sources().iter().map(Source::without_tests).filter(|source| !source.is_for_tests()).collect();
    assert_eq!(circles(&sources), Vec::<String>::new());
}

#[test]
fn a_planted_circle_is_found() {
    let all = [Source::new("gate/one.rs", "use super::other::a;"), Source::new("gate/other.rs", "use super::one::b;")];
    assert_eq!(circles(&all), ["gate/one.rs", "gate/other.rs"]);
}

#[test]
fn unsafe_code_is_in_pgx_alone() {
    for source in sources() {
        if source.module().first() != Some(&"pgx") {
            assert!(
                !source.text.contains("allow(unsafe_code)") && !source.text.contains("unsafe {"),
                "{}",
                source.path
            );
        }
    }
    assert!(fs::read_to_string(folder().join("lib.rs")).unwrap().contains("#![deny(unsafe_code)]"));
}

#[test]
fn pure_modules_know_nothing_of_postgresql() {
    for source in sources() {
        if source
            .module()
            .first()
            .is_some_and(|module| ["characters", "identity", "gate", "json", "llm", "numbers", "timings"].contains(module))
        {
            assert!(!source.text.contains("pgrx"), "{} names pgrx", source.path);
        }
    }
}
