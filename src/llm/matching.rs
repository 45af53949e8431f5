//! The path that needs no model: one spelling of a question, and the verified queries and metrics found by it.
//!
//! Guarantees that two texts with one normalised spelling differ in case, in the number of blanks, in Unicode's composed
//! and decomposed letters, and in quotes and the marks `. , ; : ? !` at the ends of words alone. Every other sign and every
//! digit counts. A question that is taken for another one is answered wrongly; one that is not found only costs a call.

mod folding;
mod spelling;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub(crate) use folding::fold_case;
pub(crate) use spelling::loosened;
pub use spelling::normalise;

/// Longest text that is compared, in characters of its loose spelling, and so the bound on the work of `near`.
const MOST_COMPARED: usize = 1_024;
/// Least likeness of a near entry, from 0 to 1.
const THRESHOLD: f64 = 0.3;

/// A verified query or a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its registered name.
    pub name: String,
    /// The question that the SQL answers; of a metric, its description, which is no way to ask for it.
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
                let trigrams = trigrams(&loosened(text));
                if !trigrams.is_empty() {
                    catalogue.texts.push((index, 0.0));
                    trigrams_of.push(trigrams);
                }
                // A query's name and a metric's description are near at most.
                if place > 1 || (place == 0) == entry.is_metric {
                    catalogue.name(index, normalise(text));
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

    /// The entries, in their order.
    #[must_use]
    pub fn entries(&self) -> &[Known] {
        &self.known
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
        for trigram in trigrams(&loosened(question)) {
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
