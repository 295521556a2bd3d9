//! Control effort: what it costs to move the tool.

use backflow_diff::Real;

use crate::pose::Twist;

/// How much the two parts of a motion cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffortWeights {
    /// Weight `w_l` of `|v|^2 dt` (s/m^2 for a dimensionless effort).
    pub linear: f64,
    /// Weight `w_a` of `|w|^2 dt` (s for a dimensionless effort).
    pub angular: f64,
}

/// `L = sum_k (w_l |v_k|^2 + w_a |w_k|^2) dt`, with a twist `(v, w)` a frame (m/s,
/// rad/s) and the duration `dt` of a frame (s): the same for the same motion cut into
/// shorter frames.
pub fn effort<W: Real>(twists: &[Twist<W>], weights: &EffortWeights, frame_duration: W) -> W {
    let (mut linear, mut angular) = (W::zero(), W::zero());
    for twist in twists {
        linear += twist.linear.norm_squared();
        angular += twist.angular.norm_squared();
    }
    (linear * W::of(weights.linear) + angular * W::of(weights.angular)) * frame_duration
}

/// Adds to `bars`, one a twist: `v_bar = 2 w_l dt v L_bar`, `w_bar = 2 w_a dt w L_bar`.
pub fn effort_vjp<W: Real>(
    twists: &[Twist<W>],
    weights: &EffortWeights,
    frame_duration: W,
    bar: W,
    bars: &mut [Twist<W>],
) {
    let scale = bar * frame_duration * W::of(2.0);
    let (linear, angular) = (
        scale * W::of(weights.linear),
        scale * W::of(weights.angular),
    );
    for (twist, bar) in twists.iter().zip(bars) {
        bar.linear += twist.linear * linear;
        bar.angular += twist.angular * angular;
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;

    use super::{super::testing::*, *};

    const WEIGHTS: EffortWeights = EffortWeights {
        linear: 0.7,
        angular: 0.02,
    };

    fn twist(seed: usize) -> Twist<f64> {
        Twist {
            linear: noise3(2 * seed),
            angular: noise3(2 * seed + 1),
        }
    }

    #[test]
    fn effort_vjp_is_the_transpose() {
        let twists: Vec<_> = (0..9).map(twist).collect();
        let tangents: Vec<_> = (100..109).map(twist).collect();
        let dual = |(value, tangent): (&Twist<f64>, &Twist<f64>)| Twist {
            linear: value.linear.zip_map(&tangent.linear, Dual64::new),
            angular: value.angular.zip_map(&tangent.angular, Dual64::new),
        };
        let lifted: Vec<_> = twists.iter().zip(&tangents).map(dual).collect();
        let value = effort(&lifted, &WEIGHTS, Dual64::of(0.05));
        assert!((value.re - effort(&twists, &WEIGHTS, 0.05)).abs() < 1e-15);

        let mut bars = vec![Twist::zero(); 9];
        effort_vjp(&twists, &WEIGHTS, 0.05, 0.7, &mut bars);
        let dot = |(bar, tangent): (&Twist<f64>, &Twist<f64>)| {
            bar.linear.dot(&tangent.linear) + bar.angular.dot(&tangent.angular)
        };
        let backward: f64 = bars.iter().zip(&tangents).map(dot).sum();
        assert!((0.7 * value.eps - backward).abs() < 1e-12);
    }

    #[test]
    fn value_by_hand_and_cut_finer() {
        let turn = Twist {
            linear: Vector3::new(3.0, 0.0, 4.0),
            angular: Vector3::new(0.0, 10.0, 0.0),
        };
        // (0.7 * 25 + 0.02 * 100) * 0.1.
        let one: f64 = effort(&[turn], &WEIGHTS, 0.1);
        let ten: f64 = effort(&[turn; 10], &WEIGHTS, 0.01);
        assert!((one - 1.95).abs() < 1e-14 && (ten - 1.95).abs() < 1e-14);
        assert_eq!(effort(&[Twist::zero(); 4], &WEIGHTS, 0.1), 0.0);
    }
}
