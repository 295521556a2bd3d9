//! A step of the gas among the matter.

use std::{ops::Range, sync::Arc};

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Both, Parts, Sums};
use crate::{
    Compiled,
    gas::{
        boundary::fill,
        divergence::{drops, drops_vjp},
        drag::{Matter, MatterBar},
        exchange::{
            Coupling, Grain, Load, ghosts, kick, kick_vjp, load, load_vjp, matter, matter_vjp,
            pull, pull_vjp,
        },
        field::{Field, Velocity},
        model::{Gas, MomentBar},
        projector::PressureError,
        rollout::{Frame as Went, RunError as GasError},
        step::Workspace,
    },
    particle::{Cloud, Motion, order::Slots},
    rigid::RigidParameterBar,
    rollout::{State, back::Back, collect::is_taken, store::RunError},
    world::{Body, World},
};

/// What an exchange has found on its way.
struct Exchanged<T: Real> {
    grains: Vec<Grain<T>>,
    load: Load<T>,
    matter: Matter<T>,
    after: Gas<T>,
    dragged: Velocity<T>,
    drops: Velocity<T>,
    pull: Velocity<T>,
    went: Went,
}

/// What the particles of one kind are to the gas, in canonical order, so that sums over them do not
/// depend on how they lie. Those that are not born yet or that a collector has have no volume.
fn of_particles<T: Real, L, S>(
    bodies: &[Body<T, L>],
    slots: &Slots,
    cloud: &Cloud<T, S>,
    waiting: &[Range<usize>],
    taken: &[u16],
) -> Vec<Grain<T>> {
    let each = slots.slot_of().into_iter().enumerate();
    each.map(|(id, slot)| {
        let slot = slot as usize;
        let (motion, body) = (
            &cloud.motion[slot],
            &bodies[usize::from(slots.bodies[slot])],
        );
        let waits = is_taken(taken, id) || waiting.iter().any(|range| range.contains(&id));
        Grain {
            x: motion.x(),
            v: motion.v(),
            volume: if waits { T::zero() } else { body.volume },
            density: body.density,
        }
    })
    .collect()
}

/// Whether a grain stands for a particle that is not born.
fn waits<T: Real>(grain: &Grain<T>) -> bool {
    grain.volume == T::zero()
}

impl<T: Compiled> Parts<'_, T> {
    /// All matter as the gas meets it in a step: liquids, solids, rigid bodies.
    fn grains(&self, step: usize, world: &World<T>, state: &State<T>) -> Vec<Grain<T>> {
        // What is born at the start of a frame is let out only after the steps of the gas there.
        let [liquids, solids] = if step < self.piece()[0] {
            world.waiting_before(self.frame)
        } else {
            world.waiting(self.frame)
        };
        let (order, particles) = (&state.order, &state.particles);
        let taken = &state.taken;
        let mut grains = of_particles(
            &world.liquids,
            &order.liquid,
            &particles.liquid,
            &liquids,
            &taken.liquid,
        );
        grains.extend(of_particles(
            &world.solids,
            &order.solid,
            &particles.solid,
            &solids,
            &taken.solid,
        ));
        let rigids = world.rigids.iter().zip(&state.rigids).zip(self.fillings);
        grains.extend(rigids.flat_map(|((body, state), filling)| filling.grains::<T>(body, state)));
        grains
    }

    fn failed(&self, step: usize) -> impl Fn(PressureError) -> RunError {
        let frame = self.frame;
        move |source| {
            GasError::Pressure {
                frame,
                step,
                source,
            }
            .into()
        }
    }

    /// The time of the middle of a step since the start of the frame (s).
    fn middle(&self, step: usize) -> f64 {
        self.dt * (step as f64 + 0.5)
    }

    /// A step of the gas, and what it does to the matter.
    pub(super) fn tick(
        &self,
        step: usize,
        world: &World<T>,
        workspace: &mut Workspace<T>,
        state: &mut State<T>,
        gas: &mut Arc<Gas<T>>,
    ) -> Result<Went, RunError> {
        let Some(coupling) = self.coupling else {
            let moment = self.course.moment(self.frame, self.middle(step));
            let gas = Arc::make_mut(gas);
            let projected = T::step(self.model, &moment, None, gas, self.dt, workspace);
            return Ok(Went::of(&projected.map_err(self.failed(step))?));
        };
        let mut found = self.exchange(&coupling, step, world, workspace, state, gas)?;
        let before: Vec<Vector3<T>> = found.grains.iter().map(|grain| grain.v).collect();
        kick(&self.model.grid, &mut found.pull, &mut found.grains);
        let State {
            particles,
            rigids,
            order,
            ..
        } = state;
        let (liquids, rest) = found.grains.split_at(particles.liquid.len());
        let (solids, rest) = rest.split_at(particles.solid.len());
        set_velocities(&order.liquid, &mut particles.liquid.motion, liquids);
        set_velocities(&order.solid, &mut particles.solid.motion, solids);
        let first = liquids.len() + solids.len();
        let mut pushes = pushes(&before[first..], rest);
        for ((body, state), filling) in world.rigids.iter().zip(rigids).zip(self.fillings) {
            let own: Vec<_> = pushes.by_ref().take(filling.points.len()).collect();
            filling.kick(body, state, &own);
        }
        *gas = Arc::new(found.after);
        Ok(found.went)
    }

    /// A step of the gas among the matter, and what it does to that.
    fn exchange(
        &self,
        coupling: &Coupling<T>,
        step: usize,
        world: &World<T>,
        workspace: &mut Workspace<T>,
        state: &State<T>,
        gas: &Gas<T>,
    ) -> Result<Exchanged<T>, RunError> {
        let (model, dt) = (self.model, self.dt);
        let grid = &model.grid;
        let moment = self.course.moment(self.frame, self.middle(step));
        let grains = self.grains(step, world, state);
        let load = load(grid, &grains);
        let matter = matter(grid, coupling, &load);
        let mut after = gas.clone();
        let projected = T::step(model, &moment, Some(&matter), &mut after, dt, workspace)
            .map_err(self.failed(step))?;
        let (dragged, drops) = (workspace.dragged().clone(), drops(grid, &after.pressure));
        let open = &workspace.openings().open;
        let pull = pull(grid, coupling, &matter, &dragged, open, &drops, dt);
        Ok(Exchanged {
            grains,
            load,
            matter,
            after,
            dragged,
            drops,
            pull,
            went: Went::of(&projected),
        })
    }

    /// Pulls the cotangents back over a step of the gas, from the state before it.
    pub(super) fn tick_vjp(
        &self,
        step: usize,
        back: &mut Back<'_, '_, T>,
        sums: &mut Sums<T>,
        workspace: &mut Workspace<T>,
        state: &Both<T>,
    ) -> Result<(), RunError> {
        let (model, dt) = (self.model, self.dt);
        let time = self.middle(step);
        let moment = self.course.moment(self.frame, time);
        let mut moment_bar = MomentBar::zero(model);
        let mut gas = Gas::clone(&state.gas);
        let Some(coupling) = self.coupling else {
            let (bars, model_bar) = (&mut sums.bars, &mut sums.model);
            T::step_vjp(
                model,
                &moment,
                None,
                &mut gas,
                dt,
                workspace,
                bars,
                model_bar,
                &mut moment_bar,
                None,
            )
            .map_err(self.failed(step))?;
            self.course
                .moment_vjp(self.frame, time, &moment_bar, &mut sums.course);
            return Ok(());
        };
        let grid = &model.grid;
        let world = back.rollout.world;
        let mut found =
            self.exchange(&coupling, step, world, workspace, &state.matter, &state.gas)?;
        for field in &mut found.pull {
            fill(field, &ghosts(grid));
        }
        back.bring(&state.matter.order);
        let mut grains_bar = self.kick_vjp(world, &state.matter, back, &found);
        let pull_bar = kick_vjp(grid, &found.pull, &found.grains, &mut grains_bar);
        let particles = &state.matter.particles;
        let first = particles.liquid.len() + particles.solid.len();
        for grain in &mut grains_bar[first..] {
            // Rigid bodies keep nothing of the velocities of their grains, only what those were
            // pushed.
            grain.v = Vector3::zeros();
        }
        let mut matter_bar = MatterBar::zero(grid);
        let mut drops_bar = Field::zero_velocity(grid);
        pull_vjp(
            &coupling,
            &found.matter,
            &found.dragged,
            &workspace.openings().open,
            &found.drops,
            dt,
            &pull_bar,
            &mut matter_bar,
            &mut drops_bar,
            &mut sums.coupling,
        );
        matter_bar.pressure = drops_vjp(grid, &drops_bar);
        T::step_vjp(
            model,
            &moment,
            Some(&found.matter),
            &mut gas,
            dt,
            workspace,
            &mut sums.bars,
            &mut sums.model,
            &mut moment_bar,
            Some(&mut matter_bar),
        )
        .map_err(self.failed(step))?;
        self.course
            .moment_vjp(self.frame, time, &moment_bar, &mut sums.course);
        let (load, coupling_bar) = (&found.load, &mut sums.coupling);
        let mut load_bar = matter_vjp(grid, &coupling, load, &matter_bar, coupling_bar);
        load_vjp(grid, &found.grains, &mut load_bar, &mut grains_bar);
        self.gather(world, &state.matter, back, &found.grains, &grains_bar);
        Ok(())
    }

    /// Cotangents of the velocities of the grains after the kick; those of the motion of the rigid
    /// bodies become those of the pushes.
    fn kick_vjp(
        &self,
        world: &World<T>,
        state: &State<T>,
        back: &mut Back<'_, '_, T>,
        found: &Exchanged<T>,
    ) -> Vec<Grain<T>> {
        let (particles, order) = (&back.particles, &state.order);
        let canonical = |slots: &Slots, motions: &[Motion<T>]| -> Vec<Vector3<T>> {
            let slots = slots.slot_of().into_iter();
            slots.map(|slot| motions[slot as usize].v()).collect()
        };
        let mut velocities = canonical(&order.liquid, &particles.liquid.motion);
        velocities.extend(canonical(&order.solid, &particles.solid.motion));
        let mut pushed = found.grains.clone();
        let mut pull = found.pull.clone();
        kick(&self.model.grid, &mut pull, &mut pushed);
        let first = velocities.len();
        let before: Vec<_> = found.grains[first..].iter().map(|grain| grain.v).collect();
        let mut pushes = pushes(&before, &pushed[first..]);
        for (index, filling) in self.fillings.iter().enumerate() {
            let own: Vec<_> = pushes.by_ref().take(filling.points.len()).collect();
            let mut parameters = RigidParameterBar::zero();
            let (body, state) = (&world.rigids[index], &state.rigids[index]);
            let bar = &mut back.rigids[index];
            let bars = filling.kick_vjp(body, state, &own, bar, &mut parameters);
            velocities.extend(bars.into_iter().map(|bar| bar.map(T::narrow)));
            back.rigid_parameters[index] += parameters.to_f64();
        }
        let of = |(v, grain): (Vector3<T>, &Grain<T>)| Grain {
            v: if waits(grain) { Vector3::zeros() } else { v },
            ..Grain::zero()
        };
        velocities.into_iter().zip(&found.grains).map(of).collect()
    }

    /// Adds the cotangents of the grains to those of the matter.
    fn gather(
        &self,
        world: &World<T>,
        state: &State<T>,
        back: &mut Back<'_, '_, T>,
        grains: &[Grain<T>],
        bars: &[Grain<T>],
    ) {
        let counts = [state.particles.liquid.len(), state.particles.solid.len()];
        let (liquids, rest) = bars.split_at(counts[0]);
        let (solids, mut rest) = rest.split_at(counts[1]);
        let (liquid_grains, solid_grains) = grains.split_at(counts[0]);
        let (order, bodies) = (&state.order, &mut back.rest.bodies);
        let clouds = [
            (
                &mut back.particles.liquid.motion,
                &order.liquid,
                liquids,
                liquid_grains,
                0,
            ),
            (
                &mut back.particles.solid.motion,
                &order.solid,
                solids,
                solid_grains,
                world.liquids.len(),
            ),
        ];
        for (motions, slots, bars, grains, first) in clouds {
            for (slot, (bar, grain)) in slots.slot_of().into_iter().zip(bars.iter().zip(grains)) {
                let slot = slot as usize;
                if waits(grain) {
                    continue;
                }
                motions[slot].set_v(&bar.v);
                motions[slot].add_x(&bar.x);
                let body = first + usize::from(slots.bodies[slot]);
                bodies[body][0] += bar.density.to_f64();
            }
        }
        for (index, filling) in self.fillings.iter().enumerate() {
            let (own, others) = rest.split_at(filling.points.len());
            rest = others;
            let mut parameters = RigidParameterBar::zero();
            let bar = &mut back.rigids[index];
            filling.grains_vjp(&state.rigids[index], own, bar, &mut parameters);
            back.rigid_parameters[index] += parameters.to_f64();
        }
    }
}

fn set_velocities<T: Real>(slots: &Slots, motions: &mut [Motion<T>], grains: &[Grain<T>]) {
    for (slot, grain) in slots.slot_of().into_iter().zip(grains) {
        if !waits(grain) {
            motions[slot as usize].set_v(&grain.v);
        }
    }
}

/// How much faster grains have become (m/s).
fn pushes<T: Real>(
    before: &[Vector3<T>],
    after: &[Grain<T>],
) -> impl Iterator<Item = Vector3<T::Wide>> {
    let each = before.iter().zip(after);
    each.map(|(before, after)| (after.v - before).map(Real::widen))
}
