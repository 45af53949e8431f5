//! Checks of a question before any model sees it, and of a model's text before a person sees it.
//!
//! Deterministic, and no substitute for the validator: it looks for texts that only make sense when they are addressed
//! to a model's plumbing. A question about anything, in any language, with SQL or JSON in it, is a question.

mod markers;

use thiserror::Error;

use crate::characters::{is_invisible, is_noncharacter};

/// Longest message to a caller, in characters.
const MOST_CHARACTERS: usize = 1_000;

/// What a question looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screened {
    /// Nothing is wrong with it so far.
    Question,
    /// It speaks to our machinery; what it holds, for the log.
    Suspicious(&'static str),
}

/// Why a text is no question at all (22023).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ScreenError {
    /// Nothing that can be seen.
    #[error("the question is empty")]
    Empty,
    /// More bytes than are admitted.
    #[error("the question is longer than {0} bytes")]
    TooLong(usize),
    /// Control characters or noncharacters.
    #[error("the question holds a character that is no text")]
    Binary,
}

/// Looks at a question of at most `max_bytes` bytes.
///
/// Control characters but tab, line feed and carriage return are no text, nor are Unicode's noncharacters, which are
/// never interchanged. Private-use characters are text in company fonts, and unassigned ones are next year's letters:
/// both pass, for they reach a model as escapes. Invisible characters pass too (Persian, Hindi and emoji are written
/// with them) and are looked through.
///
/// # Errors
/// See [`ScreenError`].
pub fn check(question: &str, max_bytes: usize) -> Result<Screened, ScreenError> {
    if question.len() > max_bytes {
        return Err(ScreenError::TooLong(max_bytes));
    }
    let is_text = |character: char| {
        matches!(character, '\t' | '\n' | '\r') || !(character.is_control() || is_noncharacter(character))
    };
    if !question.chars().all(is_text) {
        return Err(ScreenError::Binary);
    }
    if is_blank(question) {
        return Err(ScreenError::Empty);
    }
    Ok(markers::find(question).map_or(Screened::Question, Screened::Suspicious))
}

/// Whether nothing of a text can be seen.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|character| {
        character.is_whitespace() || character.is_control() || is_invisible(character) || character == '\u{2800}'
    })
}

/// A model's text on its way to a caller: printable, at most 1,000 characters.
#[must_use]
pub fn message(text: &str) -> String {
    printable(text).chars().take(MOST_CHARACTERS).collect()
}

/// A text without control characters (tabs and line breaks aside), without what reorders the text around it, and without
/// tag characters, which carry hidden texts. The joiners and marks that scripts and emoji need stay.
#[must_use]
pub fn printable(text: &str) -> String {
    let printable = |character: char| match character {
        '\t' | '\n' => Some(character),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => None,
        _ => (!character.is_control() && !is_noncharacter(character)).then_some(character),
    };
    text.chars().filter_map(printable).collect()
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
