//! All that the gas has, carried along the flow.

use backflow_diff::Real;

use super::{
    Workspace,
    ghosts::{add_scalar_values, add_velocity_values, fold},
    mirror::Carried,
};
use crate::gas::{
    advect::{advect, advect_vjp},
    boundary::{Ghosts, fill, fill_vjp},
    calm::{calm, calm_vjp},
    field::Velocity,
    flux::{carry, carry_vjp},
    model::{Gas, Model, ModelBar},
};

/// Writes what is carried along `gas`, whose ghosts are filled on the way, as are those of
/// `carried`: the velocity that is carried along that of the gas, if it is another one.
pub(super) fn transport<T: Real>(
    model: &Model<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
    gas: &mut Gas<T>,
    mut carried: Option<&mut Velocity<T>>,
) {
    let (grid, scheme) = (&model.grid, model.method.scheme);
    fill_velocity(&mut gas.velocity, &workspace.velocity_ghosts);
    for (scalar, ghosts) in gas.scalars.iter_mut().zip(&workspace.scalar_ghosts) {
        fill(scalar, ghosts);
    }
    if let Some(carried) = &mut carried {
        fill_velocity(carried, &workspace.velocity_ghosts);
    }
    let velocity = &gas.velocity;
    let carried = carried.as_deref().unwrap_or(velocity);
    for axis in 0..3 {
        let (from, to) = (&carried[axis..=axis], &mut workspace.carried[axis..=axis]);
        let ghosts = &workspace.velocity_ghosts[axis..=axis];
        let scratch = &mut workspace.advect;
        advect(grid, scheme, velocity, from, ghosts, dt, to, scratch);
    }
    calm(grid, &model.sides, velocity, dt, &mut workspace.carried);
    let (from, to) = (&gas.scalars, &mut workspace.carried_scalars);
    match &mut workspace.flux {
        Some(scratch) => carry(
            grid,
            velocity,
            from,
            &workspace.scalar_ghosts,
            dt,
            to,
            scratch,
        ),
        None => {
            let (ghosts, scratch) = (&workspace.carried_ghosts, &mut workspace.advect);
            advect(grid, scheme, velocity, from, ghosts, dt, to, scratch);
        }
    }
}

fn fill_velocity<T: Real>(velocity: &mut Velocity<T>, ghosts: &[Ghosts<T>; 3]) {
    for (u, ghosts) in velocity.iter_mut().zip(ghosts) {
        fill(u, ghosts);
    }
}

/// Leaves the cotangents of the gas before the step; adds those of the velocity
/// that was carried, if that was another one.
pub(super) fn transport_vjp<T: Real>(
    model: &Model<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
    gas: &Gas<T>,
    mut carried: Option<&mut Carried<T>>,
    bars: &mut Gas<T>,
    model_bar: &mut ModelBar,
) {
    let (grid, scheme) = (&model.grid, model.method.scheme);
    let Workspace {
        velocity_ghosts,
        scalar_ghosts,
        carried_ghosts,
        carried: calmed,
        advect,
        flux,
        spread,
        bars: sums,
        own_bar,
        side_bars: scalar_values,
        ..
    } = workspace;
    for field in sums.velocity.iter_mut().chain(&mut sums.scalars) {
        field.clear();
    }
    calm_vjp(
        grid,
        &model.sides,
        &gas.velocity,
        dt,
        calmed,
        &mut bars.velocity,
        &mut sums.velocity,
    );
    let mut values = [[[0.0; 2]; 3]; 3];
    for axis in 0..3 {
        // The component is carried and carries: its cotangents are added up apart.
        let own = &mut own_bar[axis];
        own.clear();
        let from = carried.as_ref().map_or(&gas.velocity, |own| &own.velocity);
        advect_vjp(
            grid,
            scheme,
            &gas.velocity,
            &from[axis..=axis],
            &velocity_ghosts[axis..=axis],
            dt,
            &bars.velocity[axis..=axis],
            &mut sums.velocity,
            std::slice::from_mut(&mut *own),
            &mut values[axis..=axis],
            advect,
            spread,
        );
        match &mut carried {
            Some(carried) => {
                let values = fill_vjp(own, &velocity_ghosts[axis]);
                add_velocity_values(&values, axis, model_bar);
                carried.bar[axis].add(own);
            }
            None => sums.velocity[axis].add(own),
        }
    }
    scalar_values.fill([[0.0; 2]; 3]);
    match flux {
        Some(flux) => carry_vjp(
            grid,
            &gas.velocity,
            &gas.scalars,
            scalar_ghosts,
            dt,
            &bars.scalars,
            &mut sums.velocity,
            &mut sums.scalars,
            scalar_values,
            flux,
            spread,
        ),
        None => advect_vjp(
            grid,
            scheme,
            &gas.velocity,
            &gas.scalars,
            carried_ghosts,
            dt,
            &bars.scalars,
            &mut sums.velocity,
            &mut sums.scalars,
            scalar_values,
            advect,
            spread,
        ),
    }
    std::mem::swap(&mut bars.velocity, &mut sums.velocity);
    std::mem::swap(&mut bars.scalars, &mut sums.scalars);
    for axis in 0..3 {
        add_velocity_values(&values[axis], axis, model_bar);
        fold(velocity_ghosts, bars, axis, model_bar);
    }
    for (index, ghosts) in scalar_ghosts.iter().enumerate() {
        add_scalar_values(&scalar_values[index], index, model_bar);
        let values = fill_vjp(&mut bars.scalars[index], ghosts);
        add_scalar_values(&values, index, model_bar);
    }
}
