//! Diffusion of momentum and of scalars.

use backflow_diff::Real;

use super::{
    field::{Field, Velocity, entries_mut, sum},
    grid::{Grid, Layout},
};

/// The greatest time step (s) that is stable: `dx^2 / (6 D)`.
pub fn stable(grid: &Grid, diffusivity: f64) -> f64 {
    grid.dx * grid.dx / (6.0 * diffusivity)
}

/// The sum of what flows in from the six neighbours, `sum_f c_f (q_nb - q)`.
#[inline(always)]
fn inflow<T: Real>(q: &[T], index: usize, strides: &[usize; 3]) -> T {
    let centre = q[index];
    let mut total = T::zero();
    for stride in strides {
        total += (q[index - stride] - centre) + (q[index + stride] - centre);
    }
    total
}

/// `to = u + nu dt / dx^2 sum (u_nb - u)` for a component of the velocity: an explicit step
/// of `du/dt = nu lap u` (second-order central differences). Ghosts must be filled.
pub fn diffuse<T: Real>(grid: &Grid, u: &Field<T>, nu: T, dt: f64, to: &mut Field<T>) {
    let (strides, factor) = (u.layout.strides(), nu * T::of(dt / (grid.dx * grid.dx)));
    to.set(|_, index| u.data[index] + factor * inflow(&u.data, index, &strides));
}

/// Adds the cotangents of `u`, ghosts included, and returns that of `nu`.
pub fn diffuse_vjp<T: Real>(
    grid: &Grid,
    u: &Field<T>,
    nu: T,
    dt: f64,
    to_bar: &Field<T>,
    u_bar: &mut Field<T>,
) -> f64 {
    let strides = u.layout.strides();
    let unit = T::of(dt / (grid.dx * grid.dx));
    let factor = nu * unit;
    // The stencil is symmetric: an entry, be it a sample or a ghost, gathers from the samples
    // around it.
    let (samples, padded) = (Samples(u.layout), u.layout.padded());
    entries_mut(&u.layout, &mut u_bar.data, |at, index, entry| {
        let own = samples.get(to_bar, index);
        let mut total = T::zero();
        for axis in 0..3 {
            if at[axis] > 0 {
                total += samples.get(to_bar, index - strides[axis]) - own;
            }
            if at[axis] + 1 < padded[axis] {
                total += samples.get(to_bar, index + strides[axis]) - own;
            }
        }
        *entry += own + factor * total;
    });
    sum(&u.layout, |_, index| {
        (to_bar.data[index] * inflow(&u.data, index, &strides) * unit).to_f64()
    })
}

/// A field that is zero at its ghosts.
struct Samples(Layout);

impl Samples {
    #[inline(always)]
    fn get<T: Real>(&self, field: &Field<T>, index: usize) -> T {
        let [x, y, _] = self.0.padded();
        let [nx, ny, nz] = self.0.shape;
        let (i, j, k) = (index % x, index / x % y, index / (x * y));
        if i == 0 || i > nx || j == 0 || j > ny || k == 0 || k > nz {
            T::zero()
        } else {
            field.data[index]
        }
    }
}

/// The entries of the faces below and above a cell along an axis.
#[inline(always)]
fn faces_of(grid: &Grid, layout: &Layout, axis: usize, at: [usize; 3]) -> [usize; 2] {
    let mut above = at;
    above[axis] += 1;
    if grid.periodic[axis] && above[axis] == grid.cells[axis] {
        above[axis] = 0;
    }
    [layout.index(at), layout.index(above)]
}

/// `to = q + D dt / dx^2 sum_f open_f (q_nb - q)` for a scalar: nothing goes through the
/// closed part of a face, so that what is in the gas is kept to round-off. Ghosts must be
/// filled; faces on the sides of the box count as open, their ghosts say what they do.
pub fn diffuse_scalar<T: Real>(
    grid: &Grid,
    q: &Field<T>,
    open: &Velocity<T>,
    diffusivity: T,
    dt: f64,
    to: &mut Field<T>,
) {
    let (strides, factor) = (
        q.layout.strides(),
        diffusivity * T::of(dt / (grid.dx * grid.dx)),
    );
    to.set(|at, index| q.data[index] + factor * flow(grid, q, open, &strides, at, index));
}

/// Whether a face is on a side of the box.
#[inline(always)]
fn on_side(grid: &Grid, axis: usize, at: [usize; 3], side: usize) -> bool {
    !grid.periodic[axis]
        && if side == 0 {
            at[axis] == 0
        } else {
            at[axis] + 1 == grid.cells[axis]
        }
}

#[inline(always)]
fn flow<T: Real>(
    grid: &Grid,
    q: &Field<T>,
    open: &Velocity<T>,
    strides: &[usize; 3],
    at: [usize; 3],
    index: usize,
) -> T {
    let centre = q.data[index];
    let mut total = T::zero();
    for axis in 0..3 {
        let faces = faces_of(grid, &open[axis].layout, axis, at);
        let neighbours = [index - strides[axis], index + strides[axis]];
        for side in 0..2 {
            let share = if on_side(grid, axis, at, side) {
                T::one()
            } else {
                open[axis].data[faces[side]]
            };
            total += share * (q.data[neighbours[side]] - centre);
        }
    }
    total
}

/// Adds the cotangents of `q`, ghosts included, and of the open shares, and returns that of
/// the diffusivity.
pub fn diffuse_scalar_vjp<T: Real>(
    grid: &Grid,
    q: &Field<T>,
    open: &Velocity<T>,
    diffusivity: T,
    dt: f64,
    to_bar: &Field<T>,
    q_bar: &mut Field<T>,
    open_bar: &mut Velocity<T>,
) -> f64 {
    let strides = q.layout.strides();
    let unit = T::of(dt / (grid.dx * grid.dx));
    let factor = diffusivity * unit;
    let [nx, ny, nz] = grid.cells;
    for k in 0..nz {
        for j in 0..ny {
            for i in 0..nx {
                let (at, index) = ([i, j, k], q.layout.index([i, j, k]));
                let bar = to_bar.data[index];
                q_bar.data[index] += bar;
                if bar == T::zero() {
                    continue;
                }
                for axis in 0..3 {
                    let faces = faces_of(grid, &open[axis].layout, axis, at);
                    let neighbours = [index - strides[axis], index + strides[axis]];
                    for side in 0..2 {
                        let (face, neighbour) = (faces[side], neighbours[side]);
                        let share = if on_side(grid, axis, at, side) {
                            T::one()
                        } else {
                            open_bar[axis].data[face] +=
                                factor * bar * (q.data[neighbour] - q.data[index]);
                            open[axis].data[face]
                        };
                        q_bar.data[neighbour] += factor * share * bar;
                        q_bar.data[index] -= factor * share * bar;
                    }
                }
            }
        }
    }
    sum(&q.layout, |at, index| {
        (to_bar.data[index] * flow(grid, q, open, &strides, at, index) * unit).to_f64()
    })
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::gas::testing::{
        assert_close, box_grid, dot, dual, dual_velocity, noise, noise_velocity, tangent,
    };

    #[test]
    fn what_is_in_a_closed_box_is_kept() {
        let grid = box_grid([6, 5, 4], [true; 3]);
        let mut q = noise(1, grid.centres());
        crate::gas::boundary::fill(&mut q, &[[crate::gas::boundary::Ghost::Periodic; 2]; 3]);
        let mut open = noise_velocity(2, &grid);
        for share in &mut open {
            share.update(|_, _, share| *share = share.abs());
        }
        let mut to = Field::zero(grid.centres());
        diffuse_scalar(&grid, &q, &open, 0.3, 0.1 * grid.dx * grid.dx, &mut to);
        let (before, after): (f64, f64) = (q.samples().iter().sum(), to.samples().iter().sum());
        assert!((before - after).abs() < 1e-13);
    }

    #[test]
    fn both_vjps_are_transposes() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([6, 5, 4], periodic);
            let (layout, dt) = (grid.centres(), 0.2 * grid.dx * grid.dx);
            let (q, direction) = (noise(1, layout), noise(2, layout));
            let mut bar = Field::zero(layout);
            bar.set_samples(&noise(3, layout).samples());
            let nu = Dual64::new(0.4, 0.7);
            let mut to = Field::zero(layout);
            diffuse(&grid, &dual(&q, &direction), nu, dt, &mut to);
            let mut q_bar = Field::zero(layout);
            let nu_bar = diffuse_vjp(&grid, &q, 0.4, dt, &bar, &mut q_bar);
            let backward = dot(&direction, &q_bar) + 0.7 * nu_bar;
            assert_close(dot(&tangent(&to), &bar), backward);

            let (open, open_direction) = (noise_velocity(4, &grid), noise_velocity(8, &grid));
            let shares = dual_velocity(&open, &open_direction);
            diffuse_scalar(&grid, &dual(&q, &direction), &shares, nu, dt, &mut to);
            let (mut q_bar, mut open_bar) = (Field::zero(layout), Field::zero_velocity(&grid));
            let nu_bar =
                diffuse_scalar_vjp(&grid, &q, &open, 0.4, dt, &bar, &mut q_bar, &mut open_bar);
            let backward = dot(&direction, &q_bar)
                + 0.7 * nu_bar
                + (0..3)
                    .map(|a| dot(&open_direction[a], &open_bar[a]))
                    .sum::<f64>();
            assert_close(dot(&tangent(&to), &bar), backward);
        }
    }
}
