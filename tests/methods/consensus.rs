//! Consensus (Riedl et al. 2023): 20 of 20 runs on Rastrigin's function in four dimensions, where 40 starts
//! of gradient descent find the minimum once in 20 (toy of the catalogue); steps of consensus hopping
//! along the gradient, cosine >= 0.95, on a smooth function.

use backflow_optim::estimator::{Consensus, Estimator};
use backflow_optim::{Context, Random, Settings};

use crate::toys::{Toy, cosine, layout, run};

/// sum x^2 - cos(2 pi x) + 1, minimum 0 at 0; value and gradient.
fn rastrigin(x: &[f64]) -> (f64, Vec<f64>) {
    let tau = std::f64::consts::TAU;
    let value = x
        .iter()
        .map(|x| x * x + 2.5 * (1.0 - (tau * x).cos()))
        .sum();
    (
        value,
        x.iter()
            .map(|x| 2.0 * x + 2.5 * tau * (tau * x).sin())
            .collect(),
    )
}

/// A start in [1, 3]^4, on one side of the minimum.
fn start(seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed, &[77]);
    (0..4).map(|_| 1.0 + 2.0 * random.uniform()).collect()
}

#[test]
fn rastrigin_is_solved_by_consensus_and_not_by_descent() {
    let mut bounded = layout(4);
    let bounds = backflow_optim::Bounds::between(-3.0, 3.0);
    bounded.bound("x", bounds).unwrap();
    let solved = |seed: u64| {
        let settings = Settings {
            iterations: 100 * 300,
            update: ron::from_str(&format!(
                "Consensus(rate: 0.02, particles: 100, noise: 7, sharpness: 30, spread: 0, seed: {seed})"
            ))
            .unwrap(),
            estimator: ron::from_str("Values").unwrap(),
            ..Settings::default()
        };
        let (outcome, ..) = crate::toys::run_in(
            bounded.clone(),
            &settings,
            &start(seed),
            &mut Toy::new(rastrigin),
        );
        outcome.best_x.iter().all(|x| x.abs() < 0.25)
    };
    let consensus = (0..20).filter(|seed| solved(*seed)).count();
    let descent = |seed: u64| {
        let settings = Settings {
            iterations: 100,
            update: ron::from_str("Sgd(rate: 0.01, momentum: 0)").unwrap(),
            ..Settings::default()
        };
        (0..40).any(|run_of| {
            let mut random = Random::new(seed, &[run_of]);
            let start: Vec<f64> = (0..4).map(|_| -3.0 + 6.0 * random.uniform()).collect();
            let (outcome, ..) = run(&settings, &start, &mut Toy::new(rastrigin));
            outcome.best_x.iter().all(|x| x.abs() < 0.25)
        })
    };
    let descents = (0..20).filter(|seed| descent(*seed)).count();
    println!("Rastrigin: consensus {consensus} of 20, 40 starts of descent {descents} of 20");
    assert_eq!(consensus, 20);
    assert!(descents < 10);
}

#[test]
fn hopping_goes_down_the_gradient() {
    let smooth = |x: &[f64]| {
        let value: f64 = x.iter().map(|x| x.sin() + 0.1 * x.powi(4)).sum();
        (
            value,
            x.iter()
                .map(|x| x.cos() + 0.4 * x.powi(3))
                .collect::<Vec<_>>(),
        )
    };
    let x = [0.3, -0.5, 0.8, 0.1, -0.2, 0.6];
    let exact = smooth(&x).1;
    let layout = layout(6);
    let mut mean = vec![0.0; 6];
    let hops = 40;
    for hop in 0..hops {
        let mut estimator = Consensus {
            samples: 60,
            spread: 0.05,
            ..Consensus::default()
        };
        let context = Context {
            iteration: hop,
            rate: 1.0,
            layout: &layout,
        };
        let found = estimator
            .estimate(&mut Toy::new(smooth), &x, &context)
            .unwrap();
        crate::toys::add_scaled(&mut mean, 1.0 / hops as f64, &found.gradient);
    }
    let (angle, size) = (
        cosine(&mean, &exact),
        crate::toys::norm(&mean) / crate::toys::norm(&exact),
    );
    println!("mean of {hops} hops: cosine {angle:.4}, length {size:.3} of the gradient");
    assert!(angle >= 0.95, "{angle}");
}
