//! Replay policy: how long a used signature must be remembered, and from which date on the memory can be trusted.
//!
//! SigV4 has no nonce of its own: inside the clock skew the same bytes verify again. The server keeps a ledger of used
//! signatures in shared memory; the arithmetic of forgetting is here. The ledger holds one more number, the *horizon*:
//! a context dated at or before it is refused, since the ledger may have forgotten its use. The horizon begins as the
//! server's start and rises with every entry that is evicted, so that neither a clock set back nor a clock skew made
//! wider brings an evicted context to life.

/// The second, since 1970, from which the ledger may evict an entry dated `dated` under a clock skew of `skew` seconds.
///
/// The context still verifies at `dated + skew`; one second later it does not.
#[must_use]
pub fn keep_until(dated: i64, skew: i64) -> i64 {
    dated.saturating_add(skew.max(0)).saturating_add(1)
}

/// Whether an entry may be evicted at `now`. An entry that may not be is never dropped: a full ledger refuses.
#[must_use]
pub fn may_evict(now: i64, keep_until: i64) -> bool {
    now >= keep_until
}

/// The horizon after an entry dated `dated` was evicted.
#[must_use]
pub fn horizon_after_eviction(horizon: i64, dated: i64) -> i64 {
    horizon.max(dated)
}

/// Whether the ledger can vouch for a context dated `dated`: it is dated after the horizon.
#[must_use]
pub fn admits(horizon: i64, dated: i64) -> bool {
    dated > horizon
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_an_entry_as_long_as_it_verifies() {
        assert_eq!(keep_until(1000, 300), 1301);
        assert!(!may_evict(1300, keep_until(1000, 300)));
        assert!(may_evict(1301, keep_until(1000, 300)));
    }

    #[test]
    fn admits_only_after_the_horizon() {
        assert!(!admits(1000, 999));
        assert!(!admits(1000, 1000));
        assert!(admits(1000, 1001));
    }

    proptest! {
        #[test]
        fn an_evicted_context_is_never_admitted_again(
            horizon in any::<i64>(), dated in any::<i64>(), later in prop::collection::vec(any::<i64>(), 0..5),
        ) {
            let mut horizon = horizon_after_eviction(horizon, dated);
            prop_assert!(!admits(horizon, dated));
            for other in later {
                horizon = horizon_after_eviction(horizon, other);
                prop_assert!(!admits(horizon, dated));
            }
        }

        #[test]
        fn never_overflows(dated in any::<i64>(), skew in any::<i64>(), now in any::<i64>()) {
            let _ = may_evict(now, keep_until(dated, skew));
        }
    }
}
