//! From points to the nodes of a latent grid.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Dense, Nodes, bend, bend_vjp, normalize, normalize_vjp};

/// An integral transform with a nonlinear kernel (Li et al. 2023, "Geometry-informed neural operator",
/// section 3; the encoder of GIOROM) from features `h_j` of points to nodes c:
///
/// ```text
/// m_cj = norm(W bend(A h_j + b + B (x_j - y_c) / R) + d)
/// g_c  = sum_j w_cj m_cj / (sum_j w_cj + 1/10)
/// s_c  = sum_j w_cj / (sum_j w_cj + 1/10)              how far the node is occupied, 0 to 1
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToNodes {
    point: Dense,
    offset: Dense,
    message: Dense,
}

/// What [`ToNodes::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct ToNodesTape<T: Real> {
    h: DMatrix<T>,
    hidden: DMatrix<T>,
    bent: DMatrix<T>,
    raw: DMatrix<T>,
    message: DMatrix<T>,
    sums: Vec<T>,
    g: DMatrix<T>,
}

/// What is added to the sum of the weights of a node.
const ALONE: f64 = 0.1;

impl ToNodes {
    /// For features of `width` rows.
    pub const fn new(width: usize) -> Self {
        Self {
            point: Dense::new(width, width),
            offset: Dense::plain(3, width),
            message: Dense::new(width, width),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.point.size() + self.offset.size() + self.message.size()
    }

    /// Where the weights of the first two parts end.
    const fn ends(&self) -> [usize; 2] {
        let point = self.point.size();
        [point, point + self.offset.size()]
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let [point, offset] = self.ends();
        // Two products are added.
        let gain = 2.0_f64.sqrt().recip();
        self.point.start(gain, random, &mut weights[..point]);
        (self.offset).start(gain, random, &mut weights[point..offset]);
        self.message.start(1.0, random, &mut weights[offset..]);
    }

    /// Features of nodes, and how far each is occupied.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        nodes: &Nodes<T>,
        h: &DMatrix<T>,
    ) -> (DMatrix<T>, Vec<T>, ToNodesTape<T>) {
        let [point, offset] = self.ends();
        let of_point = self.point.apply(&weights[..point], h);
        let mut hidden = self.offset.apply(&weights[point..offset], &nodes.offsets);
        for (mut z, &(_, j)) in hidden.column_iter_mut().zip(&nodes.pairs) {
            z += of_point.column(j);
        }
        let bent = bend(&hidden);
        let raw = self.message.apply(&weights[offset..], &bent);
        let message = normalize(&raw);
        let mut g = DMatrix::zeros(h.nrows(), nodes.count());
        let mut sums = vec![T::of(ALONE); nodes.count()];
        for (pair, &(c, _)) in nodes.pairs.iter().enumerate() {
            let w = nodes.weights[pair];
            sums[c] += w;
            g.column_mut(c).axpy(w, &message.column(pair), T::one());
        }
        for (mut g, &sum) in g.column_iter_mut().zip(&sums) {
            g /= sum;
        }
        let alone = T::of(ALONE);
        let shares = sums.iter().map(|&sum| T::one() - alone / sum).collect();
        let tape = ToNodesTape {
            h: h.clone(),
            hidden,
            bent,
            raw,
            message,
            sums,
            g: g.clone(),
        };
        (g, shares, tape)
    }

    /// Cotangent of the features of points; adds to those of the nodes and of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        nodes: &Nodes<T>,
        tape: &ToNodesTape<T>,
        g_bar: &DMatrix<T>,
        shares_bar: &[T],
        nodes_bar: &mut Nodes<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let [point, offset] = self.ends();
        let alone = T::of(ALONE);
        let mut message_bar = DMatrix::zeros(g_bar.nrows(), nodes.pairs.len());
        for (pair, &(c, _)) in nodes.pairs.iter().enumerate() {
            let inverse = T::one() / tape.sums[c];
            let bar = g_bar.column(c);
            // g = S / s and share = 1 - 1/(10 s)
            let product = tape.message.column(pair).dot(&bar) - tape.g.column(c).dot(&bar);
            nodes_bar.weights[pair] += (product + shares_bar[c] * alone * inverse) * inverse;
            let share = nodes.weights[pair] * inverse;
            message_bar.column_mut(pair).axpy(share, &bar, T::zero());
        }
        normalize_vjp(&tape.raw, &mut message_bar);
        let mut hidden_bar = self.message.apply_vjp(
            &weights[offset..],
            &tape.bent,
            &message_bar,
            &mut weights_bar[offset..],
        );
        bend_vjp(&tape.hidden, &mut hidden_bar);
        nodes_bar.offsets += self.offset.apply_vjp(
            &weights[point..offset],
            &nodes.offsets,
            &hidden_bar,
            &mut weights_bar[point..offset],
        );
        let mut point_bar = DMatrix::zeros(g_bar.nrows(), tape.h.ncols());
        for (z_bar, &(_, j)) in hidden_bar.column_iter().zip(&nodes.pairs) {
            point_bar.column_mut(j).axpy(T::one(), &z_bar, T::one());
        }
        (self.point).apply_vjp(
            &weights[..point],
            &tape.h,
            &point_bar,
            &mut weights_bar[..point],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_at, matrix};

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        const WIDTH: usize = 3;
        let (layer, edge, bounds) = (ToNodes::new(WIDTH), 0.5, [[0.0; 3], [1.0; 3]]);
        let size = layer.size();
        let mut random = Random::new(9, &[]);
        let mut x = random.normals(size + 4 * WIDTH);
        x.extend((0..12).map(|_| random.uniform()));
        check_at(
            &x,
            |x| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(4 * WIDTH);
                let nodes = Nodes::new(&matrix(3, x), edge, &bounds);
                let (g, shares, _) = layer.apply(weights, &nodes, &matrix(WIDTH, h));
                [g.as_slice(), &shares].concat()
            },
            |x, bar| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(4 * WIDTH);
                let nodes = Nodes::new(&matrix(3, x), edge, &bounds);
                let (_, _, tape) = layer.apply(weights, &nodes, &matrix(WIDTH, h));
                let (mut all, mut at) = (vec![0.0; size], nodes.zeros());
                let (g, shares) = bar.split_at(WIDTH * nodes.count());
                let g = matrix(WIDTH, g);
                let h = layer.apply_vjp(weights, &nodes, &tape, &g, shares, &mut at, &mut all);
                let mut x_bar = DMatrix::zeros(3, 4);
                nodes.new_vjp(edge, &at, &mut x_bar);
                all.extend(h.iter().chain(x_bar.iter()));
                all
            },
        );
    }
}
