//! A step up to the pressure: carried along, mixed, smeared, pushed, held.

use backflow_diff::Real;

use super::Workspace;
use crate::gas::{
    advect::advect,
    boundary::{Ghosts, fill},
    buoyancy::{Lift, buoyancy},
    confine::confine,
    diffuse::diffuse,
    drag::{Matter, drag},
    field::{Field, Velocity},
    jet::{blow, mix},
    model::{Gas, Model, Moment},
    opening::hold,
    source::{emit, push},
};

impl<T: Real> Workspace<T> {
    /// The step up to the pressure, from `gas`, whose ghosts are filled on the way, as are those
    /// of `carried`: the velocity that is carried along that of the gas, if it is another one.
    pub(super) fn predict(
        &mut self,
        model: &Model<T>,
        moment: &Moment<T>,
        matter: Option<&Matter<T>>,
        gas: &mut Gas<T>,
        mut carried: Option<&mut Velocity<T>>,
        dt: f64,
    ) {
        let (grid, scheme) = (&model.grid, model.method.scheme);
        self.prepare(model, moment, matter);
        fill_all(gas, &self.velocity_ghosts, &self.scalar_ghosts);
        if let Some(carried) = &mut carried {
            fill_velocity(carried, &self.velocity_ghosts);
        }
        let velocity = &gas.velocity;
        let carried = carried.as_deref().unwrap_or(velocity);
        for axis in 0..3 {
            let (from, to) = (&carried[axis..=axis], &mut self.carried[axis..=axis]);
            let ghosts = &self.velocity_ghosts[axis..=axis];
            advect(
                grid,
                scheme,
                velocity,
                from,
                ghosts,
                dt,
                to,
                &mut self.advect,
            );
        }
        let (from, to) = (&gas.scalars, &mut self.carried_scalars);
        advect(
            grid,
            scheme,
            velocity,
            from,
            &self.scalar_ghosts,
            dt,
            to,
            &mut self.advect,
        );

        copy_all(&self.carried_scalars, &mut self.mixed);
        for (jet, (pose, what)) in model.jets.iter().zip(&moment.jets) {
            mix(grid, jet, pose, what, dt, &mut self.mixed);
        }
        for (source, pose) in model.sources.iter().zip(&moment.sources) {
            emit(grid, source, pose, dt, &mut self.mixed);
        }
        for (scalar, ghosts) in self.mixed.iter_mut().zip(&self.scalar_ghosts) {
            fill(scalar, ghosts);
        }

        match model.viscosity {
            Some(viscosity) => {
                for axis in 0..3 {
                    fill(&mut self.carried[axis], &self.velocity_ghosts[axis]);
                    let (from, to) = (&self.carried[axis], &mut self.smeared[axis]);
                    diffuse(grid, from, viscosity, dt, to);
                }
            }
            None => copy_all(&self.carried, &mut self.smeared),
        }
        if let (Some(strength), Some(scratch)) = (model.confinement, &mut self.confine) {
            for (u, ghosts) in self.smeared.iter_mut().zip(&self.velocity_ghosts) {
                fill(u, ghosts);
            }
            copy_all(&self.smeared, &mut self.pushed);
            confine(grid, strength, dt, &mut self.pushed, scratch);
        } else {
            copy_all(&self.smeared, &mut self.pushed);
        }
        let lifts = lifts(model);
        buoyancy(&model.gravity, &lifts, &self.mixed, dt, &mut self.pushed);
        for (jet, (pose, what)) in model.jets.iter().zip(&moment.jets) {
            blow(grid, jet, pose, what, dt, &mut self.pushed);
        }
        for (source, pose) in model.sources.iter().zip(&moment.sources) {
            push(grid, source, pose, dt, &mut self.pushed);
        }
        copy_all(&self.pushed, &mut self.held);
        if let Some(matter) = matter {
            drag(matter, dt, &mut self.held);
            copy_all(&self.held, &mut self.dragged);
        }
        hold(&self.openings, &mut self.held);
    }
}

pub(super) fn lifts<T: Real>(model: &Model<T>) -> Vec<Lift<T>> {
    model.species.iter().map(|species| species.lift).collect()
}

pub(super) fn copy_all<T: Real>(from: &[Field<T>], to: &mut [Field<T>]) {
    for (from, to) in from.iter().zip(to) {
        to.copy_from(from);
    }
}

fn fill_all<T: Real>(gas: &mut Gas<T>, velocity: &[Ghosts<T>; 3], scalars: &[Ghosts<T>]) {
    fill_velocity(&mut gas.velocity, velocity);
    for (scalar, ghosts) in gas.scalars.iter_mut().zip(scalars) {
        fill(scalar, ghosts);
    }
}

fn fill_velocity<T: Real>(velocity: &mut Velocity<T>, ghosts: &[Ghosts<T>; 3]) {
    for (u, ghosts) in velocity.iter_mut().zip(ghosts) {
        fill(u, ghosts);
    }
}
