//! What every text begins with that a pattern of LIKE finds.

/// The beginning that a pattern asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    /// The text.
    pub text: String,
    /// The text and nothing behind it.
    pub is_whole: bool,
}

/// The characters before the first wildcard, escapes undone. `None` for a pattern that ends in its escape character, which is an
/// error of the search.
pub(super) fn prefix(pattern: &str) -> Option<Prefix> {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' | '_' => return is_finished(pattern).then_some(Prefix { text, is_whole: false }),
            '\\' => text.push(letters.next()?),
            _ => text.push(letter),
        }
    }
    Some(Prefix { text, is_whole: true })
}

/// The first text, byte by byte, behind all that begin with one; `None` if there is none.
pub(super) fn behind(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        // Characters have the order of their bytes in UTF-8, the one encoding of a plane's database.
        let next = (u32::from(last).saturating_add(1)..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

/// Whether each escape character has another behind it.
fn is_finished(pattern: &str) -> bool {
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.next().is_none() {
            return false;
        }
    }
    true
}
