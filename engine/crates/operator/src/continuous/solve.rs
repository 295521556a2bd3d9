//! Steps as long as the tolerance allows, and their adjoint.

use backflow_diff::Real;
use nalgebra::DMatrix;

use super::{Dynamics, Step, StepBar, Tolerance};
use crate::error::OperatorError;

/// Adaptive integration. The length of a step follows from its error and that of the step before (Gustafsson 1991,
/// with the exponents of Hairer & Wanner 1996, section IV.2): `h' = h 0.9 E^-0.14 E_before^0.08`, between a fifth and ten times `h`;
/// a step with `E > 1` is done again with `h max(0.9 E^-0.14, 0.2)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solver {
    /// Which errors of a step are let pass.
    pub tolerance: Tolerance,
    /// Most steps, with those that were done again (default: 10,000).
    pub most: usize,
}

impl Default for Solver {
    fn default() -> Self {
        Self {
            tolerance: Tolerance::default(),
            most: 10_000,
        }
    }
}

/// Exponent of the error of a step, `0.7 / 5`.
const NOW: f64 = 0.14;

/// Exponent of that of the step before, `0.4 / 5`.
const BEFORE: f64 = 0.08;

/// What is left for luck.
const SAFETY: f64 = 0.9;

/// Least and most that a step may be of the one before.
const CHANGE: [f64; 2] = [0.2, 10.0];

/// Errors count as at least this much, so that a step without any does not stop the next.
const LEAST: f64 = 1e-4;

/// A solution: what its adjoint needs, and what it took.
#[derive(Debug, Clone)]
pub struct Solution<T: Real, K> {
    /// The steps, one after the other; none over no time.
    pub steps: Vec<Step<T, K>>,
    /// The state at the start.
    u: DMatrix<T>,
    /// The tape of the derivative there.
    tape: K,
    /// Derivatives asked for.
    pub evaluations: usize,
    /// Steps that were done again.
    pub rejected: usize,
}

/// Cotangents of what a solution has.
#[derive(Debug, Clone)]
pub struct SolutionBar<T: Real> {
    /// Of the state at these times.
    pub at: Vec<(f64, DMatrix<T>)>,
    /// Of the [error](Step::error) of these steps.
    pub errors: Vec<(usize, T)>,
    /// Of the [stiffness](Step::stiffness) of these steps.
    pub stiffness: Vec<(usize, T)>,
}

impl<T: Real> Default for SolutionBar<T> {
    /// Of nothing.
    fn default() -> Self {
        Self {
            at: Vec::new(),
            errors: Vec::new(),
            stiffness: Vec::new(),
        }
    }
}

impl Solver {
    /// From `u` at the first time to the last.
    ///
    /// # Errors
    /// A number that is not finite, or more than [`Solver::most`] steps.
    pub fn solve<T: Real, D: Dynamics<T>>(
        &self,
        dynamics: &D,
        weights: &[T],
        u: &DMatrix<T>,
        [start, end]: [f64; 2],
    ) -> Result<Solution<T, D::Tape>, OperatorError> {
        let (k, tape) = dynamics.apply(weights, start, u);
        let mut solution = Solution {
            steps: Vec::new(),
            u: u.clone(),
            tape,
            evaluations: 1,
            rejected: 0,
        };
        if end <= start {
            return Ok(solution);
        }
        let mut h = self.first(dynamics, weights, start, u, &k);
        solution.evaluations += 1;
        let (mut t, mut u, mut k, mut before) = (start, u.clone(), k, LEAST);
        while t < end {
            let tried = solution.steps.len() + solution.rejected;
            if tried >= self.most {
                return Err(OperatorError::Steps {
                    most: self.most,
                    reached: t,
                    end,
                });
            }
            // A little longer rather than a last step of almost nothing.
            let left = end - t;
            let last = h * (1.0 + 1e-6) >= left;
            let step = Step::new(
                dynamics,
                weights,
                [t, if last { left } else { h }],
                u.clone(),
                k.clone(),
            );
            solution.evaluations += 6;
            let error = step.error(self.tolerance).to_f64();
            if !error.is_finite() {
                return Err(OperatorError::NotFinite {
                    what: "the error of a step",
                    place: format!("at {t} s"),
                });
            }
            let [least, most] = CHANGE;
            let change = SAFETY * error.max(LEAST).powf(-NOW);
            if error > 1.0 {
                solution.rejected += 1;
                h = step.h * change.max(least);
                continue;
            }
            h = step.h * (change * before.powf(BEFORE)).clamp(least, most);
            before = error.max(LEAST);
            t = if last { end } else { t + step.h };
            (u, k) = (step.end().clone(), step.slope().clone());
            solution.steps.push(step);
        }
        Ok(solution)
    }

    /// Length of the first step: one of Euler's method that changes the state by a hundredth shows how the derivative
    /// changes, and from both follows what an error of order 5 allows (Hairer, Norsett & Wanner 1993, section II.4).
    fn first<T: Real, D: Dynamics<T>>(
        &self,
        dynamics: &D,
        weights: &[T],
        t: f64,
        u: &DMatrix<T>,
        k: &DMatrix<T>,
    ) -> f64 {
        let size = |x: &DMatrix<T>| {
            let each = x.iter().zip(u.iter()).map(|(x, u)| {
                let passes = self.tolerance.absolute + self.tolerance.relative * u.to_f64().abs();
                (x.to_f64() / passes).powi(2)
            });
            (each.sum::<f64>() / x.len().max(1) as f64).sqrt()
        };
        let (state, slope) = (size(u), size(k));
        let guess = if state.min(slope) < 1e-5 {
            1e-6
        } else {
            0.01 * state / slope
        };
        let (next, _) = dynamics.apply(weights, t + guess, &(u + k * T::of(guess)));
        let bend = size(&(next - k)) / guess;
        let steepest = slope.max(bend);
        if steepest <= 1e-15 {
            return (guess * 1e-3).max(1e-6);
        }
        (0.01 / steepest).powf(0.2).min(100.0 * guess)
    }
}

impl<T: Real, K: Clone> Solution<T, K> {
    /// The state at the end.
    pub fn end(&self) -> &DMatrix<T> {
        self.steps.last().map_or(&self.u, Step::end)
    }

    /// The step that time `t` is in, the first or the last if it is in none.
    pub fn step(&self, t: f64) -> Option<usize> {
        let after = self.steps.partition_point(|step| step.t <= t);
        (!self.steps.is_empty()).then(|| after.saturating_sub(1))
    }

    /// The state at time `t`.
    pub fn at(&self, t: f64) -> DMatrix<T> {
        self.step(t)
            .map_or_else(|| self.u.clone(), |step| self.steps[step].at(t))
    }

    /// Cotangent of the state at the start; adds to that of the weights. The lengths of the steps are held.
    pub fn pull<D: Dynamics<T, Tape = K>>(
        &self,
        dynamics: &D,
        weights: &[T],
        tolerance: Tolerance,
        bar: &SolutionBar<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let zero = DMatrix::zeros(self.u.nrows(), self.u.ncols());
        let (mut u_bar, mut k_bar) = (zero.clone(), zero);
        let mut bars: Vec<StepBar<T>> = self.steps.iter().map(Step::bar).collect();
        for (t, at) in &bar.at {
            match self.step(*t) {
                Some(step) => self.steps[step].at_vjp(*t, at, &mut bars[step]),
                None => u_bar += at,
            }
        }
        for &(step, error) in &bar.errors {
            self.steps[step].error_vjp(tolerance, error, &mut bars[step]);
        }
        for &(step, stiffness) in &bar.stiffness {
            self.steps[step].stiffness_vjp(stiffness, &mut bars[step]);
        }
        for (step, mut bar) in self.steps.iter().zip(bars).rev() {
            bar.add_end(&u_bar, &k_bar);
            [u_bar, k_bar] = step.pull(dynamics, weights, bar, weights_bar);
        }
        let start = self.steps.first().map_or(0.0, |step| step.t);
        let through = dynamics.apply_vjp(weights, start, &self.u, &self.tape, k_bar, weights_bar);
        u_bar + through
    }
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;
    use crate::{
        layer::Mlp,
        testing::{check, matrix},
    };

    /// A pendulum, `d(angle, rate)/dt = (rate, -9 sin angle)`.
    struct Pendulum;

    impl Dynamics<f64> for Pendulum {
        type Tape = ();

        fn apply(&self, _: &[f64], _: f64, u: &DMatrix<f64>) -> (DMatrix<f64>, ()) {
            let rates = |row: usize, at: usize| [u[(1, at)], -9.0 * u[(0, at)].sin()][row];
            (DMatrix::from_fn(2, u.ncols(), rates), ())
        }

        fn apply_vjp(
            &self,
            _: &[f64],
            _: f64,
            u: &DMatrix<f64>,
            _: &(),
            bar: DMatrix<f64>,
            _: &mut [f64],
        ) -> DMatrix<f64> {
            DMatrix::from_fn(2, u.ncols(), |row, at| {
                [-9.0 * u[(0, at)].cos() * bar[(1, at)], bar[(0, at)]][row]
            })
        }
    }

    fn solver(tolerance: f64) -> Solver {
        Solver {
            tolerance: Tolerance {
                absolute: tolerance,
                relative: tolerance,
            },
            ..Solver::default()
        }
    }

    #[test]
    fn energy_is_kept_as_well_as_the_tolerance_says_and_more_costs_more() {
        let u = DMatrix::from_column_slice(2, 1, &[1.0, 0.5]);
        let energy = |u: &DMatrix<f64>| 0.5 * u[1] * u[1] - 9.0 * u[0].cos();
        let mut before = 0;
        for tolerance in [1e-4, 1e-6, 1e-8] {
            let solver = solver(tolerance);
            let solution = solver.solve(&Pendulum, &[], &u, [0.0, 5.0]).unwrap();
            let off = (energy(solution.end()) - energy(&u)).abs();
            assert!(off < 200.0 * tolerance, "{off} {tolerance}");
            let between = (energy(&solution.at(3.21)) - energy(&u)).abs();
            assert!(between < 500.0 * tolerance, "{between} {tolerance}");
            let steps = solution.steps.len() + solution.rejected;
            assert_eq!(solution.evaluations, 2 + 6 * steps);
            assert!(solution.evaluations > before);
            before = solution.evaluations;
            let last = solution.steps.last().unwrap();
            assert!((last.t + last.h - 5.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_solution_over_no_time_is_its_start() {
        let u = DMatrix::from_column_slice(2, 1, &[1.0, 0.5]);
        let solution = Solver::default()
            .solve(&Pendulum, &[], &u, [1.0, 1.0])
            .unwrap();
        assert_eq!((solution.end(), &solution.at(1.0)), (&u, &u));
        let bar = SolutionBar {
            at: vec![(1.0, u.clone())],
            ..SolutionBar::default()
        };
        let tolerance = Tolerance::default();
        let back = solution.pull(&Pendulum, &[], tolerance, &bar, &mut []);
        assert_eq!(back, u);
    }

    #[test]
    fn what_cannot_be_integrated_says_why() {
        let field = Mlp::new(2, 4, 2, false);
        let mut weights = Random::new(1, &[]).normals(field.size());
        let u = DMatrix::from_element(2, 1, 1.0);
        let few = Solver {
            most: 3,
            ..solver(1e-9)
        };
        let message = few.solve(&field, &weights, &u, [0.0, 9.0]).unwrap_err();
        assert!(
            message
                .to_string()
                .starts_with("3 steps of integration came to"),
            "{message}"
        );
        weights[0] = f64::NAN;
        let message = few.solve(&field, &weights, &u, [0.0, 9.0]).unwrap_err();
        let expected = "the error of a step is not finite at 0 s; expected finite numbers";
        assert_eq!(message.to_string(), expected);
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent_with_the_steps_held() {
        let field = Mlp::new(3, 5, 3, false);
        let size = field.size();
        let solver = solver(1e-3);
        let middle = 0.7;
        let steps = |count: usize| [0, count / 2];
        check(
            size + 6,
            |x| {
                let (weights, u) = x.split_at(size);
                let u = matrix(3, u);
                let solution = solver.solve(&field, weights, &u, [0.0, 1.0]).unwrap();
                let ends = [solution.end().clone(), solution.at(middle)];
                let mut all: Vec<_> = ends.iter().flat_map(|x| x.iter().copied()).collect();
                for at in steps(solution.steps.len()) {
                    let step = &solution.steps[at];
                    all.extend([step.error(solver.tolerance), step.stiffness()]);
                }
                all
            },
            |x, bar| {
                let (weights, u) = x.split_at(size);
                let u = matrix(3, u);
                let solution = solver.solve(&field, weights, &u, [0.0, 1.0]).unwrap();
                assert!(solution.steps.len() > 3);
                let [first, second] = steps(solution.steps.len());
                let bars = SolutionBar {
                    at: vec![
                        (1.0, matrix(3, &bar[..6])),
                        (middle, matrix(3, &bar[6..12])),
                    ],
                    errors: vec![(first, bar[12]), (second, bar[14])],
                    stiffness: vec![(first, bar[13]), (second, bar[15])],
                };
                let mut all = vec![0.0; size];
                let tolerance = solver.tolerance;
                let u_bar = solution.pull(&field, weights, tolerance, &bars, &mut all);
                all.extend(u_bar.iter());
                all
            },
        );
    }
}
