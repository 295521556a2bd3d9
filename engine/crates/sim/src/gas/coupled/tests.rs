//! Runs of gas and matter: their gradient, and that its bits depend on nothing.

use std::{path::Path, sync::Arc};

use backflow_diff::{
    gradcheck::{TaylorParams, Verdict, taylor},
    memory::Plan,
};
use nalgebra::Vector3;

use super::{Both, fitting};
use crate::{
    Compiled,
    gas::{grid::Grid, motion::Trajectory, testing::noise_velocity},
    loss::{Frame, FrameBar},
    pose::{Pose, Twist},
    rollout::{Gradient, State, forward::Rollout, frame::Criterion},
    scene::{Scene, Spec, build, parse},
};

/// A leaf, which fills its cells, and a ball on a rail in the draught of a fan.
fn scene() -> Scene {
    let text = r#"(
            version: 1, name: "leaf",
            domain: (size: (0.8, 0.8, 0.8), cell: 0.1),
            time: (frames: 3, frame: 0.02),
            materials: {"leaf": FixedCorotated(density: 30, young: 2000, poisson: 0.2)},
            bodies: [(name: "leaf", material: "leaf", shape: Sphere(radius: 0.1), position: (0.5, 0.4, 0.4))],
            rigids: [(name: "ball", shape: Sphere(radius: 0.1), weight: Density(40), position: (0.2, 0.6, 0.4), joint: Slider(axis: (1, 0, 0)))],
            gas: (
                steps: Some(2), tolerance: 1e-12, scheme: SemiLagrangian,
                sides: (default: Wall(), y_max: Outflow),
                sources: [(name: "fan", shape: Sphere(radius: 0.15), position: (0.3, 0.4, 0.4), push: (30, 5, 0))],
                coupling: (drag: 500),
                losses: [(term: Velocity(target: (0, 1, 0)), when: Every)],
            ),
        )"#;
    built(text)
}

fn built(text: &str) -> Scene {
    let (spec, faults): (Spec<()>, _) = parse(text, "leaf").unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    build(&spec, Path::new("")).unwrap()
}

/// The leaf between a wall and a solid that turns and comes nearer, in a closed box.
fn closed() -> Scene {
    let text = r#"(
            version: 1, name: "leaf",
            domain: (size: (0.8, 0.8, 0.8), cell: 0.1),
            time: (frames: 3, frame: 0.02),
            materials: {"leaf": FixedCorotated(density: 30, young: 2000, poisson: 0.2)},
            bodies: [(name: "leaf", material: "leaf", shape: Sphere(radius: 0.1), position: (0.69, 0.4, 0.4))],
            rigids: [(name: "ball", shape: Sphere(radius: 0.1), weight: Density(40), position: (0.12, 0.6, 0.4), joint: Slider(axis: (1, 0, 0)))],
            gas: (
                steps: Some(2), tolerance: 1e-12, scheme: SemiLagrangian,
                sides: (default: Wall()),
                obstacles: [(name: "solid", shape: Sphere(radius: 0.17), position: (0.45, 0.45, 0.4))],
                sources: [(name: "fan", shape: Sphere(radius: 0.15), position: (0.3, 0.4, 0.4), push: (30, 5, 0))],
                coupling: (drag: 500),
                losses: [(term: Velocity(target: (0, 1, 0)), when: Every)],
            ),
        )"#;
    let mut scene = built(text);
    move_solid(&mut scene, 0.0);
    scene
}

/// How far all matter is along a direction, particle by particle.
struct Along;

/// Weight of a component of a particle.
fn weight(index: usize, axis: usize) -> f64 {
    1.0 + 0.3 * ((index * 3 + axis) as f64).sin()
}

impl Criterion<f64> for Along {
    fn reads(&self, _frame: usize) -> bool {
        true
    }

    fn value(&self, frame: &Frame<f64>) -> f64 {
        let particles = frame
            .bodies
            .iter()
            .flat_map(|body| body.x.iter().enumerate());
        let sum: f64 = particles
            .map(|(index, x)| {
                (0..3)
                    .map(|axis| weight(index, axis) * x[axis])
                    .sum::<f64>()
            })
            .sum();
        let bodies: f64 = frame.rigids.iter().map(|body| body.pose.position.x).sum();
        sum + 100.0 * bodies
    }

    fn value_vjp(&self, _frame: &Frame<f64>, bars: &mut FrameBar<f64>) {
        for body in &mut bars.bodies {
            for (index, bar) in body.x.iter_mut().enumerate() {
                *bar += Vector3::from_fn(|axis, _| weight(index, axis));
            }
        }
        for bar in &mut bars.rigids {
            bar.pose.position.x += 100.0;
        }
    }
}

/// What is changed: the push and the place of the fan, the drag, the velocity of the gas, of the
/// particles and of the ball, gravity, and place and speed of a solid, if there is one.
const PUSH: Vector3<f64> = Vector3::new(3.0, -2.0, 1.0);
const PLACE: Vector3<f64> = Vector3::new(0.01, 0.02, -0.01);
const DRAG: f64 = 20.0;
const SPEED: f64 = 0.3;
const FALL: Vector3<f64> = Vector3::new(0.2, -0.5, 0.1);

const MOVE: Vector3<f64> = Vector3::new(0.03, -0.02, 0.01);
const SPEED_UP: Vector3<f64> = Vector3::new(0.2, 0.3, -0.1);

fn move_solid(scene: &mut Scene, by: f64) {
    let obstacles = &mut scene.gas.as_mut().unwrap().course.obstacles;
    if let Some(solid) = obstacles.first_mut() {
        let twist = Twist {
            linear: Vector3::new(0.3, 0.1, 0.0) + SPEED_UP * by,
            angular: Vector3::new(0.0, 1.0, 2.0),
        };
        let start = solid.pose(0, 0.0);
        let pose = Pose {
            position: start.position + MOVE * by,
            ..start
        };
        *solid = Trajectory::new(pose, vec![twist; 3], 0.02);
    }
}

/// A scene changed by so much of all of it.
fn changed(mut scene: Scene, by: f64) -> Scene {
    move_solid(&mut scene, by);
    for (index, motion) in scene.particles.solid.motion.iter_mut().enumerate() {
        let push = Vector3::from_fn(|axis, _| weight(index, axis) * SPEED * by);
        motion.set_v(&(motion.v() + push));
    }
    scene.world.rigids[0].start.twist.linear.x += SPEED * by;
    scene.world.gravity += FALL * by;
    let gas = scene.gas.as_mut().unwrap();
    gas.model.gravity += FALL * by;
    gas.model.sources[0].push += PUSH * by;
    gas.course.sources[0].position += PLACE * by;
    gas.coupling.as_mut().unwrap().drag += DRAG * by;
    let noise = noise_velocity(3, &gas.model.grid);
    for (u, noise) in gas.initial.velocity.iter_mut().zip(&noise) {
        u.update(|_, index, u| *u += SPEED * by * noise.data[index]);
    }
    scene
}

fn both<T: Compiled<Wide = f64>>(scene: &Scene) -> Both<T> {
    let world = scene.world.cast::<T>();
    Both {
        matter: State::new(&world, scene.particles.cast()),
        gas: Arc::new(scene.gas.as_ref().unwrap().initial.cast()),
    }
}

fn value(scene: &Scene) -> f64 {
    let parts = scene.gas.as_ref().unwrap();
    let mut matter = Rollout::new(&scene.world, &[]);
    let mut among = parts.among(&parts.model);
    let (mut state, terms) = (both(scene), &parts.terms);
    among
        .value(&mut matter, &mut state, terms, &Along, &mut |_, _| true)
        .unwrap()
}

fn gradient<T: Compiled<Wide = f64>>(scene: &Scene, kept: usize) -> (f64, Gradient<T>) {
    let parts = scene.gas.as_ref().unwrap();
    let (world, model) = (scene.world.cast::<T>(), parts.model.cast::<T>());
    let mut matter = Rollout::new(&world, &[]);
    let plan = Plan::new(parts.clock.frames, kept).unwrap();
    let mut among = parts.among(&model);
    let (state, terms) = (both(scene), &parts.terms);
    among
        .gradient(&mut matter, &state, terms, &Along, &plan, &mut |_, _| true)
        .unwrap()
}

/// The derivative by the change.
fn slope(grid: &Grid, gradient: &Gradient<f64>) -> f64 {
    let gas = gradient.gas.as_ref().unwrap();
    let fan = &gas.course.sources[0];
    let particles = gradient.particles.solid.motion.iter().enumerate();
    let of_particles: f64 = particles
        .map(|(index, bar)| {
            let v = bar.v();
            (0..3)
                .map(|axis| weight(index, axis) * v[axis])
                .sum::<f64>()
        })
        .sum();
    let noise = noise_velocity(3, grid);
    let of_gas: f64 = gas
        .gas
        .velocity
        .iter()
        .zip(&noise)
        .map(|(bar, noise)| {
            let pairs = bar.samples().into_iter().zip(noise.samples());
            pairs.map(|(bar, noise)| bar * noise).sum::<f64>()
        })
        .sum();
    let of_solid: f64 = gas
        .course
        .obstacles
        .iter()
        .map(|solid| {
            let twists: Vector3<f64> = solid.twists.iter().map(|twist| twist.linear).sum();
            MOVE.dot(&solid.pose.position) + SPEED_UP.dot(&twists)
        })
        .sum();
    of_solid
        + PUSH.dot(&fan.push)
        + PLACE.dot(&fan.pose.position)
        + DRAG * gas.coupling.drag
        + SPEED * (of_particles + of_gas + gradient.rigids[0].start.twist.linear.x)
        + FALL.dot(&gradient.gravity)
}

#[test]
fn the_gradient_of_gas_and_matter_is_that_of_the_loss() {
    for make in [scene, closed] {
        let scene = make();
        let grid = &scene.gas.as_ref().unwrap().model.grid;
        let (found, gradient) = gradient::<f64>(&scene, 2);
        let run = |x: &[f64]| Ok::<_, std::convert::Infallible>(value(&changed(make(), x[0])));
        assert!((found - run(&[0.0]).unwrap()).abs() <= 1e-12 * found.abs());
        let params = TaylorParams::default();
        let slope = slope(grid, &gradient);
        let report = taylor(run, &[0.0], &[slope], &[1.0], &params).unwrap();
        assert!(
            matches!(report.verdict, Verdict::SecondOrder { .. }),
            "{report}"
        );
    }
}

#[test]
fn matter_at_walls_does_not_feel_what_nothing_determines_of_the_pressure() {
    // In a closed box the pressure is known up to a constant: what a run starts from stays. It is no
    // worse a guess than none, so that the solver does not drop it.
    let known = value(&closed());
    let mut other = closed();
    let gas = other.gas.as_mut().unwrap();
    for pressure in &mut gas.initial.pressure {
        *pressure += 3.0;
    }
    let found = value(&other);
    assert!(
        (found - known).abs() <= 1e-9 * known.abs(),
        "{found} {known}"
    );
}

#[test]
fn its_bits_depend_on_neither_threads_nor_memory() {
    let bits = |threads: usize, kept: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let (value, gradient) = gradient::<f32>(&scene(), kept);
            let gas = gradient.gas.as_ref().unwrap();
            let of_gas = gas.gas.velocity.iter().flat_map(|field| field.samples());
            let particles = &gradient.particles.solid.motion;
            let of_particles = particles.iter().flat_map(|bar| <[f32; 3]>::from(bar.v()));
            let numbers: Vec<u32> = of_gas.chain(of_particles).map(f32::to_bits).collect();
            let ball = gradient.rigids[0].start.pose.position.x.to_bits();
            (value.to_bits(), ball, gas.coupling.drag.to_bits(), numbers)
        })
    };
    let single = bits(1, 3);
    assert!(single.3.iter().any(|bits| *bits != 0));
    for (threads, kept) in [(2, 3), (3, 1), (1, 2)] {
        assert!(bits(threads, kept) == single, "{threads} {kept}");
    }
}

#[test]
fn steps_of_the_gas_divide_the_substeps_or_are_a_multiple_of_them() {
    for (wanted, substeps, count) in [
        (1, 12, 1),
        (4, 12, 4),
        (5, 12, 6),
        (7, 12, 12),
        (12, 12, 12),
        (13, 12, 24),
        (30, 12, 36),
        (3, 1, 3),
        (0, 5, 1),
    ] {
        assert_eq!(fitting(wanted, substeps), count, "{wanted} {substeps}");
    }
}
