//! Implicit differentiation (Blondel et al. 2022): the derivative of ridge regression and of the lasso in their weight
//! to 1e-8 of closed forms; of the dual of a multiclass support vector machine and of the rest of soft discs (their
//! section 4) to 1e-6 of central differences of the solved problems.

use std::convert::Infallible;

use backflow_diff::{
    Implicit, Map, Root,
    linear::{ConjugateGradient, Params},
};
use backflow_optim::Random;

use crate::toys::{dot, norm};

fn solver() -> ConjugateGradient {
    ConjugateGradient {
        params: Params::with_tolerance(1e-12),
    }
}

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

/// Relative distance of two numbers.
fn off(found: f64, known: f64) -> f64 {
    (found - known).abs() / known.abs()
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

/// The dual of a multiclass support vector machine with the ridge weight theta (Blondel et al. 2022, section 4.1): rows
/// of b in the simplex, f = |Z' (Y - b)|^2 / (2 theta) + b . Y, as the fixed point of projected gradient steps.
struct Machine {
    rows: Vec<Vec<f64>>,
    labels: Vec<usize>,
    classes: usize,
    eta: f64,
}

impl Machine {
    fn new(samples: usize, features: usize, classes: usize) -> Self {
        let mut random = Random::new(5, &[]);
        let labels: Vec<usize> = (0..samples).map(|i| i % classes).collect();
        let mut row = |label: usize| {
            let mut row = random.normals(features);
            row[label] += 1.5;
            row
        };
        let rows: Vec<Vec<f64>> = labels.iter().map(|&label| row(label)).collect();
        let trace: f64 = rows.iter().map(|row| dot(row, row)).sum();
        Self {
            rows,
            labels,
            classes,
            eta: 1.0 / trace,
        }
    }

    fn is(&self, entry: usize) -> f64 {
        let own = self.labels[entry / self.classes] == entry % self.classes;
        f64::from(u8::from(own))
    }

    /// Z Z' v, class by class.
    fn square(&self, v: &[f64]) -> Vec<f64> {
        let (m, k) = (self.rows.len(), self.classes);
        let entry = |at: usize| -> f64 {
            (0..m)
                .map(|j| dot(&self.rows[at / k], &self.rows[j]) * v[j * k + at % k])
                .sum()
        };
        (0..m * k).map(entry).collect()
    }

    /// eta theta times the slope: (Z Z' (b - Y) + theta Y) eta.
    fn step(&self, b: &[f64], theta: f64) -> Vec<f64> {
        let away: Vec<f64> = b.iter().enumerate().map(|(i, b)| b - self.is(i)).collect();
        let square = self.square(&away);
        let entries = square.iter().enumerate();
        entries
            .map(|(i, s)| self.eta * (s + theta * self.is(i)))
            .collect()
    }

    /// Every row of b - step projected onto the simplex, and which entries are above zero.
    fn projected(&self, b: &[f64], theta: f64) -> (Vec<f64>, Vec<bool>) {
        let step = self.step(b, theta);
        let before: Vec<f64> = b.iter().zip(step).map(|(b, s)| b - s).collect();
        let mut after = Vec::with_capacity(b.len());
        for row in before.chunks(self.classes) {
            let mut sorted = row.to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let (mut sum, mut level) = (0.0, 0.0);
            for (count, value) in (1..).zip(&sorted) {
                sum += value;
                let next = (sum - 1.0) / f64::from(count);
                if *value > next {
                    level = next;
                }
            }
            after.extend(row.iter().map(|v| (v - level).max(0.0)));
        }
        let above = after.iter().map(|&v| v > 0.0).collect();
        (after, above)
    }

    /// The derivative of the projection, which is symmetric: diag(s) - s s' / |s| of each row.
    fn project(&self, above: &[bool], v: &[f64]) -> Vec<f64> {
        let mut out = Vec::with_capacity(v.len());
        for (some, row) in above.chunks(self.classes).zip(v.chunks(self.classes)) {
            let count = some.iter().filter(|&&s| s).count() as f64;
            let kept = some.iter().zip(row).filter(|(s, _)| **s);
            let mean = kept.map(|(_, v)| v).sum::<f64>() / count;
            out.extend(
                some.iter()
                    .zip(row)
                    .map(|(&s, v)| if s { v - mean } else { 0.0 }),
            );
        }
        out
    }
}

impl Root for Machine {
    type Error = Infallible;

    fn unknowns(&self) -> usize {
        self.rows.len() * self.classes
    }

    fn parameters(&self) -> usize {
        1
    }

    fn solve(&self, theta: &[f64]) -> Result<Vec<f64>, Infallible> {
        let mut b = vec![1.0 / self.classes as f64; self.unknowns()];
        for _ in 0..100_000 {
            let next = self.projected(&b, theta[0]).0;
            let moved = next
                .iter()
                .zip(&b)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            b = next;
            if moved < 1e-15 {
                break;
            }
        }
        Ok(b)
    }

    fn residual(&self, b: &[f64], theta: &[f64], out: &mut [f64]) {
        let after = self.projected(b, theta[0]).0;
        (0..b.len()).for_each(|i| out[i] = b[i] - after[i]);
    }

    fn unknown_jvp(&self, b: &[f64], theta: &[f64], v: &[f64], out: &mut [f64]) {
        let above = self.projected(b, theta[0]).1;
        let square = self.square(v);
        let inner: Vec<f64> = v
            .iter()
            .zip(square)
            .map(|(v, s)| v - self.eta * s)
            .collect();
        let moved = self.project(&above, &inner);
        (0..v.len()).for_each(|i| out[i] = v[i] - moved[i]);
    }

    fn unknown_vjp(&self, b: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        let above = self.projected(b, theta[0]).1;
        let kept = self.project(&above, u);
        let square = self.square(&kept);
        (0..u.len()).for_each(|i| out[i] = u[i] - kept[i] + self.eta * square[i]);
    }

    fn parameter_vjp(&self, b: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        let above = self.projected(b, theta[0]).1;
        let kept = self.project(&above, u);
        out[0] = kept
            .iter()
            .enumerate()
            .map(|(i, u)| self.eta * self.is(i) * u)
            .sum();
    }
}

/// The derivative of `bar . y` by central differences with a relative step.
fn central<M: Map>(map: &M, theta: f64, bar: &[f64], step: f64) -> f64 {
    let at = |theta: f64| dot(bar, &map.apply(&[theta]).unwrap().0);
    let h = step * theta;
    (at(theta + h) - at(theta - h)) / (2.0 * h)
}

#[test]
fn derivative_of_the_dual_of_a_support_vector_machine_is_that_of_its_solutions() {
    let map = Implicit::normal_equations(Machine::new(12, 20, 3), solver());
    let bar = Random::new(6, &[]).normals(36);
    for theta in [8.0, 20.0] {
        let (b, tape) = map.apply(&[theta]).unwrap();
        let zeros = b.iter().filter(|&&b| b == 0.0).count();
        assert!(
            zeros > 0 && zeros < 24,
            "constraints that hold and that do not: {b:?}"
        );
        let (found, known) = (
            map.vjp(&tape, &bar).unwrap()[0],
            central(&map, theta, &bar, 1e-5),
        );
        println!("machine, weight {theta}: {found:.8e}, differences {known:.8e}");
        assert!(off(found, known) < 1e-6 && known.abs() > 1e-6);
    }
}

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
