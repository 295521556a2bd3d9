//! A liquid that sloshes for thousands of substeps keeps its volume.

use backflow_sim::{
    material::Liquid,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::{Matrix3, Vector3};

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY, mean},
};

pub const CASE: Case = Case {
    id: "V",
    about: "volume of a pool that falls and sloshes, by the height of its centre of mass at the end \
            (FluidLab's incompressibility over a long horizon)",
    remark: "Without a `volume_rate` the volume ratios of the particles drift away from the space that \
             the particles take, most of all at the floor. Velocities of nodes vanish on the wall and beyond \
             it, so that those of particles do not on the wall itself: they get nearer to it than their \
             volume ratios know, and are kept in the domain there. After 5 s the cell at the floor of this \
             pool holds 178 particles where 128 fit. The height counts waves too: one of amplitude `a` on a \
             depth `h` raises the centre of mass by `a^2 / 2 h^2`, which is most of what is too much with the \
             rate after 5 s. A pool at rest stays as it was with any rate (0.9919, under its own weight).",
    run,
};

/// Rate of the correction (1/s).
pub const RATE: f64 = 10.0;

/// Height of the pool at rest, in units of what its volume would have: twice that of its
/// centre of mass, step by step.
fn pool(cells: usize, steps: usize, rate: f64) -> Result<Vec<[f64; 2]>, NonFinite> {
    let (dx, depth, density) = (1.0 / cells as f64, 0.375, 1000.0);
    let sound = 10.0 * (GRAVITY * depth).sqrt();
    let law = Liquid {
        bulk_modulus: density * sound * sound,
        viscosity: 0.5,
        exponent: 7.0,
        tension: false,
    };
    // A column of twice the depth in half of the tank.
    let mut bench = Bench::new([cells, cells, 1], dx, 0.3 * dx / sound)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .liquid(law, density, |x| x.x < 0.5 && x.y < 2.0 * depth)
        .moving(|_| (Vector3::zeros(), Matrix3::zeros()));
    bench.world.volume_rate = rate;
    let mut series = Vec::new();
    let mut step = 0;
    bench.run(steps, |_, state| {
        step += 1;
        let height = mean(&state.particles.liquid.motion, |motion| motion.x().y);
        series.push([f64::from(step), 2.0 * height / depth]);
    })?;
    Ok(series)
}

/// Mean of the last tenth of a series.
fn last(series: &[[f64; 2]]) -> f64 {
    let tail = &series[series.len() * 9 / 10..];
    tail.iter().map(|[_, value]| value).sum::<f64>() / tail.len() as f64
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (cells, steps) = match tier {
        Tier::Fast => (16, 5000),
        Tier::Full => (32, 16_000),
    };
    let plain = pool(cells, steps, 0.0)?;
    let kept = pool(cells, steps, RATE)?;
    let grid = format!("{cells} cells, {steps} substeps");
    let mut outcome = Outcome::default();
    outcome.measure(reference, "volume", &grid, last(&plain));
    outcome.measure(reference, "volume with a rate of 10/s", &grid, last(&kept));
    outcome.plots.push(Plot {
        title: "Volume of a pool".to_owned(),
        axes: [
            "substep".to_owned(),
            "height of the centre of mass / at rest".to_owned(),
        ],
        curves: [("plain", plain), ("volume_rate 10/s", kept)]
            .map(|(name, points)| Curve {
                name: name.to_owned(),
                points: points.into_iter().step_by(20).collect(),
                marks: false,
            })
            .into(),
    });
    Ok(outcome)
}
