//! What every text begins with that a pattern of LIKE finds.

/// The beginning that a pattern asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    /// The text.
    pub text: String,
    /// The text and nothing behind it.
    pub is_whole: bool,
    /// The pattern asks for nothing else.
    pub is_all: bool,
}

/// The characters before the first wildcard, escapes undone. `None` for a pattern that ends in its escape character, which is an
/// error of the search.
pub(super) fn prefix(pattern: &str) -> Option<Prefix> {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => {
                let is_all = letters.all(|letter| letter == '%');
                return is_finished(pattern).then_some(Prefix { text, is_whole: false, is_all });
            }
            '_' => return is_finished(pattern).then_some(Prefix { text, is_whole: false, is_all: false }),
            '\\' => text.push(letters.next()?),
            _ => text.push(letter),
        }
    }
    Some(Prefix { text, is_whole: true, is_all: true })
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
