//! A blob of warmth spreads as the heat kernel does.

use backflow_sim::{
    gas::{Gas, boundary::Side, field::Field, model::Splitting},
    rollout::store::RunError,
};

use super::{
    super::{Case, Outcome, Reference, Tier, order},
    model, run as run_gas, species,
};

pub const CASE: Case = Case {
    id: "E2",
    about: "variance of a diffusing blob",
    remark: "",
    run,
};

/// Edge of the box, which repeats itself (m).
const EDGE: f64 = 2.0;

/// Variance at the start (m^2).
const START: f64 = 0.02;

/// Diffusivity (m^2/s).
const DIFFUSIVITY: f64 = 0.015;

/// Duration (s).
const TIME: f64 = 0.5;

/// Share of the largest stable step that is taken.
const SHARE: f64 = 0.4;

/// Growth of the variance along an axis over `2 D t`.
fn growth(cells: usize) -> Result<f64, RunError> {
    let dx = EDGE / cells as f64;
    let sizes = [cells, cells, 1];
    let mut model = model(sizes, dx, &Side::Periodic, Splitting::Projected);
    let mut warmth = species("warmth");
    warmth.diffusivity = Some(DIFFUSIVITY);
    model.species = vec![warmth];
    let grid = model.grid;
    let mut gas = Gas::at_rest(&model);
    gas.scalars[0] = Field::from_fn(&grid, grid.centres(), |x| {
        let square = (x.x - 0.5 * EDGE).powi(2) + (x.y - 0.5 * EDGE).powi(2);
        (-square / (2.0 * START)).exp()
    });
    let variance = |gas: &Gas<f64>| {
        let (mut whole, mut spread) = (0.0, 0.0);
        for (index, q) in gas.scalars[0].samples().iter().enumerate() {
            let x = ((index % cells) as f64 + 0.5) * dx - 0.5 * EDGE;
            whole += q;
            spread += q * x * x;
        }
        spread / whole
    };
    let before = variance(&gas);
    let limit = backflow_sim::gas::diffuse::stable(&grid, DIFFUSIVITY);
    let count = (TIME / (SHARE * limit)).ceil() as usize;
    run_gas(&model, &mut gas, TIME / count as f64, count, |_, _| {})?;
    Ok((variance(&gas) - before) / (2.0 * DIFFUSIVITY * TIME))
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[24],
        Tier::Full => &[24, 48],
    };
    let (mut outcome, mut errors) = (Outcome::default(), Vec::new());
    for &cells in grids {
        let found = growth(cells)?;
        let grid = format!("{cells} cells");
        outcome.measure(reference, "growth of the variance over 2 D t", &grid, found);
        errors.push(found - 1.0);
    }
    if let [coarse, fine] = errors[..] {
        outcome.order = Some(order(coarse, fine));
    }
    Ok(outcome)
}
