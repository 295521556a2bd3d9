//! Cases of gas with known answers, on coarse grids, and what holds in every step.

use backflow::validate::{CASES, Tier, table};
use backflow_sim::gas::{
    Gas, Model, Moment, Workspace,
    advect::Scheme,
    boundary::Side,
    divergence::inflow,
    field::Field,
    grid::{Grid, Place},
    model::{Method, Splitting},
    pressure::Precondition,
    step,
};
use nalgebra::Vector3;

/// Projection, heat kernel, carried blob, lid-driven cavity, buoyancy that moves nothing.
const FAST: [&str; 5] = ["E1", "E2", "E3", "E5", "E8"];

#[test]
fn cases_of_gas_are_within_their_tolerances() {
    for id in FAST {
        let case = CASES.iter().find(|case| case.id == id).unwrap();
        let outcome = case.run(Tier::Fast).unwrap();
        assert!(outcome.holds(), "{}", table(case, &outcome));
    }
}

/// Vortices of Taylor and Green in a box of `n` cells that repeats itself.
fn vortices(n: usize) -> (Model<f64>, Gas<f64>) {
    let grid = Grid {
        origin: Vector3::zeros(),
        dx: std::f64::consts::TAU / n as f64,
        cells: [n, n, 1],
        periodic: [true; 3],
    };
    let method = Method {
        scheme: Scheme::MacCormack { limited: false },
        conservative: false,
        splitting: Splitting::Projected,
        precondition: Precondition::Multigrid,
        tolerance: 1e-8,
        courant: 1.0,
    };
    let sides = [0, 1, 2].map(|_| [Side::Periodic, Side::Periodic]);
    let model = Model {
        density: 1.2,
        viscosity: Some(0.01),
        ..Model::plain(grid, sides, method)
    };
    let (along_x, along_y) = (grid.layout(Place::Face(0)), grid.layout(Place::Face(1)));
    let mut gas = Gas::at_rest(&model);
    gas.velocity[0] = Field::from_fn(&grid, along_x, |x| x.x.sin() * x.y.cos());
    gas.velocity[1] = Field::from_fn(&grid, along_y, |x| -x.x.cos() * x.y.sin());
    (model, gas)
}

#[test]
fn no_cell_gains_or_loses_gas_in_any_step() {
    let still = Moment::still();
    for n in [24, 48] {
        let (model, mut gas) = vortices(n);
        let (mut workspace, dt) = (Workspace::new(&model), 0.5 * model.grid.dx);
        for _ in 0..20 {
            step(&model, &still, None, &mut gas, dt, &mut workspace).unwrap();
            let flows = inflow(&model.grid, &gas.velocity, None);
            let worst = flows
                .iter()
                .fold(0.0_f64, |most, flow| most.max(flow.abs()));
            let speed = gas.fastest();
            assert!(speed > 0.5 && worst <= 1e-8 * speed, "{worst:e}");
        }
    }
}
