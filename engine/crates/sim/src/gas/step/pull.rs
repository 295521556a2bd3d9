//! The adjoint of the stages of a step before the pressure.

use backflow_diff::Real;

use super::{
    Carried, Workspace,
    predict::{copy_all, lifts},
};
use crate::gas::{
    advect::advect_vjp,
    boundary::{Ghosts, fill, fill_vjp},
    buoyancy::buoyancy_vjp,
    confine::confine_vjp,
    diffuse::{diffuse_scalar_vjp, diffuse_vjp},
    field::Field,
    jet::{blow_vjp, mix, mix_vjp},
    model::{Gas, Model, ModelBar, Moment, MomentBar},
    source::{emit_vjp, push_vjp},
};

/// Diffusion of the scalars: leaves the cotangents of the mixed scalars, ghosts included.
pub(super) fn pull_scalars<T: Real>(
    model: &Model<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
    bars: &mut Gas<T>,
    model_bar: &mut ModelBar,
) {
    for (index, species) in model.species.iter().enumerate() {
        let bar = &mut bars.scalars[index];
        let sum = &mut workspace.bars.scalars[index];
        sum.clear();
        match species.diffusivity {
            Some(diffusivity) => {
                model_bar.diffusivities[index] += diffuse_scalar_vjp(
                    &model.grid,
                    &workspace.mixed[index],
                    &workspace.openings.open,
                    diffusivity,
                    dt,
                    bar,
                    sum,
                    &mut workspace.openings_bar.open,
                );
            }
            None => sum.set(|_, entry| bar.data[entry]),
        }
        std::mem::swap(bar, sum);
    }
}

/// Diffusion of momentum and all pushes; leaves the cotangents of what was carried.
pub(super) fn pull_pushes<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
    bars: &mut Gas<T>,
    model_bar: &mut ModelBar,
    moment_bar: &mut MomentBar,
) {
    let grid = &model.grid;
    for (index, (source, pose)) in model.sources.iter().zip(&moment.sources).enumerate() {
        push_vjp(
            grid,
            source,
            pose,
            dt,
            &bars.velocity,
            &mut moment_bar.sources[index],
        );
    }
    for (index, (jet, (pose, what))) in model.jets.iter().zip(&moment.jets).enumerate() {
        blow_vjp(
            grid,
            jet,
            pose,
            what,
            dt,
            &bars.velocity,
            &mut moment_bar.jets[index],
        );
    }
    model_bar.gravity += buoyancy_vjp(
        grid,
        &model.gravity,
        &lifts(model),
        &workspace.mixed,
        dt,
        &bars.velocity,
        &mut bars.scalars,
        &mut model_bar.lifts,
    );
    if let (Some(strength), Some(scratch)) = (model.confinement, &mut workspace.confine) {
        for (u, ghosts) in workspace.carried.iter_mut().zip(&workspace.velocity_ghosts) {
            fill(u, ghosts);
        }
        model_bar.confinement += confine_vjp(
            grid,
            strength,
            dt,
            &workspace.smeared,
            &mut bars.velocity,
            scratch,
        );
        for axis in 0..3 {
            fold(&workspace.velocity_ghosts, bars, axis, model_bar);
        }
    }
    if let Some(viscosity) = model.viscosity {
        for axis in 0..3 {
            let sum = &mut workspace.bars.velocity[axis];
            sum.clear();
            let (from, bar) = (&workspace.carried[axis], &mut bars.velocity[axis]);
            model_bar.viscosity += diffuse_vjp(grid, from, viscosity, dt, bar, sum);
            std::mem::swap(bar, sum);
            fold(&workspace.velocity_ghosts, bars, axis, model_bar);
        }
    }
    for (index, ghosts) in workspace.scalar_ghosts.iter().enumerate() {
        let values = fill_vjp(&mut bars.scalars[index], ghosts);
        add_scalar_values(&values, index, model_bar);
    }
    for (index, (source, pose)) in model.sources.iter().zip(&moment.sources).enumerate() {
        emit_vjp(
            grid,
            source,
            pose,
            dt,
            &bars.scalars,
            &mut moment_bar.sources[index],
        );
    }
    // Each jet mixes what the jets before it have left.
    for (index, (jet, (pose, what))) in model.jets.iter().zip(&moment.jets).enumerate().rev() {
        copy_all(&workspace.carried_scalars, &mut workspace.mixed);
        for (jet, (pose, what)) in model.jets[..index].iter().zip(&moment.jets) {
            mix(grid, jet, pose, what, dt, &mut workspace.mixed);
        }
        let (before, bar) = (&workspace.mixed, &mut moment_bar.jets[index]);
        mix_vjp(grid, jet, pose, what, dt, before, &mut bars.scalars, bar);
    }
}

/// The transport: leaves the cotangents of the gas before the step; adds those of the velocity
/// that was carried, if that was another one.
pub(super) fn pull_transport<T: Real>(
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
        advect,
        spread,
        bars: sums,
        ..
    } = workspace;
    for field in sums.velocity.iter_mut().chain(&mut sums.scalars) {
        field.clear();
    }
    let mut values = [[[0.0; 2]; 3]; 3];
    for axis in 0..3 {
        // The component is carried and carries: its cotangents are added up apart.
        let mut own = Field::zero(gas.velocity[axis].layout);
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
            std::slice::from_mut(&mut own),
            &mut values[axis..=axis],
            advect,
            spread,
        );
        match &mut carried {
            Some(carried) => {
                let values = fill_vjp(&mut own, &velocity_ghosts[axis]);
                add_velocity_values(&values, axis, model_bar);
                carried.bar[axis].add(&own);
            }
            None => sums.velocity[axis].add(&own),
        }
    }
    let mut scalar_values = vec![[[0.0; 2]; 3]; gas.scalars.len()];
    advect_vjp(
        grid,
        scheme,
        &gas.velocity,
        &gas.scalars,
        scalar_ghosts,
        dt,
        &bars.scalars,
        &mut sums.velocity,
        &mut sums.scalars,
        &mut scalar_values,
        advect,
        spread,
    );
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

/// Moves the cotangents of the ghosts of a component of the velocity to its samples.
fn fold<T: Real>(
    ghosts: &[Ghosts<T>; 3],
    bars: &mut Gas<T>,
    component: usize,
    model_bar: &mut ModelBar,
) {
    let values = fill_vjp(&mut bars.velocity[component], &ghosts[component]);
    add_velocity_values(&values, component, model_bar);
}

fn add_velocity_values(values: &[[f64; 2]; 3], component: usize, model_bar: &mut ModelBar) {
    for axis in 0..3 {
        for side in 0..2 {
            model_bar.sides[axis][side].velocity[component] += values[axis][side];
        }
    }
}

fn add_scalar_values(values: &[[f64; 2]; 3], index: usize, model_bar: &mut ModelBar) {
    for axis in 0..3 {
        for side in 0..2 {
            model_bar.sides[axis][side].scalars[index] += values[axis][side];
        }
    }
}
