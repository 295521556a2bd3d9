use std::convert::Infallible;

use super::{CheckError, TaylorParams, TaylorReport, Vacuous, Verdict, taylor};

const X: [f64; 3] = [0.7, -0.4, 1.3];
const D: [f64; 3] = [0.5, 1.1, -0.6];

fn value(x: &[f64]) -> f64 {
    x[0].sin() * x[1].exp() + x[2] * x[2] * x[0] + 0.3 * x[1]
}

fn gradient() -> [f64; 3] {
    [
        X[0].cos() * X[1].exp() + X[2] * X[2],
        X[0].sin() * X[1].exp() + 0.3,
        2.0 * X[2] * X[0],
    ]
}

fn check(f: impl Fn(&[f64]) -> f64, g: &[f64]) -> Result<TaylorReport, CheckError> {
    taylor(
        |x| Ok::<_, Infallible>(f(x)),
        &X,
        g,
        &D,
        &TaylorParams::default(),
    )
}

#[test]
fn right_gradient_has_rate_two_and_a_table() {
    let report = check(value, &gradient()).unwrap();
    assert!(matches!(report.verdict, Verdict::SecondOrder { halvings } if halvings >= 6));
    assert!(report.resolution <= 1e-5, "{report}");
    let table = report.to_string();
    assert!(
        table.starts_with("second order on ") && table.lines().count() == 17,
        "{table}"
    );
}

#[test]
fn wrong_gradients_fail_with_a_table() {
    let right = gradient();
    let wrongs = [
        right.map(|g| -g),
        right.map(|g| 1.01 * g),
        right.map(|g| 1.0001 * g),
        [right[0], right[1] - 0.3, right[2]],
        [right[0], 0.0, right[2]],
    ];
    for wrong in wrongs {
        match check(value, &wrong) {
            Err(CheckError::TaylorRate(report)) => {
                assert_eq!(report.verdict, Verdict::Failed);
                assert_eq!(report.rows.len(), 15);
            }
            other => panic!("{wrong:?}: {other:?}"),
        }
    }
}

#[test]
fn wrong_gradients_fail_for_any_first_step() {
    for first in 0..40 {
        let step = 3.0 * 0.7_f64.powi(first);
        for factor in [0.99, 1.01, 0.999, 1.001] {
            let wrong = gradient().map(|g| factor * g);
            let params = TaylorParams {
                step,
                ..TaylorParams::default()
            };
            let found = taylor(|x| Ok::<_, Infallible>(value(x)), &X, &wrong, &D, &params);
            assert!(found.is_err(), "{step:e} {factor}");
        }
    }
}

#[test]
fn vacuous_checks_do_not_pass() {
    let vacuous = |found: Result<TaylorReport, CheckError>, expected| {
        assert_eq!(found.unwrap_err(), CheckError::Vacuous(expected));
    };
    vacuous(check(value, &[0.0; 3]), Vacuous::ZeroGradient);
    vacuous(check(|_| 2.5, &gradient()), Vacuous::ConstantFunction);
    vacuous(check(|_| 0.0, &[0.0; 3]), Vacuous::ConstantFunction);
    vacuous(check(value, &[1.1, -0.5, 0.0]), Vacuous::Perpendicular);
    let params = TaylorParams::default();
    let found = taylor(
        |x| Ok::<_, Infallible>(value(x)),
        &X,
        &gradient(),
        &[0.0; 3],
        &params,
    );
    vacuous(found, Vacuous::ZeroDirection);
    // At a minimum a tiny gradient of any sign has rate 2.
    let bowl = |x: &[f64]| x.iter().zip(&X).map(|(x, c)| (x - c).powi(2)).sum::<f64>();
    vacuous(check(bowl, &[1e-18, 0.0, 1e-18]), Vacuous::Stationary);
}

#[test]
fn numbers_that_are_not_finite_are_errors() {
    assert!(matches!(
        check(|_| f64::NAN, &gradient()),
        Err(CheckError::NotFinite { .. })
    ));
    let found = check(value, &[f64::NAN, 0.0, 0.0]);
    assert!(matches!(found, Err(CheckError::NotFinite { .. })));
    let params = TaylorParams::default();
    let found = taylor(
        |_| Err::<f64, _>("no rollout"),
        &X,
        &gradient(),
        &D,
        &params,
    );
    assert!(matches!(found, Err(CheckError::Evaluation { .. })));
    let found = taylor(|x| Ok::<_, Infallible>(value(x)), &X, &[1.0], &D, &params);
    assert!(matches!(
        found,
        Err(CheckError::Length {
            found: 1,
            expected: 3,
            ..
        })
    ));
}

#[test]
fn linear_functions_are_exact_or_wrong() {
    let g = [1.0, -2.0, 0.5];
    let linear = |x: &[f64]| 3.0 + x[0] - 2.0 * x[1] + 0.5 * x[2];
    let report = check(linear, &g).unwrap();
    assert_eq!(report.verdict, Verdict::Exact);
    assert!(report.resolution <= 1e-10, "{report}");
    for factor in [-1.0, 1.01, 1.000_001] {
        let error = check(linear, &g.map(|g| factor * g)).unwrap_err();
        assert!(matches!(error, CheckError::TaylorRate(_)), "{error}");
    }
}

#[test]
fn quadratic_functions_have_rate_two() {
    let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
    let report = check(square, &X.map(|x| 2.0 * x)).unwrap();
    assert!(matches!(report.verdict, Verdict::SecondOrder { .. }));
}

#[test]
fn remainder_that_crosses_zero_does_not_pass() {
    // h - h^2 against the slope 1 - 2^-7: the remainder is 0 at h = 2^-7 and 2^-7 h below.
    let f = |x: &[f64]| x[0] - x[0] * x[0];
    let params = TaylorParams {
        step: 1.0,
        ..TaylorParams::default()
    };
    let slope = [1.0 - 0.5_f64.powi(7)];
    let found = taylor(
        |x| Ok::<_, Infallible>(f(x)),
        &[0.0],
        &slope,
        &[1.0],
        &params,
    );
    assert!(matches!(found, Err(CheckError::TaylorRate(_))), "{found:?}");
}

#[test]
fn steps_that_are_too_large_are_unresolved() {
    // One percent wrong, but the curvature hides it: 1e3 h^2 against 1e-2 h.
    let f = |x: &[f64]| x[0] + 1e3 * x[0] * x[0];
    let params = TaylorParams {
        step: 1.0,
        halvings: 5,
        ..TaylorParams::default()
    };
    let found = taylor(
        |x| Ok::<_, Infallible>(f(x)),
        &[0.0],
        &[1.01],
        &[1.0],
        &params,
    );
    assert!(found.is_err());
    let found = taylor(
        |x| Ok::<_, Infallible>(f(x)),
        &[0.0],
        &[1.0],
        &[1.0],
        &params,
    );
    assert!(found.is_err(), "the slope was never seen");
}
