//! Schedules (Defazio et al. 2023): with noise on a function that is not smooth, the last iterate under the linear
//! decay is <= 0.5 of that under the best constant rate (toy of the catalogue: 0.0077 against 0.212), and so it is
//! under the refined one. (That equal norms give the straight line is tested beside the code.)
//!
//! The catalogue's other number, refined <= 1.02 of linear, is meant for scenes. On these two problems it is not met:
//! measured 1.05 at a value of 6e-5 of the start, and 1.19 on the regression.

use backflow_optim::schedule::refine;
use backflow_optim::{Random, ScheduleSettings, Settings};

use crate::toys::{Toy, median, run};

/// |x|_1 with noisy slopes.
fn corner(seed: u64) -> impl FnMut(&[f64]) -> (f64, Vec<f64>) {
    let mut call = 0;
    move |x: &[f64]| {
        call += 1;
        let mut random = Random::new(seed, &[call]);
        let value = x.iter().map(|x| x.abs()).sum();
        (
            value,
            x.iter().map(|x| x.signum() + random.normal()).collect(),
        )
    }
}

/// Last value and norms, over some seeds.
fn last(rate: f64, schedule: &ScheduleSettings) -> (f64, Vec<f64>) {
    let mut norms = Vec::new();
    let values = (0..5).map(|seed| {
        let settings = Settings {
            iterations: 1000,
            update: ron::from_str(&format!("Sgd(rate: {rate}, momentum: 0)")).unwrap(),
            schedule: schedule.clone(),
            ..Settings::default()
        };
        let (_, _, records) = run(
            &settings,
            &[1.0, -2.0, 0.5, 1.5],
            &mut Toy::new(corner(seed)),
        );
        norms = records.iter().map(|record| record.gradient_norm).collect();
        records.last().unwrap().value
    });
    (median(values.collect()), norms)
}

#[test]
fn decay_halves_the_last_iterate_and_refinement_does_no_harm() {
    let rates = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05];
    let best = |schedule: &ScheduleSettings| {
        let ends = rates.map(|rate| (last(rate, schedule).0, rate));
        ends.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
    };
    let linear = ScheduleSettings::Linear {
        floor: 0.0,
        warmup: 0,
    };
    let (constant, _) = best(&ScheduleSettings::Constant);
    let (decayed, rate) = best(&linear);
    let (_, norms) = last(rate, &linear);
    let refined = ScheduleSettings::Refined {
        factors: refine(&norms, 2.0),
    };
    let (refined, _) = last(rate, &refined);
    println!("last value: constant {constant:.4}, linear {decayed:.4}, refined {refined:.4}");
    assert!(decayed <= 0.5 * constant, "{decayed} {constant}");
    assert!(refined <= 0.5 * constant, "{refined} {constant}");
}

/// Least squares whose residuals, and so whose noise, fall as it is solved.
fn regression(seed: u64) -> impl FnMut(&[f64]) -> (f64, Vec<f64>) {
    let mut call = 0;
    move |x: &[f64]| {
        call += 1;
        let mut random = Random::new(seed, &[call]);
        let mut gradient = vec![0.0; x.len()];
        let row = random.normals(x.len());
        let residual = crate::toys::dot(&row, x) + 0.05 * random.normal();
        crate::toys::add_scaled(&mut gradient, residual, &row);
        (0.5 * crate::toys::dot(x, x), gradient)
    }
}

#[test]
fn refinement_beats_constant_rates_where_gradients_shrink() {
    let end = |seed: u64, rate: f64, schedule: &ScheduleSettings| {
        let settings = Settings {
            iterations: 400,
            update: ron::from_str(&format!("Sgd(rate: {rate}, momentum: 0)")).unwrap(),
            schedule: schedule.clone(),
            ..Settings::default()
        };
        let start = [1.0, -2.0, 0.5, 1.5];
        let (_, _, records) = run(&settings, &start, &mut Toy::new(regression(seed)));
        let norms: Vec<f64> = records.iter().map(|record| record.gradient_norm).collect();
        (records.last().unwrap().value, norms)
    };
    let linear = ScheduleSettings::Linear {
        floor: 0.0,
        warmup: 0,
    };
    let (mut decayed, mut refined) = (Vec::new(), Vec::new());
    for seed in 0..15 {
        let (value, norms) = end(seed, 0.1, &linear);
        decayed.push(value);
        let factors = refine(&norms, 2.0);
        refined.push(end(seed, 0.1, &ScheduleSettings::Refined { factors }).0);
    }
    let constant = [0.01, 0.02, 0.05, 0.1].map(|rate| {
        let ends = (0..15).map(|seed| end(seed, rate, &ScheduleSettings::Constant).0);
        median(ends.collect())
    });
    let (decayed, refined) = (median(decayed), median(refined));
    println!("regression: linear {decayed:.3e}, refined {refined:.3e}, constant {constant:?}");
    let constant = constant.into_iter().fold(f64::INFINITY, f64::min);
    assert!(refined < constant, "{refined} {constant}");
}
