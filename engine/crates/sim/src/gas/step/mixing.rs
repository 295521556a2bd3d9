//! Scalars: mixed by jets, let out by sources, smeared by diffusion.

use backflow_diff::Real;

use super::{Workspace, copy_all, ghosts::add_scalar_values};
use crate::gas::{
    boundary::{fill, fill_vjp},
    diffuse::{diffuse_scalar, diffuse_scalar_vjp},
    jet::{mix, mix_vjp},
    model::{Gas, Model, ModelBar, Moment, MomentBar},
    source::{emit, emit_vjp},
};

/// Writes the mixed scalars, ghosts included, from those that were carried.
pub(super) fn mixing<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
) {
    let (grid, mixed) = (&model.grid, &mut workspace.mixed);
    copy_all(&workspace.carried_scalars, mixed);
    for (jet, (pose, what)) in model.jets.iter().zip(&moment.jets) {
        mix(grid, jet, pose, what, dt, mixed);
    }
    for (source, pose) in model.sources.iter().zip(&moment.sources) {
        emit(grid, source, pose, dt, mixed);
    }
    for (scalar, ghosts) in mixed.iter_mut().zip(&workspace.scalar_ghosts) {
        fill(scalar, ghosts);
    }
}

/// Changes the cotangents of the mixed scalars, ghosts included, to those of the carried ones, and
/// adds those of jets, sources and sides.
pub(super) fn mixing_vjp<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
    bars: &mut Gas<T>,
    model_bar: &mut ModelBar,
    moment_bar: &mut MomentBar,
) {
    let grid = &model.grid;
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

/// Writes the scalars of the gas after diffusion.
pub(super) fn diffusion<T: Real>(
    model: &Model<T>,
    dt: f64,
    workspace: &Workspace<T>,
    gas: &mut Gas<T>,
) {
    let (grid, open) = (&model.grid, &workspace.openings.open);
    for (index, species) in model.species.iter().enumerate() {
        let (from, to) = (&workspace.mixed[index], &mut gas.scalars[index]);
        match species.diffusivity {
            Some(diffusivity) => diffuse_scalar(grid, from, open, diffusivity, dt, to),
            None => to.copy_from(from),
        }
    }
}

/// Changes the cotangents of the scalars to those of the mixed ones, ghosts included.
pub(super) fn diffusion_vjp<T: Real>(
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
