//! From the nodes of a latent grid back to points.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Dense, Mlp, MlpTape, Nodes};

/// An integral transform with a linear kernel (Li et al. 2023, "Geometry-informed neural operator",
/// section 3; the decoder of GIOROM) from features `q_c` of nodes to points i, entry by entry:
///
/// ```text
/// o_i = P sum_c w_ci mlp((x_i - y_c) / R) * q_c / (sum_c w_ci + 1/10) + b
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromNodes {
    kernel: Mlp,
    project: Dense,
}

/// What [`FromNodes::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct FromNodesTape<T: Real> {
    q: DMatrix<T>,
    values: DMatrix<T>,
    kernel: MlpTape<T>,
    sums: Vec<T>,
    mean: DMatrix<T>,
}

/// What is added to the sum of the weights of a point.
const ALONE: f64 = 0.1;

impl FromNodes {
    /// For features of `width` rows.
    pub const fn new(width: usize) -> Self {
        Self {
            kernel: Mlp::new(3, width, width, false),
            project: Dense::new(width, width),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.kernel.size() + self.project.size()
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let (kernel, project) = weights.split_at_mut(self.kernel.size());
        self.kernel.start(1.0, random, kernel);
        self.project.start(1.0, random, project);
    }

    /// Features of `points` points.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        nodes: &Nodes<T>,
        points: usize,
        q: &DMatrix<T>,
    ) -> (DMatrix<T>, FromNodesTape<T>) {
        let (kernel, project) = weights.split_at(self.kernel.size());
        let (values, kernel) = self.kernel.apply(kernel, &nodes.offsets);
        let mut mean = DMatrix::zeros(q.nrows(), points);
        let mut sums = vec![T::of(ALONE); points];
        for (pair, &(c, i)) in nodes.pairs.iter().enumerate() {
            let w = nodes.weights[pair];
            sums[i] += w;
            for row in 0..q.nrows() {
                mean[(row, i)] += w * values[(row, pair)] * q[(row, c)];
            }
        }
        for (mut mean, &sum) in mean.column_iter_mut().zip(&sums) {
            mean /= sum;
        }
        let o = self.project.apply(project, &mean);
        let tape = FromNodesTape {
            q: q.clone(),
            values,
            kernel,
            sums,
            mean,
        };
        (o, tape)
    }

    /// Cotangent of the features of nodes; adds to those of the nodes and of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        nodes: &Nodes<T>,
        tape: &FromNodesTape<T>,
        o_bar: &DMatrix<T>,
        nodes_bar: &mut Nodes<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let (kernel, project) = weights.split_at(self.kernel.size());
        let (kernel_bar, project_bar) = weights_bar.split_at_mut(self.kernel.size());
        let mean_bar = (self.project).apply_vjp(project, &tape.mean, o_bar, project_bar);
        let mut q_bar = DMatrix::zeros(tape.q.nrows(), tape.q.ncols());
        let mut values_bar = DMatrix::zeros(tape.q.nrows(), nodes.pairs.len());
        for (pair, &(c, i)) in nodes.pairs.iter().enumerate() {
            let inverse = T::one() / tape.sums[i];
            let share = nodes.weights[pair] * inverse;
            let mut product = T::zero();
            for row in 0..tape.q.nrows() {
                let (bar, q) = (mean_bar[(row, i)], tape.q[(row, c)]);
                let value = tape.values[(row, pair)];
                product += (value * q - tape.mean[(row, i)]) * bar;
                values_bar[(row, pair)] = share * q * bar;
                q_bar[(row, c)] += share * value * bar;
            }
            nodes_bar.weights[pair] += product * inverse;
        }
        nodes_bar.offsets +=
            (self.kernel).apply_vjp(kernel, &nodes.offsets, &tape.kernel, values_bar, kernel_bar);
        q_bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_at, matrix};

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        const WIDTH: usize = 3;
        let (layer, edge, bounds) = (FromNodes::new(WIDTH), 0.5, [[0.0; 3], [1.0; 3]]);
        let mut random = Random::new(9, &[]);
        let points: Vec<f64> = (0..12).map(|_| random.uniform()).collect();
        let count = Nodes::new(&matrix(3, &points), edge, &bounds).count();
        let (size, features) = (layer.size(), WIDTH * count);
        let mut x = random.normals(size + features);
        x.extend(points);
        check_at(
            &x,
            |x| {
                let (weights, x) = x.split_at(size);
                let (q, x) = x.split_at(features);
                let nodes = Nodes::new(&matrix(3, x), edge, &bounds);
                let (o, _) = layer.apply(weights, &nodes, 4, &matrix(WIDTH, q));
                o.as_slice().to_vec()
            },
            |x, bar| {
                let (weights, x) = x.split_at(size);
                let (q, x) = x.split_at(features);
                let nodes = Nodes::new(&matrix(3, x), edge, &bounds);
                let (_, tape) = layer.apply(weights, &nodes, 4, &matrix(WIDTH, q));
                let (mut all, mut at) = (vec![0.0; size], nodes.zeros());
                let bar = matrix(WIDTH, bar);
                let q = layer.apply_vjp(weights, &nodes, &tape, &bar, &mut at, &mut all);
                let mut x_bar = DMatrix::zeros(3, 4);
                nodes.new_vjp(edge, &at, &mut x_bar);
                all.extend(q.iter().chain(x_bar.iter()));
                all
            },
        );
    }
}
