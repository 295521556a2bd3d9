//! Sixteen programmes at a time by the alternating direction method of multipliers.
//!
//! The iteration of OSQP (Stellato et al. 2020, algorithm 1) with scaled multipliers `u`,
//! relaxation `alpha` and a fixed `rho`:
//!
//! `K x = sigma z + rho A^T (s - u)`, `K = H + sigma 1 + rho A^T A`,
//! `r = alpha A x + (1 - alpha) s`, `z <- alpha x + (1 - alpha) z`,
//! `s <- clip(r + u)`, `u <- u + r - s`.
//!
//! `K` is factored and inverted once for each programme; all sixteen go on until the last
//! of them has `|A x - s|` and `rho |change of s|` below the tolerance.

use backflow_diff::{
    Real,
    lanes::{Kernel, Lanes, WIDTH},
};

use super::{Contact, Rows, VARIABLES};

/// Sixteen scalars, one a programme.
pub type Wide<T> = [T; WIDTH];

/// What is iterated, of sixteen programmes; kept between solves it is a warm start.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<T> {
    /// The columns of the grasp matrices, six numbers each: `3 m x 6`.
    pub grasp: Vec<[Wide<T>; 6]>,
    /// The loads `w`.
    pub load: [Wide<T>; 6],
    /// The variables `z`.
    pub z: Vec<Wide<T>>,
    s: Vec<Wide<T>>,
    u: Vec<Wide<T>>,
}

/// When a solve ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Done when residuals are below (1).
    pub tolerance: f64,
    /// Iterations after which it ends anyway.
    pub iterations: usize,
    /// `rho` (1).
    pub rho: f64,
    /// `alpha` (1), from 1 to 2.
    pub relaxation: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tolerance: 5e-4,
            iterations: 1000,
            rho: 1.0,
            relaxation: 1.6,
        }
    }
}

/// How a solve ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Info {
    /// Iterations.
    pub iterations: usize,
    /// Whether the residuals met the tolerance.
    pub converged: bool,
}

/// Keeps `K` positive definite.
const SIGMA: f64 = 1e-6;
/// Iterations between looks at the residuals.
const CHECK: usize = 10;

impl<T: Real> Batch<T> {
    /// A cold start.
    pub fn new(rows: &Rows) -> Self {
        let zero = [T::zero(); WIDTH];
        Self {
            grasp: vec![[zero; 6]; 3 * rows.contacts],
            load: [zero; 6],
            z: vec![zero; rows.variables()],
            s: vec![zero; rows.len()],
            u: vec![zero; rows.len()],
        }
    }

    /// The contacts of one programme.
    pub fn set_contacts(&mut self, lane: usize, contacts: &[Contact<f64>]) {
        for (columns, contact) in self.grasp.chunks_mut(3).zip(contacts) {
            for (axis, column) in columns.iter_mut().enumerate() {
                for (wide, entry) in column.iter_mut().zip(contact.column(axis)) {
                    wide[lane] = T::of(entry);
                }
            }
        }
    }

    /// The load of one programme.
    pub fn set_load(&mut self, lane: usize, load: &[f64; 6]) {
        for (wide, entry) in self.load.iter_mut().zip(load) {
            wide[lane] = T::of(*entry);
        }
    }

    /// Forgets the iterates.
    pub fn reset(&mut self) {
        let zero = [T::zero(); WIDTH];
        self.z.fill(zero);
        self.s.fill(zero);
        self.u.fill(zero);
    }

    /// Solves all sixteen, from where they are.
    pub fn solve(&mut self, rows: &Rows, settings: &Settings) -> Info {
        T::launch(Solve {
            batch: self,
            rows,
            settings,
        })
    }

    /// The multipliers `y = rho u` of one programme.
    pub fn multipliers(&self, lane: usize, settings: &Settings) -> Vec<f64> {
        self.u
            .iter()
            .map(|u| settings.rho * u[lane].to_f64())
            .collect()
    }
}

struct Solve<'a, T> {
    batch: &'a mut Batch<T>,
    rows: &'a Rows,
    settings: &'a Settings,
}

impl<T: Real> Kernel<T> for Solve<'_, T> {
    type Output = Info;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Info {
        let Self {
            batch,
            rows,
            settings,
        } = self;
        let n = rows.variables();
        let of = |value: f64| L::splat(isa, T::of(value));
        let inverse = inverse::<T, L>(isa, batch, rows, settings.rho);
        let (zero, sigma, rho) = (of(0.0), of(SIGMA), of(settings.rho));
        let (alpha, rest) = (of(settings.relaxation), of(1.0 - settings.relaxation));
        let tolerance = of(settings.tolerance);
        let mut iterations = 0;
        while iterations < settings.iterations {
            iterations += 1;
            let look = iterations % CHECK == 0 || iterations == settings.iterations;
            let mut right = [zero; VARIABLES];
            for (right, z) in right.iter_mut().zip(&batch.z) {
                *right = sigma.mul(L::load(isa, z));
            }
            for ((row, s), u) in rows.rows.iter().zip(&batch.s).zip(&batch.u) {
                let pull = rho.mul(L::load(isa, s).sub(L::load(isa, u)));
                for &(column, factor) in row {
                    right[column] = pull.mul_add(of(factor), right[column]);
                }
            }
            let mut x = [zero; VARIABLES];
            for i in 0..n {
                // Two sums, so that additions overlap.
                let (mut even, mut odd) = (zero, zero);
                let line = &inverse[i];
                let mut j = 0;
                while j + 1 < n {
                    even = line[j].mul_add(right[j], even);
                    odd = line[j + 1].mul_add(right[j + 1], odd);
                    j += 2;
                }
                if j < n {
                    even = line[j].mul_add(right[j], even);
                }
                x[i] = even.add(odd);
            }
            for (z, x) in batch.z.iter_mut().zip(x) {
                x.mul(alpha).add(L::load(isa, z).mul(rest)).store(z);
            }
            let mut late = false;
            for (index, row) in rows.rows.iter().enumerate() {
                let (s, u) = (&mut batch.s[index], &mut batch.u[index]);
                let mut product = zero;
                for &(column, factor) in row {
                    product = x[column].mul_add(of(factor), product);
                }
                let before = L::load(isa, s);
                let relaxed = product.mul(alpha).add(before.mul(rest));
                let free = relaxed.add(L::load(isa, u));
                let mut clipped = free;
                if rows.low[index] > f64::NEG_INFINITY {
                    let low = of(rows.low[index]);
                    let above = clipped.sub(low);
                    clipped = low.add(above.unless_at_most(above, zero));
                }
                if rows.high[index] < f64::INFINITY {
                    let over = clipped.sub(of(rows.high[index]));
                    clipped = clipped.sub(over.unless_at_most(over, zero));
                }
                clipped.store(s);
                free.sub(clipped).store(u);
                if look {
                    let gap = product.sub(clipped);
                    let change = rho.mul(clipped.sub(before));
                    late = late
                        || gap.any_above(tolerance)
                        || zero.sub(gap).any_above(tolerance)
                        || change.any_above(tolerance)
                        || zero.sub(change).any_above(tolerance);
                }
            }
            if look && !late {
                return Info {
                    iterations,
                    converged: true,
                };
            }
        }
        Info {
            iterations,
            converged: false,
        }
    }
}

/// The inverse of `K = S^T S + epsilon P + sigma 1 + rho A^T A`, `S = (G, -w)`, by a Cholesky
/// factorisation without square roots, `K = L D L^T`.
#[inline(always)]
fn inverse<T: Real, L: Lanes<T>>(
    isa: L::Isa,
    batch: &Batch<T>,
    rows: &Rows,
    rho: f64,
) -> [[L; VARIABLES]; VARIABLES] {
    let n = rows.variables();
    let of = |value: f64| L::splat(isa, T::of(value));
    let (zero, one) = (of(0.0), of(1.0));
    let square = rows.square();
    let mut columns = [[zero; 6]; VARIABLES];
    for (column, grasp) in columns.iter_mut().zip(&batch.grasp) {
        for (entry, grasp) in column.iter_mut().zip(grasp) {
            *entry = L::load(isa, grasp);
        }
    }
    for (entry, load) in columns[n - 1].iter_mut().zip(&batch.load) {
        *entry = zero.sub(L::load(isa, load));
    }
    // The factor, in the lower triangle; the diagonal holds 1 / D.
    let mut factor = [[zero; VARIABLES]; VARIABLES];
    for i in 0..n {
        for j in 0..=i {
            let mut sum = of(rho * square[i][j]);
            if i == j {
                let spread = if i % 3 == 0 && i + 1 < n {
                    rows.spread
                } else {
                    0.0
                };
                sum = sum.add(of(SIGMA + spread));
            }
            for axis in 0..6 {
                sum = columns[i][axis].mul_add(columns[j][axis], sum);
            }
            factor[i][j] = sum;
        }
    }
    for j in 0..n {
        // Column j of L times D is still in the lower triangle.
        let reciprocal = one.div(factor[j][j]);
        for i in j + 1..n {
            let scaled = factor[i][j].mul(reciprocal);
            for k in j + 1..=i {
                factor[i][k] = scaled.neg_mul_add(factor[k][j], factor[i][k]);
            }
        }
        for i in j + 1..n {
            factor[i][j] = factor[i][j].mul(reciprocal);
        }
        factor[j][j] = reciprocal;
    }
    // Columns of the inverse, one at a time.
    let mut inverse = [[zero; VARIABLES]; VARIABLES];
    for column in 0..n {
        let mut x = [zero; VARIABLES];
        x[column] = one;
        for i in column + 1..n {
            let mut sum = zero;
            for k in column..i {
                sum = factor[i][k].neg_mul_add(x[k], sum);
            }
            x[i] = sum;
        }
        for i in (column..n).rev() {
            let mut sum = x[i].mul(factor[i][i]);
            for k in i + 1..n {
                sum = factor[k][i].neg_mul_add(inverse[k][column], sum);
            }
            inverse[i][column] = sum;
            inverse[column][i] = sum;
        }
    }
    inverse
}
