//! diffGrad (Dubey et al. 2020): a constant gradient moves by exactly half a step of Adam; the
//! three functions of the paper's section 4 are led to their global basin.

use backflow_optim::{Settings, UpdateSettings};

use crate::toys::{Toy, run};

fn settings(iterations: usize, update: &str) -> Settings {
    Settings {
        iterations,
        update: ron::from_str::<UpdateSettings>(update).unwrap(),
        ..Settings::default()
    }
}

#[test]
fn constant_gradient_is_half_a_step_of_adam() {
    let slope = |x: &[f64]| (3.0 * x[0], vec![3.0]);
    let path = |update: &str| {
        let ends = |n| run(&settings(n, update), &[0.0], &mut Toy::new(slope)).1.x[0];
        [ends(1), ends(2), ends(9)]
    };
    for update in ["DiffGrad(rate: 0.1)", "DiffGrad(rate: 0.1, scale: 1)"] {
        let (ours, adam) = (path(update), path("Adam(rate: 0.1)"));
        let half = |k: usize| (ours[k] - ours[0]) / (adam[k] - adam[0]);
        // the first step sees the change from no gradient at all
        assert!(
            (half(1) - 0.5).abs() < 1e-12 && (half(2) - 0.5).abs() < 1e-12,
            "{update}"
        );
    }
}

#[test]
fn friction_does_not_depend_on_the_scale_of_the_value() {
    let end = |scale: f64| {
        let wave = move |x: &[f64]| (scale * x[0].cos(), vec![-scale * x[0].sin()]);
        run(
            &settings(30, "DiffGrad(rate: 0.1)"),
            &[1.0],
            &mut Toy::new(wave),
        )
        .1
        .x[0]
    };
    assert!((end(1.0) - end(1e3)).abs() < 1e-6);
}

/// Functions F1 to F3 of the paper (eqs. 11 to 13), with their slopes.
fn published(index: usize, x: f64) -> (f64, f64) {
    match index {
        0 if x <= 0.0 => ((x + 0.3).powi(2), 2.0 * (x + 0.3)),
        0 => ((x - 0.2).powi(2) + 0.05, 2.0 * (x - 0.2)),
        1 if x <= -0.9 => (-40.0 * x - 35.15, -40.0),
        1 => {
            let (sine, cosine) = (8.0 * x).sin_cos();
            (
                x.powi(3) + x * sine + 0.85,
                3.0 * x * x + sine + 8.0 * x * cosine,
            )
        }
        _ if x <= -0.5 || x > 0.5 => (x * x, 2.0 * x),
        _ if x <= -0.4 => (0.75 + x, 1.0),
        _ if x <= 0.0 => (-7.0 * x / 8.0, -7.0 / 8.0),
        _ if x <= 0.4 => (7.0 * x / 8.0, 7.0 / 8.0),
        _ => (0.75 - x, -1.0),
    }
}

#[test]
fn published_functions_are_led_to_their_global_basin() {
    for (index, iterations) in [(0, 300), (1, 300), (2, 300)] {
        let function = |x: &[f64]| {
            let (value, slope) = published(index, x[0]);
            (value, vec![slope])
        };
        let grid = (0..=20_000).map(|i| -1.0 + 2.0 * f64::from(i) / 20_000.0);
        let least = grid
            .map(|x| published(index, x).0)
            .fold(f64::INFINITY, f64::min);
        let update = "DiffGrad(rate: 0.1, beta1: 0.95, beta2: 0.999, scale: 1)";
        let (outcome, state, _) = run(
            &settings(iterations, update),
            &[-1.0],
            &mut Toy::new(function),
        );
        let last = published(index, state.x[0]).0;
        println!(
            "F{}: best {:.4}, last {last:.4}, global {least:.4}",
            index + 1,
            outcome.best_value
        );
        assert!(outcome.best_value <= least + 0.01, "F{}", index + 1);
        assert!(last <= least + 0.05, "F{}: {last}", index + 1);
    }
}
