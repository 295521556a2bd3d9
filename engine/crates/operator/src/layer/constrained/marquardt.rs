//! Least squares of a few unknowns.

use backflow_diff::Real;
use nalgebra::{DMatrix, DVector};

/// The method of Levenberg (1944) and Marquardt (1963): steps `(N + m D) h = -g` with the normal matrix N, its diagonal
/// D and the gradient g. The damping m follows how much of what a step promised it gave (Nielsen 1999, "Damping
/// parameter in Marquardt's method", eq. 2.21).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marquardt {
    /// The first damping. Default: 1e-6, so that a linear problem takes two steps or three.
    pub damping: f64,
    /// Largest change of an unknown in the last step, in units of the largest unknown and 1. Default: 1e-9.
    pub tolerance: f64,
    /// Steps after which it gives up. Default: 50.
    pub steps: usize,
}

impl Default for Marquardt {
    fn default() -> Self {
        Self {
            damping: 1e-6,
            tolerance: 1e-9,
            steps: 50,
        }
    }
}

/// Residuals at some unknowns, summed.
#[derive(Debug, Clone, PartialEq)]
pub struct Squares<T: Real> {
    /// Half the sum of their squares.
    pub half: T,
    /// Its gradient.
    pub gradient: DVector<T>,
    /// Sum of the outer products of their gradients.
    pub normal: DMatrix<T>,
}

/// Where the sum of the squares is least.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum<T: Real> {
    /// The unknowns.
    pub w: DVector<T>,
    /// How often residuals were asked for.
    pub evaluations: usize,
    /// Whether the last step was small enough.
    pub solved: bool,
}

/// Rounding of a sum of squares, over the sum.
const ROUNDING: f64 = 1e-12;

/// Largest magnitude.
fn largest<T: Real>(x: &DVector<T>) -> f64 {
    x.iter().fold(0.0, |most, x| x.to_f64().abs().max(most))
}

impl Marquardt {
    /// The least half sum of squares from a start.
    pub fn minimize<T: Real>(
        &self,
        start: DVector<T>,
        squares: impl Fn(&DVector<T>) -> Squares<T>,
    ) -> Minimum<T> {
        let (mut now, mut w, mut evaluations) = (squares(&start), start, 1);
        let (mut damping, mut growth) = (self.damping, 2.0);
        for _ in 0..self.steps {
            let mut matrix = now.normal.clone();
            for at in 0..w.len() {
                matrix[(at, at)] *= T::of(1.0 + damping);
            }
            let Some(factor) = matrix.cholesky() else {
                // Not definite, to rounding.
                damping = (damping * growth).max(f64::EPSILON);
                growth *= 2.0;
                continue;
            };
            let step = factor.solve(&-&now.gradient);
            let tried = &w + &step;
            let there = squares(&tried);
            evaluations += 1;
            // What the quadratic model promises: h . (m D h - g) / 2.
            let promised: f64 = (step.iter().enumerate())
                .map(|(at, &h)| {
                    let damped = T::of(damping) * now.normal[(at, at)] * h;
                    0.5 * (h * (damped - now.gradient[at])).to_f64()
                })
                .sum();
            // Less than rounding leaves of the sums cannot be judged: near the end the model is right.
            let gain = if promised <= ROUNDING * now.half.to_f64() {
                1.0
            } else {
                (now.half - there.half).to_f64() / promised
            };
            let small =
                promised.is_finite() && largest(&step) <= self.tolerance * largest(&w).max(1.0);
            if gain > 0.0 {
                (w, now) = (tried, there);
                damping *= (1.0 - (2.0 * gain - 1.0).powi(3)).max(1.0 / 3.0);
                growth = 2.0;
            } else {
                damping *= growth;
                growth *= 2.0;
            }
            if small {
                return Minimum {
                    w,
                    evaluations,
                    solved: true,
                };
            }
        }
        Minimum {
            w,
            evaluations,
            solved: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From residuals and their gradients.
    fn squares(rows: &[(f64, Vec<f64>)]) -> Squares<f64> {
        let size = rows[0].1.len();
        let mut all = Squares {
            half: 0.0,
            gradient: DVector::zeros(size),
            normal: DMatrix::zeros(size, size),
        };
        for (r, slope) in rows {
            let slope = DVector::from_column_slice(slope);
            all.half += 0.5 * r * r;
            all.gradient += *r * &slope;
            all.normal += &slope * slope.transpose();
        }
        all
    }

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let least = Marquardt::default().minimize(DVector::from_vec(vec![-1.2, 1.0]), |w| {
            let (x, y) = (w[0], w[1]);
            squares(&[
                (10.0 * (y - x * x), vec![-20.0 * x, 10.0]),
                (1.0 - x, vec![-1.0, 0.0]),
            ])
        });
        assert!(least.solved);
        assert!(least.evaluations < 40, "{}", least.evaluations);
        assert!((&least.w - DVector::from_vec(vec![1.0, 1.0])).norm() < 1e-9);
    }

    #[test]
    fn a_linear_problem_takes_three_steps_at_most() {
        let least = Marquardt::default().minimize(DVector::zeros(2), |w| {
            let row = |a: f64, b: f64, c: f64| (a * w[0] + b * w[1] - c, vec![a, b]);
            squares(&[row(1.0, 2.0, 3.0), row(0.5, -1.0, 1.0), row(2.0, 0.1, 0.0)])
        });
        assert!(least.solved && least.evaluations <= 4, "{least:?}");
    }

    #[test]
    fn what_cannot_be_solved_says_so() {
        // Nothing depends on the second unknown.
        let least = Marquardt::default().minimize(DVector::zeros(2), |w| {
            squares(&[(w[0] - 1.0, vec![1.0, 0.0])])
        });
        assert!(!least.solved);
    }
}
