//! The hot loop takes no memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use backflow::{
    bench::{Case, Order, Size, Workload},
    diff::memory::Plan,
    sim::rollout::forward::{Rollout, Scratch},
};

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
fn no_substep_takes_memory_forward_or_back() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    for case in [Case::Liquid, Case::Elastic] {
        pool.install(|| {
            forward(case);
            backward(case);
        });
    }
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
