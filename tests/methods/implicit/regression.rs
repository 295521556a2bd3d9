//! Ridge regression and the lasso.

use std::convert::Infallible;

use backflow_diff::{Implicit, Map, Root};
use backflow_optim::Random;

use super::{off, solver};
use crate::toys::{dot, norm};

/// Samples z_i in R^p with targets t_i.
struct Regression {
    rows: Vec<Vec<f64>>,
    targets: Vec<f64>,
}

impl Regression {
    /// Targets of three features and noise.
    fn new(samples: usize, features: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, &[]);
        let rows: Vec<Vec<f64>> = (0..samples).map(|_| random.normals(features)).collect();
        let targets = rows
            .iter()
            .map(|row| 2.0 * row[0] - 1.5 * row[1] + row[2] + 0.3 * random.normal())
            .collect();
        Self { rows, targets }
    }

    fn features(&self) -> usize {
        self.rows[0].len()
    }

    /// Z' Z v.
    fn square(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; v.len()];
        for row in &self.rows {
            let along = dot(row, v);
            out.iter_mut().zip(row).for_each(|(o, z)| *o += along * z);
        }
        out
    }

    /// Z' (Z w - t).
    fn slope(&self, w: &[f64]) -> Vec<f64> {
        let mut out = self.square(w);
        for (row, t) in self.rows.iter().zip(&self.targets) {
            out.iter_mut().zip(row).for_each(|(o, z)| *o -= t * z);
        }
        out
    }

    /// (Z_S' Z_S + weight)^-1 b over the features of `some`, by elimination.
    fn invert(&self, some: &[usize], weight: f64, b: &[f64]) -> Vec<f64> {
        let n = some.len();
        let mut a = vec![vec![0.0; n + 1]; n];
        for (i, &at) in some.iter().enumerate() {
            for (j, &other) in some.iter().enumerate() {
                a[i][j] = self.rows.iter().map(|row| row[at] * row[other]).sum();
            }
            a[i][i] += weight;
            a[i][n] = b[i];
        }
        for k in 0..n {
            for i in (0..n).filter(|&i| i != k) {
                let factor = a[i][k] / a[k][k];
                for j in k..=n {
                    a[i][j] -= factor * a[k][j];
                }
            }
        }
        (0..n).map(|i| a[i][n] / a[i][i]).collect()
    }
}

/// F = Z' (Z w - t) + theta w.
struct Ridge(Regression);

impl Root for Ridge {
    type Error = Infallible;

    fn unknowns(&self) -> usize {
        self.0.features()
    }

    fn parameters(&self) -> usize {
        1
    }

    fn solve(&self, theta: &[f64]) -> Result<Vec<f64>, Infallible> {
        let all: Vec<usize> = (0..self.unknowns()).collect();
        let right: Vec<f64> = self.0.slope(&vec![0.0; all.len()]);
        let right: Vec<f64> = right.iter().map(|b| -b).collect();
        Ok(self.0.invert(&all, theta[0], &right))
    }

    fn residual(&self, w: &[f64], theta: &[f64], out: &mut [f64]) {
        let slope = self.0.slope(w);
        (0..w.len()).for_each(|i| out[i] = slope[i] + theta[0] * w[i]);
    }

    fn unknown_jvp(&self, _: &[f64], theta: &[f64], v: &[f64], out: &mut [f64]) {
        let square = self.0.square(v);
        (0..v.len()).for_each(|i| out[i] = square[i] + theta[0] * v[i]);
    }

    fn unknown_vjp(&self, w: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        self.unknown_jvp(w, theta, u, out);
    }

    fn parameter_vjp(&self, w: &[f64], _: &[f64], u: &[f64], out: &mut [f64]) {
        out[0] = dot(w, u);
    }
}

#[test]
fn derivative_of_ridge_regression_is_the_closed_form() {
    let map = Implicit::direct(Ridge(Regression::new(30, 8, 1)), solver());
    let bar = Random::new(2, &[]).normals(8);
    for theta in [0.1, 5.0, 100.0] {
        let (w, tape) = map.apply(&[theta]).unwrap();
        let found = map.vjp(&tape, &bar).unwrap()[0];
        // dw / dtheta = -(Z'Z + theta)^-1 w
        let all: Vec<usize> = (0..8).collect();
        let known = -dot(&bar, &map.root().0.invert(&all, theta, &w));
        println!("ridge, weight {theta}: {found:.6e}, closed form {known:.6e}");
        assert!(off(found, known) < 1e-8 && known.abs() > 1e-6);
    }
}

/// The fixed point of proximal gradient steps: F = w - soft(w - eta Z' (Z w - t), eta theta).
struct Lasso {
    data: Regression,
    eta: f64,
}

impl Lasso {
    fn new(data: Regression) -> Self {
        // The largest curvature is at most the trace.
        let trace: f64 = data.rows.iter().map(|row| dot(row, row)).sum();
        Self {
            eta: 1.0 / trace,
            data,
        }
    }

    /// Where the step w - eta slope ends before the threshold.
    fn before(&self, w: &[f64]) -> Vec<f64> {
        let slope = self.data.slope(w);
        w.iter().zip(slope).map(|(w, s)| w - self.eta * s).collect()
    }

    /// Whether each entry passes the threshold.
    fn passes(&self, w: &[f64], theta: f64) -> Vec<bool> {
        let before = self.before(w);
        before.iter().map(|v| v.abs() > self.eta * theta).collect()
    }
}

impl Root for Lasso {
    type Error = Infallible;

    fn unknowns(&self) -> usize {
        self.data.features()
    }

    fn parameters(&self) -> usize {
        1
    }

    fn solve(&self, theta: &[f64]) -> Result<Vec<f64>, Infallible> {
        let mut w = vec![0.0; self.unknowns()];
        let mut residual = w.clone();
        for _ in 0..200_000 {
            self.residual(&w, theta, &mut residual);
            w.iter_mut().zip(&residual).for_each(|(w, r)| *w -= r);
            if norm(&residual) < 1e-15 {
                break;
            }
        }
        Ok(w)
    }

    fn residual(&self, w: &[f64], theta: &[f64], out: &mut [f64]) {
        let reach = self.eta * theta[0];
        for (i, v) in self.before(w).into_iter().enumerate() {
            out[i] = w[i] - v.signum() * (v.abs() - reach).max(0.0);
        }
    }

    fn unknown_jvp(&self, w: &[f64], theta: &[f64], v: &[f64], out: &mut [f64]) {
        let (passes, square) = (self.passes(w, theta[0]), self.data.square(v));
        for i in 0..v.len() {
            out[i] = if passes[i] {
                self.eta * square[i]
            } else {
                v[i]
            };
        }
    }

    fn unknown_vjp(&self, w: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        let passes = self.passes(w, theta[0]);
        let kept: Vec<f64> = (0..u.len())
            .map(|i| if passes[i] { u[i] } else { 0.0 })
            .collect();
        let square = self.data.square(&kept);
        for i in 0..u.len() {
            out[i] = u[i] - kept[i] + self.eta * square[i];
        }
    }

    fn parameter_vjp(&self, w: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        let (passes, before) = (self.passes(w, theta[0]), self.before(w));
        let part = |i: usize| {
            if passes[i] {
                self.eta * before[i].signum() * u[i]
            } else {
                0.0
            }
        };
        out[0] = (0..u.len()).map(part).sum();
    }
}

#[test]
fn derivative_of_the_lasso_is_the_closed_form_on_its_support() {
    let map = Implicit::normal_equations(Lasso::new(Regression::new(40, 10, 3)), solver());
    let bar = Random::new(4, &[]).normals(10);
    for theta in [5.0, 20.0] {
        let (w, tape) = map.apply(&[theta]).unwrap();
        let found = map.vjp(&tape, &bar).unwrap()[0];
        let support: Vec<usize> = (0..10).filter(|&i| w[i] != 0.0).collect();
        let signs: Vec<f64> = support.iter().map(|&i| w[i].signum()).collect();
        // dw_S / dtheta = -(Z_S' Z_S)^-1 sign(w_S)
        let moves = map.root().data.invert(&support, 0.0, &signs);
        let known: f64 = -support
            .iter()
            .zip(&moves)
            .map(|(&i, m)| bar[i] * m)
            .sum::<f64>();
        let count = support.len();
        println!(
            "lasso, weight {theta}, {count} of 10 features: {found:.6e}, closed form {known:.6e}"
        );
        assert!((3..10).contains(&count), "{w:?}");
        assert!(off(found, known) < 1e-8 && known.abs() > 1e-6);
    }
}
