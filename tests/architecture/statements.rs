//! What plans and runs statements, and where.

use super::source::{Source, folder, sources};
use std::fs;

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
    ("SPI_execute*", &["pgx/section/travel.rs", "pgx/spi/read.rs", "pgx/spi/write.rs"]),
    ("SPI_prepare*", &["pgx/spi/read.rs"]),
    ("Spi", &[]),
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
    let links = |source: &&Source| {
        source.has_word("link_name")
            && !["pgx/hooks/commits.rs", "pgx/hooks/tripwire_scan.rs"].contains(&source.path.as_str())
    };
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
            !visibility.is_empty()
                && (names_it || !["plan", "fences", "growth", "kept", "strangers"].contains(&first.as_str()))
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

/// Files in which a value of a type is made, by the name of the type.
fn makers(sources: &[Source], name: &str) -> Vec<String> {
    let makes = |source: &&Source| {
        let text: String = source.text.split_whitespace().collect::<Vec<_>>().join(" ");
        text.contains(&format!("({name} {{")) || text.contains(&format!("= {name} {{ analysed:"))
    };
    let mut files: Vec<String> = sources.iter().filter(makes).map(|source| source.path.clone()).collect();
    files.sort();
    files
}

/// A proved statement comes of a proved tree alone, and that of the proof or of a copy of what was proved.
#[test]
fn what_is_proved_is_made_by_the_proof() {
    assert_eq!(makers(&sources(), "Proven"), ["prove/mod.rs"]);
    assert_eq!(makers(&sources(), "ProvedTree"), ["prove/kept.rs", "prove/mod.rs"]);
    assert_eq!(makers(&sources(), "KeptProof"), ["prove/kept.rs"]);
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
