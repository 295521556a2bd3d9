//! Longitudinal vibration of an elastic bar.

use std::f64::consts::PI;

use backflow_sim::{
    contact::ContactLaw,
    material::{Elasticity, NeoHookean, Solid},
    rollout::store::RunError,
};
use nalgebra::{Matrix3, Vector3};

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, crossings, mean},
};

pub const CASE: Case = Case {
    id: "S6",
    about: "axial vibration of a bar fixed at one end",
    remark: "The wall that holds the bar is mirrored: one that stops the nodes beyond it takes 4.4 % of the \
             amplitude with 40 cells.",
    run,
};

const LENGTH: f64 = 25.0;
const SPEED: f64 = 0.1;

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (cells, periods) = match tier {
        Tier::Fast => (20, 2.0),
        Tier::Full => (40, 10.0),
    };
    let dx = LENGTH / cells as f64;
    let law = Solid::NeoHookean(NeoHookean {
        elasticity: Elasticity::new(100.0, 0.0),
    });
    let k = PI / (2.0 * LENGTH);
    let dt = 0.2 * dx / 10.0;
    let mut bench = Bench::new([cells + 4, 2, 1], dx, dt)
        .solid(law, 1.0, |x| x.x < LENGTH)
        .moving(|x| {
            let mut gradient = Matrix3::zeros();
            gradient[(0, 0)] = SPEED * k * (k * x.x).cos();
            (Vector3::new(SPEED * (k * x.x).sin(), 0.0, 0.0), gradient)
        });
    bench.world.walls[0][0].law = ContactLaw::Sticky;
    bench.world.mirror();
    let mut series = Vec::new();
    bench.run((periods * 10.0 / dt) as usize, |time, state| {
        series.push([
            time,
            mean(&state.particles.solid.motion, |motion| motion.v().x),
        ]);
    })?;
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    let zeros = crossings(&series);
    if let (Some(first), Some(last)) = (zeros.first(), zeros.last()) {
        let period = 2.0 * (last - first) / (zeros.len() - 1) as f64;
        outcome.measure(reference, "period", &grid, period);
    }
    let peak = |from: f64, to: f64| {
        let part = series.iter().filter(|[t, _]| *t >= from && *t < to);
        part.map(|[_, v]| v.abs()).fold(0.0, f64::max)
    };
    let first = peak(0.0, 2.5);
    outcome.measure(reference, "velocity of the centre of mass", &grid, first);
    let span = 10.0 * periods;
    // Per ten periods, whatever the run shows of them.
    let kept = (peak(span - 2.5, span + 1.0) / first).powf(10.0 / periods);
    outcome.measure(
        reference,
        "amplitude lost in ten periods",
        &grid,
        1.0 - kept,
    );
    let omega = 2.0 * PI / 10.0;
    let exact = (0..=80).map(|part| {
        let t = span * f64::from(part) / 80.0;
        [t, 2.0 / PI * SPEED * (omega * t).cos()]
    });
    outcome.plots.push(Plot {
        title: "Axial vibration of a bar".to_owned(),
        axes: [
            "time (s)".to_owned(),
            "velocity of the centre of mass (m/s)".to_owned(),
        ],
        curves: vec![
            Curve {
                name: "exact".to_owned(),
                points: exact.collect(),
                marks: true,
            },
            Curve {
                name: grid,
                points: series,
                marks: false,
            },
        ],
    });
    Ok(outcome)
}
