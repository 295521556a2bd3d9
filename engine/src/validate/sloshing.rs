//! A wave swings between the walls of a tank.

use std::f64::consts::PI;

use backflow_sim::{material::Liquid, rollout::store::RunError};
use nalgebra::{Matrix3, Vector3};

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY, crossings, mean, smoothed},
};

pub const CASE: Case = Case {
    id: "F13",
    about: "sloshing: period of the first mode of a tank of 1 m filled to 0.5 m",
    remark: "The motion is smoothed over the 0.1 s that sound takes through the tank and back.",
    run,
};

/// Velocity of the horizontal motion at the surface (m/s).
const SPEED: f64 = 0.05;

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 16,
        Tier::Full => 40,
    };
    let (dx, depth, density, k) = (1.0 / cells as f64, 0.5, 1000.0, PI);
    let sound = 20.0;
    let law = Liquid {
        bulk_modulus: density * sound * sound,
        viscosity: 0.0,
        exponent: 1.0,
        tension: true,
    };
    let dt = 0.3 * dx / sound;
    let deep = (k * depth).cosh();
    let bench = Bench::new([cells, cells * 5 / 8, 1], dx, dt)
        .mirrored()
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .liquid(law, density, |x| x.y < depth)
        .moving(|x| {
            // Potential flow: v = grad(-U / k cos kx cosh ky / cosh kh).
            let ((sin, cos), (sinh, cosh)) =
                ((k * x.x).sin_cos(), ((k * x.y).sinh(), (k * x.y).cosh()));
            let s = SPEED / deep;
            let v = Vector3::new(s * sin * cosh, -s * cos * sinh, 0.0);
            let (a, b) = (s * k * cos * cosh, s * k * sin * sinh);
            (v, Matrix3::new(a, b, 0.0, b, -a, 0.0, 0.0, 0.0, 0.0))
        });
    let mut series = Vec::new();
    bench.run((1.7 / dt) as usize, |time, state| {
        series.push([
            time,
            mean(&state.particles.liquid.motion, |motion| motion.v().x),
        ]);
    })?;
    let mut outcome = Outcome::default();
    let grid = format!("{cells} cells");
    // Sound goes through the tank and back, up and down and across, in the same time.
    let series = smoothed(&series, (2.0 / sound / dt).round() as usize);
    let zeros = crossings(&series);
    if let [first, second, ..] = zeros[..] {
        outcome.measure(reference, "period", &grid, 2.0 * (second - first));
    }
    // Peaks of the velocity half a period apart.
    let peak = |from: f64, to: f64| {
        let part = series.iter().filter(|[t, _]| *t >= from && *t < to);
        part.map(|[_, v]| v.abs()).fold(0.0, f64::max)
    };
    let (first, second) = (peak(0.35, 0.85), peak(0.95, 1.45));
    outcome.measure(
        reference,
        "amplitude kept in half a period",
        &grid,
        second / first,
    );
    outcome.plots.push(Plot {
        title: "Sloshing".to_owned(),
        axes: [
            "time (s)".to_owned(),
            "mean horizontal velocity (m/s)".to_owned(),
        ],
        curves: vec![Curve {
            name: grid,
            points: series,
            marks: false,
        }],
    });
    Ok(outcome)
}
