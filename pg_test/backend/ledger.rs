//! The replay ledger, with the clock as an argument: what takes minutes outside is done here at once.
//!
//! tools/run_pg_tests.py gives the server the smallest ledger. The ledger is shared memory and outlives a rollback, so
//! each test empties it first and sets its horizon back at its end.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{assert_accepted, assert_refused, identity, identity_by};
    use crate::error::State;
    use crate::identity::VerifiedIdentity;
    use crate::pgx::server;
    use crate::pgx::shmem::map;
    use crate::{ledger, settings};
    use pgrx::prelude::*;
    use std::path::Path;

    const SKEW: i64 = 300;

    /// An empty ledger with a low horizon; the real one comes back when dropped.
    struct Emptied(map::Header);

    impl Emptied {
        fn new(horizon: i64) -> Self {
            let mut map = map::LEDGER.lock().unwrap();
            let kept = *map.header();
            map.remove_where(|_| true);
            *map.header() = map::Header { horizon, swept: i64::MIN, holders: 0 };
            map::HOLDERS.lock().unwrap().remove_where(|_| true);
            Emptied(kept)
        }
    }

    impl Drop for Emptied {
        fn drop(&mut self) {
            if let Some(mut map) = map::LEDGER.lock() {
                map.remove_where(|_| true);
                *map.header() = map::Header { holders: 0, ..self.0 };
            }
            if let Some(mut map) = map::HOLDERS.lock() {
                map.remove_where(|_| true);
            }
        }
    }

    fn contexts(from: usize, count: usize, dated: i64) -> Vec<VerifiedIdentity> {
        (from..from + count).map(|nonce| identity("42", nonce, dated, 1)).collect()
    }

    fn use_all(contexts: &[VerifiedIdentity], now: i64) {
        for context in contexts {
            assert_accepted("fresh", ledger::use_once(context, now, SKEW));
        }
    }

    #[pg_test]
    fn ledger_counts_uses() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        for max_uses in [1, 2, 5] {
            let context = identity("42", max_uses as usize, now, max_uses);
            for _ in 0..max_uses {
                assert_accepted("within", ledger::use_once(&context, now, SKEW));
            }
            for _ in 0..3 {
                assert_refused("beyond", ledger::use_once(&context, now, SKEW), State::Identity, "used before");
            }
        }
        // Another nonce is another context, and another tenant under the same nonce as well.
        assert_accepted("nonce", ledger::use_once(&identity("42", 77, now, 1), now, SKEW));
        assert_accepted("tenant", ledger::use_once(&identity("7", 77, now, 1), now, SKEW));
        assert_refused(
            "again",
            ledger::use_once(&identity("7", 77, now, 1), now, SKEW),
            State::Identity,
            "used before",
        );
    }

    /// What the signature counts is what the key says now: an entry made under a wide limit is held to a narrow one.
    #[pg_test]
    fn ledger_holds_to_the_limit_of_the_moment() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        assert_accepted("1 of 3", ledger::use_once(&identity("42", 1, now, 3), now, SKEW));
        assert_accepted("2 of 3", ledger::use_once(&identity("42", 1, now, 3), now, SKEW));
        assert_refused(
            "2 of 1",
            ledger::use_once(&identity("42", 1, now, 1), now, SKEW),
            State::Identity,
            "used before",
        );
        assert_accepted("3 of 3", ledger::use_once(&identity("42", 1, now, 3), now, SKEW));
    }

    #[pg_test]
    fn ledger_refuses_what_is_dated_at_or_before_the_horizon() {
        let now = server::now();
        let _emptied = Emptied::new(now);
        assert_eq!(ledger::horizon().unwrap(), now);
        for dated in [now - 1, now] {
            let result = ledger::use_once(&identity("42", 1, dated, 1), now, SKEW);
            assert_refused("old", result, State::Identity, "horizon");
        }
        assert_accepted("new", ledger::use_once(&identity("42", 1, now + 1, 1), now + 1, SKEW));
    }

    #[pg_test]
    fn ledger_refuses_when_it_is_full_of_fresh_contexts() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        let size = settings::ledger_size();
        assert_eq!(size, 64, "the server of these tests has the smallest ledger");
        let known = contexts(0, size, now);
        use_all(&known, now);
        let refused = |clock: i64| {
            let result = ledger::use_once(&identity("42", 1_000, now, 1), clock, SKEW);
            assert_refused("one too many", result, State::Identity, "ledger is full");
        };
        refused(now);
        // The last second in which a context still verifies.
        refused(now + SKEW);
        assert_eq!(ledger::horizon().unwrap(), now - 1_000, "nothing was forgotten");
        for context in &known {
            assert_refused("known", ledger::use_once(context, now, SKEW), State::Identity, "used before");
        }
    }

    #[pg_test]
    fn ledger_still_counts_known_contexts_when_it_is_full() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        let twice = identity("42", 5_000, now, 2);
        assert_accepted("1 of 2", ledger::use_once(&twice, now, SKEW));
        use_all(&contexts(0, settings::ledger_size() - 1, now), now);
        assert_accepted("2 of 2", ledger::use_once(&twice, now, SKEW));
        assert_refused("3 of 2", ledger::use_once(&twice, now, SKEW), State::Identity, "used before");
    }

    #[pg_test]
    fn ledger_raises_its_horizon_with_what_it_forgets() {
        let now = server::now();
        let _emptied = Emptied::new(now - 10_000);
        let size = settings::ledger_size();
        let old = contexts(0, size / 2, now - 200);
        let young = contexts(size, size - size / 2, now);
        use_all(&old, now);
        use_all(&young, now);
        let later = now - 200 + SKEW + 1;
        assert_accepted("room was made", ledger::use_once(&identity("42", 9_000, later, 1), later, SKEW));
        assert_eq!(ledger::horizon().unwrap(), now - 200);
        // Forgotten, and yet never again; not even with a clock that was set back or a wider skew.
        for context in &old {
            for (clock, skew) in [(later, SKEW), (now - 200, SKEW), (later, 3_600)] {
                assert_refused("forgotten", ledger::use_once(context, clock, skew), State::Identity, "horizon");
            }
        }
        for context in &young {
            assert_refused("remembered", ledger::use_once(context, later, SKEW), State::Identity, "used before");
        }
        // Half of the ledger is free again.
        use_all(&contexts(20_000, size / 2 - 1, later), later);
        assert_refused(
            "full",
            ledger::use_once(&identity("42", 30_000, later, 1), later, SKEW),
            State::Identity,
            "ledger is full",
        );
    }

    #[pg_test]
    fn ledger_walks_itself_at_most_once_a_second() {
        let now = server::now();
        let _emptied = Emptied::new(now - 10_000);
        use_all(&contexts(0, settings::ledger_size(), now), now);
        let full = |clock: i64| ledger::use_once(&identity("42", 1_000, now, 1), clock, SKEW).is_err();
        assert!(full(now + 400 - SKEW));
        let swept = map::LEDGER.lock().unwrap().header().swept;
        assert_eq!(swept, now + 400 - SKEW);
        assert!(full(now + 400 - SKEW));
        // Under a clock that was set back it sweeps again, and forgets nothing that is fresh.
        assert!(full(now));
        let swept = map::LEDGER.lock().unwrap().header().swept;
        assert_eq!(swept, now);
    }

    #[pg_test]
    fn ledger_outlives_a_rollback() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        let context = identity("42", 1, now, 1);
        let world = crate::backend_tests::support::World::bare();
        assert_accepted(
            "used in a subtransaction that is rolled back",
            world.confined(|_| ledger::use_once(&context, now, SKEW)),
        );
        assert_refused("again", ledger::use_once(&context, now, SKEW), State::Identity, "used before");
    }

    /// Dates on disk, in order.
    fn durable() -> Vec<i64> {
        let file = Path::new(&server::data_directory()).join("splitplane.horizon");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut dates: Vec<i64> = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        dates.sort_unstable();
        dates
    }

    /// A context from a clock that runs ahead would be dated after a restart: its date is on disk before its use counts.
    #[pg_test]
    fn ledger_keeps_the_latest_date_ahead_of_the_clock_on_disk() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        let by = |key: &str, nonce: usize, dated: i64| identity_by(key, "42", "", nonce, dated, 1);
        let _ = std::fs::remove_file(Path::new(&server::data_directory()).join("splitplane.horizon"));
        assert_accepted("now", ledger::use_once(&by("AKSPONE", 1, now), now, SKEW));
        assert!(durable().is_empty());
        assert_accepted("ahead", ledger::use_once(&by("AKSPONE", 2, now + 100), now, SKEW));
        let kept = durable();
        assert!(kept.len() == 1 && kept[0] >= now + 100, "{kept:?} is before {}", now + 100);
        // Neither a lower date nor a refused context moves it; a higher one does.
        assert_accepted("less ahead", ledger::use_once(&by("AKSPONE", 3, now + 50), now, SKEW));
        assert_refused(
            "again",
            ledger::use_once(&by("AKSPONE", 2, now + 100), now, SKEW),
            State::Identity,
            "used before",
        );
        assert_eq!(durable(), kept);
        assert_accepted("further ahead", ledger::use_once(&by("AKSPONE", 4, kept[0] + 1), now, SKEW));
        assert!(durable().len() == 1 && durable()[0] > kept[0]);
        // Each key has its own.
        assert_accepted("another", ledger::use_once(&by("AKSPTWO", 5, now + 10), now, SKEW));
        assert!(durable().len() == 2 && durable()[0] < now + 20, "{:?}", durable());
        // What has passed is left out when the file is written again.
        assert_accepted("later", ledger::use_once(&by("AKSPTWO", 6, now + 60), now + 59, SKEW));
        assert_eq!(durable().len(), 2);
        assert_accepted("much later", ledger::use_once(&by("AKSPTWO", 7, now + 251), now + 250, SKEW));
        assert_eq!(durable().len(), 1);
        // Others may not read when the server was last asked.
        use std::os::unix::fs::MetadataExt;
        let file = Path::new(&server::data_directory()).join("splitplane.horizon");
        assert_eq!(std::fs::metadata(file).unwrap().mode() & 0o077, 0);
    }

    /// While less than half of the ledger is used anybody may use it; above that each key has its share.
    #[pg_test]
    fn ledger_holds_each_key_to_its_share() {
        let now = server::now();
        let _emptied = Emptied::new(now - 10_000);
        let size = settings::ledger_size();
        let by = |key: &str, nonce: usize| ledger::use_once(&identity_by(key, "42", "", nonce, now, 1), now, SKEW);
        // One key alone may have it all except what is kept for the next key.
        for nonce in 0..size / 2 {
            assert_accepted("half", by("AKSPGREEDY", nonce));
        }
        assert_accepted("the first of another", by("AKSPMODEST", 10_000));
        assert_refused("over its share", by("AKSPGREEDY", size), State::Identity, "its share of the replay ledger");
        for nonce in 1..size / 2 {
            assert_accepted("another's share", by("AKSPMODEST", 10_000 + nonce));
        }
        assert_refused("full", by("AKSPMODEST", 20_000), State::Identity, "ledger is full");
        // When they are forgotten there is room again, and no key is remembered.
        let later = now + SKEW + 1;
        assert_accepted("later", ledger::use_once(&identity_by("AKSPGREEDY", "42", "", 30_000, later, 1), later, SKEW));
        assert_eq!(map::LEDGER.lock().unwrap().header().holders, 1);
    }

    /// What an earlier life of the server may have seen of one key does not bind another.
    #[pg_test]
    fn ledger_refuses_a_key_up_to_the_date_that_was_kept_for_it() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        let by = |key: &str, nonce: usize, dated: i64| {
            ledger::use_once(&identity_by(key, "42", "", nonce, dated, 1), now, SKEW)
        };
        assert_accepted("ahead", by("AKSPAHEAD", 1, now + 100));
        // As the server would begin again: what was used is forgotten, what is on disk is read.
        let kept = durable()[0];
        map::LEDGER.lock().unwrap().remove_where(|_| true);
        {
            let mut holders = map::HOLDERS.lock().unwrap();
            let mut key = None;
            holders.remove_where(|entry| {
                key = Some(entry.key);
                false
            });
            holders.get(&key.unwrap()).unwrap().dated = kept;
        }
        assert_refused("the same again", by("AKSPAHEAD", 1, now + 100), State::Identity, "horizon");
        assert_refused("up to there", by("AKSPAHEAD", 2, kept), State::Identity, "horizon");
        assert_accepted("after it", by("AKSPAHEAD", 3, kept + 1));
        assert_accepted("another key", by("AKSPOTHER", 4, now));
    }

    #[pg_test]
    fn ledger_refuses_a_date_that_cannot_be_kept() {
        let now = server::now();
        let _emptied = Emptied::new(now - 1_000);
        // A folder stands where the file is written.
        let obstacle = Path::new(&server::data_directory()).join("splitplane.horizon.tmp");
        std::fs::create_dir(&obstacle).unwrap();
        let context = identity("42", 1, now + 200, 1);
        let result = ledger::use_once(&context, now, SKEW);
        std::fs::remove_dir(&obstacle).unwrap();
        assert_refused("unkept", result, State::Identity, "cannot be kept");
        assert_accepted("not counted", ledger::use_once(&context, now, SKEW));
    }

    #[pg_test]
    fn ledger_lock_is_free_after_a_refusal() {
        let now = server::now();
        let _emptied = Emptied::new(now);
        for _ in 0..3 {
            assert!(ledger::use_once(&identity("42", 1, now, 1), now, SKEW).is_err());
        }
        assert!(map::LEDGER.lock().is_some());
    }
}
