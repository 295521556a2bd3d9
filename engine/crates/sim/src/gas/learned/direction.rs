//! Conjugate directions that a network proposes, with a safeguard.

use backflow_diff::linear::{
    ConjugateGradient, Info, LinearOperator, LinearSolver, Memory, Params, SolveError,
};

use super::{conv::Maps, network::Network};

/// Deep conjugate directions (Kaneda, Akar, Chen, Trejo Kala, Hyde & Teran 2023, algorithm 1):
/// `q = f(r / |r|)`, made conjugate to the last two directions, and the best step along it.
///
/// The network may be wrong. So a direction that is not finite, or nearly at a right angle to the
/// residual, is replaced by the residual; and where the residual has not halved in
/// `PATIENCE` steps, plain conjugate gradients take over for good.
#[derive(Debug, Clone)]
pub struct DeepConjugateDirection<'a> {
    /// When it stops.
    pub params: Params,
    /// What proposes directions.
    pub network: &'a Network,
    /// Cells along each axis.
    pub cells: [usize; 3],
}

/// Steps in which the residual has to halve.
const PATIENCE: usize = 12;

/// Directions that a new one is made conjugate to.
const KEPT: usize = 2;

/// Least cosine between direction and residual.
const LEAN: f64 = 1e-3;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(y: &mut [f64], factor: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * x);
}

/// A direction with its product.
struct Kept {
    p: Vec<f64>,
    ap: Vec<f64>,
    curvature: f64,
}

/// `q` made conjugate to what is kept, with its product; `None` where it is no use.
fn conjugate<A: LinearOperator + ?Sized>(
    a: &A,
    mut q: Vec<f64>,
    r: &[f64],
    kept: &[Kept],
) -> Option<Kept> {
    // Twice: what rounding leaves of the first time is taken off by the second.
    for _ in 0..2 {
        for known in kept {
            let part = dot(&q, &known.ap) / known.curvature;
            add(&mut q, -part, &known.p);
        }
    }
    let (size, lean) = (dot(&q, &q).sqrt(), dot(&q, r) / dot(r, r).sqrt());
    if !size.is_finite() || size == 0.0 || lean.abs() < LEAN * size {
        return None;
    }
    let mut ap = vec![0.0; q.len()];
    a.apply(&q, &mut ap);
    let curvature = dot(&q, &ap);
    (curvature > 0.0 && curvature.is_finite()).then_some(Kept {
        p: q,
        ap,
        curvature,
    })
}

impl DeepConjugateDirection<'_> {
    /// What the network makes of a residual of length one.
    fn proposed(&self, unit: &[f64]) -> Vec<f64> {
        let residual = Maps {
            cells: self.cells,
            values: vec![unit.to_vec()],
        };
        let (proposed, _) = self.network.apply(&residual);
        proposed.values.into_iter().next().unwrap_or_default()
    }
}

impl LinearSolver for DeepConjugateDirection<'_> {
    fn solve_in<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
        memory: &mut Memory,
    ) -> Result<Info, SolveError> {
        let count = a.size();
        for (what, found) in [
            ("the right-hand side", b.len()),
            ("the first guess", x.len()),
            ("the box of the network", self.cells.iter().product()),
        ] {
            if found != count {
                return Err(SolveError::SizeMismatch {
                    what,
                    found,
                    expected: count,
                });
            }
        }
        let size = dot(b, b).sqrt();
        let target = (self.params.relative_tolerance * size).max(self.params.absolute_tolerance);
        let mut r = vec![0.0; count];
        a.apply(x, &mut r);
        r.iter_mut().zip(b).for_each(|(r, b)| *r = b - *r);
        let limit = self.params.maximum_iterations.unwrap_or(10 * count + 100);
        let (mut kept, mut iterations): (Vec<Kept>, usize) = (Vec::new(), 0);
        let mut halved = (0, dot(&r, &r).sqrt());
        while iterations < limit {
            let residual = dot(&r, &r).sqrt();
            if residual <= target {
                break;
            }
            if residual <= 0.5 * halved.1 {
                halved = (iterations, residual);
            }
            if iterations >= halved.0 + PATIENCE {
                break;
            }
            let unit: Vec<f64> = r.iter().map(|r| r / residual).collect();
            let Some(next) = conjugate(a, self.proposed(&unit), &r, &kept)
                .or_else(|| conjugate(a, unit, &r, &kept))
            else {
                break;
            };
            let step = dot(&next.p, &r) / next.curvature;
            add(x, step, &next.p);
            add(&mut r, -step, &next.ap);
            iterations += 1;
            if kept.len() == KEPT {
                kept.remove(0);
            }
            kept.push(next);
        }
        // Measures the residual, and goes on where the network has not got there.
        let params = Params {
            maximum_iterations: Some(limit.saturating_sub(iterations)),
            relative_tolerance: 0.0,
            absolute_tolerance: target,
        };
        let info = ConjugateGradient { params }.solve_in(a, b, x, memory)?;
        Ok(Info {
            iterations: iterations + info.iterations,
            ..info
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::{poisson::Poisson, testing::box_grid};

    #[test]
    fn an_untrained_network_is_no_harm() {
        let grid = box_grid([16, 16, 1], [false; 3]);
        let poisson = Poisson::from_fn(&grid, |axis, at| {
            f64::from(u8::from(axis != 2 && at[axis] < grid.cells[axis]))
        });
        let b: Vec<f64> = (0..256).map(|i| (f64::from(i) * 12.9).sin()).collect();
        let params = Params::with_tolerance(1e-8);
        let plain = ConjugateGradient { params }
            .solve(&poisson, &b, &mut [0.0; 256])
            .unwrap();
        let network = Network::new([1, 1], 4, 3);
        let solver = DeepConjugateDirection {
            params,
            network: &network,
            cells: grid.cells,
        };
        let mut x = [0.0; 256];
        let info = solver.solve(&poisson, &b, &mut x).unwrap();
        assert!(info.relative_residual <= 1e-8);
        assert!(
            info.iterations <= plain.iterations + 4 * PATIENCE,
            "{info:?} {plain:?}"
        );
        let mut ax = vec![0.0; 256];
        poisson.apply(&x, &mut ax);
        let rest: f64 = ax.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum();
        assert!(rest.sqrt() <= 1e-8 * dot(&b, &b).sqrt());
    }
}
