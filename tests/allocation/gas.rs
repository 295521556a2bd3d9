//! Steps of gas, forward and back, and the pressure.

use std::path::Path;

use backflow::sim::{
    collider::{Shape, Sphere},
    gas::{
        Compiled, Gas, ModelBar, MomentBar, Workspace,
        boundary::Side,
        field::{Field, Velocity},
        grid::Grid,
        opening::{Obstacle, Openings, Placement, hold, openings},
        pressure::Precondition,
        project::{project, project_vjp},
        projector::{ProjectScratch, Projector},
        rollout::Rollout,
    },
    pose::{Pose, Twist},
    scene::{GasScene, Spec, build, parse},
};
use nalgebra::Vector3;

use super::taken;

/// Steps of a frame, and frames.
const STEPS: usize = 3;
const FRAMES: usize = 4;

/// Everything that a step may have: an obstacle that moves, so that the matrix of the pressure is made
/// anew in each step, a jet, a source, all that diffuses, lifts and spins.
fn scene(method: &str) -> GasScene {
    let text = format!(
        r#"(
            version: 1, name: "all",
            domain: (size: (1.2, 0.8, 1), cell: 0.1),
            time: (frames: {FRAMES}, frame: 0.06),
            gas: (
                {method} steps: Some({STEPS}), viscosity: 0.001, confinement: 0.1, velocity: (0.2, 0.1, 0),
                scalars: {{"heat": (diffusivity: 0.001, lift: 0.5), "dye": ()}},
                sides: (default: Wall(), x_min: Inflow(velocity: (0.2, 0, 0)), x_max: Outflow, z_min: Periodic, z_max: Periodic),
                obstacles: [(name: "ball", shape: Sphere(radius: 0.15), position: (0.5, 0.4, 0.5), motion: Constant(linear: (0.1, 0.2, 0), angular: (0, 1, 0)))],
                jets: [(name: "jet", position: (0.2, 0.3, 0.4), strength: 1, radius: 0.2, scalars: {{"heat": 1}}, motion: Constant(linear: (0.2, 0, 0)))],
                sources: [(name: "spot", shape: Sphere(radius: 0.15), position: (0.8, 0.3, 0.5), rates: {{"dye": 2}}, push: (0, 1, 0))],
            ),
        )"#
    );
    let (spec, faults): (Spec<()>, _) = parse(&text, "all").unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    build(&spec, Path::new("")).unwrap().gas.unwrap()
}

const METHODS: [&str; 5] = [
    "",
    "splitting: Reflected, scheme: Unlimited,",
    "scheme: SemiLagrangian, pressure: Incomplete,",
    "scheme: SemiLagrangian, pressure: Plain,",
    "conservative: true,",
];

/// Frames of all methods after the first take no memory, and neither do steps back.
pub fn steps() {
    for method in METHODS {
        frames::<f32>(method);
        back::<f32>(method);
        back::<f64>(method);
    }
}

fn frames<T: Compiled<Wide = f64>>(method: &str) {
    let scene = scene(method);
    let model = scene.model.cast::<T>();
    let mut gas = scene.initial.cast::<T>();
    let mut rollout = Rollout::new(&model, &scene.course, scene.clock);
    rollout.advance(&mut gas, 0).unwrap();
    let before = taken();
    for frame in 1..FRAMES {
        let went = rollout.advance(&mut gas, frame).unwrap();
        assert!(went.iterations > 0, "the pressure was to be looked for");
    }
    assert_eq!(taken() - before, 0, "frames, {method}");
}

fn back<T: Compiled<Wide = f64>>(method: &str) {
    let scene = scene(method);
    let model = scene.model.cast::<T>();
    let mut gas = scene.initial.cast::<T>();
    let (mut workspace, dt) = (Workspace::new(&model), scene.clock.frame / STEPS as f64);
    let mut moment = scene.course.moment(0, 0.0);
    let (mut bars, mut at) = (Gas::zero(&model), gas.clone());
    for bar in bars.velocity.iter_mut().chain(&mut bars.scalars) {
        bar.set(|at, _| T::of((at[0] + 2 * at[1] + 3 * at[2]) as f64).sin());
    }
    let (mut model_bar, mut moment_bar) = (ModelBar::zero(&model), MomentBar::zero(&model));
    let mut before = 0;
    for step in 0..3 {
        // The first takes what all others use.
        if step == 1 {
            before = taken();
        }
        let time = dt * (step as f64 + 0.5);
        scene.course.set_moment(0, time, &mut moment);
        T::step(&model, &moment, None, &mut gas, dt, &mut workspace).unwrap();
        at.clone_from(&gas);
        T::step_vjp(
            &model,
            &moment,
            None,
            &mut at,
            dt,
            &mut workspace,
            &mut bars,
            &mut model_bar,
            &mut moment_bar,
            None,
        )
        .unwrap();
    }
    assert!(
        model_bar.viscosity != 0.0,
        "something was to be pulled back"
    );
    assert_eq!(taken() - before, 0, "back, {method}");
}

/// A ball in a closed box, and a velocity of waves between them.
fn waves() -> (Grid, Openings<f64>, Velocity<f64>) {
    let grid = Grid {
        origin: Vector3::zeros(),
        dx: 1.0 / 24.0,
        cells: [24; 3],
        periodic: [false; 3],
    };
    let sides = [0, 1, 2].map(|_| [Side::wall(0), Side::wall(0)]);
    let obstacles = [Obstacle {
        name: "ball".to_owned(),
        shape: Shape::Sphere(Sphere { radius: 0.28 }),
    }];
    let places = [Placement {
        pose: Pose {
            position: Vector3::new(0.55, 0.5, 0.45),
            ..Pose::identity()
        },
        twist: Twist::zero(),
    }];
    let mut faces = Openings::open(&grid);
    openings(&grid, &sides, &obstacles, &places, &mut faces);
    let mut u = [0, 1, 2].map(|axis| {
        Field::from_fn(&grid, grid.faces()[axis], |x| {
            (7.0 * x.x + 5.0 * x.y - 3.0 * x.z + axis as f64).sin()
        })
    });
    hold(&faces, &mut u);
    (grid, faces, u)
}

/// A projection and its adjoint reach the same peak whatever the iterations forwards.
pub fn iterations() {
    let (grid, faces, start) = waves();
    let run = |tolerance: f64| {
        let projector = Projector::new(&grid, &faces, None, Precondition::Incomplete, tolerance);
        let (mut u, mut bar) = (start.clone(), start.clone());
        let mut faces_bar = Openings::zero(&grid);
        let _profiler = dhat::Profiler::builder().testing().build();
        let (mut p, mut scratch) = (Vec::new(), ProjectScratch::default());
        let went = project(&projector, &faces, None, &mut u, &mut p, &mut scratch).unwrap();
        let (bar, faces_bar) = (&mut bar, &mut faces_bar);
        project_vjp(
            &projector,
            &faces,
            None,
            &start,
            &p,
            None,
            bar,
            faces_bar,
            None,
            &mut scratch,
        )
        .unwrap();
        (went.iterations, dhat::HeapStats::get().max_bytes as f64)
    };
    // The first takes what the threads use.
    run(1e-2);
    let ((few, little), (many, much)) = (run(1e-2), run(1e-12));
    assert!(many >= 2 * few.max(1), "{few} {many}");
    assert!((much / little - 1.0).abs() <= 0.05, "{little} {much}");
}
