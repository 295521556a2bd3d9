//! A V-cycle of geometric multigrid as preconditioner of the pressure.

use std::cell::RefCell;

use backflow_diff::linear::LinearOperator;
use rayon::prelude::*;

use super::poisson::{Poisson, face_shape};

/// One symmetric V-cycle for `A x = b`: Chebyshev smoothing, cells joined two by two, linear
/// interpolation and its transpose between grids.
///
/// It is computed in single precision: it only steers the conjugate gradients, whose residual
/// is double. Coarse conductances are sums of fine ones over the doubled distance, so that what
/// is closed stays closed (as in McAdams, Sifakis & Teran 2010, but with shares of faces).
#[derive(Debug)]
pub struct Multigrid {
    levels: Vec<Level>,
    /// Inverse of the coarsest matrix, row by row.
    coarsest: Vec<f32>,
    scratch: RefCell<Vec<Scratch>>,
}

/// A grid of the hierarchy and its way to the next coarser one.
#[derive(Debug)]
struct Level {
    poisson: Poisson<f32>,
    /// One over the diagonal, 0 for cells that are closed in.
    inverse: Vec<f32>,
    /// Axes along which the next grid is coarser.
    joined: [bool; 3],
    /// One over the conductance of a face that is fully open.
    full: [f32; 3],
}

#[derive(Debug)]
struct Scratch {
    x: Vec<f32>,
    b: Vec<f32>,
    step: Vec<f32>,
    residual: Vec<f32>,
}

/// Sweeps of the smoother before and after the coarser grid.
const SWEEPS: usize = 3;

/// What the smoother damps: eigenvalues of `D^-1 A` from the least that a grid twice as coarse
/// cannot hold, 1/3 in three dimensions, to the greatest possible.
const SPECTRUM: [f32; 2] = [0.33, 2.0];

/// Share of an interpolated value that comes from the next cell along each axis.
const BESIDE: f32 = 0.25;

impl Multigrid {
    /// The hierarchy for a matrix.
    pub fn new(poisson: &Poisson<f64>) -> Self {
        let mut levels = Vec::new();
        let (mut cells, mut full) = (poisson.cells, [1.0_f32; 3]);
        loop {
            let joined = cells.map(|count| count >= 4);
            let count = cells.iter().product();
            levels.push(Level {
                poisson: Poisson::closed(cells, poisson.periodic),
                inverse: vec![0.0; count],
                joined,
                full: full.map(|full| 1.0 / full),
            });
            if !joined.contains(&true) {
                break;
            }
            full = [0, 1, 2].map(|axis| {
                (0..3).fold(full[axis], |full, other| {
                    match (joined[other], other == axis) {
                        (true, true) => 0.5 * full,
                        (true, false) => 2.0 * full,
                        _ => full,
                    }
                })
            });
            cells = [0, 1, 2].map(|axis| cells[axis].div_ceil(parts(joined[axis])));
        }
        let scratch = levels
            .iter()
            .map(|level| {
                let zero = vec![0.0; level.inverse.len()];
                Scratch {
                    x: zero.clone(),
                    b: zero.clone(),
                    step: zero.clone(),
                    residual: zero,
                }
            })
            .collect();
        let mut hierarchy = Self {
            levels,
            coarsest: Vec::new(),
            scratch: RefCell::new(scratch),
        };
        hierarchy.set(poisson);
        hierarchy
    }

    /// Makes it that of another matrix of the same box.
    pub fn set(&mut self, poisson: &Poisson<f64>) {
        for depth in 0..self.levels.len() {
            let (above, rest) = self.levels.split_at_mut(depth);
            let Some(level) = rest.first_mut() else {
                return;
            };
            match above.last() {
                None => level.poisson.copy_from(poisson),
                Some(fine) => coarsen(&fine.poisson, fine.joined, &mut level.poisson),
            }
            level
                .inverse
                .par_iter_mut()
                .with_min_len(1 << 13)
                .zip(&level.poisson.diagonal)
                .for_each(|(inverse, &d)| *inverse = if d > 0.0 { 1.0 / d } else { 0.0 });
        }
        if let Some(level) = self.levels.last() {
            pseudo_inverse(&level.poisson, &mut self.coarsest);
        }
    }

    fn cycle(&self, depth: usize, scratch: &mut [Scratch]) {
        let Some((own, rest)) = scratch.split_first_mut() else {
            return;
        };
        let level = &self.levels[depth];
        if rest.is_empty() {
            let count = own.b.len();
            for (row, x) in self.coarsest.chunks_exact(count).zip(&mut own.x) {
                *x = row.iter().zip(&own.b).map(|(a, b)| a * b).sum();
            }
            return;
        }
        level.smooth(own, true);
        let Scratch { x, b, residual, .. } = own;
        level
            .poisson
            .product(x, residual, |cell, ax, r| *r = b[cell] - ax);
        let coarse = &self.levels[depth + 1].poisson;
        restrict(level, coarse, residual, &mut rest[0].b);
        self.cycle(depth + 1, rest);
        prolong(level, coarse, &rest[0].x, &mut own.x);
        level.smooth(own, false);
    }
}

impl Level {
    /// [`SWEEPS`] steps of the Chebyshev iteration (Saad 2003, algorithm 12.1) with the diagonal
    /// as preconditioner, from zero or from `x`.
    fn smooth(&self, scratch: &mut Scratch, from_zero: bool) {
        let Scratch { x, b, step, .. } = scratch;
        let [low, high] = SPECTRUM;
        let (centre, half) = (0.5 * (high + low), 0.5 * (high - low));
        let sigma = centre / half;
        let mut rho = 1.0 / sigma;
        let inverse = &self.inverse;
        if from_zero {
            step.par_iter_mut()
                .with_min_len(1 << 13)
                .zip(&*b)
                .zip(inverse)
                .for_each(|((step, b), inverse)| *step = inverse * b / centre);
            x.copy_from_slice(step);
        } else {
            self.poisson.product(x, step, |cell, ax, step| {
                *step = inverse[cell] * (b[cell] - ax) / centre;
            });
            add(x, step);
        }
        for _ in 1..SWEEPS {
            let next = 1.0 / (2.0 * sigma - rho);
            let (keep, gain) = (next * rho, 2.0 * next / half);
            self.poisson.product(x, step, |cell, ax, step| {
                *step = keep * *step + gain * inverse[cell] * (b[cell] - ax);
            });
            add(x, step);
            rho = next;
        }
    }

    /// Share of the value at cell `at` that comes from the cell `beside` its parent along
    /// `axis`, and which side that is on; 0 without a sibling, whose middle is the parent's.
    #[inline(always)]
    fn beside(
        &self,
        coarse: &Poisson<f32>,
        axis: usize,
        at: usize,
        parent: [usize; 3],
    ) -> (f32, usize) {
        let side = at % 2;
        if !self.joined[axis] || (side == 0 && at + 1 == self.poisson.cells[axis]) {
            return (0.0, side);
        }
        (self.weight(coarse, axis, side, parent), side)
    }

    #[inline(always)]
    fn weight(&self, coarse: &Poisson<f32>, axis: usize, side: usize, parent: [usize; 3]) -> f32 {
        if coarse.neighbour(axis, side, parent).is_none() {
            return 0.0;
        }
        let open = coarse.conductance(axis, side, parent) * self.full_coarse(axis);
        BESIDE * open.min(1.0)
    }

    /// One over the conductance of a fully open face of the next grid.
    #[inline(always)]
    fn full_coarse(&self, axis: usize) -> f32 {
        (0..3).fold(self.full[axis], |full, other| {
            match (self.joined[other], other == axis) {
                (true, true) => 2.0 * full,
                (true, false) => 0.5 * full,
                _ => full,
            }
        })
    }
}

fn add(x: &mut [f32], step: &[f32]) {
    x.par_iter_mut()
        .with_min_len(1 << 13)
        .zip(step)
        .for_each(|(x, step)| *x += step);
}

/// Cells along an axis that become one.
fn parts(joined: bool) -> usize {
    if joined { 2 } else { 1 }
}

/// Writes the matrix of the next grid.
fn coarsen(fine: &Poisson<f32>, joined: [bool; 3], coarse: &mut Poisson<f32>) {
    let parts = joined.map(parts);
    coarse.set(|axis, at| {
        let shape = face_shape(fine.cells, axis);
        // The fine faces that make up this one.
        let range = [0, 1, 2].map(|along| {
            let first = parts[along] * at[along];
            if along == axis {
                let first = first.min(fine.cells[along]);
                first..first + 1
            } else {
                first..(first + parts[along]).min(fine.cells[along])
            }
        });
        let mut sum = 0.0;
        for k in range[2].clone() {
            for j in range[1].clone() {
                for i in range[0].clone() {
                    sum += fine.faces[axis][i + shape[0] * (j + shape[1] * k)];
                }
            }
        }
        sum / parts[axis] as f32
    });
}

/// Adds the interpolated `coarse_x` to `x`.
fn prolong(level: &Level, coarse: &Poisson<f32>, coarse_x: &[f32], x: &mut [f32]) {
    let [nx, ny, _] = level.poisson.cells;
    let [cx, cy, _] = coarse.cells;
    let parts = level.joined.map(parts);
    x.par_chunks_mut(nx)
        .with_min_len(8)
        .enumerate()
        .for_each(|(row, x)| {
            let (j, k) = (row % ny, row / ny);
            let line = cx * (j / parts[1] + cy * (k / parts[2]));
            for (i, x) in x.iter_mut().enumerate() {
                let parent = [i / parts[0], j / parts[1], k / parts[2]];
                let own = coarse_x[parent[0] + line];
                let mut value = own;
                for (axis, at) in [i, j, k].into_iter().enumerate() {
                    let (weight, side) = level.beside(coarse, axis, at, parent);
                    if weight > 0.0
                        && let Some(next) = coarse.neighbour(axis, side, parent)
                    {
                        value += weight * (coarse_x[next] - own);
                    }
                }
                *x += value;
            }
        });
}

/// The transpose of [`prolong`].
fn restrict(level: &Level, coarse: &Poisson<f32>, r: &[f32], coarse_b: &mut [f32]) {
    let [nx, ny, _] = level.poisson.cells;
    let [cx, cy, _] = coarse.cells;
    let cells = level.poisson.cells;
    let parts = level.joined.map(parts);
    let children = |parent: [usize; 3]| {
        [0, 1, 2].map(|axis| {
            let first = parts[axis] * parent[axis];
            first..(first + parts[axis]).min(cells[axis])
        })
    };
    coarse_b
        .par_chunks_mut(cx)
        .with_min_len(4)
        .enumerate()
        .for_each(|(row, out)| {
            for (i, out) in out.iter_mut().enumerate() {
                let parent = [i, row % cy, row / cy];
                let mut sum = 0.0;
                let [xs, ys, zs] = children(parent);
                for z in zs {
                    for y in ys.clone() {
                        for x in xs.clone() {
                            let mut own = 1.0;
                            for (axis, at) in [x, y, z].into_iter().enumerate() {
                                own -= level.beside(coarse, axis, at, parent).0;
                            }
                            sum += own * r[x + nx * (y + ny * z)];
                        }
                    }
                }
                for axis in 0..3 {
                    if !level.joined[axis] {
                        continue;
                    }
                    for side in 0..2 {
                        let weight = level.weight(coarse, axis, side, parent);
                        let next = coarse.neighbour(axis, side, parent);
                        let Some(next) = next.filter(|_| weight > 0.0) else {
                            continue;
                        };
                        let next = [next % cx, next / cx % cy, next / (cx * cy)];
                        let mut range = children(next);
                        // Of the cell below, the upper children are beside this one.
                        let facing = 2 * next[axis] + (1 - side);
                        let lone = side == 1 && facing + 1 == cells[axis];
                        if facing >= cells[axis] || lone {
                            continue;
                        }
                        range[axis] = facing..facing + 1;
                        let [xs, ys, zs] = range;
                        for z in zs {
                            for y in ys.clone() {
                                for x in xs.clone() {
                                    sum += weight * r[x + nx * (y + ny * z)];
                                }
                            }
                        }
                    }
                }
                *out = sum;
            }
        });
}

/// Cells of the coarsest grid, at most: three along each axis.
const COARSEST: usize = 27;

/// Writes the inverse on what the matrix reaches, row by row; constants of closed boxes are left
/// out.
fn pseudo_inverse(poisson: &Poisson<f32>, inverse: &mut Vec<f32>) {
    let count = poisson.diagonal.len();
    let cells = poisson.cells;
    // Of a fixed size, so that it needs no memory; what is beyond the cells stays zero.
    let mut dense = nalgebra::SMatrix::<f64, COARSEST, COARSEST>::zeros();
    for cell in 0..count {
        let at = [
            cell % cells[0],
            cell / cells[0] % cells[1],
            cell / (cells[0] * cells[1]),
        ];
        dense[(cell, cell)] = f64::from(poisson.diagonal[cell]);
        for axis in 0..3 {
            for side in 0..2 {
                if let Some(next) = poisson.neighbour(axis, side, at) {
                    dense[(cell, next)] -= f64::from(poisson.conductance(axis, side, at));
                }
            }
        }
    }
    let eigen = nalgebra::SymmetricEigen::new(dense);
    let largest = eigen.eigenvalues.max();
    // Conductances are single precision.
    let floor = 1e-6 * largest;
    let mut scaled = eigen.eigenvectors;
    for (mut column, &value) in scaled.column_iter_mut().zip(eigen.eigenvalues.iter()) {
        column *= if value > floor { 1.0 / value } else { 0.0 };
    }
    let product = scaled * eigen.eigenvectors.transpose();
    inverse.clear();
    inverse.extend((0..count * count).map(|entry| product[(entry / count, entry % count)] as f32));
}

impl LinearOperator for &Multigrid {
    fn size(&self) -> usize {
        self.levels.first().map_or(0, |level| level.inverse.len())
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        let mut scratch = self.scratch.borrow_mut();
        if let Some(finest) = scratch.first_mut() {
            finest
                .b
                .par_iter_mut()
                .with_min_len(1 << 13)
                .zip(x)
                .for_each(|(b, x)| *b = *x as f32);
        }
        self.cycle(0, &mut scratch);
        if let Some(finest) = scratch.first() {
            out.par_iter_mut()
                .with_min_len(1 << 13)
                .zip(&finest.x)
                .for_each(|(out, x)| *out = f64::from(*x));
        }
    }
}
