//! Two elastic discs collide.

use backflow_sim::{
    material::{Elasticity, NeoHookean, Solid},
    rollout::{State, store::RunError},
};
use nalgebra::{Matrix3, Vector3};

use super::{Case, Curve, Outcome, Plot, Reference, Tier, bench::Bench};

pub const CASE: Case = Case {
    id: "S11",
    about: "collision of elastic discs (momentum exchange of equal masses)",
    remark: "Energy is lost in the collision, whose waves are as short as a few cells: those the transfers \
             smooth most.",
    run,
};

const DENSITY: f64 = 1000.0;
const SPEED: f64 = 0.1;

/// Kinetic and elastic energy of a slab of unit thickness (J/m), and momentum (kg/s).
fn energies(bench: &Bench, state: &State<f64>, elasticity: &Elasticity<f64>) -> [f64; 3] {
    let volume = bench.spacing().powi(3) / bench.world.lattice.dx;
    let cloud = &state.particles.solid;
    let (mut kinetic, mut elastic, mut momentum) = (0.0, 0.0, Vector3::zeros());
    for (motion, strain) in cloud.motion.iter().zip(&cloud.strain) {
        let (f, v) = (strain.f(), motion.v());
        let log = f.determinant().ln();
        kinetic += 0.5 * DENSITY * volume * v.norm_squared();
        momentum += v * (DENSITY * volume);
        elastic += volume
            * (0.5 * elasticity.mu * (f.norm_squared() - 3.0) - elasticity.mu * log
                + 0.5 * elasticity.lambda * log * log);
    }
    [kinetic, elastic, momentum.norm()]
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 20,
        Tier::Full => 40,
    };
    let (dx, radius) = (1.0 / cells as f64, 0.2);
    let elasticity = Elasticity::new(1000.0, 0.3);
    let law = Solid::NeoHookean(NeoHookean { elasticity });
    // Two cells from the walls, which would hold back what touches them.
    let free = 2.0 * dx;
    let centres = [0.2, 0.8].map(|at| Vector3::new(at + free, at + free, 0.0));
    let within = |x: &Vector3<f64>, disc: usize| (x.xy() - centres[disc].xy()).norm() < radius;
    let dt = 0.1 * dx / 1.3;
    let bench = Bench::new([cells + 4, cells + 4, 1], dx, dt)
        .solid(law, DENSITY, |x| within(x, 0))
        .solid(law, DENSITY, |x| within(x, 1))
        .moving(|x| {
            let speed = if within(x, 0) { SPEED } else { -SPEED };
            (Vector3::new(speed, speed, 0.0), Matrix3::zeros())
        });
    let (mut series, mut momentum) = (Vec::new(), 0.0_f64);
    bench.run((3.0 / dt) as usize, |time, state| {
        let [kinetic, elastic, p] = energies(&bench, state, &elasticity);
        series.push([time, kinetic, kinetic + elastic]);
        momentum = momentum.max(p);
    })?;
    let start = series[0][1];
    // Contact begins where a hundredth of the energy is no longer kinetic.
    let onset = series
        .iter()
        .find(|[_, kinetic, _]| *kinetic < 0.99 * start)
        .map_or(f64::NAN, |[time, ..]| *time);
    let end = series[series.len() - 1];
    let most = series.iter().map(|[.., total]| *total).fold(0.0, f64::max);
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    outcome.measure(reference, "kinetic energy at the start", &grid, start);
    outcome.measure(reference, "onset of contact", &grid, onset);
    outcome.measure(reference, "momentum", &grid, momentum);
    outcome.measure(reference, "energy lost", &grid, 1.0 - end[2] / start);
    outcome.measure(
        reference,
        "energy gained at most",
        &grid,
        most / start - 1.0,
    );
    let curve = |name: &str, column: usize| Curve {
        name: name.to_owned(),
        points: series.iter().map(|row| [row[0], row[column]]).collect(),
        marks: false,
    };
    outcome.plots.push(Plot {
        title: "Colliding discs".to_owned(),
        axes: ["time (s)".to_owned(), "energy (J/m)".to_owned()],
        curves: vec![curve("kinetic", 1), curve("total", 2)],
    });
    Ok(outcome)
}
