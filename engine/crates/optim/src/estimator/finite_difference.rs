//! Central differences of values, for checking gradients and for black boxes.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};

/// `df/dx_i = (f(x + h_i e_i) - f(x - h_i e_i)) / (2 h_i) + O(h_i^2)` with
/// `h_i = step max(1, |x_i|)`.
///
/// Both points stay within the bounds: next to one, the difference is shortened on that side
/// and its error is O(h). A frozen entry has derivative 0. No metrics are reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FiniteDifference {
    /// Relative step (default: the cube root of the machine epsilon, 6.06e-6, where truncation
    /// and round-off balance for values of full precision; Nocedal & Wright 2006, section 8.1).
    /// Values computed in single precision want about 5e-3.
    pub step: f64,
}

/// Cube root of the machine epsilon.
pub(super) fn default_step() -> f64 {
    f64::EPSILON.cbrt()
}

impl Default for FiniteDifference {
    fn default() -> Self {
        Self {
            step: default_step(),
        }
    }
}

impl Estimator for FiniteDifference {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        // The point itself, then two points an entry that may move.
        let mut points = vec![x.to_vec()];
        let mut moved = Vec::new();
        for (i, bounds) in context.layout.bounds().iter().enumerate() {
            let h = self.step * x[i].abs().max(1.0);
            let upper = bounds.nearest(x[i] + h);
            let lower = bounds.nearest(x[i] - h);
            if upper > lower {
                for end in [upper, lower] {
                    let mut point = x.to_vec();
                    point[i] = end;
                    points.push(point);
                }
                moved.push((i, upper - lower));
            }
        }
        let values = objective.values(&points);
        let values = values.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut gradient = vec![0.0; x.len()];
        let (value, differences) = match values.split_first() {
            Some((value, ends)) => (*value, ends.chunks_exact(2)),
            None => (f64::NAN, [].chunks_exact(2)),
        };
        for ((i, width), ends) in moved.into_iter().zip(differences) {
            gradient[i] = (ends[0] - ends[1]) / width;
        }
        Ok(Evaluation::new(value, gradient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Bounds, Layout};
    use crate::testing::{Ball, Quadratic, Rosenbrock, layout};
    use proptest::prelude::*;

    fn estimate(objective: &mut impl Objective, x: &[f64], layout: &Layout) -> Vec<f64> {
        let context = Context {
            iteration: 0,
            rate: 1.0,
            layout,
        };
        let mut estimator = FiniteDifference::default();
        let evaluation = estimator.estimate(objective, x, &context).unwrap();
        evaluation.gradient
    }

    proptest! {
        #[test]
        fn differences_equal_the_gradient(
            x in -2.0..2.0_f64,
            y in -2.0..2.0_f64,
        ) {
            let exact = Rosenbrock.gradient(&[x, y]).unwrap().gradient;
            let found = estimate(&mut Rosenbrock, &[x, y], &layout(2));
            for i in 0..2 {
                // h^2/6 f''' ~ 6e-12 * 4800/6, and eps f/h ~ 4e-11 * 3600
                prop_assert!((exact[i] - found[i]).abs() <= 1e-6, "{exact:?} {found:?}");
            }
        }
    }

    #[test]
    fn no_value_is_asked_outside_the_bounds() {
        // the ball is NaN beyond x = 1: a point outside would poison the gradient
        let mut layout = layout(1);
        layout.bound("x", Bounds::between(-1.0, 1.0)).unwrap();
        let found = estimate(&mut Ball { radius: 1.0 }, &[1.0], &layout);
        assert!(found[0].abs() <= 1e-5, "{found:?}"); // exact: x - 1 = 0; error h/2
    }

    #[test]
    fn a_frozen_entry_has_derivative_zero() {
        let mut layout = layout(2);
        layout
            .bound_entry("x", 1, Bounds::between(5.0, 5.0))
            .unwrap();
        let mut quadratic = Quadratic::conditioned(2, 10.0);
        let found = estimate(&mut quadratic, &[0.0, 5.0], &layout);
        assert_eq!(found[1], 0.0);
        assert!((found[0] + 1.0).abs() <= 1e-9);
    }
}
