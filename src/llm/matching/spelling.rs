//! Spellings of a text: the strict one, by which a question is found, and a loose one, by which likeness is measured.

use unicode_normalization::UnicodeNormalization;

use super::folding::fold_case;
use crate::characters::is_invisible;

/// The one spelling of a text: lower case, NFC, single blanks, and no quotes and none of `. , ; : ? !` at the ends of words.
/// Normalising twice is the same as once. Empty when the text holds nothing but marks and blanks.
///
/// A mark is at the end of a word, and nothing more than a mark, only where a word stands on each side of it or the text
/// ends: in `status != paid`, `.5`, `10:30` and `a : b` it counts, as it does before a sign (`5, -3`).
#[must_use]
pub fn normalise(text: &str) -> String {
    if loosened(text).is_empty() {
        return String::new();
    }
    // Lower case may bring letters that compose, and the other way round (U+212A).
    let lowered: String = text.nfc().collect::<String>().to_lowercase().nfc().collect();
    let mut words: Vec<&str> = lowered.split_whitespace().collect();
    let all = words.len();
    while words.last().is_some_and(|word| word.chars().all(is_mark)) {
        words.pop();
    }
    // After a sign (`status = ?`) the marks are what is asked about.
    if !words.last().is_some_and(|word| trimmed_end(word, false).ends_with(closes_sentence)) {
        words = lowered.split_whitespace().take(all).collect();
    }
    let mut is_quoted = false;
    let mut spelled = Vec::with_capacity(words.len());
    for (place, word) in words.iter().enumerate() {
        if word.chars().all(|character| is_mark(character) || is_quote(character)) {
            spelled.push(*word);
            continue;
        }
        // A quote before a sign is no quotation.
        let inner = word.trim_start_matches(is_quote);
        let inner = if inner.starts_with(opens_word) { inner } else { word };
        is_quoted |= inner.len() < word.len();
        let is_end = words.get(place + 1).is_none_or(|next| next.trim_start_matches(is_quote).starts_with(opens_word));
        let kept = if is_end { trimmed_end(inner, is_quoted) } else { inner };
        is_quoted &= !inner.ends_with(is_quote);
        spelled.push(kept);
    }
    spelled.join(" ")
}

/// The word without marks and quotes at its end. A quote behind a digit that no quote opened means feet or inches, and
/// behind a comparison marks and quotes are what is compared with.
fn trimmed_end(word: &str, is_quoted: bool) -> &str {
    let stem = word.trim_end_matches(|character| is_mark(character) || is_quote(character));
    let (_, tail) = word.split_at(stem.len());
    if stem.ends_with(compares) {
        return word;
    }
    if stem.ends_with(char::is_numeric) && !is_quoted && tail.starts_with(is_quote) {
        return word.trim_end_matches(is_mark);
    }
    stem
}

fn is_mark(character: char) -> bool {
    matches!(character, '.' | ',' | ';' | ':' | '?' | '!')
}

fn is_quote(character: char) -> bool {
    matches!(character,
        '"' | '\'' | '`' | '«' | '»' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}' | '\u{300c}'..='\u{300f}'
        | '\u{301d}'..='\u{301f}')
}

fn compares(character: char) -> bool {
    matches!(character, '=' | '<' | '>' | '~' | '≠' | '≤' | '≥')
}

/// What may stand before the marks that end a sentence and are set apart from it: `What is it ?`
fn closes_sentence(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, ')' | ']' | '%')
}

fn opens_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '(' | '[')
}

/// The words of a text in a spelling that forgets more than it may for an answer: NFKC, case folded, without invisible
/// characters, with a single blank for blanks and punctuation.
#[must_use]
pub(crate) fn loosened(text: &str) -> String {
    let composed: String =
        text.nfkc().filter(|character| !is_invisible(*character)).flat_map(fold_case).nfkc().collect();
    let words = composed.split(divides).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn divides(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || character.is_ascii_punctuation()
        || matches!(character,
            '«' | '»' | '¿' | '¡' | '·' | '\u{b4}' | '\u{2010}'..='\u{205e}' | '\u{2800}' | '\u{3001}'..='\u{3003}'
            | '\u{3008}'..='\u{301f}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' | '\u{964}' | '\u{965}')
}
