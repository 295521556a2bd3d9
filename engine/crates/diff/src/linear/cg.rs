//! Conjugate gradients.

use super::{
    Info, LinearOperator, LinearSolver, Memory, Params, Pass, SolveError, add_scaled, check_sizes,
    dot, pcg, refine,
};

/// Conjugate gradients for symmetric positive definite `A`
/// (Hestenes & Stiefel 1952).
///
/// Semi-definite `A` will do where `b` is in its range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ConjugateGradient {
    /// When it stops.
    pub params: Params,
}

impl LinearSolver for ConjugateGradient {
    fn solve_in<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
        memory: &mut Memory,
    ) -> Result<Info, SolveError> {
        check_sizes(a, b, x)?;
        let limit = self.params.limit(a.size());
        let [r, p, ap] = memory.vectors(b.len());
        refine(&self.params, a, b, x, r, |x, r, target, iterations| {
            let mut square = dot(r, r);
            p.copy_from_slice(r);
            while square.sqrt() > target {
                if *iterations >= limit {
                    return Ok(Pass::Exhausted);
                }
                *iterations += 1;
                a.apply(p, ap);
                let alpha = square / pcg::curvature("matrix", *iterations, dot(p, ap))?;
                add_scaled(x, alpha, p);
                add_scaled(r, -alpha, ap);
                let next = dot(r, r);
                let beta = next / square;
                for (p, r) in p.iter_mut().zip(r.iter()) {
                    *p = r + beta * *p;
                }
                square = next;
            }
            Ok(Pass::Ended)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        LinearSolver, Operator, Params, SolveError,
        samples::{diagonal, laplace, numbers, relative_residual},
    };
    use super::ConjugateGradient;

    #[test]
    fn residual_meets_the_tolerance() {
        for (seed, size) in [(1, 1), (2, 7), (3, 64), (4, 300)] {
            let (a, b) = (laplace(size, 0.1), numbers(seed, size));
            for tolerance in [1e-3, 1e-8, 128.0 * f64::EPSILON] {
                let mut x = vec![0.0; size];
                let solver = ConjugateGradient {
                    params: Params::with_tolerance(tolerance),
                };
                let info = solver.solve(&a, &b, &mut x).unwrap();
                let found = relative_residual(&a, &b, &x);
                assert!(found <= tolerance, "{found:e} of {tolerance:e}");
                assert_eq!(info.relative_residual, found);
            }
        }
    }

    #[test]
    fn distinct_eigenvalues_bound_the_iterations() {
        let values = (0..90).map(|i| [1.0, 4.0, 9.0][i % 3]).collect();
        let mut x = vec![0.0; 90];
        let solver = ConjugateGradient {
            params: Params::with_tolerance(1e-12),
        };
        let info = solver
            .solve(&diagonal(values), &numbers(5, 90), &mut x)
            .unwrap();
        assert_eq!(info.iterations, 3);
    }

    #[test]
    fn zero_right_hand_side_has_the_solution_zero() {
        let mut x = vec![0.0; 5];
        let info = ConjugateGradient::default()
            .solve(&laplace(5, 0.0), &[0.0; 5], &mut x)
            .unwrap();
        assert_eq!((info.iterations, x), (0, vec![0.0; 5]));
    }

    #[test]
    fn good_first_guess_needs_no_iteration() {
        let (a, b) = (laplace(9, 0.0), numbers(6, 9));
        let mut x = vec![0.0; 9];
        ConjugateGradient::default().solve(&a, &b, &mut x).unwrap();
        let info = ConjugateGradient::default().solve(&a, &b, &mut x).unwrap();
        assert_eq!(info.iterations, 0);
    }

    #[test]
    fn a_first_guess_that_is_worse_than_none_is_dropped() {
        let a = laplace(9, 0.0);
        let b: Vec<f64> = numbers(6, 9).iter().map(|b| 1e-20 * b).collect();
        let mut x = numbers(7, 9);
        let solver = ConjugateGradient {
            params: Params::with_tolerance(1e-12),
        };
        solver.solve(&a, &b, &mut x).unwrap();
        assert!(relative_residual(&a, &b, &x) <= 1e-12);
    }

    #[test]
    fn indefinite_matrix_is_refused() {
        let error = ConjugateGradient::default()
            .solve(&diagonal(vec![1.0, -2.0]), &[1.0, 1.0], &mut [0.0; 2])
            .unwrap_err();
        let expected = SolveError::NotPositiveDefinite {
            operator: "matrix",
            iteration: 1,
            curvature: -1.0,
        };
        assert_eq!(error, expected);
    }

    #[test]
    fn right_hand_side_outside_the_range_is_an_error() {
        let error = ConjugateGradient::default()
            .solve(&diagonal(vec![1.0, 0.0]), &[1.0, 1.0], &mut [0.0; 2])
            .unwrap_err();
        assert!(matches!(
            error,
            SolveError::NotPositiveDefinite { .. } | SolveError::NoConvergence { .. }
        ));
    }

    #[test]
    fn too_few_iterations_are_an_error_with_the_residual() {
        let params = Params {
            maximum_iterations: Some(3),
            ..Params::default()
        };
        let (a, b, mut x) = (laplace(50, 0.0), numbers(7, 50), vec![0.0; 50]);
        match (ConjugateGradient { params }).solve(&a, &b, &mut x) {
            Err(SolveError::NoConvergence {
                iterations: 3,
                relative_residual: found,
                ..
            }) => {
                assert_eq!(found, relative_residual(&a, &b, &x));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wrong_sizes_and_numbers_are_errors() {
        let solver = ConjugateGradient::default();
        let error = solver
            .solve(&laplace(3, 0.0), &[1.0; 2], &mut [0.0; 3])
            .unwrap_err();
        assert!(matches!(
            error,
            SolveError::SizeMismatch {
                found: 2,
                expected: 3,
                ..
            }
        ));
        let error = solver
            .solve(&laplace(2, 0.0), &[f64::NAN, 1.0], &mut [0.0; 2])
            .unwrap_err();
        assert_eq!(error, SolveError::NotFinite { iteration: 0 });
        let broken = Operator::new(1, |x: &[f64], out: &mut [f64]| {
            out[0] = if x[0] == 0.0 { 0.0 } else { f64::NAN };
        });
        let error = solver.solve(&broken, &[1.0], &mut [0.0]).unwrap_err();
        assert_eq!(error, SolveError::NotFinite { iteration: 1 });
    }
}
