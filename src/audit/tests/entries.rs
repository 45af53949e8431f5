//! Entries and their lines.

use crate::audit::entry::{Chain, Database, Entry, Event, Link, MAX_LINE_BYTES, Place, TextHash};
use crate::audit::entry_reader::{EntryError, parse_line};
use crate::audit::text::{KeptTexts, hashed, is_erased};
use proptest::prelude::*;
use serde_json::{Value, json};

const PLACE: Place = Place { sequence: 12, at: 1_796_041_496_123_456, chain: Chain::None };

fn full() -> Entry {
    let text = |text: &str| Some(text.to_owned());
    let hash = Some(TextHash { hmac: [0xab; 32], kept: false });
    let mut entry = Entry {
        database: Some(Database { name: "shop".to_owned(), oid: 16384 }),
        query_id: text("6f0d2a5e-5f7c-4b8e-9a33-0d4f3b1a2c4d"),
        tenant: text("brand-a"),
        business: text("chicago"),
        subject: text("u-17"),
        key_id: text("AKSP"),
        verified: Some(true),
        source: text("model"),
        outcome: text("answered"),
        sqlstate: text("00000"),
        reason: text("none"),
        question: hash,
        sql: hash,
        relations: Some(vec!["public.orders".to_owned(), "public.\"a b\"".to_owned()]),
        rows: Some(3),
        bytes: Some(u64::MAX),
        microseconds: Some(12_345),
        model_calls: Some(1),
        input_tokens: Some(2),
        output_tokens: Some(3),
        answer: Some([0xcd; 32]),
        ..Entry::new(Event::Call, [0xef; 16])
    };
    entry.details.insert("note".to_owned(), json!({"a": [1, "x", null, true]}));
    entry
}

/// The line of docs/audit.md's table, member by member: a change of it is a change of the format.
#[test]
fn the_line_is_as_the_document_has_it() {
    let link = Link { sequence: 9, hash: [0x01; 32] };
    let line = full().line(&Place { chain: Chain::After(link), ..PLACE });
    let (ab, cd, ef, one) = ("ab".repeat(32), "cd".repeat(32), "ef".repeat(16), "01".repeat(32));
    let expected = format!(
        "{{\"sequence\":12,\"at\":\"2026-11-30T12:24:56.123456Z\",\"tenant_previous\":{{\"sequence\":9,\"hash\":\"{one}\"}},\
         \"event\":\"call\",\"random\":\"{ef}\",\"database\":{{\"name\":\"shop\",\"oid\":16384}},\
         \"query_id\":\"6f0d2a5e-5f7c-4b8e-9a33-0d4f3b1a2c4d\",\"tenant\":\"brand-a\",\"business\":\"chicago\",\"subject\":\"u-17\",\
         \"key_id\":\"AKSP\",\"verified\":true,\"source\":\"model\",\"outcome\":\"answered\",\"sqlstate\":\"00000\",\"reason\":\"none\",\
         \"question\":{{\"hmac\":\"{ab}\",\"kept\":false}},\"sql\":{{\"hmac\":\"{ab}\",\"kept\":false}},\
         \"relations\":[\"public.orders\",\"public.\\\"a b\\\"\"],\"rows\":3,\"bytes\":18446744073709551615,\"milliseconds\":12.345,\
         \"model_calls\":1,\"input_tokens\":2,\"output_tokens\":3,\"answer\":\"{cd}\",\"details\":{{\"note\":{{\"a\":[1,\"x\",null,true]}}}}}}"
    );
    assert_eq!(line, expected);
    assert_eq!(parse_line(line.as_bytes()), Ok((Place { chain: Chain::After(link), ..PLACE }, full())));
    let bare = Entry::new(Event::Stopped, [0; 16]).line(&Place { sequence: 0, at: 0, chain: Chain::First });
    assert_eq!(
        bare,
        "{\"sequence\":0,\"at\":\"1970-01-01T00:00:00.000000Z\",\"tenant_previous\":null,\"event\":\"stopped\",\
         \"random\":\"00000000000000000000000000000000\"}"
    );
}

#[test]
fn another_spelling_of_a_line_is_refused() {
    let line = full().line(&PLACE);
    let same: Value = serde_json::from_str(&line).unwrap();
    for (from, to, error) in [
        ("\"rows\":3", "\"rows\": 3", EntryError::Spelling),
        ("\"rows\":3", "\"rows\":3,\"rows\":3", EntryError::Spelling),
        ("\"rows\":3", "\"rows\":3,\"columns\":3", EntryError::Spelling),
        ("\"rows\":3", "\"rows\":3.0", EntryError::Member("rows")),
        ("\"rows\":3", "\"rows\":-3", EntryError::Member("rows")),
        ("\"rows\":3", "\"rows\":null", EntryError::Member("rows")),
        ("12.345", "12.3450", EntryError::Spelling),
        ("12.345", "\"12.345\"", EntryError::Member("milliseconds")),
        ("brand-a", "brand\\u002da", EntryError::Spelling),
        ("\"verified\":true", "\"verified\":1", EntryError::Member("verified")),
        ("\"kept\":false", "\"kept\":false,\"x\":1", EntryError::Spelling),
        ("\"call\"", "\"other\"", EntryError::Event),
        ("\"sequence\":12,", "", EntryError::Member("sequence")),
        ("\"random\":\"ef", "\"random\":\"EF", EntryError::Member("random")),
        ("\"random\":\"ef", "\"random\":\"", EntryError::Member("random")),
        ("T12:24:56", "T12:24:60", EntryError::Member("at")),
        ("2026-11-30", "2026-11-31", EntryError::Member("at")),
        (".123456Z", ".123456+", EntryError::Member("at")),
        ("\"oid\":16384", "\"oid\":4294967296", EntryError::Member("database")),
        ("{\"sequence\"", "[{\"sequence\"", EntryError::NotJson),
        ("\"at\"", "\"at\":\"\",\"at\"", EntryError::Spelling),
    ] {
        let changed = line.replacen(from, to, 1);
        assert_ne!(changed, line, "{from}");
        assert_eq!(parse_line(changed.as_bytes()).unwrap_err(), error, "{from} as {to}");
    }
    let mut members = same.as_object().unwrap().clone();
    members.insert("details".to_owned(), json!({}));
    assert!(parse_line(serde_json::to_string(&members).unwrap().as_bytes()).is_err());
    assert_eq!(parse_line(&[b' '; MAX_LINE_BYTES + 1]), Err(EntryError::TooLong));
    assert_eq!(parse_line(b"\xff"), Err(EntryError::NotJson));
}

/// Whatever a client sends, the line has a bound and can be read.
#[test]
fn the_longest_line_has_room() {
    let endless = Some("\u{1}".repeat(1 << 20));
    let mut entry = Entry {
        database: Some(Database { name: "\u{1}".repeat(63), oid: u32::MAX }),
        query_id: endless.clone(),
        tenant: endless.clone(),
        business: endless.clone(),
        subject: endless.clone(),
        key_id: endless.clone(),
        verified: Some(false),
        source: endless.clone(),
        outcome: endless.clone(),
        sqlstate: endless.clone(),
        reason: endless.clone(),
        relations: Some(vec!["\u{1}".repeat(200); 5000]),
        ..full()
    };
    entry.details.insert("note".to_owned(), json!(endless));
    let line = entry.line(&PLACE);
    assert!(line.len() <= MAX_LINE_BYTES, "{}", line.len());
    let (place, read) = parse_line(line.as_bytes()).unwrap();
    assert_eq!(read.line(&place), line);
    // Details and relations just below their bounds, too.
    entry.details.insert("note".to_owned(), json!("\u{1}".repeat(5000)));
    let longer = entry.line(&PLACE);
    assert!(line.len() < longer.len() && longer.len() <= MAX_LINE_BYTES, "{}", longer.len());
    // A verified identity is not cut: it would be somebody else's.
    let tenant = "t".repeat(256);
    let verified = Entry { tenant: Some(tenant.clone()), ..full() };
    assert_eq!(parse_line(verified.line(&PLACE).as_bytes()).unwrap().1.tenant, Some(tenant));
}

#[test]
fn only_a_verified_tenant_has_a_chain() {
    assert_eq!(full().chain_key(), Some((16384, "brand-a")));
    for entry in [
        Entry { verified: Some(false), ..full() },
        Entry { verified: None, ..full() },
        Entry { tenant: None, ..full() },
        Entry { database: None, ..full() },
    ] {
        assert_eq!(entry.chain_key(), None);
    }
}

#[test]
fn events_have_one_name_each() {
    for event in Event::ALL {
        assert_eq!(Event::from_name(event.as_str()), Some(*event));
    }
    assert_eq!(Event::from_name("Call"), None);
}

#[test]
fn texts_are_proved_and_not_told() {
    let kept = KeptTexts { key: [3; 32], question: Some("Why?\n".to_owned()), sql: None };
    let line = kept.line(7);
    assert_eq!(line, format!("{{\"sequence\":7,\"key\":\"{}\",\"question\":\"Why?\\n\"}}", "03".repeat(32)));
    assert_eq!(KeptTexts::parse(line.as_bytes()), Some((7, kept.clone())));
    assert_eq!(KeptTexts::parse(format!(" {line}").as_bytes()), None);
    assert!(kept.hash("Why?\n").kept && !hashed(&[1; 32], &[2; 16], "Why?\n").kept);
    // Each of secret, random and text matters.
    let one = hashed(&[1; 32], &[2; 16], "Why?");
    for other in
        [hashed(&[0; 32], &[2; 16], "Why?"), hashed(&[1; 32], &[0; 16], "Why?"), hashed(&[1; 32], &[2; 16], "why?")]
    {
        assert_ne!(one, other);
    }
    assert!(is_erased(b"   ") && !is_erased(b"  x"));
}

proptest! {
    #[test]
    fn any_entry_comes_back(
        sequence in any::<u64>(), at in 0_i64..253_402_300_800_000_000, texts in prop::collection::vec(prop::option::of(".*"), 9),
        numbers in prop::collection::vec(prop::option::of(any::<u64>()), 5), verified in any::<Option<bool>>(),
        microseconds in prop::option::of(0_u64..1 << 50), relations in prop::option::of(prop::collection::vec(".*", 0..4)),
        chain in prop::option::of(prop::option::of((any::<u64>(), any::<[u8; 32]>()))), random in any::<[u8; 16]>(),
    ) {
        let chain = match chain {
            None => Chain::None,
            Some(None) => Chain::First,
            Some(Some((sequence, hash))) => Chain::After(Link { sequence, hash }),
        };
        let text = |index: usize| texts[index].clone();
        let entry = Entry {
            query_id: text(0), tenant: text(1), business: text(2), subject: text(3), key_id: text(4), source: text(5),
            outcome: text(6), sqlstate: text(7), reason: text(8), verified, relations, microseconds,
            rows: numbers[0], bytes: numbers[1], model_calls: numbers[2], input_tokens: numbers[3], output_tokens: numbers[4],
            random, ..full()
        };
        let place = Place { sequence, at, chain };
        let line = entry.line(&place);
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(parse_line(line.as_bytes()), Ok((place, entry)));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_line(&bytes);
        let _ = KeptTexts::parse(&bytes);
    }
}

#[test]
fn nothing_that_is_quoted_remains_in_a_sentence() {
    for (text, expected) in [
        ("division by zero", "division by zero"),
        ("invalid input syntax for type integer: \"jane\"", "invalid input syntax for type integer: \"…\""),
        ("relation \"a\"b\" is not in the plane", "relation \"…\" is not in the plane"),
        ("relation \"a\" and \"b\" too", "relation \"…\" too"),
        ("cut in the middle \"jane", "cut in the middle \"…\""),
        ("\"", "\"…\""),
    ] {
        assert_eq!(crate::audit::text::without_quotations(text), expected);
    }
}

#[test]
fn numbers_with_a_fraction_are_strings() {
    let details = json!({"a": 0.1, "b": [1, -2, 1e300], "c": {"d": 2.5}}).as_object().cloned().unwrap();
    let entry = Entry { details, ..Entry::new(Event::Administration, [0; 16]) };
    let line = entry.line(&Place { sequence: 0, at: 0, chain: Chain::None });
    assert!(line.ends_with(r#""details":{"a":"0.1","b":[1,-2,"1e+300"],"c":{"d":"2.5"}}}"#), "{line}");
    assert!(parse_line(line.as_bytes()).is_ok());
}
