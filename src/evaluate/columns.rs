//! Equal rows under any order of the columns.

use super::table::{Table, Value};
use std::collections::HashMap;

/// Most columns that are compared.
const MOST_COLUMNS: usize = 64;
/// Most values that are looked at when each column is put beside each other one, and again in the search for an order of them.
const MOST_VALUES: usize = 10_000_000;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same rows.
    Equal,
    /// So many columns in place of so many.
    Columns(usize, usize),
    /// So many rows in place of so many.
    Rows(usize, usize),
    /// Other values.
    Values,
    /// The same rows in another order, where the order counts.
    Order,
    /// Too many columns, or too many ways in which they could be matched.
    TooMany,
}

/// A column of the answer beside one of the truth: each value as a number, equal values as equal ones.
struct Pair {
    answer: Vec<u32>,
    truth: Vec<u32>,
}

/// Compares an answer with the truth: multisets of rows, or lists of them if `in_order`. Columns are matched by their values in
/// any order, and each is matched once.
pub fn compare(answer: &Table, truth: &Table, in_order: bool) -> Comparison {
    let (found, wanted) = (answer.columns.len(), truth.columns.len());
    if found != wanted {
        return Comparison::Columns(found, wanted);
    }
    if answer.count() != truth.count() {
        return Comparison::Rows(answer.count(), truth.count());
    }
    let values = found.saturating_mul(wanted).saturating_mul(answer.count());
    if found > MOST_COLUMNS || values > MOST_VALUES {
        return Comparison::TooMany;
    }
    let pairs: Vec<Vec<Option<Pair>>> = (0..found)
        .map(|column| (0..wanted).map(|other| pair(answer, column, truth, other).filter(Pair::is_possible)).collect())
        .collect();
    if in_order && Search::new(&pairs, true).run(&start(answer.count())) == Found::Yes {
        return Comparison::Equal;
    }
    match Search::new(&pairs, false).run(&start(answer.count())) {
        Found::Yes if in_order => Comparison::Order,
        Found::Yes => Comparison::Equal,
        Found::No => Comparison::Values,
        Found::TooMany => Comparison::TooMany,
    }
}

fn start(rows: usize) -> Pair {
    Pair { answer: vec![0; rows], truth: vec![0; rows] }
}

fn pair(answer: &Table, column: usize, truth: &Table, other: usize) -> Option<Pair> {
    let is_float = answer.columns.get(column)?.is_float || truth.columns.get(other)?.is_float;
    let mut numbers: HashMap<Value, u32> = HashMap::new();
    let mut number = |value: &Value| {
        let value = if is_float { value.rounded() } else { value.clone() };
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(value).or_insert(next)
    };
    let mut all = |table: &Table, at: usize| {
        table.rows.iter().map(|row| row.get(at).map(&mut number)).collect::<Option<Vec<u32>>>()
    };
    Some(Pair { answer: all(answer, column)?, truth: all(truth, other)? })
}

impl Pair {
    /// Whether both have the same values, as often.
    fn is_possible(&self) -> bool {
        let mut counts: HashMap<u32, i64> = HashMap::new();
        self.answer.iter().for_each(|value| *counts.entry(*value).or_default() += 1);
        self.truth.iter().for_each(|value| *counts.entry(*value).or_default() -= 1);
        counts.values().all(|count| *count == 0)
    }

    /// The rows as far as they are compared, with one more column.
    fn with(&self, more: &Pair) -> Pair {
        let mut numbers: HashMap<(u32, u32), u32> = HashMap::new();
        let mut number = |key: (u32, u32)| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(key).or_insert(next)
        };
        let mut both = |rows: &[u32], more: &[u32]| {
            rows.iter().zip(more).map(|(row, value)| number((*row, *value))).collect::<Vec<u32>>()
        };
        Pair { answer: both(&self.answer, &more.answer), truth: both(&self.truth, &more.truth) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Yes,
    No,
    TooMany,
}

struct Search<'a> {
    pairs: &'a [Vec<Option<Pair>>],
    in_order: bool,
    /// Columns of the answer, those with the fewest candidates first.
    columns: Vec<usize>,
    taken: Vec<bool>,
    left: usize,
}

impl<'a> Search<'a> {
    fn new(pairs: &'a [Vec<Option<Pair>>], in_order: bool) -> Self {
        let mut columns: Vec<usize> = (0..pairs.len()).collect();
        let candidates = |column: &usize| pairs.get(*column).map_or(0, |row| row.iter().flatten().count());
        columns.sort_by_key(candidates);
        Search { pairs, in_order, columns, taken: vec![false; pairs.len()], left: MOST_VALUES }
    }

    fn run(&mut self, rows: &Pair) -> Found {
        self.next(0, rows)
    }

    /// Matches the columns from this place on.
    fn next(&mut self, place: usize, rows: &Pair) -> Found {
        let Some(column) = self.columns.get(place).copied() else { return Found::Yes };
        let pairs = self.pairs;
        let Some(candidates) = pairs.get(column) else { return Found::No };
        // Columns of the truth that are alike fail alike.
        let mut tried: Vec<&Pair> = Vec::new();
        for (other, candidate) in candidates.iter().enumerate() {
            let Some(candidate) = candidate.as_ref().filter(|_| self.taken.get(other) == Some(&false)) else {
                continue;
            };
            if tried.iter().any(|before| before.answer == candidate.answer && before.truth == candidate.truth) {
                continue;
            }
            tried.push(candidate);
            let Some(left) = self.left.checked_sub(rows.answer.len().saturating_add(1)) else { return Found::TooMany };
            self.left = left;
            let more = rows.with(candidate);
            let fits = if self.in_order { more.answer == more.truth } else { more.is_possible() };
            if !fits {
                continue;
            }
            self.take(other, true);
            match self.next(place.saturating_add(1), &more) {
                Found::No => self.take(other, false),
                found @ (Found::Yes | Found::TooMany) => return found,
            }
        }
        Found::No
    }

    fn take(&mut self, column: usize, is_taken: bool) {
        if let Some(taken) = self.taken.get_mut(column) {
            *taken = is_taken;
        }
    }
}
