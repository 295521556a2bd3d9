//! What exchange along edges comes to rest at.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Mlp, MlpTape};
use crate::graph::Graph;

/// A convergent graph solver (Park, Choo & Park 2022, "Convergent graph solvers", eq. 5 to 8). With features
/// `h_i` of points and `e_ij` of edges, from source j to target i, it finds, head by head, the only
///
/// ```text
/// x_i = g sum_j a_ij x_j + b_i,    a_ij = s(gate(e_ij)) / n_i,    b_i = source(h_i)
/// ```
///
/// where `n_i` edges end at a point and `s(z) = (1 + z / sqrt(z^2 + 4)) / 2` is between 0 and 1: the largest
/// change of a pass is at most `g < 1` times that of the pass before, whatever the weights. The adjoint solves
/// the transposed equation by passes of the same kind, so that it needs the solution alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steady {
    /// How much of an exchange is left after a pass, below 1.
    pub factor: f64,
    /// Largest change of the last pass, in units of the largest source.
    pub tolerance: f64,
    gate: Mlp,
    source: Mlp,
}

/// What [`Steady::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct SteadyTape<T: Real> {
    gate: MlpTape<T>,
    source: MlpTape<T>,
    /// What the gates are found from.
    signals: DMatrix<T>,
    /// The solution, a row a head.
    x: DMatrix<T>,
    /// `g a_ij`, a column an edge.
    shares: DMatrix<T>,
    /// How many passes it took.
    pub passes: usize,
}

/// `s(z)` and its slope.
fn gate<T: Real>(z: T) -> (T, T) {
    let (half, four) = (T::of(0.5), T::of(4.0));
    let square = z * z + four;
    let root = square.sqrt();
    (half * (T::one() + z / root), half * four / (square * root))
}

/// Largest magnitude.
fn largest<T: Real>(x: &DMatrix<T>) -> f64 {
    x.iter().fold(0.0, |most, x| x.to_f64().abs().max(most))
}

/// Sum of the magnitudes.
fn total<T: Real>(x: &DMatrix<T>) -> f64 {
    x.iter().map(|x| x.to_f64().abs()).sum()
}

impl Steady {
    /// With `heads` solutions side by side, from so many features of points and of edges by way of `hidden`.
    pub const fn new(points: usize, edges: usize, hidden: usize, heads: usize) -> Self {
        Self {
            factor: 0.5,
            tolerance: 1e-9,
            gate: Mlp::new(edges, hidden, heads, false),
            source: Mlp::new(points, hidden, heads, false),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.gate.size() + self.source.size()
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let (gate, source) = weights.split_at_mut(self.gate.size());
        self.gate.start(1.0, random, gate);
        self.source.start(1.0, random, source);
    }

    /// Passes from `start` until the change is at most `tolerance` as `size` measures it.
    fn iterate<T: Real>(
        &self,
        start: &DMatrix<T>,
        tolerance: f64,
        size: fn(&DMatrix<T>) -> f64,
        pass: impl Fn(&DMatrix<T>, &mut DMatrix<T>),
    ) -> (DMatrix<T>, usize) {
        let (mut x, mut passes) = (start.clone(), 0);
        loop {
            let mut next = start.clone();
            pass(&x, &mut next);
            passes += 1;
            let change = size(&(&next - &x));
            x = next;
            // What is not finite does not get better.
            if change <= tolerance || !change.is_finite() {
                return (x, passes);
            }
        }
    }

    /// The solution, a row a head and a column a point, from the features `h` of points and `e` of edges.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        h: &DMatrix<T>,
        e: &DMatrix<T>,
    ) -> (DMatrix<T>, SteadyTape<T>) {
        let (of_gate, of_source) = weights.split_at(self.gate.size());
        let (signals, gate_tape) = self.gate.apply(of_gate, e);
        let (b, source) = self.source.apply(of_source, h);
        let scales = self.scales::<T>(graph);
        let mut shares = signals.map(|z| gate(z).0);
        for (mut share, i) in shares.column_iter_mut().zip(&graph.targets) {
            share *= scales[*i];
        }
        let (x, passes) = self.iterate(&b, self.tolerance * largest(&b), largest, |x, next| {
            for ((i, j), share) in graph.iter().zip(shares.column_iter()) {
                let from = x.column(j);
                let each = next
                    .column_mut(i)
                    .into_iter()
                    .zip(share.iter().zip(from.iter()));
                each.for_each(|(to, (&share, &x))| *to += share * x);
            }
        });
        let tape = SteadyTape {
            gate: gate_tape,
            source,
            signals,
            x: x.clone(),
            shares,
            passes,
        };
        (x, tape)
    }

    /// `g / n_i` of each point.
    fn scales<T: Real>(&self, graph: &Graph) -> Vec<T> {
        let mut counts = vec![0.0; graph.points];
        graph.targets.iter().for_each(|&i| counts[i] += 1.0);
        let scale = |count: f64| T::of(self.factor / count.max(1.0));
        counts.into_iter().map(scale).collect()
    }

    /// Cotangents of the features of points and of edges; adds to that of the weights. With
    /// `u = x_bar + g A^T u` they are `b_bar = u` and `a_bar_ij = g u_i x_j`.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        [h, e]: [&DMatrix<T>; 2],
        tape: &SteadyTape<T>,
        x_bar: &DMatrix<T>,
        weights_bar: &mut [T],
    ) -> [DMatrix<T>; 2] {
        let (x, shares) = (&tape.x, &tape.shares);
        // The sum over all points of what a pass changes shrinks by the factor.
        let tolerance = self.tolerance * total(x_bar);
        let (u, _) = self.iterate(x_bar, tolerance, total, |u, next| {
            for ((i, j), share) in graph.iter().zip(shares.column_iter()) {
                let from = u.column(i);
                let each = next
                    .column_mut(j)
                    .into_iter()
                    .zip(share.iter().zip(from.iter()));
                each.for_each(|(to, (&share, &u))| *to += share * u);
            }
        });
        let scales = self.scales::<T>(graph);
        let mut signals_bar = tape.signals.map(|z| gate(z).1);
        for (mut bar, (i, j)) in signals_bar.column_iter_mut().zip(graph.iter()) {
            let (u, x) = (u.column(i), x.column(j));
            let each = bar.iter_mut().zip(u.iter().zip(x.iter()));
            each.for_each(|(bar, (&u, &x))| *bar *= scales[i] * u * x);
        }
        let (of_gate, of_source) = weights.split_at(self.gate.size());
        let (gate_bar, source_bar) = weights_bar.split_at_mut(self.gate.size());
        [
            self.source
                .apply_vjp(of_source, h, &tape.source, u, source_bar),
            self.gate
                .apply_vjp(of_gate, e, &tape.gate, signals_bar, gate_bar),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::Reach,
        testing::{check, matrix},
    };

    fn graph(points: usize) -> Graph {
        let mut random = Random::new(5, &[]);
        let x = DMatrix::<f64>::from_fn(3, points, |_, _| random.uniform());
        let reach = Reach {
            radius: 0.6,
            cap: 3,
        };
        Graph::new(&x, reach).unwrap()
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent_of_all_passes() {
        let graph = graph(7);
        let (points, edges) = (3 * graph.points, 2 * graph.edges());
        let layer = Steady {
            tolerance: 1e-16,
            ..Steady::new(3, 2, 4, 2)
        };
        let size = layer.size();
        let parts = |x: &[f64]| {
            [
                matrix(3, &x[size..size + points]),
                matrix(2, &x[size + points..]),
            ]
        };
        check(
            size + points + edges,
            |x| {
                let (h, e) = (&x[size..size + points], &x[size + points..]);
                let (y, _) = layer.apply(&x[..size], &graph, &matrix(3, h), &matrix(2, e));
                y.as_slice().to_vec()
            },
            |x, bar| {
                let [h, e] = parts(x);
                let (_, tape) = layer.apply(&x[..size], &graph, &h, &e);
                let mut all = vec![0.0; size];
                let bars = layer.apply_vjp(
                    &x[..size],
                    &graph,
                    [&h, &e],
                    &tape,
                    &matrix(2, bar),
                    &mut all,
                );
                all.extend(bars.iter().flat_map(|bar| bar.iter()));
                all
            },
        );
    }

    #[test]
    fn passes_are_as_many_as_the_factor_says_and_no_more() {
        let graph = graph(60);
        let mut random = Random::new(6, &[]);
        for (factor, tolerance) in [(0.5, 1e-6), (0.5, 1e-12), (0.9, 1e-6)] {
            let layer = Steady {
                factor,
                tolerance,
                ..Steady::new(3, 2, 8, 2)
            };
            let mut weights = random.normals(layer.size());
            // Gates wide open: the slowest case.
            let last = layer.gate.size();
            weights[last - 2..last].fill(50.0);
            let h = DMatrix::from_fn(3, graph.points, |_, _| random.normal());
            let e = DMatrix::from_fn(2, graph.edges(), |_, _| random.normal());
            let (x, tape) = layer.apply(&weights, &graph, &h, &e);
            let bound = tolerance.ln() / factor.ln() + 3.0;
            assert!((tape.passes as f64) <= bound, "{} {bound}", tape.passes);
            assert!(
                (tape.passes as f64) > 0.3 * bound,
                "{} {bound}",
                tape.passes
            );
            assert!(x.iter().all(|x| x.is_finite()));
        }
    }
}
