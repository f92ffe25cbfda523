//! Counts of values by size, with the bounds of Istio's histograms.

use crate::stats::Counter;

/// Upper bounds. Istio uses Envoy's default ones for milliseconds and bytes alike.
pub(super) const BOUNDS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// How many values were at most each bound and above the one before; the last counts those above all.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [Counter; BOUNDS.len() + 1],
    /// Sum in thousandths.
    sum: Counter,
}

/// The sum of some histograms.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Distribution {
    /// As in the histogram: each bucket by itself.
    pub(super) buckets: [u64; BOUNDS.len() + 1],
    /// Of all values.
    pub(super) sum: f64,
}

impl Histogram {
    /// Counts a value. Only the owning worker may call this.
    pub(super) fn record(&self, value: f64) {
        let at = BOUNDS.iter().position(|bound| value <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[at].inc();
        self.sum.add((value * 1000.0) as u64);
    }

    /// Adds what was counted so far to `total`.
    pub(super) fn add_to(&self, total: &mut Distribution) {
        for (sum, bucket) in total.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.get();
        }
        total.sum += self.sum.get() as f64 / 1000.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_at_the_first_bound_that_is_not_below_it() {
        let histogram = Histogram::default();
        for value in [0.0, 0.5, 0.6, 1.0, 7_200_000.0] {
            histogram.record(value);
        }
        let mut total = Distribution::default();
        histogram.add_to(&mut total);
        assert_eq!(total.buckets[..3], [2, 2, 0]);
        assert_eq!(total.buckets[BOUNDS.len()], 1);
        assert!((total.sum - 7_200_002.1).abs() < 1e-6, "{}", total.sum);
    }
}
