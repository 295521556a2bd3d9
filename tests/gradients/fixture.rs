//! Small worlds that exercise everything at once.

use backflow_diff::Real;
use backflow_sim::{
    collider::{Capsule, Cuboid, Shape, Sphere},
    contact::{Collider, ContactLaw, Stage},
    force::{self, AnyForce, Force},
    grid::Lattice,
    material::{
        BoxPlastic, Deformation, DruckerPrager, Elasticity, FixedCorotated, HerschelBulkley,
        Liquid, Muscle, NeoHookean, Rigid, Snow, Solid, Strain, VonMises, Yielding,
    },
    particle::{Motion, Particles},
    pose::{Pose, Twist},
    tool::{Mount, Program, Tool},
    world::{Activation, Body, Clock, Wall, World},
};
use nalgebra::{Matrix3, Vector3};

/// A small generator of numbers in [-1, 1], by splitmix64.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    pub fn vector(&mut self) -> Vector3<f64> {
        Vector3::from_fn(|_, _| self.next())
    }

    pub fn matrix(&mut self) -> Matrix3<f64> {
        Matrix3::from_fn(|_, _| self.next())
    }
}

/// Everything that a run starts from.
#[derive(Clone)]
pub struct Setup<T: Real> {
    pub world: World<T>,
    pub particles: Particles<T>,
    pub programs: Vec<Program<T>>,
}

/// Which matter a world is filled with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Matter {
    Inviscid,
    Viscous,
    Slack,
    NeoHookean,
    FixedCorotated,
    BoxPlastic,
    VonMises,
    DruckerPrager,
    HerschelBulkley,
    Snow,
    Muscle,
    /// Rigid matter beside a liquid: alone its density would not matter.
    Rigid,
    /// A liquid and a solid side by side.
    Mixed,
}

pub const MATTER: [Matter; 13] = [
    Matter::Inviscid,
    Matter::Viscous,
    Matter::Slack,
    Matter::NeoHookean,
    Matter::FixedCorotated,
    Matter::BoxPlastic,
    Matter::VonMises,
    Matter::DruckerPrager,
    Matter::HerschelBulkley,
    Matter::Snow,
    Matter::Muscle,
    Matter::Rigid,
    Matter::Mixed,
];

pub const LAWS: [ContactLaw; 4] = [
    ContactLaw::Sticky,
    ContactLaw::Slip,
    ContactLaw::Separating,
    ContactLaw::Coulomb,
];

fn liquid(viscosity: f64, exponent: f64, tension: bool) -> Liquid<f64> {
    Liquid {
        bulk_modulus: 2e4,
        viscosity,
        exponent,
        tension,
    }
}

fn solid(matter: Matter) -> Solid<f64> {
    let elasticity = Elasticity::new(2e4, 0.3);
    match matter {
        Matter::FixedCorotated => Solid::FixedCorotated(FixedCorotated { elasticity }),
        Matter::BoxPlastic => Solid::BoxPlastic(BoxPlastic {
            elastic: FixedCorotated { elasticity },
            compression: 5e-3,
            extension: 8e-3,
        }),
        Matter::VonMises => Solid::VonMises(Yielding(VonMises {
            elasticity,
            yield_stress: 300.0,
            hardening: 2e3,
        })),
        Matter::DruckerPrager => Solid::DruckerPrager(Yielding(DruckerPrager {
            elasticity,
            friction_angle: 0.6,
            cohesion: 100.0,
        })),
        Matter::HerschelBulkley => Solid::HerschelBulkley(Yielding(HerschelBulkley {
            elasticity,
            yield_stress: 150.0,
            consistency: 4.0,
            cohesion: 150.0,
            exponent: 0.7,
        })),
        Matter::Snow => Solid::Snow(Snow {
            elastic: FixedCorotated { elasticity },
            compression: 5e-3,
            extension: 8e-3,
            hardening: 10.0,
        }),
        Matter::Muscle => Solid::Muscle(Muscle {
            passive: NeoHookean { elasticity },
            strength: 2e3,
            azimuth: 0.4,
            elevation: 0.7,
        }),
        Matter::Rigid => Solid::Rigid(Rigid),
        _ => Solid::NeoHookean(NeoHookean { elasticity }),
    }
}

/// A block of matter that falls into a corner, meets a hard ball on the floor and a soft
/// moving tool, with random velocities, affine velocities and strains.
pub fn setup(matter: Matter, law: ContactLaw, frames: usize, substeps: usize) -> Setup<f64> {
    let dx = 1.0 / 16.0;
    let mut noise = Noise(matter as u64 * 31 + law as u64);
    let mut particles = Particles::zeros(0, 0);
    let count = [6, 6, 6];
    let spacing = dx / 2.0;
    let mut fill = |shift: f64, solid: bool| {
        let mut added = 0;
        for i in 0..count[0] {
            for j in 0..count[1] {
                for k in 0..count[2] {
                    let at = Vector3::new(i as f64 + 0.5, j as f64 + 0.5, k as f64 + 0.5);
                    let x = Vector3::new(0.03 + shift, 0.03, 0.03)
                        + at * spacing
                        + noise.vector() * (0.1 * spacing);
                    let v = Vector3::new(-0.6, -1.0, 0.4) + noise.vector() * 0.8;
                    let c = noise.matrix() * 4.0;
                    if solid {
                        particles.solid.push(x, v);
                        if let Some(last) = particles.solid.motion.last_mut() {
                            last.set_c(&c);
                        }
                        if let Some(last) = particles.solid.strain.last_mut() {
                            last.set_f(&(Matrix3::identity() + noise.matrix() * 0.02));
                        }
                    } else {
                        particles.liquid.push(x, v);
                        if let Some(last) = particles.liquid.motion.last_mut() {
                            last.set_c(&c);
                        }
                        if let Some(last) = particles.liquid.strain.last_mut() {
                            *last = 1.0 + noise.next() * 0.02;
                        }
                    }
                    added += 1;
                }
            }
        }
        added
    };
    let volume = spacing * spacing * spacing;
    let body = |law, range| Body {
        name: "body".into(),
        law,
        density: 1000.0,
        volume,
        gravity: None,
        range,
    };
    let solid_body = |law, range| Body {
        name: "solid".into(),
        law,
        density: 800.0,
        volume,
        gravity: None,
        range,
    };
    let (mut liquids, mut solids) = (Vec::new(), Vec::new());
    match matter {
        Matter::Inviscid => liquids.push(body(liquid(0.0, 7.0, true), 0..fill(0.0, false))),
        Matter::Viscous => liquids.push(body(liquid(3.0, 1.0, true), 0..fill(0.0, false))),
        Matter::Slack => liquids.push(body(liquid(0.5, 3.0, false), 0..fill(0.0, false))),
        Matter::Mixed | Matter::Rigid => {
            liquids.push(body(liquid(0.5, 7.0, true), 0..fill(0.0, false)));
            solids.push(solid_body(solid(matter), 0..fill(0.19, true)));
        }
        _ => solids.push(solid_body(solid(matter), 0..fill(0.0, true))),
    }
    let wall = Wall::new(law, 0.3);
    let ball = Collider {
        name: "ball".into(),
        shape: Shape::Sphere(Sphere { radius: 0.07 }),
        pose: Pose::from_rotation_vector(Vector3::new(0.17, 0.0, 0.12), &Vector3::zeros()),
        law,
        friction: 0.4,
        width: 0.0,
        mount: None,
        stage: Stage::Grid,
    };
    let paddle = Collider {
        name: "paddle".into(),
        shape: Shape::Cuboid(Cuboid {
            half_extents: Vector3::new(0.05, 0.04, 0.06),
            rounding: 0.01,
        }),
        pose: Pose::from_rotation_vector(
            Vector3::new(0.02, -0.01, 0.0),
            &Vector3::new(0.1, 0.2, -0.1),
        ),
        law,
        friction: 0.5,
        width: 0.08,
        mount: Some(Mount { tool: 0, link: 0 }),
        stage: Stage::Grid,
    };
    let handle = Collider {
        name: "handle".into(),
        shape: Shape::Capsule(Capsule {
            radius: 0.03,
            half_length: 0.05,
        }),
        pose: Pose::from_rotation_vector(Vector3::new(0.0, 0.1, 0.0), &Vector3::zeros()),
        law,
        friction: 0.2,
        width: 0.05,
        mount: Some(Mount { tool: 0, link: 0 }),
        stage: Stage::Grid,
    };
    let tool = Tool::rigid(
        "tool",
        Pose::from_rotation_vector(
            Vector3::new(0.15, 0.24, 0.12),
            &Vector3::new(0.3, -0.2, 0.5),
        ),
    );
    let twists: Vec<_> = (0..frames)
        .map(|_| Twist {
            linear: Vector3::new(0.3, -0.8, 0.2) + noise.vector() * 0.3,
            angular: noise.vector() * 3.0,
        })
        .collect();
    // One frame fewer than the run: muscles end slack.
    let activations = match matter {
        Matter::Muscle => vec![Activation {
            body: 0,
            frames: (1..frames).map(|_| noise.next()).collect(),
        }],
        _ => Vec::new(),
    };
    let bodies = liquids.len() + solids.len();
    let force = |name: &str, law, acts| Force {
        name: name.to_owned(),
        law,
        acts,
    };
    let forces = vec![
        force(
            "push",
            AnyForce::Constant(force::Constant {
                acceleration: Vector3::new(2.0, -1.0, 0.5),
            }),
            vec![true; bodies],
        ),
        force(
            "wind",
            AnyForce::Wind(force::Wind {
                velocity: Vector3::new(1.0, 0.3, -0.6),
                rate: 2.0,
            }),
            vec![true; bodies],
        ),
        force(
            "drag",
            AnyForce::Drag(force::Drag {
                linear: 0.5,
                quadratic: 1.5,
            }),
            // On the last body alone, so that not all bodies feel the same.
            (1..=bodies).map(|body| body == bodies).collect(),
        ),
        force(
            "whirl",
            AnyForce::Vortex(force::Vortex {
                swirl: Vector3::new(1.0, 20.0, -3.0),
                centre: Vector3::new(0.2, 0.1, 0.15),
                radius: 0.1,
            }),
            vec![true; bodies],
        ),
        force(
            "point",
            AnyForce::Point(force::Point {
                centre: Vector3::new(0.3, 0.3, 0.2),
                strength: 0.2,
                radius: 0.1,
            }),
            vec![true; bodies],
        ),
    ];
    for body in &mut liquids {
        body.gravity = Some(0.8);
    }
    for body in &mut solids {
        body.gravity = Some(1.3);
    }
    let world = World {
        lattice: Lattice::over(Vector3::zeros(), [8, 8, 8], dx),
        clock: Clock {
            frames,
            substeps,
            dt: 1e-3,
        },
        gravity: Vector3::new(0.1, -9.81, 0.2),
        volume_rate: 30.0,
        walls: [[wall; 2]; 3],
        locked: [false; 3],
        liquids,
        solids,
        activations,
        forces,
        colliders: vec![ball, paddle, handle],
        tools: vec![tool],
        policies: Vec::new(),
        injectors: Vec::new(),
        collectors: Vec::new(),
        rigids: Vec::new(),
    };
    Setup {
        world,
        particles,
        programs: vec![Program::velocities(&twists)],
    }
}

/// Shows `add` the parts of a particle's motion and their weights.
fn add_motion<T: Real>(
    motion: &Motion<T>,
    weights: &Motion<f64>,
    mut add: impl FnMut(&[T], &[f64]),
) {
    add(motion.x().as_slice(), weights.x().as_slice());
    add(motion.v().as_slice(), weights.v().as_slice());
    add(motion.c().as_slice(), weights.c().as_slice());
}

/// `<particles, weights>` over all that particles carry.
pub fn dot<T: Real>(particles: &Particles<T>, weights: &Particles<f64>) -> T {
    let mut sum = T::of(0.0);
    let mut add = |values: &[T], weights: &[f64]| {
        for (value, weight) in values.iter().zip(weights) {
            sum += *value * T::of(*weight);
        }
    };
    let (a, b) = (&particles.liquid, &weights.liquid);
    for slot in 0..a.len() {
        add_motion(&a.motion[slot], &b.motion[slot], &mut add);
        add(&[a.strain[slot]], &[b.strain[slot]]);
    }
    let (a, b) = (&particles.solid, &weights.solid);
    for slot in 0..a.len() {
        add_motion(&a.motion[slot], &b.motion[slot], &mut add);
        add(a.strain[slot].components(), b.strain[slot].components());
    }
    sum
}

/// Random weights for all that particles carry.
pub fn weights(particles: &Particles<f64>, noise: &mut Noise) -> Particles<f64> {
    let mut weights = particles.clone();
    let Particles { liquid, solid } = &mut weights;
    for motion in [&mut liquid.motion, &mut solid.motion] {
        for motion in motion.iter_mut() {
            motion.set_x(&noise.vector());
        }
        for motion in motion.iter_mut() {
            motion.set_v(&noise.vector());
        }
    }
    for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
        motion.set_c(&noise.matrix());
    }
    for strain in &mut solid.strain {
        *strain = Deformation::new(&noise.matrix(), noise.next());
    }
    for strain in &mut liquid.strain {
        *strain = noise.next();
    }
    weights
}
