//! Wide numbers (`int8`, `numeric`) between quotes in the JSON of an answer, for clients that read a number as floating
//! point, and back; and random bits as a number. Pure, and tested without a server.
//!
//! Of an answer, both ways look at values of columns of such numbers, or of arrays of them, only: `to_json` writes those with
//! digits, signs, points, brackets, commas, `null`, and the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.

/// How `int8` and `numeric` stand in an answer's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WideNumbers {
    /// As JSON numbers.
    Number,
    /// As JSON strings, every digit as PostgreSQL writes it.
    Text,
}

/// A piece of the JSON of a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A number that is not in a string.
    Number(&'a str),
    /// What is between two of them.
    Other(&'a str),
}

/// The pieces of a value's JSON, in order.
pub fn pieces(json: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = json;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let number = rest.bytes().take_while(|byte| is_of_number(*byte)).count();
        let length = if number > 0 { number } else { length_of_other(rest) };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some(if number > 0 { Piece::Number(piece) } else { Piece::Other(piece) })
    })
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.')
}

/// Bytes up to the next number that is not in a string.
fn length_of_other(json: &str) -> usize {
    let mut in_string = false;
    let is_number = |byte: u8| {
        in_string ^= byte == b'"';
        !in_string && is_of_number(byte)
    };
    json.bytes().position(is_number).unwrap_or(json.len())
}

/// The rows `[[..],..]` with the numbers in these columns out of their quotes again.
pub fn as_numbers(rows: &str, quoted: &[bool]) -> String {
    let (mut text, mut rest) = (String::with_capacity(rows.len()), rows);
    let (mut depth, mut column) = (0_usize, 0_usize);
    while let Some(first) = rest.bytes().next() {
        match first {
            b'[' | b'{' => {
                depth += 1;
                column = if depth == 2 { 0 } else { column };
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 2 => column += 1,
            _ => {}
        }
        let (piece, behind) = rest.split_at(length_of_token(rest));
        let inside = piece.trim_matches('"');
        let is_number = inside.bytes().all(is_of_number) && !inside.is_empty();
        text.push_str(if is_number && quoted.get(column) == Some(&true) { inside } else { piece });
        rest = behind;
    }
    text
}

/// Bytes of a string, of a mark, or of what is up to the next of either.
fn length_of_token(json: &str) -> usize {
    let is_mark = |byte: u8| b"[]{},".contains(&byte);
    match json.as_bytes() {
        [b'"', inside @ ..] => {
            let mut escaped = false;
            let ends = inside.iter().position(|byte| {
                let is_end = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                is_end
            });
            ends.map_or(json.len(), |end| end + 2)
        }
        [first, ..] if is_mark(*first) => 1,
        bytes => bytes.iter().position(|byte| *byte == b'"' || is_mark(*byte)).unwrap_or(json.len()),
    }
}

/// The digits of a double's significand.
const DIGITS: u32 = 53;

/// The highest bits as the digits behind the point: at least 0, and less than 1.
pub fn fraction(bits: u64) -> f64 {
    // Both are exact: no more digits than a double has, and a power of two.
    #[allow(clippy::cast_precision_loss)]
    let digits = (bits >> (u64::BITS - DIGITS)) as f64;
    #[allow(clippy::cast_precision_loss)]
    let scale = (1_u64 << DIGITS) as f64;
    digits / scale
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(json: &str) -> String {
        pieces(json)
            .map(|piece| match piece {
                Piece::Number(number) => format!("\"{number}\""),
                Piece::Other(other) => other.to_owned(),
            })
            .collect()
    }

    #[test]
    fn quotes_numbers_and_nothing_else() {
        for (plain, text) in [
            ("9007199254740993", r#""9007199254740993""#),
            ("-1.50", r#""-1.50""#),
            (r#""NaN""#, r#""NaN""#),
            (r#""-Infinity""#, r#""-Infinity""#),
            ("[]", "[]"),
            (r#"[1,null,-2.0,"Infinity",3]"#, r#"["1",null,"-2.0","Infinity","3"]"#),
            ("[[1,2],[3,null]]", r#"[["1","2"],["3",null]]"#),
        ] {
            assert_eq!(quoted(plain), text);
        }
    }

    #[test]
    fn takes_quotes_off_in_these_columns_only() {
        let columns = [true, false, true, false];
        for (text, plain) in [
            ("[]", "[]"),
            (r#"[["1","2",null,"3"]]"#, r#"[[1,"2",null,"3"]]"#),
            (
                r#"[["NaN",{"a":["1","2"]},["1",["-2.5",null]],"\"[1,"]]"#,
                r#"[["NaN",{"a":["1","2"]},[1,[-2.5,null]],"\"[1,"]]"#,
            ),
            (
                r#"[["1","é,]\\","2",3],["4","",["5","-Infinity"],"6"]]"#,
                r#"[[1,"é,]\\",2,3],[4,"",[5,"-Infinity"],"6"]]"#,
            ),
            (r#"[[null,"\\\"","7","8"]]"#, r#"[[null,"\\\"",7,"8"]]"#),
        ] {
            assert_eq!(as_numbers(text, &columns), plain);
        }
    }

    #[test]
    fn a_fraction_stays_below_one() {
        for (bits, expected) in [(0, 0.0), (1 << 63, 0.5), (1 << 62, 0.25), (1 << 11, f64::EPSILON / 2.0)] {
            assert!((fraction(bits) - expected).abs() < f64::MIN_POSITIVE, "{bits}");
        }
        assert!(fraction(u64::MAX) < 1.0);
        assert!(fraction(u64::MAX) > fraction(u64::MAX - (1 << 11)));
    }

    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?",
            Just("null".to_owned()),
            Just("\"NaN\"".to_owned()),
            Just("\"-Infinity\"".to_owned())
        ]
    }

    fn wide() -> impl Strategy<Value = String> {
        prop_oneof![
            number(),
            prop::collection::vec(number(), 0..5).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(number(), 4).prop_map(|v| format!("[[{},{}],[{},{}]]", v[0], v[1], v[2], v[3])),
        ]
    }

    fn other() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            "[0-9.-]{1,9}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            any::<String>().prop_map(|text| serde_json::json!({"a": [text, {"b": "1"}]}).to_string()),
            any::<i32>().prop_map(|number| number.to_string()),
        ]
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(rows in prop::collection::vec((wide(), other(), wide(), other()), 0..5)) {
            let written = |wide: fn(&str) -> String| {
                let rows: Vec<String> = rows.iter().map(|(a, b, c, d)| format!("[{},{b},{},{d}]", wide(a), wide(c))).collect();
                format!("[{}]", rows.join(","))
            };
            let (plain, text) = (written(str::to_owned), written(quoted));
            prop_assert_eq!(as_numbers(&text, &[true, false, true, false]), plain.clone());
            prop_assert_eq!(as_numbers(&plain, &[false; 4]), plain);
            let _: serde_json::Value = serde_json::from_str(&text).unwrap();
        }
    }
}
