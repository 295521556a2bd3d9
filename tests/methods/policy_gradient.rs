//! N-PG-IGT and N-HARPG (Fatkhullin et al. 2023): from one rollout a step, N-PG-IGT is about as good as the plain
//! policy gradient at its best rate; N-HARPG averages the noise of scenarios out.
//!
//! The catalogue's number, no more rollouts to -90 % than the plain one (its toy: 76.5 against 87), is not met on this
//! bowl: measured 51 against 47, and 32 against 29 in four dimensions.

use backflow_optim::{Random, Settings};

use crate::toys::{Scenarios, Toy, dot, median, run};

/// A smooth bowl.
fn bowl(x: &[f64]) -> (f64, Vec<f64>) {
    let away: Vec<f64> = x.iter().map(|x| x - 1.0).collect();
    (0.5 * dot(&away, &away), away)
}

/// Median over seeds of the steps until the true value at the next point has fallen by 90 %.
fn steps(update: &str, schedule: &str) -> f64 {
    let count = |seed: u64| {
        let settings = Settings {
            iterations: 1500,
            update: ron::from_str(update).unwrap(),
            schedule: ron::from_str(schedule).unwrap(),
            estimator: ron::from_str(&format!(
                "PolicyGradient(samples: 1, spread: 0.3, seed: {seed})"
            ))
            .unwrap(),
            ..Settings::default()
        };
        let driver = backflow_optim::Driver::new(settings, crate::toys::layout(8)).unwrap();
        let mut state = driver.start(&[0.0; 8]).unwrap();
        let mut objective = Toy::new(bowl);
        let first = bowl(&state.x).0;
        while state.iteration < 1500 {
            // a rate so high that it diverges is no use to the method
            if driver.advance(&mut state, &mut objective).is_err() {
                return 1500.0;
            }
            if bowl(&state.x).0 <= 0.1 * first {
                break;
            }
        }
        state.iteration as f64
    };
    median((0..15).map(count).collect())
}

#[test]
fn one_rollout_a_step_is_enough() {
    let plain = [0.02, 0.04, 0.06, 0.08, 0.1]
        .map(|rate| steps(&format!("Sgd(rate: {rate}, momentum: 0)"), "Constant"));
    let igt = [0.05, 0.08, 0.1, 0.12].map(|rate| steps(&format!("Igt(rate: {rate})"), "Constant"));
    println!("rollouts to -90 %: plain {plain:?}, N-PG-IGT {igt:?}");
    let best = |counts: &[f64]| counts.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(best(&igt) <= 1.15 * best(&plain));
}

#[test]
fn hessian_correction_averages_the_noise_of_scenarios_out() {
    let count = 64;
    let centres: Vec<Vec<f64>> = (0..count)
        .map(|i| Random::new(i, &[3]).normals(6))
        .collect();
    let function = |i: usize, x: &[f64]| {
        let curvature = |j: usize| 1.0 + j as f64;
        let away: Vec<f64> = x
            .iter()
            .zip(&centres[i])
            .map(|(x, c)| x - c - 1.0)
            .collect();
        let gradient: Vec<f64> = away
            .iter()
            .enumerate()
            .map(|(j, a)| curvature(j) * a)
            .collect();
        (0.5 * dot(&gradient, &away), gradient)
    };
    let mean = |x: &[f64]| {
        let all = (0..count as usize).map(|i| function(i, x).0);
        all.sum::<f64>() / count as f64
    };
    let end = |estimator: &str| {
        let settings = Settings {
            iterations: 600,
            update: ron::from_str("Normalized(rate: 0.05)").unwrap(),
            schedule: ron::from_str("Linear()").unwrap(),
            estimator: ron::from_str(estimator).unwrap(),
            ..Settings::default()
        };
        let mut objective = Scenarios::new(count as usize, function);
        let (_, state, _) = run(&settings, &[-1.0; 6], &mut objective);
        mean(&state.x)
    };
    let exact = end("Adjoint");
    let (harpg, one) = (end("Harpg()"), end("AdaptiveBatch(batch: 1, tolerance: 0)"));
    println!(
        "above the minimum: N-HARPG {:.2e}, one scenario {:.2e}",
        harpg - exact,
        one - exact
    );
    assert!(harpg - exact <= 0.1 * (one - exact));
}
