use std::path::Path;

use backflow_diff::{Real, memory::Plan};
use nalgebra::Vector3;
use num_dual::Dual64;

use crate::{
    collider::testing::noise,
    loss::{Frame, FrameBar},
    rollout::{Gradient, State, forward::Rollout, frame::Criterion},
    scene::{Scene, Spec, build, parse},
    transfer::Compiled,
};

/// Water and a jelly that a collector on a tool with a ball moves through.
fn scene() -> Scene {
    let text = r#"(
        version: 1, name: "sieve",
        domain: (size: (0.8, 0.8, 0.8), cell: 0.1),
        time: (frames: 4, frame: 0.04, substep: Fixed(0.005)),
        materials: {
            "water": Liquid(density: 1000, bulk_modulus: 1e3),
            "gel": NeoHookean(density: 800, young: 2e3, poisson: 0.3),
        },
        bodies: [
            (name: "water", material: "water", shape: Box(half: (0.15, 0.15, 0.15)), position: (0.25, 0.25, 0.3), velocity: (1, -0.3, 0.2)),
            (name: "jelly", material: "gel", shape: Box(half: (0.1, 0.1, 0.1)), position: (0.6, 0.25, 0.3), velocity: (-0.5, 0, 0)),
        ],
        forces: [(name: "push", law: Constant(acceleration: (1, 2, 0)))],
        tools: [(name: "hand", position: (0.35, 0.6, 0.3), motion: Constant(linear: (0.7, -1, 0.2), angular: (0, 0, 1)))],
        colliders: [(name: "ball", shape: Sphere(radius: 0.08), width: 0.1, on: Tool("hand"))],
        collectors: [(name: "sieve", shape: Sphere(radius: 0.13), position: (0.1, -0.25, 0), on: Tool("hand"), from: 1)],
    )"#;
    let (spec, faults): (Spec<()>, _) = parse(text, "sieve").unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    build(&spec, Path::new("")).unwrap()
}

/// Sum of the square distances from the origin after every frame.
struct Spread;

impl<W: Real> Criterion<W> for Spread {
    fn reads(&self, _frame: usize) -> bool {
        true
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

fn start<T: Compiled>(scene: &Scene) -> State<T> {
    State::new(&scene.world.cast::<T>(), scene.particles.cast())
}

fn gradient(scene: &Scene, kept: usize) -> (f64, Gradient<f64>) {
    let mut rollout = Rollout::new(&scene.world, &scene.programs);
    let plan = Plan::new(rollout.steps(), kept).unwrap();
    rollout
        .gradient(&start(scene), &Spread, None, &plan, &mut |_, _| true)
        .unwrap()
}

/// Particles that are taken.
fn count<T: Real>(state: &State<T>) -> usize {
    let all = state.taken.liquid.iter().chain(&state.taken.solid);
    all.filter(|by| **by > 0).count()
}

#[test]
fn what_is_taken_rests_and_acts_on_nothing() {
    let scene = scene();
    let mut rollout = Rollout::new(&scene.world, &scene.programs);
    let mut state: State<f64> = start(&scene);
    let mut counts = Vec::new();
    let mut before = None;
    for frame in 0..4 {
        rollout.advance_frame(&mut state, frame).unwrap();
        let now = state.canonical(&scene.world);
        for (id, by) in state.taken.liquid.iter().enumerate() {
            if *by > 0 {
                let motion = &now.liquid.motion[id];
                assert_eq!(motion.v(), Vector3::zeros());
                if let Some((taken, before)) = &before {
                    let (taken, before): (&Vec<u16>, &crate::particle::Particles<f64>) =
                        (taken, before);
                    if taken.get(id).is_some_and(|by| *by > 0) {
                        assert_eq!(motion.x(), before.liquid.motion[id].x());
                    }
                }
            }
        }
        let blocks = state.order.blocks.last().unwrap();
        assert_eq!(state.order.present, [blocks.liquid.end, blocks.solid.end]);
        counts.push(count(&state));
        before = Some((state.taken.liquid.clone(), now));
    }
    // None in the first frame, before it takes any; more and more later; many never.
    let all = scene.particles.liquid.len() + scene.particles.solid.len();
    assert!(counts[0] == 0 && counts[1] > 0, "{counts:?}");
    assert!(counts[3] > counts[1] && counts[3] < all, "{counts:?}");
    // The mass on the grid is that of the others.
    let mass = |id: usize| [0.001 * 1000.0 / 8.0, 0.001 * 800.0 / 8.0][id];
    let solid = state.taken.solid.iter().filter(|by| **by > 0).count() as f64;
    let liquid = count(&state) as f64 - solid;
    let left = (scene.particles.liquid.len() as f64 - liquid) * mass(0)
        + (scene.particles.solid.len() as f64 - solid) * mass(1);
    let grid = rollout.workspace().grid().iter().flatten();
    let sum: f64 = grid.map(|node| node[3]).sum();
    assert!((sum - left).abs() <= 1e-12 * left, "{sum} {left}");
}

#[test]
fn a_run_has_the_gradient_of_its_tangent_and_its_bits_for_every_plan() {
    let scene = scene();
    let steps = 32;
    let (value, found) = gradient(&scene, steps);
    for kept in [1, 3] {
        assert!(gradient(&scene, kept) == (value, found.clone()), "{kept}");
    }
    for input in 0..4 {
        let mut world = scene.world.cast::<Dual64>();
        let mut particles = scene.particles.cast::<Dual64>();
        let mut programs: Vec<_> = scene.programs.iter().map(|p| p.cast()).collect();
        let mut backward = 0.0;
        let along = |id: usize| noise(id as u32 + 1000 * input);
        match input {
            0 | 1 => {
                let solids = scene.particles.liquid.len();
                let liquid = particles.liquid.motion.iter_mut();
                let motions = liquid.chain(&mut particles.solid.motion);
                let bars = found.particles.liquid.motion.iter();
                let bars = bars.chain(&found.particles.solid.motion);
                for (id, (motion, bar)) in motions.zip(bars).enumerate() {
                    let by = along(id + usize::from(id >= solids));
                    if input == 0 {
                        motion.set_x(&motion.x().zip_map(&by, |x, by| Dual64::new(x.re, by)));
                        backward += bar.x().dot(&by);
                    } else {
                        motion.set_v(&motion.v().zip_map(&by, |v, by| Dual64::new(v.re, by)));
                        backward += bar.v().dot(&by);
                    }
                }
            }
            2 => {
                let by = along(0);
                let place = &mut world.tools[0].start.pose.position;
                *place = place.zip_map(&by, |x, by| Dual64::new(x.re, by));
                backward = found.tools[0].start.pose.position.dot(&by);
            }
            _ => {
                let program: &mut crate::tool::Program<Dual64> = &mut programs[0];
                let bars = &found.tools[0].commands;
                for (id, (value, bar)) in program.values.iter_mut().zip(bars).enumerate() {
                    value.eps = along(id).x;
                    backward += bar * along(id).x;
                }
            }
        }
        let mut state = State::new(&world, particles);
        let mut rollout = Rollout::new(&world, &programs);
        let forward = rollout.value(&mut state, &Spread, &mut |_, _| true);
        let forward = forward.unwrap();
        assert!((forward.re - value).abs() <= 1e-12 * value);
        let scale = forward.eps.abs().max(backward.abs());
        assert!(
            (forward.eps - backward).abs() <= 1e-10 * scale && scale > 0.0,
            "{input}: {} {backward}",
            forward.eps
        );
    }
}

#[test]
fn a_resumed_run_has_the_bits_of_one_that_never_stopped() {
    let scene = scene();
    let mut whole: State<f64> = start(&scene);
    let mut rollout = Rollout::new(&scene.world, &scene.programs);
    for frame in 0..2 {
        rollout.advance_frame(&mut whole, frame).unwrap();
    }
    let mut resumed = State::new(&scene.world, whole.canonical(&scene.world));
    resumed.taken = whole.taken.clone();
    assert!(count(&resumed) > 0);
    let mut other = Rollout::new(&scene.world, &scene.programs);
    for frame in 2..4 {
        rollout.advance_frame(&mut whole, frame).unwrap();
        other.advance_frame(&mut resumed, frame).unwrap();
    }
    assert_eq!(whole.taken, resumed.taken);
    assert_eq!(
        whole.canonical(&scene.world),
        resumed.canonical(&scene.world)
    );
}
