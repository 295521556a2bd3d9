//! CMA-ES (Hansen 2016): the ellipsoid of condition 1e6 to 1e-10 in ten dimensions within 7000 values,
//! whatever its axes; beats random points.

use backflow_optim::{Driver, Random, Settings};

use crate::toys::{Toy, dot, layout, norm, run};

/// sum_i 1e6^(i/(n-1)) y_i^2 of y = x, or of its mirror image.
fn ellipsoid(mirrored: bool) -> impl FnMut(&[f64]) -> (f64, Vec<f64>) {
    let mut mirror = Random::new(8, &[]).normals(10);
    let length = norm(&mirror);
    mirror.iter_mut().for_each(|m| *m /= length);
    move |x: &[f64]| {
        let share = if mirrored { 2.0 * dot(&mirror, x) } else { 0.0 };
        let y = x.iter().zip(&mirror).map(|(x, m)| x - share * m);
        let term = |(i, y): (usize, f64)| 1e6_f64.powf(i as f64 / 9.0) * y * y;
        (y.enumerate().map(term).sum(), vec![0.0; x.len()])
    }
}

fn settings(update: &str, iterations: usize, target: f64) -> Settings {
    Settings {
        iterations,
        update: ron::from_str(update).unwrap(),
        estimator: ron::from_str("Values").unwrap(),
        target: Some(target),
        ..Settings::default()
    }
}

#[test]
fn ellipsoid_is_solved_whatever_its_axes() {
    let count = |mirrored, seed: u64| {
        let settings = settings(&format!("CmaEs(spread: 0.5, seed: {seed})"), 20_000, 1e-10);
        let (outcome, ..) = run(&settings, &[1.0; 10], &mut Toy::new(ellipsoid(mirrored)));
        assert!(outcome.best_value <= 1e-10);
        outcome.iterations as f64
    };
    let all = |mirrored| (0..5).map(|seed| count(mirrored, seed)).collect::<Vec<_>>();
    let (plain, mirrored) = (all(false), all(true));
    println!("ellipsoid of condition 1e6: {plain:?} values, {mirrored:?} with other axes");
    let (plain, mirrored) = (crate::toys::median(plain), crate::toys::median(mirrored));
    assert!(plain <= 7000.0, "{plain}");
    assert!((plain / mirrored - 1.0).abs() < 0.15);
}

#[test]
fn diagonal_learns_separable_functions_of_many_variables_faster() {
    let wide = |x: &[f64]| {
        let term = |(i, x): (usize, &f64)| 1e4_f64.powf(i as f64 / 59.0) * x * x;
        (x.iter().enumerate().map(term).sum(), vec![0.0; 60])
    };
    let end = |update: &str| {
        let (outcome, ..) = run(
            &settings(update, 8000, 0.0),
            &[1.0; 60],
            &mut Toy::new(wide),
        );
        outcome.best_value
    };
    let (full, diagonal) = (
        end("CmaEs(spread: 0.5)"),
        end("CmaEs(spread: 0.5, diagonal: true)"),
    );
    let random = end("Random(spread: 0.5)");
    println!(
        "60 variables, 8000 values: full {full:.2e}, diagonal {diagonal:.2e}, random {random:.2e}"
    );
    assert!(diagonal < 0.1 * full && full < random);
}

#[test]
fn candidates_that_blow_up_are_the_worst_and_idle_stays() {
    // nothing beyond |x| = 2: about a third of the first candidates
    let holed = |x: &[f64]| {
        let square = dot(x, x);
        (
            if square > 4.0 {
                f64::NAN
            } else {
                (x[0] - 0.5).powi(2) + x[1] * x[1]
            },
            vec![0.0; 2],
        )
    };
    let update = "CmaEs(spread: 1)";
    let (outcome, ..) = run(
        &settings(update, 600, 1e-10),
        &[1.2, -1.2],
        &mut Toy::new(holed),
    );
    assert!(
        outcome.best_value <= 1e-10 && outcome.counters.rejected > 0,
        "{outcome:?}"
    );
    let driver = Driver::new(settings("Idle", 600, 0.0), layout(2)).unwrap();
    let mut state = driver.start(&[1.0, 1.0]).unwrap();
    let outcome = driver
        .run(&mut state, &mut Toy::new(holed), &mut ())
        .unwrap();
    assert_eq!((outcome.iterations, outcome.best_x), (1, vec![1.0, 1.0]));
}
