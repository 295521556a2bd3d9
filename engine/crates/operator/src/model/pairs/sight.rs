//! What a network of pairs sees of a window: nothing that depends on the frame of the observer.

use backflow_diff::Real;
use nalgebra::DMatrix;

use crate::{
    graph::Graph,
    model::{
        Config, Room, Scales, Spacing, Window,
        features::{distance, gate},
    },
};

/// What a network of pairs sees. `v` are velocities over their scale, lengths are over the reach R times the
/// [`Spacing`] s.
#[derive(Debug, Clone)]
pub struct Sight<T: Real> {
    /// Of an edge from j to i: its length r, that at rest l as `l / (1 + l)`, `(r - l) / (r + l)`, and for each
    /// velocity that is seen `(v_j - v_i) . n / s` and `|v_j - v_i| / s`, with n its direction; where lengths are in
    /// spacings `log s` besides.
    pub edges: DMatrix<T>,
    /// Weights of edges: `(1 - r^2)^2`.
    pub weights: Vec<T>,
    /// Directions n of edges, from i to j.
    pub directions: DMatrix<T>,
    /// `(v_j - v_i) / s` of the newest velocity.
    pub slips: DMatrix<T>,
    /// Which points are near which walls, `(point, axis, side)`.
    pub contacts: Vec<(usize, usize, usize)>,
    /// Of a contact: `g = (1 - d)^2` of the distance to the wall now, and where the velocity leads, the
    /// velocity towards the room and that along the wall, and gravity's component into the wall (1).
    pub walls: DMatrix<T>,
    /// Weights of contacts: `g + g' - g g'`.
    pub gates: Vec<T>,
    /// Velocities along the wall.
    pub slides: DMatrix<T>,
}

/// Rows of [`Sight::walls`].
pub(super) const WALL_ROWS: usize = 5;

/// Square of what keeps lengths of edges differentiable (1): far below any distance.
const TINY: f64 = 1e-12;

/// The same of speeds, which do vanish (1).
const SLOW: f64 = 1e-4;

fn dot<T: Real>(a: &[T; 3], b: &[T; 3]) -> T {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Velocity of a point `step` steps ago, over its scale.
fn velocity<T: Real>(window: &Window<T>, step: usize, i: usize, rate: T) -> [T; 3] {
    let (new, old) = (window.before(step), window.before(step + 1));
    [0, 1, 2].map(|axis| (new[(axis, i)] - old[(axis, i)]) * rate)
}

/// Adds the cotangent of [`velocity`] with a sign.
fn velocity_vjp<T: Real>(bar: &mut Window<T>, step: usize, i: usize, rate: T, v_bar: &[T; 3]) {
    let last = bar.x.len() - 1 - step;
    for axis in 0..3 {
        let add = v_bar[axis] * rate;
        bar.x[last][(axis, i)] += add;
        bar.x[last - 1][(axis, i)] -= add;
    }
}

fn between<T: Real>(x: &DMatrix<T>, i: usize, j: usize, scale: T) -> [T; 3] {
    [0, 1, 2].map(|axis| (x[(axis, j)] - x[(axis, i)]) * scale)
}

fn minus<T: Real>(a: [T; 3], b: [T; 3]) -> [T; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// Component of gravity into a wall (1).
fn into(room: &Room, axis: usize, side: usize) -> f64 {
    let size = room.gravity.iter().map(|g| g * g).sum::<f64>().sqrt();
    let sign = if side == 0 { -1.0 } else { 1.0 };
    if size > 0.0 {
        sign * room.gravity[axis] / size
    } else {
        0.0
    }
}

/// A contact: distances now and then, their gates with their slopes, velocities into the room and along the wall.
struct Contact<T> {
    distances: [T; 2],
    now: (T, T),
    then: (T, T),
    sign: T,
    speed: T,
    slide: [T; 3],
}

impl<T: Real> Contact<T> {
    fn of(
        room: &Room,
        window: &Window<T>,
        (i, axis, side): (usize, usize, usize),
        inverse: T,
        rate: T,
    ) -> Self {
        let (new, old) = (window.before(0)[(axis, i)], window.before(1)[(axis, i)]);
        let (d, sign) = distance(room, axis, side, new, inverse);
        let (later, _) = distance(room, axis, side, new + new - old, inverse);
        let mut slide = velocity(window, 0, i, rate);
        let speed = slide[axis] * sign;
        slide[axis] = T::zero();
        Self {
            distances: [d, later],
            now: gate(d),
            then: gate(later),
            sign,
            speed,
            slide,
        }
    }

    fn along(&self) -> T {
        (dot(&self.slide, &self.slide) + T::of(SLOW)).sqrt()
    }
}

impl<T: Real> Sight<T> {
    /// Rows of [`Sight::edges`].
    pub const fn edge_rows(config: &Config) -> usize {
        3 + 2 * config.history + config.spacings as usize
    }

    /// What is seen of a window.
    pub fn of(
        config: &Config,
        scales: &Scales,
        room: &Room,
        graph: &Graph,
        window: &Window<T>,
        spacing: &Spacing<T>,
    ) -> Self {
        let shrink = T::one() / spacing.ratio;
        let inverse = shrink * T::of(1.0 / config.reach.radius);
        let rate = T::of(1.0 / (scales.frame * scales.velocity));
        let count = graph.edges();
        let mut edges = DMatrix::zeros(Self::edge_rows(config), count);
        let (mut directions, mut slips) = (DMatrix::zeros(3, count), DMatrix::zeros(3, count));
        let mut weights = Vec::with_capacity(count);
        for (edge, (i, j)) in graph.iter().enumerate() {
            let d = between(window.newest(), i, j, inverse);
            let r = (dot(&d, &d) + T::of(TINY)).sqrt();
            let n = d.map(|d| d / r);
            let rest = between(&window.rest, i, j, inverse);
            let l = (dot(&rest, &rest) + T::of(TINY)).sqrt();
            edges[(0, edge)] = r;
            edges[(1, edge)] = l / (T::one() + l);
            edges[(2, edge)] = (r - l) / (r + l);
            weights.push(gate(r * r).0);
            for step in 0..config.history {
                let [a, b] = [i, j].map(|at| velocity(window, step, at, rate));
                let slip = minus(b, a).map(|slip| slip * shrink);
                edges[(3 + 2 * step, edge)] = dot(&slip, &n);
                edges[(4 + 2 * step, edge)] = (dot(&slip, &slip) + T::of(SLOW)).sqrt();
                if step == 0 {
                    (0..3).for_each(|axis| slips[(axis, edge)] = slip[axis]);
                }
            }
            (0..3).for_each(|axis| directions[(axis, edge)] = n[axis]);
            if config.spacings {
                edges[(3 + 2 * config.history, edge)] = spacing.ratio.ln();
            }
        }
        let (mut contacts, mut rows, mut gates, mut slides) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for i in 0..window.samples() {
            for axis in 0..3 {
                for side in 0..2 {
                    let at = (i, axis, side);
                    let contact = Contact::of(room, window, at, inverse, rate);
                    let (now, then) = (contact.now.0, contact.then.0);
                    if now > T::zero() || then > T::zero() {
                        contacts.push(at);
                        gates.push(now + then - now * then);
                        let into = T::of(into(room, axis, side));
                        rows.extend([now, then, contact.speed, contact.along(), into]);
                        slides.extend(contact.slide);
                    }
                }
            }
        }
        let count = contacts.len();
        Self {
            edges,
            weights,
            directions,
            slips,
            contacts,
            walls: DMatrix::from_vec(WALL_ROWS, count, rows),
            gates,
            slides: DMatrix::from_vec(3, count, slides),
        }
    }

    /// Zero cotangents.
    #[must_use]
    pub fn zeros(&self) -> Self {
        let zero = |x: &DMatrix<T>| DMatrix::zeros(x.nrows(), x.ncols());
        Self {
            edges: zero(&self.edges),
            weights: vec![T::zero(); self.weights.len()],
            directions: zero(&self.directions),
            slips: zero(&self.slips),
            contacts: self.contacts.clone(),
            walls: zero(&self.walls),
            gates: vec![T::zero(); self.gates.len()],
            slides: zero(&self.slides),
        }
    }

    /// Adds the cotangents of the window, but for what follows from the spacing, whose cotangent it returns. Edges and contacts are held: they come and go where their
    /// weights and the slopes of these are zero, except for edges that the cap exchanges.
    pub fn of_vjp(
        config: &Config,
        scales: &Scales,
        room: &Room,
        graph: &Graph,
        window: &Window<T>,
        spacing: &Spacing<T>,
        bar: &Self,
        window_bar: &mut Window<T>,
    ) -> T {
        let shrink = T::one() / spacing.ratio;
        let inverse = shrink * T::of(1.0 / config.reach.radius);
        // That of log s, of which all that is over s is -1 times itself.
        let mut log_bar = T::zero();
        let rate = T::of(1.0 / (scales.frame * scales.velocity));
        let last = window_bar.x.len() - 1;
        let two = T::of(2.0);
        for (edge, (i, j)) in graph.iter().enumerate() {
            let d = between(window.newest(), i, j, inverse);
            let r = (dot(&d, &d) + T::of(TINY)).sqrt();
            let n = d.map(|d| d / r);
            let rest = between(&window.rest, i, j, inverse);
            let l = (dot(&rest, &rest) + T::of(TINY)).sqrt();
            let row = |row: usize| bar.edges[(row, edge)];
            let sum = (r + l) * (r + l);
            // (r - l) / (r + l): 2 l / (r + l)^2 in r, -2 r / (r + l)^2 in l
            let mut r_bar = row(0) + row(2) * two * l / sum;
            r_bar += bar.weights[edge] * gate(r * r).1 * two * r;
            let flat = T::one() / (T::one() + l);
            let l_bar = row(1) * flat * flat - row(2) * two * r / sum;
            let mut n_bar = [0, 1, 2].map(|axis| bar.directions[(axis, edge)]);
            for step in 0..config.history {
                let [a, b] = [i, j].map(|at| velocity(window, step, at, rate));
                let slip = minus(b, a).map(|slip| slip * shrink);
                let (radial, size) = (row(3 + 2 * step), row(4 + 2 * step));
                let size = size / (dot(&slip, &slip) + T::of(SLOW)).sqrt();
                let mut slip_bar = [0, 1, 2].map(|axis| radial * n[axis] + size * slip[axis]);
                (0..3).for_each(|axis| n_bar[axis] += radial * slip[axis]);
                if step == 0 {
                    (0..3).for_each(|axis| slip_bar[axis] += bar.slips[(axis, edge)]);
                }
                log_bar -= dot(&slip_bar, &slip);
                let v_bar = slip_bar.map(|bar| bar * shrink);
                velocity_vjp(window_bar, step, j, rate, &v_bar);
                velocity_vjp(window_bar, step, i, rate, &v_bar.map(|bar| -bar));
            }
            // n = d / r
            r_bar -= dot(&n_bar, &n) / r;
            for axis in 0..3 {
                let d_bar = n_bar[axis] / r + r_bar * n[axis];
                let rest_bar = l_bar * rest[axis] / l;
                log_bar -= d_bar * d[axis] + rest_bar * rest[axis];
                let (d_bar, rest_bar) = (d_bar * inverse, rest_bar * inverse);
                window_bar.x[last][(axis, j)] += d_bar;
                window_bar.x[last][(axis, i)] -= d_bar;
                window_bar.rest[(axis, j)] += rest_bar;
                window_bar.rest[(axis, i)] -= rest_bar;
            }
            if config.spacings {
                log_bar += row(3 + 2 * config.history);
            }
        }
        for (number, &at) in bar.contacts.iter().enumerate() {
            let (i, axis, _) = at;
            let contact = Contact::of(room, window, at, inverse, rate);
            let row = |row: usize| bar.walls[(row, number)];
            let (one, gate_bar) = (T::one(), bar.gates[number]);
            let now_bar = row(0) + gate_bar * (one - contact.then.0);
            let then_bar = row(1) + gate_bar * (one - contact.now.0);
            let (now_bar, then_bar) = (now_bar * contact.now.1, then_bar * contact.then.1);
            let [d, later] = contact.distances;
            log_bar -= now_bar * d + then_bar * later;
            let now = now_bar * contact.sign * inverse;
            let then = then_bar * contact.sign * inverse;
            window_bar.x[last][(axis, i)] += now + then + then;
            window_bar.x[last - 1][(axis, i)] -= then;
            let along = row(3) / contact.along();
            let mut v_bar = [0, 1, 2].map(|k| along * contact.slide[k] + bar.slides[(k, number)]);
            v_bar[axis] = row(2) * contact.sign;
            velocity_vjp(window_bar, 0, i, rate, &v_bar);
        }
        log_bar * shrink
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        graph::Reach,
        testing::{check_at, flat, room, window, windowed},
    };

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        for spacings in [false, true] {
            adjoint(spacings);
        }
    }

    fn adjoint(spacings: bool) {
        let config = Config {
            spacings,
            history: 2,
            reach: Reach {
                radius: 0.45,
                cap: 6,
            },
            ..Config::default()
        };
        let scales = Scales {
            frame: 0.1,
            velocity: 0.5,
            acceleration: 1.0,
            spacing: Some(0.2),
        };
        let room = room();
        let start = window();
        let graph = Graph::new(start.newest(), config.reach).unwrap();
        let all = |sight: &Sight<Dual64>| {
            let mut all = sight.edges.as_slice().to_vec();
            all.extend(&sight.weights);
            all.extend(sight.directions.iter().chain(sight.slips.iter()));
            all.extend(sight.walls.iter());
            all.extend(&sight.gates);
            all.extend(sight.slides.iter());
            all
        };
        check_at(
            &flat(&start),
            |x| {
                let window = windowed(x);
                let spacing = Spacing::of(&config, &scales, &window).unwrap();
                all(&Sight::of(
                    &config, &scales, &room, &graph, &window, &spacing,
                ))
            },
            |x, bar| {
                let window = windowed(x);
                let spacing = Spacing::of(&config, &scales, &window).unwrap();
                let mut bars = Sight::of(&config, &scales, &room, &graph, &window, &spacing);
                assert!(bars.contacts.len() > 10);
                let mut rest = bar.iter().copied();
                let parts = bars.edges.iter_mut().chain(&mut bars.weights);
                let parts = parts.chain(bars.directions.iter_mut());
                let parts = parts.chain(bars.slips.iter_mut());
                let parts = parts.chain(bars.walls.iter_mut()).chain(&mut bars.gates);
                let parts = parts.chain(bars.slides.iter_mut());
                parts.for_each(|part| *part = rest.next().unwrap());
                let mut all = window.zeros();
                let ratio_bar = Sight::of_vjp(
                    &config, &scales, &room, &graph, &window, &spacing, &bars, &mut all,
                );
                spacing.of_vjp(ratio_bar, &window, &mut all);
                flat(&all)
            },
        );
    }
}
