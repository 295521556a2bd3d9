//! Grains spread over the faces.

use backflow_diff::Real;

use super::grain::{Grain, ghosts, reaches, stencil};
use crate::gas::{
    boundary::{fill, fill_vjp},
    field::{Field, Velocity},
    grid::Grid,
};

/// What matter takes of every face, before it is bounded: volume over that of a cell (1), and
/// velocity times that (m/s).
#[derive(Debug, Clone, PartialEq)]
pub struct Load<T: Real> {
    /// `alpha = sum w V / dx^3`.
    pub alpha: Velocity<T>,
    /// `sum w V v / dx^3`.
    pub flow: Velocity<T>,
}

/// Spreads grains over the faces around them, by the weights of trilinear interpolation.
pub fn load<T: Real>(grid: &Grid, grains: &[Grain<T>]) -> Load<T> {
    let (reach, cell) = (reaches(grid), T::of(grid.dx.powi(3)));
    let mut load = Load {
        alpha: Field::zero_velocity(grid),
        flow: Field::zero_velocity(grid),
    };
    for grain in grains {
        let share = grain.volume / cell;
        for axis in 0..3 {
            let stencil = stencil(grid, &reach[axis], grain);
            for (entry, weight) in stencil.entries().into_iter().zip(stencil.weights()) {
                let part = weight * share;
                load.alpha[axis].data[entry] += part;
                load.flow[axis].data[entry] += part * grain.v[axis];
            }
        }
    }
    let ghosts = ghosts(grid);
    for field in load.alpha.iter_mut().chain(&mut load.flow) {
        // What falls on ghosts belongs to the samples beside them.
        fill_vjp(field, &ghosts);
    }
    load
}

/// Adds the cotangents of the grains.
pub fn load_vjp<T: Real>(
    grid: &Grid,
    grains: &[Grain<T>],
    bar: &mut Load<T>,
    grains_bar: &mut [Grain<T>],
) {
    let (reach, cell) = (reaches(grid), T::of(grid.dx.powi(3)));
    let ghosts = ghosts(grid);
    for field in bar.alpha.iter_mut().chain(&mut bar.flow) {
        fill(field, &ghosts);
    }
    for (grain, grain_bar) in grains.iter().zip(grains_bar) {
        let share = grain.volume / cell;
        for axis in 0..3 {
            let stencil = stencil(grid, &reach[axis], grain);
            let (alpha, flow) = (&bar.alpha[axis].data, &bar.flow[axis].data);
            let (of_alpha, of_flow) = (stencil.value(alpha), stencil.value(flow));
            grain_bar.volume += (of_alpha + grain.v[axis] * of_flow) / cell;
            grain_bar.v[axis] += share * of_flow;
            let (by_alpha, by_flow) = (stencil.gradient(alpha), stencil.gradient(flow));
            for along in 0..3 {
                let slope = by_alpha[along] + grain.v[axis] * by_flow[along];
                grain_bar.x[along] += share * slope / T::of(grid.dx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::{
        exchange::tests::{directions, dual_grains, product, some, tangent_velocity, velocity_dot},
        testing::{assert_close, box_grid, clean_velocity, noise_velocity},
    };

    #[test]
    fn load_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([5, 4, 6], periodic);
            let (grains, by) = (some(1, &grid), directions(11));
            let moved = load(&grid, &dual_grains(&grains, &by));
            let [alpha, flow] = [5, 9].map(|seed| clean_velocity(&noise_velocity(seed, &grid)));
            let forward = velocity_dot(&tangent_velocity(&moved.alpha), &alpha)
                + velocity_dot(&tangent_velocity(&moved.flow), &flow);
            let mut bar = Load { alpha, flow };
            let mut grains_bar = vec![Grain::zero(); grains.len()];
            load_vjp(&grid, &grains, &mut bar, &mut grains_bar);
            assert_close(forward, product(&by, &grains_bar));
        }
    }
}
