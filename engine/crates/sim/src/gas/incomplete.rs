//! Modified incomplete Cholesky factors as preconditioner of the pressure.

use std::{array, cell::RefCell};

use backflow_diff::linear::LinearOperator;

use super::poisson::Poisson;

/// MIC(1): factors `L D L^T` of the matrix on its own pattern and on the fill of its first level
/// (Saad 2003, section 10.3.3), with most of what is dropped added to the diagonal (Gustafsson
/// 1978; Bridson 2015, section 5.5). Faces that join the two ends of a periodic axis are left out.
#[derive(Debug)]
pub struct Incomplete {
    /// Of every cell, the entries of its column of `L` at the cells of [`PATTERN`].
    below: Vec<[f64; ENTRIES]>,
    /// One over `D`; zero where a cell is closed in.
    inverse: Vec<f64>,
    strides: [usize; ENTRIES],
    middle: RefCell<Vec<f64>>,
}

/// Entries below the diagonal.
const ENTRIES: usize = 6;

/// From a cell to those that its column reaches, in their order: the next along each axis, and the
/// pairs of those that elimination of a cell before both has joined.
const PATTERN: [[isize; 3]; ENTRIES] = [
    [1, 0, 0],
    [-1, 1, 0],
    [0, 1, 0],
    [0, -1, 1],
    [-1, 0, 1],
    [0, 0, 1],
];

/// Where the pattern has the next cell along each axis.
const NEXT: [usize; 3] = [0, 2, 5];

/// Share of the dropped fill that does not go to the diagonal, times the square of the cells along
/// the longest edge (1). With none kept back the last pivots vanish; what is kept back has to fall
/// with the square of the cell for iterations to grow as the root of the edge only (Gustafsson 1978).
/// Around a ball, 20 to 40 take the fewest iterations with 64 cells an edge, and 33 fewer than 82
/// with 128.
const KEPT_BACK: f64 = 30.0;

/// Share of the diagonal below which a pivot is replaced by it (1).
const SAFE: f64 = 0.01;

/// The entry that joins two cells of the pattern.
fn joined(a: usize, b: usize) -> Option<usize> {
    let apart: [isize; 3] = array::from_fn(|axis| PATTERN[b][axis] - PATTERN[a][axis]);
    PATTERN.iter().position(|step| *step == apart)
}

impl Incomplete {
    /// The factor of a matrix.
    pub fn new(poisson: &Poisson<f64>) -> Self {
        let [nx, ny, _] = poisson.cells;
        let count = poisson.diagonal.len();
        let mut factors = Self {
            below: vec![[0.0; ENTRIES]; count],
            inverse: vec![0.0; count],
            strides: PATTERN.map(|[x, y, z]| {
                let rows = y + ny as isize * z;
                (x + nx as isize * rows).unsigned_abs()
            }),
            middle: RefCell::new(vec![0.0; count]),
        };
        factors.set(poisson);
        factors
    }

    /// Makes it that of another matrix of the same box.
    pub fn set(&mut self, poisson: &Poisson<f64>) {
        let [nx, ny, nz] = poisson.cells;
        let edge = nx.max(ny).max(nz) as f64;
        let modified = (1.0 - KEPT_BACK / (edge * edge)).max(0.0);
        let joins: [[Option<usize>; ENTRIES]; ENTRIES] =
            array::from_fn(|a| array::from_fn(|b| joined(a, b)));
        let Self {
            below,
            inverse: pivots,
            strides,
            ..
        } = self;
        pivots.copy_from_slice(&poisson.diagonal);
        for (cell, entries) in below.iter_mut().enumerate() {
            let at = [cell % nx, cell / nx % ny, cell / (nx * ny)];
            *entries = [0.0; ENTRIES];
            for (axis, entry) in NEXT.into_iter().enumerate() {
                if at[axis] + 1 < poisson.cells[axis] {
                    entries[entry] = -poisson.conductance(axis, 1, at);
                }
            }
        }
        for cell in 0..pivots.len() {
            let diagonal = poisson.diagonal[cell];
            if diagonal == 0.0 {
                continue;
            }
            if pivots[cell] < SAFE * diagonal {
                pivots[cell] = diagonal;
            }
            let column = below[cell];
            let factor = column.map(|entry| entry / pivots[cell]);
            for a in (0..ENTRIES).filter(|a| column[*a] != 0.0) {
                let first = cell + strides[a];
                pivots[first] -= factor[a] * column[a];
                for b in (a + 1..ENTRIES).filter(|b| column[*b] != 0.0) {
                    let fill = factor[a] * column[b];
                    match joins[a][b] {
                        Some(entry) => below[first][entry] -= fill,
                        None => {
                            pivots[first] -= modified * fill;
                            pivots[cell + strides[b]] -= modified * fill;
                        }
                    }
                }
            }
            below[cell] = factor;
        }
        for (pivot, &diagonal) in pivots.iter_mut().zip(&poisson.diagonal) {
            *pivot = if diagonal == 0.0 { 0.0 } else { 1.0 / *pivot };
        }
    }
}

impl LinearOperator for &Incomplete {
    fn size(&self) -> usize {
        self.inverse.len()
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        let mut middle = self.middle.borrow_mut();
        middle.copy_from_slice(x);
        for (cell, column) in self.below.iter().enumerate() {
            let own = middle[cell];
            for (entry, stride) in column.iter().zip(self.strides) {
                if *entry != 0.0 {
                    middle[cell + stride] -= entry * own;
                }
            }
        }
        for (cell, column) in self.below.iter().enumerate().rev() {
            let mut sum = middle[cell] * self.inverse[cell];
            for (entry, stride) in column.iter().zip(self.strides) {
                if *entry != 0.0 {
                    sum -= entry * out[cell + stride];
                }
            }
            out[cell] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::{grid::Grid, testing::box_grid};

    /// `M^-1` of a box whose sides are open, of which the matrix is regular.
    fn factors(cells: [usize; 3]) -> (Poisson<f64>, Incomplete) {
        let grid: Grid = box_grid(cells, [false; 3]);
        let poisson = Poisson::from_fn(&grid, |axis, at| {
            0.4 + 0.1 * ((axis + 2 * at[0] + 3 * at[1] + at[2]) % 7) as f64
        });
        let factors = Incomplete::new(&poisson);
        (poisson, factors)
    }

    #[test]
    fn what_needs_no_more_fill_is_solved_exactly() {
        // A line of cells, and two of them side by side.
        for cells in [[9, 1, 1], [2, 7, 1]] {
            let (poisson, factors) = factors(cells);
            let x: Vec<f64> = (0..poisson.diagonal.len())
                .map(|i| (i as f64).sin())
                .collect();
            let (mut b, mut found) = (x.clone(), x.clone());
            poisson.apply(&x, &mut b);
            (&factors).apply(&b, &mut found);
            for (x, found) in x.iter().zip(&found) {
                assert!((x - found).abs() <= 1e-12, "{x} {found}");
            }
        }
    }

    #[test]
    fn the_factors_are_symmetric() {
        let (poisson, factors) = factors([5, 4, 6]);
        let count = poisson.diagonal.len();
        let [x, y] = [1.3, 2.9].map(|by| {
            (0..count)
                .map(|i| (by * i as f64).sin())
                .collect::<Vec<f64>>()
        });
        let through = |x: &[f64], y: &[f64]| -> f64 {
            let mut out = vec![0.0; count];
            (&factors).apply(x, &mut out);
            out.iter().zip(y).map(|(a, b)| a * b).sum()
        };
        let (a, b) = (through(&x, &y), through(&y, &x));
        assert!((a - b).abs() <= 1e-12 * through(&x, &x), "{a} {b}");
    }
}
