//! One step of the gas: carried along, mixed, pushed, smeared, held by solids, made
//! incompressible again.

use backflow_diff::Real;

use super::{
    advect::{AdvectScratch, advect, advect_vjp},
    boundary::{Ghosts, fill, fill_vjp, scalar_ghosts, velocity_ghosts},
    buoyancy::{Lift, buoyancy, buoyancy_vjp},
    confine::{ConfineScratch, confine, confine_vjp},
    diffuse::{diffuse, diffuse_scalar, diffuse_scalar_vjp, diffuse_vjp},
    drag::{Matter, MatterBar, drag, drag_vjp},
    field::{Field, Velocity},
    jet::{blow, blow_vjp, mix, mix_vjp},
    model::{Gas, Model, ModelBar, Moment, MomentBar},
    opening::{Openings, Placement, hold, hold_vjp, openings, openings_vjp},
    project::{PressureError, Projected, Projector, project, project_vjp},
    source::{emit, emit_vjp, push, push_vjp},
    spread::Spread,
};

/// Memory of the steps of a model, and what does not change between them.
#[derive(Debug)]
pub struct Workspace<T: Real> {
    velocity_ghosts: [Ghosts<T>; 3],
    scalar_ghosts: Vec<Ghosts<T>>,
    openings: Openings<T>,
    projector: Option<(Vec<Placement<T>>, Projector)>,
    advect: AdvectScratch<T>,
    confine: Option<ConfineScratch<T>>,
    spread: Spread<T>,
    /// Carried along.
    carried: Velocity<T>,
    carried_scalars: Vec<Field<T>>,
    /// Scalars after jets and sources.
    mixed: Vec<Field<T>>,
    /// Smeared by viscosity, then pushed, then held by matter and solids.
    smeared: Velocity<T>,
    pushed: Velocity<T>,
    dragged: Velocity<T>,
    held: Velocity<T>,
    openings_bar: Openings<T>,
    bars: Gas<T>,
}

impl<T: Real> Workspace<T> {
    /// For a model.
    pub fn new(model: &Model<T>) -> Self {
        let grid = &model.grid;
        let velocity = || Field::zero_velocity(grid);
        let scalars = || vec![Field::zero(grid.centres()); model.species.len()];
        Self {
            velocity_ghosts: [0, 1, 2].map(|axis| velocity_ghosts(&model.sides, axis)),
            scalar_ghosts: (0..model.species.len())
                .map(|index| scalar_ghosts(&model.sides, index))
                .collect(),
            openings: Openings::open(grid),
            projector: None,
            advect: AdvectScratch::default(),
            confine: model.confinement.map(|_| ConfineScratch::new(grid)),
            spread: Spread::default(),
            carried: velocity(),
            carried_scalars: scalars(),
            pushed: velocity(),
            mixed: scalars(),
            smeared: velocity(),
            dragged: velocity(),
            held: velocity(),
            openings_bar: Openings::zero(grid),
            bars: Gas::zero(model),
        }
    }

    /// What the faces let through at a moment.
    pub fn openings(&self) -> &Openings<T> {
        &self.openings
    }

    /// The velocity that drag by matter left in the last step.
    pub fn dragged(&self) -> &Velocity<T> {
        &self.dragged
    }

    /// Sets the openings and the matrix of the pressure, if they are not those of the last step.
    fn prepare(&mut self, model: &Model<T>, moment: &Moment<T>, matter: Option<&Matter<T>>) {
        let known = self
            .projector
            .as_ref()
            .is_some_and(|(places, _)| *places == moment.obstacles);
        if !known {
            let (sides, places) = (&model.sides, &moment.obstacles);
            openings(
                &model.grid,
                sides,
                &model.obstacles,
                places,
                &mut self.openings,
            );
        }
        if !known || matter.is_some() {
            let occupied = matter.map(|matter| &matter.occupied);
            let method = &model.method;
            let projector = Projector::new(
                &model.grid,
                &self.openings,
                occupied,
                method.precondition,
                method.tolerance,
            );
            self.projector = Some((moment.obstacles.clone(), projector));
        }
    }

    /// The step up to the pressure, from `gas`, whose ghosts are filled on the way.
    fn predict(
        &mut self,
        model: &Model<T>,
        moment: &Moment<T>,
        matter: Option<&Matter<T>>,
        gas: &mut Gas<T>,
        dt: f64,
    ) {
        let (grid, scheme) = (&model.grid, model.method.scheme);
        self.prepare(model, moment, matter);
        fill_all(gas, &self.velocity_ghosts, &self.scalar_ghosts);
        let velocity = &gas.velocity;
        for axis in 0..3 {
            let (from, to) = (&velocity[axis..=axis], &mut self.carried[axis..=axis]);
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

fn lifts<T: Real>(model: &Model<T>) -> Vec<Lift<T>> {
    model.species.iter().map(|species| species.lift).collect()
}

fn copy_all<T: Real>(from: &[Field<T>], to: &mut [Field<T>]) {
    for (from, to) in from.iter().zip(to) {
        to.copy_from(from);
    }
}

fn fill_all<T: Real>(gas: &mut Gas<T>, velocity: &[Ghosts<T>; 3], scalars: &[Ghosts<T>]) {
    for (u, ghosts) in gas.velocity.iter_mut().zip(velocity) {
        fill(u, ghosts);
    }
    for (scalar, ghosts) in gas.scalars.iter_mut().zip(scalars) {
        fill(scalar, ghosts);
    }
}

/// `gas` after `dt` seconds more. In this order: carried along its own velocity; mixed by jets
/// and sources; diffused; pushed by vorticity confinement, buoyancy, jets and sources; dragged by
/// matter and held by solids; made incompressible (Stam 1999, with the forces after the transport,
/// so that the velocity that carries is free of divergence, and last, so that pressure balances
/// a push that is a gradient to round-off).
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
    workspace.predict(model, moment, matter, gas, dt);
    let grid = &model.grid;
    for (index, species) in model.species.iter().enumerate() {
        let (from, to) = (&workspace.mixed[index], &mut gas.scalars[index]);
        match species.diffusivity {
            Some(diffusivity) => {
                diffuse_scalar(grid, from, &workspace.openings.open, diffusivity, dt, to);
            }
            None => to.copy_from(from),
        }
    }
    copy_all(&workspace.held, &mut gas.velocity);
    pressure(workspace, matter, gas)
}

fn pressure<T: Real>(
    workspace: &Workspace<T>,
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
        ),
        None => Ok(Projected::default()),
    }
}

/// Changes `bars` from the cotangents of the gas after [`step`] to those before, and adds those
/// of all that acted; `gas` is that before.
///
/// `solved` is the pressure of that step if it is known; it is found again if it is not.
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
    workspace.predict(model, moment, matter, gas, dt);
    let grid = &model.grid;
    let mut after = Gas {
        velocity: workspace.held.clone(),
        scalars: Vec::new(),
        pressure: gas.pressure.clone(),
    };
    pressure(workspace, matter, &mut after)?;
    let openings_bar = &mut workspace.openings_bar;
    for field in openings_bar.open.iter_mut().chain(&mut openings_bar.still) {
        field.clear();
    }
    let pressure_bar = matter_bar.as_deref().map(|bar| bar.pressure.clone());
    let projected = match &workspace.projector {
        Some((_, projector)) => project_vjp(
            projector,
            &workspace.openings,
            matter.map(|matter| &matter.occupied),
            &workspace.held,
            &after.pressure,
            pressure_bar.as_deref(),
            &mut bars.velocity,
            openings_bar,
            matter_bar.as_deref_mut().map(|bar| &mut bar.occupied),
        )?,
        None => Projected::default(),
    };

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

    pull_scalars(model, dt, workspace, bars, model_bar);
    pull_pushes(model, moment, dt, workspace, bars, model_bar, moment_bar);
    pull_transport(model, dt, workspace, gas, bars, model_bar);
    let mut through = [[0.0; 2]; 3];
    openings_vjp(
        grid,
        &model.sides,
        &model.obstacles,
        &moment.obstacles,
        &workspace.openings_bar,
        &mut moment_bar.obstacles,
        &mut through,
    );
    for axis in 0..3 {
        for side in 0..2 {
            model_bar.sides[axis][side].velocity[axis] += through[axis][side];
        }
    }
    Ok(projected)
}

/// Diffusion of the scalars: leaves the cotangents of the mixed scalars, ghosts included.
fn pull_scalars<T: Real>(
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
fn pull_pushes<T: Real>(
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

/// The transport: leaves the cotangents of the gas before the step.
fn pull_transport<T: Real>(
    model: &Model<T>,
    dt: f64,
    workspace: &mut Workspace<T>,
    gas: &Gas<T>,
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
        advect_vjp(
            grid,
            scheme,
            &gas.velocity,
            &gas.velocity[axis..=axis],
            &velocity_ghosts[axis..=axis],
            dt,
            &bars.velocity[axis..=axis],
            &mut sums.velocity,
            std::slice::from_mut(&mut own),
            &mut values[axis..=axis],
            advect,
            spread,
        );
        sums.velocity[axis].add(&own);
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

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::{Shape, Sphere},
        gas::{
            advect::Scheme,
            boundary::Side,
            jet::{Blow, Jet},
            model::{Method, Species},
            opening::Obstacle,
            pressure::Precondition,
            project::Occupied,
            source::Source,
            testing::{
                assert_close, box_grid, clean, clean_velocity, dot, dual, dual_velocity,
                mixed_sides, noise, noise_velocity, tangent,
            },
        },
        pose::{
            Pose, Twist,
            tests::{dual_pose, dual_twist, sample},
        },
    };

    /// A gas with everything.
    fn model(scheme: Scheme) -> Model<f64> {
        let grid = box_grid([6, 7, 5], [false, false, true]);
        let species = |name: &str, diffusivity, expansion| Species {
            name: name.to_owned(),
            diffusivity,
            lift: Lift {
                expansion,
                reference: 0.2,
            },
        };
        let ball = |radius| Shape::Sphere(Sphere { radius });
        Model {
            grid,
            sides: mixed_sides(&grid),
            density: 1.2,
            gravity: Vector3::new(0.5, -9.81, 0.2),
            viscosity: Some(0.01),
            confinement: Some(0.4),
            species: vec![
                species("heat", Some(0.02), 0.3),
                species("smoke", None, -0.1),
            ],
            obstacles: vec![Obstacle {
                name: "ball".to_owned(),
                shape: ball(0.15),
            }],
            jets: vec![0.7, -0.2]
                .into_iter()
                .map(|value| Jet {
                    name: "jet".to_owned(),
                    direction: Vector3::new(0.1, 0.4, 0.9),
                    scalars: vec![Some(value), None],
                    mixing: 2.0,
                })
                .collect(),
            sources: vec![Source {
                name: "heater".to_owned(),
                shape: ball(0.2),
                width: 0.1,
                rates: vec![3.0, 1.0],
                push: Vector3::new(0.3, 2.0, -0.5),
            }],
            method: Method {
                scheme,
                precondition: Precondition::Multigrid,
                tolerance: 1e-13,
                courant: 1.0,
            },
        }
    }

    fn moment(model: &Model<f64>) -> Moment<f64> {
        let at = |x, y, z| model.grid.origin + Vector3::new(x, y, z);
        let pose = |seed, position| Pose {
            position,
            rotation: sample(seed).0.rotation,
        };
        let blow = Blow {
            strength: 5.0,
            radius: 0.15,
        };
        Moment {
            obstacles: vec![Placement {
                pose: pose(1, at(0.31, 0.4, 0.3)),
                twist: Twist {
                    linear: Vector3::new(0.4, 0.2, -0.3),
                    angular: Vector3::new(0.1, 0.9, 0.2),
                },
            }],
            jets: vec![
                (pose(2, at(0.6, 0.3, 0.2)), blow),
                (pose(3, at(0.2, 0.6, 0.4)), blow),
            ],
            sources: vec![pose(4, at(0.5, 0.5, 0.4))],
        }
    }

    #[test]
    fn step_vjp_is_the_transpose_in_every_input() {
        for scheme in [Scheme::SemiLagrangian, Scheme::MacCormack { limited: true }] {
            let model = model(scheme);
            let moment = moment(&model);
            let (grid, dt) = (&model.grid, 0.07);
            let layout = grid.centres();
            let gas = Gas {
                velocity: noise_velocity(1, grid),
                scalars: vec![noise(5, layout), noise(6, layout)],
                pressure: Vec::new(),
            };
            let (du, ds) = (
                noise_velocity(11, grid),
                [noise(15, layout), noise(16, layout)],
            );
            let mut matter = Matter::nothing(grid);
            matter.velocity = noise_velocity(60, grid);
            for (axis, rate) in matter.rate.iter_mut().enumerate() {
                let noise = noise(70 + axis as u64, rate.layout);
                rate.set(|_, index| 1.0 + noise.data[index]);
                let share = &mut matter.occupied.share[axis];
                share.set(|_, index| 0.9 + 0.1 * noise.data[index]);
            }
            let dm = [80, 84, 88, 92].map(|seed| clean_velocity(&noise_velocity(seed, grid)));
            let matter_dual = Matter {
                occupied: Occupied {
                    share: dual_velocity(&matter.occupied.share, &dm[0]),
                    carried: dual_velocity(&matter.occupied.carried, &dm[1]),
                },
                velocity: dual_velocity(&matter.velocity, &dm[2]),
                rate: dual_velocity(&matter.rate, &dm[3]),
            };

            let mut moved: Model<Dual64> = model.cast();
            moved.gravity.y.eps = 0.7;
            moved.viscosity = Some(Dual64::new(0.01, 0.03));
            moved.confinement = Some(Dual64::new(0.4, 0.5));
            moved.species[0].diffusivity = Some(Dual64::new(0.02, -0.04));
            moved.species[1].lift.expansion.eps = 0.2;
            moved.species[0].lift.reference.eps = 0.6;
            moved.jets[0].mixing.eps = 0.3;
            moved.sources[0].rates[0].eps = 0.8;
            moved.sources[0].push.x.eps = -0.9;
            if let Side::Inflow { velocity, scalars } = &mut moved.sides[1][1] {
                velocity[1].eps = 0.11;
                velocity[0].eps = -0.2;
                scalars[0].eps = 0.4;
            }
            if let Side::Wall {
                velocity, scalars, ..
            } = &mut moved.sides[1][0]
            {
                velocity[2].eps = 0.35;
                if let Some(value) = &mut scalars[0] {
                    value.eps = 0.15;
                }
            }
            let (turn, push) = (
                sample(7).1,
                Twist {
                    linear: Vector3::new(0.2, 0.1, 0.3),
                    angular: Vector3::new(-0.1, 0.2, 0.6),
                },
            );
            let moment_dual = Moment {
                obstacles: moment
                    .obstacles
                    .iter()
                    .map(|place| Placement {
                        pose: dual_pose(&place.pose, &turn),
                        twist: dual_twist(&place.twist, &push),
                    })
                    .collect(),
                jets: moment
                    .jets
                    .iter()
                    .map(|(pose, blow)| {
                        let blow = Blow {
                            strength: Dual64::new(blow.strength, 0.6),
                            radius: Dual64::new(blow.radius, 0.02),
                        };
                        (dual_pose(pose, &turn), blow)
                    })
                    .collect(),
                sources: moment
                    .sources
                    .iter()
                    .map(|pose| dual_pose(pose, &turn))
                    .collect(),
            };
            let mut after = Gas {
                velocity: dual_velocity(&gas.velocity, &du),
                scalars: (0..2).map(|i| dual(&gas.scalars[i], &ds[i])).collect(),
                pressure: Vec::new(),
            };
            let mut workspace = Workspace::new(&moved);
            step(
                &moved,
                &moment_dual,
                Some(&matter_dual),
                &mut after,
                dt,
                &mut workspace,
            )
            .unwrap();
            let bars = Gas {
                velocity: clean_velocity(&noise_velocity(31, grid)),
                scalars: vec![clean(&noise(35, layout)), clean(&noise(36, layout))],
                pressure: Vec::new(),
            };
            let forward: f64 = (0..3)
                .map(|a| dot(&tangent(&after.velocity[a]), &bars.velocity[a]))
                .sum::<f64>()
                + (0..2)
                    .map(|i| dot(&tangent(&after.scalars[i]), &bars.scalars[i]))
                    .sum::<f64>();

            let (mut back, mut working) = (bars, gas.clone());
            let (mut model_bar, mut moment_bar) = (ModelBar::zero(&model), MomentBar::zero(&model));
            let mut matter_bar = MatterBar::zero(grid);
            let mut workspace = Workspace::new(&model);
            step_vjp(
                &model,
                &moment,
                Some(&matter),
                &mut working,
                dt,
                &mut workspace,
                &mut back,
                &mut model_bar,
                &mut moment_bar,
                Some(&mut matter_bar),
            )
            .unwrap();
            let (du, ds) = (clean_velocity(&du), [clean(&ds[0]), clean(&ds[1])]);
            let of_pose = |bar: &crate::pose::PoseBar<f64>| {
                bar.position.dot(&turn.position) + bar.rotation.dot(&turn.rotation)
            };
            let matter_parts = [
                &matter_bar.occupied.share,
                &matter_bar.occupied.carried,
                &matter_bar.velocity,
                &matter_bar.rate,
            ];
            let parts = [
                (0..3).map(|a| dot(&du[a], &back.velocity[a])).sum::<f64>(),
                (0..2).map(|i| dot(&ds[i], &back.scalars[i])).sum::<f64>(),
                matter_parts
                    .iter()
                    .zip(&dm)
                    .map(|(bar, d)| (0..3).map(|a| dot(&bar[a], &d[a])).sum::<f64>())
                    .sum(),
                0.7 * model_bar.gravity.y,
                0.03 * model_bar.viscosity,
                0.5 * model_bar.confinement,
                -0.04 * model_bar.diffusivities[0],
                0.2 * model_bar.lifts[1].expansion,
                0.6 * model_bar.lifts[0].reference,
                0.3 * moment_bar.jets[0].mixing,
                0.8 * moment_bar.sources[0].rates[0],
                -0.9 * moment_bar.sources[0].push.x,
                0.11 * model_bar.sides[1][1].velocity[1],
                -0.2 * model_bar.sides[1][1].velocity[0],
                0.4 * model_bar.sides[1][1].scalars[0],
                0.35 * model_bar.sides[1][0].velocity[2],
                0.15 * model_bar.sides[1][0].scalars[0],
                of_pose(&moment_bar.obstacles[0].pose),
                push.linear.dot(&moment_bar.obstacles[0].twist.linear)
                    + push.angular.dot(&moment_bar.obstacles[0].twist.angular),
                moment_bar
                    .jets
                    .iter()
                    .map(|jet| {
                        of_pose(&jet.pose) + 0.6 * jet.blow.strength + 0.02 * jet.blow.radius
                    })
                    .sum(),
                of_pose(&moment_bar.sources[0].pose),
            ];
            assert!(parts.iter().all(|part| part.abs() > 1e-8), "{parts:?}");
            assert_close(forward, parts.iter().sum());
        }
    }

    #[test]
    fn uniform_buoyancy_in_a_closed_box_moves_nothing() {
        let mut model = model(Scheme::SemiLagrangian);
        model.sides = [0, 1, 2].map(|_| [Side::wall(2), Side::wall(2)]);
        model.grid.periodic = [false; 3];
        model.jets.clear();
        model.sources.clear();
        model.obstacles.clear();
        let mut gas = Gas::at_rest(&model);
        gas.scalars[0].data.fill(1.7);
        let still = Moment {
            obstacles: vec![],
            jets: vec![],
            sources: vec![],
        };
        let mut workspace = Workspace::new(&model);
        for _ in 0..5 {
            step(&model, &still, None, &mut gas, 0.05, &mut workspace).unwrap();
        }
        // Case E8 of the validation: pressure balances what pushes every cell alike.
        assert!(gas.fastest() <= 1e-10, "{}", gas.fastest());
    }
}
