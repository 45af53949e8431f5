//! The text form that PostgreSQL gives to jsonb, made of any JSON text without a server.
//!
//! One pass writes the form with members in the order in which they stand; objects that jsonb would order otherwise are noted
//! and put right in a second pass, which is left out where there are none. Nothing here recurses: depth costs memory alone.

use std::fmt::Write;
use std::ops::Range;
use thiserror::Error;

/// Digits before the point, and behind it, that `numeric` can hold.
const MOST_DIGITS: usize = 131_072;
const MOST_DECIMALS: usize = 16_383;

/// Why a text has no form as jsonb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a JSON text that jsonb takes")]
pub struct FormError;

/// What was made of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// jsonb's text.
    pub text: String,
    /// Whether an object had two members of one name, of which the last was kept.
    pub repeated: bool,
}

/// The text form that `text::jsonb` has.
pub fn jsonb_form(text: &str) -> Result<Form, FormError> {
    let mut writer =
        Writer { text, at: 0, out: String::with_capacity(text.len()), open: Vec::new(), disordered: Vec::new() };
    writer.document()?;
    writer.disordered.sort_by_key(|object| object.span.start);
    let repeated = writer.disordered.iter().any(|object| object.repeated);
    let text = if writer.disordered.is_empty() { writer.out } else { ordered(&writer.out, &writer.disordered) };
    Ok(Form { text, repeated })
}

/// A member of an object: its name without escapes, and where it begins in the output.
struct Member {
    name: String,
    start: usize,
}

enum Container {
    Array,
    /// Where it begins in the output, at its brace.
    Object(usize, Vec<Member>),
}

/// An object whose members stand in another order than jsonb's.
struct Disordered {
    span: Range<usize>,
    members: Vec<Range<usize>>,
    repeated: bool,
}

struct Writer<'a> {
    text: &'a str,
    at: usize,
    out: String,
    open: Vec<Container>,
    disordered: Vec<Disordered>,
}

impl Writer<'_> {
    fn document(&mut self) -> Result<(), FormError> {
        loop {
            self.value()?;
            // Closes what ends here; a comma asks for the next value.
            loop {
                self.skip_blanks();
                let next = self.peek();
                match (self.open.last(), next) {
                    (None, None) => return Ok(()),
                    (Some(Container::Array), Some(b']')) => self.copy(1),
                    (Some(Container::Object(..)), Some(b'}')) => self.copy(1),
                    (Some(_), Some(b',')) => {
                        self.at = self.at.saturating_add(1);
                        self.out.push_str(", ");
                        if matches!(self.open.last(), Some(Container::Object(..))) {
                            self.name()?;
                        }
                        break;
                    }
                    _ => return Err(FormError),
                }
                self.close();
            }
        }
    }

    /// A value without what closes it; of an array or object its beginning up to the first value in it, if there is one.
    fn value(&mut self) -> Result<(), FormError> {
        loop {
            self.skip_blanks();
            match self.peek().ok_or(FormError)? {
                b'[' => {
                    self.open.push(Container::Array);
                    self.copy(1);
                    self.skip_blanks();
                    if self.peek() == Some(b']') {
                        return Ok(());
                    }
                }
                b'{' => {
                    self.open.push(Container::Object(self.out.len(), Vec::new()));
                    self.copy(1);
                    self.skip_blanks();
                    if self.peek() == Some(b'}') {
                        return Ok(());
                    }
                    self.name()?;
                }
                b'"' => return self.string().map(drop),
                b'-' | b'0'..=b'9' => return self.number(),
                _ => return self.literal(),
            }
        }
    }

    fn name(&mut self) -> Result<(), FormError> {
        self.skip_blanks();
        let start = self.out.len();
        let name = self.string()?;
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(FormError);
        }
        self.at = self.at.saturating_add(1);
        self.out.push_str(": ");
        let Some(Container::Object(_, members)) = self.open.last_mut() else { return Err(FormError) };
        members.push(Member { name, start });
        Ok(())
    }

    /// Ends the innermost container, whose last bracket is written.
    fn close(&mut self) {
        let Some(Container::Object(start, members)) = self.open.pop() else { return };
        if members.is_sorted_by(|one, other| {
            (one.name.len(), one.name.as_bytes()) < (other.name.len(), other.name.as_bytes())
        }) {
            return;
        }
        let end = self.out.len();
        let starts: Vec<usize> = members.iter().map(|member| member.start).collect();
        // Each ends before the comma and blank of the next, the last before the brace.
        let ends = starts.iter().skip(1).map(|next| next.saturating_sub(2)).chain([end.saturating_sub(1)]);
        let mut found: Vec<(String, Range<usize>)> =
            members.into_iter().zip(ends).map(|(member, end)| (member.name, member.start..end)).collect();
        // The last of one name stands first among them, and is the one that is kept.
        found.reverse();
        found.sort_by(|(one, _), (other, _)| (one.len(), one.as_bytes()).cmp(&(other.len(), other.as_bytes())));
        let before = found.len();
        found.dedup_by(|dropped, kept| dropped.0 == kept.0);
        let repeated = found.len() != before;
        let members = found.into_iter().map(|(_, range)| range).collect();
        self.disordered.push(Disordered { span: start..end, members, repeated });
    }

    /// Writes a string in the form's escapes; gives it without escapes when it is a name.
    fn string(&mut self) -> Result<String, FormError> {
        if self.peek() != Some(b'"') {
            return Err(FormError);
        }
        self.at = self.at.saturating_add(1);
        let mut plain = String::new();
        self.out.push('"');
        loop {
            let rest = self.text.get(self.at..).ok_or(FormError)?;
            let run = rest.find(|one: char| one == '"' || one == '\\' || one < ' ').ok_or(FormError)?;
            let (run, rest) = rest.split_at(run);
            self.at = self.at.saturating_add(run.len());
            self.out.push_str(run);
            plain.push_str(run);
            if rest.starts_with('"') {
                break;
            }
            // A control character that is not escaped is not JSON.
            let escape = rest.strip_prefix('\\').ok_or(FormError)?;
            let (character, length) = unescaped(escape).ok_or(FormError)?;
            self.at = self.at.saturating_add(length).saturating_add(1);
            escaped(&mut self.out, character);
            plain.push(character);
        }
        self.copy(1);
        Ok(plain)
    }

    /// Writes a number as `numeric` prints it.
    fn number(&mut self) -> Result<(), FormError> {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let minus = usize::from(bytes.get(self.at) == Some(&b'-'));
        let whole = self.at.saturating_add(minus);
        let mut end = whole.saturating_add(digits(whole));
        let whole_digits = self.text.get(whole..end).unwrap_or_default();
        let mut decimals = "";
        if bytes.get(end) == Some(&b'.') {
            let from = end.saturating_add(1);
            end = from.saturating_add(digits(from));
            decimals = self.text.get(from..end).filter(|some| !some.is_empty()).ok_or(FormError)?;
        }
        let mut exponent = 0;
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let from = end.saturating_add(1);
            let sign = usize::from(matches!(bytes.get(from), Some(b'+' | b'-')));
            end = from.saturating_add(sign).saturating_add(digits(from.saturating_add(sign)));
            exponent = self.text.get(from..end).and_then(|text| text.parse::<i32>().ok()).ok_or(FormError)?;
        }
        if whole_digits.is_empty() || (whole_digits.len() > 1 && whole_digits.starts_with('0')) {
            return Err(FormError);
        }
        self.at = end;
        numeric(&mut self.out, minus == 1, whole_digits, decimals, exponent)
    }

    fn literal(&mut self) -> Result<(), FormError> {
        let rest = self.text.get(self.at..).ok_or(FormError)?;
        let found = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word)).ok_or(FormError)?;
        self.copy(found.len());
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at = self.at.saturating_add(1);
        }
    }

    /// Takes some characters of ASCII as they are.
    fn copy(&mut self, length: usize) {
        let end = self.at.saturating_add(length);
        self.out.push_str(self.text.get(self.at..end).unwrap_or_default());
        self.at = end;
    }
}

/// The character behind a backslash, and how many bytes it is written in.
fn unescaped(escape: &str) -> Option<(char, usize)> {
    let unit = |from: usize| -> Option<u32> {
        let digits = escape.get(from..from.checked_add(4)?)?;
        if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
    };
    let simple = match escape.bytes().next()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(1)?;
            if let 0xd800..=0xdbff = first {
                let second = escape.get(5..7).filter(|text| *text == "\\u").and_then(|_| unit(7))?;
                let second = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second).map(|one| (one, 11));
            }
            // jsonb holds no NUL. Half a pair is no character.
            return char::from_u32(first).filter(|one| *one != '\0').map(|one| (one, 5));
        }
        _ => return None,
    };
    Some((simple, 1))
}

fn escaped(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control if control < ' ' => {
            let _ = write!(out, "\\u{:04x}", u32::from(control));
        }
        other => out.push(other),
    }
}

/// A number as `numeric_out` gives it after `numeric_in`: the exponent moves the point, and takes from the decimals shown or
/// adds to them. Source: set_var_from_str and get_str_from_var of numeric.c, 15 to 19.
fn numeric(out: &mut String, minus: bool, whole: &str, decimals: &str, exponent: i32) -> Result<(), FormError> {
    let length = |text: &str| i64::try_from(text.len()).map_err(|_| FormError);
    let point = length(whole)? + i64::from(exponent);
    let scale = usize::try_from((length(decimals)? - i64::from(exponent)).max(0)).map_err(|_| FormError)?;
    let most = i64::try_from(MOST_DIGITS).map_err(|_| FormError)?;
    let is_zero = whole.bytes().chain(decimals.bytes()).all(|digit| digit == b'0');
    if scale > MOST_DECIMALS || (!is_zero && point > most) {
        return Err(FormError);
    }
    if minus && !is_zero {
        out.push('-');
    }
    if exponent == 0 {
        out.push_str(whole);
        if !decimals.is_empty() {
            out.push('.');
            out.push_str(decimals);
        }
        return Ok(());
    }
    let all: String = whole.chars().chain(decimals.chars()).collect();
    let before = usize::try_from(point).unwrap_or(0);
    let shown = all.get(..before.min(all.len())).unwrap_or_default().trim_start_matches('0');
    let filled = if is_zero { 0 } else { before.saturating_sub(all.len()) };
    out.push_str(shown);
    if shown.is_empty() {
        out.push('0');
    } else {
        out.extend(std::iter::repeat_n('0', filled));
    }
    if scale > 0 {
        out.push('.');
        let leading = usize::try_from(-point).unwrap_or(0).min(scale);
        out.extend(std::iter::repeat_n('0', leading));
        let rest = all.get(before.min(all.len())..).unwrap_or_default();
        let taken = rest.get(..rest.len().min(scale.saturating_sub(leading))).unwrap_or_default();
        out.push_str(taken);
        out.extend(std::iter::repeat_n('0', scale.saturating_sub(leading).saturating_sub(taken.len())));
    }
    Ok(())
}

/// The text with the members of objects in jsonb's order. `objects` ascend by where they begin.
fn ordered(text: &str, objects: &[Disordered]) -> String {
    let mut out = String::with_capacity(text.len());
    // What is still to be written, the next at the end.
    let mut open: Vec<Range<usize>> = Vec::new();
    open.push(0..text.len());
    let separator: Range<usize> = usize::MAX..usize::MAX;
    while let Some(span) = open.pop() {
        if span == separator {
            out.push_str(", ");
            continue;
        }
        let next = objects.partition_point(|object| object.span.start < span.start);
        let Some(object) = objects.get(next).filter(|object| object.span.start < span.end) else {
            out.push_str(text.get(span).unwrap_or_default());
            continue;
        };
        out.push_str(text.get(span.start..object.span.start.saturating_add(1)).unwrap_or_default());
        // From its closing brace on.
        open.push(object.span.end.saturating_sub(1)..span.end);
        for (index, member) in object.members.iter().enumerate().rev() {
            open.push(member.clone());
            if index > 0 {
                open.push(separator.clone());
            }
        }
    }
    out
}
