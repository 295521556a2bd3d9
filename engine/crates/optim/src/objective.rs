//! What is minimised: a scalar function of the flat vector.

use crate::vector::{add_scaled, norm};

/// Value and gradient at one point, with whatever else was measured there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// f(x).
    pub value: f64,
    /// df/dx, one entry a parameter.
    pub gradient: Vec<f64>,
    /// Named measurements that are reported and not minimised, e.g. the mass still in a cup.
    pub metrics: Vec<(String, f64)>,
    /// Gradients of the scenarios whose mean this is, as [`Objective::scenario`] has them; empty
    /// where there is one alone.
    pub scenarios: Vec<Vec<f64>>,
}

impl Evaluation {
    /// Value and gradient without metrics.
    #[must_use]
    pub fn new(value: f64, gradient: Vec<f64>) -> Self {
        Self {
            value,
            gradient,
            metrics: Vec::new(),
            scenarios: Vec::new(),
        }
    }
}

/// A scalar function of the parameters.
pub trait Objective {
    /// Why an evaluation can fail.
    type Error: std::error::Error + 'static;

    /// f(x).
    fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error>;

    /// f at many points, in their order.
    ///
    /// Default: one after the other. An objective that can is free to ask for several at once,
    /// as long as the values are those that it has at each point alone.
    fn values(&mut self, points: &[Vec<f64>]) -> Vec<Result<f64, Self::Error>> {
        points.iter().map(|x| self.value(x)).collect()
    }

    /// f(x), df/dx and metrics.
    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error>;

    /// (d2f/dx2) p for a direction p.
    ///
    /// Default: central difference of gradients,
    /// `H p = (g(x + h p) - g(x - h p)) / (2 h) + O(h^2)` with `h |p| = cbrt(eps) (1 + |x|)`,
    /// the length at which truncation and round-off balance (Nocedal & Wright 2006, section 8.1).
    fn hessian_vector(&mut self, x: &[f64], direction: &[f64]) -> Result<Vec<f64>, Self::Error> {
        difference_of_gradients(x, direction, |point| Ok(self.gradient(point)?.gradient))
    }

    /// How many scenarios the value is the plain mean over (default: 1, itself).
    fn scenarios(&self) -> usize {
        1
    }

    /// Value and gradient of one scenario, numbered from 0 (default: the whole). The plain mean
    /// over all is [`Objective::gradient`]; weights are inside.
    fn scenario(&mut self, scenario: usize, x: &[f64]) -> Result<Evaluation, Self::Error> {
        let _ = scenario;
        self.gradient(x)
    }

    /// Hessian of one scenario times a direction; by differences, as
    /// [`Objective::hessian_vector`].
    fn scenario_hessian_vector(
        &mut self,
        scenario: usize,
        x: &[f64],
        direction: &[f64],
    ) -> Result<Vec<f64>, Self::Error> {
        difference_of_gradients(x, direction, |point| {
            Ok(self.scenario(scenario, point)?.gradient)
        })
    }

    /// Whether an error means that this *point* is bad (the simulation blew up there) rather
    /// than the set-up. The driver then backs off as from a NaN instead of ending the run.
    /// Default: never.
    fn diverged(&self, error: &Self::Error) -> bool {
        let _ = error;
        false
    }
}

/// `(g(x + h p) - g(x - h p)) / (2 h)` with `h |p| = cbrt(eps) (1 + |x|)`; zero for p = 0.
pub(crate) fn difference_of_gradients<E>(
    x: &[f64],
    direction: &[f64],
    mut gradient: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Vec<f64>, E> {
    let length = norm(direction);
    if length == 0.0 {
        return Ok(vec![0.0; x.len()]);
    }
    let h = f64::EPSILON.cbrt() * (1.0 + norm(x)) / length;
    let mut point = x.to_vec();
    add_scaled(&mut point, h, direction);
    let forward = gradient(&point)?;
    point.copy_from_slice(x);
    add_scaled(&mut point, -h, direction);
    let backward = gradient(&point)?;
    let pairs = forward.iter().zip(&backward);
    Ok(pairs.map(|(f, b)| (f - b) / (2.0 * h)).collect())
}

/// Forwards every method, so that borrowed and boxed objectives are objectives.
macro_rules! forward {
    () => {
        type Error = O::Error;

        fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error> {
            (**self).value(x)
        }

        fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error> {
            (**self).gradient(x)
        }

        fn hessian_vector(
            &mut self,
            x: &[f64],
            direction: &[f64],
        ) -> Result<Vec<f64>, Self::Error> {
            (**self).hessian_vector(x, direction)
        }

        fn scenarios(&self) -> usize {
            (**self).scenarios()
        }

        fn scenario(&mut self, scenario: usize, x: &[f64]) -> Result<Evaluation, Self::Error> {
            (**self).scenario(scenario, x)
        }

        fn scenario_hessian_vector(
            &mut self,
            scenario: usize,
            x: &[f64],
            direction: &[f64],
        ) -> Result<Vec<f64>, Self::Error> {
            (**self).scenario_hessian_vector(scenario, x, direction)
        }

        fn diverged(&self, error: &Self::Error) -> bool {
            (**self).diverged(error)
        }
    };
}

impl<O: Objective + ?Sized> Objective for &mut O {
    forward!();
}

impl<O: Objective + ?Sized> Objective for Box<O> {
    forward!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Quadratic, Rosenbrock};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hessian_vector_product_of_a_quadratic_is_exact_to_round_off(
            x in proptest::collection::vec(-2.0..2.0_f64, 6),
            p in proptest::collection::vec(-2.0..2.0_f64, 6),
        ) {
            let mut quadratic = Quadratic::conditioned(6, 100.0);
            let product = quadratic.hessian_vector(&x, &p).unwrap();
            for i in 0..6 {
                // the gradients are linear: only round-off eps / h ~ 4e-11 times their size
                let exact = quadratic.curvature[i] * p[i];
                prop_assert!((product[i] - exact).abs() <= 1e-7, "{} {}", product[i], exact);
            }
        }
    }

    #[test]
    fn hessian_vector_product_of_rosenbrock_matches_its_matrix() {
        let x = [-1.2, 1.0];
        let product = Rosenbrock.hessian_vector(&x, &[1.0, 0.0]).unwrap();
        let exact = [2.0 - 400.0 * (x[1] - 3.0 * x[0] * x[0]), -400.0 * x[0]];
        for i in 0..2 {
            // truncation: h^2/6 times third derivatives of order 2400, h = 1.6e-5
            assert!(
                (product[i] - exact[i]).abs() <= 1e-6,
                "{product:?} {exact:?}"
            );
        }
        let zero = Rosenbrock.hessian_vector(&x, &[0.0, 0.0]).unwrap();
        assert_eq!(zero, [0.0, 0.0]);
    }

    #[test]
    fn boxed_objectives_are_objectives() {
        let mut boxed: Box<dyn Objective<Error = std::convert::Infallible>> = Box::new(Rosenbrock);
        assert_eq!(boxed.value(&[1.0, 1.0]).unwrap(), 0.0);
        let mut borrowed = &mut boxed;
        let evaluation = Objective::gradient(&mut borrowed, &[1.0, 1.0]).unwrap();
        assert_eq!(evaluation.value, 0.0);
    }
}
