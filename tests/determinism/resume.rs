//! Resume: a run that is stopped after a frame and taken up again goes on as if it had
//! not been.

use backflow_sim::{
    Compiled,
    rollout::{State, forward::Rollout},
};

use crate::{
    bits::of_particles,
    fixture::{FRAMES, SUBSTEPS, Setup, setup},
};

fn resumed_run_has_the_same_bits<T: Compiled>() {
    let setup: Setup<T> = setup();
    let mut whole = setup.start();
    setup.run(&mut whole, 0, setup.steps());
    let taken = whole.taken.liquid.iter().filter(|by| **by > 0).count();
    assert!(
        (1..whole.taken.liquid.len() / 2).contains(&taken),
        "{taken}"
    );
    let whole = of_particles(&whole.canonical(&setup.world));
    let mut by_frames = setup.start();
    let mut rollout = Rollout::new(&setup.world, &setup.programs);
    for frame in 0..FRAMES {
        rollout.advance_frame(&mut by_frames, frame).unwrap();
    }
    let bits = of_particles(&by_frames.canonical(&setup.world));
    assert!(bits == whole, "frame by frame");
    for frames in 0..=FRAMES {
        let (stop, mut state) = (frames * SUBSTEPS, setup.start());
        setup.run(&mut state, 0, stop);
        // All that a file would keep: the particles as the scene lists them, and who has them.
        let mut resumed = State::new(&setup.world, state.canonical(&setup.world));
        resumed.taken = state.taken.clone();
        drop(state);
        setup.run(&mut resumed, stop, setup.steps());
        let bits = of_particles(&resumed.canonical(&setup.world));
        assert!(bits == whole, "stopped after {frames} frames");
    }
}

#[test]
fn a_resumed_run_has_the_bits_of_one_that_never_stopped() {
    resumed_run_has_the_same_bits::<f64>();
    resumed_run_has_the_same_bits::<f32>();
}
