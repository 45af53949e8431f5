//! jsonb's form, and receipts. That PostgreSQL prints the same is tested with a server.

use crate::audit::entry::Link;
use crate::audit::entry_reader::parse_line;
use crate::audit::json_form::{FormError, jsonb_form};
use crate::audit::receipt::{Receipt, ReceiptError, RowsHash, answer_hash, reference};
use crate::audit::testing::{COLUMNS, LOG, Log, ROWS, Shape};
use proptest::prelude::*;
use serde_json::{Value, json};

/// (text, what PostgreSQL prints for it as jsonb)
const FORMS: &[(&str, &str)] = &[
    ("null", "null"),
    (" [ ] ", "[]"),
    ("{}", "{}"),
    ("[{},[]]", "[{}, []]"),
    ("[1,2 ,\n3]", "[1, 2, 3]"),
    (r#"{"b":1,"a":2}"#, r#"{"a": 2, "b": 1}"#),
    (r#"{"aa":1,"b":2}"#, r#"{"b": 2, "aa": 1}"#),
    (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
    (r#"{"a":1,"\u0061":[2]}"#, r#"{"a": [2]}"#),
    (
        r#"{"c":{"b":{"z":1,"y":[{"q":1,"p":2}]},"a":0},"b":1}"#,
        r#"{"b": 1, "c": {"a": 0, "b": {"y": [{"p": 2, "q": 1}], "z": 1}}}"#,
    ),
    (r#"{"é":1,"zz":2}"#, r#"{"zz": 2, "é": 1}"#),
    (r#""\u00e9\/\u0001\ud83d\ude00\t\"\\\u007f""#, "\"é/\\u0001😀\\t\\\"\\\\\u{7f}\""),
    ("1.00", "1.00"),
    ("-0", "0"),
    ("-0.0", "0.0"),
    ("-1.50", "-1.50"),
    ("1e2", "100"),
    ("1E+2", "100"),
    ("1.50e1", "15.0"),
    ("1.5e3", "1500"),
    ("1e-3", "0.001"),
    ("1.0e-2", "0.010"),
    ("12.34e-4", "0.001234"),
    ("123.456e1", "1234.56"),
    ("0.00012e2", "0.012"),
    ("0e5", "0"),
    ("0.00e1", "0.0"),
    ("0.5e1", "5"),
    ("-5e0", "-5"),
    ("[true,false]", "[true, false]"),
];

const REFUSED: &[&str] = &[
    "",
    " ",
    "[",
    "]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{1:1}",
    "'a'",
    "\"a",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\n\"",
    "01",
    "-",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "1e999999",
    "1e-20000",
    "nul",
    "truefalse",
    "[1]]",
    "{}{}",
    "NaN",
    "[1}",
    "{\"a\":1]",
];

#[test]
fn forms_are_jsonbs() {
    for (text, form) in FORMS {
        let made = jsonb_form(text).unwrap();
        assert_eq!(made.text, *form, "{text}");
        assert_eq!(jsonb_form(form).unwrap().text, *form, "once more");
        assert_eq!(made.repeated, text.contains(r#""a":1,"a""#) || text.contains(r"\u0061"), "{text}");
    }
    for text in REFUSED {
        assert_eq!(jsonb_form(text), Err(FormError), "{text}");
    }
}

#[test]
fn depth_costs_no_stack_and_disorder_no_square() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(jsonb_form(&deep).unwrap().text, deep);
    let disordered = format!("{}0{}", r#"{"bb":1,"a":"#.repeat(200_000), "}".repeat(200_000));
    let form = jsonb_form(&disordered).unwrap().text;
    assert!(form.starts_with(r#"{"a": {"a": "#) && form.ends_with(r#", "bb": 1}, "bb": 1}"#));
}

fn document(log: &Log, sequence: u64) -> Value {
    json!({
        "outcome": "answered", "row_count": 2,
        "columns": serde_json::from_str::<Value>(COLUMNS).unwrap(),
        "audit": reference(&LOG, &Link { sequence, hash: log.hash(sequence) }),
    })
}

/// The rows as text: no number goes through floating point.
fn with_rows(document: &Value, rows: &str) -> String {
    let head = document.to_string();
    format!("{}, \"rows\" : {rows} }}", head.strip_suffix('}').unwrap())
}

#[test]
fn a_receipt_shows_which_answer_was_given() {
    let log = Log::write(Shape::of(9));
    let line = log.lines[7].as_bytes();
    let given = with_rows(&document(&log, 7), ROWS);
    let receipt = Receipt::parse(&given).unwrap();
    assert_eq!((receipt.log, receipt.entry.sequence), (LOG, 7));
    assert_eq!(receipt.check(line), Ok(()));
    // As PostgreSQL prints it.
    assert_eq!(Receipt::parse(&jsonb_form(&given).unwrap().text).unwrap().check(line), Ok(()));
    for rows in [
        r#"[["Chicago", 12.5], ["Köln", 1e2]]"#,
        r#"[["Chicago", 12.50], ["Köln", 101]]"#,
        r#"[["Köln", 1e2], ["Chicago", 12.50]]"#,
        r#"[["Chicago", 12.50]]"#,
        r#"[["Chicago", "12.50"], ["Köln", 1e2]]"#,
    ] {
        let receipt = Receipt::parse(&with_rows(&document(&log, 7), rows)).unwrap();
        assert_eq!(receipt.check(line), Err(ReceiptError::OtherAnswer), "{rows}");
    }
    let renamed = given.replace("\"paid\"", "\"due\"");
    assert_eq!(Receipt::parse(&renamed).unwrap().check(line), Err(ReceiptError::OtherAnswer));
    // Of two equal answers each has its own.
    assert_eq!(receipt.check(log.lines[8].as_bytes()), Err(ReceiptError::OtherEntry));
    let of_none = with_rows(&document(&log, 3), ROWS);
    assert_eq!(Receipt::parse(&of_none).unwrap().check(log.lines[3].as_bytes()), Err(ReceiptError::NoAnswer));
    for (from, to) in [("\"audit\"", "\"audits\""), ("\"rows\"", "\"row\""), (", \"rows\"", ", \"rows\": [], \"rows\"")]
    {
        assert!(matches!(Receipt::parse(&given.replacen(from, to, 1)), Err(ReceiptError::Document(_))), "{to}");
    }
    assert!(parse_line(line).is_ok());
}

#[test]
fn the_hash_of_an_answer_is_as_the_document_has_it() {
    // echo -n '[]' $'\n' '[]' | openssl dgst -mac HMAC -macopt hexkey:00..
    let hash = answer_hash(&[0; 16], " [ ]", "[]").unwrap();
    assert_eq!(hash, crate::audit::hash::hmac_sha256(&[0_u8; 16], &[b"[]\n[]"]));
    assert_ne!(hash, answer_hash(&[1; 16], "[]", "[]").unwrap());
}

#[test]
fn rows_that_cannot_be_read_have_no_hash() {
    let mut hash = RowsHash::new([0; 16], "[]");
    hash.row("[1]");
    hash.row("[1");
    hash.row("[1]");
    assert!(hash.finish().is_err());
    assert!(RowsHash::new([0; 16], "[").finish().is_err());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[^\u{0}]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[^\u{0}]{0,3}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_form_says_the_same(value in json(), spaces in any::<bool>()) {
        let text = if spaces { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let form = jsonb_form(&text).unwrap();
        prop_assert!(!form.repeated);
        prop_assert_eq!(serde_json::from_str::<Value>(&form.text).unwrap(), value);
        prop_assert_eq!(jsonb_form(&form.text).unwrap(), form);
    }

    #[test]
    fn rows_one_by_one_have_the_same_hash(rows in prop::collection::vec(json(), 0..6), random: [u8; 16]) {
        let columns = r#"[{"name": "a", "type": "text"}]"#;
        let mut hash = RowsHash::new(random, columns);
        rows.iter().for_each(|row| hash.row(&row.to_string()));
        prop_assert_eq!(hash.random(), random);
        let whole = answer_hash(&random, columns, &Value::from(rows).to_string()).unwrap();
        prop_assert_eq!(hash.finish().unwrap(), whole);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>(), json in "[\\[\\]{}\",:0-9eE.+\\\\ua-]{0,40}") {
        let _ = jsonb_form(&text);
        let _ = jsonb_form(&json);
        let _ = Receipt::parse(&json);
    }
}
