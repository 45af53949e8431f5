//! What one question may spend on models, and what it has spent.
//!
//! A request is taken at the most that it may cost while it is under way. It costs what its reply says; nothing if the endpoint
//! refused it or was not reached; and the most where that is not known: a reply that broke off, says nothing, or was not waited for.

use super::{ModelError, Reported, Usage};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests and their tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests that were answered, or may have been.
    pub calls: u64,
    /// Their tokens.
    pub usage: Usage,
}

impl Spent {
    /// The same with one more reply.
    #[must_use]
    pub fn and(self, usage: Usage) -> Self {
        Spent {
            calls: self.calls.saturating_add(1),
            usage: Usage {
                input_tokens: self.usage.input_tokens.saturating_add(usage.input_tokens),
                output_tokens: self.usage.output_tokens.saturating_add(usage.output_tokens),
            },
        }
    }
}

#[derive(Debug)]
struct State {
    /// What may still be spent.
    left: Spent,
    /// What was spent, by model.
    spent: Vec<(String, Spent)>,
}

/// Watches the requests of one question.
#[derive(Debug)]
pub struct Meter(Mutex<State>);

impl Meter {
    /// Lets so much be spent.
    #[must_use]
    pub fn new(most: Spent) -> Arc<Self> {
        Arc::new(Meter(Mutex::new(State { left: most, spent: Vec::new() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was spent so far, by model.
    #[must_use]
    pub fn spent(&self) -> Vec<(String, Spent)> {
        self.state().spent.clone()
    }

    /// A request begins that takes at most so many tokens.
    ///
    /// # Errors
    /// `ModelError::Budget` where less is left.
    pub fn begin(self: &Arc<Self>, model: &str, most: Usage) -> Result<Begun, ModelError> {
        let mut state = self.state();
        let left = &state.left;
        let rest = left.calls.checked_sub(1).zip(left.usage.input_tokens.checked_sub(most.input_tokens));
        let rest = rest.zip(left.usage.output_tokens.checked_sub(most.output_tokens));
        let ((calls, input_tokens), output_tokens) = rest.ok_or(ModelError::Budget)?;
        state.left = Spent { calls, usage: Usage { input_tokens, output_tokens } };
        let known = state.spent.iter().position(|(known, _)| known == model);
        let place = known.unwrap_or(state.spent.len());
        if known.is_none() {
            state.spent.push((model.to_owned(), Spent::default()));
        }
        if let Some((_, spent)) = state.spent.get_mut(place) {
            spent.calls = spent.calls.saturating_add(1);
            spent.usage.input_tokens = spent.usage.input_tokens.saturating_add(most.input_tokens);
            spent.usage.output_tokens = spent.usage.output_tokens.saturating_add(most.output_tokens);
        }
        drop(state);
        Ok(Begun { meter: Arc::clone(self), place, most })
    }
}

/// A request that is under way. Dropped, it counts with the most that it may cost.
#[derive(Debug)]
#[must_use]
pub struct Begun {
    meter: Arc<Meter>,
    place: usize,
    most: Usage,
}

impl Begun {
    /// It cost nothing.
    pub fn free(self) {
        self.corrected(0, Usage::default());
    }

    /// It was answered, and cost this. What the reply does not say is taken at the most, and so is all of it where it says that it
    /// took nothing.
    pub fn charged(self, reported: Reported) {
        if Usage::from(reported) == Usage::default() {
            return;
        }
        let most = self.most;
        let said = |count: Option<u64>, most: u64| count.unwrap_or(most);
        self.corrected(
            1,
            Usage {
                input_tokens: said(reported.input_tokens, most.input_tokens),
                output_tokens: said(reported.output_tokens, most.output_tokens),
            },
        );
    }

    fn corrected(self, calls: u64, usage: Usage) {
        let mut state = self.meter.state();
        let moved = |value: u64, most: u64, actual: u64| value.saturating_sub(most).saturating_add(actual);
        let State { left, spent } = &mut *state;
        if let Some((_, spent)) = spent.get_mut(self.place) {
            spent.calls = moved(spent.calls, 1, calls);
            spent.usage.input_tokens = moved(spent.usage.input_tokens, self.most.input_tokens, usage.input_tokens);
            spent.usage.output_tokens = moved(spent.usage.output_tokens, self.most.output_tokens, usage.output_tokens);
        }
        let given_back = |value: u64, most: u64, actual: u64| value.saturating_add(most).saturating_sub(actual);
        left.calls = given_back(left.calls, 1, calls);
        left.usage.input_tokens = given_back(left.usage.input_tokens, self.most.input_tokens, usage.input_tokens);
        left.usage.output_tokens = given_back(left.usage.output_tokens, self.most.output_tokens, usage.output_tokens);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens }
    }

    fn said(input_tokens: u64, output_tokens: u64) -> Reported {
        Reported { input_tokens: Some(input_tokens), output_tokens: Some(output_tokens) }
    }

    #[test]
    fn what_a_reply_leaves_out_is_taken_at_the_most() {
        for (reported, expected) in [
            (said(7, 0), usage(7, 0)),
            (Reported { output_tokens: None, ..said(7, 0) }, usage(7, 10)),
            (Reported { input_tokens: None, ..said(0, 3) }, usage(100, 3)),
            (Reported { input_tokens: None, ..said(0, 0) }, usage(100, 10)),
            (said(0, 0), usage(100, 10)),
            (Reported::default(), usage(100, 10)),
        ] {
            let meter = Meter::new(Spent { calls: 9, usage: usage(1_000, 100) });
            meter.begin("a", usage(100, 10)).unwrap().charged(reported);
            assert_eq!(meter.spent()[0].1, Spent { calls: 1, usage: expected }, "{reported:?}");
        }
    }

    #[test]
    fn counts_what_replies_say_and_the_most_where_they_say_nothing() {
        let meter = Meter::new(Spent { calls: 9, usage: usage(1_000, 100) });
        meter.begin("a", usage(100, 10)).unwrap().charged(said(7, 3));
        meter.begin("b", usage(100, 10)).unwrap().free();
        assert_eq!(meter.spent()[0], ("a".to_owned(), Spent { calls: 1, usage: usage(7, 3) }));
        assert_eq!(meter.spent()[1], ("b".to_owned(), Spent::default()));
        meter.begin("b", usage(100, 10)).unwrap().charged(Reported::default());
        drop(meter.begin("b", usage(50, 5)).unwrap());
        assert_eq!(meter.spent()[1].1, Spent { calls: 2, usage: usage(150, 15) });
        meter.begin("a", usage(1, 1)).unwrap().charged(said(10, 10));
        assert_eq!(meter.spent()[0].1, Spent { calls: 2, usage: usage(17, 13) }, "more than was thought");
    }

    #[test]
    fn begins_nothing_that_is_not_left() {
        let meter = Meter::new(Spent { calls: 2, usage: usage(100, 10) });
        assert_eq!(meter.begin("a", usage(101, 1)).unwrap_err(), ModelError::Budget);
        assert_eq!(meter.begin("a", usage(1, 11)).unwrap_err(), ModelError::Budget);
        assert!(meter.spent().is_empty());
        meter.begin("a", usage(100, 10)).unwrap().free();
        drop(meter.begin("a", usage(100, 10)).unwrap());
        assert_eq!(meter.begin("a", usage(1, 0)).unwrap_err(), ModelError::Budget);
        let meter = Meter::new(Spent { calls: 1, usage: usage(100, 10) });
        drop(meter.begin("a", usage(1, 1)).unwrap());
        assert_eq!(meter.begin("a", usage(1, 1)).unwrap_err(), ModelError::Budget, "calls are counted as well");
    }
}
