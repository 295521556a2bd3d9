//! Non-finite numbers never enter an update.

use super::*;
use crate::guard::Guard;
use crate::testing::{Ball, Fails};

#[test]
fn a_run_that_steps_out_of_the_domain_backs_off_and_still_converges() {
    for update in [
        UpdateSettings::adam(3.0),
        UpdateSettings::sgd(1.8, 0.0),
        UpdateSettings::lbfgs(),
    ] {
        // the minimum (1, 0) lies on the edge of the domain, the start (-1, 0.1) too
        let (outcome, records) = run(
            settings(200, update.clone()),
            layout(2),
            &[-1.0, 0.1],
            &mut Ball { radius: 1.006 },
        );
        let outcome = outcome.unwrap();
        assert!(outcome.best_value < -0.49, "{update:?} {outcome:?}");
        let backed = |r: &&Record| matches!(r.event, Event::BackedOff(_));
        let backoffs = records.iter().filter(backed).count();
        assert_eq!(outcome.counters.backoffs, backoffs);
        if update != UpdateSettings::lbfgs() {
            assert!(backoffs > 0, "{update:?}");
        }
        for record in records.iter().filter(backed) {
            assert!(record.value.is_nan() && record.best.is_finite());
        }
    }
}

#[test]
fn a_backoff_returns_to_the_best_point_at_half_the_rate() {
    let driver = Driver::new(settings(9, UpdateSettings::sgd(4.0, 0.0)), layout(1)).unwrap();
    let mut state = driver.start(&[0.5]).unwrap();
    let mut ball = Ball { radius: 2.0 };
    // gradient x - 1 = -0.5: to 2.5, outside; again at half the rate: to 1.5
    driver.advance(&mut state, &mut ball).unwrap();
    assert_eq!(state.x, [2.5]);
    let record = driver.advance(&mut state, &mut ball).unwrap();
    assert_eq!(record.rate, 2.0);
    assert_eq!(state.x, [1.5]);
    assert_eq!(state.counters.backoffs, 1);
    let event = Event::BackedOff(record_trouble(&record));
    assert_eq!(format!("{event:?}"), format!("{:?}", record.event));
}

fn record_trouble(record: &Record) -> Trouble {
    match &record.event {
        Event::BackedOff(trouble) => trouble.clone(),
        event => panic!("not a backoff: {event:?}"),
    }
}

#[test]
fn nan_everywhere_is_a_typed_error_that_names_the_iteration() {
    let error = run(
        settings(50, UpdateSettings::adam(0.1)),
        layout(1),
        &[3.0],
        &mut Ball { radius: 1.0 },
    );
    match error.0.unwrap_err() {
        RunError::NotFinite {
            iteration,
            trouble,
            halvings,
            ..
        } => {
            assert_eq!((iteration, halvings), (0, 0));
            assert!(matches!(trouble, Trouble::Value { value } if value.is_nan()));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn halvings_that_do_not_help_end_with_the_entry_named() {
    /// Finite once, then a NaN in the second gradient entry.
    struct Once(usize);
    impl Objective for Once {
        type Error = std::convert::Infallible;
        fn value(&mut self, _: &[f64]) -> Result<f64, Self::Error> {
            Ok(0.0)
        }
        fn gradient(&mut self, _: &[f64]) -> Result<Evaluation, Self::Error> {
            self.0 += 1;
            let second = if self.0 == 1 { 1.0 } else { f64::NAN };
            Ok(Evaluation::new(0.0, vec![1.0, second]))
        }
    }
    let settings = Settings {
        guard: Guard {
            halvings: 3,
            recover: 0,
        },
        ..settings(50, UpdateSettings::lbfgs())
    };
    let (outcome, records) = run(settings, layout(2), &[0.0, 0.0], &mut Once(0));
    let text = outcome.unwrap_err().to_string();
    let expected =
        "iteration 4: the gradient of x[1] is NaN, after 3 halvings of the rate in a row";
    assert_eq!(text, expected);
    let rates: Vec<f64> = records.iter().map(|record| record.rate).collect();
    assert_eq!(rates, [1.0, 0.5, 0.25, 0.125]);
}

#[test]
fn a_divergence_keeps_the_objectives_error_as_its_source() {
    let (outcome, _) = run(
        settings(5, UpdateSettings::default()),
        layout(1),
        &[0.0],
        &mut Fails,
    );
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("particle 7"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn an_update_that_overflows_is_stopped_before_the_objective_sees_it() {
    struct Finite(Quadratic);
    impl Objective for Finite {
        type Error = std::convert::Infallible;
        fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error> {
            self.0.value(x)
        }
        fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error> {
            assert!(x[0].is_finite());
            self.0.gradient(x)
        }
    }
    // rate 1.6e308 on a gradient of 10: x is infinite, still so at 1/2, 1/4 and 1/8 of the rate,
    // finite at 1/16, where its square is not
    let settings = settings(50, UpdateSettings::sgd(1.6e308, 0.0));
    let mut finite = Finite(Quadratic::conditioned(1, 1.0));
    let (outcome, records) = run(settings, layout(1), &[11.0], &mut finite);
    let text = outcome.unwrap_err().to_string();
    assert!(
        text.starts_with("iteration 6: the value is inf, after 5"),
        "{text}"
    );
    let text = record_trouble(&records[1]).to_string();
    assert_eq!(text, "parameter x[0] is -inf");
}
