//! A block slides down an incline.

use backflow_sim::{
    contact::ContactLaw,
    material::{Elasticity, FixedCorotated, Rigid, Solid},
    rollout::{NonFinite, store::RunError},
    world::Wall,
};
use nalgebra::Vector3;

use super::{
    Case, Outcome, Reference, Tier,
    bench::{Bench, GRAVITY, mean},
};

pub const CASE: Case = Case {
    id: "G8",
    about: "block on an incline of 30 degrees with Coulomb friction, elastic and rigid",
    remark: "",
    run,
};

/// Acceleration (m/s^2) of a block of `law` between a quarter and the end of half a second.
fn acceleration(cells: usize, law: Solid<f64>, friction: f64) -> Result<f64, NonFinite> {
    let (edge, density) = (0.1, 1000.0);
    let dx = edge / cells as f64;
    let sound = 15.0;
    let dt = 0.25 * dx / sound;
    let (sin, cos) = 30.0_f64.to_radians().sin_cos();
    let mut bench = Bench::new([7 * cells, cells + 3, 1], dx, dt)
        .falling(Vector3::new(GRAVITY * sin, -GRAVITY * cos, 0.0))
        .solid(law, density, |x| x.x > dx && x.x < dx + edge && x.y < edge);
    bench.world.walls[1][0] = Wall {
        law: ContactLaw::Coulomb,
        friction,
    };
    let steps = (0.4 / dt) as usize;
    let mut series = Vec::new();
    bench.run(steps, |time, state| {
        series.push([
            time,
            mean(&state.particles.solid.motion, |motion| motion.v().x),
        ]);
    })?;
    let (a, b) = (series[steps / 4], series[steps - 1]);
    Ok((b[1] - a[1]) / (b[0] - a[0]))
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 6,
        Tier::Full => 12,
    };
    let elastic = Solid::FixedCorotated(FixedCorotated {
        elasticity: Elasticity::new(1e5, 0.2),
    });
    let grid = format!("{cells} cells an edge");
    let mut outcome = Outcome::default();
    for (name, law) in [("elastic", elastic), ("rigid", Solid::Rigid(Rigid))] {
        for friction in [0.1, 0.3, 0.5, 0.7] {
            let value = acceleration(cells, law, friction)?;
            let quantity = format!("{name} block with friction {friction}");
            outcome.measure(reference, &quantity, &grid, value);
        }
    }
    Ok(outcome)
}
