//! Cotangents of ghosts go to the samples beside them and to what is at the sides.

use backflow_diff::Real;

use crate::gas::{
    boundary::{Ghosts, fill_vjp},
    model::{Gas, ModelBar},
};

/// Moves the cotangents of the ghosts of a component of the velocity to its samples.
pub(super) fn fold<T: Real>(
    ghosts: &[Ghosts<T>; 3],
    bars: &mut Gas<T>,
    component: usize,
    model_bar: &mut ModelBar,
) {
    let values = fill_vjp(&mut bars.velocity[component], &ghosts[component]);
    add_velocity_values(&values, component, model_bar);
}

pub(super) fn add_velocity_values(
    values: &[[f64; 2]; 3],
    component: usize,
    model_bar: &mut ModelBar,
) {
    for axis in 0..3 {
        for side in 0..2 {
            model_bar.sides[axis][side].velocity[component] += values[axis][side];
        }
    }
}

pub(super) fn add_scalar_values(values: &[[f64; 2]; 3], index: usize, model_bar: &mut ModelBar) {
    for axis in 0..3 {
        for side in 0..2 {
            model_bar.sides[axis][side].scalars[index] += values[axis][side];
        }
    }
}
