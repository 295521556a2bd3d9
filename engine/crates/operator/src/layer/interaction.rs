//! Messages along edges.

use std::borrow::Cow;

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Columns, Dense, Mlp, MlpTape, bend, bend_vjp, normalize, normalize_vjp, sizes};
use crate::graph::Graph;

/// An interaction network (Battaglia et al. 2016; as in Sanchez-Gonzalez et al. 2020). With features
/// `h_i` of points, `e_ij` of edges and weights `w_ij >= 0` of edges, from source j to target i:
///
/// ```text
/// m_ij = norm(W (bend(A h_i + b + B h_j + C e_ij)) + c)
/// a_i  = sum_j w_ij m_ij / (sum_j w_ij + 1/10)
/// h_i <- h_i + mlp(h_i, a_i)                  e_ij <- e_ij + m_ij
/// ```
///
/// The first product is split: `A h` and `B h` are formed for points, not for edges. The mean is that
/// of an integral over the neighbourhood, so that it does not grow with the number of points in it;
/// the weights let edges come and go smoothly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interaction {
    target: Dense,
    source: Dense,
    edge: Dense,
    message: Dense,
    node: Mlp,
}

/// What [`Interaction::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct InteractionTape<T: Real> {
    h: DMatrix<T>,
    e: Columns<T>,
    hidden: DMatrix<T>,
    bent: Columns<T>,
    raw: Raw<T>,
    message: DMatrix<T>,
    sums: Vec<T>,
    joined: DMatrix<T>,
    node: MlpTape<T>,
}

/// Messages before they are normalised.
#[derive(Debug, Clone)]
enum Raw<T: Real> {
    /// As they were.
    Kept(DMatrix<T>),
    /// What they were divided by.
    Sizes(Vec<T>),
}

impl<T: Real> InteractionTape<T> {
    /// Keeps [some](Columns::drawn) columns of what the layers over edges read, and of the messages before they are
    /// normalised only their sizes. Cotangents of messages are guessed to be in proportion to what the messages count.
    pub fn draw(&mut self, graph: &Graph, w: &[T], share: f64, random: &mut Random) {
        let count = |((i, _), w): ((usize, usize), &T)| (*w / self.sums[i]).to_f64();
        let norms: Vec<f64> = graph.iter().zip(w).map(count).collect();
        self.e.draw(&norms, share, random);
        self.bent.draw(&norms, share, random);
        if let Raw::Kept(raw) = &self.raw {
            self.raw = Raw::Sizes(sizes(raw));
        }
    }

    /// Messages before they are normalised; to rounding, where they are not kept.
    fn raw(&self) -> Cow<'_, DMatrix<T>> {
        match &self.raw {
            Raw::Kept(raw) => Cow::Borrowed(raw),
            Raw::Sizes(sizes) => {
                let mut raw = self.message.clone();
                for (mut column, size) in raw.column_iter_mut().zip(sizes) {
                    column *= *size;
                }
                Cow::Owned(raw)
            }
        }
    }
}

/// Cotangents of the inputs of [`Interaction::apply`].
#[derive(Debug, Clone)]
pub struct InteractionBar<T: Real> {
    /// Of the features of points.
    pub h: DMatrix<T>,
    /// Of the features of edges.
    pub e: DMatrix<T>,
    /// Of the weights of edges.
    pub w: Vec<T>,
}

/// What is added to the sum of the weights of a point: far less than that of one whole neighbour.
const ALONE: f64 = 0.1;

impl Interaction {
    /// For features of `width` rows.
    pub const fn new(width: usize) -> Self {
        Self {
            target: Dense::new(width, width),
            source: Dense::plain(width, width),
            edge: Dense::plain(width, width),
            message: Dense::new(width, width),
            node: Mlp::new(2 * width, width, width, true),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.target.size()
            + self.source.size()
            + self.edge.size()
            + self.message.size()
            + self.node.size()
    }

    /// Where the weights of its parts end.
    const fn ends(&self) -> [usize; 4] {
        let target = self.target.size();
        let source = target + self.source.size();
        let edge = source + self.edge.size();
        [target, source, edge, edge + self.message.size()]
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let [target, source, edge, message] = self.ends();
        // Three products are added.
        let gain = 3.0_f64.sqrt().recip();
        self.target.start(gain, random, &mut weights[..target]);
        self.source
            .start(gain, random, &mut weights[target..source]);
        self.edge.start(gain, random, &mut weights[source..edge]);
        self.message.start(1.0, random, &mut weights[edge..message]);
        self.node.start(1.0, random, &mut weights[message..]);
    }

    /// New features of points and edges.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        h: &DMatrix<T>,
        e: &DMatrix<T>,
        w: &[T],
    ) -> (DMatrix<T>, DMatrix<T>, InteractionTape<T>) {
        let [target, source, edge, end] = self.ends();
        let to = self.target.apply(&weights[..target], h);
        let from = self.source.apply(&weights[target..source], h);
        let mut hidden = self.edge.apply(&weights[source..edge], e);
        // Columns as slices: these loops run over every edge.
        let width = h.nrows();
        let columns = hidden.as_mut_slice().chunks_exact_mut(width);
        for (z, (i, j)) in columns.zip(graph.iter()) {
            let (a, b) = (column(&to, i), column(&from, j));
            for (z, (&a, &b)) in z.iter_mut().zip(a.iter().zip(b)) {
                *z += a + b;
            }
        }
        let bent = bend(&hidden);
        let raw = self.message.apply(&weights[edge..end], &bent);
        let message = normalize(&raw);
        let mut joined = DMatrix::zeros(2 * width, h.ncols());
        joined.rows_mut(0, width).copy_from(h);
        let mut sums = vec![T::of(ALONE); h.ncols()];
        for (edge, (i, _)) in graph.iter().enumerate() {
            sums[i] += w[edge];
            let from = 2 * width * i + width;
            let sum = &mut joined.as_mut_slice()[from..from + width];
            let share = w[edge];
            for (a, &m) in sum.iter_mut().zip(column(&message, edge)) {
                *a += share * m;
            }
        }
        for (mut column, &sum) in joined.column_iter_mut().zip(&sums) {
            let inverse = T::one() / sum;
            let mean = &mut column.as_mut_slice()[width..];
            mean.iter_mut().for_each(|a| *a *= inverse);
        }
        let (change, node) = self.node.apply(&weights[end..], &joined);
        let tape = InteractionTape {
            h: h.clone(),
            e: Columns::All(e.clone()),
            hidden,
            bent: Columns::All(bent),
            raw: Raw::Kept(raw),
            sums,
            joined,
            node,
            message,
        };
        (h + change, e + &tape.message, tape)
    }

    /// Cotangents of the inputs; adds to that of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        w: &[T],
        tape: &InteractionTape<T>,
        h_bar: DMatrix<T>,
        e_bar: DMatrix<T>,
        weights_bar: &mut [T],
    ) -> InteractionBar<T> {
        let [target, source, edge, end] = self.ends();
        let width = h_bar.nrows();
        let joined_bar = self.node.apply_vjp(
            &weights[end..],
            &tape.joined,
            &tape.node,
            h_bar.clone(),
            &mut weights_bar[end..],
        );
        let mut h_bar = h_bar + joined_bar.rows(0, width);
        // a = S / s with S = sum w m and s = sum w + 1/10: w_bar = (m - a) . a_bar / s
        let mut message_bar = e_bar.clone();
        let mut w_bar = vec![T::zero(); w.len()];
        for (edge, (i, _)) in graph.iter().enumerate() {
            let inverse = T::one() / tape.sums[i];
            let mean_bar = &column(&joined_bar, i)[width..];
            let mean = &column(&tape.joined, i)[width..];
            let share = w[edge] * inverse;
            let mut product = T::zero();
            for ((&m, &mean), &bar) in column(&tape.message, edge).iter().zip(mean).zip(mean_bar) {
                product += (m - mean) * bar;
            }
            let m_bar = &mut message_bar.as_mut_slice()[width * edge..width * (edge + 1)];
            for (m_bar, &bar) in m_bar.iter_mut().zip(mean_bar) {
                *m_bar += share * bar;
            }
            w_bar[edge] = product * inverse;
        }
        normalize_vjp(&tape.raw(), &mut message_bar);
        let mut hidden_bar = self.message.apply_vjp(
            &weights[edge..end],
            &tape.bent,
            &message_bar,
            &mut weights_bar[edge..end],
        );
        bend_vjp(&tape.hidden, &mut hidden_bar);
        let mut to_bar: DMatrix<T> = DMatrix::zeros(width, h_bar.ncols());
        let mut from_bar: DMatrix<T> = to_bar.clone();
        let columns = hidden_bar.as_slice().chunks_exact(width);
        for (z_bar, (i, j)) in columns.zip(graph.iter()) {
            for (all, at) in [(&mut to_bar, i), (&mut from_bar, j)] {
                let bar = &mut all.as_mut_slice()[width * at..width * (at + 1)];
                bar.iter_mut().zip(z_bar).for_each(|(bar, &z)| *bar += z);
            }
        }
        let e_bar = e_bar
            + self.edge.apply_vjp(
                &weights[source..edge],
                &tape.e,
                &hidden_bar,
                &mut weights_bar[source..edge],
            );
        h_bar += self.target.apply_vjp(
            &weights[..target],
            &tape.h,
            &to_bar,
            &mut weights_bar[..target],
        );
        h_bar += self.source.apply_vjp(
            &weights[target..source],
            &tape.h,
            &from_bar,
            &mut weights_bar[target..source],
        );
        InteractionBar {
            h: h_bar,
            e: e_bar,
            w: w_bar,
        }
    }
}

/// A column as a slice.
fn column<T: Real>(x: &DMatrix<T>, at: usize) -> &[T] {
    let rows = x.nrows();
    &x.as_slice()[rows * at..rows * (at + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    fn graph() -> Graph {
        let edges = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        let (targets, sources) = edges.into_iter().unzip();
        Graph {
            points: 4, // the last is alone
            sources,
            targets,
        }
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        const WIDTH: usize = 3;
        let (layer, graph) = (Interaction::new(WIDTH), graph());
        let (size, points, edges) = (layer.size(), 4 * WIDTH, 6 * WIDTH);
        let square = |w: f64| w * w;
        check(
            size + points + edges + 6,
            |x| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(points);
                let (e, w) = x.split_at(edges);
                let w: Vec<_> = w.iter().map(|&w| w * w).collect();
                let (h, e) = (matrix(WIDTH, h), matrix(WIDTH, e));
                let (h, e, _) = layer.apply(weights, &graph, &h, &e, &w);
                [h.as_slice(), e.as_slice()].concat()
            },
            |x, bar| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(points);
                let (e, roots) = x.split_at(edges);
                let w: Vec<_> = roots.iter().copied().map(square).collect();
                let (h, e) = (matrix(WIDTH, h), matrix(WIDTH, e));
                let (_, _, tape) = layer.apply(weights, &graph, &h, &e, &w);
                let (h_bar, e_bar) = bar.split_at(points);
                let (h_bar, e_bar) = (matrix(WIDTH, h_bar), matrix(WIDTH, e_bar));
                let mut all = vec![0.0; size];
                let bars = layer.apply_vjp(weights, &graph, &w, &tape, h_bar, e_bar, &mut all);
                all.extend(bars.h.iter().chain(bars.e.iter()));
                all.extend(bars.w.iter().zip(roots).map(|(bar, root)| 2.0 * root * bar));
                all
            },
        );
    }
}
