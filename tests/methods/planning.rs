//! Planning on a reduced-order operator: the plan of scenes/fluid/throw.ron, verified in the engine, reaches >= 90 % of what
//! 30 gradients through the engine reach, with <= 1/10 of their substeps, counted forwards alone. Measured: 0.969 of the mass in
//! the cup instead of 0.981, 0.996 of what the engine takes of the loss, 1/15 of the substeps.

use std::path::Path;

use backflow::{
    operator::train::Card,
    optim::Objective,
    task::{
        Task,
        binding::Binding,
        criterion::Judge,
        plan::{Planned, plan, unfit, verify},
    },
};
use backflow_diff::gradcheck::{DifferenceParams, central_difference};

/// `backflow optimize scenes/fluid/throw.ron`: 30 iterations, velocity (1.7197, 2.1071, -0.0207) m/s.
const ENGINE: (f64, f64) = (7.023e-4, 0.981);

#[test]
fn a_throw_that_is_planned_on_an_operator_lands_in_the_cup() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let trained = Card::read(&root.join("assets/operators/cream.ron")).unwrap();
    let task = Task::load(&root.join("scenes/fluid/throw.ron"), 1.0).unwrap();
    let samples = trained.card.samples;
    assert_eq!(unfit(&task.spec, &trained.card, samples), []);
    let binding = Binding::new(&task.spec, &task.scene).unwrap();
    let judge = Judge::new::<f32>(&task.scene).unwrap();
    let planned = Planned::new(&task, &binding, &judge, &trained, samples).unwrap();
    let planning = plan::<f32>(&task, &binding, &judge, planned, 0, &mut |_| {}).unwrap();
    let best = planning.best().unwrap();
    let clock = &task.scene.world.clock;
    let iterations = task.spec.optimize.as_ref().unwrap().settings.iterations;
    let share = planning.substeps() as f64 / (iterations * clock.frames * clock.substeps) as f64;
    let mass = best.found.metrics[0].1;
    // Of the loss, how much of what the engine takes away is taken away.
    let start = planning.start.value;
    let gained = (start - best.found.value) / (start - ENGINE.0);
    for round in &planning.rounds {
        println!(
            "{:?} m/s: predicted {:.3e}, {:.3}; found {:.3e}, {:.3}",
            binding.as_values(&round.x),
            round.predicted.0,
            round.predicted.1[0].1,
            round.found.value,
            round.found.metrics[0].1
        );
    }
    println!(
        "mass in the cup {mass:.3} of {}, loss taken away {gained:.3}, substeps {share:.3}",
        ENGINE.1
    );
    assert!(mass >= 0.9 * ENGINE.1, "{mass}");
    assert!(gained >= 0.9, "{gained}");
    assert!(share <= 0.1 + 1e-12, "{share}");
}

#[test]
fn gradients_of_plans_agree_with_central_differences_and_corrections_with_the_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let trained = Card::read(&root.join("assets/operators/cream.ron")).unwrap();
    let task = Task::load(&root.join("scenes/fluid/throw.ron"), 1.0).unwrap();
    let binding = Binding::new(&task.spec, &task.scene).unwrap();
    let judge = Judge::new::<f32>(&task.scene).unwrap();
    let mut planned = Planned::new(&task, &binding, &judge, &trained, 24).unwrap();
    // Against the near wall of the cup.
    let x = [1.2, 1.9, 0.05];
    let found = verify::<f32>(&task.scene, &binding, &judge, &x).unwrap();
    for corrected in [false, true] {
        if corrected {
            planned.correct(&x, &found).unwrap();
            let (value, metrics) = planned.predict(&x).unwrap();
            // Rounding.
            assert!(
                (value - found.value).abs() <= 1e-12 * found.value,
                "{value}"
            );
            let off = metrics[0].1 - found.metrics[0].1;
            assert!(off.abs() <= 1e-12, "{off}");
        }
        let gradient = planned.gradient(&x).unwrap().gradient;
        let params = DifferenceParams {
            step: 1e-6, // lengths are centimetres, and neighbours are exchanged on the way
            ..DifferenceParams::default()
        };
        let value = |x: &[f64]| planned.value(x);
        let report = central_difference(value, &x, &gradient, &params).unwrap();
        println!("{report}");
        assert!(report.error <= 1e-6, "{report}");
    }
}
