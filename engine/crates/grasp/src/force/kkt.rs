//! The solution of the programme as the root of its optimality conditions.

use backflow_diff::{Root, lanes::WIDTH};
use nalgebra::{DMatrix, DVector};

use super::{
    Batch, Rows,
    admm::{Settings, Wide},
};

/// `z` and its multipliers `y` as functions of the grasp matrix:
///
/// `H z + A^T y = 0`, `A z - clip(A z + y) = 0`, `H = S^T S + epsilon P`, `S = (G, -w)`.
///
/// The unknowns are `(z, y)`, the parameters the columns of `G`, six numbers each. The
/// derivative exists where no row is at its limit with a multiplier of zero (strict
/// complementarity); on such a row that of the inactive side is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Forces {
    /// The constraints.
    pub rows: Rows,
    /// The load `w`.
    pub load: [f64; 6],
}

/// The programme was not solved.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("forces whose residuals fall below {tolerance:e}: they did not in {iterations} iterations")]
pub struct NotSolved {
    /// Iterations.
    pub iterations: usize,
    /// The tolerance.
    pub tolerance: f64,
}

/// Tight enough to tell which rows are at their limits.
const SETTINGS: Settings = Settings {
    tolerance: 1e-9,
    iterations: 200_000,
    rho: 0.3,
    relaxation: 1.6,
};

impl Forces {
    fn columns(&self) -> usize {
        3 * self.rows.contacts
    }

    /// `S x`.
    fn wrench(&self, grasp: &[f64], x: &[f64]) -> [f64; 6] {
        let last = self.columns();
        std::array::from_fn(|axis| {
            let sum: f64 = (0..last)
                .map(|column| grasp[6 * column + axis] * x[column])
                .sum();
            sum - self.load[axis] * x[last]
        })
    }

    /// `out = H x`.
    fn curvature(&self, grasp: &[f64], x: &[f64], out: &mut [f64]) {
        let (wrench, last) = (self.wrench(grasp, x), self.columns());
        for column in 0..last {
            let pull: f64 = (0..6)
                .map(|axis| grasp[6 * column + axis] * wrench[axis])
                .sum();
            let spread = if column % 3 == 0 {
                self.rows.spread
            } else {
                0.0
            };
            out[column] = pull + spread * x[column];
        }
        out[last] = -(0..6)
            .map(|axis| self.load[axis] * wrench[axis])
            .sum::<f64>();
    }

    /// Whether `A z + y` of a row is within its limits.
    fn within(&self, row: usize, z: &[f64], y: &[f64]) -> bool {
        let free = self.rows.product(row, z) + y[row];
        self.rows.low[row] < free && free < self.rows.high[row]
    }

    /// The exact solution for the rows that `y` says are at their limits: one linear system.
    fn polish(&self, grasp: &[f64], z: &mut [f64], y: &mut [f64]) {
        let n = z.len();
        let active: Vec<usize> = (0..y.len())
            .filter(|&row| !self.within(row, z, y))
            .collect();
        let size = n + active.len();
        let mut matrix = DMatrix::zeros(size, size);
        let mut right = DVector::zeros(size);
        let mut unit = vec![0.0; n];
        let mut column = vec![0.0; n];
        for i in 0..n {
            unit[i] = 1.0;
            self.curvature(grasp, &unit, &mut column);
            unit[i] = 0.0;
            matrix.view_mut((0, i), (n, 1)).copy_from_slice(&column);
        }
        for (at, &row) in active.iter().enumerate() {
            for &(column, factor) in &self.rows.rows[row] {
                matrix[(n + at, column)] = factor;
                matrix[(column, n + at)] = factor;
            }
            right[n + at] = if y[row] > 0.0 {
                self.rows.high[row]
            } else {
                self.rows.low[row]
            };
        }
        let Some(solution) = matrix.full_piv_lu().solve(&right) else {
            return; // rows that depend on one another: what the iteration found stands
        };
        if solution.iter().all(|x| x.is_finite()) {
            z.copy_from_slice(&solution.as_slice()[..n]);
            y.fill(0.0);
            for (at, &row) in active.iter().enumerate() {
                y[row] = solution[n + at];
            }
        }
    }
}

impl Root for Forces {
    type Error = NotSolved;

    fn unknowns(&self) -> usize {
        self.rows.variables() + self.rows.len()
    }

    fn parameters(&self) -> usize {
        6 * self.columns()
    }

    fn solve(&self, theta: &[f64]) -> Result<Vec<f64>, NotSolved> {
        let mut batch = Batch::<f64>::new(&self.rows);
        let wide = |value: f64| -> Wide<f64> { [value; WIDTH] };
        for (column, grasp) in batch.grasp.iter_mut().enumerate() {
            *grasp = std::array::from_fn(|axis| wide(theta[6 * column + axis]));
        }
        batch.load = self.load.map(wide);
        let info = batch.solve(&self.rows, &SETTINGS);
        if !info.converged {
            return Err(NotSolved {
                iterations: info.iterations,
                tolerance: SETTINGS.tolerance,
            });
        }
        let mut z: Vec<f64> = batch.z.iter().map(|z| z[0]).collect();
        let mut y = batch.multipliers(0, &SETTINGS);
        self.polish(theta, &mut z, &mut y);
        z.extend(y);
        Ok(z)
    }

    fn residual(&self, unknowns: &[f64], theta: &[f64], out: &mut [f64]) {
        let n = self.rows.variables();
        let (z, y) = unknowns.split_at(n);
        let (first, second) = out.split_at_mut(n);
        self.curvature(theta, z, first);
        self.rows.add_transposed(y, first);
        for (row, out) in second.iter_mut().enumerate() {
            let product = self.rows.product(row, z);
            *out = product - (product + y[row]).clamp(self.rows.low[row], self.rows.high[row]);
        }
    }

    fn unknown_jvp(&self, unknowns: &[f64], theta: &[f64], v: &[f64], out: &mut [f64]) {
        let n = self.rows.variables();
        let ((z, y), (dz, dy)) = (unknowns.split_at(n), v.split_at(n));
        let (first, second) = out.split_at_mut(n);
        self.curvature(theta, dz, first);
        self.rows.add_transposed(dy, first);
        for (row, out) in second.iter_mut().enumerate() {
            *out = if self.within(row, z, y) {
                -dy[row]
            } else {
                self.rows.product(row, dz)
            };
        }
    }

    fn unknown_vjp(&self, unknowns: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        let n = self.rows.variables();
        let ((z, y), (first, second)) = (unknowns.split_at(n), u.split_at(n));
        let (z_bar, y_bar) = out.split_at_mut(n);
        self.curvature(theta, first, z_bar);
        for row in 0..self.rows.len() {
            y_bar[row] = self.rows.product(row, first);
            if self.within(row, z, y) {
                y_bar[row] -= second[row];
            } else {
                for &(column, factor) in &self.rows.rows[row] {
                    z_bar[column] += factor * second[row];
                }
            }
        }
    }

    fn parameter_vjp(&self, unknowns: &[f64], theta: &[f64], u: &[f64], out: &mut [f64]) {
        let n = self.rows.variables();
        let (z, first) = (&unknowns[..n], &u[..n]);
        let (of_z, of_u) = (self.wrench(theta, z), self.wrench(theta, first));
        for column in 0..self.columns() {
            for axis in 0..6 {
                out[6 * column + axis] = of_u[axis] * z[column] + of_z[axis] * first[column];
            }
        }
    }
}

#[cfg(test)]
mod tests;
