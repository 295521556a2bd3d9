//! Speeds of the two elastic waves.

use backflow_sim::{
    material::{Elasticity, FixedCorotated, Solid},
    particle::Motion,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::{Matrix3, Vector3};

use super::{Case, Curve, Outcome, Plot, Reference, Tier, bench::Bench};

pub const CASE: Case = Case {
    id: "S7",
    about: "speed of waves of pressure and of shear in an elastic block",
    remark: "A pulse of velocity parts into two; the time between its greatest values at two places is taken, \
             before anything comes back from the sides.",
    run,
};

const DENSITY: f64 = 1000.0;
const YOUNG: f64 = 1e5;
const POISSON: f64 = 0.3;

/// Size of the block and where the pulse starts, how wide it is (m), its speed (m/s).
const SIZE: [f64; 2] = [1.0, 1.8];
const START: f64 = 0.3;
const WIDTH: f64 = 0.08;
const SPEED: f64 = 1e-3;

/// Where it is looked for (m).
const PLACES: [f64; 2] = [0.5, 0.65];

/// The velocity along `axis` at the two places over time, for a pulse that moves along it.
fn pulse(cells: usize, axis: usize) -> Result<[Vec<[f64; 2]>; 2], NonFinite> {
    let dx = 1.0 / cells as f64;
    let size = SIZE.map(|length| (length * cells as f64).round() as usize);
    let law = Solid::FixedCorotated(FixedCorotated {
        elasticity: Elasticity::new(YOUNG, POISSON),
    });
    let dt = 0.1 * dx / 11.6;
    let bench = Bench::new([size[0], size[1], 1], dx, dt)
        .solid(law, DENSITY, |_| true)
        .moving(|x| {
            let off = (x.x - START) / WIDTH;
            let value = SPEED * (-off * off).exp();
            let (mut v, mut gradient) = (Vector3::zeros(), Matrix3::zeros());
            v[axis] = value;
            gradient[(axis, 0)] = -2.0 * off / WIDTH * value;
            (v, gradient)
        });
    let reach = 1.3 * (PLACES[1] - START) / [11.6, 6.2][axis];
    let mut series = [Vec::new(), Vec::new()];
    bench.run((reach / dt) as usize, |time, state| {
        let motions = &state.particles.solid.motion;
        for (series, place) in series.iter_mut().zip(PLACES) {
            series.push([time, near(motions, place, dx, axis)]);
        }
    })?;
    Ok(series)
}

/// Mean of a component of the velocity at a place, half-way up the block.
fn near(motions: &[Motion<f64>], place: f64, dx: f64, axis: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for motion in motions {
        let x = motion.x();
        if (x.x - place).abs() < dx && (x.y - 0.5 * SIZE[1]).abs() < 4.0 * dx {
            sum += motion.v()[axis];
            count += 1.0;
        }
    }
    sum / count
}

/// When a series is greatest, by the parabola through the three values around.
fn peak(series: &[[f64; 2]]) -> f64 {
    let most = (1..series.len() - 1).max_by(|&a, &b| series[a][1].total_cmp(&series[b][1]));
    most.map_or(f64::NAN, |at| {
        let [a, b, c] = [series[at - 1][1], series[at][1], series[at + 1][1]];
        let step = series[at + 1][0] - series[at][0];
        series[at][0] + 0.5 * step * (a - c) / (a - 2.0 * b + c)
    })
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 24,
        Tier::Full => 80,
    };
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    for (axis, name) in ["pressure", "shear"].into_iter().enumerate() {
        let series = pulse(cells, axis)?;
        let [first, second] = [0, 1].map(|index| peak(&series[index]));
        let speed = (PLACES[1] - PLACES[0]) / (second - first);
        outcome.measure(reference, &format!("speed of {name}"), &grid, speed);
        for (points, place) in series.into_iter().zip(PLACES) {
            curves.push(Curve {
                name: format!("{name} at {place} m"),
                points,
                marks: false,
            });
        }
    }
    outcome.plots.push(Plot {
        title: "Elastic waves".to_owned(),
        axes: ["time (s)".to_owned(), "velocity (m/s)".to_owned()],
        curves,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_a_parabola_lies_between_its_samples() {
        let each = (0..10).map(|step| 0.1 * f64::from(step));
        let series: Vec<_> = each.map(|t| [t, 1.0 - (t - 0.4321).powi(2)]).collect();
        assert!((peak(&series) - 0.4321).abs() < 1e-12);
    }
}
