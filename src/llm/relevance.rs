//! Which tables of a large plane a question is about, so that a prompt stays within its budget.
//!
//! Guarantees a pure choice: the same plane, hints and budget give the same parts. It only saves tokens and guards
//! nothing: what is left out is still in the plane, and what is chosen is still confined.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use unicode_normalization::UnicodeNormalization;

use super::matching::fold_case;
use crate::characters::is_invisible;

/// One table or function of the plane as a model is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its plane name.
    pub name: String,
    /// Its text in `splitplane.describe()`.
    pub text: String,
    /// Plane names of the tables that it refers to by foreign keys.
    pub references: Vec<String>,
}

/// How much more the question counts than the other hints.
const QUESTION_WEIGHT: f64 = 3.0;
/// How much more a word in a part's name counts than one in its text.
const NAME_WEIGHT: f64 = 4.0;
/// What the beginning of a word counts, besides the whole of it: inflections share it.
const STEM_WEIGHT: f64 = 0.5;
/// Words shorter than this are mostly grammar; in a text they count less.
const SHORT_WORD: usize = 4;
const SHORT_WEIGHT: f64 = 0.25;
/// The share of the best part's score below which a part is no better than none.
const LEAST_SHARE: f64 = 0.05;
/// Letters of a word that its inflections are taken to share.
const STEM: usize = 5;
/// Most distinct words of one hint.
const MOST_WORDS: usize = 2_048;
/// The share of a question's longer words that the plane must have for the question to be in its language.
const LEAST_KNOWN: f64 = 0.5;

/// A cautious estimate of the tokens that a model reads a text as: no less than the common tokenisers make of prose,
/// SQL and identifiers in any script, and rarely twice as many.
#[must_use]
pub fn tokens(text: &str) -> usize {
    // In sixths of a token: three letters or blanks make one, every mark may be most of one, and so may two bytes of
    // any script beyond ASCII.
    let sixths = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' => 2,
        0x80.. => 3,
        _ => 4,
    };
    text.bytes().map(sixths).sum::<usize>().div_ceil(6)
}

/// The parts for a prompt of at most `budget_tokens`, in their own order.
///
/// All of them when they fit. Else those that share the rarest words with the hints, of which the first is the question,
/// with what they refer to as far as the budget allows; in a plane that no hint matches, as many as fit, in their order.
/// A part that is over the budget by itself is left out, unless the plane holds no other.
///
/// `wanted` are names of parts that come before all others, with what they refer to; one that no part has is nothing.
#[must_use]
pub fn choose<'p>(parts: &'p [Part], wanted: &[String], hints: &[&str], budget_tokens: usize) -> Vec<&'p Part> {
    if fits(parts, budget_tokens) {
        return parts.iter().collect();
    }
    let costs: Vec<usize> = parts.iter().map(|part| tokens(&part.text)).collect();
    let mut choice = Choice { costs, chosen: vec![false; parts.len()], left: budget_tokens };
    let references = references(parts);
    let first = wanted.iter().filter_map(|name| parts.iter().position(|part| part.name == *name));
    let ranked: Vec<usize> = first.chain(rank(parts, hints)).collect();
    if ranked.is_empty() {
        for index in 0..parts.len() {
            choice.take(index);
        }
    }
    let mut waiting = Vec::new();
    for index in ranked {
        if choice.take(index) {
            for reference in references.get(index).into_iter().flatten() {
                if choice.take(*reference) {
                    waiting.push(*reference);
                }
            }
        }
    }
    // Tables between two chosen ones are needed to join them; what references refer to is mostly looked up for names.
    for (index, targets) in references.iter().enumerate() {
        let joined = targets.iter().filter(|target| choice.has(**target)).count();
        if joined > 1 && choice.take(index) {
            waiting.push(index);
        }
    }
    while let Some(index) = waiting.pop() {
        waiting.extend(references.get(index).into_iter().flatten().filter(|target| choice.take(**target)));
    }
    parts.iter().zip(&choice.chosen).filter_map(|(part, chosen)| chosen.then_some(part)).collect()
}

/// Whether a prompt can hold all of a plane.
#[must_use]
pub fn fits(parts: &[Part], budget_tokens: usize) -> bool {
    parts.len() == 1 || parts.iter().fold(0, |sum: usize, part| sum.saturating_add(tokens(&part.text))) <= budget_tokens
}

/// Whether most of a question's longer words stand in the plane, in names or in comments: if not, they do not say which tables it
/// is about, as when it is in another language.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn speaks_of(parts: &[Part], question: &str) -> bool {
    let asked = ask(parts, &[question]);
    let known: BTreeSet<&str> =
        asked.iter().filter(|asked| !asked.found.is_empty()).map(|asked| asked.word.as_str()).collect();
    let question = visible(question);
    let words: BTreeSet<&str> = compounds(&question)
        .filter(|word| word.chars().count() >= SHORT_WORD || word.chars().any(is_unspaced))
        .collect();
    let found = words.iter().filter(|word| forms(word).iter().any(|form| known.contains(form.as_str()))).count();
    found > 0 && found as f64 >= words.len() as f64 * LEAST_KNOWN
}

/// The names of a plane's parts, as many as fit: first those that share a word with the hints, then the others in their order.
#[must_use]
pub fn names(parts: &[Part], hints: &[&str], budget_tokens: usize) -> Vec<String> {
    let mut left = budget_tokens;
    let likely = rank(parts, hints);
    let others = (0..parts.len()).filter(|index| !likely.contains(index));
    let ordered = likely.iter().copied().chain(others).filter_map(|index| parts.get(index));
    let fitting = ordered.filter(|part| {
        let rest = left.checked_sub(tokens(&part.name).saturating_add(1));
        left = rest.unwrap_or(left);
        rest.is_some()
    });
    fitting.map(|part| part.name.clone()).collect()
}

/// What was chosen so far, and the tokens left.
struct Choice {
    costs: Vec<usize>,
    chosen: Vec<bool>,
    left: usize,
}

impl Choice {
    fn has(&self, index: usize) -> bool {
        self.chosen.get(index).copied().unwrap_or(true)
    }

    /// Takes a part that was not taken yet, when it fits.
    fn take(&mut self, index: usize) -> bool {
        let (Some(chosen), Some(cost)) = (self.chosen.get_mut(index), self.costs.get(index)) else { return false };
        if *chosen {
            return false;
        }
        let Some(left) = self.left.checked_sub(*cost) else { return false };
        (*chosen, self.left) = (true, left);
        true
    }
}

/// For each part, the other parts that it refers to.
fn references(parts: &[Part]) -> Vec<Vec<usize>> {
    let by_name: HashMap<&str, usize> =
        parts.iter().enumerate().rev().map(|(index, part)| (part.name.as_str(), index)).collect();
    let known = |part: &Part, own: usize| {
        let found = part.references.iter().filter_map(|name| by_name.get(name.as_str()).copied());
        found.filter(|index| *index != own).collect::<BTreeSet<usize>>().into_iter().collect()
    };
    parts.iter().enumerate().map(|(own, part)| known(part, own)).collect()
}

/// The parts that have something to do with the hints, best first, those of one score in their order.
#[allow(clippy::cast_precision_loss)]
fn rank(parts: &[Part], hints: &[&str]) -> Vec<usize> {
    let mut scores = vec![0.0_f64; parts.len()];
    for asked in ask(parts, hints) {
        let rarity = ((parts.len() as f64 + 1.0) / (asked.found.len() as f64 + 0.5)).ln().max(0.0);
        for (index, in_name) in asked.found {
            if let Some(score) = scores.get_mut(index) {
                *score += asked.weight * rarity * if in_name { NAME_WEIGHT } else { asked.weight_in_text };
            }
        }
    }
    let best = scores.iter().copied().fold(0.0, f64::max);
    let mut ranked: Vec<(usize, f64)> =
        scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0 && *score >= best * LEAST_SHARE).collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
    ranked.into_iter().map(|(index, _)| index).collect()
}

/// A word of the hints.
struct Asked {
    word: String,
    weight: f64,
    weight_in_text: f64,
    /// The parts that have it, and whether in their name.
    found: Vec<(usize, bool)>,
}

/// The words of the hints, each once, for the hint where it counts most: a chatty hint gains nothing by repeating
/// itself. A large plane repeats its own words too, so each spelling is taken apart once.
fn ask(parts: &[Part], hints: &[&str]) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for (place, hint) in hints.iter().enumerate() {
        let hint = visible(hint);
        let mut left = MOST_WORDS;
        for word in compounds(&hint).flat_map(forms) {
            if left > 0 && !numbers.contains_key(&word) {
                left -= 1;
                let stem = if word.ends_with(STEM_MARK) { STEM_WEIGHT } else { 1.0 };
                let is_short = word.is_ascii() && word.len() < SHORT_WORD;
                asked.push(Asked {
                    word: word.clone(),
                    weight: stem * if place == 0 { QUESTION_WEIGHT } else { 1.0 },
                    weight_in_text: if is_short { SHORT_WEIGHT } else { 1.0 },
                    found: Vec::new(),
                });
                numbers.insert(word, asked.len() - 1);
            }
        }
    }
    let texts: Vec<_> = parts.iter().map(|part| (visible(&part.name), visible(&part.text))).collect();
    let mut known: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, (name, text)) in texts.iter().enumerate() {
        for (text, in_name) in [(name, true), (text, false)] {
            for compound in compounds(text) {
                let found = known
                    .entry(compound)
                    .or_insert_with(|| forms(compound).iter().filter_map(|word| numbers.get(word).copied()).collect());
                for number in found {
                    if let Some(asked) = asked.get_mut(*number)
                        && asked.found.last().is_none_or(|(last, _)| *last != index)
                    {
                        asked.found.push((index, in_name));
                    }
                }
            }
        }
    }
    asked
}

/// Ends the beginning of a word, which stands for its inflections. No word holds it.
const STEM_MARK: char = '*';

/// A text in NFKC without what cannot be seen.
fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfkc().filter(|character| !is_invisible(*character)).collect())
}

/// The words of a text as they are written, compound names in one piece.
fn compounds(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !belongs_to_word(character) && character != '_')
        .filter(|compound| !compound.is_empty())
}

/// What a word is found by: the words of a compound name and that name as a whole, the singular of English plurals, the
/// beginnings of longer words, and pairs of characters in the scripts that put no blanks between words.
fn forms(compound: &str) -> Vec<String> {
    let pieces: Vec<String> = pieces(compound).iter().map(|piece| fold(piece)).collect();
    let mut forms = Vec::new();
    if pieces.len() > 1 {
        forms.push(singular(&pieces.concat()));
    }
    for piece in pieces {
        let characters: Vec<char> = piece.chars().collect();
        if characters.len() > 1 && characters.iter().copied().any(is_unspaced) {
            forms.extend(characters.windows(2).map(|pair| pair.iter().collect::<String>()));
            continue;
        }
        if characters.len() > STEM {
            forms.push(characters.iter().take(STEM).chain([&STEM_MARK]).collect());
        }
        forms.push(singular(&piece));
    }
    forms
}

fn fold(text: &str) -> String {
    text.chars().flat_map(fold_case).nfkc().collect()
}

/// Letters, digits and the marks that belong to them: only what separates words ends one.
fn belongs_to_word(character: char) -> bool {
    character.is_alphanumeric() || unicode_normalization::char::is_combining_mark(character)
}

/// Scripts that put no blanks between words: Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{e00}'..='\u{fff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of a name such as `guest_feedback`, `GuestFeedback`, `HTTPLog` or `store12`.
fn pieces(compound: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut before: Option<char> = None;
    let mut rest = compound.chars();
    while let Some(character) = rest.next() {
        let lower_next = rest.as_str().starts_with(char::is_lowercase);
        let starts = before.is_some_and(|before| {
            (character.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && lower_next)))
                || (character.is_numeric() != before.is_numeric()
                    && !unicode_normalization::char::is_combining_mark(character))
        });
        if starts || character == '_' {
            pieces.push(String::new());
        }
        if character != '_'
            && let Some(piece) = pieces.last_mut()
        {
            piece.push(character);
        }
        before = Some(character);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Folds English plurals. Both sides of a comparison are folded, so a wrong singular harms only when it meets another
/// word.
fn singular(word: &str) -> String {
    if word.len() <= 3 {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["ses", "xes", "zes", "ches", "shes"] {
        if word.ends_with(ending) {
            return word.strip_suffix("es").unwrap_or(word).to_owned();
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod recall;
#[cfg(test)]
mod tests;
