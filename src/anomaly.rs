//! Calls that are unlike their principal's own past: a rule without chance, whose findings say what they rest on.
//!
//! Of each principal is kept, for its last 500 to 1,000 calls, the most rows and relations that one of them read, their sums, and
//! how many were refused. From its 50th call on an answer is an anomaly that reads more than four times the most rows (more than
//! 100) or relations (more than four) of those; and so is the refusal that is the tenth of 20 calls in a row, where that is four
//! times the share that was refused before. Each is said once: what was read is part of the past from then on, and refusals are not
//! looked at for the next 20 calls.
//!
//! Who raises its figures slowly is not found.

/// Calls before the first finding.
const FIRST: u64 = 50;
/// By how much a call must be over the past.
const FACTOR: u64 = 4;
/// Rows and relations that are never many.
const FEW_ROWS: u64 = 100;
const FEW_RELATIONS: u64 = 4;
/// How many calls in a row the share of refusals is taken of, and how many of them are few.
const RECENT: u32 = 20;
const FEW_REFUSALS: u64 = 9;
/// Calls after which the half of the past that lies further back is forgotten.
const HALF: u64 = 500;

/// What is kept of a principal, in words of 8 bytes: [`Baseline::to_words`].
pub const WORDS: usize = 16;

/// One call as the rule sees it. Calls that failed for no reason of the principal's are not to be shown to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// An answer.
    Answered {
        /// Rows delivered.
        rows: u64,
        /// Relations of the plane that it read.
        relations: u64,
    },
    /// A refusal over what was asked.
    Refused,
}

/// What a call was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Rows delivered.
    Rows,
    /// Relations read.
    Relations,
    /// Refusals in a row of calls.
    Refusals,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 3] = [Measure::Rows, Measure::Relations, Measure::Refusals];

    /// As the audit log and the counters say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Measure::Rows => "rows",
            Measure::Relations => "relations",
            Measure::Refusals => "refusals",
        }
    }
}

/// A call that is unlike its principal's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// What it was too much of; the first of these where there are several.
    pub measure: Measure,
    /// One sentence for an administrator: numbers alone, nothing that anybody wrote.
    pub finding: String,
}

/// One measure of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    sum: u64,
    most: u64,
}

impl Figures {
    fn add(&mut self, value: u64) {
        self.sum = self.sum.saturating_add(value);
        self.most = self.most.max(value);
    }

    fn with(self, other: Figures) -> Figures {
        Figures { sum: self.sum.saturating_add(other.sum), most: self.most.max(other.most) }
    }
}

/// About `HALF` calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Half {
    answered: u64,
    rows: Figures,
    relations: Figures,
    /// Calls that are not among the recent ones any more, and how many of them were refused: a share must not be compared with
    /// itself.
    done: u64,
    refused: u64,
}

impl Half {
    fn with(self, other: Half) -> Half {
        Half {
            answered: self.answered.saturating_add(other.answered),
            rows: self.rows.with(other.rows),
            relations: self.relations.with(other.relations),
            done: self.done.saturating_add(other.done),
            refused: self.refused.saturating_add(other.refused),
        }
    }

    fn to_words(self) -> [u64; 7] {
        let Half { answered, rows, relations, done, refused } = self;
        [answered, rows.sum, rows.most, relations.sum, relations.most, done, refused]
    }

    fn from_words(words: [u64; 7]) -> Self {
        let [answered, rows_sum, rows_most, relations_sum, relations_most, done, refused] = words;
        Half {
            answered,
            rows: Figures { sum: rows_sum, most: rows_most },
            relations: Figures { sum: relations_sum, most: relations_most },
            done,
            refused,
        }
    }
}

/// The past of one principal. Its size does not grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Baseline {
    /// All calls so far.
    calls: u64,
    /// Whether each of the last `RECENT` calls was refused, the last one in the lowest bit.
    recent: u32,
    /// How many calls are still to come whose refusals are not looked at.
    quiet: u32,
    earlier: Half,
    later: Half,
}

impl Baseline {
    /// As words that hold no address; all zeros are a principal without a past.
    #[must_use]
    pub fn to_words(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        let head = [self.calls, u64::from(self.recent) | u64::from(self.quiet) << 32];
        let all = head.into_iter().chain(self.earlier.to_words()).chain(self.later.to_words());
        words.iter_mut().zip(all).for_each(|(word, value)| *word = value);
        words
    }

    /// What those words hold.
    #[must_use]
    pub fn from_words(words: [u64; WORDS]) -> Self {
        let [calls, both, e0, e1, e2, e3, e4, e5, e6, l0, l1, l2, l3, l4, l5, l6] = words;
        let low = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default();
        Baseline {
            calls,
            recent: low(both),
            quiet: low(both >> 32),
            earlier: Half::from_words([e0, e1, e2, e3, e4, e5, e6]),
            later: Half::from_words([l0, l1, l2, l3, l4, l5, l6]),
        }
    }

    /// Compares a call with the past, and makes it part of it.
    pub fn observe(&mut self, call: Observation) -> Option<Anomaly> {
        self.calls = self.calls.saturating_add(1);
        self.shift(call == Observation::Refused);
        let past = self.earlier.with(self.later);
        let found = match call {
            Observation::Answered { rows, relations } => {
                self.later.answered = self.later.answered.saturating_add(1);
                self.later.rows.add(rows);
                self.later.relations.add(relations);
                over(Measure::Rows, rows, past.rows, FEW_ROWS, past.answered)
                    .or_else(|| over(Measure::Relations, relations, past.relations, FEW_RELATIONS, past.answered))
            }
            Observation::Refused => self.refusals(&past),
        };
        self.quiet = match &found {
            Some(Anomaly { measure: Measure::Refusals, .. }) if self.calls > FIRST => RECENT,
            _ => self.quiet.saturating_sub(1),
        };
        found.filter(|_| self.calls > FIRST)
    }

    /// The call that is the oldest of the recent ones becomes part of the past.
    fn shift(&mut self, is_refused: bool) {
        let oldest = self.recent >> (RECENT - 1) & 1;
        if self.calls > u64::from(RECENT) {
            self.later.done = self.later.done.saturating_add(1);
            self.later.refused = self.later.refused.saturating_add(u64::from(oldest));
        }
        if self.later.done >= HALF {
            self.earlier = self.later;
            self.later = Half::default();
        }
        self.recent = (self.recent << 1 | u32::from(is_refused)) & ((1 << RECENT) - 1);
    }

    fn refusals(&self, past: &Half) -> Option<Anomaly> {
        let refused = u64::from(self.recent.count_ones());
        // The shares of RECENT calls and of past.done, without fractions.
        let is_over = refused > FEW_REFUSALS
            && refused.saturating_mul(past.done)
                >= FACTOR.saturating_mul(past.refused).saturating_mul(u64::from(RECENT));
        (is_over && self.quiet == 0).then(|| Anomaly {
            measure: Measure::Refusals,
            finding: format!(
                "{refused} of its last {RECENT} calls were refused; of {} before, {} were",
                grouped(past.done),
                grouped(past.refused)
            ),
        })
    }
}

/// An answer with more than `FACTOR` times the most of the past.
fn over(measure: Measure, value: u64, past: Figures, few: u64, answered: u64) -> Option<Anomaly> {
    if value <= few || value <= past.most.saturating_mul(FACTOR) {
        return None;
    }
    let average = past.sum.checked_div(answered).unwrap_or(0);
    Some(Anomaly {
        measure,
        finding: format!(
            "read {} {}; its calls read {} on average, at most {} before",
            grouped(value),
            measure.as_str(),
            grouped(average),
            grouped(past.most)
        ),
    })
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USUAL: Observation = Observation::Answered { rows: 30, relations: 1 };

    fn read(rows: u64, relations: u64) -> Observation {
        Observation::Answered { rows, relations }
    }

    /// A principal after so many usual calls, none of which was an anomaly.
    fn after(calls: u64) -> Baseline {
        let mut baseline = Baseline::default();
        for call in 0..calls {
            assert_eq!(baseline.observe(read(call % 61, 1 + call % 2)), None);
        }
        baseline
    }

    #[test]
    fn explains_rows() {
        let found = after(100).observe(read(41_000, 1)).unwrap();
        assert_eq!(found.measure, Measure::Rows);
        assert_eq!(found.finding, "read 41,000 rows; its calls read 25 on average, at most 60 before");
    }

    #[test]
    fn explains_relations() {
        let found = after(100).observe(read(5, 9)).unwrap();
        assert_eq!(found.measure, Measure::Relations);
        assert_eq!(found.finding, "read 9 relations; its calls read 1 on average, at most 2 before");
        assert_eq!(after(100).observe(read(5, 8)), None);
    }

    #[test]
    fn says_nothing_before_the_fiftieth_call() {
        assert_eq!(after(49).observe(read(41_000, 50)), None);
        assert!(after(50).observe(read(41_000, 50)).is_some());
        let mut baseline = Baseline::default();
        assert!((0..50).all(|_| baseline.observe(Observation::Refused).is_none()));
    }

    #[test]
    fn four_times_the_most_is_no_anomaly() {
        assert_eq!(after(100).observe(read(240, 1)), None);
        assert!(after(100).observe(read(241, 1)).is_some());
        let mut idle = Baseline::default();
        assert!((0..60).all(|_| idle.observe(read(0, 1)).is_none()));
        assert_eq!(idle.observe(read(100, 1)), None);
        assert!(after(50).observe(read(1_000, 1)).is_some());
    }

    #[test]
    fn says_it_once() {
        let mut baseline = after(100);
        assert!(baseline.observe(read(41_000, 1)).is_some());
        assert_eq!(baseline.observe(read(41_000, 1)), None);
    }

    #[test]
    fn forgets_what_is_long_past() {
        let mut baseline = after(100);
        assert!(baseline.observe(read(41_000, 1)).is_some());
        for _ in 0..1_100 {
            assert_eq!(baseline.observe(USUAL), None);
        }
        assert!(baseline.observe(read(41_000, 1)).is_some());
    }

    #[test]
    fn explains_refusals_and_then_is_quiet() {
        let mut baseline = after(200);
        let found: Vec<(u64, Anomaly)> =
            (1..=40).filter_map(|call| Some((call, baseline.observe(Observation::Refused)?))).collect();
        assert_eq!(found[0].0, 10);
        assert_eq!(found[0].1.finding, "10 of its last 20 calls were refused; of 190 before, 0 were");
        assert!(found[1..].iter().all(|(call, _)| (call - 10) % 21 == 0), "{found:?}");
    }

    /// Who is refused every other call is not found for that, however long it goes on.
    #[test]
    fn a_share_that_is_usual_is_no_anomaly() {
        let mut baseline = Baseline::default();
        for call in 0..5_000 {
            let seen = if call % 2 == 0 { Observation::Refused } else { USUAL };
            assert_eq!(baseline.observe(seen), None, "call {call}");
        }
    }

    #[test]
    fn groups_digits() {
        let shown: Vec<String> = [0, 999, 1_000, 41_000, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(shown, ["0", "999", "1,000", "41,000", "1,234,567"]);
    }

    fn call() -> impl Strategy<Value = Observation> {
        prop_oneof![
            3 => (0_u64..200, 0_u64..6).prop_map(|(rows, relations)| read(rows, relations)),
            1 => (any::<u64>(), any::<u64>()).prop_map(|(rows, relations)| read(rows, relations)),
            2 => Just(Observation::Refused),
        ]
    }

    proptest! {
        /// No calls make it raise, the words hold all of it, and equal pasts give equal findings.
        #[test]
        fn is_deterministic_and_fits_its_words(calls in prop::collection::vec(call(), 0..1_200)) {
            let (mut kept, mut packed) = (Baseline::default(), [0; WORDS]);
            for seen in calls {
                let mut unpacked = Baseline::from_words(packed);
                prop_assert_eq!(unpacked, kept);
                prop_assert_eq!(unpacked.observe(seen), kept.observe(seen));
                packed = unpacked.to_words();
            }
        }

        /// The rule is no other than its two sentences: against a past that is kept whole.
        #[test]
        fn answers_are_compared_with_the_most_of_the_past(
            calls in prop::collection::vec((0_u64..2_000, 0_u64..30), 0..500),
        ) {
            let (mut baseline, mut past) = (Baseline::default(), Vec::new());
            for (rows, relations) in calls {
                let most = past.iter().fold((0, 0), |(a, b), (c, d)| (std::cmp::max(a, *c), std::cmp::max(b, *d)));
                let expected = if past.len() < 50 {
                    None
                } else if rows > 100 && rows > 4 * most.0 {
                    Some(Measure::Rows)
                } else if relations > 4 && relations > 4 * most.1 {
                    Some(Measure::Relations)
                } else {
                    None
                };
                prop_assert_eq!(baseline.observe(read(rows, relations)).map(|found| found.measure), expected);
                past.push((rows, relations));
            }
        }
    }
}
