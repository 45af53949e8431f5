//! The path that needs no model: one spelling of a question, and the verified queries and metrics found by it.
//!
//! Guarantees that two texts with one normalised spelling differ in case, blanks, quotes, dashes between words and
//! sentence marks alone: whatever could change the meaning (signs, brackets, decimal points, accents) stays. A question
//! that is taken for another one is answered wrongly; one that is not found only costs a call.

mod folding;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unicode_normalization::UnicodeNormalization;

pub(crate) use folding::{fold_case, is_invisible, is_noncharacter};

/// More rounds than any text was seen to need until it stays the same.
const MOST_ROUNDS: usize = 8;
/// Longest text that is compared, in characters of its normalised spelling, and so the bound on the work of `near`.
const MOST_COMPARED: usize = 1_024;
/// Least likeness of a near entry, from 0 to 1.
const THRESHOLD: f64 = 0.3;

/// One spelling of a text: NFKC, case folded, invisible characters gone, blanks and punctuation folded into single
/// blanks. Normalising twice is the same as once. Empty when nothing is left.
#[must_use]
pub fn normalise(text: &str) -> String {
    let mut spelling = respell(text);
    for _ in 0..MOST_ROUNDS {
        let again = respell(&spelling);
        if again == spelling {
            break;
        }
        spelling = again;
    }
    spelling
}

fn respell(text: &str) -> String {
    let composed: String = apart(text)
        .nfkc()
        .filter(|character| !is_invisible(*character) && !is_inside_words(*character))
        .flat_map(fold_case)
        .nfkc()
        .collect();
    let mut spelling = String::with_capacity(composed.len());
    let mut blank = false;
    let mut rest = composed.chars();
    while let Some(character) = rest.next() {
        let character = if is_dash(character) { '-' } else { character };
        let before = spelling.chars().next_back().filter(|_| !blank);
        if is_blank(character) || (is_punctuation(character) && !has_meaning(character, before, rest.as_str())) {
            blank = true;
            continue;
        }
        if blank && !spelling.is_empty() {
            spelling.push(' ');
        }
        blank = false;
        spelling.push(character);
    }
    spelling
}

/// The characters, with a blank before each that NFKC would melt into a number: `10²` is no 102, nor is `1½` 11⁄2.
fn apart(text: &str) -> impl Iterator<Item = char> {
    let mut after_digit = false;
    text.chars().flat_map(move |character| {
        let (starts, ends) = digits_of(character);
        let melts = after_digit && starts;
        if !is_invisible(character) {
            after_digit = ends;
        }
        melts.then_some(' ').into_iter().chain([character])
    })
}

/// Whether NFKC makes a character one that starts with a digit without being a plain digit, and one that ends with any.
fn digits_of(character: char) -> (bool, bool) {
    if character.is_ascii() {
        return (false, character.is_ascii_digit());
    }
    let is_digit = |spelled: Option<char>| spelled.is_some_and(|spelled| spelled.is_ascii_digit());
    let is_plain = matches!(character, '\u{ff10}'..='\u{ff19}' | '\u{1d7ce}'..='\u{1d7ff}' | '\u{1fbf0}'..='\u{1fbf9}');
    let mut spelled = [character].into_iter().nfkc();
    let first = spelled.next();
    (is_digit(first) && !is_plain, is_digit(spelled.last().or(first)))
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control() || character == '\u{2800}'
}

/// Hyphens and dashes; the minus sign proper (U+2212) is a sign that calculates.
fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2e3a}' | '\u{2e3b}' | '\u{58a}' | '\u{5be}')
}

/// Armenian sentence marks, which stand inside the word that they stress.
fn is_inside_words(character: char) -> bool {
    matches!(character, '\u{55b}' | '\u{55c}' | '\u{55e}')
}

/// Marks that end or divide sentences, quote, or join words. Signs that calculate, compare, name a unit or bracket are
/// not among them.
fn is_punctuation(character: char) -> bool {
    matches!(character,
        '-' | '.' | ',' | ';' | ':' | '?' | '!' | '_' | '"' | '\'' | '`' | '\u{b4}' | '¿' | '¡' | '«' | '»' | '·'
        | '\u{2bc}' | '\u{55a}' | '\u{55d}' | '\u{55f}' | '\u{589}' | '\u{5f3}' | '\u{5f4}' | '\u{60c}' | '\u{61b}'
        | '\u{61f}' | '\u{66b}' | '\u{66c}' | '\u{6d4}' | '\u{964}' | '\u{965}' | '\u{e2f}' | '\u{e5a}' | '\u{e5b}'
        | '\u{f0b}'..='\u{f14}' | '\u{104a}' | '\u{104b}' | '\u{1361}'..='\u{1368}' | '\u{17d4}'..='\u{17d6}'
        | '\u{1802}' | '\u{1803}' | '\u{2018}'..='\u{201f}' | '\u{2022}' | '\u{2026}' | '\u{2039}' | '\u{203a}'
        | '\u{3001}'..='\u{3003}' | '\u{300c}'..='\u{300f}' | '\u{301d}'..='\u{301f}' | '\u{30fb}')
}

/// Whether a mark is more than punctuation where it stands: a decimal point or the inside of a date or time, and a dash
/// that may be a minus, which is each but the hyphen between two words.
fn has_meaning(mark: char, before: Option<char>, rest: &str) -> bool {
    match mark {
        '-' => before.is_none_or(|before| before == '-') || !rest.starts_with(char::is_alphabetic),
        '.' | ',' | ':' | '\u{66b}' | '\u{66c}' => rest.strip_prefix('.').unwrap_or(rest).starts_with(char::is_numeric),
        _ => false,
    }
}

/// A verified query or a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its registered name.
    pub name: String,
    /// The question that the SQL answers; of a metric, its description or nothing.
    pub question: String,
    /// SQL that was proved when it was registered.
    pub sql: String,
    /// Other ways to ask for it.
    pub synonyms: Vec<String>,
    /// Whether it is a metric, which is asked for by its name.
    pub is_metric: bool,
}

/// The verified queries and metrics, in the order of their registration, with what finds them.
#[derive(Debug, Default)]
pub struct Catalogue {
    known: Vec<Known>,
    /// The entry that a normalised text names; none when there are two of them.
    exact: HashMap<String, Option<usize>>,
    /// Each text that describes an entry: the entry and the weight of its trigrams.
    texts: Vec<(usize, f64)>,
    /// By trigram: in which texts it stands, and what it weighs.
    postings: HashMap<Trigram, (f64, Vec<usize>)>,
}

type Trigram = [char; 3];

impl Catalogue {
    /// Indexes the entries.
    #[must_use]
    pub fn new(known: Vec<Known>) -> Self {
        let mut catalogue = Self::default();
        let mut trigrams_of = Vec::new();
        for (index, entry) in known.iter().enumerate() {
            let texts = [&entry.name, &entry.question].into_iter().chain(&entry.synonyms);
            for (place, text) in texts.enumerate() {
                let spelling = normalise(text);
                let trigrams = trigrams(&spelling);
                if !trigrams.is_empty() {
                    catalogue.texts.push((index, 0.0));
                    trigrams_of.push(trigrams);
                }
                // A query's name and a metric's description are near at most.
                if place > 1 || (place == 0) == entry.is_metric {
                    catalogue.name(index, spelling);
                }
            }
        }
        for (text, trigrams) in trigrams_of.iter().enumerate() {
            for trigram in trigrams {
                catalogue.postings.entry(*trigram).or_default().1.push(text);
            }
        }
        let texts = catalogue.texts.len();
        for (weight, postings) in catalogue.postings.values_mut() {
            *weight = rarity(texts, postings.len());
        }
        for ((_, total), trigrams) in catalogue.texts.iter_mut().zip(&trigrams_of) {
            *total =
                trigrams.iter().filter_map(|trigram| catalogue.postings.get(trigram)).map(|(weight, _)| weight).sum();
        }
        catalogue.known = known;
        catalogue
    }

    fn name(&mut self, index: usize, spelling: String) {
        if spelling.is_empty() {
            return;
        }
        match self.exact.entry(spelling) {
            Entry::Vacant(free) => {
                free.insert(Some(index));
            }
            Entry::Occupied(mut taken) => {
                if *taken.get() != Some(index) {
                    taken.insert(None);
                }
            }
        }
    }

    /// The one entry that the question names: the name of a metric, the question of a query, or a synonym of either.
    /// None when two entries share the spelling: which of them is meant is not ours to guess.
    #[must_use]
    pub fn exact(&self, question: &str) -> Option<&Known> {
        let index = (*self.exact.get(&normalise(question))?)?;
        self.known.get(index)
    }

    /// At most `most` entries that are like the question, the nearest first, those of one likeness in their order.
    ///
    /// Likeness is the cosine of the sets of trigrams, weighted by how rare a trigram is among the entries, so that it
    /// works in every script and a metric's name inside a longer question still counts.
    #[must_use]
    pub fn near(&self, question: &str, most: usize) -> Vec<&Known> {
        let mut shared = vec![0.0_f64; self.texts.len()];
        let mut asked = 0.0;
        let unknown = rarity(self.texts.len(), 0);
        for trigram in trigrams(&normalise(question)) {
            let Some((weight, postings)) = self.postings.get(&trigram) else {
                asked += unknown;
                continue;
            };
            asked += weight;
            for text in postings {
                if let Some(sum) = shared.get_mut(*text) {
                    *sum += weight;
                }
            }
        }
        let mut likeness = vec![0.0_f64; self.known.len()];
        for (sum, (index, total)) in shared.into_iter().zip(&self.texts) {
            if let Some(best) = likeness.get_mut(*index) {
                *best = best.max(sum / (asked * total).sqrt().max(f64::MIN_POSITIVE));
            }
        }
        let mut found: Vec<(f64, &Known)> =
            likeness.into_iter().zip(&self.known).filter(|(likeness, _)| *likeness >= THRESHOLD).collect();
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        found.into_iter().take(most).map(|(_, known)| known).collect()
    }
}

/// What a trigram weighs that stands in `found` of `texts` texts. Never zero.
#[allow(clippy::cast_precision_loss)]
fn rarity(texts: usize, found: usize) -> f64 {
    ((texts as f64 + 1.0) / (found as f64 + 1.0)).ln() + 0.1
}

/// The distinct trigrams of each word with its borders, in the order of the text, which makes sums of weights
/// reproducible.
fn trigrams(spelling: &str) -> Vec<Trigram> {
    let mut seen = std::collections::HashSet::new();
    let mut found = Vec::new();
    let end = spelling.char_indices().nth(MOST_COMPARED).map_or(spelling.len(), |(end, _)| end);
    for word in spelling.get(..end).unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        let mut window = [' ', ' ', ' '];
        for character in word.chars().chain(std::iter::once(' ')) {
            let [_, middle, last] = window;
            window = [middle, last, character];
            if seen.insert(window) {
                found.push(window);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
