//! What the gas does to each grain.

use backflow_diff::Real;

use super::grain::{Grain, ghosts, reaches, stencil};
use crate::gas::{
    boundary::{fill, fill_vjp},
    field::{Field, Velocity},
    grid::Grid,
};

/// `v <- v + sum_f w_f pull_f / rho`: each grain gets its share of what the gas does to the faces
/// around it.
pub fn kick<T: Real>(grid: &Grid, pull: &mut Velocity<T>, grains: &mut [Grain<T>]) {
    let (reach, ghosts) = (reaches(grid), ghosts(grid));
    for field in pull.iter_mut() {
        fill(field, &ghosts);
    }
    for grain in grains {
        for axis in 0..3 {
            let value = stencil(grid, &reach[axis], grain).value(&pull[axis].data);
            grain.v[axis] += value / grain.density;
        }
    }
}

/// Adds the cotangents of place and density of the grains for those of their velocities, which
/// do not change, and returns those of the pull; `pull` has its ghosts filled.
pub fn kick_vjp<T: Real>(
    grid: &Grid,
    pull: &Velocity<T>,
    grains: &[Grain<T>],
    grains_bar: &mut [Grain<T>],
) -> Velocity<T> {
    let (reach, ghosts) = (reaches(grid), ghosts(grid));
    let mut pull_bar = Field::zero_velocity(grid);
    for (grain, grain_bar) in grains.iter().zip(grains_bar) {
        for axis in 0..3 {
            let stencil = stencil(grid, &reach[axis], grain);
            let bar = grain_bar.v[axis] / grain.density;
            let data = &pull[axis].data;
            grain_bar.density -= bar * stencil.value(data) / grain.density;
            for (along, slope) in stencil.gradient(data).into_iter().enumerate() {
                grain_bar.x[along] += bar * slope / T::of(grid.dx);
            }
            for (entry, weight) in stencil.entries().into_iter().zip(stencil.weights()) {
                pull_bar[axis].data[entry] += bar * weight;
            }
        }
    }
    for field in &mut pull_bar {
        fill_vjp(field, &ghosts);
    }
    pull_bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::{
        exchange::tests::{directions, dual_grains, product, some, tangents, velocity_dot},
        testing::{assert_close, box_grid, clean_velocity, dual_velocity, noise_velocity},
    };

    #[test]
    fn kick_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([5, 4, 6], periodic);
            let (grains, by, bars) = (some(1, &grid), directions(11), directions(23));
            let [mut pull, steer] = [5, 9].map(|seed| clean_velocity(&noise_velocity(seed, &grid)));
            let mut moved = dual_grains(&grains, &by);
            kick(&grid, &mut dual_velocity(&pull, &steer), &mut moved);
            let forward = product(&tangents(&moved), &bars);

            kick(&grid, &mut pull, &mut grains.clone());
            let mut grains_bar = bars.clone();
            let pull_bar = kick_vjp(&grid, &pull, &grains, &mut grains_bar);
            let backward = product(&by, &grains_bar) + velocity_dot(&steer, &pull_bar);
            assert_close(forward, backward);
        }
    }
}
