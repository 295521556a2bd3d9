//! From the specification of a scene to what is run.

use std::{ops::Range, path::Path};

use nalgebra::{Matrix3, Vector3};

use super::{
    check::check_with,
    fault::{Fault, SceneError},
    gas::GasScene,
    meshes::{Meshes, UnusableMesh},
    motion,
    policy::policy,
    rigid::rigid,
    solid::placement,
    spec::{self, Attachment, Material, Spec},
    substep::clock,
    target::{Loss, Metric, Resolver},
};
use crate::{
    collider::SignedDistance,
    contact::{Collider, ContactLaw, Stage},
    force::{self, AnyForce, Force},
    grid::Lattice,
    material::{
        BoxPlastic, DruckerPrager, Elasticity, FixedCorotated, HerschelBulkley, Liquid, Muscle,
        NeoHookean, Rigid, Snow, Solid, VonMises, Yielding,
    },
    particle::{Motion, Particles},
    rigid::RigidBody,
    tool::{Collector, Injector, Mount, Nozzle, Program, injector::Matter},
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

/// The law of a material, by its kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// Of a liquid.
    Liquid(Liquid<f64>),
    /// Of a solid.
    Solid(Solid<f64>),
}

impl Law {
    /// Names of the parameters that have a gradient, and their values.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, f64)> {
        use crate::material::Law;
        let (names, values) = match self {
            Self::Liquid(law) => (law.parameter_names(), law.parameters()),
            Self::Solid(law) => (law.parameter_names(), law.parameters()),
        };
        names.iter().copied().zip(values)
    }

    /// The law of a material.
    pub fn of(material: &Material) -> Self {
        match material.resolved() {
            // No preset is resolved to another.
            Material::Rigid { .. } | Material::Preset(_) => Self::Solid(Solid::Rigid(Rigid)),
            Material::Liquid {
                bulk_modulus,
                viscosity,
                exponent,
                tension,
                ..
            } => Self::Liquid(Liquid {
                bulk_modulus,
                viscosity,
                exponent,
                tension,
            }),
            Material::NeoHookean { young, poisson, .. } => {
                let elasticity = Elasticity::new(young, poisson);
                Self::Solid(Solid::NeoHookean(NeoHookean { elasticity }))
            }
            Material::FixedCorotated { young, poisson, .. } => {
                let elasticity = Elasticity::new(young, poisson);
                Self::Solid(Solid::FixedCorotated(FixedCorotated { elasticity }))
            }
            Material::BoxPlastic {
                young,
                poisson,
                compression,
                extension,
                ..
            } => {
                let elastic = FixedCorotated {
                    elasticity: Elasticity::new(young, poisson),
                };
                Self::Solid(Solid::BoxPlastic(BoxPlastic {
                    elastic,
                    compression,
                    extension,
                }))
            }
            Material::VonMises {
                young,
                poisson,
                yield_stress,
                hardening,
                ..
            } => Self::Solid(Solid::VonMises(Yielding(VonMises {
                elasticity: Elasticity::new(young, poisson),
                yield_stress,
                hardening,
            }))),
            Material::DruckerPrager {
                young,
                poisson,
                friction_angle,
                cohesion,
                ..
            } => Self::Solid(Solid::DruckerPrager(Yielding(DruckerPrager {
                elasticity: Elasticity::new(young, poisson),
                friction_angle,
                cohesion,
            }))),
            Material::HerschelBulkley {
                young,
                poisson,
                yield_stress,
                consistency,
                exponent,
                cohesion,
                ..
            } => Self::Solid(Solid::HerschelBulkley(Yielding(HerschelBulkley {
                elasticity: Elasticity::new(young, poisson),
                yield_stress,
                consistency,
                cohesion: cohesion.unwrap_or(yield_stress),
                exponent,
            }))),
            Material::Snow {
                young,
                poisson,
                compression,
                extension,
                hardening,
                ..
            } => {
                let elastic = FixedCorotated {
                    elasticity: Elasticity::new(young, poisson),
                };
                Self::Solid(Solid::Snow(Snow {
                    elastic,
                    compression,
                    extension,
                    hardening,
                }))
            }
            Material::Muscle {
                young,
                poisson,
                strength,
                azimuth,
                elevation,
                ..
            } => {
                let passive = NeoHookean {
                    elasticity: Elasticity::new(young, poisson),
                };
                Self::Solid(Solid::Muscle(Muscle {
                    passive,
                    strength,
                    azimuth,
                    elevation,
                }))
            }
        }
    }
}

impl spec::Law {
    /// The law and its friction coefficient (1).
    pub const fn contact(self) -> (ContactLaw, f64) {
        match self {
            Self::Sticky => (ContactLaw::Sticky, 0.0),
            Self::Slip => (ContactLaw::Slip, 0.0),
            Self::Separating => (ContactLaw::Separating, 0.0),
            Self::Coulomb(friction) => (ContactLaw::Coulomb, friction),
        }
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
    let world = World {
        lattice,
        clock: clock(spec, meshes).map_err(refused)?,
        gravity: spec.gravity.into(),
        volume_rate: spec.volume_rate,
        walls: spec.domain.walls.laws().map(|sides| {
            sides.map(|side| {
                let (law, friction) = side.contact();
                Wall { law, friction }
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

/// The force of a scene on the bodies that it names.
fn force(given: &spec::Force, bodies: &[BodyRef]) -> Force<f64> {
    let law = match given.law {
        spec::ForceLaw::Constant { acceleration } => AnyForce::Constant(force::Constant {
            acceleration: acceleration.into(),
        }),
        spec::ForceLaw::Wind { velocity, rate } => AnyForce::Wind(force::Wind {
            velocity: velocity.into(),
            rate,
        }),
        spec::ForceLaw::Drag { linear, quadratic } => {
            AnyForce::Drag(force::Drag { linear, quadratic })
        }
        spec::ForceLaw::Vortex {
            swirl,
            centre,
            radius,
        } => AnyForce::Vortex(force::Vortex {
            swirl: swirl.into(),
            centre: centre.into(),
            radius,
        }),
        spec::ForceLaw::Point {
            centre,
            strength,
            radius,
        } => AnyForce::Point(force::Point {
            centre: centre.into(),
            strength,
            radius,
        }),
    };
    let named = |body: &&BodyRef| given.on.as_ref().is_none_or(|on| on.contains(&body.name));
    // Liquids, then solids, each in the order of the scene.
    let of = |kind| bodies.iter().filter(move |body| body.kind == kind);
    let acts = of(Kind::Liquid).chain(of(Kind::Solid));
    Force {
        name: given.name.clone(),
        law,
        acts: acts.map(|body| named(&body)).collect(),
    }
}

/// The fault of a shape at a path whose mesh cannot be used.
pub(super) fn unusable(path: &str, shape: &spec::Shape, error: &UnusableMesh) -> Fault {
    let file = shape
        .mesh()
        .map_or(String::new(), |mesh| format!("{:?}", mesh.file));
    Fault::new(format!("{path}.shape.file"), file, error.to_string())
}

/// The frame that something fixed to `on` moves with.
pub(super) fn mount(spec: &Spec<()>, on: &Attachment) -> Option<Mount> {
    let find = |name: &String| {
        let tool = spec.tools.iter().position(|tool| tool.name == *name)?;
        Some((tool, &spec.tools[tool]))
    };
    match on {
        Attachment::World => None,
        Attachment::Tool(name) => find(name).map(|(tool, _)| Mount { tool, link: 0 }),
        Attachment::Part(name, joint) => {
            let (tool, given) = find(name)?;
            let link = given.joint(joint)? + 1;
            Some(Mount { tool, link })
        }
    }
}

/// An injector and the volume of its particles (m^3).
fn injector(
    spec: &Spec<()>,
    given: &spec::Injector,
    lattice: &Lattice<f64>,
) -> (Injector<f64>, f64) {
    let volume = lattice.dx.powi(3) / f64::from(given.per_cell.max(1));
    let last = given
        .to
        .unwrap_or(usize::MAX)
        .min(spec.time.frames.saturating_sub(1));
    let frames = given.from..(last + 1).max(given.from);
    // At least one particle, which passes in the middle of the time that it is open.
    let least = 1.0 / frames.len().max(1) as f64;
    let injector = Injector {
        name: given.name.clone(),
        matter: Matter::Liquid(0),
        mount: mount(spec, &given.on),
        pose: placement(given.position, given.rotation),
        nozzle: match given.nozzle {
            spec::Nozzle::Cube { half } => Nozzle::Cube(half.into()),
            spec::Nozzle::Ball { radius } => Nozzle::Ball(radius),
            spec::Nozzle::Disc { radius } => Nozzle::Disc(radius),
        },
        velocity: given.velocity.into(),
        frames,
        per_frame: (given.flux * spec.time.frame / volume).max(least),
        seed: given.seed,
    };
    (injector, volume)
}

/// The collector of a scene of these bodies.
fn collector(
    spec: &Spec<()>,
    given: &spec::Collector,
    bodies: &[BodyRef],
    meshes: &Meshes,
) -> Result<Collector<f64>, UnusableMesh> {
    let rigid = |name: &str| {
        let mut all = spec.bodies.iter();
        let body = all.find(|body| body.name == name);
        let material = body.and_then(|body| spec.materials.get(&body.material));
        matches!(material, Some(Material::Rigid { .. }))
    };
    let of = |body: &BodyRef| match &given.bodies {
        Some(names) => names.contains(&body.name),
        None => !rigid(&body.name),
    };
    // Liquids, then solids, each in the order of the scene.
    let kind = |kind| bodies.iter().filter(move |body| body.kind == kind);
    let all = kind(Kind::Liquid).chain(kind(Kind::Solid));
    let frames = spec.time.frames;
    let last = given.to.unwrap_or(usize::MAX).min(frames.saturating_sub(1));
    Ok(Collector {
        name: given.name.clone(),
        mount: mount(spec, &given.on),
        pose: placement(given.position, given.rotation),
        shape: given.shape.signed(0.0, meshes)?,
        of: all.map(of).collect(),
        removes: given.removes,
        frames: given.from..(last + 1).max(given.from),
    })
}

fn collider(
    spec: &Spec<()>,
    collider: &spec::Collider,
    meshes: &Meshes,
) -> Result<Collider<f64>, UnusableMesh> {
    let (law, friction) = collider.law.contact();
    Ok(Collider {
        name: collider.name.clone(),
        shape: collider.shape.signed(collider.width, meshes)?,
        pose: placement(collider.position, collider.rotation),
        law,
        friction,
        width: collider.width,
        mount: mount(spec, &collider.on),
        stage: match collider.stage {
            spec::Stage::Grid => Stage::Grid,
            spec::Stage::Particles => Stage::Particles,
            spec::Stage::Both => Stage::Both,
            spec::Stage::Shell => Stage::Shell,
        },
    })
}

#[cfg(test)]
mod tests;
