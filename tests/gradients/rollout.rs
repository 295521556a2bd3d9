//! `<J v, w> = <v, J^T w>` with `J v` from dual numbers, over one substep and over 200.

use backflow_diff::memory::Plan;
use backflow_sim::{
    contact::ContactLaw,
    loss::{Frame, FrameBar},
    rollout::{Gradient, State, forward::Rollout, frame::Criterion},
};
use num_dual::Dual64;

use crate::{
    fixture::{LAWS, MATTER, Matter, Noise, Setup, dot, setup, weights},
    inputs::{INPUTS, Input, along},
};

/// Judges nothing: the cotangents come from the end of the run.
pub struct Nothing;

impl Criterion<f64> for Nothing {
    fn reads(&self, _frame: usize) -> bool {
        false
    }

    fn value(&self, _frame: &Frame<f64>) -> f64 {
        0.0
    }

    fn value_vjp(&self, _frame: &Frame<f64>, _bars: &mut FrameBar<f64>) {}
}

/// `J^T w` for weights `w` of the final state.
pub fn pull(setup: &Setup<f64>, judge: &dyn Criterion<f64>, noise: &mut Noise) -> Gradient<f64> {
    let weights = weights(&setup.particles, noise);
    let mut rollout = Rollout::new(&setup.world, &setup.programs);
    let plan = Plan::new(rollout.steps(), 7.min(rollout.steps())).unwrap();
    let state = State::new(&setup.world, setup.particles.clone());
    let (_, gradient) = rollout
        .gradient(&state, judge, Some(&weights), &plan, &mut |_, _| true)
        .unwrap();
    gradient
}

/// `<J v, w>` by a dual run.
fn push(setup: &Setup<Dual64>, plain: &Setup<f64>, noise: &mut Noise) -> f64 {
    let weights = weights(&plain.particles, noise);
    let mut rollout = Rollout::new(&setup.world, &setup.programs);
    let mut state = State::new(&setup.world, setup.particles.clone());
    for step in 0..rollout.steps() {
        rollout.advance(&mut state, step).unwrap();
    }
    dot(&state.canonical(&setup.world), &weights).eps
}

/// The relative mismatch for one class of input; `None` where it has no effect at all.
fn mismatch(setup: &Setup<f64>, gradient: &Gradient<f64>, input: Input) -> Option<f64> {
    let forward = push(&setup.seeded(input, &mut Noise(5)), setup, &mut Noise(9));
    let reverse = along(gradient, input, setup, &mut Noise(5));
    let scale = forward.abs().max(reverse.abs());
    (scale > 0.0).then(|| (forward - reverse).abs() / scale)
}

/// Checks every class of input; `idle` says which may have no effect.
fn check(setup: &Setup<f64>, tolerance: f64, label: &str, idle: impl Fn(Input) -> bool) {
    let gradient = pull(setup, &Nothing, &mut Noise(9));
    for input in INPUTS {
        match mismatch(setup, &gradient, input) {
            Some(error) => assert!(error <= tolerance, "{label}, {input:?}: {error:e}"),
            None => assert!(idle(input), "{label}, {input:?} has no effect"),
        }
    }
}

/// Friction acts under Coulomb's law alone, activation on muscles; the tool has no joints and
/// nothing is injected.
fn idle(matter: Matter, law: ContactLaw) -> impl Fn(Input) -> bool {
    move |input| match input {
        Input::WallFriction | Input::ColliderFriction => law != ContactLaw::Coulomb,
        Input::Activation => matter != Matter::Muscle,
        Input::ToolJoints | Input::Injector => true,
        _ => false,
    }
}

#[test]
fn a_substep_has_the_adjoint_of_its_tangent_for_every_material_and_boundary() {
    for matter in MATTER {
        for law in LAWS {
            let setup = setup(matter, law, 2, 1);
            // Two substeps: the tool's controls act on the second frame's placement too.
            check(
                &setup,
                1e-10,
                &format!("{matter:?}, {law:?}"),
                idle(matter, law),
            );
        }
    }
}

#[test]
fn two_hundred_substeps_have_the_adjoint_of_their_tangent_for_every_material() {
    for (index, matter) in MATTER.into_iter().enumerate() {
        let law = LAWS[index % LAWS.len()];
        let setup = setup(matter, law, 20, 10);
        check(
            &setup,
            1e-8,
            &format!("{matter:?}, {law:?}"),
            idle(matter, law),
        );
    }
}

#[test]
fn two_hundred_substeps_have_the_adjoint_of_their_tangent_for_every_boundary() {
    for law in LAWS {
        let setup = setup(Matter::Mixed, law, 20, 10);
        let label = format!("{law:?}");
        check(&setup, 1e-8, &label, idle(Matter::Mixed, law));
    }
}

#[test]
fn mirrored_walls_have_the_adjoint_of_their_tangent() {
    for law in [ContactLaw::Slip, ContactLaw::Sticky] {
        let mut setup = setup(Matter::Mixed, law, 20, 5);
        setup.world.mirror();
        assert!(setup.world.walls[1][0].mirror);
        let label = format!("{law:?}, mirrored");
        check(&setup, 1e-8, &label, idle(Matter::Mixed, law));
    }
}

#[test]
fn rigid_matter_that_may_turn_in_a_plane_has_the_adjoint_of_its_tangent() {
    let mut setup = setup(Matter::Rigid, ContactLaw::Separating, 4, 5);
    setup.world.locked = [false, false, true];
    check(
        &setup,
        1e-10,
        "z locked",
        idle(Matter::Rigid, ContactLaw::Separating),
    );
}

#[test]
fn a_locked_axis_has_the_adjoint_of_its_tangent() {
    let mut setup = setup(Matter::Mixed, ContactLaw::Coulomb, 4, 5);
    setup.world.locked = [false, false, true];
    let idle = idle(Matter::Mixed, ContactLaw::Coulomb);
    check(&setup, 1e-10, "z locked", idle);
}
