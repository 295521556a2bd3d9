//! Functions that are given by the equations they solve.

use std::fmt;

use crate::{
    Map,
    linear::{LinearSolver, Memory, Operator, SolveError},
};

/// `y(theta)` with `F(y, theta) = 0`.
///
/// Cotangents and tangents are written, not added.
pub trait Root {
    /// Why the forward solve may fail.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Length of `y` and of `F`.
    fn unknowns(&self) -> usize;

    /// Length of `theta`.
    fn parameters(&self) -> usize;

    /// A `y` with `F(y, theta) = 0`, by whatever iteration.
    fn solve(&self, theta: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// `out = F(y, theta)`.
    fn residual(&self, y: &[f64], theta: &[f64], out: &mut [f64]);

    /// `out = (dF/dy) v`; where the Jacobian is symmetric, the same as
    /// [`Root::unknown_vjp`].
    fn unknown_jvp(&self, y: &[f64], theta: &[f64], v: &[f64], out: &mut [f64]);

    /// `out = (dF/dy)^T u`.
    fn unknown_vjp(&self, y: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]);

    /// `out = (dF/dtheta)^T u`.
    fn parameter_vjp(&self, y: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]);
}

/// Which linear system the backward pass solves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjoint {
    /// `(dF/dy)^T u = -v` as it is: for solvers that fit the Jacobian.
    Direct,
    /// `(dF/dy)^T u = -v` by `(dF/dy)(dF/dy)^T u = -(dF/dy) v`, which is positive definite for
    /// any regular Jacobian; the condition number is squared.
    NormalEquations,
}

/// The solution of a [`Root`] as a [`Map`] `theta -> y`.
///
/// By the implicit function theorem `theta_bar = (dF/dtheta)^T u` with
/// `(dF/dy)^T u = -y_bar` (Blondel et al. 2022): one linear solve, whatever the
/// iterations of the forward solve. The tape is `theta` and `y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Implicit<R, S> {
    root: R,
    solver: S,
    adjoint: Adjoint,
}

impl<R: Root, S: LinearSolver> Implicit<R, S> {
    /// Backwards by `solver` on `(dF/dy)^T` itself, which must be of the kind that `solver` takes.
    pub fn direct(root: R, solver: S) -> Self {
        Self {
            root,
            solver,
            adjoint: Adjoint::Direct,
        }
    }

    /// Backwards by `solver` on the normal equations: any regular Jacobian, conjugate gradients.
    pub fn normal_equations(root: R, solver: S) -> Self {
        Self {
            root,
            solver,
            adjoint: Adjoint::NormalEquations,
        }
    }

    /// The equations.
    pub fn root(&self) -> &R {
        &self.root
    }

    /// The cotangents of `theta` for those of `y`, which are at the solution; writes them. Works in
    /// `memory`, which takes none where it has been at work before on no fewer unknowns.
    ///
    /// # Errors
    /// A length is wrong, or the linear system is not solved.
    pub fn vjp_in(
        &self,
        y: &[f64],
        theta: &[f64],
        y_bar: &[f64],
        theta_bar: &mut [f64],
        memory: &mut Backward,
    ) -> Result<(), ImplicitError<R::Error>> {
        let (unknowns, parameters) = (self.root.unknowns(), self.root.parameters());
        ImplicitError::check("the cotangent", y_bar.len(), unknowns)?;
        ImplicitError::check("the solution", y.len(), unknowns)?;
        ImplicitError::check("theta", theta.len(), parameters)?;
        ImplicitError::check("the cotangent of theta", theta_bar.len(), parameters)?;
        self.adjoint(y, theta, y_bar, memory)
            .map_err(ImplicitError::Backward)?;
        self.root.parameter_vjp(y, theta, &memory.u, theta_bar);
        Ok(())
    }

    /// `memory.u` with `(dF/dy)^T u = -y_bar`.
    fn adjoint(
        &self,
        y: &[f64],
        theta: &[f64],
        y_bar: &[f64],
        memory: &mut Backward,
    ) -> Result<(), SolveError> {
        let (root, size) = (&self.root, y.len());
        let Backward {
            u,
            negative,
            solver: own,
        } = memory;
        u.clear();
        u.resize(size, 0.0);
        negative.clear();
        negative.extend(y_bar.iter().map(|bar| -bar));
        match self.adjoint {
            Adjoint::Direct => {
                let transpose = Operator::new(size, |x: &[f64], out: &mut [f64]| {
                    root.unknown_vjp(y, theta, x, out);
                });
                self.solver.solve_in(&transpose, negative, u, own)?;
            }
            Adjoint::NormalEquations => {
                let square = Operator::new(size, |x: &[f64], out: &mut [f64]| {
                    let mut middle = vec![0.0; size];
                    root.unknown_vjp(y, theta, x, &mut middle);
                    root.unknown_jvp(y, theta, &middle, out);
                });
                let mut right = vec![0.0; size];
                root.unknown_jvp(y, theta, negative, &mut right);
                self.solver.solve_in(&square, &right, u, own)?;
            }
        }
        Ok(())
    }
}

/// Memory of the backward passes of an [`Implicit`], kept from one to the next. Those by
/// [`Adjoint::NormalEquations`] take more in each product.
#[derive(Debug, Clone, Default)]
pub struct Backward {
    u: Vec<f64>,
    negative: Vec<f64>,
    solver: Memory,
}

/// What the backward pass of an [`Implicit`] reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The parameters.
    pub theta: Vec<f64>,
    /// The unknowns that solve the equations.
    pub y: Vec<f64>,
}

/// Why an [`Implicit`] has no value or no gradient.
#[derive(Debug, thiserror::Error)]
pub enum ImplicitError<E: std::error::Error + 'static> {
    /// The equations were not solved.
    #[error("the equations were not solved")]
    Forward(#[source] E),
    /// The linear system of the backward pass was not solved.
    #[error("the linear system of the backward pass was not solved")]
    Backward(#[source] SolveError),
    /// A vector has the wrong length.
    #[error("{what} has {found} entries, expected {expected}")]
    Length {
        /// Which vector.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What its length should be.
        expected: usize,
    },
}

impl<E: std::error::Error + 'static> ImplicitError<E> {
    fn check(what: &'static str, found: usize, expected: usize) -> Result<(), Self> {
        if found == expected {
            Ok(())
        } else {
            Err(Self::Length {
                what,
                found,
                expected,
            })
        }
    }
}

impl<R: Root, S: LinearSolver> Map for Implicit<R, S> {
    type Tape = Solution;
    type Error = ImplicitError<R::Error>;

    fn inputs(&self) -> usize {
        self.root.parameters()
    }

    fn outputs(&self) -> usize {
        self.root.unknowns()
    }

    fn apply(&self, theta: &[f64]) -> Result<(Vec<f64>, Solution), Self::Error> {
        ImplicitError::check("theta", theta.len(), self.inputs())?;
        let y = self.root.solve(theta).map_err(ImplicitError::Forward)?;
        ImplicitError::check("the solution", y.len(), self.outputs())?;
        Ok((
            y.clone(),
            Solution {
                theta: theta.to_vec(),
                y,
            },
        ))
    }

    fn vjp(&self, tape: &Solution, y_bar: &[f64]) -> Result<Vec<f64>, Self::Error> {
        let mut theta_bar = vec![0.0; self.inputs()];
        let memory = &mut Backward::default();
        self.vjp_in(&tape.y, &tape.theta, y_bar, &mut theta_bar, memory)?;
        Ok(theta_bar)
    }
}

impl fmt::Display for Adjoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::NormalEquations => "normal equations",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use super::{Implicit, ImplicitError, Root};
    use crate::{
        Map,
        linear::{ConjugateGradient, Minres, Params, SolveError, samples::numbers},
    };

    /// `A y + k y^3 = theta` with tridiagonal `A`, by a damped fixed point.
    struct Springs {
        size: usize,
        skew: f64,
        cubic: f64,
        damping: f64,
        forward: Cell<usize>,
        backward: Cell<usize>,
    }

    impl Springs {
        fn new(skew: f64, cubic: f64, damping: f64) -> Self {
            let (forward, backward) = (Cell::new(0), Cell::new(0));
            Self {
                size: 6,
                skew,
                cubic,
                damping,
                forward,
                backward,
            }
        }

        fn matrix(&self, i: usize, j: usize) -> f64 {
            match i.abs_diff(j) {
                0 => 3.0,
                1 if i > j => -1.0 + self.skew,
                1 => -1.0 - self.skew,
                _ => 0.0,
            }
        }

        fn product(&self, v: &[f64], out: &mut [f64], transposed: bool) {
            for i in 0..self.size {
                let entry = |j| {
                    if transposed {
                        self.matrix(j, i)
                    } else {
                        self.matrix(i, j)
                    }
                };
                out[i] = (0..self.size).map(|j| entry(j) * v[j]).sum();
            }
        }
    }

    impl Root for Springs {
        type Error = Infallible;

        fn unknowns(&self) -> usize {
            self.size
        }

        fn parameters(&self) -> usize {
            self.size
        }

        fn solve(&self, theta: &[f64]) -> Result<Vec<f64>, Infallible> {
            let (mut y, mut f) = (vec![0.0; self.size], vec![0.0; self.size]);
            loop {
                self.residual(&y, theta, &mut f);
                self.forward.set(self.forward.get() + 1);
                if f.iter().all(|f| f.abs() <= 1e-14) {
                    return Ok(y);
                }
                for i in 0..self.size {
                    y[i] -= self.damping * f[i];
                }
            }
        }

        fn residual(&self, y: &[f64], theta: &[f64], out: &mut [f64]) {
            self.product(y, out, false);
            for i in 0..self.size {
                out[i] += self.cubic * y[i].powi(3) - theta[i];
            }
        }

        fn unknown_jvp(&self, y: &[f64], _theta: &[f64], v: &[f64], out: &mut [f64]) {
            self.product(v, out, false);
            for i in 0..self.size {
                out[i] += 3.0 * self.cubic * y[i] * y[i] * v[i];
            }
        }

        fn unknown_vjp(&self, y: &[f64], _theta: &[f64], u: &[f64], out: &mut [f64]) {
            self.backward.set(self.backward.get() + 1);
            self.product(u, out, true);
            for i in 0..self.size {
                out[i] += 3.0 * self.cubic * y[i] * y[i] * u[i];
            }
        }

        fn parameter_vjp(&self, _y: &[f64], _theta: &[f64], u: &[f64], out: &mut [f64]) {
            for i in 0..self.size {
                out[i] = -u[i];
            }
        }
    }

    fn cg() -> ConjugateGradient {
        ConjugateGradient {
            params: Params::with_tolerance(1e-12),
        }
    }

    fn check_central_difference<M: Map>(map: &M, theta: &[f64], y_bar: &[f64]) {
        let (_, tape) = map.apply(theta).unwrap();
        let theta_bar = map.vjp(&tape, y_bar).unwrap();
        for i in 0..theta.len() {
            let along = |h: f64| {
                let mut theta = theta.to_vec();
                theta[i] += h;
                let y = map.value(&theta).unwrap();
                y.iter().zip(y_bar).map(|(y, bar)| y * bar).sum::<f64>()
            };
            let difference = (along(1e-5) - along(-1e-5)) / 2e-5;
            let fault = (theta_bar[i] - difference).abs();
            assert!(fault <= 1e-9, "{i}: {} {difference}", theta_bar[i]);
        }
    }

    #[test]
    fn gradient_of_a_nonlinear_solve_is_the_central_difference() {
        let (theta, y_bar) = (numbers(1, 6), numbers(2, 6));
        check_central_difference(
            &Implicit::direct(Springs::new(0.0, 0.8, 0.2), cg()),
            &theta,
            &y_bar,
        );
        let minres = Minres {
            params: Params::with_tolerance(1e-12),
        };
        check_central_difference(
            &Implicit::direct(Springs::new(0.0, 0.8, 0.2), minres),
            &theta,
            &y_bar,
        );
        check_central_difference(
            &Implicit::normal_equations(Springs::new(0.4, 0.8, 0.2), cg()),
            &theta,
            &y_bar,
        );
    }

    #[test]
    fn gradient_of_a_linear_solve_is_the_transposed_solve() {
        // y = A^-1 theta, so theta_bar solves A^T theta_bar = y_bar.
        let map = Implicit::normal_equations(Springs::new(0.4, 0.0, 0.2), cg());
        let (_, tape) = map.apply(&numbers(3, 6)).unwrap();
        let y_bar = numbers(4, 6);
        let theta_bar = map.vjp(&tape, &y_bar).unwrap();
        let mut found = vec![0.0; 6];
        map.root().product(&theta_bar, &mut found, true);
        for i in 0..6 {
            assert!((found[i] - y_bar[i]).abs() <= 1e-11);
        }
    }

    #[test]
    fn backward_cost_does_not_depend_on_forward_iterations() {
        let (theta, y_bar) = (numbers(1, 6), numbers(2, 6));
        let costs = [0.2, 0.02].map(|damping| {
            let map = Implicit::direct(Springs::new(0.0, 0.8, damping), cg());
            let (_, tape) = map.apply(&theta).unwrap();
            let kept = tape.theta.len() + tape.y.len();
            map.vjp(&tape, &y_bar).unwrap();
            (map.root().forward.get(), map.root().backward.get(), kept)
        });
        assert!(costs[1].0 >= 8 * costs[0].0, "{costs:?}");
        assert_eq!((costs[1].1, costs[1].2), (costs[0].1, costs[0].2));
    }

    #[test]
    fn failed_backward_solves_are_errors() {
        let params = Params {
            maximum_iterations: Some(1),
            ..Params::default()
        };
        let map = Implicit::direct(Springs::new(0.0, 0.8, 0.2), ConjugateGradient { params });
        let (_, tape) = map.apply(&numbers(1, 6)).unwrap();
        let error = map.vjp(&tape, &numbers(2, 6)).unwrap_err();
        assert!(matches!(
            error,
            ImplicitError::Backward(SolveError::NoConvergence { .. })
        ));
        let error = map.vjp(&tape, &[1.0]).unwrap_err();
        assert!(matches!(
            error,
            ImplicitError::Length {
                found: 1,
                expected: 6,
                ..
            }
        ));
    }
}
