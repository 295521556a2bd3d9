//! The lid of a box drags gas round.

use backflow_sim::{
    gas::{Gas, boundary::Side, diffuse::stable, model::Splitting},
    rollout::store::RunError,
};

use super::{
    super::{Case, Outcome, Reference, Tier, order},
    model, run as run_gas,
};

pub const CASE: Case = Case {
    id: "E5",
    about: "cavity with a moving lid, Reynolds number 100, against Ghia, Ghia & Shin 1982",
    remark: "",
    run,
};

/// Component, place and value of each velocity.
const VELOCITIES: &str = include_str!("../../../../tests/reference/cavity.csv");

/// Kinematic viscosity (m^2/s) at which the Reynolds number is 100.
const VISCOSITY: f64 = 0.01;

/// Time after which the flow is steady (s).
const TIME: f64 = 15.0;

/// Speed of the lid (m/s).
const LID: f64 = 1.0;

/// The largest difference from the reference in a box of so many cells, over the speed of the lid.
fn error(cells: usize) -> Result<f64, RunError> {
    let sides = Side::wall(0);
    let dx = 1.0 / cells as f64;
    let mut model = model([cells, cells, 1], dx, &sides, Splitting::Projected);
    model.viscosity = Some(VISCOSITY);
    model.sides[1][1] = Side::Wall {
        velocity: [LID, 0.0, 0.0],
        slip: false,
        scalars: Vec::new(),
    };
    let mut gas = Gas::at_rest(&model);
    let dt = (dx / LID).min(0.9 * stable(&model.grid, VISCOSITY));
    run_gas(&model, &mut gas, dt, (TIME / dt) as usize, |_, _| {})?;
    let rows = VELOCITIES.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let &["E5", component, place, value] = fields.as_slice() else {
            return None;
        };
        let component = usize::from(component == "v");
        let (place, value): (f64, f64) = (place.parse().ok()?, value.parse().ok()?);
        Some((across(&gas, cells, component, place) - value).abs())
    });
    Ok(rows.fold(0.0, f64::max) / LID)
}

/// A component of the velocity on the middle line across it, linear between faces; beyond the last
/// of them it is linear up to the wall.
fn across(gas: &Gas<f64>, cells: usize, component: usize, place: f64) -> f64 {
    let field = &gas.velocity[component];
    let sample = |index: f64| {
        let inside = index.clamp(0.0, (cells - 1) as f64);
        let at = match component {
            0 => [cells / 2, inside as usize, 0],
            _ => [inside as usize, cells / 2, 0],
        };
        let value = field.data[field.layout.index(at)];
        let wall = if component == 0 && index > inside {
            LID
        } else {
            0.0
        };
        if index == inside {
            value
        } else {
            2.0 * wall - value
        }
    };
    let at = place * cells as f64 - 0.5;
    let share = at - at.floor();
    sample(at.floor()) * (1.0 - share) + sample(at.floor() + 1.0) * share
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[32],
        Tier::Full => &[32, 64],
    };
    let (mut outcome, mut errors) = (Outcome::default(), Vec::new());
    for &cells in grids {
        let found = error(cells)?;
        let grid = format!("{cells} cells");
        outcome.measure(reference, "largest error of the velocity", &grid, found);
        errors.push(found);
    }
    if let [coarse, fine] = errors[..] {
        outcome.order = Some(order(coarse, fine));
    }
    Ok(outcome)
}
