//! Vortices decay by viscosity.

use std::f64::consts::PI;

use backflow_sim::{material::Liquid, rollout::store::RunError};
use nalgebra::{Matrix3, Vector3};

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, mean},
};

pub const CASE: Case = Case {
    id: "F14",
    about: "Taylor and Green's vortex in a box, viscosity 0.01 m^2/s",
    remark: "The transfers dissipate as in F6, and walls that stop the nodes beyond them more (0.0995 with 16 \
             cells; these are mirrored). From 64 to 80 cells it changes no more (0.0121): hypothesis: particles of a \
             weakly compressible liquid lose their even spacing in the strain between vortices.",
    run,
};

const VISCOSITY: f64 = 0.01;

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 16,
        Tier::Full => 64,
    };
    let (dx, sound) = (PI / cells as f64, 10.0);
    let law = Liquid {
        bulk_modulus: sound * sound,
        viscosity: VISCOSITY,
        exponent: 1.0,
        tension: true,
    };
    let dt = 0.3 * dx / sound;
    let bench = Bench::new([cells, cells, 1], dx, dt)
        .mirrored()
        .liquid(law, 1.0, |_| true)
        .moving(|x| {
            let ((sin_x, cos_x), (sin_y, cos_y)) = (x.x.sin_cos(), x.y.sin_cos());
            let (a, b) = (cos_x * cos_y, sin_x * sin_y);
            let gradient = Matrix3::new(a, -b, 0.0, b, -a, 0.0, 0.0, 0.0, 0.0);
            (Vector3::new(sin_x * cos_y, -cos_x * sin_y, 0.0), gradient)
        });
    let energy = |motions: &[_]| mean(motions, |motion| motion.v().norm_squared());
    let start = energy(&bench.particles.liquid.motion);
    let mut series = vec![[0.0, 1.0]];
    bench.run((2.0 / dt) as usize, |time, state| {
        series.push([time, energy(&state.particles.liquid.motion) / start]);
    })?;
    let [time, rest] = series[series.len() - 1];
    let mut outcome = Outcome::default();
    let grid = format!("{cells} cells");
    // KE = exp(-4 nu k^2 t) with k = 1.
    let viscosity = -rest.ln() / (4.0 * time);
    outcome.measure(reference, "viscosity", &grid, viscosity);
    let exact = (0..=20).map(|part| {
        let t = time * f64::from(part) / 20.0;
        [t, (-4.0 * VISCOSITY * t).exp()]
    });
    outcome.plots.push(Plot {
        title: "Taylor and Green's vortex".to_owned(),
        axes: [
            "time (s)".to_owned(),
            "kinetic energy / its start".to_owned(),
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
