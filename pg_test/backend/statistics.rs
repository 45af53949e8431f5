//! Figures: places and words of the counters, and what counting a call costs.

#[pgrx::pg_schema]
mod tests {
    use crate::calls::{self, Asker, CallRecord, Outcome};
    use crate::error::{Refusal, State};
    use crate::identity::check_identity_value;
    use crate::pgx::entry::EntryPoint;
    use crate::pgx::shmem::counters::{self, NAME, OF_A_ROW};
    use crate::reason::Reason;
    use crate::statistics::labels::{ENDS, End, ModelResult, OTHERS, Purpose, STAGES};
    use crate::statistics::{self, ModelCall};
    use crate::timings::SharedTimings;
    use pgrx::prelude::*;
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    /// A call that layer 1 has let pass, with every stage.
    fn record(tenant: &str, outcome: Option<Outcome>) -> CallRecord {
        calls::begin(EntryPoint::Ask);
        calls::note(|call| {
            let of = |text: &str| text.to_owned();
            let (business, subject) = (String::new(), String::new());
            call.asker = Some(Asker { tenant: of(tenant), business, subject, key_id: of("AK"), is_verified: true });
            call.outcome = outcome;
            call.rows = 3;
            let timings = SharedTimings::default();
            timings.borrow_mut().laps = STAGES.iter().map(|stage| (*stage, 300.0)).take(STAGES.len() - 1).collect();
            call.timings = Some(timings);
        });
        calls::end().unwrap()
    }

    fn calls_of(outcome: &str, reason: &str) -> u64 {
        let is_it = |row: &&statistics::CallRow| (row.0, row.1, row.2) == ("ask", outcome, reason);
        statistics::call_rows().iter().find(is_it).unwrap().3
    }

    #[pg_test]
    fn statistics_every_end_has_a_place_and_words_of_its_own() {
        let all: Vec<End> = End::all().collect();
        assert_eq!(all.len(), ENDS);
        assert!(all.iter().enumerate().all(|(place, end)| end.place() == place));
        let words: BTreeSet<_> = all.iter().map(|end| (end.outcome(), end.reason())).collect();
        assert_eq!(words.len(), ENDS);
        assert!(all.iter().all(|end| (end.outcome() == "error") == (end.reason() != "none")));
        assert!(ModelResult::ALL.iter().enumerate().all(|(place, result)| *result as usize == place));
    }

    #[pg_test]
    fn statistics_no_tenant_can_be_called_what_stands_for_the_others() {
        assert!(check_identity_value(OTHERS).is_err());
        assert!(check_identity_value(&OTHERS[1..]).is_ok());
    }

    #[pg_test]
    fn statistics_count_each_way_to_end_at_its_row() {
        statistics::reset();
        for reason in Reason::ALL {
            let refusal = Refusal::new(State::Internal, "").because(reason);
            // A refusal counts, whatever the outcome would have been.
            statistics::count(&record("42", Some(Outcome::Answered)), Some(&refusal));
            assert_eq!(calls_of("error", reason.as_str()), 1, "{reason:?}");
        }
        for outcome in Outcome::ALL {
            statistics::count(&record("42", Some(outcome)), None);
            assert_eq!(calls_of(outcome.as_str(), "none"), 1, "{outcome:?}");
        }
        statistics::count_terminated(&record("42", None));
        assert_eq!(calls_of("error", "terminated"), 2);
        // An answer of which nobody said that it is one.
        statistics::count(&record("42", None), None);
        assert_eq!(calls_of("error", "internal"), 2);
        let (_, figures, _) = statistics::tenant_rows().into_iter().find(|row| row.0 == "42").unwrap();
        let all = u64::try_from(ENDS + 2).unwrap();
        assert_eq!((figures.calls, figures.declined, figures.rows), (all, 3, 3), "rows of answers alone");
        assert_eq!(figures.errors, u64::try_from(Reason::ALL.len() + 2).unwrap());
        let stages = statistics::stage_rows();
        assert!(stages.iter().all(|(_, counts, _)| counts[counts.len() - 1] == all));
        let (_, counts, seconds) = stages[0];
        assert_eq!((counts[1], counts[2]), (0, all), "0.3 ms is above 0.25 ms and below 0.5 ms");
        let expected = 0.0003 * f64::from(u32::try_from(all).unwrap());
        assert!((seconds - expected).abs() < 1e-6, "{seconds}");
    }

    #[pg_test]
    fn statistics_claimed_tenants_have_no_row() {
        statistics::reset();
        let mut claimed = record("77", None);
        claimed.asker.as_mut().unwrap().is_verified = false;
        statistics::count(&claimed, Some(&Refusal::identity(Reason::Signature, "")));
        assert_eq!(calls_of("error", "signature"), 1);
        assert_eq!(statistics::tenant_rows().len(), 1);
    }

    #[pg_test]
    fn statistics_model_calls_that_are_dropped_were_abandoned() {
        statistics::reset();
        drop(ModelCall::begin("m", Purpose::Write));
        let rows = statistics::model_rows(&[], None);
        let found: Vec<_> =
            rows.iter().filter(|row| row.3 > 0).map(|row| (row.0.as_str(), row.1, row.2, row.3)).collect();
        assert_eq!(found, [("m", "write", "abandoned", 1)]);
        // One that is configured is there once.
        assert_eq!(
            statistics::model_rows(&["m".to_owned(), "m".to_owned()], None).len(),
            (4 + 1) * ModelResult::ALL.len()
        );
    }

    #[pg_test]
    fn statistics_long_names_are_cut_between_characters() {
        statistics::reset();
        let model = "é".repeat(2_000);
        drop(ModelCall::begin(&model, Purpose::Validate));
        assert_eq!(statistics::model_rows(&[], None).iter().map(|row| row.0.len()).max(), Some(256));
        let name = "ü".repeat(NAME);
        assert!(counters::add(&counters::TENANTS, 1, &name, &[1; OF_A_ROW]));
        let rows = counters::rows(&counters::TENANTS, 1);
        assert_eq!((rows.len(), rows[0].0.len(), rows[0].1), (1, NAME, [1; OF_A_ROW]));
        counters::reset(1, 0);
        assert!(counters::rows(&counters::TENANTS, 1).is_empty());
    }

    /// The bound is that of a build without optimisation on a busy machine; the figure is in the message.
    #[pg_test]
    fn statistics_counting_costs_microseconds() {
        statistics::reset();
        let record = record("42", Some(Outcome::Answered));
        let batch = || {
            let started = Instant::now();
            (0..1_000).for_each(|_| statistics::count(&record, None));
            started.elapsed() / 1_000
        };
        let least = (0..50).map(|_| batch()).min().unwrap();
        pgrx::notice!("counting a call takes {} ns", least.as_nanos());
        assert!(least < Duration::from_micros(50), "{least:?}");
    }
}
