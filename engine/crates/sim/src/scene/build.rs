//! From the specification of a scene to what is run.

mod law;
mod parts;

use std::{ops::Range, path::Path};

use nalgebra::{Matrix3, Vector3};

pub use law::Law;
pub(super) use parts::{mount, unusable};

use parts::{collector, collider, force, injector};

use super::{
    check::check_with,
    fault::{Fault, SceneError},
    gas::GasScene,
    meshes::Meshes,
    motion,
    policy::policy,
    rigid::rigid,
    spec::{self, Spec},
    substep::clock,
    target::{Loss, Metric, Resolver},
};
use crate::{
    collider::SignedDistance,
    grid::Lattice,
    material::Solid,
    particle::{Motion, Particles},
    rigid::RigidBody,
    tool::{Injector, Program, injector::Matter},
    world::{Activation, Body, Wall, World},
};

/// A scene that is ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// What does not change during a run.
    pub world: World<f64>,
    /// The particles at the start, in canonical order: body by body, liquids in the
    /// order of the scene, then solids.
    pub particles: Particles<f64>,
    /// The bodies in the order of the scene.
    pub bodies: Vec<BodyRef>,
    /// What each tool is told to do.
    pub programs: Vec<Program<f64>>,
    /// What the run is judged by.
    pub losses: Vec<Loss>,
    /// What is reported after the run.
    pub metrics: Vec<Metric>,
    /// The gas, if there is any.
    pub gas: Option<GasScene>,
}

/// Where a body of the scene is in its world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRef {
    /// Its name.
    pub name: String,
    /// Which list of the world it is in.
    pub kind: Kind,
    /// Its index in that list.
    pub index: usize,
}

/// The two kinds of particles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of [`World::liquids`].
    Liquid,
    /// Of [`World::solids`].
    Solid,
}

impl Scene {
    /// The particles of a body in the canonical order of its kind.
    pub fn range(&self, body: &BodyRef) -> Range<usize> {
        let range = match body.kind {
            Kind::Liquid => self.world.liquids.get(body.index).map(|body| &body.range),
            Kind::Solid => self.world.solids.get(body.index).map(|body| &body.range),
        };
        range.cloned().unwrap_or_default()
    }
}

/// The grid of a domain whose size is a multiple of its cell.
pub(super) fn lattice(domain: &spec::Domain) -> Option<Lattice<f64>> {
    domain
        .cells()
        .map(|cells| Lattice::over(domain.min.into(), cells, domain.cell))
}

/// The error of a scene that does not come from a file.
pub(super) fn refused(name: &str, faults: Vec<Fault>) -> SceneError {
    SceneError::Faults {
        origin: format!("scene {name:?}"),
        faults,
    }
}

/// Builds a scene; files are looked for in `directory`.
///
/// # Errors
/// Everything that is wrong with the scene, see [`check`](super::check()).
pub fn build<O>(spec: &Spec<O>, directory: &Path) -> Result<Scene, SceneError> {
    build_with(spec, &Meshes::new(directory))
}

/// Builds a scene; see [`Meshes`] for its files.
///
/// # Errors
/// Everything that is wrong with the scene, see [`check`](super::check()).
pub fn build_with<O>(spec: &Spec<O>, meshes: &Meshes) -> Result<Scene, SceneError> {
    let spec = &spec.physics();
    let refused = |fault| refused(&spec.name, vec![fault]);
    let faults = check_with(spec, meshes);
    if !faults.is_empty() {
        return Err(self::refused(&spec.name, faults));
    }
    let whole = || Fault::new("domain.size", "", "a multiple of the cell");
    let lattice = lattice(&spec.domain).ok_or_else(|| refused(whole()))?;
    let mut rigids = Vec::with_capacity(spec.rigids.len());
    for (index, given) in spec.rigids.iter().enumerate() {
        let made = rigid(given, meshes);
        rigids.push(made.map_err(|error| {
            refused(unusable(&format!("rigids[{index}]"), &given.shape, &error))
        })?);
    }
    let (mut liquids, mut solids, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let mut activations = Vec::new();
    let mut particles = Particles::zeros(0, 0);
    for (index, body) in spec.bodies.iter().enumerate() {
        let path = format!("bodies[{index}]");
        let solid = body
            .shape
            .placed(body.position, body.rotation, meshes)
            .map_err(|error| refused(unusable(&path, &body.shape, &error)))?;
        let material = spec.material_of(body).ok_or_else(|| {
            refused(Fault::new(
                format!("{path}.material"),
                &body.material,
                "a material",
            ))
        })?;
        let pattern = body.particles.pattern();
        let mut places = pattern.fill(&lattice, &solid);
        places.retain(|x| !rigids.iter().any(|rigid| holds(rigid, x)));
        // A rigid motion: v + spin x (x - origin of the shape), and its gradient, without which
        // the first transfer to the grid would lose the spin of the matter about each particle.
        let (origin, spin) = (Vector3::from(body.position), Vector3::from(body.spin));
        let locks = spec.domain.locks();
        let mut gradient = spin.cross_matrix();
        for axis in (0..3).filter(|&axis| locks[axis]) {
            gradient.row_mut(axis).fill(0.0);
        }
        let motion = |x: &Vector3<f64>| {
            let v = Vector3::from(body.velocity) + spin.cross(&(x - origin));
            let v = Vector3::from_fn(|axis, _| if locks[axis] { 0.0 } else { v[axis] });
            Motion::new(x, &v, &gradient)
        };
        let motions = places.iter().map(motion);
        let (name, density) = (body.name.clone(), material.density());
        let volume = pattern.volume(lattice.dx);
        let (kind, index) = match Law::of(&material) {
            Law::Liquid(law) => {
                let range = particles.liquid.extend(motions);
                liquids.push(Body {
                    name,
                    law,
                    density,
                    volume,
                    gravity: body.gravity,
                    range,
                });
                (Kind::Liquid, liquids.len() - 1)
            }
            Law::Solid(law) => {
                if matches!(law, Solid::Muscle(_)) {
                    activations.push(Activation {
                        body: solids.len(),
                        frames: body.activation.frames(spec.time.frames),
                    });
                }
                let range = particles.solid.extend(motions);
                solids.push(Body {
                    name,
                    law,
                    density,
                    volume,
                    gravity: body.gravity,
                    range,
                });
                (Kind::Solid, solids.len() - 1)
            }
        };
        bodies.push(BodyRef {
            name: body.name.clone(),
            kind,
            index,
        });
    }
    let mut injectors = Vec::with_capacity(spec.injectors.len());
    for given in &spec.injectors {
        let (injector, volume) = injector(spec, given, &lattice);
        // They wait where they cost nothing: in no block, whatever their place.
        let wait = lattice.min() + (lattice.max() - lattice.min()) * 0.5;
        let count = injector.count();
        let motions = std::iter::repeat_n(
            Motion::new(&wait, &Vector3::zeros(), &Matrix3::zeros()),
            count,
        );
        let Some(material) = spec.materials.get(&given.material) else {
            continue;
        };
        let (name, density) = (given.name.clone(), material.density());
        let (kind, index) = match Law::of(material) {
            Law::Liquid(law) => {
                let range = particles.liquid.extend(motions);
                liquids.push(Body {
                    name,
                    law,
                    density,
                    volume,
                    gravity: None,
                    range,
                });
                (Kind::Liquid, liquids.len() - 1)
            }
            Law::Solid(law) => {
                let range = particles.solid.extend(motions);
                solids.push(Body {
                    name,
                    law,
                    density,
                    volume,
                    gravity: None,
                    range,
                });
                (Kind::Solid, solids.len() - 1)
            }
        };
        let matter = match kind {
            Kind::Liquid => Matter::Liquid(index),
            Kind::Solid => Matter::Solid(index),
        };
        injectors.push(Injector { matter, ..injector });
        bodies.push(BodyRef {
            name: given.name.clone(),
            kind,
            index,
        });
    }
    let resolver = Resolver {
        spec,
        meshes,
        lattice: &lattice,
        bodies: &bodies,
        rigids: &rigids,
    };
    let (losses, metrics) = (resolver.losses()?, resolver.metrics()?);
    let mut colliders = Vec::with_capacity(spec.colliders.len());
    for (index, given) in spec.colliders.iter().enumerate() {
        let made = collider(spec, given, meshes);
        colliders.push(made.map_err(|error| {
            refused(unusable(
                &format!("colliders[{index}]"),
                &given.shape,
                &error,
            ))
        })?);
    }
    let mut collectors = Vec::with_capacity(spec.collectors.len());
    for (index, given) in spec.collectors.iter().enumerate() {
        let made = collector(spec, given, &bodies, meshes);
        collectors.push(made.map_err(|error| {
            refused(unusable(
                &format!("collectors[{index}]"),
                &given.shape,
                &error,
            ))
        })?);
    }
    let forces = spec.forces.iter().map(|given| force(given, &bodies));
    let gas = spec
        .gas
        .as_ref()
        .map(|gas| super::gas::build(spec, gas, meshes, &rigids));
    let tools = spec.tools.iter().enumerate();
    let policies = tools.filter_map(|(index, tool)| policy(index, tool, &bodies));
    let mut world = World {
        lattice,
        clock: clock(spec, meshes).map_err(refused)?,
        gravity: spec.gravity.into(),
        volume_rate: spec.volume_rate,
        walls: spec.domain.walls.laws().map(|sides| {
            sides.map(|side| {
                let (law, friction) = side.contact();
                Wall::new(law, friction)
            })
        }),
        locked: spec.domain.locks(),
        liquids,
        solids,
        activations,
        forces: forces.collect(),
        colliders,
        tools: spec.tools.iter().map(motion::tool).collect(),
        policies: policies.collect(),
        injectors,
        collectors,
        rigids,
    };
    if spec.domain.walls.mirror {
        world.mirror();
    }
    let program = |tool| motion::program(tool, spec.time.frames);
    Ok(Scene {
        world,
        particles,
        bodies,
        programs: spec.tools.iter().map(program).collect(),
        losses,
        metrics,
        gas: gas.transpose().map_err(refused)?,
    })
}

/// Whether a rigid body is at a point (m) at the start.
fn holds(rigid: &RigidBody<f64>, x: &Vector3<f64>) -> bool {
    let pose = rigid.start.pose.compose(&rigid.collider.pose);
    rigid.collider.shape.contains(&pose.inverse_apply(x))
}

#[cfg(test)]
mod tests;
