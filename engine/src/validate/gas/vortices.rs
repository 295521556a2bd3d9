//! Vortices of a gas decay by viscosity.

use std::f64::consts::TAU;

use backflow_sim::{
    gas::{Gas, boundary::Side, field::Field, grid::Place, model::Splitting},
    rollout::store::RunError,
};

use super::{
    super::{Case, Curve, Outcome, Plot, Reference, Tier, order},
    model, run as run_gas,
};

pub const CASE: Case = Case {
    id: "E4",
    about: "Taylor and Green's vortex of a gas, viscosity 0.01 m^2/s",
    remark: "",
    run,
};

const VISCOSITY: f64 = 0.01;

/// Times at which the viscosity is read off (s).
const TIMES: [f64; 3] = [1.0, 5.0, 10.0];

/// Cells that the fastest gas crosses in a step (1).
const COURANT: f64 = 0.5;

/// Kinetic energy over that at the start, after each step, with the time (s).
fn decay(cells: usize, splitting: Splitting, until: f64) -> Result<Vec<[f64; 2]>, RunError> {
    let mut model = model(
        [cells, cells, 1],
        TAU / cells as f64,
        &Side::Periodic,
        splitting,
    );
    model.viscosity = Some(VISCOSITY);
    let grid = model.grid;
    let mut gas = Gas::at_rest(&model);
    let (along_x, along_y) = (grid.layout(Place::Face(0)), grid.layout(Place::Face(1)));
    gas.velocity[0] = Field::from_fn(&grid, along_x, |x| x.x.sin() * x.y.cos());
    gas.velocity[1] = Field::from_fn(&grid, along_y, |x| -x.x.cos() * x.y.sin());
    let energy = |gas: &Gas<f64>| -> f64 {
        let samples = gas.velocity.iter().flat_map(Field::samples);
        samples.map(|u| u * u).sum()
    };
    let (start, mut series) = (energy(&gas), vec![[0.0, 1.0]]);
    let count = (until / (COURANT * grid.dx)).ceil();
    run_gas(
        &model,
        &mut gas,
        until / count,
        count as usize,
        |time, gas| {
            series.push([time, energy(gas) / start]);
        },
    )?;
    Ok(series)
}

/// The viscosity of the decay up to a time: `KE = exp(-4 nu k^2 t)` with `k = 1`.
fn viscosity(series: &[[f64; 2]], until: f64) -> f64 {
    let [time, rest] = series
        .iter()
        .copied()
        .find(|[time, _]| *time >= until - 1e-9)
        .unwrap_or([until, 1.0]);
    -rest.ln() / (4.0 * time)
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (grids, until): (&[usize], f64) = match tier {
        Tier::Fast => (&[32], 1.0),
        Tier::Full => (&[32, 64], 10.0),
    };
    let mut outcome = Outcome::default();
    let mut errors = Vec::new();
    let mut curves = Vec::new();
    for &cells in grids {
        let grid = format!("{cells} cells");
        let series = decay(cells, Splitting::Reflected, until)?;
        for time in TIMES.into_iter().filter(|time| *time <= until) {
            let found = viscosity(&series, time);
            let name = format!("viscosity up to {time} s");
            outcome.measure(reference, &name, &grid, found);
            if time == TIMES[0] {
                errors.push(found / VISCOSITY - 1.0);
            }
        }
        let projected = decay(cells, Splitting::Projected, TIMES[0])?;
        let found = viscosity(&projected, TIMES[0]);
        outcome.measure(reference, "viscosity without reflection", &grid, found);
        curves.push(Curve {
            name: grid,
            points: series,
            marks: false,
        });
    }
    if let [coarse, fine] = errors[..] {
        outcome.order = Some(order(coarse, fine));
    }
    let exact = (0..=20).map(|part| {
        let t = until * f64::from(part) / 20.0;
        [t, (-4.0 * VISCOSITY * t).exp()]
    });
    curves.push(Curve {
        name: "exact".to_owned(),
        points: exact.collect(),
        marks: true,
    });
    outcome.plots.push(Plot {
        title: "Taylor and Green's vortex of a gas".to_owned(),
        axes: [
            "time (s)".to_owned(),
            "kinetic energy / its start".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}
