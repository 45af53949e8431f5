//! Questions: their one spelling, what is screened, what a prompt makes of them, which entries and tables they find.
//!
//! The first line is the question. Each further line is an entry `name|text|other,other`, read as a table with its
//! references and as a verified query with its synonyms.
#![no_main]

use libfuzzer_sys::fuzz_target;
use splitplane::llm::matching::{Catalogue, Known, normalise};
use splitplane::llm::prompts::{self, Answer, Knowledge, Metric, Nonces, Turn};
use splitplane::llm::relevance::{self, Part};
use splitplane::llm::screen;
use splitplane_fuzz::{planted, watch};

const NONCE: &str = "3f9c0a";
const NONCES: Nonces<'static> = Nonces { secret: b"secret", fresh: NONCE };

fuzz_target!(init: watch::begin(), |data: &[u8]| watch::unit(data.len(), || {
    let text = String::from_utf8_lossy(data);
    let (question, entries) = text.split_once('\n').unwrap_or((&text, ""));
    spelling(&text);
    screened(&text);
    prompted(question, entries);
    found(question, entries);
}));

fn spelling(text: &str) {
    let spelling = normalise(text);
    let again = if planted::is("question") { normalise(&format!("{spelling}.5")) } else { normalise(&spelling) };
    assert_eq!(again, spelling, "one spelling is not the end of it");
    assert!(!spelling.contains("  ") && !spelling.starts_with(' ') && !spelling.ends_with(' '));
    // The longest compatibility decomposition has 18 characters.
    assert!(spelling.chars().count() <= 20 * text.chars().count(), "it grows");
    assert_eq!(normalise(&text.replace(' ', "  ")), spelling, "a blank more is another question");
}

fn screened(text: &str) {
    let checked = screen::check(text, 65_536);
    assert_eq!(checked, screen::check(text, 65_536));
    assert_eq!(text.len() > 65_536, matches!(checked, Err(screen::ScreenError::TooLong(_))));
    let printable = screen::printable(text);
    assert_eq!(screen::printable(&printable), printable);
    assert!(screen::message(text).chars().count() <= 1_000);
}

/// Every piece of material is one JSON string between two tags of ours, whatever it holds.
fn prompted(question: &str, entries: &str) {
    let metrics = [Metric {
        name: question.to_owned(),
        description: entries.to_owned(),
        synonyms: vec![question.to_owned()],
        sql: entries.to_owned(),
    }];
    let history = [Turn { question: question.to_owned(), sql: Some(entries.to_owned()) }];
    let knowledge = Knowledge {
        plane: entries,
        is_whole: question.len().is_multiple_of(2),
        metrics: &metrics,
        examples: &[],
        history: &history,
        today: "2026-11-25 21:30",
        time_zone: "UTC",
    };
    let columns = [question.to_owned()];
    let answer = Answer { sql: entries, columns: &columns, rows_json: entries, truncated: true };
    for prompt in [
        prompts::validation(&knowledge, question, NONCES),
        prompts::generation(&knowledge, question, NONCES),
        prompts::repair(&knowledge, question, entries, question, NONCES),
        prompts::narration(question, answer, "UTC", NONCES),
    ] {
        // The piece that ends what lasts has the nonce of what lasts.
        let ending = prompt.user.strip_prefix("<ending-").and_then(|rest| rest.split_once('>'));
        let Some((lasting, _)) = ending else { panic!("nothing ends what lasts") };
        let fresh = prompt.user.lines().skip(1).map(|line| (line, NONCE));
        for (line, nonce) in
            prompt.lasting.lines().chain(prompt.user.lines().take(1)).map(|line| (line, lasting)).chain(fresh)
        {
            let piece = line.strip_prefix('<').and_then(|line| line.strip_suffix('>')).and_then(|line| {
                let (opening, rest) = line.split_once('>')?;
                let (content, closing) = rest.rsplit_once("</")?;
                (opening == closing && opening.ends_with(&format!("-{nonce}"))).then_some(content)
            });
            let Some(piece) = piece else { panic!("no piece: {line}") };
            assert!(!piece.contains(['<', '>', '&']), "a piece that marks up: {line}");
            let read: Result<String, _> = serde_json::from_str(piece);
            assert!(read.is_ok(), "no JSON string: {line}");
            if line.starts_with("<question-") {
                assert_eq!(read.ok().as_deref(), Some(question), "the question was changed");
            }
        }
        assert!(!prompt.system.contains(question) || question.len() < 40, "untrusted text among our instructions");
    }
}

fn found(question: &str, entries: &str) {
    let lines: Vec<Vec<&str>> = entries.lines().take(64).map(|line| line.splitn(3, '|').collect()).collect();
    let field = |line: &[&str], index: usize| line.get(index).copied().unwrap_or_default().to_owned();
    let list = |line: &[&str]| field(line, 2).split(',').map(str::to_owned).collect::<Vec<_>>();
    let parts: Vec<Part> =
        lines.iter().map(|line| Part { name: field(line, 0), text: field(line, 1), references: list(line) }).collect();
    let costs = |chosen: &[&Part]| chosen.iter().map(|part| relevance::tokens(&part.text)).sum::<usize>();
    for budget in [0, 10, 100, usize::MAX] {
        let chosen = relevance::choose(&parts, &[question.to_owned()], &[question, entries], budget);
        assert!(costs(&chosen) <= budget || parts.len() == 1, "over the budget");
        assert_eq!(chosen, relevance::choose(&parts, &[question.to_owned()], &[question, entries], budget));
        let mut places = chosen.iter().map(|part| std::ptr::from_ref::<Part>(part));
        assert!(places.by_ref().is_sorted(), "not in their own order");
    }
    let known = |(number, line): (usize, &Vec<&str>)| Known {
        name: field(line, 0),
        question: field(line, 1),
        sql: String::new(),
        synonyms: list(line),
        is_metric: number % 2 == 1,
    };
    let catalogue = Catalogue::new(lines.iter().enumerate().map(known).collect());
    assert!(catalogue.near(question, 3).len() <= 3);
    if let Some(known) = catalogue.exact(question) {
        let spelling = normalise(question);
        let names = [&known.name, &known.question].into_iter().chain(&known.synonyms);
        assert!(names.map(|name| normalise(name)).any(|name| name == spelling), "another entry's question");
    }
}
