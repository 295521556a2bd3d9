//! Newton's method for equations and value at once, kept on course by an exact merit function.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::Constrained;
use super::kkt::{Kkt, minres, sketch};
use crate::vector::{add_scaled, dot, norm};

/// How the linear system of a step is solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inner {
    /// MINRES.
    #[default]
    Minres,
    /// Random projections, for small problems.
    Sketch {
        /// Seed of the sketches.
        seed: u64,
        /// Most of them in one solve.
        limit: usize,
    },
}

/// Exact augmented Lagrangian (Hong, Na, Mahoney & Kolar 2023, "Constrained optimization via
/// exact augmented Lagrangian and randomized iterative sketching", algorithm 1; merit function of
/// Pillo & Grippo 1979). The step (p, q) of Newton's method,
///
/// ```text
/// [[H, A^T], [A, 0]] (p, q) = -(grad L, c)        L = f + lambda . c,   A = dc/dx
/// ```
///
/// solved inexactly, is accepted by Armijo's rule on
///
/// ```text
/// merit = L + eta1/2 |c|^2 + eta2/2 |grad L|^2
/// ```
///
/// where eta1 grows and eta2 shrinks until the step descends by `eta2/2 |(grad L, c)|^2`. H is
/// shifted by a multiple of the identity while `p . H p` is not positive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentedLagrangian {
    /// eta1 of the start (default: 1).
    pub eta1: f64,
    /// eta2 of the start (default: 0.1).
    pub eta2: f64,
    /// Factor nu: eta1 grows by its square, eta2 shrinks by it (default: 1.5).
    pub factor: f64,
    /// Share of the predicted decrease that a step must bring (default: 0.1).
    pub decrease: f64,
    /// Relative residual of the linear system (default: 1e-8).
    pub tolerance: f64,
    /// How it is solved (default: `Minres`).
    pub inner: Inner,
}

impl Default for AugmentedLagrangian {
    fn default() -> Self {
        Self {
            eta1: 1.0,
            eta2: 0.1,
            factor: 1.5,
            decrease: 0.1,
            tolerance: 1e-8,
            inner: Inner::Minres,
        }
    }
}

/// All that the next iteration depends on besides numbers and problem: plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstrainedState {
    /// Steps done.
    pub iteration: usize,
    /// The point.
    pub x: Vec<f64>,
    /// lambda, one entry an equation.
    pub multipliers: Vec<f64>,
    /// eta1 as it has become.
    pub eta1: f64,
    /// eta2 as it has become.
    pub eta2: f64,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Newton {
    /// |(grad L, c)| before it.
    pub residual: f64,
    /// Its length as a share of Newton's.
    pub length: f64,
    /// Shift of the Hessian.
    pub shift: f64,
    /// Products with the matrix that it took.
    pub products: usize,
}

/// Why a step cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConstrainedError<E: std::error::Error + 'static> {
    /// The problem failed.
    #[error("the problem failed in step {iteration}")]
    Problem {
        /// Steps before.
        iteration: usize,
        /// Its error.
        #[source]
        source: E,
    },
    /// No length descends down to round-off.
    #[error(
        "no descent of the merit function in step {iteration}: |(grad L, c)| is {residual:e}, \
         eta1 {eta1:e}, eta2 {eta2:e}"
    )]
    Stalled {
        /// Steps before.
        iteration: usize,
        /// |(grad L, c)|.
        residual: f64,
        /// eta1.
        eta1: f64,
        /// eta2.
        eta2: f64,
    },
}

/// Changes of eta1, eta2 or the shift before a step is given up.
const ATTEMPTS: usize = 80;

/// Halvings of a step before it is given up.
const HALVINGS: usize = 50;

/// The smallest curvature along a step that counts as positive.
const CURVATURE: f64 = 1e-8;

/// grad L and c at a point.
struct Residual {
    gradient: Vec<f64>,
    equations: Vec<f64>,
}

impl Residual {
    fn at<P: Constrained + ?Sized>(
        problem: &mut P,
        x: &[f64],
        multipliers: &[f64],
    ) -> Result<Self, P::Error> {
        let mut gradient = problem.gradient(x)?;
        add_scaled(&mut gradient, 1.0, &problem.equations_vjp(x, multipliers)?);
        Ok(Self {
            gradient,
            equations: problem.equations(x)?,
        })
    }

    fn norm(&self) -> f64 {
        norm(&self.gradient).hypot(norm(&self.equations))
    }
}

/// A step with what it is judged by.
struct Direction {
    p: Vec<f64>,
    q: Vec<f64>,
    shift: f64,
    products: usize,
}

impl AugmentedLagrangian {
    /// The state at `x`, with multipliers 0.
    pub fn start<P: Constrained + ?Sized>(
        &self,
        problem: &mut P,
        x: &[f64],
    ) -> Result<ConstrainedState, P::Error> {
        Ok(ConstrainedState {
            iteration: 0,
            x: x.to_vec(),
            multipliers: vec![0.0; problem.equations(x)?.len()],
            eta1: self.eta1,
            eta2: self.eta2,
        })
    }

    /// |(grad L, c)|: zero exactly at points of Karush, Kuhn and Tucker.
    pub fn residual<P: Constrained + ?Sized>(
        &self,
        state: &ConstrainedState,
        problem: &mut P,
    ) -> Result<f64, P::Error> {
        Ok(Residual::at(problem, &state.x, &state.multipliers)?.norm())
    }

    /// Newton's direction, with as much shift as makes it one of positive curvature.
    fn direction<P: Constrained + ?Sized>(
        &self,
        state: &ConstrainedState,
        problem: &mut P,
        residual: &Residual,
    ) -> Result<Direction, P::Error> {
        let (x, multipliers) = (&state.x[..], &state.multipliers[..]);
        let entries = residual.gradient.iter().chain(&residual.equations);
        let b: Vec<f64> = entries.map(|entry| -entry).collect();
        let mut shift = 0.0;
        let mut products = 0;
        loop {
            let kkt = Kkt {
                problem: RefCell::new(&mut *problem),
                x,
                multipliers,
                shift,
                failure: RefCell::new(None),
            };
            let (solution, spent) = match self.inner {
                Inner::Minres => minres(&kkt, &b, self.tolerance),
                Inner::Sketch { seed, limit } => sketch(&kkt, &b, self.tolerance, seed, limit),
            };
            products += spent;
            if let Some(error) = kkt.failure.into_inner() {
                return Err(error);
            }
            let (p, q) = solution.split_at(x.len());
            let curved = problem.hessian_vector(x, multipliers, p)?;
            let square = dot(p, p);
            let curvature = dot(p, &curved) + shift * square;
            let size = norm(&curved) / square.sqrt().max(f64::MIN_POSITIVE);
            if curvature >= CURVATURE * square || square == 0.0 || shift > 1e6 * (1.0 + size) {
                return Ok(Direction {
                    p: p.to_vec(),
                    q: q.to_vec(),
                    shift,
                    products,
                });
            }
            shift = (4.0 * shift).max(0.1 * (1.0 + size));
        }
    }

    /// The merit function.
    fn merit<P: Constrained + ?Sized>(
        problem: &mut P,
        x: &[f64],
        multipliers: &[f64],
        state: &ConstrainedState,
    ) -> Result<f64, P::Error> {
        let residual = Residual::at(problem, x, multipliers)?;
        let c = &residual.equations;
        let squares = [dot(c, c), dot(&residual.gradient, &residual.gradient)];
        let value = problem.value(x)?;
        Ok(value + dot(multipliers, c) + 0.5 * (state.eta1 * squares[0] + state.eta2 * squares[1]))
    }

    /// Makes one step. On an error only eta1 and eta2 have changed.
    pub fn advance<P: Constrained + ?Sized>(
        &self,
        state: &mut ConstrainedState,
        problem: &mut P,
    ) -> Result<Newton, ConstrainedError<P::Error>> {
        let iteration = state.iteration;
        let with = |source| ConstrainedError::Problem { iteration, source };
        let residual = Residual::at(problem, &state.x, &state.multipliers).map_err(with)?;
        let size = residual.norm();
        let step = self.direction(state, problem, &residual).map_err(with)?;
        let slope = self
            .slope(state, problem, &residual, &step)
            .map_err(with)?
            .ok_or(ConstrainedError::Stalled {
                iteration,
                residual: size,
                eta1: state.eta1,
                eta2: state.eta2,
            })?;
        let merit = |problem: &mut P, length: f64| {
            let (mut x, mut multipliers) = (state.x.clone(), state.multipliers.clone());
            add_scaled(&mut x, length, &step.p);
            add_scaled(&mut multipliers, length, &step.q);
            let merit = Self::merit(problem, &x, &multipliers, state)?;
            Ok((merit, x, multipliers))
        };
        let (before, ..) = merit(problem, 0.0).map_err(with)?;
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let (after, x, multipliers) = merit(problem, length).map_err(with)?;
            // next to the solution the decrease drowns in round-off, and Newton is right
            let noise = 1e-14 * before.abs().max(1.0);
            if after <= before + self.decrease * length * slope + noise {
                (state.x, state.multipliers) = (x, multipliers);
                state.iteration += 1;
                return Ok(Newton {
                    residual: size,
                    length,
                    shift: step.shift,
                    products: step.products,
                });
            }
            length *= 0.5;
        }
        Err(ConstrainedError::Stalled {
            iteration,
            residual: size,
            eta1: state.eta1,
            eta2: state.eta2,
        })
    }

    /// Slope of the merit function along a step, once eta1 and eta2 are such that it descends
    /// enough; none if no such are found.
    fn slope<P: Constrained + ?Sized>(
        &self,
        state: &mut ConstrainedState,
        problem: &mut P,
        residual: &Residual,
        step: &Direction,
    ) -> Result<Option<f64>, P::Error> {
        let Residual {
            gradient,
            equations,
        } = residual;
        let size = residual.norm();
        let curved = problem.hessian_vector(&state.x, &state.multipliers, &step.p)?;
        let across = problem.equations_jvp(&state.x, &step.p)?;
        let pulled = problem.equations_vjp(&state.x, &step.q)?;
        // the derivatives of L, |c|^2 / 2 and |grad L|^2 / 2 along (p, q)
        let lagrangian = dot(gradient, &step.p) + dot(equations, &step.q);
        let equation = dot(equations, &across);
        let stationarity = dot(gradient, &curved) + dot(gradient, &pulled);
        for _ in 0..ATTEMPTS {
            let slope = lagrangian + state.eta1 * equation + state.eta2 * stationarity;
            if slope <= -0.5 * state.eta2 * size * size {
                return Ok(Some(slope));
            }
            state.eta1 *= self.factor * self.factor;
            state.eta2 /= self.factor;
        }
        Ok(None)
    }
}
