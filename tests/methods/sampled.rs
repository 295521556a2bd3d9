//! Winner-take-all column-row sampling (Liu et al. 2023): with 30 % of the columns gradients of weights have the exact
//! ones as their mean, at the end of a training at most half of the variance of plain column-row sampling, and a
//! training ends within 5 % of the loss of the exact one. (That an operator's gradients have the same mean and its
//! cotangents of windows are exact is tested beside the code.)

use backflow::operator::layer::{Columns, Dense, Inputs, bend, bend_vjp, column_norms};
use backflow_optim::{Random, Settings};
use nalgebra::DMatrix;

use crate::toys::{Toy, dot, median, run};

/// Share of the columns.
const SHARE: f64 = 0.3;

/// A network of two dense layers over the points of a plane, and what it should say there: a ridge in a corner.
struct Surrogate {
    layers: [Dense; 2],
    x: DMatrix<f64>,
    y: DMatrix<f64>,
}

/// What a pass leaves: inputs of both layers and cotangents of what they say.
struct Pass {
    loss: f64,
    inputs: [DMatrix<f64>; 2],
    bars: [DMatrix<f64>; 2],
}

impl Surrogate {
    /// The larger the sharpness, the fewer points there are where anything is.
    fn new(points: usize, sharpness: f64) -> Self {
        let mut random = Random::new(1, &[]);
        let x = DMatrix::from_fn(2, points, |_, _| 2.0 * random.uniform() - 1.0);
        let ridge =
            |x: f64, y: f64| (-sharpness * (x - 0.6).powi(2) - 4.0 * (y - 0.5).powi(2)).exp();
        let y = DMatrix::from_fn(1, points, |_, i| ridge(x[(0, i)], x[(1, i)]));
        Self {
            layers: [Dense::new(2, 24), Dense::new(24, 1)],
            x,
            y,
        }
    }

    fn start(&self) -> Vec<f64> {
        let mut weights = vec![0.0; self.layers[0].size() + self.layers[1].size()];
        let (first, second) = weights.split_at_mut(self.layers[0].size());
        let mut random = Random::new(2, &[]);
        self.layers[0].start(3.0, &mut random, first);
        self.layers[1].start(1.0, &mut random, second);
        weights
    }

    fn pass(&self, weights: &[f64]) -> Pass {
        let [first, second] = &self.layers;
        let (of_first, of_second) = weights.split_at(first.size());
        let hidden = first.apply(of_first, &self.x);
        let bent = bend(&hidden);
        let off = second.apply(of_second, &bent) - &self.y;
        let share = 1.0 / self.y.norm_squared();
        let y_bar = &off * (2.0 * share);
        let nothing = &mut vec![0.0; second.size()];
        let mut hidden_bar = second.apply_vjp(of_second, &bent, &y_bar, nothing);
        bend_vjp(&hidden, &mut hidden_bar);
        Pass {
            loss: off.norm_squared() * share,
            inputs: [self.x.clone(), bent],
            bars: [hidden_bar, y_bar],
        }
    }

    /// The gradient from what is left of the inputs of both layers.
    fn gradient(&self, weights: &[f64], left: [&impl Inputs<f64>; 2], pass: &Pass) -> Vec<f64> {
        let mut bar = vec![0.0; weights.len()];
        let size = self.layers[0].size();
        let (of_first, of_second) = weights.split_at(size);
        let (first, second) = bar.split_at_mut(size);
        self.layers[0].apply_vjp(of_first, left[0], &pass.bars[0], first);
        self.layers[1].apply_vjp(of_second, left[1], &pass.bars[1], second);
        bar
    }

    /// The same from a share of the columns.
    fn sampled(&self, weights: &[f64], pass: &Pass, norms: &[Vec<f64>; 2], seed: u64) -> Vec<f64> {
        let drawn = [0, 1].map(|layer| {
            let mut random = Random::new(seed, &[layer as u64]);
            let columns = Columns::drawn(&pass.inputs[layer], &norms[layer], SHARE, &mut random);
            assert!(columns.count() as f64 <= 0.4 * self.x.ncols() as f64);
            columns
        });
        self.gradient(weights, [&drawn[0], &drawn[1]], pass)
    }

    /// The same by plain column-row sampling: as many columns, each drawn anew in proportion to the products of norms.
    fn plain(&self, weights: &[f64], pass: &Pass, norms: &[Vec<f64>; 2], seed: u64) -> Vec<f64> {
        let drawn = [0, 1].map(|layer| {
            let x = &pass.inputs[layer];
            let mut random = Random::new(seed, &[layer as u64]);
            let count = (SHARE * x.ncols() as f64).ceil() as usize;
            let each = column_norms(x).into_iter().zip(&norms[layer]);
            let products: Vec<f64> = each.map(|(x, y)| x * y).collect();
            let total: f64 = products.iter().sum();
            let mut factors = vec![0.0; x.ncols()];
            for _ in 0..count {
                let mut left = random.uniform() * total;
                let drawn = products.iter().position(|p| {
                    left -= p;
                    left < 0.0
                });
                let at = drawn.unwrap_or(x.ncols() - 1);
                factors[at] += total / (products[at] * count as f64);
            }
            DMatrix::from_fn(x.nrows(), x.ncols(), |row, i| factors[i] * x[(row, i)])
        });
        let mut bar = self.gradient(weights, [&drawn[0], &drawn[1]], pass);
        // Biases read no column.
        let exact = self.gradient(weights, [&pass.inputs[0], &pass.inputs[1]], pass);
        for range in [48..72, 96..97] {
            bar[range.clone()].copy_from_slice(&exact[range]);
        }
        bar
    }

    /// The loss at the end of a training, and its gradients' statistics at that place.
    fn trained(&self, sampled: bool, seed: u64) -> (f64, Vec<f64>, [Vec<f64>; 2]) {
        // Norms of cotangents as each column had them last time; alike at first.
        let mut norms = [vec![1.0; self.x.ncols()], vec![1.0; self.x.ncols()]];
        let mut iteration = 0;
        let mut objective = Toy::new(|weights: &[f64]| {
            let pass = self.pass(weights);
            let gradient = if sampled {
                self.sampled(weights, &pass, &norms, seed + 1000 * iteration)
            } else {
                self.gradient(weights, [&pass.inputs[0], &pass.inputs[1]], &pass)
            };
            norms = [0, 1].map(|layer| column_norms(&pass.bars[layer]));
            iteration += 1;
            (pass.loss, gradient)
        });
        let settings = Settings {
            iterations: 1000,
            update: ron::from_str("Adam(rate: 0.01)").unwrap(),
            schedule: ron::from_str("Cosine(floor: 0.01)").unwrap(),
            ..Settings::default()
        };
        let (outcome, _, _) = run(&settings, &self.start(), &mut objective);
        (outcome.best_value, outcome.best_x, norms)
    }
}

/// Mean of gradients over draws along a direction in standard errors from the exact, and sum of the variances of all
/// weights.
fn statistics(draw: impl Fn(u64) -> Vec<f64>, exact: &[f64], along: &[f64]) -> (f64, f64) {
    const DRAWS: u64 = 2000;
    let (mut sum, mut square, mut variance) = (0.0, 0.0, 0.0);
    for seed in 0..DRAWS {
        let off: Vec<f64> = draw(seed).iter().zip(exact).map(|(a, b)| a - b).collect();
        let found = dot(&off, along);
        (sum, square) = (sum + found, square + found * found);
        variance += dot(&off, &off);
    }
    let n = DRAWS as f64;
    let mean = sum / n;
    let error = ((square / n - mean * mean) / n).sqrt();
    (mean / error, variance / n)
}

#[test]
fn means_of_gradients_are_exact_and_their_variance_half_of_that_of_plain_sampling() {
    let surrogate = Surrogate::new(500, 100.0);
    let (_, weights, norms) = surrogate.trained(false, 0);
    for (name, weights, most) in [
        ("at the end", weights, 0.5),
        // Where errors are spread evenly there are no winners: measured is 0.74.
        ("at the start", surrogate.start(), 0.9),
    ] {
        let pass = surrogate.pass(&weights);
        let own = [0, 1].map(|layer| column_norms(&pass.bars[layer]));
        let norms = if name == "at the end" { &norms } else { &own };
        let exact = surrogate.gradient(&weights, [&pass.inputs[0], &pass.inputs[1]], &pass);
        let random = Random::new(5, &[]).normals(exact.len());
        for along in [&exact, &random] {
            let sampled = |seed| surrogate.sampled(&weights, &pass, norms, seed);
            let (off, variance) = statistics(sampled, &exact, along);
            let plain = |seed| surrogate.plain(&weights, &pass, norms, seed);
            let (_, plain_variance) = statistics(plain, &exact, along);
            let ratio = variance / plain_variance;
            println!("{name}: mean {off:.2} standard errors off, {ratio:.3} of the plain variance");
            assert!(off.abs() <= 3.0, "{off}");
            assert!(ratio <= most, "{ratio}");
        }
    }
}

#[test]
fn a_training_on_a_third_of_the_columns_ends_where_the_exact_one_does() {
    let surrogate = Surrogate::new(500, 8.0);
    let exact = surrogate.trained(false, 0).0;
    let sampled = median((0..3).map(|seed| surrogate.trained(true, seed).0).collect());
    println!("loss {sampled:.4e} with 30 % of the columns, {exact:.4e} with all");
    assert!(sampled <= 1.05 * exact, "{sampled} {exact}");
}
