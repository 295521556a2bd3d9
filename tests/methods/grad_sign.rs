//! GradSign (Zhang & Jia 2022): over 16 small networks of an operator its rank correlation with minus the loss after
//! 200 iterations is at least 0.5.
//!
//! Both grow with the number of weights, which alone would rank these about as well: that is printed, too.

use backflow::operator::{
    data::{Recipe, Split, simulate},
    graph::Reach,
    model::{Config, Kind},
    train::{Trainer, Training},
};

/// Spearman's rank correlation; equal numbers are ranked as they come.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
        let mut ranks = vec![0.0; values.len()];
        for (rank, at) in order.into_iter().enumerate() {
            ranks[at] = rank as f64;
        }
        ranks
    };
    let n = a.len() as f64;
    let pairs = ranks(a).into_iter().zip(ranks(b));
    let squares: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

#[test]
fn what_the_signs_of_gradients_promise_is_what_training_gives() {
    let recipe: Recipe = ron::from_str(include_str!("../../assets/operators/small.ron")).unwrap();
    let material = recipe.materials.keys().next().unwrap();
    let train: Vec<_> = (0..6)
        .map(|number| simulate(&recipe, material, Split::Train, number).unwrap())
        .collect();
    let (mut scores, mut losses, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for (width, layers, radius) in [2, 4, 8, 16].into_iter().flat_map(|width| {
        [(1, 0.06), (1, 0.12), (3, 0.06), (3, 0.12)].map(|(layers, radius)| (width, layers, radius))
    }) {
        let settings = Training {
            model: Config {
                kind: Kind::Free,
                width,
                layers,
                reach: Reach { radius, cap: 8 },
                ..Config::default()
            },
            samples: 48,
            sets: 2,
            iterations: 200,
            batch: 2,
            warmup: 20,
            unroll: 1,
            validate: 200,
            noise: 0.3,
            ..Training::default()
        };
        let mut trainer = Trainer::new(settings, &train, &[]).unwrap();
        scores.push(trainer.grad_sign(64).unwrap());
        trainer.run(&mut |_, _| true).unwrap();
        losses.push(-trainer.state.log[0].loss);
        sizes.push(trainer.state.weights.len() as f64);
    }
    let found = rank_correlation(&scores, &losses);
    let of_sizes = rank_correlation(&sizes, &losses);
    println!("rank correlation with the loss: {found:.3}, of the number of weights {of_sizes:.3}");
    assert!(found >= 0.5, "{found}");
}

#[test]
fn ranks_that_agree_correlate_and_ranks_that_are_reversed_do_the_opposite() {
    let up = [1.0, 5.0, 7.0, 20.0];
    assert_eq!(rank_correlation(&up, &[0.0, 1.0, 2.0, 3.0]), 1.0);
    assert_eq!(rank_correlation(&up, &[3.0, 2.0, 1.0, 0.0]), -1.0);
}
