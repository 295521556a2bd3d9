//! Constants of materials.

use backflow_sim::{
    material::{Law, PARAMETERS},
    rollout::Gradient,
    scene::{BodyRef, Kind, Scene, Spec},
    world::World,
};

use super::{super::OptimizeSpec, Place, Setup};

/// Density or a parameter of the law of all bodies of a material.
#[derive(Debug)]
pub(super) struct Parameter {
    /// The bodies in world order, liquids first.
    bodies: Vec<usize>,
    /// Entry of their cotangents: 0 is density.
    entry: usize,
}

impl Parameter {
    /// Finds a parameter of a material by their names.
    pub fn find(
        spec: &Spec<OptimizeSpec>,
        scene: &Scene,
        material: &str,
        name: &str,
    ) -> Option<Self> {
        let world_index = |body: &BodyRef| match body.kind {
            Kind::Liquid => body.index,
            Kind::Solid => scene.world.liquids.len() + body.index,
        };
        let bodies: Vec<usize> = scene
            .bodies
            .iter()
            .zip(spec.materials_of_bodies())
            .enumerate()
            .filter(|(_, (_, made_of))| *made_of == material)
            .filter(|(index, _)| {
                let body = spec.bodies.get(*index);
                body.is_none_or(|body| !body.constants.contains_key(name))
            })
            .map(|(_, pair)| pair)
            .map(|(body, _)| world_index(body))
            .collect();
        let entry = parameter_entry(&scene.world, *bodies.first()?, name)?;
        Some(Self { bodies, entry })
    }
}

impl Place for Parameter {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        let first = self.bodies.first().into_iter();
        first
            .map(|&body| parameter(&setup.world, body, self.entry))
            .collect()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        for &body in &self.bodies {
            set_parameter(&mut setup.world, body, self.entry, values[0]);
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let bars = self
            .bodies
            .iter()
            .map(|&body| gradient.bodies[body][self.entry]);
        vec![bars.sum()]
    }
}

/// Name and entry of a parameter in `[density, parameters of the law...]`.
fn parameter_entry(world: &World<f64>, body: usize, name: &str) -> Option<usize> {
    let names = match world.liquids.get(body) {
        Some(body) => body.law.parameter_names(),
        None => world
            .solids
            .get(body - world.liquids.len())?
            .law
            .parameter_names(),
    };
    if name == "density" {
        return Some(0);
    }
    names
        .iter()
        .position(|&known| known == name)
        .map(|entry| entry + 1)
}

/// Density or a parameter of the law of a body in world order.
fn parameter(world: &World<f64>, body: usize, entry: usize) -> f64 {
    let (density, parameters) = match world.liquids.get(body) {
        Some(body) => (body.density, body.law.parameters()),
        None => {
            let body = &world.solids[body - world.liquids.len()];
            (body.density, body.law.parameters())
        }
    };
    if entry == 0 {
        density
    } else {
        parameters[entry - 1]
    }
}

fn set_parameter(world: &mut World<f64>, body: usize, entry: usize, value: f64) {
    fn set<L: Law<f64>>(density: &mut f64, law: &mut L, entry: usize, value: f64) {
        if entry == 0 {
            *density = value;
        } else {
            let mut parameters: [f64; PARAMETERS] = law.parameters();
            parameters[entry - 1] = value;
            *law = law.with_parameters(parameters);
        }
    }
    let liquids = world.liquids.len();
    if let Some(body) = world.liquids.get_mut(body) {
        set(&mut body.density, &mut body.law, entry, value);
    } else if let Some(body) = world.solids.get_mut(body - liquids) {
        set(&mut body.density, &mut body.law, entry, value);
    }
}
