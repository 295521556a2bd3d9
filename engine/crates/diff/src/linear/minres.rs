//! Minimum residuals for symmetric indefinite matrices.

use super::{
    Info, LinearOperator, LinearSolver, Memory, Params, Pass, SolveError, check_sizes, dot, norm,
    refine,
};

/// MINRES for symmetric `A`, definite or not (Paige & Saunders 1975).
///
/// `A` must be symmetric, which is not checked. Singular `A` will do where `b` is in its range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Minres {
    /// When it stops.
    pub params: Params,
}

impl LinearSolver for Minres {
    fn solve_in<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
        memory: &mut Memory,
    ) -> Result<Info, SolveError> {
        check_sizes(a, b, x)?;
        let limit = self.params.limit(a.size());
        let [r, vectors @ ..] = memory.vectors::<6>(b.len());
        let mut vectors = vectors;
        refine(&self.params, a, b, x, r, |x, r, target, iterations| {
            pass(a, x, r, &mut vectors, target, limit, iterations)
        })
    }
}

/// Lanczos vectors `v`, their coefficients `alpha` and `beta`, and Givens rotations
/// `(c, s)` that triangularise them: `r_1`, `r_2`, `r_3` are the last column of the triangle,
/// `w` the directions of `x` and `eta` the residual (signed).
fn pass<A: LinearOperator + ?Sized>(
    a: &A,
    x: &mut [f64],
    r: &[f64],
    vectors: &mut [&mut [f64]; 5],
    target: f64,
    limit: usize,
    iterations: &mut usize,
) -> Result<Pass, SolveError> {
    let size = r.len();
    let [v, v_old, w_old, w_older, av] = vectors;
    for start in [&mut *v_old, w_old, w_older] {
        start.fill(0.0);
    }
    let mut beta = norm(r);
    for (v, r) in v.iter_mut().zip(r) {
        *v = r / beta;
    }
    let mut eta = beta;
    let (mut c, mut c_old, mut s, mut s_old) = (1.0, 1.0, 0.0, 0.0);
    let mut beta_in = 0.0;
    let mut largest = 0.0_f64;
    while eta.abs() > target {
        if *iterations >= limit {
            return Ok(Pass::Exhausted);
        }
        *iterations += 1;
        a.apply(v, av);
        let alpha = dot(v, av);
        for i in 0..size {
            av[i] -= alpha * v[i] + beta_in * v_old[i];
        }
        beta = norm(av);
        if !(alpha.is_finite() && beta.is_finite()) {
            return Err(SolveError::NotFinite {
                iteration: *iterations,
            });
        }
        largest = largest.max(alpha.abs()).max(beta);

        let delta = c * alpha - c_old * s * beta_in;
        let r_1 = delta.hypot(beta);
        let r_2 = s * alpha + c_old * c * beta_in;
        let r_3 = s_old * beta_in;
        // A vanishing pivot: what is left of b is not in the range of A.
        if r_1 <= f64::EPSILON * largest {
            return Ok(Pass::Ended);
        }
        (c_old, s_old) = (c, s);
        (c, s) = (delta / r_1, beta / r_1);

        for i in 0..size {
            let w = (v[i] - r_3 * w_older[i] - r_2 * w_old[i]) / r_1;
            x[i] += c * eta * w;
            w_older[i] = w_old[i];
            w_old[i] = w;
        }
        eta *= -s;
        beta_in = beta;
        if beta <= f64::EPSILON * largest {
            // The Krylov space is exhausted: x is as good as it gets.
            return Ok(Pass::Ended);
        }
        for i in 0..size {
            v_old[i] = v[i];
            v[i] = av[i] / beta;
        }
    }
    Ok(Pass::Ended)
}

#[cfg(test)]
mod tests {
    use super::super::{
        LinearSolver, Operator, Params, SolveError,
        samples::{diagonal, laplace, numbers, relative_residual},
    };
    use super::Minres;

    #[test]
    fn residual_meets_the_tolerance_for_definite_and_indefinite_matrices() {
        for shift in [0.1, -0.5, -1.3, -4.1] {
            for (seed, size) in [(1, 1), (2, 7), (3, 60)] {
                let (a, b) = (laplace(size, shift), numbers(seed, size));
                for tolerance in [1e-4, 1e-10] {
                    let mut x = vec![0.0; size];
                    let solver = Minres {
                        params: Params::with_tolerance(tolerance),
                    };
                    let info = solver.solve(&a, &b, &mut x).unwrap();
                    assert!(relative_residual(&a, &b, &x) <= tolerance, "{shift} {size}");
                    assert_eq!(info.relative_residual, relative_residual(&a, &b, &x));
                }
            }
        }
    }

    #[test]
    fn default_tolerance_is_met_on_a_well_conditioned_matrix() {
        let values = (0..50)
            .map(|i| if i % 2 == 0 { 1.0 } else { -2.0 })
            .collect();
        let (a, b, mut x) = (diagonal(values), numbers(4, 50), vec![0.0; 50]);
        let info = Minres::default().solve(&a, &b, &mut x).unwrap();
        assert!(relative_residual(&a, &b, &x) <= 128.0 * f64::EPSILON);
        assert!(
            info.iterations <= 4,
            "two eigenvalues, one refinement: {}",
            info.iterations
        );
    }

    #[test]
    fn saddle_points_are_solved() {
        // [[D, B^T], [B, 0]] with D = diag(1, 2, 3), B = (1, 1, 1).
        let a = Operator::new(4, |x: &[f64], out: &mut [f64]| {
            for i in 0..3 {
                out[i] = (i + 1) as f64 * x[i] + x[3];
            }
            out[3] = x[0] + x[1] + x[2];
        });
        let mut x = vec![0.0; 4];
        let info = Minres {
            params: Params::with_tolerance(1e-13),
        }
        .solve(&a, &[0.0, 0.0, 0.0, 11.0], &mut x)
        .unwrap();
        assert!(info.iterations <= 8);
        for (found, expected) in x.iter().zip([6.0, 3.0, 2.0, -6.0]) {
            assert!((found - expected).abs() <= 1e-11, "{x:?}");
        }
    }

    #[test]
    fn singular_matrix_is_solved_in_its_range_and_refused_outside() {
        let a = diagonal(vec![1.0, -3.0, 0.0]);
        let mut x = [0.0; 3];
        Minres::default()
            .solve(&a, &[1.0, 1.0, 0.0], &mut x)
            .unwrap();
        assert!((x[0] - 1.0).abs() + (x[1] + 1.0 / 3.0).abs() <= 1e-13);
        let error = Minres::default()
            .solve(&a, &[1.0, 1.0, 1.0], &mut [0.0; 3])
            .unwrap_err();
        assert!(matches!(error, SolveError::NoConvergence { .. }), "{error}");
        let error = Minres::default()
            .solve(&diagonal(vec![0.0]), &[1.0], &mut [0.0])
            .unwrap_err();
        assert!(matches!(error, SolveError::NoConvergence { .. }), "{error}");
    }

    #[test]
    fn wrong_sizes_and_numbers_are_errors() {
        let solver = Minres::default();
        let error = solver
            .solve(&laplace(3, 0.0), &[1.0; 3], &mut [0.0; 2])
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
            .solve(&laplace(1, 0.0), &[f64::INFINITY], &mut [0.0])
            .unwrap_err();
        assert_eq!(error, SolveError::NotFinite { iteration: 0 });
    }
}
