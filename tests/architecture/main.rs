//! Which module may name which. Reads the sources; needs no server.
//!
//! The list below goes from the ground floor up: a module names only modules that stand above it in the list, so the graph has
//! no circle, and only those that its line gives. A name that is in no use any more is to be taken off its line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod places;
mod source;
mod statements;

use source::{Source, sources};
use std::collections::{BTreeMap, BTreeSet};

/// (module, the other modules that it may name)
const MAY_NAME: [(&str, &[&str]); 40] = [
    ("anomaly", &[]),
    ("reason", &[]),
    ("error", &["reason"]),
    ("answer_text", &[]),
    ("json", &[]),
    ("characters", &[]),
    ("cluster", &[]),
    ("identity", &["characters", "json"]),
    ("gate", &[]),
    ("llm", &["characters", "json"]),
    ("numbers", &[]),
    ("calendar", &[]),
    ("releases", &[]),
    ("remote", &[]),
    ("key_set", &[]),
    ("audit", &[]),
    ("histogram", &[]),
    ("shares", &[]),
    ("evaluate", &[]),
    ("timings", &[]),
    ("pgx", &["answer_text", "calendar", "cluster", "error", "identity", "key_set", "numbers", "reason", "remote"]),
    ("ablation", &["error", "pgx"]),
    ("texts", &["error", "pgx"]),
    ("calls", &["error", "identity", "pgx", "reason", "timings"]),
    ("statistics", &["calls", "error", "histogram", "llm", "pgx", "reason"]),
    ("tripwire", &["error", "pgx", "reason"]),
    ("ledger", &["error", "identity", "pgx", "reason"]),
    ("settings", &["llm", "numbers", "pgx"]),
    ("catalog", &["ablation", "cluster", "error", "identity", "pgx", "reason", "remote", "settings"]),
    ("audit_log", &["audit", "calls", "catalog", "error", "identity", "pgx", "reason", "settings", "statistics"]),
    ("budget", &["calls", "catalog", "error", "llm", "pgx", "reason", "settings"]),
    (
        "preflight",
        &[
            "ablation",
            "budget",
            "catalog",
            "error",
            "llm",
            "pgx",
            "releases",
            "settings",
            "statistics",
            "texts",
            "tripwire",
        ],
    ),
    ("authenticate", &["ablation", "calls", "catalog", "error", "identity", "ledger", "pgx", "reason", "settings"]),
    (
        "question",
        &[
            "ablation",
            "audit_log",
            "budget",
            "calls",
            "catalog",
            "error",
            "identity",
            "llm",
            "pgx",
            "reason",
            "settings",
            "statistics",
        ],
    ),
    ("attach", &["ablation", "catalog", "error", "gate", "identity", "pgx", "reason", "remote", "texts"]),
    ("trust", &["ablation", "calendar", "catalog", "error", "pgx", "texts"]),
    ("prove", &["ablation", "attach", "catalog", "error", "pgx", "remote", "trust"]),
    (
        "run",
        &[
            "ablation", "attach", "catalog", "error", "gate", "identity", "pgx", "prove", "remote", "settings",
            "shares", "timings", "trust", "tripwire",
        ],
    ),
    (
        "api",
        &[
            "anomaly",
            "audit",
            "audit_log",
            "authenticate",
            "budget",
            "calls",
            "catalog",
            "error",
            "evaluate",
            "histogram",
            "identity",
            "ledger",
            "llm",
            "numbers",
            "pgx",
            "preflight",
            "prove",
            "question",
            "reason",
            "remote",
            "run",
            "settings",
            "statistics",
            "timings",
            "tripwire",
        ],
    ),
    (
        "install",
        &[
            "ablation",
            "api",
            "audit_log",
            "budget",
            "catalog",
            "error",
            "ledger",
            "pgx",
            "preflight",
            "question",
            "run",
            "settings",
            "statistics",
            "texts",
            "tripwire",
        ],
    ),
];

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

/// The control of `without_tests`: it takes out the item behind the mark, and nothing that follows.
#[test]
fn a_planted_circle_below_the_tests_is_found() {
    let planted = |marked: &str| {
        let text = format!("{marked}\nuse super::other::a;\n#[cfg(test)]\nmod more {{ fn f() {{ g(\"}}\"); }} }}\n");
        let all = [Source::new("gate/one.rs", &text), Source::new("gate/other.rs", "use super::one::b;")];
        circles(&all.iter().map(Source::without_tests).collect::<Vec<_>>())
    };
    for marked in [
        "#[cfg(test)]\nmod tests;",
        "#[cfg(test)]\n#[cfg_attr(test, allow(clippy::panic))]\npub(super) mod tests;",
        "#[cfg(test)]\nmod tests { fn f() { if a {} else {} } }",
        "#[cfg(test)]\nuse crate::{error, json};",
        "impl A {\n    #[cfg(test)]\n    fn f(a: [u8; 2]) -> u8 { a[0] }\n}",
    ] {
        assert_eq!(planted(marked), ["gate/one.rs", "gate/other.rs"], "{marked}");
    }
    let text = "#[cfg(test)]\nmod tests {\n    use super::super::other::a;\n}\n#[cfg(test)]\nuse super::other::b;";
    let all = [Source::new("gate/one.rs", text), Source::new("gate/other.rs", "use super::one::b;")];
    assert_eq!(circles(&all), ["gate/one.rs", "gate/other.rs"]);
    assert!(circles(&all.map(|source| source.without_tests())).is_empty(), "tests may look back");
}
