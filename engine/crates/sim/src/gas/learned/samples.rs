//! What the search direction is trained on, and how well it does there.

use backflow_diff::linear::LinearOperator;
use nalgebra::{DMatrix, SymmetricEigen};

use super::{conv::Maps, network::Network};
use crate::gas::poisson::Poisson;

/// Right-hand sides of one matrix: random combinations of Ritz vectors, of which the lower half
/// counts nine times (Kaneda et al. 2023, section 4).
#[derive(Debug, Clone)]
pub struct Samples {
    /// The matrix.
    pub poisson: Poisson<f64>,
    /// Unit vectors.
    pub vectors: Vec<Vec<f64>>,
}

/// Steps of the Lanczos iteration.
const STEPS: usize = 64;

/// Factor of the lower half.
const LOW: f64 = 9.0;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn scale_to_one(x: &mut [f64]) -> bool {
    let size = dot(x, x).sqrt();
    if size > 0.0 {
        x.iter_mut().for_each(|x| *x /= size);
    }
    size > 0.0
}

/// Numbers in (-1, 1) from a seed.
fn noise(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
        })
        .collect()
}

/// Ritz vectors by growing value (Lanczos with full orthogonalisation; Golub & Van Loan 2013,
/// section 10.1).
fn ritz(poisson: &Poisson<f64>, seed: u64) -> Vec<Vec<f64>> {
    let count = poisson.diagonal.len();
    let mut q = noise(seed, count);
    // Cells that are closed in have no pressure.
    for (q, d) in q.iter_mut().zip(&poisson.diagonal) {
        if *d == 0.0 {
            *q = 0.0;
        }
    }
    scale_to_one(&mut q);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut products = vec![0.0; count];
    let (mut alphas, mut betas) = (Vec::new(), Vec::new());
    while basis.len() < STEPS.min(count) {
        poisson.apply(&q, &mut products);
        alphas.push(dot(&q, &products));
        basis.push(q);
        for _ in 0..2 {
            for known in &basis {
                let part = dot(known, &products);
                products
                    .iter_mut()
                    .zip(known)
                    .for_each(|(p, k)| *p -= part * k);
            }
        }
        let beta = dot(&products, &products).sqrt();
        if beta < 1e-10 {
            break;
        }
        betas.push(beta);
        q = products.iter().map(|p| p / beta).collect();
    }
    let m = basis.len();
    let tridiagonal = DMatrix::from_fn(m, m, |i, j| match i.abs_diff(j) {
        0 => alphas[i],
        1 => betas[i.min(j)],
        _ => 0.0,
    });
    let eigen = SymmetricEigen::new(tridiagonal);
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[a].total_cmp(&eigen.eigenvalues[b]));
    order
        .into_iter()
        .map(|column| {
            let mut vector = vec![0.0; count];
            for (row, own) in basis.iter().enumerate() {
                let weight = eigen.eigenvectors[(row, column)];
                vector
                    .iter_mut()
                    .zip(own)
                    .for_each(|(v, o)| *v += weight * o);
            }
            vector
        })
        .collect()
}

impl Samples {
    /// So many, from a seed.
    pub fn new(poisson: Poisson<f64>, count: usize, seed: u64) -> Self {
        let ritz = ritz(&poisson, seed);
        let half = ritz.len() / 2;
        let vectors = (0..count)
            .map(|index| {
                let weights = noise(seed + 1 + index as u64, ritz.len());
                let mut sum = vec![0.0; poisson.diagonal.len()];
                for (number, (vector, weight)) in ritz.iter().zip(weights).enumerate() {
                    let weight = if number < half { LOW * weight } else { weight };
                    sum.iter_mut()
                        .zip(vector)
                        .for_each(|(s, v)| *s += weight * v);
                }
                scale_to_one(&mut sum);
                sum
            })
            .collect();
        Self { poisson, vectors }
    }

    /// The mean over `batch` of `|r - a A f|^2` with `a = (r . f) / (f . A f)`: what is left of a
    /// residual after the best step along the direction that the network gives. Adds its gradient
    /// by the weights.
    pub fn loss(&self, network: &Network, batch: &[usize], weights_bar: &mut [f64]) -> f64 {
        let cells = self.poisson.cells;
        let share = 1.0 / batch.len() as f64;
        let mut total = 0.0;
        for &index in batch {
            let r = &self.vectors[index];
            let residual = Maps {
                cells,
                values: vec![r.clone()],
            };
            let (out, tape) = network.apply(&residual);
            let f = &out.values[0];
            let mut af = vec![0.0; f.len()];
            self.poisson.apply(f, &mut af);
            let (rf, faf) = (dot(r, f), dot(f, &af));
            if faf <= f64::MIN_POSITIVE {
                total += share;
                continue;
            }
            let step = rf / faf;
            let rest: Vec<f64> = r.iter().zip(&af).map(|(r, a)| r - step * a).collect();
            total += share * dot(&rest, &rest);
            // rest_bar = 2 rest; a_bar = -rest_bar . A f; and A is symmetric.
            let mut a_rest = vec![0.0; f.len()];
            self.poisson.apply(&rest, &mut a_rest);
            let step_bar = -2.0 * dot(&rest, &af);
            let bar: Vec<f64> = (0..f.len())
                .map(|cell| {
                    let of_step = step_bar * (r[cell] / faf - 2.0 * rf * af[cell] / (faf * faf));
                    share * (of_step - 2.0 * step * a_rest[cell])
                })
                .collect();
            let bar = Maps {
                cells,
                values: vec![bar],
            };
            network.apply_vjp(&tape, &bar, weights_bar);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::testing::box_grid;

    #[test]
    fn gradient_of_the_loss_is_the_central_difference() {
        let grid = box_grid([6, 5, 1], [false; 3]);
        let poisson = Poisson::from_fn(&grid, |axis, at| {
            f64::from(u8::from(at[axis] > 0 && at[axis] < grid.cells[axis]))
        });
        let samples = Samples::new(poisson, 4, 3);
        let network = Network::new([1, 1], 2, 5);
        let direction = noise(9, network.weights.len());
        let value = |step: f64| {
            let mut moved = network.clone();
            for (weight, by) in moved.weights.iter_mut().zip(&direction) {
                *weight += step * by;
            }
            samples.loss(&moved, &[0, 1, 2, 3], &mut vec![0.0; direction.len()])
        };
        let step = 1e-6;
        let difference = (value(step) - value(-step)) / (2.0 * step);
        let mut bar = vec![0.0; direction.len()];
        samples.loss(&network, &[0, 1, 2, 3], &mut bar);
        let backward = dot(&bar, &direction);
        assert!(
            (difference - backward).abs() <= 1e-6 * backward.abs(),
            "{difference} {backward}"
        );
    }
}
