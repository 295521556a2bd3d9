//! Workload W: a falling, spinning block of liquid or of elastic matter on a sticky floor.
//!
//! 64^3 nodes of 1/64 m, `dt` 2e-4 s, eight particles a cell, density 1000 kg/m^3. Liquid:
//! linear equation of state, 4e5 Pa. Elastic: fixed corotated, E 4e5 Pa, nu 0.3. The loss is
//! the mean square distance of the particles from where they began, moved by
//! (0.10, 0.05, -0.05) m.

use backflow_diff::Real;
use backflow_sim::{
    contact::ContactLaw,
    grid::Lattice,
    loss::{Frame, FrameBar},
    material::{Elasticity, FixedCorotated, Liquid, Solid},
    particle::Particles,
    rollout::{Gradient, State, frame::Criterion},
    world::{Body, Clock, Wall, World},
};
use clap::ValueEnum;
use nalgebra::Vector3;

/// Nodes along an axis.
const NODES: usize = 64;

/// Nodes beyond the walls on each side; the walls act on one more.
const BEYOND: usize = 2;

/// Cells under the block.
const GAP: usize = 4;

/// Time step (s).
const DT: f64 = 2e-4;

/// Density (kg/m^3).
const DENSITY: f64 = 1000.0;

/// Bulk modulus of the liquid and Young's modulus of the elastic matter (Pa).
const STIFFNESS: f64 = 4e5;

/// Where the target lies from the start (m).
const SHIFT: [f64; 3] = [0.10, 0.05, -0.05];

/// What the block is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// Weakly compressible liquid.
    Liquid,
    /// Fixed corotated solid.
    Elastic,
}

/// How many particles there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// 1,440.
    #[value(name = "T")]
    T,
    /// 30,720.
    #[value(name = "S")]
    S,
    /// 101,376.
    #[value(name = "M")]
    M,
    /// 295,936.
    #[value(name = "L")]
    L,
    /// 1,003,520.
    #[value(name = "XL")]
    Xl,
}

/// The order in which particles are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Along the axes.
    Lattice,
    /// By a hash of their index.
    Shuffled,
}

impl Size {
    /// Cells of the block along each axis.
    fn cells(self) -> [usize; 3] {
        match self {
            Self::T => [6, 5, 6],
            Self::S => [16, 15, 16],
            Self::M => [24, 22, 24],
            Self::L => [34, 32, 34],
            Self::Xl => [56, 40, 56],
        }
    }
}

/// One run of W.
pub struct Workload<T: Real> {
    /// The world.
    pub world: World<T>,
    /// The state at the start.
    pub start: State<T>,
    case: Case,
    target: Vec<Vector3<T::Wide>>,
    last: usize,
}

impl<T: Real> Workload<T> {
    /// W over `steps` substeps, the domain's cells scaled to `nodes` nodes an axis (64 for W).
    pub fn new(case: Case, size: Size, order: Order, steps: usize, nodes: usize) -> Self {
        let dx = 1.0 / NODES as f64;
        let cells = size.cells();
        let gap = |axis: usize| {
            if axis == 1 {
                GAP
            } else {
                (NODES - cells[axis]) / 2
            }
        };
        let mut blob: Vec<[Vector3<f64>; 2]> = Vec::new();
        for i in 0..2 * cells[0] {
            for j in 0..2 * cells[1] {
                for k in 0..2 * cells[2] {
                    let index = [i, j, k];
                    let within = |axis: usize| 0.5 * (index[axis] as f64 + 0.5);
                    let x = Vector3::from_fn(|axis, _| (gap(axis) as f64 + within(axis)) * dx);
                    let r =
                        Vector3::from_fn(|axis, _| (within(axis) - 0.5 * cells[axis] as f64) * dx);
                    let spin = Vector3::new(2.0, 3.0, 1.0).cross(&r);
                    blob.push([x, Vector3::new(0.5, -1.5, 0.3) + spin]);
                }
            }
        }
        if order == Order::Shuffled {
            let mut shuffled: Vec<_> = blob.into_iter().enumerate().collect();
            shuffled.sort_by_key(|(index, _)| hash(*index as u64));
            blob = shuffled.into_iter().map(|(_, particle)| particle).collect();
        }
        let mut particles = Particles::zeros(0, 0);
        for [x, v] in &blob {
            let (x, v) = (x.map(T::of), v.map(T::of));
            match case {
                Case::Liquid => particles.liquid.push(x, v),
                Case::Elastic => particles.solid.push(x, v),
            }
        }
        let world = world(case, blob.len(), steps, nodes);
        let shift = Vector3::from(SHIFT);
        Self {
            start: State::new(&world, particles),
            world,
            case,
            target: blob
                .iter()
                .map(|[x, _]| (x + shift).map(T::Wide::of))
                .collect(),
            last: 0,
        }
    }

    /// Number of particles.
    pub fn particles(&self) -> usize {
        self.start.particles.len()
    }

    /// Norm of the gradient with respect to all initial velocities, and its product with
    /// the direction `(1, 0.5, -0.3) + (2u - 1)`, `u` a hash of particle and axis.
    pub fn norm_and_slope(&self, gradient: &Gradient<T>) -> (f64, f64) {
        let motion = match self.case {
            Case::Liquid => &gradient.particles.liquid.motion,
            Case::Elastic => &gradient.particles.solid.motion,
        };
        let (mut square, mut slope) = (0.0, 0.0);
        for (particle, motion) in motion.iter().enumerate() {
            let v = motion.v().map(Real::to_f64);
            for axis in 0..3 {
                let u = (hash((3 * particle + axis) as u64) >> 11) as f64 / (1_u64 << 53) as f64;
                square += v[axis] * v[axis];
                slope += v[axis] * ([1.0, 0.5, -0.3][axis] + 2.0 * u - 1.0);
            }
        }
        (square.sqrt(), slope)
    }

    /// Centre of mass (m), mean velocity (m/s) and kinetic energy (J) of a state.
    pub fn totals(&self, state: &State<T>) -> ([f64; 3], [f64; 3], f64) {
        let motion = match self.case {
            Case::Liquid => &state.particles.liquid.motion,
            Case::Elastic => &state.particles.solid.motion,
        };
        let (mut x, mut v, mut energy) = (Vector3::zeros(), Vector3::zeros(), 0.0);
        for motion in motion {
            x += motion.x().map(Real::to_f64);
            let speed = motion.v().map(Real::to_f64);
            v += speed;
            energy += 0.5 * DENSITY * particle_volume() * speed.norm_squared();
        }
        let count = motion.len() as f64;
        ((x / count).into(), (v / count).into(), energy)
    }
}

impl<T: Real> Criterion<T::Wide> for Workload<T> {
    fn reads(&self, frame: usize) -> bool {
        frame == self.last
    }

    fn value(&self, frame: &Frame<T::Wide>) -> T::Wide {
        let sum = frame.bodies[0]
            .x
            .iter()
            .zip(&self.target)
            .fold(T::Wide::of(0.0), |sum, (x, target)| {
                sum + (x - target).norm_squared()
            });
        sum / T::Wide::of(self.target.len() as f64)
    }

    fn value_vjp(&self, frame: &Frame<T::Wide>, bars: &mut FrameBar<T::Wide>) {
        let scale = T::Wide::of(2.0 / self.target.len() as f64);
        let body = (&frame.bodies[0].x, &mut bars.bodies[0].x);
        for ((x, bar), target) in body.0.iter().zip(body.1).zip(&self.target) {
            *bar += (x - target) * scale;
        }
    }
}

fn particle_volume() -> f64 {
    (0.5 / NODES as f64).powi(3)
}

fn world<T: Real>(case: Case, particles: usize, steps: usize, nodes: usize) -> World<T> {
    let dx = T::of(1.0 / NODES as f64);
    let wall = |law| Wall::new(law, T::zero());
    let open = wall(ContactLaw::Separating);
    let mut world = World {
        lattice: Lattice::over(
            Vector3::repeat(T::of(BEYOND as f64) * dx),
            [nodes - 1 - 2 * BEYOND; 3],
            dx,
        ),
        clock: Clock {
            frames: 1,
            substeps: steps,
            dt: T::of(DT),
        },
        gravity: Vector3::new(0.0, -9.81, 0.0).map(T::of),
        volume_rate: T::zero(),
        walls: [[open; 2], [wall(ContactLaw::Sticky), open], [open; 2]],
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
    };
    match case {
        Case::Liquid => world.liquids.push(body(
            Liquid {
                bulk_modulus: T::of(STIFFNESS),
                viscosity: T::zero(),
                exponent: T::one(),
                tension: true,
            },
            particles,
        )),
        Case::Elastic => world.solids.push(body(
            Solid::FixedCorotated(FixedCorotated {
                elasticity: Elasticity::new(T::of(STIFFNESS), T::of(0.3)),
            }),
            particles,
        )),
    }
    world
}

fn body<T: Real, L>(law: L, particles: usize) -> Body<T, L> {
    Body {
        name: "block".to_owned(),
        law,
        density: T::of(DENSITY),
        volume: T::of(particle_volume()),
        gravity: None,
        range: 0..particles,
    }
}

/// splitmix64 (Steele, Lea & Flood 2014).
fn hash(index: u64) -> u64 {
    let z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backflow_diff::memory::Plan;
    use backflow_sim::rollout::forward::Rollout;

    /// Gradient of W at size T over 50 substeps along the direction, which Taichi, Warp and
    /// JAX agree on to ten digits (liquid) and better than nine (elastic, whose polar
    /// rotation each computes in its own way).
    #[test]
    fn gradient_is_that_of_other_engines() {
        for (case, expected, tolerance) in [
            (Case::Liquid, -0.002867180133558, 1e-10),
            (Case::Elastic, -0.00286682557859, 1e-9),
        ] {
            let workload: Workload<f64> = Workload::new(case, Size::T, Order::Lattice, 50, NODES);
            let plan = Plan::new(50, 50).unwrap();
            let (_, gradient) = Rollout::new(&workload.world, &[])
                .gradient(&workload.start, &workload, None, &plan, &mut |_, _| true)
                .unwrap();
            let (_, slope) = workload.norm_and_slope(&gradient);
            let error = (slope / expected - 1.0).abs();
            assert!(error <= tolerance, "{case:?}: {slope}, {error:e} off");
        }
    }

    #[test]
    fn shuffling_changes_the_order_alone() {
        let of = |order| {
            let workload: Workload<f64> = Workload::new(Case::Liquid, Size::T, order, 1, NODES);
            let mut x: Vec<[u64; 3]> = workload
                .start
                .particles
                .liquid
                .motion
                .iter()
                .map(|motion| motion.x().map(f64::to_bits).into())
                .collect();
            let listed = x.clone();
            x.sort_unstable();
            (listed, x)
        };
        let (lattice, shuffled) = (of(Order::Lattice), of(Order::Shuffled));
        assert!(lattice.0 != shuffled.0 && lattice.1 == shuffled.1);
    }
}
