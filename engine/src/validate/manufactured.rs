//! A solution that is given beforehand: the body force that it needs is derived, and the error of
//! the motion that comes of it is known everywhere.

use std::f64::consts::PI;

use backflow_sim::{
    material::{Deformation, Elasticity, NeoHookean, Solid},
    particle::Motion,
    rollout::{NonFinite, State, store::RunError},
};
use nalgebra::{Matrix3, Vector3};

use super::{Case, Curve, Outcome, Plot, Reference, Tier, bench::Bench, order};

pub const CASE: Case = Case {
    id: "S12",
    about: "manufactured solution: axis-aligned vibration of a unit square (Wallstedt & Guilkey 2008), order of its error",
    remark: "The square is surrounded by matter that is moved as the solution goes on, or held by mirrored slip walls. \
             In matter the method is of second order as long as its particles integrate the stress well enough: \
             with two of them an edge of a cell, stretched by 16 % and carried through cells, what their sum \
             lacks of an integral does not fall with the cell, and the order is lost from 16 cells on; with three \
             it is kept. (With two and an amplitude of 0.01 m the orders are 2.00 and 1.76, and 0.57 from 32 to 64 \
             cells.) Walls that stop the nodes beyond them are of first order: a linear velocity loses a part of \
             its slope in the half cell at the wall, as if the wall stood further out by a part of a cell.",
    run,
};

const YOUNG: f64 = 1e7;
const DENSITY: f64 = 1000.0;

/// Least order that is expected.
const LEAST_ORDER: f64 = 1.7;

/// Amplitude A of the displacement (m).
const AMPLITUDE: f64 = 0.05;

/// How the square is made up and held.
#[derive(Clone, Copy)]
struct Square {
    /// Particles along each edge of a cell.
    per_axis: usize,
    /// Whether matter that moves as the solution goes on is around it, rather than slip walls.
    surrounded: bool,
}

/// Cells of matter around the square: those of its particles reach a cell and a half, and so do
/// the nodes that these share with others.
const MARGIN: usize = 4;

fn elasticity() -> Elasticity<f64> {
    Elasticity::new(YOUNG, 0.3)
}

/// `sin(pi X) sin(c pi t + phi)` along one axis, its rate (1/s), and the slopes along X of both.
fn wave(x: f64, phase: f64, t: f64) -> [f64; 4] {
    let omega = PI * (YOUNG / DENSITY).sqrt();
    let (sin, cos) = (omega * t + phase).sin_cos();
    let (shape, slope) = ((PI * x).sin(), PI * (PI * x).cos());
    [
        shape * sin,
        shape * omega * cos,
        slope * sin,
        slope * omega * cos,
    ]
}

/// The solution at a place of the undeformed square: both axes half a period apart.
struct Exact {
    u: Vector3<f64>,
    v: Vector3<f64>,
    f: Vector3<f64>,
    rate: Vector3<f64>,
}

impl Exact {
    fn new(place: &Vector3<f64>, t: f64) -> Self {
        let along = |x, phase| wave(x, phase, t).map(|part| AMPLITUDE * part);
        let (x, y) = (along(place.x, 0.0), along(place.y, PI));
        Self {
            u: Vector3::new(x[0], y[0], 0.0),
            v: Vector3::new(x[1], y[1], 0.0),
            f: Vector3::new(1.0 + x[2], 1.0 + y[2], 1.0),
            rate: Vector3::new(x[3], y[3], 0.0),
        }
    }

    /// Gradient of the velocity in space (1/s): `dF/dt F^-1`.
    fn gradient(&self) -> Matrix3<f64> {
        Matrix3::from_diagonal(&self.rate.component_div(&self.f))
    }

    /// Body force per mass (m/s^2) `d^2 u / dt^2 - Div P / rho`: with
    /// `P_xx = mu (F_x - 1 / F_x) + lambda ln J / F_x`, `dF_x / dX = -pi^2 u_x` and
    /// `d^2 u / dt^2 = -(E / rho) pi^2 u`,
    /// `b_x = (pi^2 u_x / rho) (mu (1 + 1 / F_x^2) + lambda (1 - ln J) / F_x^2 - E)`.
    fn body_force(&self) -> Vector3<f64> {
        let Elasticity { mu, lambda, .. } = elasticity();
        let log = (self.f.x * self.f.y).ln();
        self.u.zip_map(&self.f, |u, f| {
            let stiffness = mu * (1.0 + 1.0 / (f * f)) + lambda * (1.0 - log) / (f * f);
            PI * PI * u / DENSITY * (stiffness - YOUNG)
        })
    }
}

/// Root of the mean square of the error of the displacement, of the amplitude, over one period.
fn errors(cells: usize, square: Square) -> Result<Vec<[f64; 2]>, NonFinite> {
    let dx = 1.0 / cells as f64;
    let margin = if square.surrounded { MARGIN } else { 0 };
    let corner = Vector3::new(1.0, 1.0, 0.0) * (margin as f64 * dx);
    let dt = 0.2 * dx / elasticity().sound_speed(DENSITY);
    let law = Solid::NeoHookean(NeoHookean {
        elasticity: elasticity(),
    });
    let side = cells + 2 * margin;
    // Velocities half a substep before positions make the time integration one of second order.
    let half = 0.5 * dt;
    let bench = Bench::new([side, side, 1], dx, dt)
        .mirrored()
        .with_particles(square.per_axis)
        .solid(law, DENSITY, |_| true)
        .moving(|x| {
            let before = Exact::new(&(x - corner), -half);
            (before.v, before.gradient())
        });
    let motions = bench.particles.solid.motion.iter();
    let places: Vec<Vector3<f64>> = motions.map(|motion| motion.x() - corner).collect();
    let inside = |place: &Vector3<f64>| [place.x, place.y].iter().all(|x| (0.0..1.0).contains(x));
    let act = |t: f64, state: &mut State<f64>| {
        let solid = &mut state.particles.solid;
        let matter = solid.motion.iter_mut().zip(&mut solid.strain);
        for ((motion, strain), &id) in matter.zip(&state.order.solid.ids) {
            let place = places[id as usize];
            let (now, before) = (Exact::new(&place, t), Exact::new(&place, t - half));
            if !inside(&place) {
                *motion = Motion::new(&(place + corner + now.u), &before.v, &before.gradient());
                *strain = Deformation::new(&Matrix3::from_diagonal(&now.f), 0.0);
            }
            motion.set_v(&(motion.v() + now.body_force() * dt));
        }
        // Particles that are put somewhere may have left the cells that they were sorted into.
        state.stale |= square.surrounded;
    };
    let mut series = Vec::new();
    let period = 2.0 * (DENSITY / YOUNG).sqrt();
    bench.drive((period / dt).round() as usize, act, |t, state| {
        let (mut sum, mut count) = (0.0, 0.0);
        let matter = state.particles.solid.motion.iter();
        for (motion, &id) in matter.zip(&state.order.solid.ids) {
            let place = places[id as usize];
            if inside(&place) {
                let off = motion.x() - corner - place - Exact::new(&place, t).u;
                sum += off.norm_squared();
                count += 1.0;
            }
        }
        series.push([t, (sum / count).sqrt() / AMPLITUDE]);
    })?;
    Ok(series)
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[8, 16],
        Tier::Full => &[8, 16, 32],
    };
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    for (per_axis, surrounded, name) in [
        (3, true, "3 particles an edge in matter"),
        (2, true, "2 particles an edge in matter"),
        (2, false, "2 particles an edge between walls"),
    ] {
        let square = Square {
            per_axis,
            surrounded,
        };
        let mut coarser: Option<(usize, f64)> = None;
        for &cells in grids {
            let grid = format!("{cells} cells");
            let series = errors(cells, square)?;
            let worst = series.iter().map(|[_, error]| *error).fold(0.0, f64::max);
            outcome.measure(reference, &format!("error with {name}"), &grid, worst);
            if let Some((fewer, error)) = coarser {
                let grid = format!("{fewer} to {cells} cells");
                let observed = order(error, worst);
                let short = (LEAST_ORDER - observed).max(0.0);
                outcome.measure(reference, &format!("order with {name}"), &grid, observed);
                let quantity = format!("order short of the least with {name}");
                outcome.measure(reference, &quantity, &grid, short);
            }
            coarser = Some((cells, worst));
            curves.push(Curve {
                name: format!("{grid}, {name}"),
                points: series,
                marks: false,
            });
        }
    }
    outcome.plots.push(Plot {
        title: "Error of a manufactured solution".to_owned(),
        axes: ["time (s)".to_owned(), "error (of the amplitude)".to_owned()],
        curves,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use backflow_sim::material::Law;

    use super::*;

    #[test]
    fn the_body_force_is_what_the_law_leaves_of_the_acceleration() {
        let (place, t, h) = (Vector3::new(0.3, 0.8, 0.0), 4e-3, 1e-4);
        let at = |dx: f64, dt: f64| Exact::new(&(place + Vector3::new(dx, 0.0, 0.0)), t + dt);
        // P = tau F^-T, of the law itself.
        let law = NeoHookean {
            elasticity: elasticity(),
        };
        let stress = |dx: f64| {
            let f = at(dx, 0.0).f;
            let strain = Deformation::new(&Matrix3::from_diagonal(&f), 0.0);
            law.stress(&strain, &Matrix3::zeros())[(0, 0)] / f.x
        };
        let divergence = (stress(h) - stress(-h)) / (2.0 * h);
        let tick = 1e-6;
        let rates = [tick, -tick].map(|tick| at(0.0, tick).v.x);
        let acceleration = (rates[0] - rates[1]) / (2.0 * tick);
        let known = acceleration - divergence / DENSITY;
        let found = at(0.0, 0.0).body_force().x;
        assert!(
            (found - known).abs() < 1e-5 * known.abs(),
            "{found} {known}"
        );
    }
}
