//! Momentum: smeared by viscosity, pushed by all that acts on the gas.

use backflow_diff::Real;

use super::{Workspace, copy_all, ghosts::fold};
use crate::gas::{
    boundary::fill,
    buoyancy::{Lift, buoyancy, buoyancy_vjp},
    confine::{confine, confine_vjp},
    diffuse::{diffuse, diffuse_vjp},
    jet::{blow, blow_vjp},
    model::{Gas, Model, ModelBar, Moment, MomentBar},
    source::{push, push_vjp},
};

/// Writes the velocity after viscosity, vorticity confinement, buoyancy, jets and sources from that
/// which was carried.
pub(super) fn pushes<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
) {
    let (grid, ghosts) = (&model.grid, &workspace.velocity_ghosts);
    match model.viscosity {
        Some(viscosity) => {
            for axis in 0..3 {
                fill(&mut workspace.carried[axis], &ghosts[axis]);
                let (from, to) = (&workspace.carried[axis], &mut workspace.smeared[axis]);
                diffuse(grid, from, viscosity, dt, to);
            }
        }
        None => copy_all(&workspace.carried, &mut workspace.smeared),
    }
    if model.confinement.is_some() {
        for (u, ghosts) in workspace.smeared.iter_mut().zip(ghosts) {
            fill(u, ghosts);
        }
    }
    let pushed = &mut workspace.pushed;
    copy_all(&workspace.smeared, pushed);
    if let (Some(strength), Some(scratch)) = (model.confinement, &mut workspace.confine) {
        confine(grid, strength, dt, pushed, scratch);
    }
    buoyancy(&model.gravity, lifts(model), &workspace.mixed, dt, pushed);
    for (jet, (pose, what)) in model.jets.iter().zip(&moment.jets) {
        blow(grid, jet, pose, what, dt, pushed);
    }
    for (source, pose) in model.sources.iter().zip(&moment.sources) {
        push(grid, source, pose, dt, pushed);
    }
}

/// Changes the cotangents of the pushed velocity to those of the carried one, adds those of the
/// mixed scalars and of all that acted.
pub(super) fn pushes_vjp<T: Real>(
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
        lifts(model),
        &workspace.mixed,
        dt,
        &bars.velocity,
        &mut bars.scalars,
        &mut model_bar.lifts,
    );
    if let (Some(strength), Some(scratch)) = (model.confinement, &mut workspace.confine) {
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
}

fn lifts<T: Real>(model: &Model<T>) -> impl Iterator<Item = Lift<T>> + Clone {
    model.species.iter().map(|species| species.lift)
}
