//! A beam that is clamped at one end bends under its weight.

use backflow_sim::{
    collider::{Cuboid, Shape},
    contact::{Collider, ContactLaw, Stage},
    material::{Elasticity, FixedCorotated, Solid},
    pose::Pose,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY, crossings},
};

pub const CASE: Case = Case {
    id: "S8",
    about: "cantilever under its weight in plane strain: deflection and first frequency",
    remark: "It is let go straight, and swings about the deflection at rest.",
    run,
};

const LENGTH: f64 = 0.5;
const DEPTH: f64 = 0.05;
const DENSITY: f64 = 1000.0;

/// Depth of the clamp (m).
const CLAMP: f64 = 0.05;

/// Deflection of the middle of the end over time.
fn swing(cells: usize) -> Result<Vec<[f64; 2]>, NonFinite> {
    let dx = DEPTH / cells as f64;
    let elasticity = Elasticity::new(1e7, 0.3);
    let law = Solid::FixedCorotated(FixedCorotated { elasticity });
    // The beam lies two and a half depths above the floor.
    let low = 2.5 * DEPTH;
    let size = [12.5 * DEPTH, 4.5 * DEPTH].map(|length| (length / dx).round() as usize);
    let dt = 0.25 * dx / 116.0;
    let inside = |x: &Vector3<f64>| x.x < CLAMP + LENGTH && x.y > low && x.y < low + DEPTH;
    let mut bench = Bench::new([size[0], size[1], 1], dx, dt)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .solid(law, DENSITY, inside);
    bench.world.colliders = vec![Collider {
        name: "clamp".to_owned(),
        shape: Shape::Cuboid(Cuboid {
            half_extents: Vector3::new(CLAMP, 2.0 * DEPTH, 2.0 * DEPTH),
            rounding: 0.0,
        }),
        pose: Pose {
            position: Vector3::new(0.0, low + 0.5 * DEPTH, 0.5 * dx),
            ..Pose::identity()
        },
        law: ContactLaw::Sticky,
        friction: 0.0,
        width: 0.0,
        mount: None,
        stage: Stage::Grid,
    }];
    let end = CLAMP + LENGTH - bench.spacing();
    let start: Vec<Vector3<f64>> = bench.particles.solid.motion.iter().map(|m| m.x()).collect();
    let mut series = Vec::new();
    let mut step = 0_usize;
    bench.run((0.6 / dt) as usize, |time, state| {
        step += 1;
        if !step.is_multiple_of(20) {
            return;
        }
        let (mut sum, mut count) = (0.0, 0.0);
        let solid = &state.particles.solid;
        for (motion, &id) in solid.motion.iter().zip(&state.order.solid.ids) {
            let from = start[id as usize];
            if from.x > end {
                sum += from.y - motion.x().y;
                count += 1.0;
            }
        }
        series.push([time, sum / count]);
    })?;
    Ok(series)
}

/// Deflection about which a series swings, and the frequency (Hz): of two lowest places and the highest
/// between them a quarter, a half and a quarter, so that what damps the swing counts little.
fn rest(series: &[[f64; 2]]) -> [f64; 2] {
    let mut middle = series.iter().map(|[_, y]| y).sum::<f64>() / series.len() as f64;
    let mut frequency = f64::NAN;
    for _ in 0..4 {
        let off: Vec<[f64; 2]> = series.iter().map(|[t, y]| [*t, y - middle]).collect();
        let [a, b, c, d, ..] = crossings(&off)[..] else {
            break;
        };
        frequency = 1.0 / (0.5 * (c - a) + 0.5 * (d - b));
        let farthest = |from: f64, to: f64| {
            let inside = off.iter().filter(|[t, _]| (from..to).contains(t));
            inside.fold(
                0.0_f64,
                |most, [_, y]| if y.abs() > most.abs() { *y } else { most },
            )
        };
        middle += 0.25 * (farthest(a, b) + 2.0 * farthest(b, c) + farthest(c, d));
    }
    [middle, frequency]
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 4,
        Tier::Full => 8,
    };
    let series = swing(cells)?;
    let [mean, frequency] = rest(&series);
    let grid = format!("{cells} cells of depth");
    let mut outcome = Outcome::default();
    let deflection = format!("deflection with {cells} cells");
    outcome.measure(reference, &deflection, &grid, mean);
    outcome.measure(reference, "frequency", &grid, frequency);
    outcome.plots.push(Plot {
        title: "Cantilever".to_owned(),
        axes: ["time (s)".to_owned(), "deflection (m)".to_owned()],
        curves: vec![Curve {
            name: grid,
            points: series,
            marks: false,
        }],
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damped_swing_shows_its_middle_and_frequency() {
        let swing = (0..2000).map(|step| {
            let t = 3e-4 * f64::from(step);
            [
                t,
                0.03 * (1.0 - (-0.7 * t).exp() * (2.0 * 3.4 * std::f64::consts::PI * t).cos()),
            ]
        });
        let [middle, frequency] = rest(&swing.collect::<Vec<_>>());
        // What damping leaves is q (1 - q)^2 / 4, with q what a half swing keeps.
        assert!((middle / 0.03 - 1.0).abs() < 3e-3, "{middle}");
        assert!((frequency / 3.4 - 1.0).abs() < 5e-3, "{frequency}");
    }
}
