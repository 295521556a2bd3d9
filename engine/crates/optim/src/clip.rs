//! Gradient clipping: a long gradient is shortened before it enters the update.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults};
use crate::vector::norm;

/// Choice of a clip in a scene (default: `None`).
///
/// Line searches need the true gradient, so L-BFGS takes `None` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Clip {
    /// The gradient as it is.
    #[default]
    None,
    /// Largest Euclidean norm: a longer gradient keeps its direction and is scaled to this
    /// (Pascanu, Mikolov & Bengio 2013, algorithm 1). In units of value per parameter.
    Norm(f64),
    /// Largest magnitude of an entry: others are cut, which turns the direction.
    /// In units of value per parameter.
    Value(f64),
}

impl Clip {
    /// Clips in place; returns the number of entries changed.
    pub fn apply(&self, gradient: &mut [f64]) -> usize {
        match *self {
            Self::None => 0,
            Self::Norm(limit) => {
                let length = norm(gradient);
                if length <= limit {
                    return 0;
                }
                let scale = limit / length;
                for entry in gradient.iter_mut() {
                    *entry *= scale;
                }
                gradient.len()
            }
            Self::Value(limit) => {
                let mut changed = 0;
                for entry in gradient.iter_mut().filter(|entry| entry.abs() > limit) {
                    *entry = limit.copysign(*entry);
                    changed += 1;
                }
                changed
            }
        }
    }

    /// Bad numbers, under `clip`.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("clip", list);
        match *self {
            Self::None => {}
            Self::Norm(limit) | Self::Value(limit) => faults.positive("", limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn norm_keeps_the_direction_and_value_cuts_entries() {
        let mut g = [3.0, -4.0];
        assert_eq!(Clip::Norm(1.0).apply(&mut g), 2);
        assert!((g[0] - 0.6).abs() < 1e-15 && (g[1] + 0.8).abs() < 1e-15);
        let mut g = [3.0, -4.0, 0.5];
        assert_eq!(Clip::Value(1.0).apply(&mut g), 2);
        assert_eq!(g, [1.0, -1.0, 0.5]);
        assert_eq!(Clip::None.apply(&mut g), 0);
    }

    #[test]
    fn a_gradient_whose_square_overflows_is_clipped_not_lost() {
        let mut g = [3e200, 4e200];
        Clip::Norm(1.0).apply(&mut g);
        assert!((g[0] - 0.6).abs() < 1e-15 && (g[1] - 0.8).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn clipped_norm_is_within_the_limit_and_short_gradients_are_untouched(
            g in proptest::collection::vec(-10.0..10.0_f64, 1..10),
            limit in 0.01..20.0_f64,
        ) {
            let mut clipped = g.clone();
            let changed = Clip::Norm(limit).apply(&mut clipped);
            prop_assert!(norm(&clipped) <= limit * (1.0 + 1e-15 * 10.0));
            prop_assert_eq!(changed == 0, clipped == g);
        }
    }
}
