//! A straight line down to a floor.

use super::{Phase, Schedule, phase};

/// `(1 - t) + floor t`, where t goes from 0 at the end of the warm-up to 1 at the last
/// iteration. Both ends are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Linear {
    /// Factor of the last iteration, in `[0, 1]` (default: 0).
    pub floor: f64,
    /// Iterations of linear growth first (default: 0).
    pub warmup: usize,
}

impl Schedule for Linear {
    fn factor(&self, iteration: usize, iterations: usize) -> f64 {
        match phase(iteration, iterations, self.warmup) {
            Phase::Warmup(factor) => factor,
            Phase::Decay(t) => (1.0 - t) + self.floor * t,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_are_exact() {
        let linear = Linear {
            floor: 0.1,
            warmup: 0,
        };
        assert_eq!(linear.factor(0, 101), 1.0);
        assert!((linear.factor(50, 101) - 0.55).abs() < 1e-15);
        assert_eq!(linear.factor(100, 101), 0.1);
        assert_eq!(linear.factor(1000, 101), 0.1);
        assert_eq!(linear.factor(0, 1), 1.0);
    }

    #[test]
    fn warmup_grows_to_the_full_rate() {
        let linear = Linear {
            floor: 0.5,
            warmup: 3,
        };
        let factors: Vec<f64> = (0..6).map(|i| linear.factor(i, 6)).collect();
        assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 0.75, 0.5]);
    }
}
