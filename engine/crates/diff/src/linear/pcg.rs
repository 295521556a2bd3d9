//! Preconditioned conjugate gradients.

use rayon::prelude::*;

use super::{
    BLOCK, Info, LinearOperator, LinearSolver, Memory, Params, Pass, SolveError, add_scaled,
    check_sizes, dot, norm, refine,
};

/// Conjugate gradients with a symmetric positive definite preconditioner `M ~ A^-1`
/// (Golub & Van Loan 2013, ch. 11).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PreconditionedConjugateGradient<M> {
    /// When it stops; tolerances are on the residual itself, not on `M` times it.
    pub params: Params,
    /// Applies `M`, roughly the inverse of `A`.
    pub preconditioner: M,
}

/// The inverse of the diagonal of a matrix as preconditioner.
#[derive(Debug, Clone, PartialEq)]
pub struct Jacobi {
    inverse: Vec<f64>,
}

impl Jacobi {
    /// From the diagonal of a matrix, which must be positive.
    pub fn new(diagonal: &[f64]) -> Result<Self, SolveError> {
        for (i, &value) in diagonal.iter().enumerate() {
            curvature("diagonal", i + 1, value)?;
        }
        Ok(Self {
            inverse: diagonal.iter().map(|value| 1.0 / value).collect(),
        })
    }
}

impl LinearOperator for Jacobi {
    fn size(&self) -> usize {
        self.inverse.len()
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        for ((out, x), inverse) in out.iter_mut().zip(x).zip(&self.inverse) {
            *out = x * inverse;
        }
    }
}

impl<M: LinearOperator> LinearSolver for PreconditionedConjugateGradient<M> {
    fn solve_in<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
        memory: &mut Memory,
    ) -> Result<Info, SolveError> {
        let (found, expected) = (self.preconditioner.size(), a.size());
        if found != expected {
            return Err(SolveError::SizeMismatch {
                what: "the preconditioner",
                found,
                expected,
            });
        }
        check_sizes(a, b, x)?;
        let limit = self.params.limit(a.size());
        let [r, p, ap, z] = memory.vectors(b.len());
        refine(&self.params, a, b, x, r, |x, r, target, iterations| {
            self.preconditioner.apply(r, z);
            let mut product = curvature("preconditioner", *iterations + 1, dot(r, z))?;
            p.copy_from_slice(z);
            while norm(r) > target {
                if *iterations >= limit {
                    return Ok(Pass::Exhausted);
                }
                *iterations += 1;
                a.apply(p, ap);
                let alpha = product / curvature("matrix", *iterations, dot(p, ap))?;
                add_scaled(x, alpha, p);
                add_scaled(r, -alpha, ap);
                if norm(r) <= target {
                    break;
                }
                self.preconditioner.apply(r, z);
                let next = curvature("preconditioner", *iterations, dot(r, z))?;
                let beta = next / product;
                p.par_iter_mut()
                    .with_min_len(BLOCK)
                    .zip(&*z)
                    .for_each(|(p, z)| *p = z + beta * *p);
                product = next;
            }
            Ok(Pass::Ended)
        })
    }
}

/// The curvature `p . A p` if it is positive.
pub(super) fn curvature(
    operator: &'static str,
    iteration: usize,
    curvature: f64,
) -> Result<f64, SolveError> {
    if !curvature.is_finite() {
        return Err(SolveError::NotFinite { iteration });
    }
    if curvature <= 0.0 {
        return Err(SolveError::NotPositiveDefinite {
            operator,
            iteration,
            curvature,
        });
    }
    Ok(curvature)
}

#[cfg(test)]
mod tests {
    use super::super::{
        ConjugateGradient, LinearSolver, Params, SolveError,
        samples::{diagonal, laplace, numbers, relative_residual},
    };
    use super::{Jacobi, PreconditionedConjugateGradient};

    #[test]
    fn residual_meets_the_tolerance() {
        for (seed, size) in [(1, 1), (2, 33), (3, 200)] {
            let (a, b, mut x) = (laplace(size, 0.1), numbers(seed, size), vec![0.0; size]);
            let preconditioner = Jacobi::new(&vec![2.1; size]).unwrap();
            let solver = PreconditionedConjugateGradient {
                params: Params::default(),
                preconditioner,
            };
            let info = solver.solve(&a, &b, &mut x).unwrap();
            assert!(relative_residual(&a, &b, &x) <= 128.0 * f64::EPSILON);
            assert_eq!(info.relative_residual, relative_residual(&a, &b, &x));
        }
    }

    #[test]
    fn jacobi_solves_diagonal_matrices_at_once() {
        let values: Vec<f64> = (0..40).map(|i| 10.0_f64.powi(i % 8)).collect();
        let b = numbers(4, 40);
        let params = Params::with_tolerance(1e-12);
        let preconditioner = Jacobi::new(&values).unwrap();
        let a = diagonal(values);
        let info = PreconditionedConjugateGradient {
            params,
            preconditioner,
        }
        .solve(&a, &b, &mut [0.0; 40])
        .unwrap();
        assert_eq!(info.iterations, 1);
        let plain = ConjugateGradient { params }
            .solve(&a, &b, &mut [0.0; 40])
            .unwrap();
        assert!(plain.iterations >= 8);
    }

    #[test]
    fn preconditioners_that_are_not_positive_are_refused() {
        let params = Params::default();
        let error = PreconditionedConjugateGradient {
            params,
            preconditioner: diagonal(vec![-1.0]),
        }
        .solve(&diagonal(vec![1.0]), &[1.0], &mut [0.0])
        .unwrap_err();
        assert!(matches!(
            error,
            SolveError::NotPositiveDefinite {
                operator: "preconditioner",
                ..
            }
        ));
        assert!(Jacobi::new(&[1.0, 0.0]).is_err());
        let preconditioner = Jacobi::new(&[1.0; 3]).unwrap();
        let error = PreconditionedConjugateGradient {
            params,
            preconditioner,
        }
        .solve(&laplace(2, 0.0), &[1.0; 2], &mut [0.0; 2])
        .unwrap_err();
        assert!(matches!(
            error,
            SolveError::SizeMismatch {
                found: 3,
                expected: 2,
                ..
            }
        ));
    }

    #[test]
    fn indefinite_matrix_is_refused() {
        let preconditioner = Jacobi::new(&[1.0; 2]).unwrap();
        let error = PreconditionedConjugateGradient {
            params: Params::default(),
            preconditioner,
        }
        .solve(&diagonal(vec![1.0, -2.0]), &[1.0; 2], &mut [0.0; 2])
        .unwrap_err();
        assert!(matches!(
            error,
            SolveError::NotPositiveDefinite {
                operator: "matrix",
                ..
            }
        ));
    }
}
