//! Forces between pairs of samples and from walls and obstacles.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::sight::{Sight, WALL_ROWS};
use crate::{
    graph::Graph,
    layer::{Columns, Interaction, InteractionTape, Mlp, MlpTape},
    model::Config,
};

/// From what is seen to accelerations over their scale:
///
/// ```text
/// a_i = sum_j w_ij / sqrt(s_i s_j) ((f_ij + f_ji) n_ij + (h_ij + h_ji) (v_j - v_i)) + sum_c g_c (p_c n_c + q_c v_c)
/// ```
///
/// with f and h of edges and p and q of contacts by networks, `s_i = sum_j w_ij + 1/10`, `n_c` the normal of what is
/// touched, a wall or an obstacle, and `v_c` the velocity along it: one network judges walls and obstacles. What acts on
/// i from j acts on j from i, reversed: forces within matter change no momentum, whatever the weights. Nothing depends
/// on the frame of the observer: the accelerations of a body that is turned, far from walls, are turned, and those of
/// one that moves faster are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairNetwork {
    edges: Mlp,
    contacts: Mlp,
    interaction: Interaction,
    layers: usize,
    pair: Mlp,
    wall: Mlp,
}

/// What [`PairNetwork::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct PairTape<T: Real> {
    edges: MlpTape<T>,
    contacts: MlpTape<T>,
    encoded: DMatrix<T>,
    layers: Vec<InteractionTape<T>>,
    last: Columns<T>,
    pair: MlpTape<T>,
    forces: DMatrix<T>,
    joined: DMatrix<T>,
    wall: MlpTape<T>,
    pushes: DMatrix<T>,
    sums: Vec<T>,
    reverse: Vec<usize>,
}

/// Size of the first forces: near zero, so that training starts from free fall.
const FIRST: f64 = 0.1;

/// What is added to the sum of the weights of a point.
const ALONE: f64 = 0.1;

impl PairNetwork {
    /// Of a shape.
    pub const fn new(config: &Config) -> Self {
        let width = config.width;
        Self {
            edges: Mlp::new(Sight::<f64>::edge_rows(config), width, width, true),
            contacts: Mlp::new(WALL_ROWS, width, width, true),
            interaction: Interaction::new(width),
            layers: config.layers,
            pair: Mlp::new(width, width, 2, false),
            wall: Mlp::new(2 * width, width, 2, false),
        }
    }

    /// Where the weights of each part end: edges, contacts, layers, pairs, walls.
    const fn ends(&self) -> [usize; 5] {
        let edges = self.edges.size();
        let contacts = edges + self.contacts.size();
        let layers = contacts + self.layers * self.interaction.size();
        let pair = layers + self.pair.size();
        [edges, contacts, layers, pair, pair + self.wall.size()]
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.ends()[4]
    }

    fn layer(&self, layer: usize) -> std::ops::Range<usize> {
        let start = self.ends()[1] + layer * self.interaction.size();
        start..start + self.interaction.size()
    }

    /// First weights, from a seed.
    pub fn start(&self, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, &[0x7061]);
        let mut weights = vec![0.0; self.size()];
        let [edges, contacts, layers, pair, _] = self.ends();
        self.edges.start(1.0, &mut random, &mut weights[..edges]);
        (self.contacts).start(1.0, &mut random, &mut weights[edges..contacts]);
        for layer in 0..self.layers {
            let range = self.layer(layer);
            self.interaction.start(&mut random, &mut weights[range]);
        }
        (self.pair).start(FIRST, &mut random, &mut weights[layers..pair]);
        self.wall.start(FIRST, &mut random, &mut weights[pair..]);
        weights
    }

    /// Accelerations over their scale, a column a point.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        sight: &Sight<T>,
    ) -> (DMatrix<T>, PairTape<T>) {
        let [first, second, third, fourth, _] = self.ends();
        let (mut e, edges) = self.edges.apply(&weights[..first], &sight.edges);
        let (encoded, contacts) = self.contacts.apply(&weights[first..second], &sight.walls);
        let width = encoded.nrows();
        let mut h = DMatrix::zeros(width, graph.points);
        for (c, &(i, _)) in sight.contacts.iter().enumerate() {
            h.column_mut(i)
                .axpy(sight.gates[c], &encoded.column(c), T::one());
        }
        let mut layers = Vec::with_capacity(self.layers);
        for layer in 0..self.layers {
            let weights = &weights[self.layer(layer)];
            let (next_h, next_e, tape) =
                (self.interaction).apply(weights, graph, &h, &e, &sight.weights);
            (h, e) = (next_h, next_e);
            layers.push(tape);
        }
        let (forces, pair) = self.pair.apply(&weights[third..fourth], &e);
        let mut joined = DMatrix::zeros(2 * width, sight.contacts.len());
        for (c, &(i, _)) in sight.contacts.iter().enumerate() {
            joined.view_mut((0, c), (width, 1)).copy_from(&h.column(i));
            joined
                .view_mut((width, c), (width, 1))
                .copy_from(&encoded.column(c));
        }
        let (pushes, wall) = self.wall.apply(&weights[fourth..], &joined);
        let mut sums = vec![T::of(ALONE); graph.points];
        for (edge, (i, _)) in graph.iter().enumerate() {
            sums[i] += sight.weights[edge];
        }
        let tape = PairTape {
            edges,
            contacts,
            encoded,
            layers,
            last: Columns::All(e),
            pair,
            forces,
            joined,
            wall,
            pushes,
            sums,
            reverse: graph.reverse(),
        };
        let mut a = DMatrix::zeros(3, graph.points);
        for (edge, (i, j)) in graph.iter().enumerate() {
            let share = sight.weights[edge] / (tape.sums[i] * tape.sums[j]).sqrt();
            let [f, g] = tape.both(edge);
            for axis in 0..3 {
                let force = f * sight.directions[(axis, edge)] + g * sight.slips[(axis, edge)];
                a[(axis, i)] += share * force;
            }
        }
        for (c, &(i, _)) in sight.contacts.iter().enumerate() {
            let (gate, [p, q]) = (sight.gates[c], tape.push(c));
            for axis in 0..3 {
                a[(axis, i)] += gate * (p * sight.normals[(axis, c)]);
                a[(axis, i)] += gate * q * sight.slides[(axis, c)];
            }
        }
        (a, tape)
    }

    /// Adds cotangents of what is seen and of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        sight: &Sight<T>,
        tape: &PairTape<T>,
        a_bar: &DMatrix<T>,
        bar: &mut Sight<T>,
        weights_bar: &mut [T],
    ) {
        let [first, second, third, fourth, _] = self.ends();
        let width = tape.encoded.nrows();
        let half = T::of(0.5);
        let mut forces_bar = DMatrix::zeros(2, graph.edges());
        let mut sums_bar = vec![T::zero(); graph.points];
        for (edge, (i, j)) in graph.iter().enumerate() {
            let root = T::one() / (tape.sums[i] * tape.sums[j]).sqrt();
            let share = sight.weights[edge] * root;
            let [f, g] = tape.both(edge);
            let (mut f_bar, mut g_bar) = (T::zero(), T::zero());
            for axis in 0..3 {
                let a_bar = a_bar[(axis, i)];
                f_bar += sight.directions[(axis, edge)] * a_bar;
                g_bar += sight.slips[(axis, edge)] * a_bar;
                bar.directions[(axis, edge)] += share * f * a_bar;
                bar.slips[(axis, edge)] += share * g * a_bar;
            }
            let share_bar = f * f_bar + g * g_bar;
            bar.weights[edge] += share_bar * root;
            // The slope of 1 / sqrt(s_i s_j) in s_i is -1 / (2 s_i) of it.
            sums_bar[i] -= half * share_bar * share / tape.sums[i];
            sums_bar[j] -= half * share_bar * share / tape.sums[j];
            for edge in [edge, tape.reverse[edge]] {
                forces_bar[(0, edge)] += share * f_bar;
                forces_bar[(1, edge)] += share * g_bar;
            }
        }
        for (edge, (i, _)) in graph.iter().enumerate() {
            bar.weights[edge] += sums_bar[i];
        }
        let mut pushes_bar = DMatrix::zeros(2, sight.contacts.len());
        for (c, &(i, _)) in sight.contacts.iter().enumerate() {
            let (gate, [p, q]) = (sight.gates[c], tape.push(c));
            let (mut p_bar, mut q_bar) = (T::zero(), T::zero());
            for axis in 0..3 {
                p_bar += sight.normals[(axis, c)] * a_bar[(axis, i)];
                q_bar += sight.slides[(axis, c)] * a_bar[(axis, i)];
                bar.normals[(axis, c)] += gate * p * a_bar[(axis, i)];
                bar.slides[(axis, c)] += gate * q * a_bar[(axis, i)];
            }
            bar.gates[c] += p * p_bar + q * q_bar;
            pushes_bar[(0, c)] = gate * p_bar;
            pushes_bar[(1, c)] = gate * q_bar;
        }
        let joined_bar = self.wall.apply_vjp(
            &weights[fourth..],
            &tape.joined,
            &tape.wall,
            pushes_bar,
            &mut weights_bar[fourth..],
        );
        let mut h_bar = DMatrix::zeros(width, graph.points);
        let mut encoded_bar = joined_bar.rows(width, width).into_owned();
        for (c, &(i, _)) in sight.contacts.iter().enumerate() {
            let part = joined_bar.view((0, c), (width, 1)).into_owned();
            h_bar
                .column_mut(i)
                .axpy(T::one(), &part.column(0), T::one());
        }
        let mut e_bar = self.pair.apply_vjp(
            &weights[third..fourth],
            &tape.last,
            &tape.pair,
            forces_bar,
            &mut weights_bar[third..fourth],
        );
        for (layer, tape) in tape.layers.iter().enumerate().rev() {
            let range = self.layer(layer);
            let bars = self.interaction.apply_vjp(
                &weights[range.clone()],
                graph,
                &sight.weights,
                tape,
                h_bar,
                e_bar,
                &mut weights_bar[range],
            );
            (h_bar, e_bar) = (bars.h, bars.e);
            for (sum, w) in bar.weights.iter_mut().zip(bars.w) {
                *sum += w;
            }
        }
        for (c, &(i, _)) in sight.contacts.iter().enumerate() {
            bar.gates[c] += tape.encoded.column(c).dot(&h_bar.column(i));
            let gate = sight.gates[c];
            encoded_bar
                .column_mut(c)
                .axpy(gate, &h_bar.column(i), T::one());
        }
        bar.walls += self.contacts.apply_vjp(
            &weights[first..second],
            &sight.walls,
            &tape.contacts,
            encoded_bar,
            &mut weights_bar[first..second],
        );
        bar.edges += self.edges.apply_vjp(
            &weights[..first],
            &sight.edges,
            &tape.edges,
            e_bar,
            &mut weights_bar[..first],
        );
    }
}

impl<T: Real> PairTape<T> {
    /// Keeps some of what the layers over edges read, see [`InteractionTape::draw`]; `w` are the weights of edges.
    pub fn draw(&mut self, graph: &Graph, w: &[T], share: f64, random: &mut Random) {
        let norms: Vec<f64> = w.iter().map(|w| w.to_f64()).collect();
        self.edges.draw(&norms, share, random);
        for layer in &mut self.layers {
            layer.draw(graph, w, share, random);
        }
        self.last.draw(&norms, share, random);
        self.pair.draw(&norms, share, random);
    }

    /// Forces along an edge and against its slip, of both of its directions.
    fn both(&self, edge: usize) -> [T; 2] {
        let reverse = self.reverse[edge];
        [0, 1].map(|row| self.forces[(row, edge)] + self.forces[(row, reverse)])
    }

    /// What is touched does at a contact: along its normal, and along the slide.
    fn push(&self, contact: usize) -> [T; 2] {
        [0, 1].map(|row| self.pushes[(row, contact)])
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Rotation3, Vector3};

    use super::*;
    use crate::{
        model::{Kind, Room, Window},
        testing::{pair_operator, room, window},
    };

    /// Accelerations, over their scale, far from all walls.
    fn accelerations(window: &Window<f64>) -> DMatrix<f64> {
        let operator = pair_operator::<f64>();
        let Config { kind, .. } = operator.config;
        assert_eq!(kind, Kind::Pairs);
        let room = Room::plain([[-50.0; 3], [50.0; 3]], [0.0; 3]);
        let (stepped, _) = operator.step(&room, window).unwrap();
        let (now, old) = (window.before(0), window.before(1));
        stepped.free - now * 2.0 + old
    }

    #[test]
    fn nothing_depends_on_the_frame_of_the_observer() {
        let start = window();
        let a = accelerations(&start);
        assert!(a.abs().max() > 1e-3);
        let turn = Rotation3::from_scaled_axis(Vector3::new(0.4, -1.1, 0.7));
        let turned = |x: &DMatrix<f64>, step: f64| {
            let mut y = x.clone();
            for mut column in y.column_iter_mut() {
                let x = Vector3::new(column[0], column[1], column[2]);
                // Somewhere else, and moving.
                let x =
                    turn * x + Vector3::new(1.0, 2.0, 3.0) + Vector3::new(0.3, -0.2, 0.1) * step;
                column.copy_from(&x);
            }
            y
        };
        let other = Window {
            rest: turned(&start.rest, 0.0),
            x: (0..start.x.len())
                .map(|step| turned(&start.x[step], step as f64))
                .collect(),
        };
        let b = accelerations(&other);
        for (a, b) in a.column_iter().zip(b.column_iter()) {
            let expected = turn * Vector3::new(a[0], a[1], a[2]);
            for axis in 0..3 {
                // Rounding of positions of metres.
                assert!((expected[axis] - b[axis]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn forces_within_matter_change_no_momentum_whatever_the_weights() {
        let sum = accelerations(&window()).column_sum();
        // Rounding.
        assert!(sum.abs().max() < 1e-14, "{sum}");
        // In the room the walls act, on all that they touch.
        let operator = pair_operator::<f64>();
        let window = window();
        let (stepped, _) = operator.step(&room(), &window).unwrap();
        let inside = stepped.free - window.before(0) * 2.0 + window.before(1);
        assert!(inside.column_sum().abs().max() > 1e-3);
    }
}
