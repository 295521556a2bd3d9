//! Laws of a whole run.

mod guard;
mod resume;

use std::ops::ControlFlow;

use super::*;
use crate::clip::Clip;
use crate::parameters::Bounds;
use crate::schedule::ScheduleSettings;
use crate::stop::Plateau;
use crate::testing::{Quadratic, layout};
use crate::update::UpdateSettings;

fn run<O: Objective>(
    settings: Settings,
    layout: Layout,
    start: &[f64],
    objective: &mut O,
) -> (Result<Outcome, RunError<O::Error>>, Vec<Record>) {
    let driver = Driver::new(settings, layout).unwrap();
    let mut state = driver.start(start).unwrap();
    let mut records = Vec::new();
    let mut observer = |record: &Record, _: &DriverState| {
        records.push(record.clone());
        ControlFlow::Continue(())
    };
    let outcome = driver.run(&mut state, objective, &mut observer);
    (outcome, records)
}

fn settings(iterations: usize, update: UpdateSettings) -> Settings {
    Settings {
        iterations,
        update,
        ..Settings::default()
    }
}

#[test]
fn adam_with_a_cosine_reaches_the_minimum_and_reports_every_iteration() {
    let settings = Settings {
        schedule: ScheduleSettings::Cosine {
            floor: 0.0,
            warmup: 0,
        },
        ..settings(300, UpdateSettings::adam(0.1))
    };
    let mut quadratic = Quadratic::conditioned(3, 10.0);
    let (outcome, records) = run(settings, layout(3), &[0.0; 3], &mut quadratic);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.stop, Stop::Iterations);
    assert_eq!(outcome.iterations, 300);
    assert!(outcome.best_value < 1e-6 * outcome.first_value);
    assert!(records.iter().map(|r| r.iteration).eq(0..300));
    assert_eq!(records[0].rate, 0.1);
    assert_eq!(records[299].rate, 0.0);
    assert_eq!(records[0].metrics[0].0, "distance");
    assert_eq!(outcome.counters.accepted, 300);
}

#[test]
fn the_best_point_is_kept_when_the_last_is_worse() {
    // curvature 1, rate 2.5: every step overshoots by 1.5 times the distance
    let mut quadratic = Quadratic::conditioned(1, 1.0);
    let diverging = settings(8, UpdateSettings::sgd(2.5, 0.0));
    let (outcome, records) = run(diverging, layout(1), &[0.0], &mut quadratic);
    let outcome = outcome.unwrap();
    assert!(records[7].value > records[0].value);
    assert_eq!(outcome.best_x, [0.0]);
    assert_eq!(outcome.best_iteration, 0);
    assert_eq!(outcome.best_value, records[0].value);
    assert_eq!(records[7].best, outcome.best_value);
}

#[test]
fn a_plateau_ends_the_run_after_its_patience() {
    let settings = Settings {
        plateau: Some(Plateau {
            patience: 4,
            relative: 0.5,
            absolute: 0.0,
        }),
        ..settings(100, UpdateSettings::sgd(1e-6, 0.0))
    };
    let mut quadratic = Quadratic::conditioned(2, 1.0);
    let (outcome, records) = run(settings, layout(2), &[0.0; 2], &mut quadratic);
    assert_eq!(outcome.unwrap().stop, Stop::Plateau);
    assert_eq!(records.len(), 5);
}

#[test]
fn target_and_gradient_norm_end_the_run_at_the_point_that_meets_them() {
    let target = Settings {
        target: Some(0.1),
        ..settings(1000, UpdateSettings::sgd(0.1, 0.0))
    };
    let mut quadratic = Quadratic::conditioned(2, 1.0);
    let (outcome, records) = run(target, layout(2), &[0.0; 2], &mut quadratic);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.stop, Stop::Target);
    let [.., before, last] = &records[..] else {
        panic!("too few iterations")
    };
    assert!(before.value > 0.1 && last.value <= 0.1);
    assert_eq!(last.event, Event::Final);
    assert_eq!(outcome.best_iteration, last.iteration);

    // held at the bound x <= 0.5 by a slope that never vanishes: only the projected norm does
    let norm = Settings {
        gradient_norm: Some(1e-9),
        ..settings(1000, UpdateSettings::sgd(0.5, 0.0))
    };
    let mut bounded = layout(1);
    bounded.bound("x", Bounds::between(0.0, 0.5)).unwrap();
    let mut quadratic = Quadratic::conditioned(1, 1.0);
    let (outcome, records) = run(norm, bounded, &[0.0], &mut quadratic);
    assert_eq!(outcome.unwrap().stop, Stop::GradientNorm);
    assert_eq!(records[records.len() - 1].gradient_norm, 0.5);
}

#[test]
fn bounds_hold_at_every_evaluation_and_clamps_are_counted() {
    struct Inside(Quadratic);
    impl Objective for Inside {
        type Error = std::convert::Infallible;
        fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error> {
            self.0.value(x)
        }
        fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error> {
            assert!(x.iter().all(|x| (-0.5..=1.5).contains(x)), "{x:?}");
            self.0.gradient(x)
        }
    }
    for update in [
        UpdateSettings::adam(0.3),
        UpdateSettings::sgd(0.2, 0.9),
        UpdateSettings::lbfgs(),
    ] {
        let mut bounded = layout(3);
        bounded.bound("x", Bounds::between(-0.5, 1.5)).unwrap();
        let mut inside = Inside(Quadratic::conditioned(3, 4.0));
        // the start lies outside in two entries
        let start = [-3.0, 0.0, 9.0];
        let (outcome, records) = run(settings(40, update), bounded, &start, &mut inside);
        let outcome = outcome.unwrap();
        let moved: usize = records.iter().map(|r| r.clamped).sum();
        assert_eq!(outcome.counters.clamped, 2 + moved);
        assert!(moved > 0);
        // centre (1, 2, 3): the last two are held at the bound
        assert_eq!(outcome.best_x[1..], [1.5, 1.5]);
    }
}

#[test]
fn clips_are_counted() {
    let settings = Settings {
        clip: Clip::Norm(0.1),
        ..settings(3, UpdateSettings::sgd(1.0, 0.0))
    };
    let mut quadratic = Quadratic::conditioned(1, 1.0);
    let (outcome, records) = run(settings, layout(1), &[0.0], &mut quadratic);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.counters.clipped, 3);
    assert_eq!(records[0].clipped, 1);
    assert_eq!(records[0].gradient_norm, 1.0);
    assert!((outcome.best_x[0] - 0.2).abs() < 1e-15);
}

#[test]
fn a_gradient_of_the_wrong_length_is_a_typed_error() {
    struct Short;
    impl Objective for Short {
        type Error = std::convert::Infallible;
        fn value(&mut self, _: &[f64]) -> Result<f64, Self::Error> {
            Ok(0.0)
        }
        fn gradient(&mut self, _: &[f64]) -> Result<Evaluation, Self::Error> {
            Ok(Evaluation::new(0.0, vec![]))
        }
    }
    let settings = settings(5, UpdateSettings::default());
    let error = run(settings, layout(2), &[0.0; 2], &mut Short).0;
    let text = error.unwrap_err().to_string();
    assert_eq!(text, "iteration 0: the gradient has 0 entries; expected 2");
}

#[test]
fn bad_starts_and_settings_are_refused() {
    let driver = Driver::new(Settings::default(), layout(2)).unwrap();
    let text = driver.start(&[0.0]).unwrap_err().to_string();
    assert_eq!(
        text,
        "the starting point has 1 parameters; the layout has 2"
    );
    let text = driver.start(&[0.0, f64::NAN]).unwrap_err().to_string();
    assert!(text.contains("x[1] is NaN"), "{text}");
    let bad = settings(0, UpdateSettings::adam(-1.0));
    let text = Driver::new(bad, layout(1)).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
}
