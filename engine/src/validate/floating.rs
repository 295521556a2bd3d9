//! A rigid block floats in water (Archimedes; FluidLab's buoyancy).

use backflow_sim::{
    material::{Liquid, Rigid, Solid},
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY, mean},
};

pub const CASE: Case = Case {
    id: "F17",
    about: "draft of a floating block of half the density of water, rigid by shape matching",
    remark: "Block and water meet on the grid, where they share the nodes of a cell between them.",
    run,
};

/// Edge of the block (m).
const EDGE: f64 = 0.1;

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let across = match tier {
        Tier::Fast => 4,
        Tier::Full => 8,
    };
    let (dx, density, sound) = (EDGE / f64::from(across), 1000.0, 15.0);
    let law = Liquid {
        bulk_modulus: density * sound * sound,
        viscosity: 1.0,
        exponent: 7.0,
        tension: false,
    };
    let cells = (4 * across) as usize;
    let (width, level) = (4.0 * EDGE, 2.0 * EDGE);
    let block = |x: &Vector3<f64>| {
        (x.x - 0.5 * width).abs() < 0.5 * EDGE
            && x.y > level - 0.5 * EDGE
            && x.y < level + 0.5 * EDGE
    };
    let mut bench = Bench::new([cells, cells, 1], dx, 0.3 * dx / sound)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .solid(Solid::Rigid(Rigid), 0.5 * density, block)
        .liquid(law, density, |x| x.y < level && !block(x));
    bench.world.volume_rate = super::volume::RATE;
    let start = mean(&bench.particles.solid.motion, |motion| motion.x().y);
    let steps = (1.5 / bench.world.clock.dt) as usize;
    let mut series = Vec::new();
    bench.run(steps, |time, state| {
        let middle = mean(&state.particles.solid.motion, |motion| motion.x().y);
        series.push([time, 0.5 * EDGE - (middle - start)]);
    })?;
    let tail = &series[series.len() * 2 / 3..];
    let draft = tail.iter().map(|[_, draft]| draft).sum::<f64>() / tail.len() as f64;
    let grid = format!("{across} cells an edge");
    let mut outcome = Outcome::default();
    outcome.measure(reference, "draft", &grid, draft);
    outcome.plots.push(Plot {
        title: "Draft of a floating block".to_owned(),
        axes: ["time (s)".to_owned(), "draft (m)".to_owned()],
        curves: vec![Curve {
            name: grid,
            points: series,
            marks: false,
        }],
    });
    Ok(outcome)
}
