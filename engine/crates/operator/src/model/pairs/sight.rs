//! What a network of pairs sees of a window: nothing that depends on the frame of the observer.

use backflow_diff::Real;
use backflow_sim::collider::Probe;
use nalgebra::{DMatrix, Vector3};

use super::surface::{Surface, Surfaces};
use crate::{
    graph::Graph,
    model::{Config, Room, Scales, Spacing, Window, features::gate},
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
    /// Which points are near which surfaces: walls and obstacles.
    pub contacts: Vec<(usize, Surface)>,
    /// Of a contact: `g = (1 - d)^2` of the distance to the surface now, and where the velocity leads, the
    /// velocity away from the surface and that along it, and gravity's component into it (1).
    pub walls: DMatrix<T>,
    /// Weights of contacts: `g + g' - g g'`.
    pub gates: Vec<T>,
    /// Normals of the surfaces, away from them, where the points are.
    pub normals: DMatrix<T>,
    /// Velocities along the surfaces.
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

/// A contact: distances now and then, their gates with their slopes, the normal, velocities along it and along the surface.
struct Contact<T: Real> {
    distances: [T; 2],
    now: (T, T),
    then: (T, T),
    normal: Vector3<T>,
    velocity: Vector3<T>,
    speed: T,
    slide: Vector3<T>,
}

/// Where a point is, and where its velocity leads (m).
fn places<T: Real>(window: &Window<T>, i: usize) -> [Vector3<T>; 2] {
    let [new, old] = [0, 1].map(|step| {
        let x = window.before(step);
        Vector3::new(x[(0, i)], x[(1, i)], x[(2, i)])
    });
    [new, new + new - old]
}

impl<T: Real> Contact<T> {
    fn of(
        surfaces: &Surfaces<'_, T>,
        window: &Window<T>,
        (i, surface): (usize, Surface),
        inverse: T,
        rate: T,
    ) -> Self {
        let [now, then] = places(window, i);
        let Probe { distance, normal } = surfaces.probe(surface, &now);
        let then = surfaces.probe(surface, &then).distance;
        let distances = [distance * inverse, then * inverse];
        let velocity = Vector3::from(velocity(window, 0, i, rate));
        let speed = velocity.dot(&normal);
        Self {
            distances,
            now: gate(distances[0]),
            then: gate(distances[1]),
            normal,
            velocity,
            speed,
            slide: velocity - normal * speed,
        }
    }

    fn along(&self) -> T {
        (self.slide.norm_squared() + T::of(SLOW)).sqrt()
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
        let surfaces = Surfaces::of(room);
        let (mut contacts, mut rows, mut gates) = (Vec::new(), Vec::new(), Vec::new());
        let (mut normals, mut slides) = (Vec::new(), Vec::new());
        for i in 0..window.samples() {
            for surface in surfaces.iter() {
                let at = (i, surface);
                let contact = Contact::of(&surfaces, window, at, inverse, rate);
                let (now, then) = (contact.now.0, contact.then.0);
                if now > T::zero() || then > T::zero() {
                    contacts.push(at);
                    gates.push(now + then - now * then);
                    let into = surfaces.downward(&contact.normal);
                    rows.extend([now, then, contact.speed, contact.along(), into]);
                    normals.extend(contact.normal.iter());
                    slides.extend(contact.slide.iter());
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
            normals: DMatrix::from_vec(3, count, normals),
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
            normals: zero(&self.normals),
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
        let surfaces = Surfaces::of(room);
        for (number, &at) in bar.contacts.iter().enumerate() {
            let (i, surface) = at;
            let contact = Contact::of(&surfaces, window, at, inverse, rate);
            let (one, gate_bar) = (T::one(), bar.gates[number]);
            let row = |row: usize| bar.walls[(row, number)];
            let column =
                |x: &DMatrix<T>| Vector3::new(x[(0, number)], x[(1, number)], x[(2, number)]);
            // slide = v - n (n . v), speed = n . v
            let along = row(3) / contact.along();
            let slide_bar = contact.slide * along + column(&bar.slides);
            let speed_bar = row(2) - slide_bar.dot(&contact.normal);
            let v_bar = slide_bar + contact.normal * speed_bar;
            velocity_vjp(window_bar, 0, i, rate, &v_bar.into());
            let mut n_bar = column(&bar.normals) + surfaces.downward_vjp(row(4));
            n_bar += contact.velocity * speed_bar - slide_bar * contact.speed;
            let now_bar = row(0) + gate_bar * (one - contact.then.0);
            let then_bar = row(1) + gate_bar * (one - contact.now.0);
            let (now_bar, then_bar) = (now_bar * contact.now.1, then_bar * contact.then.1);
            let [d, later] = contact.distances;
            log_bar -= now_bar * d + then_bar * later;
            let [now, then] = places(window, i);
            let now = surfaces.probe_vjp(surface, &now, now_bar * inverse, &n_bar);
            let zero = Vector3::zeros();
            let then = surfaces.probe_vjp(surface, &then, then_bar * inverse, &zero);
            for axis in 0..3 {
                window_bar.x[last][(axis, i)] += now[axis] + then[axis] + then[axis];
                window_bar.x[last - 1][(axis, i)] -= then[axis];
            }
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
        testing::{check_at, flat, obstructed, room, window, windowed},
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
        let start = window();
        let graph = Graph::new(start.newest(), config.reach).unwrap();
        let all = |sight: &Sight<Dual64>| {
            let mut all = sight.edges.as_slice().to_vec();
            all.extend(&sight.weights);
            all.extend(sight.directions.iter().chain(sight.slips.iter()));
            all.extend(sight.walls.iter());
            all.extend(&sight.gates);
            all.extend(sight.normals.iter().chain(sight.slides.iter()));
            all
        };
        for room in [room(), obstructed()] {
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
                    let touched = |of: fn(&Surface) -> bool| {
                        bars.contacts.iter().filter(|at| of(&at.1)).count()
                    };
                    assert!(touched(|of| matches!(of, Surface::Wall { .. })) > 10);
                    let obstacles = touched(|of| matches!(of, Surface::Obstacle(_)));
                    assert!(obstacles >= 4 * room.obstacles.len(), "{obstacles}");
                    let mut rest = bar.iter().copied();
                    let parts = bars.edges.iter_mut().chain(&mut bars.weights);
                    let parts = parts.chain(bars.directions.iter_mut());
                    let parts = parts.chain(bars.slips.iter_mut());
                    let parts = parts.chain(bars.walls.iter_mut()).chain(&mut bars.gates);
                    let parts = parts.chain(bars.normals.iter_mut());
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
}
