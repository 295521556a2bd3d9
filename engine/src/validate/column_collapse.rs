//! A column of sand collapses on a rough bed.

use backflow_sim::{
    contact::ContactLaw,
    material::{DruckerPrager, Elasticity, Solid, Yielding},
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
};

pub const CASE: Case = Case {
    id: "G4",
    about: "run-out of a plane column of sand, by its aspect ratio",
    remark: "The friction angle of the law is that in triaxial compression; in plane strain 25 degrees act \
             like 34.6. The front is the last column of cells with a layer of particles.",
    run,
};

/// `(L - L_0) / L_0` of a column of aspect ratio `aspect` on `across` cells of width.
fn run_out(across: usize, aspect: f64) -> Result<f64, NonFinite> {
    let (width, density) = (0.1, 1500.0);
    let dx = width / across as f64;
    let height = aspect * width;
    let law = Solid::DruckerPrager(Yielding(DruckerPrager {
        elasticity: Elasticity::new(1e6, 0.3),
        friction_angle: 25.0_f64.to_radians(),
        cohesion: 0.0,
    }));
    let sound = 31.0;
    let dt = 0.3 * dx / sound;
    let long = across as f64 * (2.0 + 2.2 * aspect);
    let cells = [long as usize, (height / dx).ceil() as usize + 3, 1];
    let mut bench = Bench::new(cells, dx, dt)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .solid(law, density, |x| x.x < width && x.y < height);
    bench.world.walls[1][0].law = ContactLaw::Sticky;
    // Four times the time of a fall from its height.
    let steps = (4.0 * (2.0 * height / GRAVITY).sqrt() / dt) as usize;
    let (mut front, mut step) = (width, 0);
    bench.run(steps, |_, state| {
        step += 1;
        if step == steps {
            let mut counts = vec![0.0; cells[0]];
            for motion in &state.particles.solid.motion {
                counts[((motion.x().x / dx) as usize).min(cells[0] - 1)] += 1.0;
            }
            // A layer of particles is the least that can be seen.
            let layer = (dx / bench.spacing()).powi(2);
            if let Some(last) = counts.iter().rposition(|count| *count >= layer) {
                front = (last as f64 + 1.0) * dx;
            }
        }
    })?;
    Ok((front - width) / width)
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (across, aspects): (usize, &[f64]) = match tier {
        Tier::Fast => (8, &[1.0]),
        Tier::Full => (16, &[0.5, 1.0, 2.0]),
    };
    let grid = format!("{across} cells");
    let mut outcome = Outcome::default();
    let mut points = Vec::new();
    for &aspect in aspects {
        let value = run_out(across, aspect)?;
        outcome.measure(
            reference,
            &format!("run-out at aspect {aspect}"),
            &grid,
            value,
        );
        points.push([aspect, value]);
    }
    outcome.plots.push(Plot {
        title: "Run-out of a column of sand".to_owned(),
        axes: ["height / width".to_owned(), "run-out / width".to_owned()],
        curves: vec![
            Curve {
                name: grid,
                points,
                marks: true,
            },
            Curve {
                name: "Lube et al. 2005: 1.2 a".to_owned(),
                points: vec![[0.0, 0.0], [2.0, 2.4]],
                marks: false,
            },
        ],
    });
    Ok(outcome)
}
