//! The rest of soft discs.

use std::convert::Infallible;

use backflow_diff::{Implicit, Map, Root};
use backflow_optim::Random;

use super::{central, off, solver};
use crate::toys::{dot, norm};

/// Soft discs in a periodic square, half of them of diameter 1, the others of diameter theta (Blondel et al. 2022,
/// section 4.4): pairs nearer than their mean diameter s push by (1 - r / s)^2 / 2. Each disc hangs on a weak spring to
/// where it starts, so that none of them rattles freely.
struct Discs {
    start: Vec<f64>,
    edge: f64,
}

/// Stiffness of the springs.
const SPRING: f64 = 1e-2;

impl Discs {
    fn new(count: usize, edge: f64) -> Self {
        let mut random = Random::new(7, &[]);
        Self {
            start: (0..2 * count).map(|_| edge * random.uniform()).collect(),
            edge,
        }
    }

    fn count(&self) -> usize {
        self.start.len() / 2
    }

    /// Mean diameter of a pair and its derivative.
    fn diameter(&self, i: usize, j: usize, theta: f64) -> (f64, f64) {
        let share = |i: usize| if 2 * i < self.count() { 0.0 } else { 0.5 };
        let small = share(i) + share(j);
        (1.0 - small + small * theta, small)
    }

    /// Calls `each` with every pair that touches: indices, unit vector from the second to the first, distance, mean
    /// diameter and its derivative.
    fn touching(
        &self,
        x: &[f64],
        theta: f64,
        mut each: impl FnMut(usize, usize, [f64; 2], f64, f64, f64),
    ) {
        for i in 0..self.count() {
            for j in 0..i {
                let way: [f64; 2] = std::array::from_fn(|axis| {
                    let d = x[2 * i + axis] - x[2 * j + axis];
                    d - self.edge * (d / self.edge).round()
                });
                let r = way[0].hypot(way[1]);
                let (s, slope) = self.diameter(i, j, theta);
                if r < s {
                    each(i, j, [way[0] / r, way[1] / r], r, s, slope);
                }
            }
        }
    }
}

impl Root for Discs {
    type Error = Infallible;

    fn unknowns(&self) -> usize {
        self.start.len()
    }

    fn parameters(&self) -> usize {
        1
    }

    /// FIRE (Bitzek et al. 2006).
    fn solve(&self, theta: &[f64]) -> Result<Vec<f64>, Infallible> {
        let n = self.unknowns();
        let (mut x, mut v, mut f) = (self.start.clone(), vec![0.0; n], vec![0.0; n]);
        let (mut dt, mut alpha, mut since) = (0.1, 0.1, 0);
        for _ in 0..200_000 {
            self.residual(&x, theta, &mut f);
            if norm(&f) < 1e-14 {
                break;
            }
            f.iter_mut().for_each(|f| *f = -*f);
            let (size, speed) = (norm(&f), norm(&v));
            if dot(&f, &v) > 0.0 {
                since += 1;
                if since > 5 {
                    dt = (dt * 1.1_f64).min(0.6);
                    alpha *= 0.99;
                }
                v.iter_mut()
                    .zip(&f)
                    .for_each(|(v, f)| *v += alpha * (f / size * speed - *v));
            } else {
                (since, alpha, dt) = (0, 0.1, dt * 0.5);
                v.fill(0.0);
            }
            v.iter_mut().zip(&f).for_each(|(v, f)| *v += dt * f);
            x.iter_mut().zip(&v).for_each(|(x, v)| *x += dt * v);
        }
        Ok(x)
    }

    fn residual(&self, x: &[f64], theta: &[f64], out: &mut [f64]) {
        (0..x.len()).for_each(|i| out[i] = SPRING * (x[i] - self.start[i]));
        self.touching(x, theta[0], |i, j, n, r, s, _| {
            let push = -(1.0 - r / s) / s;
            for axis in 0..2 {
                out[2 * i + axis] += push * n[axis];
                out[2 * j + axis] -= push * n[axis];
            }
        });
    }

    fn unknown_jvp(&self, x: &[f64], theta: &[f64], v: &[f64], out: &mut [f64]) {
        (0..x.len()).for_each(|i| out[i] = SPRING * v[i]);
        self.touching(x, theta[0], |i, j, n, r, s, _| {
            let way = [v[2 * i] - v[2 * j], v[2 * i + 1] - v[2 * j + 1]];
            let along = way[0] * n[0] + way[1] * n[1];
            for axis in 0..2 {
                // E'' n n' + E' / r (1 - n n')
                let across = way[axis] - along * n[axis];
                let pull = along * n[axis] / (s * s) - (1.0 - r / s) / (s * r) * across;
                out[2 * i + axis] += pull;
                out[2 * j + axis] -= pull;
            }
        });
    }

    fn unknown_vjp(&self, x: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        self.unknown_jvp(x, theta, u, out);
    }

    fn parameter_vjp(&self, x: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        let mut sum = 0.0;
        self.touching(x, theta[0], |i, j, n, r, s, slope| {
            let along = (u[2 * i] - u[2 * j]) * n[0] + (u[2 * i + 1] - u[2 * j + 1]) * n[1];
            // d/ds (-(1 - r/s) / s) = 1/s^2 - 2 r / s^3
            sum += along * slope * (1.0 / (s * s) - 2.0 * r / (s * s * s));
        });
        out[0] = sum;
    }
}

#[test]
fn sensitivity_of_soft_discs_to_their_diameter_is_that_of_where_they_come_to_rest() {
    // As dense as in the paper: half of the area.
    let map = Implicit::direct(Discs::new(32, 5.5), solver());
    let bar = Random::new(8, &[]).normals(64);
    let theta = 0.6;
    let (x, tape) = map.apply(&[theta]).unwrap();
    let mut touching = 0;
    map.root()
        .touching(&x, theta, |_, _, _, _, _, _| touching += 1);
    let mut residual = vec![0.0; 64];
    map.root().residual(&x, &[theta], &mut residual);
    assert!(
        norm(&residual) < 1e-13 && touching > 8,
        "{} {touching}",
        norm(&residual)
    );
    let (found, known) = (
        map.vjp(&tape, &bar).unwrap()[0],
        central(&map, theta, &bar, 1e-5),
    );
    println!("discs, {touching} pairs touch: {found:.8e}, differences {known:.8e}");
    assert!(off(found, known) < 1e-6 && known.abs() > 1e-3);
}
