//! One step of the gas: carried along, mixed, pushed, smeared, held by solids, made
//! incompressible again.

mod ghosts;
mod mirror;
mod mixing;
mod pushes;
#[cfg(test)]
mod tests;
mod transport;
mod workspace;

use backflow_diff::Real;

use self::{
    mirror::Carried,
    mixing::{diffusion, diffusion_vjp, mixing, mixing_vjp},
    pushes::{pushes, pushes_vjp},
    transport::{transport, transport_vjp},
};
use super::{
    drag::{Matter, MatterBar, drag, drag_vjp},
    field::{Field, Velocity},
    model::{Gas, Model, ModelBar, Moment, MomentBar, Splitting},
    opening::{hold, hold_vjp, openings_vjp},
    project::{project, project_vjp},
    projector::{PressureError, Projected},
};

pub use self::workspace::Workspace;

/// `gas` after `dt` seconds more. In this order: carried along its own velocity; mixed by jets
/// and sources; diffused; pushed by vorticity confinement, buoyancy, jets and sources; dragged by
/// matter and held by solids; made incompressible (Stam 1999, with the forces after the transport,
/// so that the velocity that carries is free of divergence, and last, so that pressure balances
/// a push that is a gradient to round-off).
///
/// With [`Splitting::Reflected`] it goes so through half of the time, the velocity is mirrored at
/// what the pressure left of it, and the mirrored one is carried along the other through the
/// second half (Zehnder, Narain & Thomaszewski 2018, algorithm 1): with `P` the projection and
/// `A(v; u)` what becomes of `v` along `u` in half a step, `w = A(u; u)`, `h = P w`,
/// `u' = P A(2 h - w; h)`. What the pressure takes away in the first half is given back with the
/// other sign, so that it is not lost to the second order.
///
/// # Errors
/// The pressure is not found.
pub fn step<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    matter: Option<&Matter<T>>,
    gas: &mut Gas<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
) -> Result<Projected, PressureError> {
    match model.method.splitting {
        Splitting::Projected => advance(model, moment, matter, gas, None, dt, workspace),
        Splitting::Reflected => {
            let dt = 0.5 * dt;
            let first = advance(model, moment, matter, gas, None, dt, workspace)?;
            let mut mirrored = mirrored(model, workspace, &gas.velocity);
            let carried = Some(&mut mirrored.velocity);
            let second = advance(model, moment, matter, gas, carried, dt, workspace)?;
            workspace.mirrored = Some(mirrored);
            Ok(Projected {
                iterations: first.iterations + second.iterations,
                residual: first.residual.max(second.residual),
                unbalanced: first.unbalanced.max(second.unbalanced),
            })
        }
    }
}

/// `2 h - w` of what the pressure left and what it found, in the memory of the workspace, which is
/// to have it back.
fn mirrored<T: Real>(
    model: &Model<T>,
    workspace: &mut Workspace<T>,
    h: &Velocity<T>,
) -> Carried<T> {
    let memory = workspace.mirrored.take();
    let mut mirrored = memory.unwrap_or_else(|| Carried::new(&model.grid));
    mirrored.mirror(h, &workspace.held);
    mirrored
}

/// A copy of a gas in memory that was kept for it.
fn copied<T: Real>(memory: &mut Option<Gas<T>>, gas: &Gas<T>) -> Gas<T> {
    match memory.take() {
        Some(mut copy) => {
            copy.clone_from(gas);
            copy
        }
        None => gas.clone(),
    }
}

/// Changes `bars` from the cotangents of the gas after [`step`] to those before, and adds those
/// of all that acted; `gas` is that before. What reads the gas after drag, the openings or the
/// pressure reads those of the second half, where there are two.
///
/// # Errors
/// The pressure is not found, or its adjoint.
pub fn step_vjp<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    matter: Option<&Matter<T>>,
    gas: &mut Gas<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
    bars: &mut Gas<T>,
    model_bar: &mut ModelBar,
    moment_bar: &mut MomentBar,
    mut matter_bar: Option<&mut MatterBar<T>>,
) -> Result<Projected, PressureError> {
    let mut whole = Whole {
        model,
        moment,
        matter,
        workspace,
        bars,
        model_bar,
        moment_bar,
    };
    match model.method.splitting {
        Splitting::Projected => whole.advance_vjp(gas, None, dt, matter_bar, None),
        Splitting::Reflected => {
            let dt = 0.5 * dt;
            let mut half = copied(&mut whole.workspace.half, gas);
            advance(model, moment, matter, &mut half, None, dt, whole.workspace)?;
            let mut carried = mirrored(model, whole.workspace, &half.velocity);
            let ends = Some(&mut carried);
            whole.advance_vjp(&mut half, ends, dt, matter_bar.as_deref_mut(), None)?;
            whole.workspace.half = Some(half);
            if let Some(bar) = matter_bar.as_deref_mut() {
                // These were of the second half.
                let faces = bar.dragged.iter_mut().chain(&mut bar.open);
                faces.for_each(Field::clear);
                bar.pressure.fill(0.0);
            }
            carried.mirror_vjp(&mut whole.bars.velocity);
            let projected = whole.advance_vjp(gas, None, dt, matter_bar, Some(&carried.bar))?;
            whole.workspace.mirrored = Some(carried);
            Ok(projected)
        }
    }
}

/// One pass through all stages for `dt` seconds; the velocity of the gas carries `carried`, or
/// itself.
fn advance<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    matter: Option<&Matter<T>>,
    gas: &mut Gas<T>,
    carried: Option<&mut Velocity<T>>,
    dt: f64,
    workspace: &mut Workspace<T>,
) -> Result<Projected, PressureError> {
    predict(model, moment, matter, gas, carried, dt, workspace);
    diffusion(model, dt, workspace, gas);
    copy_all(&workspace.held, &mut gas.velocity);
    pressure(workspace, matter, gas)
}

/// The stages up to the pressure, from `gas` and, if another velocity is carried than its own,
/// `carried`; fills the ghosts of both.
fn predict<T: Real>(
    model: &Model<T>,
    moment: &Moment<T>,
    matter: Option<&Matter<T>>,
    gas: &mut Gas<T>,
    carried: Option<&mut Velocity<T>>,
    dt: f64,
    workspace: &mut Workspace<T>,
) {
    workspace.prepare(model, moment, matter);
    transport(model, dt, workspace, gas, carried);
    mixing(model, moment, dt, workspace);
    pushes(model, moment, dt, workspace);
    copy_all(&workspace.pushed, &mut workspace.held);
    if let Some(matter) = matter {
        drag(matter, dt, &mut workspace.held);
        copy_all(&workspace.held, &mut workspace.dragged);
    }
    hold(&workspace.openings, &mut workspace.held);
}

fn pressure<T: Real>(
    workspace: &mut Workspace<T>,
    matter: Option<&Matter<T>>,
    gas: &mut Gas<T>,
) -> Result<Projected, PressureError> {
    match &workspace.projector {
        Some((_, projector)) => project(
            projector,
            &workspace.openings,
            matter.map(|matter| &matter.occupied),
            &mut gas.velocity,
            &mut gas.pressure,
            &mut workspace.project,
        ),
        None => Ok(Projected::default()),
    }
}

/// What the adjoint of a pass reads and adds to.
struct Whole<'a, T: Real> {
    model: &'a Model<T>,
    moment: &'a Moment<T>,
    matter: Option<&'a Matter<T>>,
    workspace: &'a mut Workspace<T>,
    bars: &'a mut Gas<T>,
    model_bar: &'a mut ModelBar,
    moment_bar: &'a mut MomentBar,
}

impl<T: Real> Whole<'_, T> {
    /// Changes the cotangents of the gas after [`advance`] to those before and adds those of all
    /// that acted, of what was carried too; `held_bar` are further ones of the velocity before the
    /// pressure.
    fn advance_vjp(
        &mut self,
        gas: &mut Gas<T>,
        mut carried: Option<&mut Carried<T>>,
        dt: f64,
        mut matter_bar: Option<&mut MatterBar<T>>,
        held_bar: Option<&Velocity<T>>,
    ) -> Result<Projected, PressureError> {
        let Self {
            model,
            moment,
            matter,
            workspace,
            bars,
            model_bar,
            moment_bar,
        } = self;
        let matter = *matter;
        let from = carried.as_mut().map(|carried| &mut carried.velocity);
        predict(model, moment, matter, gas, from, dt, workspace);
        let grid = &model.grid;
        let mut after = workspace.after.take().unwrap_or_else(|| Gas {
            velocity: Field::zero_velocity(grid),
            scalars: Vec::new(),
            pressure: Vec::new(),
        });
        copy_all(&workspace.held, &mut after.velocity);
        after.pressure.clone_from(&gas.pressure);
        pressure(workspace, matter, &mut after)?;
        let openings_bar = &mut workspace.openings_bar;
        for field in openings_bar.open.iter_mut().chain(&mut openings_bar.still) {
            field.clear();
        }
        if let Some(bar) = matter_bar.as_deref() {
            for (sum, part) in openings_bar.open.iter_mut().zip(&bar.open) {
                sum.add(part);
            }
        }
        let (pressure_bar, occupied_bar) = matter_bar
            .as_deref_mut()
            .map(|bar| (&bar.pressure[..], &mut bar.occupied))
            .unzip();
        let projected = match &workspace.projector {
            Some((_, projector)) => project_vjp(
                projector,
                &workspace.openings,
                matter.map(|matter| &matter.occupied),
                &workspace.held,
                &after.pressure,
                pressure_bar,
                &mut bars.velocity,
                openings_bar,
                occupied_bar,
                &mut workspace.project,
            )?,
            None => Projected::default(),
        };
        workspace.after = Some(after);
        for (bar, more) in bars.velocity.iter_mut().zip(held_bar.into_iter().flatten()) {
            bar.add(more);
        }

        let openings = &workspace.openings;
        match (matter, matter_bar) {
            (Some(matter), Some(matter_bar)) => {
                let dragged = &workspace.dragged;
                hold_vjp(openings, dragged, &mut bars.velocity, openings_bar);
                for (bar, more) in bars.velocity.iter_mut().zip(&matter_bar.dragged) {
                    bar.add(more);
                }
                let pushed = &workspace.pushed;
                drag_vjp(matter, dt, pushed, &mut bars.velocity, matter_bar);
            }
            _ => hold_vjp(
                openings,
                &workspace.pushed,
                &mut bars.velocity,
                openings_bar,
            ),
        }

        diffusion_vjp(model, dt, workspace, bars, model_bar);
        pushes_vjp(model, moment, dt, workspace, bars, model_bar, moment_bar);
        mixing_vjp(model, moment, dt, workspace, bars, model_bar, moment_bar);
        transport_vjp(model, dt, workspace, gas, carried, bars, model_bar);
        let mut through = [[0.0; 2]; 3];
        openings_vjp(
            grid,
            &model.sides,
            &model.obstacles,
            &moment.obstacles,
            &workspace.openings_bar,
            &mut moment_bar.obstacles,
            &mut through,
            &mut workspace.hits,
        );
        for axis in 0..3 {
            for side in 0..2 {
                model_bar.sides[axis][side].velocity[axis] += through[axis][side];
            }
        }
        Ok(projected)
    }
}

fn copy_all<T: Real>(from: &[Field<T>], to: &mut [Field<T>]) {
    for (from, to) in from.iter().zip(to) {
        to.copy_from(from);
    }
}
