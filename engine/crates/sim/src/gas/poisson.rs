//! The matrix of the pressure: a seven-point stencil whose faces conduct differently.

use backflow_diff::{Real, linear::LinearOperator};
use rayon::prelude::*;

use super::grid::Grid;

/// `(A x)_i = sum_f c_f (x_i - x_nb)` over the six faces of each cell. Behind an open face on a
/// side of the box `x_nb = 0`; the pressure of the surroundings.
#[derive(Debug, Clone, PartialEq)]
pub struct Poisson<S: Real> {
    /// Cells along each axis.
    pub cells: [usize; 3],
    /// Axes along which the box repeats itself.
    pub periodic: [bool; 3],
    /// Conductance of the faces normal to each axis; one more than cells along it, of which on
    /// a periodic axis the last is the first.
    pub faces: [Vec<S>; 3],
    /// Sum of the conductances around each cell; zero where a cell is closed in.
    pub diagonal: Vec<S>,
    /// A row of cells that are not there.
    blank: Vec<S>,
}

/// Rows that a task takes at least.
const ROWS: usize = 16;

/// Faces normal to `axis`, along each axis.
pub fn face_shape(cells: [usize; 3], axis: usize) -> [usize; 3] {
    let mut shape = cells;
    shape[axis] += 1;
    shape
}

impl<S: Real> Poisson<S> {
    /// With all faces closed.
    pub fn closed(cells: [usize; 3], periodic: [bool; 3]) -> Self {
        let faces = |axis| vec![S::zero(); face_shape(cells, axis).iter().product()];
        Self {
            cells,
            periodic,
            faces: [0, 1, 2].map(faces),
            diagonal: vec![S::zero(); cells.iter().product()],
            blank: vec![S::zero(); cells[0]],
        }
    }

    /// From a number for every face, which is given with its axis and place.
    pub fn from_fn(grid: &Grid, conductance: impl Fn(usize, [usize; 3]) -> S + Sync) -> Self {
        let mut poisson = Self::closed(grid.cells, grid.periodic);
        poisson.set(conductance);
        poisson
    }

    /// Sets the conductance of every face, which is given with its axis and place; of the two faces
    /// at the ends of a periodic axis, the first stands for both.
    pub fn set(&mut self, conductance: impl Fn(usize, [usize; 3]) -> S + Sync) {
        for axis in 0..3 {
            let [nx, ny, _] = face_shape(self.cells, axis);
            let last = self.periodic[axis].then_some(self.cells[axis]);
            self.faces[axis]
                .par_chunks_mut(nx)
                .with_min_len(ROWS)
                .enumerate()
                .for_each(|(row, faces)| {
                    for (i, face) in faces.iter_mut().enumerate() {
                        let mut at = [i, row % ny, row / ny];
                        if last == Some(at[axis]) {
                            at[axis] = 0;
                        }
                        *face = conductance(axis, at);
                    }
                });
        }
        self.set_diagonal();
    }

    fn set_diagonal(&mut self) {
        let mut diagonal = std::mem::take(&mut self.diagonal);
        diagonal
            .par_chunks_mut(self.cells[0])
            .with_min_len(ROWS)
            .enumerate()
            .for_each(|(row, entries)| {
                let [left, right] = self.row_faces(0, row);
                let others = [1, 2].map(|axis| self.row_faces(axis, row));
                for (i, entry) in entries.iter_mut().enumerate() {
                    let mut sum = left[i] + right[i];
                    for [below, above] in others {
                        sum += below[i] + above[i];
                    }
                    *entry = sum;
                }
            });
        self.diagonal = diagonal;
    }

    /// The conductances below and above the cells of a row.
    #[inline(always)]
    fn row_faces(&self, axis: usize, row: usize) -> [&[S]; 2] {
        let [nx, ny, _] = self.cells;
        let (j, k) = (row % ny, row / ny);
        let faces = &self.faces[axis];
        let [low, high] = match axis {
            0 => [row * (nx + 1), row * (nx + 1) + 1],
            1 => [nx * (j + (ny + 1) * k), nx * (j + 1 + (ny + 1) * k)],
            _ => [nx * row, nx * (row + ny)],
        };
        [&faces[low..low + nx], &faces[high..high + nx]]
    }

    /// The rows beside a row along y or z.
    #[inline(always)]
    fn row_neighbours<'a>(&'a self, x: &'a [S], axis: usize, row: usize) -> [&'a [S]; 2] {
        let [nx, ny, nz] = self.cells;
        let (at, count, step) = if axis == 1 {
            (row % ny, ny, 1)
        } else {
            (row / ny, nz, ny)
        };
        let of = |row: usize| &x[row * nx..(row + 1) * nx];
        let last = step * (count - 1);
        let below = match (at > 0, self.periodic[axis]) {
            (true, _) => of(row - step),
            (false, true) => of(row + last),
            (false, false) => &self.blank[..],
        };
        let above = match (at + 1 < count, self.periodic[axis]) {
            (true, _) => of(row + step),
            (false, true) => of(row - last),
            (false, false) => &self.blank[..],
        };
        [below, above]
    }

    /// Calls `each` with the number of every cell, `(A x)` there, and its entry of `out`.
    #[inline(always)]
    pub fn product(&self, x: &[S], out: &mut [S], each: impl Fn(usize, S, &mut S) + Sync) {
        let nx = self.cells[0];
        out.par_chunks_mut(nx)
            .with_min_len(ROWS)
            .enumerate()
            .for_each(|(row, out)| {
                let start = row * nx;
                let centre = &x[start..start + nx];
                let diagonal = &self.diagonal[start..start + nx];
                let [left_face, right_face] = self.row_faces(0, row);
                let [[ym, yp], [zm, zp]] = [1, 2].map(|axis| self.row_neighbours(x, axis, row));
                let [[fym, fyp], [fzm, fzp]] = [1, 2].map(|axis| self.row_faces(axis, row));
                let ends = if self.periodic[0] {
                    [centre[nx - 1], centre[0]]
                } else {
                    [S::zero(); 2]
                };
                let at = |i: usize, left: S, right: S| {
                    diagonal[i] * centre[i]
                        - (left_face[i] * left + right_face[i] * right)
                        - (fym[i] * ym[i] + fyp[i] * yp[i])
                        - (fzm[i] * zm[i] + fzp[i] * zp[i])
                };
                let second = if nx > 1 { centre[1] } else { ends[1] };
                each(start, at(0, ends[0], second), &mut out[0]);
                for i in 1..nx.saturating_sub(1) {
                    each(start + i, at(i, centre[i - 1], centre[i + 1]), &mut out[i]);
                }
                if nx > 1 {
                    let i = nx - 1;
                    each(start + i, at(i, centre[i - 1], ends[1]), &mut out[i]);
                }
            });
    }

    /// Overwrites the matrix with one of the same box in another scalar.
    pub fn copy_from<U: Real>(&mut self, other: &Poisson<U>) {
        let each = (self.faces.iter_mut().zip(&other.faces))
            .chain(std::iter::once((&mut self.diagonal, &other.diagonal)));
        for (own, other) in each {
            own.par_iter_mut()
                .with_min_len(1 << 13)
                .zip(other)
                .for_each(|(own, other)| *own = S::of(other.to_f64()));
        }
    }
}

impl LinearOperator for Poisson<f64> {
    fn size(&self) -> usize {
        self.diagonal.len()
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        self.product(x, out, |_, product, out| *out = product);
    }
}

/// The parts of the gas that no open face joins, and of which none opens to the surroundings:
/// there pressure is known up to a constant, and what flows in has to flow out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pockets {
    /// Number of the pocket of every cell, from 1; 0 outside of any.
    of: Vec<u32>,
    /// Cells of each pocket.
    sizes: Vec<usize>,
    /// Memory of the search.
    stack: Vec<usize>,
    members: Vec<usize>,
}

impl Pockets {
    /// Of a matrix.
    pub fn of(poisson: &Poisson<f64>) -> Self {
        let mut pockets = Self::default();
        pockets.find(poisson);
        pockets
    }

    /// Those of another matrix.
    pub fn find(&mut self, poisson: &Poisson<f64>) {
        let Self {
            of,
            sizes,
            stack,
            members,
        } = self;
        let [nx, ny, nz] = poisson.cells;
        of.clear();
        of.resize(nx * ny * nz, u32::MAX);
        sizes.clear();
        for seed in 0..of.len() {
            if of[seed] != u32::MAX {
                continue;
            }
            if poisson.diagonal[seed] == 0.0 {
                of[seed] = 0;
                continue;
            }
            let number = sizes.len() as u32 + 1;
            of[seed] = number;
            stack.push(seed);
            members.clear();
            let mut opens = false;
            while let Some(cell) = stack.pop() {
                members.push(cell);
                let at = [cell % nx, cell / nx % ny, cell / (nx * ny)];
                for axis in 0..3 {
                    for side in 0..2 {
                        if poisson.conductance(axis, side, at) == 0.0 {
                            continue;
                        }
                        match poisson.neighbour(axis, side, at) {
                            None => opens = true,
                            Some(next) => {
                                if of[next] == u32::MAX {
                                    of[next] = number;
                                    stack.push(next);
                                }
                            }
                        }
                    }
                }
            }
            if opens {
                for &cell in &*members {
                    of[cell] = 0;
                }
            } else {
                sizes.push(members.len());
            }
            // A number that opens outwards is given again; its cells are at 0 by then.
        }
    }

    /// Takes the mean of each pocket off, which no pressure can balance, and returns the
    /// largest that was taken; `means` is memory that is kept from call to call.
    pub fn balance(&self, b: &mut [f64], means: &mut Vec<f64>) -> f64 {
        if self.sizes.is_empty() {
            return 0.0;
        }
        means.clear();
        means.resize(self.sizes.len() + 1, 0.0);
        for (pocket, value) in self.of.iter().zip(&*b) {
            means[*pocket as usize] += value;
        }
        means[0] = 0.0;
        for (mean, size) in means[1..].iter_mut().zip(&self.sizes) {
            *mean /= *size as f64;
        }
        let means = &*means;
        b.par_iter_mut()
            .with_min_len(1 << 14)
            .zip(&self.of)
            .for_each(|(value, pocket)| *value -= means[*pocket as usize]);
        means.iter().map(|mean| mean.abs()).fold(0.0, f64::max)
    }
}

impl<S: Real> Poisson<S> {
    /// Conductance of the face below (0) or above (1) a cell.
    pub fn conductance(&self, axis: usize, side: usize, at: [usize; 3]) -> S {
        let [nx, ny, _] = face_shape(self.cells, axis);
        let mut face = at;
        face[axis] += side;
        self.faces[axis][face[0] + nx * (face[1] + ny * face[2])]
    }

    /// The cell below (0) or above (1) a cell; `None` outside of the box.
    pub fn neighbour(&self, axis: usize, side: usize, at: [usize; 3]) -> Option<usize> {
        let count = self.cells[axis];
        let mut next = at;
        next[axis] = match (side, at[axis]) {
            (0, 0) if self.periodic[axis] => count - 1,
            (0, 0) => return None,
            (0, i) => i - 1,
            (_, i) if i + 1 < count => i + 1,
            _ if self.periodic[axis] => 0,
            _ => return None,
        };
        let [nx, ny, _] = self.cells;
        Some(next[0] + nx * (next[1] + ny * next[2]))
    }
}
