//! Threads: how many there are does not show in the results.

use backflow_sim::{Compiled, rollout::batch::side_by_side};

use crate::{
    bits::{of_gradient, of_particles},
    fixture::{Setup, setup, setup_on_grid},
};

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

fn run_has_the_same_bits<T: Compiled>() {
    let setup: Setup<T> = setup();
    let run = |threads| {
        with_threads(threads, || {
            let mut state = setup.start();
            let sorted = setup.run(&mut state, 0, setup.steps());
            assert!(sorted > 0, "particles are sorted within frames");
            (of_particles(&state.particles), state.order)
        })
    };
    let single = run(1);
    assert_ne!(single.0, of_particles(&setup.particles), "something moved");
    for threads in [2, 3] {
        assert!(run(threads) == single, "{threads} threads");
    }
}

#[test]
fn a_run_has_the_same_bits_on_any_number_of_threads() {
    run_has_the_same_bits::<f64>();
    run_has_the_same_bits::<f32>();
}

fn gradient_has_the_same_bits<T: Compiled>(setup: Setup<T>) {
    let run = |threads| with_threads(threads, || of_gradient(&setup.gradient(setup.steps())));
    let single = run(1);
    for threads in [2, 3] {
        assert!(run(threads) == single, "{threads} threads");
    }
}

#[test]
fn a_gradient_has_the_same_bits_on_any_number_of_threads() {
    gradient_has_the_same_bits::<f64>(setup());
    gradient_has_the_same_bits::<f32>(setup_on_grid());
}

/// Runs of several lengths, more than there are threads, have the bits that each has alone.
#[test]
fn runs_side_by_side_have_the_bits_of_runs_alone() {
    let setup: Setup<f32> = setup();
    let steps = |run: usize| setup.steps() - run;
    let bits = |run| {
        let mut state = setup.start();
        setup.run(&mut state, 0, steps(run));
        of_particles(&state.particles)
    };
    let alone: Vec<_> = (0..5).map(bits).collect();
    assert!(alone.is_sorted_by(|a, b| a != b));
    for threads in [1, 2, 3] {
        let runs = || side_by_side((0..5).collect(), || (), |(), run| bits(run));
        assert!(with_threads(threads, runs) == alone, "{threads} threads");
    }
}
