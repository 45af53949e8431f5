//! The dates and timestamps next to one of another type: `date_at_least` and its like, `timestamp_first` and its like, `moved`.
//!
//! The stage `trust` puts them around what a column is compared with, so that the comparison is one between values of the
//! column's own type: those PostgreSQL trusts before row-level security, and has indexes and statistics for. None raises an
//! error, whatever its argument.

use super::interface::exported;
use crate::calendar::{self, DAY, FIRST, FIRST_DATE, LAST, is_finite};
use crate::pgx::zones::{self, SessionZone};
use pgrx::{FromDatum, IntoDatum, PgMemoryContexts, pg_guard, pg_sys};

/// A strict function of one date or timestamp (the form in which both come), as PostgreSQL calls it.
macro_rules! moment {
    ($name:ident |$call:pat_param, $value:ident: $argument:ty| $result:expr) => {
        const _: () = {
            exported!($name = wrapper);

            #[pg_guard]
            unsafe extern "C-unwind" fn wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
                // SAFETY: PostgreSQL calls with the one argument of the declaration, which is not NULL.
                unsafe {
                    let $call = call;
                    let $value = <$argument>::from_datum((*(*call).args.as_ptr()).value, false).unwrap_or_default();
                    let result = $result;
                    answer(call, result)
                }
            }
        };
    };
}

/// A result of whatever type, or NULL.
unsafe fn answer<T: IntoDatum>(call: pg_sys::FunctionCallInfo, result: Option<T>) -> pg_sys::Datum {
    let result = result.and_then(T::into_datum);
    // SAFETY: the caller's call information.
    unsafe { (*call).isnull = result.is_none() };
    result.unwrap_or(pg_sys::Datum::from(0))
}

/// The three of a pair: the first value that is not before another, the last that is not after it, and the one that equals it.
macro_rules! neighbours {
    ($least:ident, $most:ident, $equal:ident |$call:pat_param, $value:ident: $argument:ty| $pair:expr) => {
        moment!($least |$call, $value: $argument| Some($pair.0));
        moment!($most |$call, $value: $argument| Some($pair.1));
        moment!($equal |$call, $value: $argument| {
            let (least, most) = $pair;
            (least == most).then_some(least)
        });
    };
}

neighbours!(date_at_least, date_at_most, date_equal_to |_, timestamp: i64| {
    (calendar::date_at_least(timestamp), calendar::date_at_most(timestamp))
});
neighbours!(timestamp_at_least, timestamp_at_most, timestamp_equal_to |_, date: i32| {
    (calendar::timestamp_at_least(date), calendar::timestamp_at_most(date))
});
moment!(timestamp_first |_, date: i32| Some(calendar::timestamp_at_least(date)));
moment!(timestamp_last |_, date: i32| Some(calendar::last_of(date)));

// By the session's time zone.
neighbours!(date_at_least_in_zone, date_at_most_in_zone, date_equal_to_in_zone |call, moment: i64| date(call, moment));
neighbours!(timestamp_at_least_in_zone, timestamp_at_most_in_zone, timestamp_equal_to_in_zone |call, moment: i64| {
    local(call, moment)
});
neighbours!(timestamptz_at_least, timestamptz_at_most, timestamptz_equal_to |call, timestamp: i64| {
    of_timestamp(call, timestamp)
});
neighbours!(timestamptz_at_least_date, timestamptz_at_most_date, timestamptz_equal_to_date |call, date: i32| {
    of_date(call, date)
});
moment!(timestamptz_first |call, date: i32| Some(day(call, date).0));
moment!(timestamptz_last |call, date: i32| Some(day(call, date).1));

exported!(moved = moved_wrapper);

/// `moved(timestamp or timestamptz, bigint)`, strict: so many microseconds later, within the range of timestamps.
#[pg_guard]
unsafe extern "C-unwind" fn moved_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the two arguments of the declaration, neither NULL, both eight bytes by value.
    unsafe {
        let arguments = (*call).args.as_ptr();
        let value = |index| i64::from_datum((*arguments.add(index)).value, false).unwrap_or_default();
        pg_sys::Datum::from(calendar::moved(value(0), value(1)))
    }
}

/// The answer to the last argument, kept between the rows of one execution: what a column is compared with seldom changes.
struct Known {
    zone: *mut pg_sys::pg_tz,
    argument: i64,
    pair: (i64, i64),
}

/// What `compute` gives for an argument, or gave for the same one before.
///
/// # Safety
/// PostgreSQL's call of a function that keeps nothing else for its calls.
pub(super) unsafe fn remembered(
    call: pg_sys::FunctionCallInfo,
    argument: i64,
    compute: impl FnOnce() -> (i64, i64),
) -> (i64, i64) {
    // SAFETY: PostgreSQL calls with the function's call information, whose `fn_extra` is ours alone.
    unsafe {
        let information = (*call).flinfo;
        let zone = pg_sys::session_timezone;
        let known = (*information).fn_extra.cast::<Known>();
        if let Some(known) = known.as_ref().filter(|known| known.argument == argument && std::ptr::eq(known.zone, zone))
        {
            return known.pair;
        }
        let learnt = Known { zone, argument, pair: compute() };
        let pair = learnt.pair;
        if known.is_null() {
            let mut memory = PgMemoryContexts::For((*information).fn_mcxt);
            (*information).fn_extra = memory.leak_and_drop_on_delete(learnt).cast();
        } else {
            known.write(learnt);
        }
        pair
    }
}

/// The first date that does not begin before a moment, and the last that does not begin after it.
unsafe fn date(call: pg_sys::FunctionCallInfo, moment: i64) -> (i32, i32) {
    /// Days by which a moment's local date may differ from that in UTC, and then some.
    const APART: i32 = 3;
    if !is_finite(moment) {
        let infinite = calendar::date_at_most(moment);
        return (infinite, infinite);
    }
    // SAFETY: the caller's call; PostgreSQL's own comparison, which raises nothing.
    let (least, most) = unsafe {
        remembered(call, moment, || {
            let near = calendar::date_at_most(moment);
            let days = || near.saturating_sub(APART).max(FIRST_DATE)..=near.saturating_add(APART);
            let order = |day: i32| pg_sys::date_cmp_timestamptz_internal(day, moment);
            let least = days().find(|day| order(*day) >= 0).unwrap_or(i32::MAX);
            let most = days().rev().find(|day| order(*day) <= 0).unwrap_or(i32::MIN);
            (i64::from(least), i64::from(most))
        })
    };
    (i32::try_from(least).unwrap_or(i32::MAX), i32::try_from(most).unwrap_or(i32::MIN))
}

/// The first moment that is not before a timestamp's, and the last that is not after it.
unsafe fn of_timestamp(call: pg_sys::FunctionCallInfo, timestamp: i64) -> (i64, i64) {
    if !is_finite(timestamp) {
        return (timestamp, timestamp);
    }
    // SAFETY: the caller's call; PostgreSQL's own comparison, which raises nothing.
    unsafe {
        remembered(call, timestamp, || {
            around(timestamp, |moment| -pg_sys::timestamp_cmp_timestamptz_internal(timestamp, moment))
        })
    }
}

/// The same of the beginning of a date.
unsafe fn of_date(call: pg_sys::FunctionCallInfo, date: i32) -> (i64, i64) {
    if date == i32::MIN || date == i32::MAX {
        let infinite = calendar::timestamp_at_most(date);
        return (infinite, infinite);
    }
    // SAFETY: the caller's call; PostgreSQL's own comparison, which raises nothing.
    unsafe {
        remembered(call, i64::from(date), || {
            let near = calendar::timestamp_at_most(date);
            around(near, |moment| -pg_sys::date_cmp_timestamptz_internal(date, moment))
        })
    }
}

/// The first moment near a place that `order` calls equal or greater, and the last that it calls equal or less: infinities
/// where there is no finite one.
fn around(near: i64, order: impl Fn(i64) -> i32) -> (i64, i64) {
    let (low, high) = (calendar::moved(near, -2 * DAY), calendar::moved(near, 2 * DAY));
    let at_least = |wanted: i32| {
        if order(high) < wanted {
            return None;
        }
        let (mut low, mut high) = (low, high);
        while low < high {
            let middle = low + (high - low) / 2;
            if order(middle) >= wanted { high = middle } else { low = middle + 1 }
        }
        Some(low)
    };
    let least = at_least(0).unwrap_or(i64::MAX);
    // The last one is before the first that is greater.
    let most = match at_least(1) {
        None => high,
        Some(FIRST) => i64::MIN,
        Some(greater) => greater - 1,
    };
    (least, most)
}

/// The least and the greatest number of microseconds by which local times near a moment are ahead of UTC.
fn offsets(moment: i64) -> (i64, i64) {
    /// Two days on each side.
    const NEAR: i64 = 2 * 86_400;
    const FURTHEST: i64 = zones::FURTHEST * 1_000_000;
    /// 2000-01-01 in seconds since 1970-01-01.
    const EPOCH: i64 = 946_684_800;
    let seconds = match zones::of_session() {
        SessionZone::Fixed(offset) => return (offset, offset),
        SessionZone::Changing => moment.div_euclid(1_000_000).saturating_add(EPOCH),
        SessionZone::Other => return (-FURTHEST, FURTHEST),
    };
    let (mut from, until) = (seconds - NEAR, seconds + NEAR);
    let mut range: Option<(i64, i64)> = None;
    // A zone changes a few times a year at most.
    for _ in 0..8 {
        let (mut before, mut after, mut boundary) = (0, 0, 0);
        let (mut is_summer_before, mut is_summer_after) = (0, 0);
        // SAFETY: valid places to read from and write to, and the session's zone.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &raw const from,
                &raw mut before,
                &raw mut is_summer_before,
                &raw mut boundary,
                &raw mut after,
                &raw mut is_summer_after,
                pg_sys::session_timezone,
            )
        };
        if found < 0 {
            break;
        }
        let (least, most) = range.unwrap_or((before, before));
        range = Some((least.min(before), most.max(before)));
        if found == 0 || boundary > until {
            return range.map_or((-FURTHEST, FURTHEST), |(least, most)| (least * 1_000_000, most * 1_000_000));
        }
        from = boundary;
    }
    (-FURTHEST, FURTHEST)
}

/// A timestamp so many microseconds later, infinity where that is beyond the last; no other is the first that is not before it.
fn least(timestamp: i64, by: i64) -> i64 {
    match timestamp.saturating_add(by) {
        _ if !is_finite(timestamp) => timestamp,
        moved if moved > LAST => i64::MAX,
        moved => moved.max(FIRST),
    }
}

/// Likewise, the last that is not after it.
fn most(timestamp: i64, by: i64) -> i64 {
    match timestamp.saturating_add(by) {
        _ if !is_finite(timestamp) => timestamp,
        moved if moved < FIRST => i64::MIN,
        moved => moved.min(LAST),
    }
}

/// No timestamp whose moment is at or after a moment is before the first of these, and none whose moment is at or before it is
/// after the second. Where the clocks do not change nearby, those are the same one.
unsafe fn local(call: pg_sys::FunctionCallInfo, moment: i64) -> (i64, i64) {
    // SAFETY: the caller's call.
    unsafe {
        remembered(call, moment, || {
            let (behind, ahead) = if is_finite(moment) { offsets(moment) } else { (0, 0) };
            (least(moment, behind), most(moment, ahead))
        })
    }
}

/// No moment of a date, or of a later one, is before the first of these, and none of the date or an earlier one is after the second.
unsafe fn day(call: pg_sys::FunctionCallInfo, date: i32) -> (i64, i64) {
    // SAFETY: the caller's call.
    unsafe {
        remembered(call, i64::from(date), || {
            let (begin, end) = (calendar::beginning_of(date), calendar::last_of(date));
            let (behind, ahead) = if is_finite(begin) { offsets(begin) } else { (0, 0) };
            // The outermost moments are on days beyond the range in some zones.
            let first = if begin == FIRST { FIRST } else { least(begin, -ahead) };
            (first, if end == LAST { LAST } else { most(end, -behind) })
        })
    }
}
