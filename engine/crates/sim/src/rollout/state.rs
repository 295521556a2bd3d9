//! What changes during a run, and the sorting that keeps it fast.

use std::{ops::Range, sync::Arc};

use backflow_diff::Real;

use super::collect::{Taken, is_taken};
use crate::{
    particle::{Order, Particles},
    rigid::{RigidBody, RigidState},
    world::World,
};

/// The state of a run between two substeps.
#[derive(Debug, Clone)]
pub struct State<T: Real> {
    /// The particles, in the order of `order`.
    pub particles: Particles<T>,
    /// The order that they lie in.
    pub order: Arc<Order>,
    /// Whether a particle has left the reach of its tile.
    pub stale: bool,
    /// The rigid bodies.
    pub rigids: Vec<RigidState<T::Wide>>,
    /// Which particles collectors have taken.
    pub taken: Arc<Taken>,
}

/// A number that is not finite any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{quantity} of particle {particle} of body `{body}` is not finite after {stage} of substep \
     {substep}; expected finite numbers: a smaller time step or softer material may help"
)]
pub struct NonFinite {
    /// Stage of the substep that made it.
    pub stage: &'static str,
    /// Substep, counted from the start of the run.
    pub substep: usize,
    /// Name of the body.
    pub body: String,
    /// Index of the particle in its body.
    pub particle: usize,
    /// What is not finite.
    pub quantity: &'static str,
}

impl<T: Real> State<T> {
    /// The state at the start of a run from particles in canonical order.
    pub fn new(world: &World<T>, particles: Particles<T>) -> Self {
        Self {
            particles,
            order: Arc::new(Order::canonical(world)),
            stale: true,
            rigids: world.rigids.iter().map(RigidBody::initial).collect(),
            taken: Arc::default(),
        }
    }

    /// Sorts the particles where substep `step` calls for it: at the start of a frame,
    /// and when one has left the reach of its tile. Checks that all is finite; says whether it
    /// sorted them.
    ///
    /// # Errors
    /// The first number that is not finite.
    pub fn settle(&mut self, world: &World<T>, step: usize) -> Result<bool, NonFinite> {
        let sort = self.stale || step.is_multiple_of(world.clock.substeps);
        if sort {
            self.check(world, step)?;
            let [liquids, solids] = world.waiting(step / world.clock.substeps);
            let (order, taken) = (&self.order, &self.taken);
            let among =
                |ranges: &[Range<usize>], id| ranges.iter().any(|range| range.contains(&id));
            let rests: [&dyn Fn(usize) -> bool; 2] = [
                &|id| is_taken(&taken.liquid, id) || among(&liquids, id),
                &|id| is_taken(&taken.solid, id) || among(&solids, id),
            ];
            let order = order.sorted_but(&world.lattice, &mut self.particles, rests);
            self.order = Arc::new(order);
            self.stale = false;
        }
        Ok(sort)
    }

    /// Checks that all is finite before substep `step`.
    ///
    /// # Errors
    /// The first number that is not finite.
    pub fn check(&self, world: &World<T>, step: usize) -> Result<(), NonFinite> {
        let describe = |name: &str, start: usize, id: u32, quantity| NonFinite {
            stage: "g2p",
            substep: step.saturating_sub(1),
            body: name.to_owned(),
            particle: id as usize - start,
            quantity,
        };
        if let Some((slot, quantity)) = self.particles.liquid.first_non_finite() {
            let body = &world.liquids[usize::from(self.order.liquid.bodies[slot])];
            let id = self.order.liquid.ids[slot];
            return Err(describe(&body.name, body.range.start, id, quantity));
        }
        if let Some((slot, quantity)) = self.particles.solid.first_non_finite() {
            let body = &world.solids[usize::from(self.order.solid.bodies[slot])];
            let id = self.order.solid.ids[slot];
            return Err(describe(&body.name, body.range.start, id, quantity));
        }
        let mut rigids = world.rigids.iter().zip(&self.rigids);
        match rigids.find(|(_, state)| !state.is_finite()) {
            Some((body, _)) => Err(NonFinite {
                stage: "rigid step",
                ..describe(&body.name, 0, 0, "pose or velocity")
            }),
            None => Ok(()),
        }
    }

    /// The particles in the order in which the scene lists them.
    pub fn canonical(&self, world: &World<T>) -> Particles<T> {
        let mut particles = self.particles.clone();
        Order::canonical(world).bring(&mut particles, &self.order);
        particles
    }

    /// Overwrites `self` with `other`, reusing the memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.particles.copy_from(&other.particles);
        self.order = Arc::clone(&other.order);
        self.stale = other.stale;
        self.rigids.clone_from(&other.rigids);
        self.taken = Arc::clone(&other.taken);
    }
}
