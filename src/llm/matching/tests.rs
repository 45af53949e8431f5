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
            "What is the void rate?",
            "What is, the void: rate...",
            "what is the void\u{a0}rate .",
            "\"What is the void rate\"?",
            "«What is the “void rate”»",
            "what is 'the void rate?'",
        ][..],
        &["cuál es el año", "cuál es el an\u{303}o?", "CUÁL ES EL AÑO"],
        &["größe der straße", "gro\u{308}ße der STRAẞE!"],
        &["上个月的收入是多少", "「上个月的收入是多少」", "上个月的收入是多少?"],
        &["stores' sales", "stores sales"],
        &["more than 5% of \"top 5\"", "More than 5% of top 5?"],
        &["sales in 2025-01-02 at 10:30, 3.5% up", "Sales in 2025-01-02 at 10:30; 3.5% up!"],
        &["net sales (in €)", "net sales, (in €)?"],
        &["TV sets over 5\"", "TV sets over 5\"?"],
    ] {
        let first = normalise(spellings[0]);
        assert!(!first.is_empty());
        for spelling in spellings {
            assert_eq!(normalise(spelling), first, "{spelling:?}");
        }
    }
}

#[test]
fn keeps_apart_what_means_something_else() {
    for (one, other) in [
        ("status = paid", "status != paid"),
        ("status = paid", "status ! = paid"),
        ("status = paid", "status! = paid"),
        ("status = paid", "status =! paid"),
        ("status=paid", "status!=paid"),
        ("status = paid", "status \u{2260} paid"),
        ("status = paid", "status == paid"),
        ("status = paid", "status : paid"),
        ("name is", "name is ''"),
        ("name = ''", "name = '"),
        ("status = ?", "status ="),
        ("revenue > 100", "revenue < 100"),
        ("revenue >= 100", "revenue > 100"),
        ("more than -5", "more than 5"),
        ("more than - 5", "more than 5"),
        ("5, -3", "5 -3"),
        ("price 3.5", "price 35"),
        ("price 3.5", "price 3 5"),
        ("price 3.5", "price 3,5"),
        ("price .5", "price 5"),
        ("revenue - cost", "revenue cost"),
        ("revenue-cost", "revenue cost"),
        ("revenue − cost", "revenue - cost"),
        ("revenue – cost", "revenue - cost"),
        ("revenue / orders", "revenue orders"),
        ("revenue + tax", "revenue tax"),
        ("A and (B or C)", "(A and B) or C"),
        ("10² stores", "102 stores"),
        ("10² stores", "10 2 stores"),
        ("1½ hours", "11⁄2 hours"),
        ("store 1①", "store 11"),
        ("5%", "5"),
        ("5\"", "5"),
        ("5' 3\"", "5 3"),
        ("5٪", "5"),
        ("€5", "$5"),
        ("#5", "5"),
        ("C++ orders", "C orders"),
        ("C# orders", "C orders"),
        ("el año", "el ano"),
        ("kız", "kiz"),
        ("İstanbul", "istanbul"),
        ("at 10:30", "at 1030"),
        ("ratio 3 : 4", "ratio 3 4"),
        ("store ٥", "store 5"),
        ("store ５", "store 5"),
        ("Ｗｈａｔ", "What"),
        ("turn over", "turnover"),
        ("void_rate", "void rate"),
        ("void-rate", "void rate"),
        ("it's", "its"),
        ("it's", "it’s"),
        ("can't", "cant"),
        ("vo\u{200b}id", "void"),
        ("vo\u{2062}id", "void"),
        ("stores", "store"),
        ("stores", "no stores"),
        ("¿cuál", "cuál"),
    ] {
        assert_ne!(normalise(one), normalise(other), "{one:?} and {other:?}");
    }
}

#[test]
fn likeness_forgets_more_than_the_spelling() {
    for (one, other) in
        [("Ｗｈａｔ-is the_void/rate？", "what is the void rate"), ("vo\u{200b}id", "void"), ("STRASSE", "straße")]
    {
        assert_eq!(loosened(one), loosened(other));
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
        metric("void_rate", "share of orders that were voided", &["void share", "Void share?"]),
        query("top", "Best stores", &["same words"]),
        query("worst", "Worst stores", &["Same words!"]),
        query("empty", "?", &["", "…"]),
    ]);
    let named = |question: &str| catalogue.exact(question).map(|known| known.name.as_str());
    assert_eq!(named("  VOID rate by store"), Some("rate_by_store"));
    assert_eq!(named("stornoquote je filiale?"), Some("rate_by_store"));
    assert_eq!(named("VOID_RATE?"), Some("void_rate"));
    assert_eq!(named("void share"), Some("void_rate"));
    assert_eq!(named("same words"), None, "two entries share it");
    for other in [
        "rate_by_store",
        "share of orders that were voided",
        "void rate",
        "void rate by stores",
        "void",
        "",
        "?",
        "empty",
    ] {
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
    }

    /// One sign, digit or word more, less or other is another question, wherever it stands.
    #[test]
    fn one_sign_digit_or_word_makes_another_question(
        pieces in prop::collection::vec(piece(), 2..9),
        place in any::<prop::sample::Index>(),
        other in piece(),
        letter in any::<prop::sample::Index>(),
        sign in prop::sample::select(SIGNS.to_vec()),
    ) {
        let spelled = |pieces: &[String]| normalise(&pieces.join(" "));
        let asked = spelled(&pieces);
        let at = place.index(pieces.len());
        let mut inserted = pieces.clone();
        inserted.insert(at, other.clone());
        prop_assert!(differ(&spelled(&inserted), &asked));
        let mut dropped = pieces.clone();
        dropped.remove(at);
        prop_assert!(differ(&spelled(&dropped), &asked));
        if other != pieces[at] {
            let mut changed = pieces.clone();
            changed[at] = other;
            prop_assert!(differ(&spelled(&changed), &asked));
        }
        // The same with single characters, in the text as it is written.
        let text: Vec<char> = pieces.join(" ").chars().collect();
        let at = letter.index(text.len());
        let mut inserted = text.clone();
        inserted.insert(at, sign);
        prop_assert!(differ(&normalise(&inserted.into_iter().collect::<String>()), &asked));
        if !text[at].is_whitespace() {
            let mut dropped = text.clone();
            dropped.remove(at);
            prop_assert!(differ(&normalise(&dropped.into_iter().collect::<String>()), &asked));
        }
        if sign != text[at] {
            let mut changed = text;
            changed[at] = sign;
            prop_assert!(differ(&normalise(&changed.into_iter().collect::<String>()), &asked));
        }
    }

    /// A mark that makes an operator, a fraction or a time counts wherever it is put in or taken out.
    #[test]
    fn marks_beside_signs_and_digits_count(
        (before, sign, after) in prop::sample::select(SIGNED.to_vec()),
        mark in prop::sample::select(vec!['!', '.', ',', ';', ':', '?', '\'', '"']),
        blank in prop::sample::select(vec!["", " "]),
    ) {
        let asked = normalise(&format!("{before}{sign}{after}"));
        for changed in [format!("{before}{blank}{mark}{sign}{after}"), format!("{before}{sign}{mark}{after}")] {
            prop_assert_ne!(normalise(&changed), asked.clone(), "{}", changed);
        }
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

/// Whether two spellings are of two questions: what is empty is none, and is neither registered nor found.
fn differ(one: &str, other: &str) -> bool {
    one.is_empty() || one != other
}

/// Signs that always count.
const SIGNS: [char; 24] = [
    '=', '<', '>', '+', '-', '*', '/', '%', '(', ')', '&', '|', '#', '@', '$', '€', '_', '~', '^', '≠', '²', '5', '0',
    '٥',
];

/// An expression in three parts, a sign in the middle.
const SIGNED: [(&str, &str, &str); 9] = [
    ("status ", "=", " paid"),
    ("status", "=", "paid"),
    ("status ", "<", " paid"),
    ("total ", ">", " 5"),
    ("total ", ">=", " 5"),
    ("total", ">", "5"),
    ("name ", "~", " 'a'"),
    ("total ", "-", "5"),
    ("total", "/", "orders"),
];

/// A word, a number, a comparison or another piece of a question, none of which is a mark alone.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,8}",
        1 => "[A-Z][a-z]{1,5}'s",
        2 => "-?[0-9]{1,3}([.,:][0-9]{1,2})?",
        1 => "[.][0-9]{1,2}",
        2 => prop::sample::select(vec!["=", "!=", "<>", "<", ">=", "~", "!~", "+", "-", "*", "/", "%", "&", "#1", "(a)", "C++", "¬", "∉"])
            .prop_map(str::to_owned),
        1 => "[а-я上下多少]{1,4}",
    ]
}

/// Characters that fold into each other or depend on their neighbours.
const MARKS: [&str; 43] = [
    " ", "\"", "?", "=", "-", "–", "−", ".", ",", ":", "/", "5", "٥", "²", "½", "①", "a", "I", "İ", "ı", "ß", "ŉ", "ǰ",
    "ΐ", "ᾳ", "\u{345}", "\u{301}", "\u{307}", "\u{200b}", "\u{ad}", "\u{b4}", "\u{a8}", "'", "(", "ﷺ", "ﬁ", "Σ", "ς",
    "가", "ᄀ", "ᅡ", "\u{3164}", "՞",
];
