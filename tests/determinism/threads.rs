//! Threads: how many there are does not show in the results.

use backflow_sim::Compiled;

use crate::{
    bits::{of_gradient, of_particles},
    fixture::{Setup, setup},
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

fn gradient_has_the_same_bits<T: Compiled>() {
    let setup: Setup<T> = setup();
    let run = |threads| with_threads(threads, || of_gradient(&setup.gradient(setup.steps())));
    let single = run(1);
    for threads in [2, 3] {
        assert!(run(threads) == single, "{threads} threads");
    }
}

#[test]
fn a_gradient_has_the_same_bits_on_any_number_of_threads() {
    gradient_has_the_same_bits::<f64>();
    gradient_has_the_same_bits::<f32>();
}
