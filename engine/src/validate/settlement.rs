//! An elastic column settles under its own weight.

use backflow_sim::{
    material::{Elasticity, NeoHookean, Solid},
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Outcome, Reference, Tier,
    bench::{Bench, GRAVITY},
    order,
};

pub const CASE: Case = Case {
    id: "F2",
    about: "settlement of an elastic column under its weight, Poisson's ratio 0",
    remark: "With walls that stop the nodes beyond them it is 5 % too much with 10 cells.",
    run,
};

const HEIGHT: f64 = 0.1;
const DENSITY: f64 = 1800.0;
const YOUNG: f64 = 1e6;

/// How far the top settles, extrapolated from the highest layer of particles.
fn settled(cells: usize) -> Result<f64, NonFinite> {
    let dx = HEIGHT / cells as f64;
    let sound = (YOUNG / DENSITY).sqrt();
    let law = Solid::NeoHookean(NeoHookean {
        elasticity: Elasticity::new(YOUNG, 0.0),
    });
    let bench = Bench::new([4, cells + 2, 1], dx, 0.2 * dx / sound)
        .mirrored()
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .solid(law, DENSITY, |x| x.y < HEIGHT);
    let period = (4.0 * HEIGHT / sound / bench.world.clock.dt).round() as usize;
    let top = HEIGHT - 0.5 * bench.spacing();
    let start: Vec<_> = bench
        .particles
        .solid
        .motion
        .iter()
        .map(|m| m.x().y)
        .collect();
    let (mut sum, mut count, mut step) = (0.0, 0, 0);
    bench.run(4 * period, |_, state| {
        step += 1;
        if step > period {
            let cloud = state.particles.solid.motion.iter();
            for (motion, &id) in cloud.zip(&state.order.solid.ids) {
                let from = start[id as usize];
                if from > top - 1e-9 {
                    sum += from - motion.x().y;
                    count += 1;
                }
            }
        }
    })?;
    // The profile is rho g (H y - y^2 / 2) / E.
    let share = (HEIGHT * top - 0.5 * top * top) / (0.5 * HEIGHT * HEIGHT);
    Ok(sum / f64::from(count) / share)
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids = match tier {
        Tier::Fast => [5, 10],
        Tier::Full => [20, 40],
    };
    let mut outcome = Outcome::default();
    let values = [settled(grids[0])?, settled(grids[1])?];
    let grid = format!("{} cells", grids[1]);
    outcome.measure(reference, "settlement of the top", &grid, values[1]);
    if let Some(known) = reference.find("settlement of the top") {
        let [coarse, fine] = values.map(|value| value - known.value);
        outcome.order = Some(order(coarse, fine));
    }
    Ok(outcome)
}
