//! A wide column of water is let go on a dry bed: the shallow wave of Ritter.

use backflow_sim::{material::Liquid, rollout::store::RunError};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
};

pub const CASE: Case = Case {
    id: "F5",
    about: "shallow water let go on a dry bed (Ritter): depth at the gate and front",
    remark: "The theory is that of a pressure by depth alone: its front is an upper bound, since a real one lacks \
             the time that the column takes to fall.",
    run,
};

const DEPTH: f64 = 0.1;

/// Lengths of the column and of the dry bed, in depths.
const COLUMN: usize = 12;
const BED: usize = 18;

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 8,
        Tier::Full => 16,
    };
    let (dx, density, sound) = (DEPTH / cells as f64, 1000.0, 10.0);
    let gate = COLUMN as f64 * DEPTH;
    let law = Liquid {
        bulk_modulus: density * sound * sound,
        viscosity: 0.0,
        exponent: 1.0,
        tension: false,
    };
    let dt = 0.3 * dx / sound;
    let size = [(COLUMN + BED) * cells, cells * 5 / 4, 1];
    let bench = Bench::new(size, dx, dt)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .liquid(law, density, |x| x.x < gate && x.y < DEPTH);
    // The wave that goes back gets to the wall after 1.2 s.
    let (from, until) = (0.5, 0.75);
    let near = 0.5 * DEPTH;
    let area = bench.spacing().powi(3) / dx;
    let (mut sum, mut count) = (0.0, 0.0);
    let (mut fronts, mut surface) = (Vec::new(), Vec::new());
    bench.run((until / dt) as usize, |time, state| {
        let motions = &state.particles.liquid.motion;
        let ahead = motions.iter().map(|motion| motion.x().x);
        fronts.push([time, ahead.fold(gate, f64::max)]);
        if time >= from {
            let close = motions
                .iter()
                .filter(|motion| (motion.x().x - gate).abs() < near);
            sum += close.count() as f64 * area / (2.0 * near);
            count += 1.0;
        }
        if surface.is_empty() && time >= 0.6 {
            let columns = (COLUMN + BED) * cells;
            let mut depths = vec![0.0; columns];
            for motion in motions {
                depths[((motion.x().x / dx) as usize).min(columns - 1)] += area / dx;
            }
            let place = |column: usize| (column as f64 + 0.5) * dx - gate;
            let each = depths.into_iter().enumerate();
            surface = each.map(|(column, depth)| [place(column), depth]).collect();
        }
    })?;
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    outcome.measure(reference, "depth at the gate", &grid, sum / count);
    let at = |time: f64| fronts[((time / dt) as usize).min(fronts.len() - 1)][1];
    let speed = (at(until) - at(from)) / (until - from);
    outcome.measure(reference, "speed of the front", &grid, speed);
    let wave = (GRAVITY * DEPTH).sqrt();
    let exact = (0..=30).map(|part| {
        let t = 0.6;
        let x = (-1.0 + 3.0 * f64::from(part) / 30.0) * wave * t;
        [x, (2.0 * wave - x / t).powi(2) / (9.0 * GRAVITY)]
    });
    outcome.plots.push(Plot {
        title: "Shallow water on a dry bed after 0.6 s".to_owned(),
        axes: [
            "distance from the gate (m)".to_owned(),
            "depth (m)".to_owned(),
        ],
        curves: vec![
            Curve {
                name: "Ritter".to_owned(),
                points: exact.collect(),
                marks: true,
            },
            Curve {
                name: grid,
                points: surface,
                marks: false,
            },
        ],
    });
    Ok(outcome)
}
