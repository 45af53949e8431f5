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

/// A source file: its path below src/, and its code.
struct Source {
    path: String,
    text: String,
}

/// The text without comments and without what stands in quotes, each line where it was.
fn code(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        // The beginning, which is kept with the quote that closes it, and the length of what follows it and is not.
        let (beginning, closing, dropped) = if rest.starts_with("//") {
            ("", "", rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            ("", "", block_comment(rest))
        } else if let Some(opening) = raw_opening(rest, kept.chars().next_back()) {
            let closing = format!("\"{}", "#".repeat(opening.matches('#').count()));
            let inside = rest.get(opening.len()..).unwrap_or_default();
            (opening, "\"", inside.find(&closing).map_or(inside.len(), |end| end + closing.len()))
        } else if first == '"' {
            ("\"", "\"", quoted(rest, '"'))
        } else if first == '\'' && is_character(rest) {
            ("'", "'", quoted(rest, '\''))
        } else {
            (rest.get(..first.len_utf8()).unwrap_or_default(), "", 0)
        };
        let (gone, left) = rest.get(beginning.len()..).unwrap_or_default().split_at(dropped);
        kept.push_str(beginning);
        kept.extend(gone.chars().filter(|character| *character == '\n'));
        kept.push_str(closing);
        rest = left;
    }
    kept
}

/// How long a comment between `/*` and `*/` is, with those that it holds.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut place) = (0_usize, 0);
    while let Some(rest) = text.get(place..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, place) = (depth + 1, place + 2);
        } else if rest.starts_with("*/") {
            (depth, place) = (depth - 1, place + 2);
            if depth == 0 {
                break;
            }
        } else {
            place += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    place
}

/// `r"` or `r#"` with any number of `#`, unless the `r` ends another word; `br"` and `cr"` are raw as well.
fn raw_opening(text: &str, before: Option<char>) -> Option<&str> {
    let hashes = text.strip_prefix('r')?;
    let length = 1 + hashes.len() - hashes.trim_start_matches('#').len();
    let is_word = before.is_some_and(|before| (before.is_alphanumeric() || before == '_') && !"bc".contains(before));
    (!is_word && text.get(length..)?.starts_with('"')).then(|| text.get(..=length)).flatten()
}

/// Whether a quote begins a character and no lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

/// How much of a text in such quotes is behind the first of them.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        if character == quote && !is_escaped {
            return place;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.len() - 1
}

/// Where the item that begins here ends: behind its closing brace or its semicolon.
fn item_end(text: &str) -> usize {
    let (mut depth, mut is_open) = (0_usize, false);
    for (place, character) in text.char_indices() {
        let end = place + character.len_utf8();
        match character {
            '(' | '[' | '{' => (depth, is_open) = (depth + 1, is_open || depth == 0 && character == '{'),
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                // `use a::{b};` and `const A: B = B {};` go on to the semicolon.
                if depth == 0 && is_open && character == '}' {
                    let behind = text.get(end..).unwrap_or_default();
                    return if behind.trim_start().starts_with(';') {
                        end + behind.find(';').unwrap_or(0) + 1
                    } else {
                        end
                    };
                }
            }
            ';' if depth == 0 => return end,
            _ => {}
        }
    }
    text.len()
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Source { path: path.to_owned(), text: code(text) }
    }

    /// The words of its code.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
    }

    /// Whether such a word stands in its code.
    fn has_word(&self, word: &str) -> bool {
        self.words().any(|known| known == word)
    }

    /// What it uses, one path for each name: its visibility, which is empty for what is private, and the path as it is written.
    fn uses(&self) -> Vec<(String, Vec<String>)> {
        let mut found = Vec::new();
        for (start, _) in self.text.match_indices("use ") {
            let before = self.text.get(..start).unwrap_or_default();
            let visibility = before.rsplit([';', '}', '{', ']', '\n']).next().unwrap_or_default().trim();
            if !visibility.is_empty() && !visibility.starts_with("pub") {
                continue;
            }
            let tree = self.text.get(start + "use ".len()..).unwrap_or_default();
            let tree = format!("{}}}", tree.split(';').next().unwrap_or_default());
            found.extend(branches(&tree).into_iter().map(|path| (visibility.to_owned(), path)));
        }
        found
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
        const MARK: &str = "#[cfg(test)]";
        let (mut kept, mut rest) = (String::new(), self.text.as_str());
        while let Some((before, item)) = rest.split_once(MARK) {
            kept.push_str(before);
            rest = item.get(item_end(item)..).unwrap_or_default();
        }
        kept.push_str(rest);
        Source { path: self.path.clone(), text: kept }
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

#[test]
fn code_is_what_is_neither_comment_nor_quoted() {
    for (text, expected) in [
        ("a // b\nc", "a \nc"),
        ("a(\"//\"); b", "a(\"\"); b"),
        ("a(\"\\\"//\", 'x', '\"', '\\''); b", "a(\"\", '', '', ''); b"),
        ("fn f<'a>(b: &'a str) {}", "fn f<'a>(b: &'a str) {}"),
        ("a(r#\"//\"\n\"#, br\"\\\", c\"d\"); b", "a(r#\"\n\", br\"\", c\"\"); b"),
        ("a /* b /* c */ \n d */ e", "a \n e"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
}

/// Files outside of pgx whose code speaks of unsafe code, but for the one line that forbids it.
fn unsafe_outside_pgx(sources: &[Source]) -> Vec<String> {
    let is_wrong = |source: &&Source| {
        let text = match source.path.as_str() {
            "lib.rs" => source.text.replacen("#![deny(unsafe_code)]", "", 1),
            _ => source.text.clone(),
        };
        let rest = Source { path: source.path.clone(), text };
        source.module().first() != Some(&"pgx") && (rest.has_word("unsafe") || rest.has_word("unsafe_code"))
    };
    sources.iter().filter(is_wrong).map(|source| source.path.clone()).collect()
}

#[test]
fn unsafe_code_is_in_pgx_alone() {
    assert_eq!(unsafe_outside_pgx(&sources()), Vec::<String>::new());
    assert!(fs::read_to_string(folder().join("lib.rs")).unwrap().contains("#![deny(unsafe_code)]"));
}

#[test]
fn planted_unsafe_code_is_found() {
    for text in [
        "#![allow(unsafe_code)]",
        "#![deny(unsafe_code)]\n#![deny(unsafe_code)]",
        "#[expect(unsafe_code, reason = \"\")]",
        "fn f() { unsafe { g() } }",
        "fn f() { unsafe\n{ g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for A {}",
        "unsafe extern \"C\" { fn f(); }",
        "#[unsafe(no_mangle)]\nfn f() {}",
        "const A: &str = \"//\"; unsafe fn f() {}",
    ] {
        for path in ["lib.rs", "trust/newcomer.rs", "identity/newcomer.rs"] {
            assert_eq!(unsafe_outside_pgx(&[Source::new(path, text)]), [path], "{text}");
        }
    }
    for (path, text) in [
        ("pgx/entry.rs", "unsafe fn f() {}"),
        ("lib.rs", "#![deny(unsafe_code)]"),
        ("trust/newcomer.rs", "// unsafe\nfn f() { g(State::Unsafe, \"unsafe {\", is_unsafe); }"),
    ] {
        assert!(unsafe_outside_pgx(&[Source::new(path, text)]).is_empty(), "{text}");
    }
}

/// Files of the pure modules that name pgrx.
fn pgrx_in_pure_modules(sources: &[Source]) -> Vec<String> {
    const PURE: [&str; 7] = ["characters", "gate", "identity", "json", "llm", "numbers", "timings"];
    let is_pure = |source: &Source| source.module().first().is_some_and(|module| PURE.contains(module));
    let names_it = |source: &Source| ["pgrx", "pg_sys"].iter().any(|word| source.has_word(word));
    let wrong = sources.iter().filter(|source| is_pure(source) && names_it(source));
    wrong.map(|source| source.path.clone()).collect()
}

#[test]
fn pure_modules_know_nothing_of_postgresql() {
    assert_eq!(pgrx_in_pure_modules(&sources()), Vec::<String>::new());
}

#[test]
fn planted_pgrx_in_a_pure_module_is_found() {
    for path in ["gate/walk.rs", "identity/mod.rs", "json.rs", "llm/client.rs", "characters.rs"] {
        for text in ["use pgrx::prelude::*;", "const A: &str = \"https://\"; fn f(a: ::pgrx::pg_sys::Oid) {}"] {
            assert_eq!(pgrx_in_pure_modules(&[Source::new(path, text)]), [path], "{text}");
        }
        assert!(pgrx_in_pure_modules(&[Source::new(path, "// pgrx")]).is_empty());
    }
    assert!(pgrx_in_pure_modules(&[Source::new("catalog/load.rs", "use pgrx::Spi;")]).is_empty());
}

/// The modules that are built without a server, whose unit tests the unit run compiles: those that src/lib.rs binds to nothing.
fn without_server(lib: &str) -> Vec<String> {
    let is_bound = |line: &str| line.starts_with("#[cfg(");
    let lines: Vec<&str> = lib.lines().collect();
    let free =
        lines.iter().enumerate().filter(|(index, _)| !index.checked_sub(1).is_some_and(|above| is_bound(lines[above])));
    let name = |line: &str| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned);
    free.filter_map(|(_, line)| name(line)).collect()
}

/// Files with unit tests that nothing compiles.
fn dead_tests(sources: &[Source]) -> Vec<String> {
    let lib = fs::read_to_string(folder().join("lib.rs")).unwrap();
    let compiled = without_server(&lib);
    let is_compiled =
        |source: &Source| source.module().first().is_none_or(|module| compiled.iter().any(|known| known == module));
    let has_tests = |source: &Source| source.text.contains("cfg(test)") || source.text.contains("#[test]");
    sources
        .iter()
        .filter(|source| has_tests(source) && !is_compiled(source))
        .map(|source| source.path.clone())
        .collect()
}

/// What is bound to the server is tested in pg_test/backend.
#[test]
fn unit_tests_are_where_they_are_compiled() {
    assert_eq!(dead_tests(&sources()), Vec::<String>::new());
}

#[test]
fn a_planted_test_that_nothing_compiles_is_found() {
    for text in ["#[cfg(test)]\nmod tests {}", "#[test]\nfn f() {}"] {
        for path in ["pgx/functions/drawn.rs", "error.rs", "texts/mod.rs"] {
            assert_eq!(dead_tests(&[Source::new(path, text)]), [path], "{text}");
        }
        for path in ["numbers.rs", "gate/words.rs", "llm/http.rs"] {
            assert!(dead_tests(&[Source::new(path, text)]).is_empty(), "{path}");
        }
    }
    let lib = "mod a;\npub mod b;\n\n#[cfg(feature = \"server\")]\nmod c;\nmod d;\n";
    assert_eq!(without_server(lib), ["a", "b", "d"]);
}

/// Files outside of prove that could have a tree planned: they name the planner or the rewriter, or the planner's whole module. What
/// they may name of it is the plan.
fn planners(sources: &[Source]) -> Vec<String> {
    let is_planner = |path: &Vec<String>| match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["pgx", "plan"] | ["pgx", "*"] => true,
        ["pgx", "plan", name, ..] => ["plan", "*"].contains(name),
        _ => false,
    };
    let calls = |source: &Source| {
        let text: String = source.text.chars().filter(|letter| !letter.is_whitespace()).collect();
        ["plan::plan(", "pgx::*", ".rewrite()", "Analysed::rewrite"].iter().any(|call| text.contains(call))
    };
    let wrong = sources.iter().filter(|source| {
        let own = source.module();
        own.first() != Some(&"prove")
            && !own.starts_with(&["pgx", "plan"])
            && (calls(source) || source.names().iter().any(is_planner))
    });
    wrong.map(|source| source.path.clone()).collect()
}

/// What is planned can be run, so nothing but the proof may have a statement planned.
#[test]
fn only_prove_calls_the_planner() {
    assert_eq!(planners(&sources()), Vec::<String>::new());
    let prove = sources().into_iter().filter(|source| source.path.starts_with("prove/"));
    let moved: Vec<Source> = prove.map(|source| Source { path: format!("run/{}", source.path), ..source }).collect();
    assert_eq!(planners(&moved), ["run/prove/mod.rs"], "where the calls are");
}

#[test]
fn a_planted_call_of_the_planner_is_found() {
    for text in [
        "use crate::pgx::plan::plan;",
        "use crate::pgx::plan::{self, Planned};",
        "use crate::pgx::plan as pgx_plan;",
        "use crate::pgx::{parse, plan::{Planned, plan as planned}};",
        "use crate::pgx::*;",
        "use crate::pgx;\nfn f() { pgx::plan::plan(a, b); }",
        "use crate::pgx::plan::*;",
        "fn f(analysed: Analysed) { analysed\n.rewrite() }",
        "fn f() { parsed.map(parse::Analysed::rewrite) }",
    ] {
        for path in ["run/pipeline.rs", "api/mod.rs", "pgx/functions/keep.rs"] {
            assert_eq!(planners(&[Source::new(path, text)]), [path], "{text}");
        }
    }
    for text in ["use crate::pgx::plan::Planned;", "use crate::pgx::plan_tree;", "fn f() { session.rewrite(prompt) }"] {
        assert!(planners(&[Source::new("run/pipeline.rs", text)]).is_empty(), "{text}");
    }
}

/// What plans or runs a statement, whichever it is, by the files that have it. A name that ends in `*` stands for all that begin so.
const RUNS_STATEMENTS: [(&str, &[&str]); 14] = [
    ("ExecutorRun", &["pgx/plan.rs"]),
    ("PortalRun*", &[]),
    ("ProcessUtility", &[]),
    ("SPI_cursor*", &[]),
    ("SPI_exec", &[]),
    ("SPI_execp", &[]),
    ("SPI_execute*", &["pgx/spi/read.rs", "pgx/spi/write.rs"]),
    ("SPI_prepare*", &["pgx/spi/read.rs"]),
    ("Spi", &["api/admin.rs"]),
    ("SpiClient", &[]),
    ("pg_plan_quer*", &["pgx/plan.rs"]),
    ("planner", &[]),
    ("standard_ExecutorRun", &[]),
    ("standard_planner", &[]),
];

/// Such names outside of their files, and files that have none of theirs any more.
fn runners(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, files) in RUNS_STATEMENTS {
        let is_it = |word: &str| name.strip_suffix('*').map_or(word == name, |beginning| word.starts_with(beginning));
        let having: Vec<&str> =
            sources.iter().filter(|source| source.words().any(is_it)).map(|source| source.path.as_str()).collect();
        wrong.extend(having.iter().filter(|path| !files.contains(path)).map(|path| format!("{path}: {name}")));
        wrong
            .extend(files.iter().filter(|path| !having.contains(path)).map(|path| format!("{path}: {name} is unused")));
    }
    // A function of the server under another name.
    let links = |source: &&Source| source.has_word("link_name") && source.path != "pgx/hooks/tripwire_scan.rs";
    wrong.extend(sources.iter().filter(links).map(|source| format!("{}: link_name", source.path)));
    wrong
}

/// What the proof hands out is what it has proved: no name of the planner leaves it.
fn planners_handed_out(sources: &[Source]) -> Vec<String> {
    let is_handed_out = |source: &&Source| {
        source.uses().into_iter().any(|(visibility, path)| {
            let [first, rest @ ..] = path.as_slice() else { return false };
            let names_it = rest.iter().any(|part| part == "plan" || part == "*");
            // Its own file of that name, which imports the planner for itself.
            !visibility.is_empty() && (names_it || !["plan", "fences", "growth"].contains(&first.as_str()))
        })
    };
    let prove = sources.iter().filter(|source| source.module().first() == Some(&"prove"));
    prove.filter(is_handed_out).map(|source| source.path.clone()).collect()
}

/// Queries of the extension's own are constants: they are made when it is compiled, out of texts that stand in it.
fn queries_that_are_made(sources: &[Source]) -> Vec<String> {
    let is_wrong = |source: &&Source| {
        let text: String = source.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let made = text.matches("Lookup::new").count();
        let constant = text.matches("const { Lookup::new(").count();
        made != constant || source.has_word("leak") && source.module().first() != Some(&"trust")
    };
    sources.iter().filter(is_wrong).map(|source| source.path.clone()).collect()
}

#[test]
fn statements_are_planned_and_run_where_they_were() {
    assert_eq!(runners(&sources()), Vec::<String>::new());
    assert_eq!(planners_handed_out(&sources()), Vec::<String>::new());
}

#[test]
fn own_queries_are_constants() {
    assert_eq!(queries_that_are_made(&sources()), Vec::<String>::new());
    let of = |path: &str| fs::read_to_string(folder().join(path)).unwrap();
    assert!(of("pgx/spi/read.rs").contains("pub const fn new(sql: &'static str, parameters: usize) -> Self"));
    assert!(of("pgx/spi/write.rs").contains("pub fn execute(sql: &'static str, "));
}

#[test]
fn a_planted_runner_is_found() {
    let planted = |path: &str, text: &str| -> Vec<String> {
        let found = runners(&[Source::new(path, text)]);
        found.into_iter().filter(|wrong| !wrong.ends_with("is unused")).collect()
    };
    for (text, name) in [
        ("fn f() { unsafe { pg_sys::pg_plan_query(a, b, c, d) }; }", "pg_plan_quer*"),
        ("fn f() { unsafe { pg_sys::pg_plan_queries(a, b, c, d) }; }", "pg_plan_quer*"),
        ("use pgrx::pg_sys::standard_planner as p;", "standard_planner"),
        ("fn f() { pg_sys::planner(a, b, c, d); }", "planner"),
        ("fn f() { pg_sys::ExecutorRun(a, b, 0, true); }", "ExecutorRun"),
        ("fn f() { pg_sys::standard_ExecutorRun(a, b, 0, true); }", "standard_ExecutorRun"),
        ("fn f() { pg_sys::SPI_execute(a, true, 0); }", "SPI_execute*"),
        ("fn f() { pg_sys::SPI_execute_extended(a, b); }", "SPI_execute*"),
        ("fn f() { pg_sys::SPI_cursor_open_with_args(a); }", "SPI_cursor*"),
        ("fn f() { Spi::run(text); }", "Spi"),
        ("fn f() { pgrx::spi::Spi::connect(|client| client.select(text, None, &[])); }", "Spi"),
    ] {
        for path in ["run/pipeline.rs", "pgx/functions/keep.rs", "pgx/parse.rs"] {
            assert_eq!(planted(path, text), [format!("{path}: {name}")], "{text}");
        }
    }
    let text = "extern \"C\" { #[link_name = \"pg_plan_query\"] fn g(); }";
    assert_eq!(planted("pgx/parse.rs", text), ["pgx/parse.rs: link_name"]);
    assert!(planted("run/pipeline.rs", "// Spi::run(text)\nfn f() { log(\"ExecutorRun\"); }").is_empty());
    let mut all = sources();
    all.retain(|source| source.path != "pgx/plan.rs");
    assert!(runners(&all).contains(&"pgx/plan.rs: ExecutorRun is unused".to_owned()));
}

#[test]
fn a_planner_that_prove_hands_out_is_found() {
    for text in [
        "pub use crate::pgx::plan::plan;",
        "pub use crate::pgx::plan;",
        "pub(crate) use crate::pgx::{parse, plan::{Planned, plan as planned}};",
        "pub use super::pgx::plan::*;",
        "use crate::pgx::plan as pgx_plan;\npub use pgx_plan::Planned;",
        "pub(super) use self::pgx_plan as planner;",
        "pub use plan::plan;",
        "pub use plan::*;",
    ] {
        for path in ["prove/mod.rs", "prove/fences.rs"] {
            assert_eq!(planners_handed_out(&[Source::new(path, text)]), [path], "{text}");
        }
    }
    for text in ["pub(crate) use plan::{prove_draws, prove_plan};", "use crate::pgx::plan::Planned;", "pub mod plan;"] {
        assert!(planners_handed_out(&[Source::new("prove/mod.rs", text)]).is_empty(), "{text}");
    }
}

#[test]
fn a_planted_query_that_is_made_is_found() {
    for text in [
        "fn f(name: &str) { Lookup::new(Box::leak(format!(\"\", name).into_boxed_str()), 0).rows(&[]); }",
        "fn f(sql: &'static str) -> Lookup { Lookup::new(sql, 0) }",
        "use crate::pgx::spi::read::Lookup;\nconst MAKE: fn(&'static str, usize) -> Lookup = Lookup::new;",
        "fn f(sql: String) -> &'static str { sql.leak() }",
    ] {
        assert_eq!(queries_that_are_made(&[Source::new("catalog/load.rs", text)]), ["catalog/load.rs"], "{text}");
    }
    let text = "thread_local! {\n    static A: Lookup = const { Lookup::new(\"SELECT 1\", 0) };\n}";
    assert!(queries_that_are_made(&[Source::new("catalog/load.rs", text)]).is_empty());
}
