//! A box with a warm and a cold wall: gas rises along the one and sinks along the other.

use backflow_sim::{
    gas::{Gas, Model, boundary::Side, diffuse::stable, model::Splitting},
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    super::{Case, Outcome, Reference, Tier, order},
    model, run as run_gas, species,
};

pub const CASE: Case = Case {
    id: "E6",
    about: "cavity with a warm and a cold wall, Rayleigh number 1000, against de Vahl Davis 1983",
    remark: "Of the reference only the velocity at this Rayleigh number has been confirmed by a second source; the \
             number of Nusselt is reported beside what is recalled of it.",
    run,
};

/// Number of Prandtl, `nu / D`.
const PRANDTL: f64 = 0.71;

/// Number of Rayleigh, `g beta dT L^3 / (nu D)`.
const RAYLEIGH: f64 = 1e3;

/// Time after which the flow is steady, in `L^2 / D`.
const TIME: f64 = 1.0;

/// The unit box with a diffusivity of heat of 1 m^2/s, a wall at 1 K and one across at 0 K.
fn build(cells: usize) -> Model<f64> {
    let dx = 1.0 / cells as f64;
    let mut model = model([cells, cells, 1], dx, &Side::wall(1), Splitting::Projected);
    let held = |value: f64| Side::Wall {
        velocity: [0.0; 3],
        slip: false,
        scalars: vec![Some(value)],
    };
    model.sides[0] = [held(1.0), held(0.0)];
    model.viscosity = Some(PRANDTL);
    model.gravity = Vector3::new(0.0, -1.0, 0.0);
    let mut heat = species("temperature");
    heat.diffusivity = Some(1.0);
    heat.lift.expansion = RAYLEIGH * PRANDTL;
    heat.lift.reference = 0.5;
    model.species = vec![heat];
    model
}

/// The greatest of samples at the middles of cells of a unit edge and where it is, by the parabola
/// through three of them.
fn greatest(samples: &[f64]) -> [f64; 2] {
    let inside = 1..samples.len() - 1;
    let most = inside.max_by(|a, b| samples[*a].total_cmp(&samples[*b]));
    let most = most.unwrap_or(1);
    let [below, middle, above] = [0, 1, 2].map(|by| samples[most + by - 1]);
    let (slope, bend) = (0.5 * (above - below), above - 2.0 * middle + below);
    let off = -slope / bend;
    let place = (most as f64 + 0.5 + off) / samples.len() as f64;
    [middle + 0.5 * slope * off, place]
}

/// The greatest velocity on the middle line, its height, and the mean number of Nusselt at the
/// warm wall.
fn steady(cells: usize) -> Result<[f64; 3], RunError> {
    let model = build(cells);
    let dt = 0.9 * stable(&model.grid, 1.0);
    let mut gas = Gas::at_rest(&model);
    run_gas(&model, &mut gas, dt, (TIME / dt) as usize, |_, _| {})?;
    let (u, heat) = (&gas.velocity[0], &gas.scalars[0]);
    let line: Vec<f64> = (0..cells)
        .map(|j| u.data[u.layout.index([cells / 2, j, 0])])
        .collect();
    let [speed, height] = greatest(&line);
    // One-sided and of second order: the wall is half a cell from the first centre.
    let flux = (0..cells).map(|j| {
        let [first, second] = [0, 1].map(|i| heat.data[heat.layout.index([i, j, 0])]);
        (8.0 - 9.0 * first + second) / 3.0 * cells as f64
    });
    Ok([speed, height, flux.sum::<f64>() / cells as f64])
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[16],
        Tier::Full => &[32, 64],
    };
    let (mut outcome, mut errors) = (Outcome::default(), Vec::new());
    for &cells in grids {
        let found = steady(cells)?;
        let grid = format!("{cells} cells");
        for (name, value) in NAMES.into_iter().zip(found) {
            outcome.measure(reference, name, &grid, value);
        }
        if let Some(known) = reference.find(NAMES[0]) {
            errors.push(found[0] - known.value);
        }
    }
    if let [coarse, fine] = errors[..] {
        outcome.order = Some(order(coarse, fine));
    }
    Ok(outcome)
}

const NAMES: [&str; 3] = [
    "greatest velocity on the middle line",
    "height of the greatest velocity",
    "mean number of Nusselt",
];
