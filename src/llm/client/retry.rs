//! Which answers let a request be sent again, and how long to wait before: with jitter, or what the endpoint asks for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::llm::ModelError;

/// Longest pause of our own choice.
const CAP: Duration = Duration::from_secs(20);
/// What an endpoint asks for beyond this is taken for nonsense that no deadline would ever have room for.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a status says nothing against the request itself, so that the same one may succeed later: time-outs, faults,
/// too many callers.
pub(super) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 424 | 429 | 500 | 502 | 503 | 504 | 529)
}

/// Whether a status may come from behind a model that had begun to write: faults and time-outs on the way. Too many
/// callers (429, 503, 529) are turned away before.
pub(super) fn may_be_billed(status: u16) -> bool {
    matches!(status, 408 | 424 | 500 | 502 | 504)
}

/// Whether the endpoint says itself that another try is of no use, as OpenAI does where a bill is not paid.
pub(super) fn is_advised_against(header: &dyn Fn(&str) -> Option<String>) -> bool {
    header("x-should-retry").is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
}

/// Longest pauses before the second attempt; they double with each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    /// After an answer that asks for patience.
    pub(super) refusal: Duration,
    /// After a connection that was lost or not made: mostly one that lay idle for too long.
    pub(super) loss: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Pauses { refusal: Duration::from_secs(1), loss: Duration::from_millis(200) }
    }
}

impl Pauses {
    /// The pause after an attempt, counted from 1: no less than was asked for.
    ///
    /// # Errors
    /// `ModelError::Configuration` if the system has no random source.
    pub(super) fn after_refusal(self, attempt: u32, asked: Option<Duration>) -> Result<Duration, ModelError> {
        Ok(jitter(self.refusal, attempt, random()?).max(asked.unwrap_or_default()))
    }

    /// The same after a lost connection.
    ///
    /// # Errors
    /// As above.
    pub(super) fn after_loss(self, attempt: u32) -> Result<Duration, ModelError> {
        Ok(jitter(self.loss, attempt, random()?))
    }
}

fn random() -> Result<u32, ModelError> {
    getrandom::u32().map_err(|_| ModelError::Configuration("the system has no random source".to_owned()))
}

/// Between half of the exponential bound and all of it, so that backends that were throttled together do not come back
/// together, and none at once.
fn jitter(base: Duration, attempt: u32, random: u32) -> Duration {
    let bound = base.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(CAP);
    bound.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// What a response asks for: `retry-after-ms`, which Azure and OpenAI send, or `retry-after` in seconds or as a date. A
/// date counts from the response's own `date`, so that clocks need not agree, or else from `now`.
pub(super) fn asked(header: &dyn Fn(&str) -> Option<String>, now: SystemTime) -> Option<Duration> {
    let number = |name: &str, unit: f64| {
        let number = header(name)?.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
        Some(Duration::try_from_secs_f64(number * unit).unwrap_or(LONGEST_ASKED))
    };
    let date = |name: &str| DateTime::from_str(header(name)?.trim(), Format::HttpDate).ok().map(|date| date.secs());
    let until = || {
        let from = date("date").or_else(|| i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok())?;
        let seconds = date("retry-after")?.saturating_sub(from).max(0);
        Some(Duration::from_secs(u64::try_from(seconds).ok()?))
    };
    let asked = number("retry-after-ms", 0.001).or_else(|| number("retry-after", 1.0)).or_else(until)?;
    Some(asked.min(LONGEST_ASKED))
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;

    #[test]
    fn doubles_the_bound_up_to_the_cap() {
        let base = Pauses::default().refusal;
        for (attempt, seconds) in [(0, 1), (1, 1), (2, 2), (3, 4), (5, 16), (6, 20), (u32::MAX, 20)] {
            let bound = Duration::from_secs(seconds);
            assert_eq!(jitter(base, attempt, u32::MAX), bound, "{attempt}");
            assert_eq!(jitter(base, attempt, 0), bound / 2);
            assert!(jitter(base, attempt, u32::MAX / 2) < bound);
        }
    }

    #[test]
    fn spreads_pauses_and_waits_no_less_than_asked() {
        let pauses = Pauses::default();
        let spread: std::collections::BTreeSet<_> = (0..50).map(|_| pauses.after_refusal(6, None).unwrap()).collect();
        assert!(spread.len() > 40 && spread.iter().all(|pause| *pause <= CAP && *pause >= CAP / 2));
        assert_eq!(pauses.after_refusal(1, Some(Duration::from_secs(7))).unwrap(), Duration::from_secs(7));
        assert!(pauses.after_loss(1).unwrap() <= Duration::from_millis(200));
    }

    #[test]
    fn reads_what_is_asked_for() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_757_000);
        let asked = |headers: &[(&str, &str)]| {
            let header =
                |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_string());
            asked(&header, now)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(asked(&[("retry-after", "3")]), seconds(3));
        assert_eq!(asked(&[("retry-after", " 0.5 ")]), Some(Duration::from_millis(500)));
        assert_eq!(asked(&[("retry-after-ms", "40"), ("retry-after", "1")]), Some(Duration::from_millis(40)));
        assert_eq!(asked(&[("retry-after", "1e300")]), Some(LONGEST_ASKED));
        // 1795757041 is Fri, 27 Nov 2026 05:24:01 GMT.
        let date = ("retry-after", "Fri, 27 Nov 2026 05:24:01 GMT");
        assert_eq!(asked(&[date]), seconds(41));
        assert_eq!(asked(&[date, ("date", "Fri, 27 Nov 2026 05:23:58 GMT")]), seconds(3), "clocks need not agree");
        assert_eq!(asked(&[date, ("date", "Fri, 27 Nov 2026 06:00:00 GMT")]), seconds(0));
        assert_eq!(asked(&[date, ("date", "yesterday")]), seconds(41));
        assert_eq!(asked(&[("retry-after", "Fri, 27 Nov 9999 05:24:01 GMT")]), Some(LONGEST_ASKED));
        for nonsense in ["", "-1", "NaN", "inf", "soon", "Fri, 27 Nov 2026", "27 Nov 2026 05:24:01 GMT"] {
            let header = |wanted: &str| (wanted == "retry-after").then(|| nonsense.to_owned());
            assert_eq!(super::asked(&header, now), None, "{nonsense}");
        }
    }

    #[test]
    fn knows_which_statuses_pass_and_which_may_cost() {
        let passing: Vec<u16> = (100..600).filter(|status| may_pass(*status)).collect();
        assert_eq!(passing, [408, 424, 429, 500, 502, 503, 504, 529]);
        assert!((100..600).filter(|status| may_be_billed(*status)).all(may_pass));
        assert!([429, 503, 529].into_iter().all(|status| !may_be_billed(status)));
        let says = |value: &'static str| is_advised_against(&|_| Some(value.to_owned()));
        assert!(says("false") && says(" False") && !says("true") && !says("") && !is_advised_against(&|_| None));
    }
}
