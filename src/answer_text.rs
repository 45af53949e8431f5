//! The JSON text of an answer's rows as it grows: never over its cap, and never where there is no memory for it: Rust
//! would then end the process. Pure, and tested without a server.

use std::fmt::Write;

/// Bytes of the longest `i64`.
const LONGEST_INTEGER: usize = 20;

/// Why no more was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The text would be longer than its cap.
    Cap,
    /// There is no memory for it.
    Memory,
}

/// A text and the most bytes that it may have.
#[derive(Debug)]
pub struct AnswerText {
    text: String,
    cap: usize,
}

impl AnswerText {
    /// A text that begins so.
    pub fn new(begin: &str, cap: usize) -> Self {
        AnswerText { text: begin.to_owned(), cap }
    }

    /// It.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Bytes of it.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// Bytes that may still be added.
    pub fn room(&self) -> usize {
        self.cap.saturating_sub(self.text.len())
    }

    /// Takes back what was added to the first `length` bytes, which end where a piece ended.
    pub fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
    }

    /// The whole with this at its end, for which there is always room.
    pub fn ended(mut self, end: char) -> String {
        self.text.push(end);
        self.text
    }

    fn reserve(&mut self, more: usize) -> Result<(), Full> {
        if more > self.room() {
            return Err(Full::Cap);
        }
        self.text.try_reserve(more).map_err(|_| Full::Memory)
    }

    /// Appends as it is.
    pub fn push(&mut self, more: &str) -> Result<(), Full> {
        self.reserve(more.len())?;
        self.text.push_str(more);
        Ok(())
    }

    /// Appends between quotes, without looking at what is between them.
    pub fn push_quoted(&mut self, inside: &str) -> Result<(), Full> {
        self.reserve(inside.len().saturating_add(2))?;
        self.text.push('"');
        self.text.push_str(inside);
        self.text.push('"');
        Ok(())
    }

    /// Appends a number.
    pub fn push_integer(&mut self, number: i64) -> Result<(), Full> {
        self.text.try_reserve(LONGEST_INTEGER).map_err(|_| Full::Memory)?;
        // The room for it is there, and writing to a text does not fail.
        let _ = write!(self.text, "{number}");
        if self.text.len() > self.cap { Err(Full::Cap) } else { Ok(()) }
    }

    /// Appends a number between quotes.
    pub fn push_quoted_integer(&mut self, number: i64) -> Result<(), Full> {
        self.push("\"")?;
        self.push_integer(number)?;
        self.push("\"")
    }

    /// Appends a text as a JSON string, with PostgreSQL's own escapes (`escape_json`).
    pub fn push_string(&mut self, value: &str) -> Result<(), Full> {
        let Some(mut at) = value.bytes().position(is_escaped) else { return self.push_quoted(value) };
        self.push("\"")?;
        let mut rest = value;
        loop {
            let (plain, behind) = rest.split_at(at);
            self.push(plain)?;
            let Some(byte) = behind.bytes().next() else { return self.push("\"") };
            self.push_escape(byte)?;
            // Of one byte, as all that are escaped.
            rest = behind.get(1..).unwrap_or_default();
            at = rest.bytes().position(is_escaped).unwrap_or(rest.len());
        }
    }

    fn push_escape(&mut self, byte: u8) -> Result<(), Full> {
        match byte {
            b'"' => self.push("\\\""),
            b'\\' => self.push("\\\\"),
            0x08 => self.push("\\b"),
            b'\t' => self.push("\\t"),
            b'\n' => self.push("\\n"),
            0x0c => self.push("\\f"),
            b'\r' => self.push("\\r"),
            other => {
                let digit = |bits: u8| char::from_digit(u32::from(bits), 16).unwrap_or_default();
                self.push("\\u00")?;
                self.reserve(2)?;
                self.text.extend([digit(other >> 4), digit(other & 0xf)]);
                Ok(())
            }
        }
    }
}

fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NO_CAP: usize = usize::MAX;

    fn text(cap: usize, parts: impl FnOnce(&mut AnswerText) -> Result<(), Full>) -> Result<String, Full> {
        let mut text = AnswerText::new("", cap);
        parts(&mut text).map(|()| text.text)
    }

    #[test]
    fn escapes_as_postgresql_does() {
        let all: String = (1..=0x7f_u8).map(char::from).collect();
        let written = text(NO_CAP, |text| text.push_string(&all)).unwrap();
        let begin =
            r#""\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013"#;
        assert!(written.starts_with(begin), "{written}");
        assert!(written.contains("\\u001f !\\\"#") && written.contains("[\\\\]") && written.ends_with("~\u{7f}\""));
    }

    #[test]
    fn integers_have_room() {
        for number in [0, 7, -1, i64::MAX, i64::MIN] {
            assert_eq!(text(NO_CAP, |text| text.push_integer(number)), Ok(number.to_string()));
        }
    }

    #[test]
    fn refuses_what_is_over_the_cap() {
        assert_eq!(text(5, |text| text.push("12345")), Ok("12345".to_owned()));
        assert_eq!(text(5, |text| text.push("123456")), Err(Full::Cap));
        assert_eq!(text(5, |text| text.push_quoted("1234")), Err(Full::Cap));
        assert_eq!(text(5, |text| text.push_integer(123_456)), Err(Full::Cap));
        assert_eq!(text(5, |text| text.push_string("\n\n")), Err(Full::Cap));
        assert_eq!(text(6, |text| text.push_string("\n\n")), Ok(r#""\n\n""#.to_owned()));
    }

    proptest! {
        #[test]
        fn strings_are_read_back(value: String, cap in 0..64_usize) {
            let written = text(NO_CAP, |text| text.push_string(&value)).unwrap();
            prop_assert_eq!(&serde_json::to_string(&value).unwrap(), &written);
            let capped = text(cap, |text| text.push_string(&value));
            prop_assert_eq!(capped, if written.len() <= cap { Ok(written) } else { Err(Full::Cap) });
        }
    }
}
