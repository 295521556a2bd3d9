//! Gas: threads, plans of checkpoints.

use backflow_diff::memory::Plan;
use backflow_sim::{
    gas::{self, Gas, Model},
    scene::{Scene, Spec, build, parse},
};

/// A jet, a source and an obstacle that moves.
fn scene() -> Scene {
    let text = r#"(
            version: 1, name: "draught",
            domain: (size: (0.8, 0.8, 0.8), cell: 0.1),
            time: (frames: 6, frame: 0.02),
            gas: (
                viscosity: 1e-3, confinement: 0.1, scalars: {"heat": (lift: 0.01, diffusivity: 1e-3)},
                sides: (default: Wall(), y_max: Outflow),
                obstacles: [(name: "ball", shape: Sphere(radius: 0.15), position: (0.2, 0.3, 0.4), motion: Constant(linear: (0.5, 0, 0)))],
                jets: [(name: "jet", position: (0.6, 0.6, 0.4), strength: 30, radius: 0.1, scalars: {"heat": 3})],
                sources: [(name: "heater", shape: Sphere(radius: 0.15), position: (0.5, 0.2, 0.4), rates: {"heat": 50})],
                losses: [(term: Velocity(target: (0, 1, 0)), when: Every), (term: Scalar(scalar: "heat", target: 1))],
            ),
        )"#;
    let (spec, faults): (Spec<()>, _) = parse(text, "draught").unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    build(&spec, std::path::Path::new("")).unwrap()
}

fn of_gas(gas: &Gas<f32>) -> Vec<u32> {
    let fields = gas.velocity.iter().chain(&gas.scalars);
    fields
        .flat_map(|field| field.samples())
        .map(f32::to_bits)
        .collect()
}

fn gradient(plan: usize) -> (u64, Vec<u32>, Vec<u64>) {
    let scene = scene();
    let parts = scene.gas.as_ref().unwrap();
    let (model, gas): (Model<f32>, Gas<f32>) = (parts.model.cast(), parts.initial.cast());
    let mut rollout = gas::Rollout::new(&model, &parts.course, parts.clock);
    let plan = Plan::new(parts.clock.frames, plan).unwrap();
    let (value, gradient) = rollout
        .gradient(&gas, &parts.terms, &plan, &mut |_, _| true)
        .unwrap();
    let twists = gradient.course.obstacles[0].twists.iter();
    let mut numbers: Vec<u64> = twists.map(|twist| twist.linear.x.to_bits()).collect();
    numbers.push(gradient.model.viscosity.to_bits());
    numbers.push(gradient.course.sources[0].pose.position.y.to_bits());
    (value.to_bits(), of_gas(&gradient.gas), numbers)
}

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

#[test]
fn a_gradient_of_gas_has_the_same_bits_on_any_number_of_threads_and_for_any_plan() {
    let single = with_threads(1, || gradient(6));
    assert!(single.1.iter().any(|bits| *bits != 0));
    for (threads, plan) in [(2, 6), (3, 2), (1, 1)] {
        assert!(
            with_threads(threads, || gradient(plan)) == single,
            "{threads} {plan}"
        );
    }
}
