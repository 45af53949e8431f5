//! What is counted, and in what: whole numbers of millionths, so that sums are exact.

/// Millionths of one.
pub const ONE: u64 = 1_000_000;

/// What a budget is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Calls of the entry points that layer 1 let through.
    Calls,
    /// Requests to models.
    ModelCalls,
    /// Tokens that models read and wrote.
    Tokens,
    /// By the prices of the models.
    Cost,
    /// Seconds that calls took.
    RunSeconds,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 5] =
        [Measure::Calls, Measure::ModelCalls, Measure::Tokens, Measure::Cost, Measure::RunSeconds];

    /// As `set_budget` takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Measure::Calls => "calls",
            Measure::ModelCalls => "model_calls",
            Measure::Tokens => "tokens",
            Measure::Cost => "cost",
            Measure::RunSeconds => "run_seconds",
        }
    }

    /// In a sentence.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Measure::Calls => "calls",
            Measure::ModelCalls => "model calls",
            Measure::Tokens => "tokens",
            Measure::Cost => "cost",
            Measure::RunSeconds => "seconds of running",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Measure::ALL.into_iter().find(|measure| measure.as_str() == name)
    }

    /// By how much more than is used may be on disk: half a hundredth of the amount; whole ones where they are counted.
    #[must_use]
    pub fn block(self, amount: u64) -> u64 {
        let block = amount / 200;
        match self {
            Measure::Calls | Measure::ModelCalls | Measure::Tokens => block - block % ONE,
            Measure::Cost | Measure::RunSeconds => block,
        }
    }
}

/// Millionths of so many.
#[must_use]
pub fn whole(number: u64) -> u64 {
    number.saturating_mul(ONE)
}

/// What a model costs: millionths for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// That it reads.
    pub input: u64,
    /// That it writes.
    pub output: u64,
}

impl Price {
    /// Millionths for so many tokens, rounded up.
    #[must_use]
    pub fn of(self, input: u64, output: u64) -> u64 {
        let product = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = product(input, self.input).saturating_add(product(output, self.output));
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// A number with a comma before each three digits.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_every_measure() {
        for measure in Measure::ALL {
            assert_eq!(Measure::named(measure.as_str()), Some(measure));
        }
        assert_eq!(Measure::named("Calls"), None);
    }

    #[test]
    fn has_whole_blocks_where_whole_ones_are_counted() {
        assert_eq!(Measure::Calls.block(whole(1_000)), whole(5));
        assert_eq!(Measure::Calls.block(whole(199)), 0);
        assert_eq!(Measure::Cost.block(whole(1)), 5_000);
        assert_eq!(Measure::Calls.block(u64::MAX) % ONE, 0);
    }

    #[test]
    fn prices_tokens_exactly_and_rounds_up() {
        let price = Price { input: whole(3), output: whole(15) };
        assert_eq!(price.of(1_000_000, 1_000_000), whole(18));
        assert_eq!(price.of(1, 0), 3);
        assert_eq!(Price { input: 1, output: 0 }.of(1, 0), 1);
        assert_eq!(price.of(0, 0), 0);
        assert_eq!(Price { input: u64::MAX, output: u64::MAX }.of(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn groups_digits() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_234, "1,234"), (-1_234, "-1,234"), (-123, "-123"), (12_345_678, "12,345,678")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    proptest! {
        #[test]
        fn costs_of_parts_are_no_less_than_of_the_whole(
            input in 0_u64..1_000_000_000, more in 0_u64..1_000_000_000, price in 0_u64..1_000_000_000_000,
        ) {
            let price = Price { input: price, output: 0 };
            prop_assert!(price.of(input, 0) + price.of(more, 0) >= price.of(input + more, 0));
            prop_assert!(price.of(input, 0) + price.of(more, 0) <= price.of(input + more, 0) + 1);
        }
    }
}
