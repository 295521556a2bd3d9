//! Gas in a box, as its cases have it.

pub mod balance;
pub mod cavity;
pub mod heat;
pub mod plume;
pub mod projection;
pub mod rotation;
pub mod street;
pub mod thermal;
pub mod vortices;

use backflow_sim::{
    gas::{
        Gas, Model, Moment, Workspace,
        advect::Scheme,
        boundary::Side,
        buoyancy::Lift,
        grid::Grid,
        model::{Method, Species, Splitting},
        pressure::Precondition,
        rollout::RunError as GasError,
        step,
    },
    rollout::store::RunError,
};
use nalgebra::Vector3;

/// A gas without scalars in a box of `cells` cells of `dx` with the same side all around; what is
/// one cell thick repeats itself across.
fn model(cells: [usize; 3], dx: f64, side: &Side<f64>, splitting: Splitting) -> Model<f64> {
    let thin = |axis: usize| cells[axis] == 1;
    let of = |axis: usize| {
        if thin(axis) {
            Side::Periodic
        } else {
            side.clone()
        }
    };
    let periodic = [0, 1, 2].map(|axis| of(axis) == Side::Periodic);
    let grid = Grid {
        origin: Vector3::zeros(),
        dx,
        cells,
        periodic,
    };
    let method = Method {
        scheme: Scheme::MacCormack { limited: false },
        conservative: false,
        splitting,
        precondition: Precondition::Multigrid,
        tolerance: 1e-8,
        courant: 1.0,
    };
    Model::plain(grid, [0, 1, 2].map(|axis| [of(axis), of(axis)]), method)
}

/// Runs `count` steps of `dt` in which nothing acts; says where the gas is after each.
fn run(
    model: &Model<f64>,
    gas: &mut Gas<f64>,
    dt: f64,
    count: usize,
    after: impl FnMut(f64, &Gas<f64>),
) -> Result<(), RunError> {
    run_in(model, |_| Moment::still(), gas, dt, count, after)
}

/// Runs `count` steps of `dt` with what acts in each; says where the gas is after each.
fn run_in(
    model: &Model<f64>,
    acts: impl Fn(usize) -> Moment<f64>,
    gas: &mut Gas<f64>,
    dt: f64,
    count: usize,
    mut after: impl FnMut(f64, &Gas<f64>),
) -> Result<(), RunError> {
    let mut workspace = Workspace::new(model);
    for index in 0..count {
        step(model, &acts(index), None, gas, dt, &mut workspace).map_err(|source| {
            GasError::Pressure {
                frame: 0,
                step: index,
                source,
            }
        })?;
        after((index + 1) as f64 * dt, gas);
    }
    Ok(())
}

/// A scalar that does nothing.
fn species(name: &str) -> Species<f64> {
    Species {
        name: name.to_owned(),
        diffusivity: None,
        lift: Lift {
            expansion: 0.0,
            reference: 0.0,
        },
    }
}
