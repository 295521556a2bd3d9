//! Gas that is equally warm everywhere stays where it is.

use backflow_sim::{
    gas::{Gas, boundary::Side, model::Splitting},
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    super::{Case, Outcome, Reference, Tier},
    model, run as run_gas, species,
};

pub const CASE: Case = Case {
    id: "E8",
    about: "uniform buoyancy in a closed box: pressure balances it",
    remark: "",
    run,
};

/// Acceleration of the buoyancy (m/s^2).
const PUSH: f64 = 1.0;

const STEPS: usize = 10;

const STEP: f64 = 0.05;

/// The greatest speed in ten steps.
fn fastest(cells: usize, splitting: Splitting) -> Result<f64, RunError> {
    let side = Side::wall(1);
    let mut model = model([cells; 3], 1.0 / cells as f64, &side, splitting);
    model.gravity = Vector3::new(0.0, -PUSH, 0.0);
    let mut warm = species("warmth");
    warm.lift.expansion = 1.0;
    model.species = vec![warm];
    // What is measured is as small as what the pressure leaves, which rounding keeps above 1e-12 of
    // the push on fine grids.
    model.method.tolerance = 1e-11;
    let mut gas = Gas::at_rest(&model);
    gas.scalars[0].data.fill(1.0);
    let mut most = 0.0_f64;
    run_gas(&model, &mut gas, STEP, STEPS, |_, gas| {
        most = most.max(gas.fastest());
    })?;
    Ok(most)
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[12],
        Tier::Full => &[16, 32],
    };
    let mut outcome = Outcome::default();
    for &cells in grids {
        let grid = format!("{cells} cells");
        for (splitting, name) in [
            (Splitting::Projected, "greatest speed"),
            (Splitting::Reflected, "greatest speed with reflection"),
        ] {
            let found = fastest(cells, splitting)?;
            outcome.measure(reference, name, &grid, found);
        }
    }
    Ok(outcome)
}
