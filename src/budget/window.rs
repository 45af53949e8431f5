//! Windows of time: they begin at whole multiples of a period from 2000-01-01 UTC, in which PostgreSQL counts as well.

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first microsecond since 2000.
    pub start: i64,
    /// Its length in microseconds; at least 1.
    pub period: i64,
}

impl Window {
    /// That of a moment, in microseconds since 2000. A period below 1 is taken for 1.
    #[must_use]
    pub fn at(now: i64, period: i64) -> Self {
        let period = period.max(1);
        Window { start: now.saturating_sub(now.rem_euclid(period)), period }
    }

    /// The first microsecond after it.
    #[must_use]
    pub fn end(self) -> i64 {
        self.start.saturating_add(self.period)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(self, now: i64) -> bool {
        self.end() <= now
    }
}

/// Whole seconds from a moment until another, rounded up; at least 1.
#[must_use]
pub fn seconds_until(now: i64, then: i64) -> i64 {
    let wait = then.saturating_sub(now).max(1);
    wait.div_euclid(SECOND).saturating_add(i64::from(wait.rem_euclid(SECOND) != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn begins_at_whole_multiples_from_2000() {
        let hour = 3_600 * SECOND;
        assert_eq!(Window::at(0, hour), Window { start: 0, period: hour });
        assert_eq!(Window::at(hour - 1, hour).start, 0);
        assert_eq!(Window::at(hour, hour).start, hour);
        assert_eq!(Window::at(-1, hour).start, -hour);
        assert_eq!(Window::at(7 * SECOND, 2 * SECOND), Window { start: 6 * SECOND, period: 2 * SECOND });
    }

    #[test]
    fn rounds_waits_up() {
        assert_eq!((seconds_until(0, 1), seconds_until(0, SECOND), seconds_until(0, SECOND + 1)), (1, 1, 2));
        assert_eq!((seconds_until(5, 5), seconds_until(9, 5)), (1, 1));
    }

    proptest! {
        #[test]
        fn holds_its_moment(now in -4_000_000_000_000_000_i64..4_000_000_000_000_000, period in 1_i64..1_000_000_000_000_000) {
            let window = Window::at(now, period);
            prop_assert!(window.start <= now && now < window.end() && window.start.rem_euclid(period) == 0);
            prop_assert!(!window.is_over(now) && window.is_over(window.end()));
            prop_assert_eq!(Window::at(window.end(), period).start, window.end());
        }
    }
}
