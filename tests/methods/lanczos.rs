//! Rates from curvature (method of the batch-size theory of Granziol et al. 2022): 12 products give
//! the largest curvature within 5 %; gradient descent contracts at 0.9 of the critical rate and
//! diverges at 1.1; the formula for noisy batches is within 5 % of the eigenvalue of the matrix.

use backflow_optim::curvature::batch_curvature;
use backflow_optim::{Lanczos, Random, Settings};

use crate::toys::{Toy, dot, norm, run};

/// Quadratic of curvatures spread geometrically over `condition`, turned by a reflection so that the
/// axes are none of the coordinates'.
fn quadratic(n: usize, condition: f64) -> impl FnMut(&[f64]) -> (f64, Vec<f64>) {
    let mut mirror = Random::new(4, &[]).normals(n);
    let length = norm(&mirror);
    mirror.iter_mut().for_each(|m| *m /= length);
    let reflect = move |x: &[f64]| -> Vec<f64> {
        let share = 2.0 * dot(&mirror, x);
        x.iter().zip(&mirror).map(|(x, m)| x - share * m).collect()
    };
    move |x: &[f64]| {
        let inner = reflect(x);
        let curvature = |i: usize| condition.powf(i as f64 / (n - 1) as f64);
        let scaled: Vec<f64> = inner
            .iter()
            .enumerate()
            .map(|(i, y)| curvature(i) * y)
            .collect();
        (0.5 * dot(&inner, &scaled), reflect(&scaled))
    }
}

#[test]
fn twelve_products_find_the_largest_curvature() {
    let mut worst = 0.0_f64;
    for seed in 0..10 {
        let ritz = Lanczos { steps: 12, seed }
            .ritz(&mut Toy::new(quadratic(200, 1e3)), &[0.3; 200])
            .unwrap();
        worst = worst.max((ritz.largest() / 1e3 - 1.0).abs());
        assert!((ritz.weights.iter().sum::<f64>() - 1.0).abs() < 1e-10);
    }
    println!("largest curvature within {:.2} %", 100.0 * worst);
    assert!(worst <= 0.05, "{worst}");
}

#[test]
fn descent_contracts_below_the_critical_rate_and_diverges_above() {
    let end = |share: f64| {
        let settings = Settings {
            iterations: 120,
            update: ron::from_str(&format!("Sgd(rate: {share}, momentum: 0)")).unwrap(),
            lanczos: Some(Lanczos::default()),
            ..Settings::default()
        };
        let mut objective = Toy::new(quadratic(40, 100.0));
        let (_, state, records) = run(&settings, &[1.0; 40], &mut objective);
        assert!((state.curvature.unwrap() / 100.0 - 1.0).abs() < 0.05);
        records.last().unwrap().value / records[0].value
    };
    let (below, above) = (end(0.9), end(1.1));
    println!("value after 120 steps: {below:.2e} at 0.9, {above:.2e} at 1.1");
    assert!(below < 1e-2 && above > 1e2, "{below} {above}");
}

#[test]
fn noise_of_a_batch_adds_to_the_curvature_as_the_formula_says() {
    let (n, lambda, deviation) = (400, 1.0, 0.3);
    for batch in [10, 30, 100, 1000] {
        let largest = (0..3).map(|seed| largest(n, lambda, deviation, batch, seed));
        let largest = largest.sum::<f64>() / 3.0;
        let formula = batch_curvature(lambda, deviation, n, batch);
        println!("batch {batch}: {largest:.4}, formula {formula:.4}");
        assert!((largest / formula - 1.0).abs() <= 0.05, "{batch}");
    }
}

/// Largest eigenvalue of a spike of size lambda with the noise of a batch.
fn largest(n: usize, lambda: f64, deviation: f64, batch: usize, seed: u64) -> f64 {
    let sigma = deviation / (batch as f64).sqrt();
    let mut random = Random::new(seed, &[batch as u64]);
    let mut noise = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let entry = sigma * random.normal() * if i == j { 2_f64.sqrt() } else { 1.0 };
            (noise[i * n + j], noise[j * n + i]) = (entry, entry);
        }
    }
    let matrix = move |x: &[f64]| {
        // the spike is lambda u u^T with u the unit vector of equal entries
        let spike = lambda * x.iter().sum::<f64>() / n as f64;
        let gradient: Vec<f64> = noise
            .chunks_exact(n)
            .map(|row| dot(row, x) + spike)
            .collect();
        (0.5 * dot(x, &gradient), gradient)
    };
    let lanczos = Lanczos { steps: 60, seed: 1 };
    let ritz = lanczos.ritz(&mut Toy::new(matrix), &vec![0.0; n]).unwrap();
    *ritz.values.last().unwrap()
}
