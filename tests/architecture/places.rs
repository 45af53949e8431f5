//! What may stand in some places alone: unsafe code, names of pgrx, unit tests.

use super::source::{Source, folder, sources};
use std::fs;

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
    const PURE: [&str; 13] = [
        "anomaly",
        "audit",
        "calendar",
        "characters",
        "cluster",
        "gate",
        "identity",
        "json",
        "key_set",
        "llm",
        "numbers",
        "shares",
        "timings",
    ];
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
