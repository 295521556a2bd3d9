//! The linear system of a Newton step, and its solvers.

use std::cell::RefCell;

use backflow_diff::linear::{LinearOperator, LinearSolver, Minres, Params};

use super::Constrained;
use crate::random::Random;
use crate::vector::{add_scaled, dot, norm};

/// `[[H + shift I, A^T], [A, 0]]` at a point, with H the Hessian of the Lagrangian and A = dc/dx.
pub(super) struct Kkt<'a, P: Constrained + ?Sized> {
    pub problem: RefCell<&'a mut P>,
    pub x: &'a [f64],
    pub multipliers: &'a [f64],
    pub shift: f64,
    /// The first failure of the problem, after which products are zero.
    pub failure: RefCell<Option<P::Error>>,
}

impl<P: Constrained + ?Sized> Kkt<'_, P> {
    fn product(&self, v: &[f64]) -> Result<Vec<f64>, P::Error> {
        let (p, q) = v.split_at(self.x.len());
        let mut problem = self.problem.borrow_mut();
        let mut top = problem.hessian_vector(self.x, self.multipliers, p)?;
        add_scaled(&mut top, self.shift, p);
        add_scaled(&mut top, 1.0, &problem.equations_vjp(self.x, q)?);
        top.extend(problem.equations_jvp(self.x, p)?);
        Ok(top)
    }
}

impl<P: Constrained + ?Sized> LinearOperator for Kkt<'_, P> {
    fn size(&self) -> usize {
        self.x.len() + self.multipliers.len()
    }

    fn apply(&self, v: &[f64], out: &mut [f64]) {
        if self.failure.borrow().is_none() {
            match self.product(v) {
                Ok(product) => return out.copy_from_slice(&product),
                Err(error) => *self.failure.borrow_mut() = Some(error),
            }
        }
        out.fill(0.0);
    }
}

/// Solves by MINRES to a relative tolerance, or as far as it comes; gives the products spent.
pub(super) fn minres(a: &impl LinearOperator, b: &[f64], tolerance: f64) -> (Vec<f64>, usize) {
    let mut solution = vec![0.0; b.len()];
    let params = Params::with_tolerance(tolerance);
    let limit = 10 * b.len() + 100;
    let spent = match (Minres { params }).solve(a, b, &mut solution) {
        Ok(info) => info.iterations,
        Err(_) => limit,
    };
    (solution, spent)
}

/// Solves by sketch and project with Gaussian sketches (Gower & Richtarik 2015; Hong, Na, Mahoney &
/// Kolar 2023, eq. 7): with `r = K d - b`,
///
/// ```text
/// d <- d - (s . r) / |K s|^2 K s        s ~ N(0, I)
/// ```
///
/// until `|r| <= tolerance |b|` or `limit` sketches; gives the products spent. The rate is one over
/// the squared condition of K, so this is for small problems.
pub(super) fn sketch(
    a: &impl LinearOperator,
    b: &[f64],
    tolerance: f64,
    seed: u64,
    limit: usize,
) -> (Vec<f64>, usize) {
    let n = b.len();
    let (mut d, mut r) = (vec![0.0; n], b.iter().map(|b| -b).collect::<Vec<f64>>());
    let (mut ks, mut kks) = (vec![0.0; n], vec![0.0; n]);
    let target = tolerance * norm(b);
    let mut spent = 0;
    for round in 0..limit {
        if norm(&r) <= target {
            break;
        }
        let s = Random::new(seed, &[round as u64]).normals(n);
        a.apply(&s, &mut ks);
        a.apply(&ks, &mut kks);
        spent += 2;
        let square = dot(&ks, &ks);
        if square > 0.0 {
            let share = dot(&s, &r) / square;
            add_scaled(&mut d, -share, &ks);
            add_scaled(&mut r, -share, &kks);
        }
    }
    (d, spent)
}
