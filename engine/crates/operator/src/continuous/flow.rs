//! A model of reduced coordinates in continuous time.

use backflow_diff::Real;
use backflow_optim::{Evaluation, Objective, Random};
use nalgebra::DMatrix;

use super::{Dynamics, Regular, Solution, SolutionBar, Solver};
use crate::{error::OperatorError, layer::Mlp};

/// Coordinates whose rate of change is a network of them. Behind those that are observed are some that are not and
/// start at zero, so that courses may pass each other (Dupont, Doucet & Teh 2019, "Augmented neural ODEs").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Coordinates that are observed, of order one.
    pub observed: usize,
    /// Rates of all coordinates (1/s).
    pub field: Mlp,
    /// How it is integrated.
    pub solver: Solver,
}

/// What a flow learns from, or is judged by: courses of the observed coordinates, a column each.
#[derive(Debug, Clone, PartialEq)]
pub struct Courses {
    /// At time zero.
    pub start: DMatrix<f64>,
    /// Later times (s), in order.
    pub times: Vec<f64>,
    /// What was observed then.
    pub x: Vec<DMatrix<f64>>,
}

/// What a loss is made of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loss {
    /// Mean squared error of the observed coordinates.
    pub error: f64,
    /// What [`Regular`] says, times its weight.
    pub penalty: f64,
    /// Derivatives it took.
    pub evaluations: usize,
}

impl Flow {
    /// Of so many observed coordinates and `extra` others, with a network of one layer of `hidden`.
    pub fn new(observed: usize, extra: usize, hidden: usize) -> Self {
        let all = observed + extra;
        Self {
            observed,
            field: Mlp::new(all, hidden, all, false),
            solver: Solver::default(),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.field.size()
    }

    /// First weights; `gain` is that of the second layer, the size of rates (1/s).
    pub fn start(&self, gain: f64, random: &mut Random, weights: &mut [f64]) {
        self.field.start(gain, random, weights);
    }

    /// All coordinates from time zero, where those that are observed are `start`, to `end` (s).
    ///
    /// # Errors
    /// As [`Solver::solve`].
    pub fn solve<T: Real>(
        &self,
        weights: &[T],
        start: &DMatrix<T>,
        end: f64,
    ) -> Result<Solution<T, <Mlp as Dynamics<T>>::Tape>, OperatorError> {
        let all = self.field.first.inputs;
        let u = start.clone().resize_vertically(all, T::zero());
        self.solver.solve(&self.field, weights, &u, [0.0, end])
    }

    /// The observed coordinates at times in order (s), and how many derivatives it took.
    ///
    /// # Errors
    /// As [`Solver::solve`].
    pub fn predict<T: Real>(
        &self,
        weights: &[T],
        start: &DMatrix<T>,
        times: &[f64],
    ) -> Result<(Vec<DMatrix<T>>, usize), OperatorError> {
        let solution = self.solve(weights, start, times.last().copied().unwrap_or(0.0))?;
        let at = |&t: &f64| solution.at(t).rows(0, self.observed).into_owned();
        Ok((times.iter().map(at).collect(), solution.evaluations))
    }

    /// How far courses are missed, and `weight` times what `regular` says; adds to the gradient.
    ///
    /// # Errors
    /// As [`Solver::solve`].
    pub fn loss(
        &self,
        weights: &[f64],
        courses: &Courses,
        (regular, weight): (Regular, f64),
        random: &mut Random,
        weights_bar: &mut [f64],
    ) -> Result<Loss, OperatorError> {
        let end = courses.times.last().copied().unwrap_or(0.0);
        let solution = self.solve(weights, &courses.start, end)?;
        let tolerance = self.solver.tolerance;
        let mut loss = Loss::default();
        let mut bar = SolutionBar::default();
        let entries = courses.x.iter().map(DMatrix::len).sum::<usize>().max(1) as f64;
        for (&t, x) in courses.times.iter().zip(&courses.x) {
            let mut off = solution.at(t);
            for (mut off, x) in off.column_iter_mut().zip(x.column_iter()) {
                off.rows_mut(0, self.observed)
                    .iter_mut()
                    .zip(x.iter())
                    .for_each(|(off, x)| *off -= x);
                off.rows_mut(self.observed, off.len() - self.observed)
                    .fill(0.0);
            }
            loss.error += off.norm_squared() / entries;
            bar.at.push((t, off * (2.0 / entries)));
        }
        let (value, asked) = regular.value(
            &self.field,
            weights,
            &solution,
            tolerance,
            random,
            weight,
            &mut bar,
            weights_bar,
        );
        loss.penalty = weight * value;
        loss.evaluations = solution.evaluations + asked;
        solution.pull(&self.field, weights, tolerance, &bar, weights_bar);
        Ok(loss)
    }
}

/// A flow and courses as what is minimised over the weights.
#[derive(Debug, Clone)]
pub struct Fit<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// What it learns from.
    pub courses: &'a Courses,
    /// What is added to the error.
    pub regular: Regular,
    /// Its weight at the first gradient and at the last of `iterations`; between them it changes by the same factor
    /// each time.
    pub weight: [f64; 2],
    /// How many gradients there will be.
    pub iterations: usize,
    /// Of the times that are drawn.
    pub seed: u64,
    /// Gradients so far.
    pub iteration: usize,
    /// Derivatives so far.
    pub evaluations: usize,
}

impl Objective for Fit<'_> {
    type Error = OperatorError;

    /// The error alone.
    fn value(&mut self, weights: &[f64]) -> Result<f64, OperatorError> {
        let Courses { start, times, x } = self.courses;
        let (found, evaluations) = self.flow.predict(weights, start, times)?;
        self.evaluations += evaluations;
        let entries = x.iter().map(DMatrix::len).sum::<usize>().max(1) as f64;
        let each = found
            .iter()
            .zip(x)
            .map(|(found, x)| (found - x).norm_squared());
        Ok(each.sum::<f64>() / entries)
    }

    /// Of the error and the penalty; the error alone is among the metrics.
    fn gradient(&mut self, weights: &[f64]) -> Result<Evaluation, OperatorError> {
        let [first, last] = self.weight;
        let part = self.iteration as f64 / self.iterations.saturating_sub(1).max(1) as f64;
        let weight = if first > 0.0 && last > 0.0 {
            first * (last / first).powf(part)
        } else {
            first + (last - first) * part
        };
        let mut random = Random::new(self.seed, &[0x666c, self.iteration as u64]);
        let mut bar = vec![0.0; weights.len()];
        let regular = (self.regular, weight);
        let loss = self
            .flow
            .loss(weights, self.courses, regular, &mut random, &mut bar)?;
        self.iteration += 1;
        self.evaluations += loss.evaluations;
        let mut evaluation = Evaluation::new(loss.error + loss.penalty, bar);
        evaluation.metrics.push(("error".to_owned(), loss.error));
        Ok(evaluation)
    }
}

#[cfg(test)]
mod tests {
    use backflow_diff::gradcheck::{DifferenceParams, central_difference};

    use super::*;
    use crate::continuous::{Estimate, Tolerance};

    fn flow() -> Flow {
        Flow {
            solver: Solver {
                tolerance: Tolerance {
                    absolute: 1e-11,
                    relative: 1e-11,
                },
                ..Solver::default()
            },
            ..Flow::new(2, 1, 4)
        }
    }

    fn courses() -> Courses {
        let mut random = Random::new(3, &[]);
        let mut columns = || DMatrix::from_fn(2, 3, |_, _| random.normal());
        Courses {
            start: columns(),
            times: vec![0.3, 0.8],
            x: vec![columns(), columns()],
        }
    }

    #[test]
    fn gradient_agrees_with_central_differences_where_steps_are_accurate() {
        let (flow, courses) = (flow(), courses());
        let weights = Random::new(4, &[]).normals(flow.size());
        let mut fit = Fit {
            flow: &flow,
            courses: &courses,
            regular: Regular::None,
            weight: [0.0; 2],
            iterations: 1,
            seed: 0,
            iteration: 0,
            evaluations: 0,
        };
        let found = fit.gradient(&weights).unwrap();
        assert!((found.value - fit.value(&weights).unwrap()).abs() < 1e-12 * found.value);
        let report = central_difference(
            |weights: &[f64]| fit.value(weights),
            &weights,
            &found.gradient,
            &DifferenceParams::default(),
        )
        .unwrap();
        assert!(report.error <= 1e-6, "{report}");
    }

    #[test]
    fn the_weight_of_the_penalty_goes_from_its_first_to_its_last() {
        let (flow, courses) = (flow(), courses());
        let weights = Random::new(4, &[]).normals(flow.size());
        let mut fit = Fit {
            flow: &flow,
            courses: &courses,
            regular: Regular::All(Estimate::Stiffness),
            weight: [1.0, 0.01],
            iterations: 3,
            seed: 0,
            iteration: 0,
            evaluations: 0,
        };
        let penalties = [0, 1, 2].map(|_| {
            let found = fit.gradient(&weights).unwrap();
            found.value - found.metrics[0].1
        });
        assert!((penalties[1] / penalties[0] - 0.1).abs() < 1e-9);
        assert!((penalties[2] / penalties[0] - 0.01).abs() < 1e-9);
        assert_eq!(fit.iteration, 3);
    }
}
