//! Half a cosine down to a floor.

use super::{Phase, Schedule, phase};

/// `c + floor (1 - c)` with `c = (1 + cos(pi t)) / 2`, where t goes from 0 at the end of the
/// warm-up to 1 at the last iteration (Loshchilov & Hutter 2017, "SGDR", eq. 5, without
/// restarts). Both ends are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cosine {
    /// Factor of the last iteration, in `[0, 1]` (default: 0).
    pub floor: f64,
    /// Iterations of linear growth first (default: 0).
    pub warmup: usize,
}

impl Schedule for Cosine {
    fn factor(&self, iteration: usize, iterations: usize) -> f64 {
        match phase(iteration, iterations, self.warmup) {
            Phase::Warmup(factor) => factor,
            Phase::Decay(t) => {
                let c = 0.5 * (1.0 + (std::f64::consts::PI * t).cos());
                c + self.floor * (1.0 - c)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_are_exact_and_the_middle_is_half_way() {
        let cosine = Cosine {
            floor: 0.1,
            warmup: 0,
        };
        assert_eq!(cosine.factor(0, 101), 1.0);
        assert!((cosine.factor(50, 101) - 0.55).abs() < 1e-15);
        assert_eq!(cosine.factor(100, 101), 0.1);
    }

    proptest! {
        #[test]
        fn factor_stays_between_floor_and_one_and_falls(
            floor in 0.0..1.0_f64,
            warmup in 0..10_usize,
            iterations in 12..200_usize,
        ) {
            let cosine = Cosine { floor, warmup };
            let factor = |i| cosine.factor(i, iterations);
            prop_assert_eq!(factor(warmup), 1.0);
            prop_assert_eq!(factor(iterations - 1), floor);
            for i in 0..iterations - 1 {
                let grows = factor(i) < factor(i + 1);
                prop_assert_eq!(grows, i < warmup);
            }
        }
    }
}
