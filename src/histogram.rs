//! The histogram of times: bounds that never change, and counts that are cumulative when they are read.

/// Upper bounds in seconds; above the last one there is one bucket more. From a tenth of a millisecond, which most stages take, to the
/// deadlines of questions to a model.
pub const BOUNDS: [f64; 17] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Buckets, with the one above the last bound.
pub const BUCKETS: usize = BOUNDS.len() + 1;

/// The bucket that a time falls into: the first whose bound is not below it.
pub fn bucket(seconds: f64) -> usize {
    BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len())
}

/// How many lie at or below each bound, the last being all.
pub fn cumulative(counts: [u64; BUCKETS]) -> [u64; BUCKETS] {
    let mut sum = 0_u64;
    counts.map(|count| {
        sum = sum.saturating_add(count);
        sum
    })
}

/// The bounds with that of the last bucket.
pub fn bounds() -> [f64; BUCKETS] {
    std::array::from_fn(|at| BOUNDS.get(at).copied().unwrap_or(f64::INFINITY))
}

/// A bound as Prometheus writes it in the label `le`.
pub fn label(bound: f64) -> String {
    if bound.is_infinite() { "+Inf".to_owned() } else { bound.to_string() }
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(bounds()[BUCKETS - 1], f64::INFINITY);
    }

    #[test]
    fn a_time_at_a_bound_is_below_it() {
        for (place, bound) in BOUNDS.iter().enumerate() {
            assert_eq!(bucket(*bound), place);
            assert_eq!(bucket(bound * 1.000_001), place + 1);
        }
        assert_eq!((bucket(0.0), bucket(1e9), bucket(f64::NAN)), (0, BUCKETS - 1, BUCKETS - 1));
    }

    #[test]
    fn counts_are_summed_from_the_lowest() {
        let mut counts = [0; BUCKETS];
        (counts[0], counts[3], counts[BUCKETS - 1]) = (2, 5, 1);
        let sums = cumulative(counts);
        assert_eq!((sums[0], sums[2], sums[3], sums[BUCKETS - 2], sums[BUCKETS - 1]), (2, 2, 7, 7, 8));
    }

    #[test]
    fn labels_are_those_of_prometheus() {
        // Go writes exponents below 0.0001, and none of ours is.
        let labels: Vec<String> = bounds().iter().map(|bound| label(*bound)).collect();
        assert_eq!(labels[..4], ["0.0001", "0.00025", "0.0005", "0.001"]);
        assert_eq!(labels[12..], ["1", "2.5", "5", "10", "30", "+Inf"]);
    }
}
