//! Cases of gas with known answers: projection (E1), heat kernel (E2), lid-driven cavity (E5).

use backflow_sim::gas::{
    Gas, Model, Moment, Workspace,
    advect::Scheme,
    boundary::Side,
    buoyancy::Lift,
    field::Field,
    grid::{Grid, Place},
    model::{Method, Species, Splitting},
    pressure::Precondition,
    step,
};
use nalgebra::Vector3;

use crate::reference::rows;

const CLOSED_FORMS: &str = include_str!("../reference/gas.csv");
const CAVITY: &str = include_str!("../reference/cavity.csv");

/// A gas in a box of unit cells along x, with nothing in it.
fn model(cells: [usize; 3], dx: f64, side: &Side<f64>, scheme: Scheme) -> Model<f64> {
    let periodic = *side == Side::Periodic;
    Model {
        grid: Grid {
            origin: Vector3::zeros(),
            dx,
            cells,
            periodic: [periodic; 3],
        },
        sides: [0, 1, 2].map(|_| [side.clone(), side.clone()]),
        density: 1.2,
        gravity: Vector3::zeros(),
        viscosity: None,
        confinement: None,
        species: Vec::new(),
        obstacles: Vec::new(),
        jets: Vec::new(),
        sources: Vec::new(),
        method: Method {
            scheme,
            splitting: Splitting::Projected,
            precondition: Precondition::Multigrid,
            tolerance: 1e-8,
            courant: 1.0,
        },
    }
}

fn scalar(name: &str) -> Species<f64> {
    Species {
        name: name.to_owned(),
        diffusivity: None,
        lift: Lift {
            expansion: 0.0,
            reference: 0.0,
        },
    }
}

fn still() -> Moment<f64> {
    Moment {
        obstacles: Vec::new(),
        jets: Vec::new(),
        sources: Vec::new(),
    }
}

/// Runs `count` steps of `dt` and returns the largest divergence left, times `dx` over the
/// greatest speed.
fn run(model: &Model<f64>, moment: &Moment<f64>, gas: &mut Gas<f64>, dt: f64, count: usize) -> f64 {
    let mut workspace = Workspace::new(model);
    let mut worst = 0.0_f64;
    for _ in 0..count {
        step(model, moment, None, gas, dt, &mut workspace).unwrap();
        let divergence = backflow_sim::gas::divergence::inflow(&model.grid, &gas.velocity, None);
        let most = divergence.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        worst = worst.max(most / gas.fastest());
    }
    worst
}

#[test]
fn no_cell_gains_or_loses_gas() {
    for n in [24, 48] {
        let length = std::f64::consts::TAU;
        let scheme = Scheme::MacCormack { limited: false };
        let mut model = model([n, n, 1], length / n as f64, &Side::Periodic, scheme);
        model.viscosity = Some(0.01);
        let grid = model.grid;
        let (along_x, along_y) = (grid.layout(Place::Face(0)), grid.layout(Place::Face(1)));
        let mut gas = Gas::at_rest(&model);
        gas.velocity[0] = Field::from_fn(&grid, along_x, |x| x.x.sin() * x.y.cos());
        gas.velocity[1] = Field::from_fn(&grid, along_y, |x| -x.x.cos() * x.y.sin());
        let worst = run(&model, &still(), &mut gas, 0.5 * grid.dx, 20);
        assert!(gas.fastest() > 0.5 && worst <= 1e-8, "{worst:e}");
    }
}

#[test]
fn variance_of_a_diffusing_blob_grows_by_two_d_t() {
    for n in [24, 48] {
        let dx = 2.0 / n as f64;
        let mut model = model([n, n, 1], dx, &Side::Periodic, Scheme::SemiLagrangian);
        let row = &rows(CLOSED_FORMS)[0];
        let (time, start) = (row.number("parameter"), 0.02_f64);
        let diffusivity = (row.number("value") - start) / (2.0 * time);
        let mut heat = scalar("heat");
        heat.diffusivity = Some(diffusivity);
        model.species = vec![heat];
        let grid = model.grid;
        let mut gas = Gas::at_rest(&model);
        let layout = grid.centres();
        gas.scalars[0] = Field::from_fn(&grid, layout, |x| {
            (-((x.x - 1.0).powi(2) + (x.y - 1.0).powi(2)) / (2.0 * start)).exp()
        });
        let variance = |gas: &Gas<f64>| {
            let (mut mass, mut spread) = (0.0, 0.0);
            for (index, q) in gas.scalars[0].samples().iter().enumerate() {
                let x = (index % n) as f64 * dx + 0.5 * dx - 1.0;
                mass += q;
                spread += q * x * x;
            }
            (mass, spread / mass)
        };
        let (mass, before) = variance(&gas);
        run_scalar(&model, &mut gas, time / 60.0, 60);
        let (kept, after) = variance(&gas);
        assert!((kept - mass).abs() <= 1e-12 * mass, "mass {kept} {mass}");
        let growth = after - before;
        let known = row.number("value") - start;
        println!("E2: variance grows by {growth} of {known} at {n} cells");
        assert!(
            (growth / known - 1.0).abs() <= row.number("tolerance"),
            "{growth} {known}"
        );
    }
}

/// Steps of a gas whose velocity stays as it is.
fn run_scalar(model: &Model<f64>, gas: &mut Gas<f64>, dt: f64, count: usize) {
    let velocity = gas.velocity.clone();
    let mut workspace = Workspace::new(model);
    for _ in 0..count {
        step(model, &still(), None, gas, dt, &mut workspace).unwrap();
        gas.velocity.clone_from(&velocity);
    }
}

/// The largest difference from the reference in a cavity of `n` cells.
fn cavity(n: usize, time: f64) -> f64 {
    let scheme = Scheme::MacCormack { limited: false };
    let mut model = model([n, n, 1], 1.0 / n as f64, &Side::wall(0), scheme);
    model.viscosity = Some(0.01);
    model.sides[2] = [Side::slip_wall(0), Side::slip_wall(0)];
    model.sides[1][1] = Side::Wall {
        velocity: [1.0, 0.0, 0.0],
        slip: false,
        scalars: Vec::new(),
    };
    let mut gas = Gas::at_rest(&model);
    let dt = (1.0 / n as f64).min(0.9 * backflow_sim::gas::diffuse::stable(&model.grid, 0.01));
    run(&model, &still(), &mut gas, dt, (time / dt) as usize);
    // Between the lid and the faces below it the velocity is linear.
    let along = |component: usize, place: f64| {
        let at = place * n as f64 - 0.5;
        let low = at.floor();
        let sample = |index: f64| {
            if index < 0.0 {
                return -sample_inside(&gas, component, 0, n);
            }
            if index >= n as f64 {
                let wall = if component == 0 { 1.0 } else { 0.0 };
                return 2.0 * wall - sample_inside(&gas, component, n - 1, n);
            }
            sample_inside(&gas, component, index as usize, n)
        };
        let share = at - low;
        sample(low) * (1.0 - share) + sample(low + 1.0) * share
    };
    rows(CAVITY)
        .iter()
        .map(|row| {
            let component = if row.text("component") == "u" { 0 } else { 1 };
            (along(component, row.number("place")) - row.number("value")).abs()
        })
        .fold(0.0, f64::max)
}

/// Sample `index` on the middle line across `component`.
fn sample_inside(gas: &Gas<f64>, component: usize, index: usize, n: usize) -> f64 {
    let field = &gas.velocity[component];
    let at = if component == 0 {
        [n / 2, index, 0]
    } else {
        [index, n / 2, 0]
    };
    field.data[field.layout.index(at)]
}

#[test]
fn cavity_has_the_velocities_of_ghia() {
    let error = cavity(32, 12.0);
    println!("E5: largest error {error:.4} at 32 cells");
    assert!(error <= 0.02, "{error}");
}
