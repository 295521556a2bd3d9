//! What flows into cells, and how pressures differ across faces: each is the other's transpose.

use backflow_diff::Real;
use rayon::prelude::*;

use super::{
    field::{Field, Velocity},
    grid::Grid,
    occupied::Occupied,
    pressure::face_cells,
};

/// What flows into each cell more than out of it, by `dx`: `b = -sum (+-) (s u + m)`.
pub fn inflow<T: Real>(grid: &Grid, u: &Velocity<T>, occupied: Option<&Occupied<T>>) -> Vec<T> {
    let mut b = Vec::new();
    inflow_into(grid, u, occupied, &mut b);
    b
}

/// Overwrites `b` with [`inflow`].
pub(super) fn inflow_into<T: Real>(
    grid: &Grid,
    u: &Velocity<T>,
    occupied: Option<&Occupied<T>>,
    b: &mut Vec<T>,
) {
    let [nx, ny, _] = grid.cells;
    let through = |axis: usize, at: [usize; 3]| {
        let mut face = at;
        if grid.periodic[axis] && face[axis] == grid.cells[axis] {
            face[axis] = 0;
        }
        let index = u[axis].layout.index(face);
        let u = u[axis].data[index];
        occupied.map_or(u, |occupied| {
            occupied.share[axis].data[index] * u + occupied.carried[axis].data[index]
        })
    };
    b.resize(grid.count(), T::zero());
    b.par_chunks_mut(nx)
        .with_min_len(16)
        .enumerate()
        .for_each(|(row, b)| {
            for (i, b) in b.iter_mut().enumerate() {
                let at = [i, row % ny, row / ny];
                *b = T::zero();
                for axis in 0..3 {
                    let mut above = at;
                    above[axis] += 1;
                    *b += through(axis, at) - through(axis, above);
                }
            }
        });
}

/// `p_j - p_i` across a face.
#[inline(always)]
pub(super) fn drop_of<S: Real>(grid: &Grid, p: &[S], axis: usize, at: [usize; 3]) -> S {
    let [below, above] = face_cells(grid.cells, grid.periodic, axis, at);
    let of = |cell: Option<usize>| cell.map_or(S::zero(), |cell| p[cell]);
    of(above) - of(below)
}

/// `(p_j - p_i)` of every face normal to each axis (m/s): what the pressure took off the
/// velocity of fully open faces. Of closed faces it means nothing.
pub fn drops<T: Real>(grid: &Grid, p: &[f64]) -> Velocity<T> {
    [0, 1, 2].map(|axis| {
        let mut field = Field::zero(grid.faces()[axis]);
        field.set(|at, _| T::of(drop_of(grid, p, axis, at)));
        field
    })
}

/// The cotangents of `p` for those of [`drops`].
pub fn drops_vjp<T: Real>(grid: &Grid, bar: &Velocity<T>) -> Vec<f64> {
    inflow(grid, bar, None)
        .iter()
        .map(|bar| bar.to_f64())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::testing::{assert_close, box_grid, clean_velocity, dot, noise, noise_velocity};

    #[test]
    fn drops_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([5, 4, 6], periodic);
            let p = noise(3, grid.centres()).samples();
            let bar = clean_velocity(&noise_velocity(5, &grid));
            let of_p = drops::<f64>(&grid, &p);
            let forward: f64 = (0..3).map(|axis| dot(&of_p[axis], &bar[axis])).sum();
            let p_bar = drops_vjp(&grid, &bar);
            let backward = p.iter().zip(&p_bar).map(|(p, bar)| p * bar).sum();
            assert_close(forward, backward);
        }
    }
}
