//! What is added to a loss so that the dynamics take few steps.

use backflow_diff::Real;
use backflow_optim::Random;

use super::{Dynamics, Solution, SolutionBar, Step, StepBar, Tolerance};

/// What a step knows of how hard it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Estimate {
    /// Its [error](Step::error) times its length (s).
    Error,
    /// Its [stiffness](Step::stiffness) (1/s).
    Stiffness,
}

/// Which steps are asked for their estimates. The lengths of steps are held in the derivative: what counts is that the
/// same step errs less, so that the next solution has longer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Regular {
    /// None.
    #[default]
    None,
    /// All: the sum (Pal, Ma, Shah & Rackauckas 2021, "Opening the blackbox: accelerating neural differential equations
    /// by regularizing internal solver heuristics"). Takes no derivatives besides those of the solution.
    All(Estimate),
    /// One, done from the state at a time that is drawn evenly, and as long as the step there (Pal, Edelman &
    /// Rackauckas 2023, "Locally regularized neural differential equations", the unbiased one): seven derivatives.
    Drawn(Estimate),
    /// One of the solution's own, drawn evenly (the same, the biased one, which asks more often where steps are
    /// short). Since the solution keeps its steps it is not done again.
    Own(Estimate),
}

impl Estimate {
    fn of<T: Real, K: Clone>(self, step: &Step<T, K>, tolerance: Tolerance) -> T {
        match self {
            Self::Error => step.error(tolerance) * T::of(step.h),
            Self::Stiffness => step.stiffness(),
        }
    }

    fn vjp<T: Real, K: Clone>(
        self,
        step: &Step<T, K>,
        tolerance: Tolerance,
        value_bar: T,
        bar: &mut StepBar<T>,
    ) {
        match self {
            Self::Error => step.error_vjp(tolerance, value_bar * T::of(step.h), bar),
            Self::Stiffness => step.stiffness_vjp(value_bar, bar),
        }
    }

    /// Of a step of a solution, with the cotangent for [`Solution::pull`].
    fn noted<T: Real, K: Clone>(
        self,
        solution: &Solution<T, K>,
        at: usize,
        tolerance: Tolerance,
        value_bar: T,
        bar: &mut SolutionBar<T>,
    ) -> T {
        let step = &solution.steps[at];
        match self {
            Self::Error => bar.errors.push((at, value_bar * T::of(step.h))),
            Self::Stiffness => bar.stiffness.push((at, value_bar)),
        }
        self.of(step, tolerance)
    }
}

impl Regular {
    /// Its value, and how many derivatives it took; with `value_bar` adds to the cotangents of the solution and of the
    /// weights.
    pub fn value<T: Real, D: Dynamics<T>>(
        self,
        dynamics: &D,
        weights: &[T],
        solution: &Solution<T, D::Tape>,
        tolerance: Tolerance,
        random: &mut Random,
        value_bar: T,
        bar: &mut SolutionBar<T>,
        weights_bar: &mut [T],
    ) -> (T, usize) {
        let count = solution.steps.len();
        let (Some(first), Some(last)) = (solution.steps.first(), solution.steps.last()) else {
            return (T::zero(), 0);
        };
        match self {
            Self::None => (T::zero(), 0),
            Self::All(estimate) => {
                let each =
                    (0..count).map(|at| estimate.noted(solution, at, tolerance, value_bar, bar));
                (each.fold(T::zero(), |sum, value| sum + value), 0)
            }
            Self::Own(estimate) => {
                let at = random.below(count);
                (estimate.noted(solution, at, tolerance, value_bar, bar), 0)
            }
            Self::Drawn(estimate) => {
                let t = first.t + random.uniform() * (last.t + last.h - first.t);
                let h = solution.step(t).map_or(last.h, |at| solution.steps[at].h);
                let u = solution.at(t);
                let (k, tape) = dynamics.apply(weights, t, &u);
                let step = Step::new(dynamics, weights, [t, h], u.clone(), k);
                let mut step_bar = step.bar();
                estimate.vjp(&step, tolerance, value_bar, &mut step_bar);
                let [mut u_bar, k_bar] = step.pull(dynamics, weights, step_bar, weights_bar);
                u_bar += dynamics.apply_vjp(weights, t, &u, &tape, k_bar, weights_bar);
                bar.at.push((t, u_bar));
                (estimate.of(&step, tolerance), 7)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::{
        continuous::{Flow, Solver},
        testing::{check, matrix},
    };

    // Loose: an estimate is a small difference, and has the rounding of large numbers.
    const TOLERANCE: Tolerance = Tolerance {
        absolute: 0.05,
        relative: 0.05,
    };

    fn flow() -> Flow {
        Flow {
            solver: Solver {
                tolerance: TOLERANCE,
                ..Solver::default()
            },
            ..Flow::new(2, 1, 5)
        }
    }

    /// Value, cotangents of weights and of the start, derivatives asked for, all for a cotangent of the value.
    fn value<T: Real>(
        regular: Regular,
        x: &[T],
        bar: T,
        draw: u64,
    ) -> (T, Vec<T>, DMatrix<T>, usize) {
        let flow = flow();
        let (weights, u) = x.split_at(flow.size());
        let solution = flow.solve(weights, &matrix(2, u), 2.0).unwrap();
        let mut all = vec![T::zero(); weights.len()];
        let mut bars = SolutionBar::default();
        let (value, asked) = regular.value(
            &flow.field,
            weights,
            &solution,
            TOLERANCE,
            &mut Random::new(1, &[draw]),
            bar,
            &mut bars,
            &mut all,
        );
        let u_bar = solution.pull(&flow.field, weights, TOLERANCE, &bars, &mut all);
        (value, all, u_bar, asked)
    }

    /// All there are.
    fn every() -> impl Iterator<Item = Regular> {
        [Estimate::Error, Estimate::Stiffness]
            .into_iter()
            .flat_map(|estimate| {
                [Regular::All, Regular::Drawn, Regular::Own].map(|of| of(estimate))
            })
    }

    #[test]
    fn adjoints_are_the_transposes_of_the_tangents() {
        let count = flow().size() + 4;
        check(
            count,
            |x| {
                every()
                    .map(|regular| value(regular, x, Real::of(1.0), 5).0)
                    .collect()
            },
            |x, bar| {
                let mut sum = vec![0.0; count];
                for (regular, &bar) in every().zip(bar) {
                    let (_, mut all, u_bar, _) = value(regular, x, bar, 5);
                    all.extend(u_bar.rows(0, 2).iter());
                    sum.iter_mut().zip(all).for_each(|(sum, bar)| *sum += bar);
                }
                sum
            },
        );
    }

    #[test]
    fn one_step_of_its_own_is_on_average_what_all_are_over_their_number() {
        let x = Random::new(2, &[]).normals(flow().size() + 4);
        let (all, _, _, asked) = value(Regular::All(Estimate::Error), &x, 1.0, 0);
        assert_eq!(asked, 0);
        let (weights, u) = x.split_at(flow().size());
        let solution = flow().solve(weights, &matrix(2, u), 2.0);
        let count = solution.unwrap().steps.len() as f64;
        assert!(count > 3.0);
        let draws = 400;
        let own = (0..draws).map(|draw| value(Regular::Own(Estimate::Error), &x, 1.0, draw));
        let (mut mean, mut square) = (0.0, 0.0);
        for (value, _, _, asked) in own {
            assert_eq!(asked, 0);
            mean += value / draws as f64;
            square += value * value / draws as f64;
        }
        // four standard errors
        let error = 4.0 * ((square - mean * mean) / draws as f64).sqrt();
        assert!(
            (mean - all / count).abs() <= error,
            "{mean} {} {error}",
            all / count
        );
        assert_eq!(value(Regular::Drawn(Estimate::Error), &x, 1.0, 0).3, 7);
        assert_eq!(value(Regular::None, &x, 1.0, 0).0, 0.0);
    }
}
