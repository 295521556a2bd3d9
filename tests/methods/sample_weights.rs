//! LV-HBA (Yao et al. 2024) on its experiment with support vector machines: the weights of 500 samples are chosen so
//! that a linear machine is right on 150 others; the rest, 118 and 212, are for the test. 80 iterations, steps 0.01.
//!
//! The paper takes the sets `diabetes` and `fourclass` of LIBSVM. Neither is here: who holds the rights in the first
//! has stated no licence, those that copies of it carry contradict each other, and the archive that it came from has
//! withdrawn it; the second (Ho and Kleinberg 1996) and the repository of the paper have none. So the tests make sets
//! of the same kind: as many samples and features, as large a share of one class, and lines that are right about as
//! often. `published` runs on the files themselves, where somebody has them.
//!
//! Measured, shares of the test that are right: board 76.8 +- 4.4 % (the best line of all 82.1 %), overlapping 81.7 +- 3.4 %
//! (the plane that decides 82.6 %); on the files, 40 seeds, fourclass 75.9 +- 3.4 %, diabetes 72.6 +- 5.2 %. The paper shows
//! curves, which its script draws between 64 and 80 %. In 80 iterations of these steps no C_i moves by more than about 0.01:
//! it is the line that the upper level moves, hardly the weights.

use std::convert::Infallible;

use backflow_optim::Random;
use backflow_optim::bilevel::{Bilevel, Both, LvHba};
use nalgebra::{DMatrix, DVector};

use crate::toys::dot;

/// Samples to learn from and to choose weights by.
const SPLIT: (usize, usize) = (500, 150);
/// Iterations of the paper.
const ITERATIONS: usize = 80;

/// Features and class, -1 or 1.
type Sample = (Vec<f64>, f64);

/// A linear support vector machine of weights w and offset b with a slack a sample:
/// `f = |w|^2/2 + sum_i exp(C_i) xi_i^2 / 2` subject to `1 - xi_i - t_i (w.z_i + b) <= 0`; the upper level moves the
/// C_i by `F = sum leaky(2 sigmoid(-5 t (w.z + b) / |w|) - 1)` over other samples, where `leaky` is a hundredth of what
/// is negative.
struct Machine {
    features: usize,
    train: Vec<Sample>,
    validation: Vec<Sample>,
    test: Vec<Sample>,
}

impl Machine {
    /// Of samples that are shuffled first.
    fn new(mut samples: Vec<Sample>, seed: u64) -> Self {
        let mut random = Random::new(seed, &[1]);
        for at in (1..samples.len()).rev() {
            samples.swap(at, random.below(at + 1));
        }
        let test = samples.split_off(SPLIT.0 + SPLIT.1);
        let validation = samples.split_off(SPLIT.0);
        Self {
            features: samples[0].0.len(),
            train: samples,
            validation,
            test,
        }
    }

    /// w.z + b of y = (w, b, xi).
    fn score(&self, y: &[f64], z: &[f64]) -> f64 {
        dot(&y[..self.features], z) + y[self.features]
    }

    /// Share of samples that are on their side.
    fn right(&self, y: &[f64], samples: &[Sample]) -> f64 {
        let hits = samples.iter().filter(|(z, t)| t * self.score(y, z) > 0.0);
        hits.count() as f64 / samples.len() as f64
    }
}

impl Bilevel for Machine {
    type Error = Infallible;

    fn upper(&mut self, x: &[f64], y: &[f64]) -> Result<Both, Infallible> {
        let (w, n) = (&y[..self.features], self.features);
        let length = dot(w, w).sqrt().max(1e-9);
        let mut both = Both {
            value: 0.0,
            x: vec![0.0; x.len()],
            y: vec![0.0; y.len()],
        };
        for (z, t) in &self.validation {
            let margin = t * self.score(y, z) / length;
            let s = 1.0 / (1.0 + (5.0 * margin).exp());
            let leak = if s > 0.5 { 1.0 } else { 0.01 };
            both.value += leak * (2.0 * s - 1.0);
            let slope = -10.0 * leak * s * (1.0 - s);
            for j in 0..n {
                both.y[j] += slope * (t * z[j] / length - margin * w[j] / (length * length));
            }
            both.y[n] += slope * t / length;
        }
        Ok(both)
    }

    fn lower(&mut self, x: &[f64], y: &[f64]) -> Result<Both, Infallible> {
        let (w, slacks) = (&y[..self.features], &y[self.features + 1..]);
        let terms: Vec<f64> = x.iter().zip(slacks).map(|(c, xi)| c.exp() * xi).collect();
        let squares = terms.iter().zip(slacks).map(|(term, xi)| 0.5 * term * xi);
        let x_bar: Vec<f64> = squares.collect();
        Ok(Both {
            value: 0.5 * dot(w, w) + x_bar.iter().sum::<f64>(),
            y: w.iter().copied().chain([0.0]).chain(terms).collect(),
            x: x_bar,
        })
    }

    fn constraints(&mut self, _: &[f64], y: &[f64]) -> Result<Vec<f64>, Infallible> {
        let pairs = self.train.iter().zip(&y[self.features + 1..]);
        let all = pairs.map(|((z, t), xi)| 1.0 - xi - t * self.score(y, z));
        Ok(all.collect())
    }

    fn constraints_vjp(&mut self, x: &[f64], y: &[f64], l: &[f64]) -> Result<Both, Infallible> {
        let n = self.features;
        let mut y_bar = vec![0.0; y.len()];
        for (i, ((z, t), l)) in self.train.iter().zip(l).enumerate() {
            for j in 0..n {
                y_bar[j] -= l * t * z[j];
            }
            y_bar[n] -= l * t;
            y_bar[n + 1 + i] -= l;
        }
        Ok(Both {
            value: dot(l, &self.constraints(x, y)?),
            x: vec![0.0; x.len()],
            y: y_bar,
        })
    }

    /// The nearest point that meets the constraints: each has a slack of its own, so that only (w, b) are searched, and
    /// the distance is a smooth convex function of them, by Newton's method.
    fn project(&mut self, _: &mut [f64], y: &mut [f64]) -> Result<(), Infallible> {
        let (far, size) = (y.to_vec(), self.features + 1);
        for _ in 0..50 {
            let mut gradient = DVector::from_fn(size, |j, _| y[j] - far[j]);
            let mut hessian = DMatrix::<f64>::identity(size, size);
            for ((z, t), xi) in self.train.iter().zip(&far[size..]) {
                let short = 1.0 - t * self.score(y, z) - xi;
                if short > 0.0 {
                    let a = DVector::from_fn(size, |j, _| z.get(j).copied().unwrap_or(1.0) * t);
                    gradient.axpy(-short, &a, 1.0);
                    hessian.ger(1.0, &a, &a, 1.0);
                }
            }
            let step = hessian.cholesky().unwrap().solve(&gradient);
            (0..size).for_each(|j| y[j] -= step[j]);
            if step.norm() < 1e-12 {
                break;
            }
        }
        for (i, (z, t)) in self.train.iter().enumerate() {
            y[size + i] = far[size + i].max(1.0 - t * self.score(y, z));
        }
        Ok(())
    }
}

/// What came out of a run.
struct Run {
    /// Shares of the validation and of the test that are right.
    right: [f64; 2],
    /// The loss of the upper level at the start and in the end.
    loss: [f64; 2],
    /// The largest constraint in the end.
    worst: f64,
    /// The farthest that a C_i has moved.
    moved: f64,
}

/// The paper's run: steps and start are those of its repository.
fn run(samples: Vec<Sample>, seed: u64) -> Run {
    let mut machine = Machine::new(samples, seed);
    let driver = LvHba {
        alpha: 0.01,
        beta: 0.1,
        eta: 0.01,
        gamma1: 10.0,
        gamma2: 10.0,
        penalty: 1.0,
        power: 0.5,
        bound: 1000.0,
    };
    let mut random = Random::new(seed, &[2]);
    let weights: Vec<f64> = (0..SPLIT.0).map(|_| random.uniform() - 6.0).collect();
    let mut y = vec![1.0; machine.features + 1 + SPLIT.0];
    y[machine.features] = 0.0;
    let mut state = driver.start(&mut machine, &weights, &y).unwrap();
    state.lambda.fill(1.0);
    state.z.fill(1.0);
    let first = machine.upper(&state.x, &state.y).unwrap().value;
    for _ in 0..ITERATIONS {
        driver.advance(&mut state, &mut machine).unwrap();
    }
    let y = &state.y;
    let constraints = machine.constraints(&state.x, y).unwrap();
    Run {
        right: [
            machine.right(y, &machine.validation),
            machine.right(y, &machine.test),
        ],
        loss: [first, machine.upper(&state.x, y).unwrap().value],
        worst: constraints.into_iter().fold(0.0, f64::max),
        moved: {
            let ways = state
                .x
                .iter()
                .zip(&weights)
                .map(|(now, was)| (now - was).abs());
            ways.fold(0.0, f64::max)
        },
    }
}

/// Mean and standard deviation.
fn spread(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = numbers.clone().count() as f64;
    let mean = numbers.clone().sum::<f64>() / count;
    let square = numbers.map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, square.sqrt())
}

/// Runs over some seeds, and says what came out; the mean shares that are right.
fn repeated(name: &str, seeds: u64, samples: impl Fn(u64) -> Vec<Sample>) -> [f64; 2] {
    let runs: Vec<Run> = (0..seeds).map(|seed| run(samples(seed), seed)).collect();
    for run in &runs {
        assert!(run.worst <= 1e-9, "{name}: {}", run.worst);
    }
    let [validation, test] = [0, 1].map(|part| spread(runs.iter().map(|run| run.right[part])));
    let moved = spread(runs.iter().map(|run| run.moved)).0;
    let [first, last] = [0, 1].map(|part| spread(runs.iter().map(|run| run.loss[part])));
    println!(
        "{name}, {seeds} seeds: validation {:.1} +- {:.1} %, test {:.1} +- {:.1} %, loss {:.1} -> {:.1}, C moves by up to {moved:.3}",
        100.0 * validation.0,
        100.0 * validation.1,
        100.0 * test.0,
        100.0 * test.1,
        first.0,
        last.0
    );
    assert!(last.0 < first.0, "{name}: {} {}", first.0, last.0);
    assert!(moved > 0.0, "{name}");
    [validation.0, test.0]
}

/// The classes on a board of four by four fields, the upper row first.
const BOARD: [&[u8; 4]; 4] = [b"--++", b"---+", b"--++", b"+---"];

/// 862 samples of two features on the board: as many as `fourclass` has, with as large a share of one class.
fn board(seed: u64) -> Vec<Sample> {
    let mut random = Random::new(seed, &[3]);
    let mut sample = || {
        let places = [(); 2].map(|()| random.uniform());
        let [column, row] = places.map(|at| (4.0 * at) as usize);
        let class = BOARD[3 - row.min(3)][column.min(3)];
        let z = places.map(|at| 2.0 * at - 1.0);
        (z.to_vec(), if class == b'+' { 1.0 } else { -1.0 })
    };
    (0..862).map(|_| sample()).collect()
}

/// The plane that decides, with noise, of which class overlapping samples are.
fn plane(z: &[f64]) -> f64 {
    0.35 + dot(&[0.5, 1.2, -0.1, 0.1, 0.05, 0.8, 0.4, 0.3], z)
}

/// 768 samples of eight features, of which a plane and noise decide the class, as of `diabetes`.
fn overlapping(seed: u64) -> Vec<Sample> {
    let mut random = Random::new(seed, &[4]);
    let mut sample = || {
        let z: Vec<f64> = (0..8)
            .map(|_| (0.4 * random.normal()).clamp(-1.0, 1.0))
            .collect();
        let score = plane(&z) + 0.45 * random.normal();
        (z, score.signum())
    };
    (0..768).map(|_| sample()).collect()
}

/// The share of samples that the best line of all is right on.
fn best_line(samples: &[Sample]) -> f64 {
    let count = samples.len();
    let mut best = 0;
    for step in 0..360 {
        let (sin, cos) = (f64::from(step)).to_radians().sin_cos();
        let mut along: Vec<(f64, f64)> = samples
            .iter()
            .map(|(z, t)| (cos * z[0] + sin * z[1], *t))
            .collect();
        along.sort_by(|a, b| a.0.total_cmp(&b.0));
        // All below are of the class -1, then one after another is.
        let mut right = along.iter().filter(|(_, t)| *t > 0.0).count();
        best = best.max(right);
        for (_, t) in &along {
            right = if *t > 0.0 { right - 1 } else { right + 1 };
            best = best.max(right);
        }
    }
    best as f64 / count as f64
}

#[test]
fn a_line_through_a_board_is_learned_with_weights_of_samples() {
    let line = spread((0..10).map(|seed| best_line(&board(seed)))).0;
    println!(
        "board: the best line of all is right on {:.1} %",
        100.0 * line
    );
    let [_, test] = repeated("board", 10, board);
    assert!(test >= line - 0.08, "{test} {line}");
}

#[test]
fn a_plane_between_classes_that_overlap_is_learned_with_weights_of_samples() {
    let known = |seed| {
        let samples = overlapping(seed);
        let right = samples.iter().filter(|(z, t)| t * plane(z) > 0.0);
        right.count() as f64 / samples.len() as f64
    };
    let known = spread((0..10).map(known)).0;
    println!(
        "overlapping: the plane that decides is right on {:.1} %",
        100.0 * known
    );
    let [_, test] = repeated("overlapping", 10, overlapping);
    assert!(test >= known - 0.05, "{test} {known}");
}

/// The samples of a file of LIBSVM: a class, then `feature:value`, counted from 1.
fn read(path: &std::path::Path, features: usize) -> Vec<Sample> {
    let text = std::fs::read_to_string(path).unwrap();
    let sample = |line: &str| {
        let mut words = line.split_whitespace();
        let t: f64 = words.next().unwrap().parse().unwrap();
        let mut z = vec![0.0; features];
        for word in words {
            let (feature, value) = word.split_once(':').unwrap();
            z[feature.parse::<usize>().unwrap() - 1] = value.parse().unwrap();
        }
        (z, t.signum())
    };
    text.lines().map(sample).collect()
}

/// `BACKFLOW_LIBSVM=FOLDER cargo test -p backflow-tests --test methods published -- --ignored --nocapture`, where FOLDER
/// has the files `fourclass` and `diabetes` of LIBSVM, both scaled.
#[test]
#[ignore = "needs files that are not here: see its comment"]
fn published() {
    let folder = std::env::var("BACKFLOW_LIBSVM").expect("BACKFLOW_LIBSVM names a folder");
    let folder = std::path::Path::new(&folder);
    for (name, features, least) in [("fourclass", 2, 0.7), ("diabetes", 8, 0.65)] {
        let samples = read(&folder.join(name), features);
        let [_, test] = repeated(name, 40, |_| samples.clone());
        assert!(test >= least, "{name}: {test}");
    }
}
