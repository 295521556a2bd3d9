//! The hot loop takes no memory, nor do steps of gas and batches of postures of hands; the pressure of
//! gas takes no more for more iterations. A step of an operator of pairs takes less than others do.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what it measured"
)]

mod gas;
mod operator;

use backflow::{
    bench::{Case, Order, Size, Workload},
    diff::memory::Plan,
    grasp::hand::{
        batch::{Spot, TOGETHER},
        kinematics::{FramesBar, Posture, PostureBar},
        library,
    },
    sim::rollout::forward::{Rollout, Scratch},
};
use nalgebra::{Matrix3, Vector3};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Substeps in which no particle of W leaves the reach of its tile, so that none is sorted.
const STEADY: usize = 20;

/// Blocks of memory taken so far.
fn taken() -> u64 {
    dhat::HeapStats::get().total_blocks
}

/// One test, because the counters are those of the whole process.
#[test]
fn memory_is_taken_neither_by_substeps_nor_by_iterations() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    pool.install(gas::iterations);
    pool.install(operator::steps);
    let _profiler = dhat::Profiler::builder().testing().build();
    pool.install(gas::steps);
    for case in [Case::Liquid, Case::Elastic] {
        pool.install(|| {
            forward(case);
            backward(case);
        });
    }
    pool.install(postures);
}

/// Frames, points, Jacobians and adjoints of many postures take nothing but their buffers.
fn postures() {
    const COUNT: usize = 5 * TOGETHER + 1;
    let hand = library::named("shadow").unwrap();
    let posture = Posture {
        position: Vector3::zeros(),
        rotation: Matrix3::identity(),
        joints: vec![0.2; hand.joints.len()],
    };
    let postures = vec![posture; COUNT];
    let spots: Vec<Spot> = hand.fingers.iter().map(Spot::pad).collect();
    let points = COUNT * spots.len();
    let mut frames = vec![hand.frames::<f64>(); COUNT];
    let mut bars = vec![FramesBar::new(hand.links.len()); COUNT];
    let mut back = vec![PostureBar::new(hand.joints.len()); COUNT];
    let mut places = vec![Vector3::zeros(); points];
    let mut moves = vec![Vector3::zeros(); points * (6 + hand.joints.len())];
    let mut turns = moves.clone();
    let before = taken();
    hand.place_all(&postures, &mut frames).unwrap();
    hand.points_all(&frames, &spots, &mut places).unwrap();
    hand.jacobians_all(&frames, &spots, &mut moves, &mut turns)
        .unwrap();
    hand.points_all_vjp(&frames, &spots, &places, &mut bars, &mut back)
        .unwrap();
    hand.place_all_vjp(&frames, &mut bars, &mut back).unwrap();
    assert_eq!(taken() - before, 0, "postures");
    assert!(back.iter().all(|bar| bar.position.norm() > 0.0));
}

fn forward(case: Case) {
    let workload = Workload::<f32>::new(case, Size::T, Order::Lattice, STEADY, 64);
    let mut rollout = Rollout::new(&workload.world, &[]);
    let mut state = workload.start.clone();
    let mut before = 0;
    for step in 0..STEADY {
        // The first takes what all others use.
        if step == 1 {
            before = taken();
        }
        rollout.advance(&mut state, step).unwrap();
        assert!(!state.stale, "particles were to stay in reach");
    }
    assert_eq!(taken() - before, 0, "{case:?}, forward");
}

fn backward(case: Case) {
    let mut scratch = Scratch::default();
    let mut blocks = |steps: usize| {
        let workload = Workload::<f32>::new(case, Size::T, Order::Lattice, steps, 64);
        let plan = Plan::new(steps, steps).unwrap();
        let mut rollout =
            Rollout::new(&workload.world, &[]).with_scratch(std::mem::take(&mut scratch));
        let before = taken();
        rollout
            .gradient(&workload.start, &workload, None, &plan, &mut |_, _| true)
            .unwrap();
        let blocks = taken() - before;
        scratch = rollout.into_scratch();
        blocks
    };
    // The longest run first: it takes the memory that states are kept in.
    blocks(STEADY);
    let (many, few) = (blocks(STEADY), blocks(STEADY / 2));
    // The plan's stack doubles once more; nothing else grows with the substeps.
    assert!(many <= few + 1, "{case:?}, back: {many}, {few}");
}
