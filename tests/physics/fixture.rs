//! Small worlds of one body, and what a body has in total.

use backflow_sim::{
    contact::ContactLaw,
    grid::Lattice,
    material::{
        BoxPlastic, DruckerPrager, Elasticity, FixedCorotated, HerschelBulkley, Liquid, Muscle,
        NeoHookean, Rigid, Snow, Solid, VonMises, Yielding,
    },
    particle::{Motion, Particles},
    rollout::{State, forward::Rollout},
    world::{Body, Clock, Wall, World},
};
use nalgebra::{Matrix3, Vector3};

/// Numbers in [-1, 1], by splitmix64.
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

/// What a body is made of.
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
    Rigid,
}

pub const MATTER: [Matter; 12] = [
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
];

/// Bulk modulus of the liquids and Young's modulus of the solids (Pa).
pub const STIFFNESS: f64 = 2e4;

/// Flow index of the Herschel-Bulkley fluid (1).
pub const FLOW_INDEX: f64 = 0.7;

/// Density of all matter (kg/m^3).
pub const DENSITY: f64 = 1000.0;

/// Grid spacing (m): a power of two, so that shifts by whole cells are exact.
pub const DX: f64 = 1.0 / 16.0;

/// Particles along each edge of a cell.
pub const PER_AXIS: usize = 2;

/// A world and the particles it starts with.
#[derive(Clone)]
pub struct Case {
    pub world: World<f64>,
    pub particles: Particles<f64>,
}

/// A world of `cells` cells without gravity that holds nothing.
pub fn empty(cells: [usize; 3], dx: f64, dt: f64) -> Case {
    let wall = Wall::new(ContactLaw::Slip, 0.0);
    Case {
        world: World {
            lattice: Lattice::over(Vector3::zeros(), cells, dx),
            clock: Clock {
                frames: 1,
                substeps: 10,
                dt,
            },
            gravity: Vector3::zeros(),
            volume_rate: 0.0,
            walls: [[wall; 2]; 3],
            locked: [false; 3],
            liquids: Vec::new(),
            solids: Vec::new(),
            activations: Vec::new(),
            forces: Vec::new(),
            colliders: Vec::new(),
            tools: Vec::new(),
            policies: Vec::new(),
            injectors: Vec::new(),
            collectors: Vec::new(),
            rigids: Vec::new(),
        },
        particles: Particles::zeros(0, 0),
    }
}

/// The law of a kind of liquid; `None` for solids.
pub fn liquid(matter: Matter) -> Option<Liquid<f64>> {
    let law = |viscosity, exponent, tension| Liquid {
        bulk_modulus: STIFFNESS,
        viscosity,
        exponent,
        tension,
    };
    match matter {
        Matter::Inviscid => Some(law(0.0, 7.0, true)),
        Matter::Viscous => Some(law(3.0, 1.0, true)),
        Matter::Slack => Some(law(0.5, 3.0, false)),
        _ => None,
    }
}

/// The law of a kind of solid; `None` for liquids.
pub fn solid(matter: Matter, elasticity: Elasticity<f64>) -> Option<Solid<f64>> {
    match matter {
        Matter::NeoHookean => Some(Solid::NeoHookean(NeoHookean { elasticity })),
        Matter::FixedCorotated => Some(Solid::FixedCorotated(FixedCorotated { elasticity })),
        Matter::BoxPlastic => Some(Solid::BoxPlastic(BoxPlastic {
            elastic: FixedCorotated { elasticity },
            compression: 2.5e-2,
            extension: 7.5e-3,
        })),
        Matter::VonMises => Some(Solid::VonMises(Yielding(VonMises {
            elasticity,
            yield_stress: 300.0,
            hardening: 2e3,
        }))),
        Matter::DruckerPrager => Some(Solid::DruckerPrager(Yielding(DruckerPrager {
            elasticity,
            friction_angle: 0.6,
            cohesion: 100.0,
        }))),
        Matter::HerschelBulkley => Some(Solid::HerschelBulkley(Yielding(HerschelBulkley {
            elasticity,
            yield_stress: 150.0,
            consistency: 4.0,
            cohesion: 150.0,
            exponent: FLOW_INDEX,
        }))),
        Matter::Snow => Some(Solid::Snow(Snow {
            elastic: FixedCorotated { elasticity },
            compression: 2.5e-2,
            extension: 7.5e-3,
            hardening: 10.0,
        })),
        Matter::Muscle => Some(Solid::Muscle(Muscle {
            passive: NeoHookean { elasticity },
            strength: 1e3,
            azimuth: 0.4,
            elevation: 0.7,
        })),
        Matter::Rigid => Some(Solid::Rigid(Rigid)),
        _ => None,
    }
}

impl Case {
    /// Fills the cells `from..to` that `keep` admits with a body at rest: 8 particles a
    /// cell, each moved by up to `jitter` spacings.
    pub fn fill(
        mut self,
        matter: Matter,
        [from, to]: [[usize; 3]; 2],
        jitter: f64,
        keep: impl Fn(&Vector3<f64>) -> bool,
    ) -> Self {
        let World {
            lattice,
            liquids,
            solids,
            ..
        } = &mut self.world;
        let spacing = lattice.dx / PER_AXIS as f64;
        let mut noise = Noise(7);
        let first = [self.particles.liquid.len(), self.particles.solid.len()];
        let law = liquid(matter);
        let span = |axis: usize| from[axis] * PER_AXIS..to[axis] * PER_AXIS;
        for i in span(0) {
            for j in span(1) {
                for k in span(2) {
                    let at = Vector3::new(i as f64 + 0.5, j as f64 + 0.5, k as f64 + 0.5);
                    let x = lattice.min() + (at + noise.vector() * jitter) * spacing;
                    if !keep(&x) {
                        continue;
                    }
                    if law.is_some() {
                        self.particles.liquid.push(x, Vector3::zeros());
                    } else {
                        self.particles.solid.push(x, Vector3::zeros());
                    }
                }
            }
        }
        let (volume, density) = (spacing.powi(3), DENSITY);
        let name = format!("{matter:?}");
        if let Some(law) = law {
            let range = first[0]..self.particles.liquid.len();
            liquids.push(Body {
                name,
                law,
                density,
                volume,
                gravity: None,
                range,
            });
        } else if let Some(law) = solid(matter, Elasticity::new(STIFFNESS, 0.3)) {
            let range = first[1]..self.particles.solid.len();
            solids.push(Body {
                name,
                law,
                density,
                volume,
                gravity: None,
                range,
            });
        }
        self
    }

    /// Gives every particle the velocity and affine velocity of a field.
    pub fn moving(
        mut self,
        mut field: impl FnMut(&Vector3<f64>) -> (Vector3<f64>, Matrix3<f64>),
    ) -> Self {
        let Particles { liquid, solid } = &mut self.particles;
        for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
            let x = motion.x();
            let (v, c) = field(&x);
            *motion = Motion::new(&x, &v, &c);
        }
        self
    }

    /// Strains every particle at random by up to `size`.
    pub fn strained(mut self, size: f64, noise: &mut Noise) -> Self {
        for j in &mut self.particles.liquid.strain {
            *j += size * noise.next();
        }
        for f in &mut self.particles.solid.strain {
            f.set_f(&(f.f() + noise.matrix() * size));
        }
        self
    }

    /// Random velocities, affine velocities and strains.
    pub fn agitated(self, speed: f64, seed: u64) -> Self {
        let mut noise = Noise(seed);
        let rate = speed / DX;
        self.moving(|_| (noise.vector() * speed, noise.matrix() * rate))
            .strained(0.02, &mut Noise(seed + 1))
    }

    /// Gravity (m/s^2).
    pub fn falling(mut self, gravity: Vector3<f64>) -> Self {
        self.world.gravity = gravity;
        self
    }

    /// All walls of one law, with a friction coefficient of 0.3.
    pub fn walled(mut self, law: ContactLaw) -> Self {
        self.world.walls = [[Wall::new(law, 0.3); 2]; 3];
        self
    }

    pub fn state(&self) -> State<f64> {
        State::new(&self.world, self.particles.clone())
    }

    /// Runs `steps` substeps and shows `see` the run and the state after each.
    pub fn run(
        &self,
        steps: usize,
        mut see: impl FnMut(&Rollout<'_, f64>, &mut State<f64>),
    ) -> Particles<f64> {
        let mut rollout = Rollout::new(&self.world, &[]);
        let mut state = self.state();
        for step in 0..steps {
            rollout.advance(&mut state, step).unwrap();
            see(&rollout, &mut state);
        }
        state.check(&self.world, steps).unwrap();
        state.canonical(&self.world)
    }

    /// Mass of each particle: all bodies have the same (kg).
    pub fn particle_mass(&self) -> f64 {
        DENSITY * (self.world.lattice.dx / PER_AXIS as f64).powi(3)
    }

    pub fn mass(&self) -> f64 {
        self.particle_mass() * self.particles.len() as f64
    }
}

/// A block of 5 x 6 x 4 jittered cells in the middle of 16, too far from the walls to
/// reach them.
pub fn floating(matter: Matter, dt: f64) -> Case {
    empty([16; 3], DX, dt).fill(matter, [[5, 5, 6], [10, 11, 10]], 0.3, |_| true)
}

/// Position, velocity and affine velocity of every particle.
pub fn motion(
    particles: &Particles<f64>,
) -> impl Iterator<Item = (Vector3<f64>, Vector3<f64>, Matrix3<f64>)> {
    let Particles { liquid, solid } = particles;
    let all = liquid.motion.iter().chain(&solid.motion);
    all.map(|motion| (motion.x(), motion.v(), motion.c()))
}

/// What particles of mass 1 have in total; the affine motion about a particle has the
/// inertia of quadratic B-splines, `dx^2 / 4` along every axis.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    pub momentum: Vector3<f64>,
    pub angular: Vector3<f64>,
    /// Sums of the magnitudes, which round-off is measured by.
    pub momentum_scale: f64,
    pub angular_scale: f64,
}

pub fn totals(particles: &Particles<f64>, dx: f64, about: &Vector3<f64>) -> Totals {
    let mut sum = Totals {
        momentum: Vector3::zeros(),
        angular: Vector3::zeros(),
        momentum_scale: 0.0,
        angular_scale: 0.0,
    };
    for (x, v, c) in motion(particles) {
        let arm = x - about;
        let spin = Vector3::new(
            c[(2, 1)] - c[(1, 2)],
            c[(0, 2)] - c[(2, 0)],
            c[(1, 0)] - c[(0, 1)],
        ) * (0.25 * dx * dx);
        sum.momentum += v;
        sum.angular += arm.cross(&v) + spin;
        sum.momentum_scale += v.norm();
        sum.angular_scale += arm.norm() * v.norm() + spin.norm();
    }
    sum
}
