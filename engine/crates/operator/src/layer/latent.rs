//! A latent grid: what is farther than an edge reaches.

use std::collections::BTreeMap;

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Dense, Mlp, MlpTape, bend, bend_vjp, normalize, normalize_vjp};

/// Which nodes of a grid points lie among, and with which weights: the 27 of quadratic B-splines. Nodes
/// that no point lies among do not exist.
#[derive(Debug, Clone)]
pub struct Stencils<T: Real> {
    /// Node of each point and place of its stencil.
    nodes: Vec<usize>,
    /// Weight of it (1).
    weights: Vec<T>,
    /// How it grows with the position (1/m).
    slopes: Vec<[T; 3]>,
    /// For each of 27 offsets the pairs (node, its neighbour there).
    pairs: Vec<Vec<(usize, usize)>>,
    /// Number of nodes.
    count: usize,
}

/// Nodes of a stencil, and offsets of a convolution.
const PLACES: usize = 27;

/// Offset from the middle, -1 to 1 along each axis.
fn offset(place: usize) -> [i64; 3] {
    [place % 3, place / 3 % 3, place / 9].map(|at| at as i64 - 1)
}

/// Quadratic B-spline of the distance `d` from the nearest node (|d| <= 1/2) at the nodes -1, 0, 1, and
/// its slopes.
fn spline<T: Real>(d: T) -> [(T, T); 3] {
    let half = T::of(0.5);
    let (low, high) = (half - d, half + d);
    [
        (half * low * low, -low),
        (T::of(0.75) - d * d, -(d + d)),
        (half * high * high, high),
    ]
}

impl<T: Real> Stencils<T> {
    /// Of points (m, a column each) on a grid of cells of `edge` (m).
    pub fn new(x: &DMatrix<T>, edge: f64) -> Self {
        let inverse = T::of(1.0 / edge);
        let nearest = |x: T| (x.to_f64() / edge).round() as i64;
        let mut numbers: BTreeMap<[i64; 3], usize> = BTreeMap::new();
        let mut keys = Vec::with_capacity(PLACES * x.ncols());
        let mut weights = Vec::with_capacity(PLACES * x.ncols());
        let mut slopes = Vec::with_capacity(PLACES * x.ncols());
        for x in x.column_iter() {
            let base = [x[0], x[1], x[2]].map(nearest);
            let splines =
                [0, 1, 2].map(|axis| spline(x[axis] * inverse - T::of(base[axis] as f64)));
            for place in 0..PLACES {
                let by = offset(place);
                let key = [0, 1, 2].map(|axis| base[axis] + by[axis]);
                keys.push(key);
                numbers.insert(key, 0);
                let at = [0, 1, 2].map(|axis| splines[axis][(by[axis] + 1) as usize]);
                let [(a, da), (b, db), (c, dc)] = at;
                weights.push(a * b * c);
                slopes.push([da * b * c, a * db * c, a * b * dc].map(|slope| slope * inverse));
            }
        }
        for (number, (_, entry)) in numbers.iter_mut().enumerate() {
            *entry = number;
        }
        let pairs = (0..PLACES)
            .map(|place| {
                let by = offset(place);
                let there = |(key, &node): (&[i64; 3], &usize)| {
                    let other = [0, 1, 2].map(|axis| key[axis] + by[axis]);
                    numbers.get(&other).map(|&other| (node, other))
                };
                numbers.iter().filter_map(there).collect()
            })
            .collect();
        Self {
            nodes: keys
                .iter()
                .filter_map(|key| numbers.get(key).copied())
                .collect(),
            weights,
            slopes,
            pairs,
            count: numbers.len(),
        }
    }

    /// The same stencils with weights zero: their cotangents.
    #[must_use]
    pub fn zeros(&self) -> Self {
        Self {
            weights: vec![T::zero(); self.weights.len()],
            ..self.clone()
        }
    }

    /// Weights of the nodes of each point, 27 a point.
    pub fn weights_mut(&mut self) -> &mut [T] {
        &mut self.weights
    }

    /// Adds the cotangents of the positions from those of the weights, which `bar` has in place of the
    /// weights. The nodes are held: they come and
    /// go where their weights and the slopes of these are zero.
    pub fn new_vjp(bar: &Self, x_bar: &mut DMatrix<T>) {
        for (at, (bar, slope)) in bar.weights.iter().zip(&bar.slopes).enumerate() {
            for axis in 0..3 {
                x_bar[(axis, at / PLACES)] += *bar * slope[axis];
            }
        }
    }
}

/// Features of points averaged to the nodes of a latent grid, a convolution there, and back: an integral
/// transform either way (after Li et al. 2023, "Geometry-informed neural operator", with a convolution
/// on the nodes that exist in place of a Fourier transform of all).
///
/// ```text
/// g_c = sum_i w_ic h_i / (sum_i w_ic + 1/10)             to the nodes
/// q_c = norm(W bend(sum_o K_o g_(c+o) + b) + d)          27 offsets o
/// h_i <- h_i + mlp(h_i, sum_c w_ic q_c)                  and back
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latent {
    kernel: Dense,
    mix: Dense,
    node: Mlp,
}

/// What [`Latent::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct LatentTape<T: Real> {
    h: DMatrix<T>,
    sums: Vec<T>,
    g: DMatrix<T>,
    hidden: DMatrix<T>,
    bent: DMatrix<T>,
    raw: DMatrix<T>,
    q: DMatrix<T>,
    joined: DMatrix<T>,
    node: MlpTape<T>,
}

/// As in the interaction layer.
const ALONE: f64 = 0.1;

impl Latent {
    /// For features of `width` rows.
    pub const fn new(width: usize) -> Self {
        Self {
            kernel: Dense::plain(width, width),
            mix: Dense::new(width, width),
            node: Mlp::new(2 * width, width, width, true),
        }
    }

    const fn kernels(&self) -> usize {
        PLACES * self.kernel.size()
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.kernels() + self.kernel.outputs + self.mix.size() + self.node.size()
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let (kernels, rest) = weights.split_at_mut(self.kernels());
        let gain = (PLACES as f64).sqrt().recip();
        for kernel in kernels.chunks_exact_mut(self.kernel.size()) {
            self.kernel.start(gain, random, kernel);
        }
        let (bias, rest) = rest.split_at_mut(self.kernel.outputs);
        bias.fill(0.0);
        let (mix, node) = rest.split_at_mut(self.mix.size());
        self.mix.start(1.0, random, mix);
        self.node.start(1.0, random, node);
    }

    /// Columns of `x` that the pairs of an offset read.
    fn gather<T: Real>(x: &DMatrix<T>, pairs: &[(usize, usize)]) -> DMatrix<T> {
        let mut y = DMatrix::zeros(x.nrows(), pairs.len());
        for (mut y, &(_, from)) in y.column_iter_mut().zip(pairs) {
            y.copy_from(&x.column(from));
        }
        y
    }

    /// New features of points.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        stencils: &Stencils<T>,
        h: &DMatrix<T>,
    ) -> (DMatrix<T>, LatentTape<T>) {
        let width = h.nrows();
        let (kernels, rest) = weights.split_at(self.kernels());
        let (bias, rest) = rest.split_at(self.kernel.outputs);
        let (mix, last) = rest.split_at(self.mix.size());
        let mut g = DMatrix::zeros(width, stencils.count);
        let mut sums = vec![T::of(ALONE); stencils.count];
        let places = || stencils.nodes.iter().zip(&stencils.weights).enumerate();
        for (at, (&node, &w)) in places() {
            sums[node] += w;
            g.column_mut(node).axpy(w, &h.column(at / PLACES), T::one());
        }
        for (mut g, &sum) in g.column_iter_mut().zip(&sums) {
            g /= sum;
        }
        let mut hidden = DMatrix::from_fn(width, stencils.count, |row, _| bias[row]);
        let kernels = kernels.chunks_exact(self.kernel.size());
        for (kernel, pairs) in kernels.zip(&stencils.pairs) {
            let part = self.kernel.apply(kernel, &Self::gather(&g, pairs));
            for (part, &(to, _)) in part.column_iter().zip(pairs) {
                hidden.column_mut(to).axpy(T::one(), &part, T::one());
            }
        }
        let bent = bend(&hidden);
        let raw = self.mix.apply(mix, &bent);
        let q = normalize(&raw);
        let mut joined = DMatrix::zeros(2 * width, h.ncols());
        joined.rows_mut(0, width).copy_from(h);
        for (at, (&node, &w)) in places() {
            let mut back = joined.column_mut(at / PLACES);
            let back = &mut back.as_mut_slice()[width..];
            for (back, &q) in back.iter_mut().zip(q.column(node).iter()) {
                *back += w * q;
            }
        }
        let (change, node) = self.node.apply(last, &joined);
        let tape = LatentTape {
            h: h.clone(),
            sums,
            g,
            hidden,
            bent,
            raw,
            q,
            joined,
            node,
        };
        (h + change, tape)
    }

    /// Cotangent of the features; adds to those of the weights of the stencils and of the layer.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        stencils: &Stencils<T>,
        tape: &LatentTape<T>,
        h_bar: DMatrix<T>,
        stencils_bar: &mut Stencils<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let width = h_bar.nrows();
        let (kernels, rest) = weights.split_at(self.kernels());
        let (_, rest) = rest.split_at(self.kernel.outputs);
        let (mix, last) = rest.split_at(self.mix.size());
        let (kernels_bar, rest_bar) = weights_bar.split_at_mut(self.kernels());
        let (bias_bar, rest_bar) = rest_bar.split_at_mut(self.kernel.outputs);
        let (mix_bar, last_bar) = rest_bar.split_at_mut(self.mix.size());
        let joined_bar =
            (self.node).apply_vjp(last, &tape.joined, &tape.node, h_bar.clone(), last_bar);
        let mut h_bar = h_bar + joined_bar.rows(0, width);
        let mut q_bar = DMatrix::zeros(width, stencils.count);
        let places = || stencils.nodes.iter().zip(&stencils.weights).enumerate();
        for (at, (&node, &w)) in places() {
            let back_bar = joined_bar.column(at / PLACES);
            let back_bar = back_bar.rows(width, width);
            stencils_bar.weights[at] += tape.q.column(node).dot(&back_bar);
            q_bar.column_mut(node).axpy(w, &back_bar, T::one());
        }
        normalize_vjp(&tape.raw, &mut q_bar);
        let mut hidden_bar = self.mix.apply_vjp(mix, &tape.bent, &q_bar, mix_bar);
        bend_vjp(&tape.hidden, &mut hidden_bar);
        for bar in hidden_bar.column_iter() {
            bias_bar
                .iter_mut()
                .zip(bar.iter())
                .for_each(|(b, &bar)| *b += bar);
        }
        let mut g_bar = DMatrix::zeros(width, stencils.count);
        let size = self.kernel.size();
        let kernels = kernels
            .chunks_exact(size)
            .zip(kernels_bar.chunks_exact_mut(size));
        for ((kernel, kernel_bar), pairs) in kernels.zip(&stencils.pairs) {
            let mut part_bar = DMatrix::zeros(width, pairs.len());
            for (mut part, &(to, _)) in part_bar.column_iter_mut().zip(pairs) {
                part.copy_from(&hidden_bar.column(to));
            }
            let read = Self::gather(&tape.g, pairs);
            let read_bar = self.kernel.apply_vjp(kernel, &read, &part_bar, kernel_bar);
            for (bar, &(_, from)) in read_bar.column_iter().zip(pairs) {
                g_bar.column_mut(from).axpy(T::one(), &bar, T::one());
            }
        }
        for (mut bar, &sum) in g_bar.column_iter_mut().zip(&tape.sums) {
            bar /= sum;
        }
        // g = S / s: w_bar = (h - g) . g_bar / s
        for (at, (&node, &w)) in places() {
            let (bar, h) = (g_bar.column(node), tape.h.column(at / PLACES));
            stencils_bar.weights[at] += h.dot(&bar) - tape.g.column(node).dot(&bar);
            h_bar.column_mut(at / PLACES).axpy(w, &bar, T::one());
        }
        h_bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_at, matrix};

    fn points() -> Vec<f64> {
        let mut random = Random::new(3, &[]);
        (0..15).map(|_| random.uniform()).collect()
    }

    #[test]
    fn weights_sum_to_one_and_place_the_point() {
        let stencils = Stencils::new(&matrix(3, &points()), 0.3);
        for (point, weights) in stencils.weights.chunks_exact(PLACES).enumerate() {
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            let slopes = &stencils.slopes[PLACES * point..PLACES * (point + 1)];
            for axis in 0..3 {
                assert!(slopes.iter().map(|s| s[axis]).sum::<f64>().abs() < 1e-13);
            }
        }
        assert_eq!(stencils.pairs[13].len(), stencils.count);
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        const WIDTH: usize = 3;
        let layer = Latent::new(WIDTH);
        let (size, edge) = (layer.size(), 0.3);
        let mut x = Random::new(9, &[]).normals(size + 5 * WIDTH);
        x.extend(points());
        check_at(
            &x,
            |x| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(5 * WIDTH);
                let stencils = Stencils::new(&matrix(3, x), edge);
                layer
                    .apply(weights, &stencils, &matrix(WIDTH, h))
                    .0
                    .as_slice()
                    .to_vec()
            },
            |x, bar| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(5 * WIDTH);
                let stencils = Stencils::new(&matrix(3, x), edge);
                let (_, tape) = layer.apply(weights, &stencils, &matrix(WIDTH, h));
                let (mut all, mut at) = (vec![0.0; size], stencils.zeros());
                let bar = matrix(WIDTH, bar);
                let h_bar = layer.apply_vjp(weights, &stencils, &tape, bar, &mut at, &mut all);
                let mut x_bar = DMatrix::zeros(3, 5);
                Stencils::new_vjp(&at, &mut x_bar);
                all.extend(h_bar.iter().chain(x_bar.iter()));
                all
            },
        );
    }
}
