//! A run that has everything: a liquid, two solids, a moving tool with a collector, walls with
//! friction.

use backflow_diff::{Real, memory::Plan};
use backflow_sim::{
    Compiled,
    collider::{Capsule, Shape, Sphere},
    contact::{Collider, ContactLaw, Stage},
    grid::Lattice,
    loss::{Frame, FrameBar},
    material::{BoxPlastic, Elasticity, FixedCorotated, Liquid, NeoHookean, Solid},
    particle::Particles,
    pose::{Pose, Twist},
    rollout::{Gradient, State, forward::Rollout, frame::Criterion},
    tool::{Collector, Mount, Program, Tool},
    world::{Body, Clock, Wall, World},
};
use nalgebra::Vector3;

/// A world, its particles and the velocities of its tool.
pub struct Setup<T: Real> {
    pub world: World<T>,
    pub particles: Particles<T>,
    pub programs: Vec<Program<T::Wide>>,
}

pub const FRAMES: usize = 3;
pub const SUBSTEPS: usize = 12;
const DX: f64 = 1.0 / 16.0;

/// A number in [-1, 1] that differs from call to call.
fn noise(seed: &mut u64) -> f64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
}

/// Places of 8 jittered particles a cell.
fn places(from: [usize; 3], to: [usize; 3], seed: &mut u64) -> Vec<Vector3<f64>> {
    let mut places = Vec::new();
    for i in 2 * from[0]..2 * to[0] {
        for j in 2 * from[1]..2 * to[1] {
            for k in 2 * from[2]..2 * to[2] {
                let at = Vector3::new(i as f64, j as f64, k as f64).add_scalar(0.5);
                let jitter = Vector3::from_fn(|_, _| 0.3 * noise(seed));
                places.push((at + jitter) * (DX / 2.0));
            }
        }
    }
    places
}

/// The setup in the scalar `T`: the same numbers, rounded. Particles touch colliders, too, which comes
/// between the substeps of the way back.
pub fn setup<T: Compiled>() -> Setup<T> {
    touched(Stage::Shell)
}

/// The same where only the grid touches colliders: substeps are pulled back as one where nothing else comes between.
pub fn setup_on_grid<T: Compiled>() -> Setup<T> {
    touched(Stage::Grid)
}

fn touched<T: Compiled>(stage: Stage) -> Setup<T> {
    let mut seed = 5;
    let mut particles: Particles<f64> = Particles::zeros(0, 0);
    // Fast enough that particles leave their tiles within a frame.
    let velocity =
        |drift: Vector3<f64>, seed: &mut u64| drift + Vector3::from_fn(|_, _| 2.0 * noise(seed));
    for x in places([0, 0, 0], [9, 8, 6], &mut seed) {
        particles
            .liquid
            .push(x, velocity(Vector3::new(7.0, -1.0, 3.0), &mut seed));
    }
    for x in places([1, 0, 8], [6, 5, 11], &mut seed) {
        particles
            .solid
            .push(x, velocity(Vector3::new(1.0, 2.0, -7.0), &mut seed));
    }
    let first = particles.solid.len();
    for x in places([7, 0, 8], [11, 5, 12], &mut seed) {
        particles
            .solid
            .push(x, velocity(Vector3::new(-4.0, 1.0, 0.0), &mut seed));
    }
    let (liquids, solids) = (particles.liquid.len(), particles.solid.len());
    let elasticity = Elasticity::new(5e4, 0.3);
    let (density, volume) = (1000.0, (DX / 2.0).powi(3));
    let solid = |name: &str, law, range| Body {
        name: name.into(),
        law,
        density,
        volume,
        gravity: None,
        range,
    };
    let plastic = BoxPlastic {
        elastic: FixedCorotated { elasticity },
        compression: 2e-2,
        extension: 7e-3,
    };
    let wall = Wall::new(ContactLaw::Coulomb, 0.3);
    let collider = |name: &str, shape, at, width, mount| Collider {
        name: name.into(),
        shape,
        pose: Pose::from_rotation_vector(at, &Vector3::new(0.2, 0.1, -0.3)),
        law: ContactLaw::Coulomb,
        friction: 0.4,
        width,
        mount,
        stage,
    };
    let mount = Mount { tool: 0, link: 0 };
    let ball = Shape::Sphere(Sphere { radius: 0.12 });
    let stick = Shape::Capsule(Capsule {
        radius: 0.06,
        half_length: 0.15,
    });
    let world: World<f64> = World {
        lattice: Lattice::over(Vector3::zeros(), [13, 12, 14], DX),
        clock: Clock {
            frames: FRAMES,
            substeps: SUBSTEPS,
            dt: 1.5e-3,
        },
        gravity: Vector3::new(0.2, -9.81, -0.1),
        volume_rate: 0.0,
        walls: [[wall; 2]; 3],
        locked: [false; 3],
        liquids: vec![Body {
            name: "water".into(),
            law: Liquid {
                bulk_modulus: 5e4,
                viscosity: 0.4,
                exponent: 7.0,
                tension: true,
            },
            density,
            volume,
            gravity: None,
            range: 0..liquids,
        }],
        solids: vec![
            solid(
                "jelly",
                Solid::NeoHookean(NeoHookean { elasticity }),
                0..first,
            ),
            solid("dough", Solid::BoxPlastic(plastic), first..solids),
        ],
        activations: Vec::new(),
        forces: Vec::new(),
        colliders: vec![
            collider("ball", ball, Vector3::new(0.5, 0.1, 0.35), 0.0, None),
            collider("stick", stick, Vector3::zeros(), 0.1, Some(mount)),
        ],
        tools: vec![Tool::rigid(
            "tool",
            Pose::from_rotation_vector(Vector3::new(0.4, 0.45, 0.4), &Vector3::new(0.0, 0.3, 1.2)),
        )],
        policies: Vec::new(),
        injectors: Vec::new(),
        collectors: vec![Collector {
            name: "sieve".into(),
            mount: Some(mount),
            pose: Pose::identity(),
            shape: Shape::Sphere(Sphere { radius: 0.2 }),
            of: vec![true, false, true],
            removes: true,
            frames: 1..FRAMES,
        }],
        rigids: Vec::new(),
    };
    let twists: Vec<_> = (0..FRAMES)
        .map(|_| Twist {
            linear: Vector3::from_fn(|_, _| T::Wide::of(noise(&mut seed))),
            angular: Vector3::from_fn(|_, _| T::Wide::of(3.0 * noise(&mut seed))),
        })
        .collect();
    Setup {
        world: world.cast(),
        particles: particles.cast(),
        programs: vec![Program::velocities(&twists)],
    }
}

/// Sum of squared distances to the origin at the end of the first and the third frame.
struct Spread;

impl<W: Real> Criterion<W> for Spread {
    fn reads(&self, frame: usize) -> bool {
        frame.is_multiple_of(2)
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let x = frame.bodies.iter().flat_map(|body| &body.x);
        x.fold(W::zero(), |sum, x| sum + x.norm_squared())
    }

    fn value_vjp(&self, frame: &Frame<W>, bars: &mut FrameBar<W>) {
        for (body, bar) in frame.bodies.iter().zip(&mut bars.bodies) {
            for (x, bar) in body.x.iter().zip(&mut bar.x) {
                *bar += x * W::of(2.0);
            }
        }
    }
}

impl<T: Compiled> Setup<T> {
    pub fn steps(&self) -> usize {
        FRAMES * SUBSTEPS
    }

    /// Runs the substeps `from..to`; returns how often particles were sorted within a frame.
    pub fn run(&self, state: &mut State<T>, from: usize, to: usize) -> usize {
        let mut rollout = Rollout::new(&self.world, &self.programs);
        let mut sorted = 0;
        for step in from..to {
            sorted += usize::from(state.stale && !step.is_multiple_of(SUBSTEPS));
            rollout.advance(state, step).unwrap();
        }
        sorted
    }

    pub fn start(&self) -> State<T> {
        State::new(&self.world, self.particles.clone())
    }

    /// Value and gradient by a plan that keeps `slots` states.
    pub fn gradient(&self, slots: usize) -> (f64, Gradient<T>) {
        let mut rollout = Rollout::new(&self.world, &self.programs);
        let plan = Plan::new(self.steps(), slots).unwrap();
        rollout
            .gradient(&self.start(), &Spread, None, &plan, &mut |_, _| true)
            .unwrap()
    }
}
