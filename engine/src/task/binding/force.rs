//! Forces on particles, and shares of gravity.

use std::ops::Range;

use backflow_sim::{
    rollout::Gradient,
    scene::{Kind, Scene},
    world::World,
};

use super::{Place, Setup};

/// A parameter of a force.
#[derive(Debug)]
pub(super) struct Parameter {
    /// Its number in the world.
    index: usize,
    /// The parameter: several numbers if it is a vector.
    range: Range<usize>,
}

impl Parameter {
    /// Finds a parameter of a force by their names.
    pub fn find(world: &World<f64>, force: &str, parameter: &str) -> Option<Self> {
        let mut forces = world.forces.iter();
        let index = forces.position(|known| known.name == *force)?;
        let names = world.forces[index].law.names();
        let first = names.iter().position(|name| *name == parameter)?;
        let count = names.iter().filter(|name| **name == parameter).count();
        Some(Self {
            index,
            range: first..first + count,
        })
    }
}

impl Place for Parameter {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        setup.world.forces[self.index].law.parameters()[self.range.clone()].to_vec()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let law = &mut setup.world.forces[self.index].law;
        let mut parameters = law.parameters();
        parameters[self.range.clone()].copy_from_slice(values);
        *law = law.with_parameters(&parameters);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        gradient.forces[self.index][self.range.clone()].to_vec()
    }
}

/// Share of gravity that acts on a body, in world order.
#[derive(Debug)]
pub(super) struct Share(usize);

impl Share {
    /// Finds the share of a body by its name; `None` if it has none of its own.
    pub fn find(scene: &Scene, body: &str) -> Option<Self> {
        let body = scene.bodies.iter().find(|known| known.name == *body)?;
        let index = match body.kind {
            Kind::Liquid => body.index,
            Kind::Solid => scene.world.liquids.len() + body.index,
        };
        share(&scene.world, index).map(|_| Self(index))
    }
}

fn share(world: &World<f64>, body: usize) -> Option<f64> {
    match world.liquids.get(body) {
        Some(body) => body.gravity,
        None => world.solids.get(body - world.liquids.len())?.gravity,
    }
}

impl Place for Share {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        share(&setup.world, self.0).into_iter().collect()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let liquids = setup.world.liquids.len();
        if let Some(body) = setup.world.liquids.get_mut(self.0) {
            body.gravity = Some(values[0]);
        } else if let Some(body) = setup.world.solids.get_mut(self.0 - liquids) {
            body.gravity = Some(values[0]);
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        vec![gradient.shares[self.0]]
    }
}
