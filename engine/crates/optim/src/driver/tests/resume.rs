//! A saved state goes on to the same bits.

use super::*;
use crate::testing::{Ball, Rosenbrock};

/// Every update, with schedule and clip where it takes them.
fn varied() -> [Settings; 4] {
    let schedule = ScheduleSettings::Cosine {
        floor: 0.1,
        warmup: 4,
    };
    let smooth = |update| Settings {
        schedule: schedule.clone(),
        clip: Clip::Norm(50.0),
        ..settings(40, update)
    };
    let nesterov = UpdateSettings::Sgd {
        rate: 1e-3,
        momentum: 0.9,
        nesterov: true,
    };
    [
        smooth(UpdateSettings::adam(0.05)),
        smooth(UpdateSettings::sgd(1e-3, 0.9)),
        smooth(nesterov),
        settings(40, UpdateSettings::lbfgs()),
    ]
}

#[test]
fn a_resume_after_any_iteration_gives_the_bits_of_an_uninterrupted_run() {
    for settings in varied() {
        let mut bounded = layout(2);
        bounded.bound("x", Bounds::between(-1.5, 0.9)).unwrap();
        let driver = Driver::new(settings, bounded).unwrap();
        let mut whole = driver.start(&[-1.2, 1.0]).unwrap();
        let mut saved = Vec::new();
        let mut save = |_: &Record, state: &DriverState| {
            saved.push(serde_json::to_string(state).unwrap());
            ControlFlow::Continue(())
        };
        let expected = driver.run(&mut whole, &mut Rosenbrock, &mut save).unwrap();
        for text in &saved {
            let mut resumed: DriverState = serde_json::from_str(text).unwrap();
            let outcome = driver.run(&mut resumed, &mut Rosenbrock, &mut ()).unwrap();
            assert_eq!(bits(&outcome.best_x), bits(&expected.best_x));
            assert_eq!(outcome, expected);
            assert_eq!(resumed, whole);
            assert_eq!(bits(&resumed.x), bits(&whole.x));
        }
    }
}

#[test]
fn a_resume_through_backoffs_gives_the_same_bits() {
    let mut lbfgs = UpdateSettings::lbfgs();
    if let UpdateSettings::Lbfgs { rate, .. } = &mut lbfgs {
        *rate = 8.0;
    }
    for update in [
        UpdateSettings::adam(3.0),
        UpdateSettings::sgd(1.8, 0.5),
        lbfgs,
    ] {
        let driver = Driver::new(settings(60, update), layout(2)).unwrap();
        let mut ball = Ball { radius: 1.006 };
        let mut whole = driver.start(&[-1.0, 0.1]).unwrap();
        let expected = driver.run(&mut whole, &mut ball, &mut ()).unwrap();
        assert!(expected.counters.backoffs > 0, "{expected:?}");
        let mut state = driver.start(&[-1.0, 0.1]).unwrap();
        while driver.finished(&state).is_none() {
            driver.advance(&mut state, &mut ball).unwrap();
            state = ron::from_str(&ron::to_string(&state).unwrap()).unwrap();
        }
        assert_eq!(state, whole);
        assert_eq!(bits(&state.x), bits(&whole.x));
    }
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn the_observer_can_stop_a_run_and_a_resume_goes_on() {
    let driver = Driver::new(settings(20, UpdateSettings::adam(0.1)), layout(2)).unwrap();
    let mut whole = driver.start(&[-1.2, 1.0]).unwrap();
    let expected = driver.run(&mut whole, &mut Rosenbrock, &mut ()).unwrap();
    let mut state = driver.start(&[-1.2, 1.0]).unwrap();
    let mut interrupt = |record: &Record, _: &DriverState| match record.iteration {
        6 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let part = driver.run(&mut state, &mut Rosenbrock, &mut interrupt);
    let part = part.unwrap();
    assert_eq!((part.stop, part.iterations), (Stop::Observer, 7));
    let outcome = driver.run(&mut state, &mut Rosenbrock, &mut ()).unwrap();
    assert_eq!(outcome, expected);
}

#[test]
fn a_finished_run_stays_finished_and_more_iterations_extend_it() {
    let target = Settings {
        target: Some(0.1),
        ..settings(1000, UpdateSettings::sgd(0.1, 0.0))
    };
    let driver = Driver::new(target, layout(2)).unwrap();
    let mut quadratic = Quadratic::conditioned(2, 1.0);
    let mut state = driver.start(&[0.0; 2]).unwrap();
    let first = driver.run(&mut state, &mut quadratic, &mut ()).unwrap();
    let again = driver.run(&mut state, &mut quadratic, &mut ()).unwrap();
    assert_eq!(first, again);

    let short = Driver::new(settings(5, UpdateSettings::adam(0.1)), layout(2)).unwrap();
    let long = Driver::new(settings(9, UpdateSettings::adam(0.1)), layout(2)).unwrap();
    let mut state = short.start(&[0.0; 2]).unwrap();
    short.run(&mut state, &mut quadratic, &mut ()).unwrap();
    let outcome = long.run(&mut state, &mut quadratic, &mut ()).unwrap();
    assert_eq!(outcome.iterations, 9);
}

#[test]
fn a_state_of_another_run_is_refused() {
    let adam = Driver::new(settings(5, UpdateSettings::adam(0.1)), layout(2)).unwrap();
    let sgd = Driver::new(settings(5, UpdateSettings::sgd(0.1, 0.0)), layout(2)).unwrap();
    let other = Driver::new(settings(5, UpdateSettings::adam(0.1)), layout(3)).unwrap();
    let state = adam.start(&[0.0; 2]).unwrap();
    let refuse = |driver: &Driver, mut state: DriverState| {
        let result = driver.run(&mut state, &mut Rosenbrock, &mut ());
        result.unwrap_err().to_string()
    };
    let text = refuse(&sgd, state.clone());
    assert!(
        text.contains("another update") && text.contains("Sgd"),
        "{text}"
    );
    let text = refuse(&other, state.clone());
    assert!(text.contains("x (2)") && text.contains("x (3)"), "{text}");
    let mut damaged = state;
    damaged.x.pop();
    let text = refuse(&adam, damaged);
    assert_eq!(text, "x of the saved state does not have 2 entries");
}
