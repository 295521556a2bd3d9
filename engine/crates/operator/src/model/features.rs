//! What a network sees of a window.

use backflow_diff::Real;
use nalgebra::DMatrix;

use super::{Config, Kind, Room, Scales, Window};
use crate::{
    graph::Graph,
    layer::{Nodes, Stencils},
};

/// What a network sees.
///
/// Of a point: its last velocities over their scale, and for each of the six walls
/// `gate(d) = (1 - d / R)^2` where the distance d is below the reach R of the graph, else 0: now and,
/// second, where its velocity would bring it; obstacles are not seen. Of an edge from j to i: `(x_j - x_i) / R` and its length,
/// and if the network knows of rest the same of rest with lengths `l` brought to `l / (l + R)`. The
/// weight of an edge is `(1 - r^2 / R^2)^2`, 0 at the reach.
#[derive(Debug, Clone)]
pub struct Features<T: Real> {
    /// Of points, a column each.
    pub points: DMatrix<T>,
    /// Of edges, a column each.
    pub edges: DMatrix<T>,
    /// Weights of edges.
    pub weights: Vec<T>,
    /// How near each point is to any wall: 0 where it feels none, 1 at a wall.
    pub touch: Vec<T>,
    /// Nodes of the latent grid about each point, if the network has one that is convolved.
    pub latent: Option<Stencils<T>>,
    /// Nodes of the latent grid near to points, if the network has one whose nodes attend to each other.
    pub nodes: Option<Nodes<T>>,
}

/// Cotangents of [`Features`]: the same type.
pub type FeaturesBar<T> = Features<T>;

/// Rows of gates: six walls, twice.
const GATES: usize = 12;

/// Square of what keeps the length of an edge differentiable (1): far below any distance.
const TINY: f64 = 1e-12;

/// `(1 - d)^2` for d in (0, 1), 1 below and 0 above, and its derivative. At 0 and below the derivative
/// is that from below, 0.
pub(super) fn gate<T: Real>(d: T) -> (T, T) {
    let (zero, one) = (T::zero(), T::one());
    if d <= zero {
        (one, zero)
    } else if d >= one {
        (zero, zero)
    } else {
        ((one - d) * (one - d), T::of(-2.0) * (one - d))
    }
}

/// Distance over reach to wall `side` of `axis`, and how it grows with the position: 1 or -1.
fn distance<T: Real>(room: &Room, axis: usize, side: usize, x: T, inverse: T) -> (T, T) {
    let wall = T::of(room.bounds[side][axis]);
    let sign = if side == 0 { T::one() } else { -T::one() };
    ((x - wall) * sign * inverse, sign)
}

/// Edge of the cells of a latent grid that is convolved (m).
fn stencils(config: &Config) -> Option<f64> {
    config.latent.filter(|_| config.kind != Kind::Giorom)
}

/// The same of one whose nodes attend to each other.
fn nodes(config: &Config) -> Option<f64> {
    config.latent.filter(|_| config.kind == Kind::Giorom)
}

fn length<T: Real>(d: &[T; 3]) -> T {
    (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + T::of(TINY)).sqrt()
}

/// The difference of two columns, over `scale`.
fn difference<T: Real>(x: &DMatrix<T>, j: usize, i: usize, scale: T) -> [T; 3] {
    [0, 1, 2].map(|axis| (x[(axis, j)] - x[(axis, i)]) * scale)
}

impl<T: Real> Features<T> {
    /// Rows of [`Features::points`].
    pub const fn point_rows(config: &Config) -> usize {
        3 * config.history + GATES
    }

    /// Rows of [`Features::edges`].
    pub const fn edge_rows(config: &Config) -> usize {
        if config.rest { 8 } else { 4 }
    }

    /// The features of a window.
    pub fn of(
        config: &Config,
        scales: &Scales,
        room: &Room,
        graph: &Graph,
        window: &Window<T>,
    ) -> Self {
        let count = window.samples();
        let mut points = DMatrix::zeros(Self::point_rows(config), count);
        let rate = T::of(1.0 / (scales.frame * scales.velocity));
        let inverse = T::of(1.0 / config.reach.radius);
        let mut touch = vec![T::zero(); count];
        for (i, mut column) in points.column_iter_mut().enumerate() {
            for step in 0..config.history {
                for axis in 0..3 {
                    let (new, old) = (window.before(step), window.before(step + 1));
                    column[3 * step + axis] = (new[(axis, i)] - old[(axis, i)]) * rate;
                }
            }
            let mut free = T::one();
            for axis in 0..3 {
                let (new, old) = (window.before(0)[(axis, i)], window.before(1)[(axis, i)]);
                for side in 0..2 {
                    let row = 3 * config.history + 2 * axis + side;
                    for (row, x) in [(row, new), (row + 6, new + new - old)] {
                        let (g, _) = gate(distance(room, axis, side, x, inverse).0);
                        column[row] = g;
                        free *= T::one() - g;
                    }
                }
            }
            touch[i] = T::one() - free;
        }
        let mut edges = DMatrix::zeros(Self::edge_rows(config), graph.edges());
        let mut weights = Vec::with_capacity(graph.edges());
        for (mut column, (i, j)) in edges.column_iter_mut().zip(graph.iter()) {
            let d = difference(window.newest(), j, i, inverse);
            let r = length(&d);
            for axis in 0..3 {
                column[axis] = d[axis];
            }
            column[3] = r;
            weights.push(gate(r * r).0);
            if config.rest {
                let d = difference(&window.rest, j, i, inverse);
                let l = length(&d);
                let shrink = T::one() / (l + T::one());
                for axis in 0..3 {
                    column[4 + axis] = d[axis] * shrink;
                }
                column[7] = l * shrink;
            }
        }
        Self {
            points,
            edges,
            weights,
            touch,
            latent: stencils(config).map(|edge| Stencils::new(window.newest(), edge)),
            nodes: nodes(config).map(|edge| Nodes::new(window.newest(), edge, &room.bounds)),
        }
    }

    /// Zero cotangents.
    #[must_use]
    pub fn zeros(&self) -> Self {
        Self {
            points: DMatrix::zeros(self.points.nrows(), self.points.ncols()),
            edges: DMatrix::zeros(self.edges.nrows(), self.edges.ncols()),
            weights: vec![T::zero(); self.weights.len()],
            touch: vec![T::zero(); self.touch.len()],
            latent: self.latent.as_ref().map(Stencils::zeros),
            nodes: self.nodes.as_ref().map(Nodes::zeros),
        }
    }

    /// Adds the cotangents of the window from those of its features. The graph is held: where an edge
    /// comes or goes at the reach its weight and the slope of its weight are zero; where the cap
    /// chooses another neighbour the features jump.
    pub fn of_vjp(
        config: &Config,
        scales: &Scales,
        room: &Room,
        graph: &Graph,
        window: &Window<T>,
        bar: &FeaturesBar<T>,
        window_bar: &mut Window<T>,
    ) {
        let rate = T::of(1.0 / (scales.frame * scales.velocity));
        let inverse = T::of(1.0 / config.reach.radius);
        let last = window_bar.x.len() - 1;
        for (i, column) in bar.points.column_iter().enumerate() {
            for step in 0..config.history {
                for axis in 0..3 {
                    let bar = column[3 * step + axis] * rate;
                    window_bar.x[last - step][(axis, i)] += bar;
                    window_bar.x[last - step - 1][(axis, i)] -= bar;
                }
            }
            let mut gates = [(T::zero(), T::zero(), T::zero()); GATES];
            for axis in 0..3 {
                let (new, old) = (window.before(0)[(axis, i)], window.before(1)[(axis, i)]);
                for side in 0..2 {
                    let at = 2 * axis + side;
                    for (at, x) in [(at, new), (at + 6, new + new - old)] {
                        let (d, sign) = distance(room, axis, side, x, inverse);
                        let (g, slope) = gate(d);
                        gates[at] = (g, slope * sign * inverse, T::zero());
                    }
                }
            }
            // touch = 1 - prod (1 - g): its slope in one gate is the product of the others.
            let mut product = T::one();
            for gate in &mut gates {
                gate.2 = product;
                product *= T::one() - gate.0;
            }
            product = T::one();
            for gate in gates.iter_mut().rev() {
                gate.2 *= product;
                product *= T::one() - gate.0;
            }
            for axis in 0..3 {
                for side in 0..2 {
                    let at = 2 * axis + side;
                    let row = 3 * config.history + at;
                    let x_bar = |at: usize, row: usize| {
                        let (_, slope, others) = gates[at];
                        (column[row] + bar.touch[i] * others) * slope
                    };
                    let (now, then) = (x_bar(at, row), x_bar(at + 6, row + 6));
                    window_bar.x[last][(axis, i)] += now + then + then;
                    window_bar.x[last - 1][(axis, i)] -= then;
                }
            }
        }
        if let Some(latent) = &bar.latent {
            Stencils::new_vjp(latent, &mut window_bar.x[last]);
        }
        if let (Some(bar), Some(edge)) = (&bar.nodes, nodes(config)) {
            let nodes = Nodes::new(window.newest(), edge, &room.bounds);
            nodes.new_vjp(edge, bar, &mut window_bar.x[last]);
        }
        for (edge, (i, j)) in graph.iter().enumerate() {
            let column = bar.edges.column(edge);
            let d = difference(window.newest(), j, i, inverse);
            let r = length(&d);
            let r_bar = column[3] + bar.weights[edge] * gate(r * r).1 * (r + r);
            let along = r_bar / r;
            for axis in 0..3 {
                let d_bar = (column[axis] + along * d[axis]) * inverse;
                window_bar.x[last][(axis, j)] += d_bar;
                window_bar.x[last][(axis, i)] -= d_bar;
            }
            if config.rest {
                let d = difference(&window.rest, j, i, inverse);
                let l = length(&d);
                let shrink = T::one() / (l + T::one());
                // d s and l s with s = 1 / (l + 1), s' = -s^2
                let across = (0..3).fold(T::zero(), |sum, k| sum + column[4 + k] * d[k]);
                let l_bar = (column[7] - across) * shrink * shrink;
                for axis in 0..3 {
                    let d_bar = (column[4 + axis] * shrink + l_bar / l * d[axis]) * inverse;
                    window_bar.rest[(axis, j)] += d_bar;
                    window_bar.rest[(axis, i)] -= d_bar;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;
    use crate::{
        graph::Reach,
        model::window::Window,
        testing::{check_at, matrix},
    };

    const COUNT: usize = 12;

    fn window<T: Real>(x: &[T]) -> Window<T> {
        let mut parts = x.chunks_exact(3 * COUNT).map(|x| matrix(3, x));
        let rest = parts.next().unwrap();
        Window {
            rest,
            x: parts.collect(),
        }
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        for (rest, kind) in [
            (true, Kind::Free),
            (false, Kind::Free),
            (false, Kind::Giorom),
        ] {
            let config = Config {
                kind,
                history: 2,
                rest,
                reach: Reach {
                    radius: 0.45,
                    cap: 6,
                },
                latent: (rest || kind == Kind::Giorom).then_some(0.3),
                ..Config::default()
            };
            let scales = Scales {
                frame: 0.1,
                velocity: 0.5,
                acceleration: 1.0,
                spacing: None,
            };
            let room = Room::plain([[0.0; 3], [1.0; 3]], [0.0; 3]);
            let mut random = Random::new(4, &[]);
            // Well inside and near walls alike; some would be beyond them after a step.
            let start: Vec<f64> = (0..3 * COUNT).map(|_| random.uniform()).collect();
            let mut x = start.clone();
            for _ in 0..3 {
                x.extend(start.iter().map(|x| x + 0.05 * random.normal()));
            }
            let graph = Graph::new(window(&x).newest(), config.reach).unwrap();
            assert!(graph.edges() > 20);
            let flat = |features: &Features<num_dual::Dual64>| {
                let mut all = features.points.as_slice().to_vec();
                all.extend(features.edges.iter());
                all.extend(&features.weights);
                all.extend(&features.touch);
                if let Some(latent) = &features.latent {
                    all.extend(latent.clone().weights_mut().iter());
                }
                if let Some(nodes) = &features.nodes {
                    all.extend(nodes.offsets.iter().chain(&nodes.weights));
                }
                all
            };
            check_at(
                &x,
                |x| flat(&Features::of(&config, &scales, &room, &graph, &window(x))),
                |x, bar| {
                    let window = window(x);
                    let mut bars = Features::of(&config, &scales, &room, &graph, &window);
                    let mut rest = bar.iter().copied();
                    let parts = bars.points.iter_mut().chain(bars.edges.iter_mut());
                    let parts = parts.chain(&mut bars.weights).chain(&mut bars.touch);
                    let latent = bars
                        .latent
                        .iter_mut()
                        .flat_map(|latent| latent.weights_mut());
                    let nodes = (bars.nodes.iter_mut())
                        .flat_map(|nodes| nodes.offsets.iter_mut().chain(&mut nodes.weights));
                    let parts = parts.chain(latent).chain(nodes);
                    parts.for_each(|part| *part = rest.next().unwrap());
                    let mut all = window.zeros();
                    Features::of_vjp(&config, &scales, &room, &graph, &window, &bars, &mut all);
                    let mut flat = all.rest.as_slice().to_vec();
                    flat.extend(all.x.iter().flat_map(|x| x.iter()));
                    flat
                },
            );
        }
    }
}
