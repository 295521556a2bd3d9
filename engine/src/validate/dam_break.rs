//! A column of water collapses onto a dry bed.

use backflow_sim::{
    material::Liquid,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
};

pub const CASE: Case = Case {
    id: "F3",
    about: "dam break: front and height of a column twice as high as wide",
    remark: "The experiment's gate takes time to open; with one shift of time of at most 0.2 the front \
             is compared again.",
    run,
};

/// Width of the column (m).
const WIDTH: f64 = 0.057_15;

/// Largest shift of the dimensionless time that the gate may take.
const GATE: f64 = 0.2;

/// Times (s), fronts and heights (m).
fn collapse(across: usize) -> Result<Vec<[f64; 3]>, NonFinite> {
    let dx = WIDTH / across as f64;
    let density = 1000.0;
    // Ten times the fastest flow.
    let sound = 10.0 * 2.0 * (GRAVITY * 2.0 * WIDTH).sqrt();
    let law = Liquid {
        bulk_modulus: density * sound * sound,
        viscosity: 1e-3,
        exponent: 7.0,
        tension: false,
    };
    let dt = 0.25 * dx / sound;
    let bench = Bench::new([5 * across, 2 * across + 4, 1], dx, dt)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .liquid(law, density, |x| x.x < WIDTH && x.y < 2.0 * WIDTH);
    let half = 0.5 * bench.spacing();
    let steps = (3.4 * (WIDTH / (2.0 * GRAVITY)).sqrt() / dt) as usize;
    let mut series = vec![[0.0, WIDTH, 2.0 * WIDTH]];
    bench.run(steps, |time, state| {
        let places = || {
            state
                .particles
                .liquid
                .motion
                .iter()
                .map(|motion| motion.x())
        };
        let front = places().map(|x| x.x).fold(0.0, f64::max);
        let wall = places().filter(|x| x.x < dx).map(|x| x.y);
        series.push([time, front + half, wall.fold(0.0, f64::max) + half]);
    })?;
    Ok(series)
}

/// Linear interpolation in a series by its first column.
fn at(series: &[[f64; 2]], t: f64) -> f64 {
    let next = series.partition_point(|point| point[0] < t);
    let (Some(a), Some(b)) = (
        series.get(next.saturating_sub(1)),
        series.get(next.min(series.len() - 1)),
    ) else {
        return f64::NAN;
    };
    if b[0] > a[0] {
        a[1] + (b[1] - a[1]) * (t - a[0]) / (b[0] - a[0])
    } else {
        a[1]
    }
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let across = match tier {
        Tier::Fast => 8,
        Tier::Full => 24,
    };
    let series = collapse(across)?;
    let unit = (WIDTH / (2.0 * GRAVITY)).sqrt();
    let front: Vec<_> = series
        .iter()
        .map(|[t, x, _]| [t / unit, x / WIDTH])
        .collect();
    // Heights go by t sqrt(g / a), without the factor of sqrt 2.
    let unit = (WIDTH / GRAVITY).sqrt();
    let height: Vec<_> = series
        .iter()
        .map(|[t, _, y]| [t / unit, y / (2.0 * WIDTH)])
        .collect();
    let points = |quantity| -> Vec<[f64; 2]> {
        let all = reference.all(quantity);
        all.map(|known| [known.at, known.value]).collect()
    };
    let (fronts, heights) = (points("front"), points("height"));
    let judged: Vec<_> = fronts
        .iter()
        .filter(|point| (0.84..=3.3).contains(&point[0]))
        .collect();
    let off = |shift: f64| {
        let errors = judged
            .iter()
            .map(|[t, z]| (at(&front, t - shift) / z - 1.0).powi(2));
        (errors.sum::<f64>() / judged.len() as f64).sqrt()
    };
    let shifted = (0..=20).map(|part| off(GATE * f64::from(part) / 20.0));
    let grid = format!("{across} cells");
    let mut outcome = Outcome::default();
    outcome.measure(reference, "error of the front (rms)", &grid, off(0.0));
    let least = shifted.fold(f64::INFINITY, f64::min);
    outcome.measure(
        reference,
        "error of the front (rms) with a shift",
        &grid,
        least,
    );
    let early = heights.iter().filter(|point| point[0] <= 2.45);
    let worst = early.map(|[t, h]| (at(&height, *t) - h).abs());
    let worst = worst.fold(0.0, f64::max);
    outcome.measure(reference, "largest error of the height", &grid, worst);
    for (title, curve, marks, axis) in [
        ("Dam break: front", front, fronts, "x / a"),
        ("Dam break: height at the wall", height, heights, "y / 2a"),
    ] {
        let named = |name: &str, points, marks| Curve {
            name: name.to_owned(),
            points,
            marks,
        };
        outcome.plots.push(Plot {
            title: title.to_owned(),
            axes: ["time (dimensionless)".to_owned(), axis.to_owned()],
            curves: vec![
                named(&grid, curve, false),
                named("Martin & Moyce 1952", marks, true),
            ],
        });
    }
    Ok(outcome)
}
