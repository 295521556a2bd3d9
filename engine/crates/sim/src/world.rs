//! What a scene becomes: everything that does not change during a run.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::{
    contact::{Collider, ContactLaw},
    force::Force,
    grid::{Lattice, layout::PADDING},
    material::{Liquid, Solid},
    policy::Policy,
    rigid::RigidBody,
    tool::{Collector, Injector, Tool, injector::Matter},
};

/// A piece of matter of one material.
#[derive(Debug, Clone, PartialEq)]
pub struct Body<T: Real, L> {
    /// Name in the scene.
    pub name: String,
    /// Its constitutive law.
    pub law: L,
    /// Mass density of the undeformed material (kg/m^3).
    pub density: T,
    /// Undeformed volume of each of its particles (m^3).
    pub volume: T,
    /// Share of gravity that acts on it (1); all of it where none is given.
    pub gravity: Option<T>,
    /// Its particles in the canonical order of its kind (liquid or solid).
    pub range: Range<usize>,
}

/// One of the six walls of the domain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wall<T: Real> {
    /// How it holds matter.
    pub law: ContactLaw,
    /// Coulomb coefficient (1), used by [`ContactLaw::Coulomb`] alone.
    pub friction: T,
    /// Whether nodes beyond it move as images of those within, see [`crate::transfer::mirror`];
    /// set by [`World::mirror`].
    pub mirror: bool,
}

impl<T: Real> Wall<T> {
    /// A wall that stops the nodes beyond it, as those in its plane.
    pub const fn new(law: ContactLaw, friction: T) -> Self {
        Self {
            law,
            friction,
            mirror: false,
        }
    }
}

/// Time of a run: `frames` frames of `substeps` substeps of `dt` seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock<T: Real> {
    /// Frames of the run: controls are constant and losses are read once a frame.
    pub frames: usize,
    /// Substeps of a frame.
    pub substeps: usize,
    /// Time step of a substep (s).
    pub dt: T,
}

/// How a muscle is activated.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation<T: Real> {
    /// Index of the body in [`World::solids`]; its law is [`crate::material::Muscle`].
    pub body: usize,
    /// Activation (1) in each frame; after the last of them the muscle is slack.
    pub frames: Vec<T>,
}

/// Everything that does not change during a run.
#[derive(Debug, Clone, PartialEq)]
pub struct World<T: Real> {
    /// The background grid.
    pub lattice: Lattice<T>,
    /// Time of the run.
    pub clock: Clock<T>,
    /// Acceleration of gravity (m/s^2).
    pub gravity: Vector3<T>,
    /// Rate at which liquids come to the volume that their particles take (1/s), see
    /// [`crate::rollout::volume`]; zero leaves them alone.
    pub volume_rate: T,
    /// Walls `[axis][0: lower, 1: upper]`.
    pub walls: [[Wall<T>; 2]; 3],
    /// Axes along which nothing moves.
    pub locked: [bool; 3],
    /// Liquid bodies, in the order of their particles.
    pub liquids: Vec<Body<T, Liquid<T>>>,
    /// Solid bodies, in the order of their particles.
    pub solids: Vec<Body<T, Solid<T>>>,
    /// Activations of the muscles among them; others are slack.
    pub activations: Vec<Activation<T>>,
    /// Forces on particles, applied in this order.
    pub forces: Vec<Force<T>>,
    /// Colliders, applied in this order.
    pub colliders: Vec<Collider<T>>,
    /// The tools.
    pub tools: Vec<Tool<T>>,
    /// What steers the tools besides their programs.
    pub policies: Vec<Policy<T::Wide>>,
    /// The nozzles that matter comes out of.
    pub injectors: Vec<Injector<T>>,
    /// The volumes that take matter out.
    pub collectors: Vec<Collector<T>>,
    /// Rigid bodies of mass and inertia, in the wide scalar that their states are kept in.
    pub rigids: Vec<RigidBody<T::Wide>>,
}

impl<T: Real, L> Body<T, L> {
    /// The same body in another scalar, without tangents.
    fn cast<U: Real, M>(&self, law: impl Fn(&L) -> M) -> Body<U, M> {
        Body {
            name: self.name.clone(),
            law: law(&self.law),
            density: cast(self.density),
            volume: cast(self.volume),
            gravity: self.gravity.map(cast),
            range: self.range.clone(),
        }
    }
}

/// A scalar in another type, without tangent.
pub(crate) fn cast<T: Real, U: Real>(value: T) -> U {
    U::of(value.to_f64())
}

impl<T: Real> World<T> {
    /// The particles of a body that are born before the start of `frame`, in the canonical order of
    /// its kind.
    pub fn born_before(&self, matter: Matter, frame: usize) -> Range<usize> {
        let range = match matter {
            Matter::Liquid(index) => self.liquids.get(index).map(|body| &body.range),
            Matter::Solid(index) => self.solids.get(index).map(|body| &body.range),
        };
        let range = range.cloned().unwrap_or_default();
        let mut injectors = self.injectors.iter();
        match injectors.find(|injector| injector.matter == matter) {
            Some(injector) => {
                range.start..range.start + injector.born_before(frame).min(range.len())
            }
            None => range,
        }
    }

    /// As [`World::born_before`], with those that are born at the start of `frame`.
    pub fn born(&self, matter: Matter, frame: usize) -> Range<usize> {
        self.born_before(matter, frame + 1)
    }

    /// The particles, liquid and solid, that are not born before the start of `frame`.
    pub fn waiting_before(&self, frame: usize) -> [Vec<Range<usize>>; 2] {
        let mut waiting = [Vec::new(), Vec::new()];
        for injector in &self.injectors {
            let (kind, range) = match injector.matter {
                Matter::Liquid(index) => (0, self.liquids.get(index).map(|body| &body.range)),
                Matter::Solid(index) => (1, self.solids.get(index).map(|body| &body.range)),
            };
            if let Some(range) = range {
                let born = self.born_before(injector.matter, frame);
                waiting[kind].push(born.end..range.end);
            }
        }
        waiting
    }

    /// As [`World::waiting_before`], without those that are born at the start of `frame`.
    pub fn waiting(&self, frame: usize) -> [Vec<Range<usize>>; 2] {
        self.waiting_before(frame + 1)
    }

    /// Mirrors the walls that can be, see [`crate::transfer::mirror`]: those that matter slips
    /// along or sticks to, three cells or more from the wall across.
    pub fn mirror(&mut self) {
        for (walls, nodes) in self.walls.iter_mut().zip(self.lattice.nodes) {
            let wide = nodes > 2 * PADDING + 3;
            for wall in walls {
                let holds = matches!(wall.law, ContactLaw::Slip | ContactLaw::Sticky);
                wall.mirror = wide && holds;
            }
        }
    }

    /// Whether something acts on particles before a substep, see [`crate::force::push`].
    pub fn is_pushed(&self) -> bool {
        let liquids = self.liquids.iter().map(|body| body.gravity);
        let mut shares = liquids.chain(self.solids.iter().map(|body| body.gravity));
        !self.forces.is_empty() || shares.any(|share| share.is_some())
    }

    /// Whether some body is rigid.
    pub fn is_rigid(&self) -> bool {
        let mut laws = self.solids.iter().map(|body| &body.law);
        laws.any(|law| matches!(law, Solid::Rigid(_)))
    }

    /// The same world in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> World<U> {
        World {
            lattice: Lattice {
                origin: self.lattice.origin.map(cast),
                dx: cast(self.lattice.dx),
                nodes: self.lattice.nodes,
            },
            clock: Clock {
                frames: self.clock.frames,
                substeps: self.clock.substeps,
                dt: cast(self.clock.dt),
            },
            gravity: self.gravity.map(cast),
            volume_rate: cast(self.volume_rate),
            walls: self.walls.map(|sides| {
                sides.map(|wall| Wall {
                    law: wall.law,
                    friction: cast(wall.friction),
                    mirror: wall.mirror,
                })
            }),
            locked: self.locked,
            liquids: self
                .liquids
                .iter()
                .map(|body| body.cast(Liquid::cast))
                .collect(),
            solids: self
                .solids
                .iter()
                .map(|body| body.cast(Solid::cast))
                .collect(),
            activations: self
                .activations
                .iter()
                .map(|activation| Activation {
                    body: activation.body,
                    frames: activation.frames.iter().map(|&a| cast(a)).collect(),
                })
                .collect(),
            forces: self.forces.iter().map(Force::cast).collect(),
            colliders: self.colliders.iter().map(Collider::cast).collect(),
            tools: self.tools.iter().map(Tool::cast).collect(),
            policies: self.policies.iter().map(Policy::cast).collect(),
            injectors: self.injectors.iter().map(Injector::cast).collect(),
            collectors: self.collectors.iter().map(Collector::cast).collect(),
            rigids: self.rigids.iter().map(RigidBody::cast).collect(),
        }
    }
}
