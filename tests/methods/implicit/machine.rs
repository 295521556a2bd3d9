//! The dual of a multiclass support vector machine.

use std::convert::Infallible;

use backflow_diff::{Implicit, Map, Root};
use backflow_optim::Random;

use super::{central, off, solver};
use crate::toys::dot;

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
