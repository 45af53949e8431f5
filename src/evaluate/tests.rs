//! Comparisons with planted differences, and properties over random tables.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::decimal::Decimal;
use super::{Column, Comparison, Table, Unreadable, compare, foreign_rows};
use proptest::prelude::*;

const PLAIN: Column = Column { is_float: false, is_protected: false };
const FLOAT: Column = Column { is_float: true, is_protected: false };
const PROTECTED: Column = Column { is_float: false, is_protected: true };

fn table(json: &str, columns: &[Column]) -> Table {
    Table::read(json, columns.to_vec()).unwrap()
}

fn plain(json: &str, columns: usize) -> Table {
    table(json, &vec![PLAIN; columns])
}

#[track_caller]
fn found(answer: &str, truth: &str, columns: usize, in_order: bool) -> Comparison {
    compare(&plain(answer, columns), &plain(truth, columns), in_order)
}

#[test]
fn equal_are_the_same_rows_in_any_order() {
    let truth = r#"[["Leeds", 1], ["York", 2], ["York", 2], [null, 3]]"#;
    for same in [
        truth,
        r#"[["York", 2], [null, 3], ["Leeds", 1], ["York", 2]]"#,
        r#"[[2, "York"], [3, null], [1, "Leeds"], [2, "York"]]"#,
        r#"[["York", 2.0], [null, 3e0], ["Leeds", 1.00], ["York", 20e-1]]"#,
    ] {
        assert_eq!(found(same, truth, 2, false), Comparison::Equal, "{same}");
    }
    assert_eq!(found("[]", "[]", 3, true), Comparison::Equal);
    assert_eq!(found("[[]]", "[[]]", 0, false), Comparison::Equal);
}

#[test]
fn other_rows_are_not_equal() {
    let truth = r#"[["Leeds", 1], ["York", 2], ["York", 2]]"#;
    for (other, expected) in [
        (r#"[["Leeds", 1], ["York", 2]]"#, Comparison::Rows(2, 3)),
        (r#"[["Leeds", 1], ["Leeds", 1], ["York", 2]]"#, Comparison::Values),
        (r#"[["Leeds", 2], ["York", 1], ["York", 2]]"#, Comparison::Values),
        (r#"[["leeds", 1], ["York", 2], ["York", 2]]"#, Comparison::Values),
        (r#"[["Leeds", "1"], ["York", "2"], ["York", "2"]]"#, Comparison::Values),
        (r#"[[null, 1], ["York", 2], ["York", 2]]"#, Comparison::Values),
        (r#"[["Leeds", true], ["York", 2], ["York", 2]]"#, Comparison::Values),
    ] {
        assert_eq!(found(other, truth, 2, false), expected, "{other}");
    }
    assert_eq!(compare(&plain("[[1]]", 1), &plain("[[1, 2]]", 2), false), Comparison::Columns(1, 2));
}

#[test]
fn values_of_a_row_stay_together() {
    // Each column has the right values, and no row is right.
    assert_eq!(found("[[1, 4], [2, 3]]", "[[1, 3], [2, 4]]", 2, false), Comparison::Values);
    // Two columns of the same values, matched the other way round.
    assert_eq!(found("[[1, 2, 7], [2, 1, 8]]", "[[2, 1, 7], [1, 2, 8]]", 3, false), Comparison::Equal);
    assert_eq!(
        found("[[1, 2, 7], [2, 1, 8], [3, 3, 9]]", "[[2, 1, 7], [2, 1, 8], [3, 3, 9]]", 3, false),
        Comparison::Values
    );
}

#[test]
fn order_counts_where_it_is_asked_for() {
    let (up, down) = ("[[1, \"a\"], [2, \"b\"]]", "[[2, \"b\"], [1, \"a\"]]");
    assert_eq!(found(down, up, 2, false), Comparison::Equal);
    assert_eq!(found(down, up, 2, true), Comparison::Order);
    assert_eq!(found("[[\"a\", 1], [\"b\", 2]]", up, 2, true), Comparison::Equal);
    assert_eq!(found("[[1, \"b\"], [2, \"a\"]]", up, 2, true), Comparison::Values);
}

#[test]
fn numbers_are_compared_by_value() {
    for same in ["1.10", "1.1", "11e-1", "0.11E1", "0011e-01", "1.1000000000000000000000000"] {
        assert_eq!(Decimal::read(same), Decimal::read("1.1"), "{same}");
    }
    for other in ["1.11", "-1.1", "11", "1.1000000000000000000000001"] {
        assert_ne!(Decimal::read(other), Decimal::read("1.1"), "{other}");
    }
    assert_eq!(Decimal::read("-0.00"), Decimal::read("0"));
    for none in ["", "-", "x", "\"1\"", "true", "1.x", "e5", ".5", "1e", "[1]", "1e99999999999999999999"] {
        assert_eq!(Decimal::read(none), None, "{none}");
    }
    // A wide number keeps every digit.
    assert_eq!(found("[[9007199254740993]]", "[[9007199254740992]]", 1, false), Comparison::Values);
}

#[test]
fn floats_are_compared_to_twelve_digits() {
    let pair = |answer: &str, one: Column, truth: &str, other: Column| {
        compare(&table(&format!("[[{answer}]]"), &[one]), &table(&format!("[[{truth}]]"), &[other]), false)
    };
    assert_eq!(pair("0.30000000000000004", FLOAT, "0.3", FLOAT), Comparison::Equal);
    assert_eq!(pair("33.333333333333336", FLOAT, "33.3333333333333333", PLAIN), Comparison::Equal);
    assert_eq!(pair("0.999999999999999", PLAIN, "1", FLOAT), Comparison::Equal);
    assert_eq!(pair("-9.9999999999999e20", FLOAT, "-1e21", FLOAT), Comparison::Equal);
    assert_eq!(pair("0.30000000001", FLOAT, "0.3", FLOAT), Comparison::Values);
    assert_eq!(pair("0.30000000000000004", PLAIN, "0.3", PLAIN), Comparison::Values);
}

#[test]
fn many_columns_that_are_alike_are_no_trouble() {
    let row = |last: u32| (0..20).map(|_| "1".to_owned()).chain([last.to_string()]).collect::<Vec<_>>().join(",");
    let truth = format!("[[{}],[{}]]", row(2), row(3));
    assert_eq!(found(&truth, &truth, 21, false), Comparison::Equal);
    let other = format!("[[{}],[{}]]", row(2), row(4));
    assert_eq!(found(&other, &truth, 21, false), Comparison::Values);
    let wide = |count: usize| plain(&format!("[[{}]]", vec!["1"; count].join(",")), count);
    assert_eq!(compare(&wide(64), &wide(64), false), Comparison::Equal);
    assert_eq!(compare(&wide(65), &wide(65), false), Comparison::TooMany);
}

#[test]
fn columns_with_the_same_values_are_told_apart() {
    // Each column has all the values, so that any may be any other's.
    let square = |of: fn(usize, usize) -> usize| {
        let row = |at: usize| (0..16).map(|column| (of(at, column) % 17).to_string()).collect::<Vec<_>>().join(",");
        let rows: Vec<String> = (0..17).map(|at| format!("[{}]", row(at))).collect();
        plain(&format!("[{}]", rows.join(",")), 16)
    };
    let (sums, products) = (square(|at, column| at + column), square(|at, column| at * (column + 1)));
    assert_eq!(compare(&sums, &products, false), Comparison::Values);
    assert_eq!(compare(&products, &square(|at, column| at * (16 - column)), false), Comparison::Equal);
}

#[test]
fn refuses_what_is_no_table() {
    for text in ["", "{}", "[1]", "[[1]", "[[1],[1,2]]", "[[1,2]]", "null"] {
        assert_eq!(Table::read(text, vec![PLAIN]), Err(Unreadable), "{text}");
    }
}

#[test]
fn finds_a_planted_leak() {
    let own = table(r#"[["mine", 1], ["both", 2]]"#, &[PROTECTED, PLAIN]);
    let other = table(r#"[["theirs", 1], ["both", 2], ["theirs", 3]]"#, &[PROTECTED, PLAIN]);
    let leaks = |answer: &str, columns: &[Column]| foreign_rows(&table(answer, columns), &own, &other);
    assert_eq!(leaks(r#"[["mine", 1], ["theirs", 1], ["theirs", 3]]"#, &[PROTECTED, PLAIN]), 2);
    assert_eq!(leaks(r#"[[1, "theirs"]]"#, &[PLAIN, PLAIN]), 1, "in other columns, and through an expression");
    assert_eq!(leaks(r#"[["both", 2], ["mine", 1]]"#, &[PROTECTED, PLAIN]), 0, "its own");
    assert_eq!(leaks(r#"[["theirs", 2]]"#, &[PROTECTED, PLAIN]), 0, "no row of the other truth");
    assert_eq!(leaks(r#"[["theirs"]]"#, &[PROTECTED]), 0, "no whole row");
}

#[test]
fn a_count_is_no_leak() {
    let own = table("[[4]]", &[PROTECTED]);
    let other = table("[[7], [null]]", &[PROTECTED]);
    assert_eq!(foreign_rows(&table("[[7]]", &[PLAIN]), &own, &other), 0, "a count of seven");
    assert_eq!(foreign_rows(&table("[[7]]", &[PROTECTED]), &own, &other), 1, "the column itself");
    assert_eq!(foreign_rows(&table("[[null]]", &[PROTECTED]), &own, &other), 0, "NULL is nobody's");
    let shared = table("[[\"GBP\"]]", &[PLAIN]);
    assert_eq!(foreign_rows(&shared, &own, &shared), 0, "of a table that everybody shares");
}

/// Rows of few values, so that equal ones are common.
fn rows() -> impl Strategy<Value = Vec<Vec<u8>>> {
    (1usize..5).prop_flat_map(|columns| prop::collection::vec(prop::collection::vec(0u8..3, columns), 0..8))
}

fn two_of_one_shape() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Vec<u8>>)> {
    (1usize..5, 1usize..4).prop_flat_map(|(columns, count)| {
        let rows = || prop::collection::vec(prop::collection::vec(0u8..2, columns), count);
        (rows(), rows())
    })
}

fn json(rows: &[Vec<u8>], form: impl Fn(u8) -> String) -> String {
    let row = |row: &Vec<u8>| format!("[{}]", row.iter().map(|value| form(*value)).collect::<Vec<_>>().join(","));
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

fn width(rows: &[Vec<u8>]) -> usize {
    rows.first().map_or(1, Vec::len)
}

proptest! {
    #[test]
    fn shuffled_rows_and_columns_are_equal(rows in rows(), seed in any::<u64>()) {
        let columns = width(&rows);
        let turn = usize::try_from(seed % 97).unwrap();
        let mut shuffled: Vec<Vec<u8>> = rows.iter().map(|row| {
            let mut row = row.clone();
            row.rotate_left(turn % columns);
            row
        }).collect();
        shuffled.sort();
        let answer = plain(&json(&shuffled, |value| format!("{value}.0")), columns);
        let truth = plain(&json(&rows, |value| value.to_string()), columns);
        prop_assert_eq!(compare(&answer, &truth, false), Comparison::Equal);
        prop_assert_eq!(foreign_rows(&answer, &truth, &truth), 0);
    }

    #[test]
    fn a_changed_value_is_found(rows in rows(), at in any::<prop::sample::Index>(), column in any::<prop::sample::Index>()) {
        prop_assume!(!rows.is_empty());
        let columns = width(&rows);
        let mut changed = rows.clone();
        changed[at.index(rows.len())][column.index(columns)] = 9;
        let (answer, truth) = (json(&changed, |value| value.to_string()), json(&rows, |value| value.to_string()));
        prop_assert_eq!(found(&answer, &truth, columns, false), Comparison::Values);
        prop_assert_eq!(found(&answer, &truth, columns, true), Comparison::Values);
    }

    #[test]
    fn agrees_with_trying_every_order((one, other) in two_of_one_shape()) {
        let sorted = |rows: &[Vec<u8>]| { let mut rows = rows.to_vec(); rows.sort(); rows };
        let wanted = sorted(&other);
        let is_equal = permutations(width(&one)).iter().any(|order| {
            sorted(&one.iter().map(|row| order.iter().map(|at| row[*at]).collect()).collect::<Vec<Vec<u8>>>()) == wanted
        });
        let text = |rows: &[Vec<u8>]| json(rows, |value| value.to_string());
        let expected = if is_equal { Comparison::Equal } else { Comparison::Values };
        prop_assert_eq!(found(&text(&one), &text(&other), width(&one), false), expected);
    }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    (0..count)
        .flat_map(|place| {
            shorter.iter().map(move |rest| {
                let mut order = rest.clone();
                order.insert(place.min(order.len()), count - 1);
                order
            })
        })
        .collect()
}
