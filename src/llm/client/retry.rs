//! How long to wait before a request is sent again: full jitter, or what the endpoint asks for.

use std::time::Duration;

use crate::llm::ModelError;

/// Longest pause before the second attempt; it doubles with each.
const BASE: Duration = Duration::from_millis(100);
/// Longest pause of our own choice.
const CAP: Duration = Duration::from_secs(2);
/// What an endpoint asks for beyond this is taken for nonsense that no deadline would ever have room for.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause after an attempt, counted from 1: a random part of the exponential bound, and no less than was asked for.
/// Any part from nothing on, so that backends that were throttled together do not come back together.
///
/// # Errors
/// `ModelError::Configuration` if the system has no random source.
pub(super) fn pause(attempt: u32, asked: Option<Duration>) -> Result<Duration, ModelError> {
    let random =
        getrandom::u32().map_err(|_| ModelError::Configuration("the system has no random source".to_owned()))?;
    Ok(jitter(attempt, random).max(asked.unwrap_or_default()))
}

fn jitter(attempt: u32, random: u32) -> Duration {
    let bound = BASE.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(CAP);
    bound.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// What a response asks for: `retry-after-ms`, which Azure and OpenAI send, or `retry-after` in seconds. A date in
/// `retry-after` is not read: it needs clocks that agree, and no model endpoint sends one.
pub(super) fn asked(header: &dyn Fn(&str) -> Option<String>) -> Option<Duration> {
    let seconds = |name: &str, unit: f64| {
        let number = header(name)?.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
        Some(Duration::try_from_secs_f64(number * unit).map_or(LONGEST_ASKED, |asked| asked.min(LONGEST_ASKED)))
    };
    seconds("retry-after-ms", 0.001).or_else(|| seconds("retry-after", 1.0))
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;

    #[test]
    fn doubles_the_bound_up_to_the_cap() {
        for (attempt, bound) in [(0, 100), (1, 100), (2, 200), (3, 400), (5, 1600), (6, 2000), (u32::MAX, 2000)] {
            assert_eq!(jitter(attempt, u32::MAX), Duration::from_millis(bound), "{attempt}");
            assert_eq!(jitter(attempt, 0), Duration::ZERO);
            assert!(jitter(attempt, u32::MAX / 2) < Duration::from_millis(bound));
        }
    }

    #[test]
    fn spreads_pauses_and_waits_no_less_than_asked() {
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| pause(6, None).unwrap()).collect();
        assert!(pauses.len() > 40 && pauses.iter().all(|pause| *pause <= CAP));
        assert_eq!(pause(1, Some(Duration::from_secs(7))).unwrap(), Duration::from_secs(7));
    }

    #[test]
    fn reads_what_is_asked_for() {
        let asked =
            |name: &'static str, value: &'static str| asked(&|wanted| (wanted == name).then(|| value.to_owned()));
        assert_eq!(asked("retry-after", "3"), Some(Duration::from_secs(3)));
        assert_eq!(asked("retry-after", " 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(asked("retry-after-ms", "40"), Some(Duration::from_millis(40)));
        assert_eq!(asked("retry-after", "1e300"), Some(LONGEST_ASKED));
        for nonsense in ["", "-1", "NaN", "inf", "soon", "Sun, 22 Nov 2026 05:24:01 GMT"] {
            assert_eq!(asked("retry-after", nonsense), None, "{nonsense}");
        }
    }
}
