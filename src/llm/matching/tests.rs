//! Spellings that are one, spellings that must stay two, and finding by them.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn query(name: &str, question: &str, synonyms: &[&str]) -> Known {
    Known {
        name: name.to_owned(),
        question: question.to_owned(),
        sql: format!("SELECT '{name}'"),
        synonyms: synonyms.iter().map(|synonym| (*synonym).to_owned()).collect(),
        is_metric: false,
    }
}

fn metric(name: &str, description: &str, synonyms: &[&str]) -> Known {
    Known { is_metric: true, ..query(name, description, synonyms) }
}

fn names<'c>(found: &[&'c Known]) -> Vec<&'c str> {
    found.iter().map(|known| known.name.as_str()).collect()
}

#[test]
fn gives_one_spelling_to_one_question() {
    for spellings in [
        &[
            "What is the void rate",
            "  what is\tTHE void\r\nrate ?! ",
            "What is the void-rate?",
            "what_is the void\u{a0}rate…",
        ][..],
        &[
            "Ｗｈａｔ ｉｓ the void rate？",
            "what is the vo\u{200b}id rate",
            "«What is the “void rate”»",
            "\u{feff}what is the void rate.",
        ],
        &["¿Cuál es el año?", "cuál es el an\u{303}o", "CUÁL ES EL AÑO"],
        &["Größe der Straße", "GRÖSSE DER STRASSE", "große der straße".replace("große", "gro\u{308}ße").as_str()],
        &["上个月的收入是多少？", "上个月的收入是多少", "「上个月的收入是多少」。"],
        &["ما هي الإيرادات؟", "\u{200f}ما هي الإيرادات", "ما هي الإيرادات۔"],
        &["Ինչպե՞ս են վաճառքները", "ինչպես են վաճառքները։"],
        &["İstanbul satışları", "istanbul satışları"],
        &["store's sales", "store’s sales", "store`s sales"],
        &["sales in 2025-01-02 at 10:30, 3.5% up", "Sales in 2025–01–02, at 10:30; 3.5% up!"],
    ] {
        let first = normalise(spellings[0]);
        assert!(!first.is_empty());
        for spelling in spellings {
            assert_eq!(normalise(spelling), first, "{spelling:?}");
        }
    }
    assert_eq!(normalise("What is the void rate"), normalise("Ｗｈａｔ ｉｓ the void rate？"));
}

#[test]
fn keeps_apart_what_means_something_else() {
    for (one, other) in [
        ("revenue > 100", "revenue < 100"),
        ("more than -5", "more than 5"),
        ("more than - 5", "more than 5"),
        ("price 3.5", "price 35"),
        ("price 3.5", "price 3 5"),
        ("price .5", "price 5"),
        ("revenue - cost", "revenue cost"),
        ("revenue − cost", "revenue cost"),
        ("revenue / orders", "revenue orders"),
        ("A and (B or C)", "(A and B) or C"),
        ("10² stores", "102 stores"),
        ("1½ hours", "11⁄2 hours"),
        ("store 1①", "store 11"),
        ("5%", "5"),
        ("€5", "$5"),
        ("C++ orders", "C orders"),
        ("el año", "el ano"),
        ("kız", "kiz"),
        ("at 10:30", "at 1030"),
        ("5٪", "5"),
        ("stores", "store"),
    ] {
        assert_ne!(normalise(one), normalise(other), "{one:?} and {other:?}");
    }
}

#[test]
fn leaves_nothing_of_marks_and_blanks() {
    for text in ["", " ", "?!.", "\u{200b}\u{feff}", "…", "\u{3164}", "\0", "？！。"] {
        assert_eq!(normalise(text), "", "{text:?}");
    }
}

#[test]
fn keeps_every_script() {
    for text in ["ยอดขาย", "売上", "매출", "विक्रय", "продажи", "πωλήσεις", "מכירות", "مبيعات", "🍕", "விற்பனை", "ขาย๕"]
    {
        let spelling = normalise(text);
        assert!(!spelling.is_empty() && normalise(&spelling) == spelling, "{text}");
    }
}

#[test]
fn finds_the_one_entry_that_is_named() {
    let catalogue = Catalogue::new(vec![
        query("rate_by_store", "Void rate by store?", &["Stornoquote je Filiale"]),
        metric("void_rate", "share of orders that were voided", &["void share", "Void-Share"]),
        query("top", "Best stores", &["same words"]),
        query("worst", "Worst stores", &["Same words!"]),
        query("empty", "?", &["", "…"]),
    ]);
    let named = |question: &str| catalogue.exact(question).map(|known| known.name.as_str());
    assert_eq!(named("  VOID rate by store"), Some("rate_by_store"));
    assert_eq!(named("stornoquote je filiale?"), Some("rate_by_store"));
    assert_eq!(named("Void rate"), Some("void_rate"));
    assert_eq!(named("void share"), Some("void_rate"));
    assert_eq!(named("same words"), None, "two entries share it");
    for other in ["rate_by_store", "share of orders that were voided", "void rate by stores", "void", "", "?", "empty"]
    {
        assert_eq!(named(other), None, "{other:?}");
    }
}

#[test]
fn finds_near_entries_nearest_first() {
    let catalogue = Catalogue::new(vec![
        query("void", "Which stores had the highest void rate last week?", &[]),
        query("revenue", "Total revenue by month this year", &[]),
        query("zh", "上个月每家门店的收入是多少", &[]),
        metric("average_ticket", "net sales per order", &["average check"]),
        query("void_city", "Void rate by city last week", &["Stornos je Stadt"]),
    ]);
    assert_eq!(names(&catalogue.near("highest void rate by store last week", 5)), ["void", "void_city"]);
    assert_eq!(names(&catalogue.near("highest void rate by store last week", 1)), ["void"]);
    assert_eq!(names(&catalogue.near("上个月的收入", 5)), ["zh"]);
    assert_eq!(
        names(&catalogue.near("how did the average ticket change for drive-through orders", 5))[0],
        "average_ticket"
    );
    assert_eq!(names(&catalogue.near("Storno in meiner Stadt", 5)), ["void_city"]);
    assert!(catalogue.near("employee birthdays", 5).is_empty());
    assert!(catalogue.near("", 5).is_empty());
    assert!(catalogue.near("void rate", 0).is_empty());
    assert!(Catalogue::new(Vec::new()).near("void rate", 5).is_empty());
}

#[test]
fn orders_equal_likeness_by_registration() {
    let catalogue = Catalogue::new((0..50).map(|number| query(&format!("q{number}"), "weekly sales", &[])).collect());
    assert_eq!(names(&catalogue.near("weekly sales", 3)), ["q0", "q1", "q2"]);
    assert!(catalogue.exact("weekly sales").is_none());
}

#[test]
fn is_bounded_on_ten_thousand_entries_and_a_long_question() {
    let words =
        ["sales", "void", "rate", "store", "city", "week", "month", "guest", "ticket", "refund", "labour", "tips"];
    let entry = |number: usize| {
        let question: Vec<&str> =
            (0..8).map(|place| words[(number * 7 + place * (number % 5 + 1)) % words.len()]).collect();
        query(&format!("q{number}"), &format!("{} {number}", question.join(" ")), &[])
    };
    let catalogue = Catalogue::new((0..10_000).map(entry).collect());
    let question: String = (0..1_000).map(|number| format!("{} ", words[number % words.len()])).collect();
    let run = |_| {
        let started = Instant::now();
        assert!(catalogue.near(&question, 5).len() <= 5);
        started.elapsed()
    };
    // The best of several runs, for other processes take the processor at will; a debug build is far slower.
    let best = (0..5).map(run).min().unwrap();
    let most = if cfg!(debug_assertions) { Duration::from_secs(1) } else { Duration::from_millis(30) };
    assert!(best < most, "{best:?}");
}

proptest! {
    #[test]
    fn normalising_twice_is_normalising_once(text in prop_oneof![
        "\\PC{0,60}",
        any::<String>(),
        prop::collection::vec(prop::sample::select(MARKS.to_vec()), 0..24).prop_map(|marks| marks.concat()),
    ]) {
        let once = normalise(&text);
        prop_assert_eq!(normalise(&once), once.clone());
        prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
        prop_assert!(!once.chars().any(|character| character.is_control() || is_invisible(character)));
    }

    #[test]
    fn case_blanks_and_the_question_mark_do_not_matter(words in prop::collection::vec("[a-z]{1,8}", 1..8)) {
        let spelled = words.join(" ");
        let shouted = format!("\t{}  ?", words.join("\u{a0} ").to_uppercase());
        prop_assert_eq!(normalise(&shouted), spelled);
    }

    #[test]
    fn finds_every_entry_by_its_own_question(questions in prop::collection::hash_set("[a-zа-я]{3,9}( [a-z]{1,9}){0,4}", 1..20), other in ".{0,80}") {
        let known: Vec<Known> = questions.iter().map(|question| query(question, question, &[])).collect();
        let catalogue = Catalogue::new(known);
        for question in &questions {
            prop_assert_eq!(&catalogue.exact(question).unwrap().name, question);
            prop_assert!(names(&catalogue.near(question, 20)).contains(&question.as_str()));
        }
        prop_assert_eq!(names(&catalogue.near(&other, 3)), names(&catalogue.near(&other, 3)));
    }
}

/// Characters that fold into each other or depend on their neighbours.
const MARKS: [&str; 40] = [
    " ", "-", "–", "−", ".", ",", ":", "/", "5", "٥", "²", "½", "①", "a", "I", "İ", "ı", "ß", "ŉ", "ǰ", "ΐ", "ᾳ",
    "\u{345}", "\u{301}", "\u{307}", "\u{200b}", "\u{ad}", "\u{b4}", "\u{a8}", "'", "(", "ﷺ", "ﬁ", "Σ", "ς", "가",
    "ᄀ", "ᅡ", "\u{3164}", "՞",
];
