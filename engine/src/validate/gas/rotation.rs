//! A blob is carried round by a solid rotation.

use std::f64::consts::TAU;

use backflow_sim::{
    gas::{
        advect::{AdvectScratch, Scheme, advect},
        boundary::{Ghost, Ghosts, Side, fill},
        field::{Field, Velocity},
        grid::Place,
        model::Splitting,
    },
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    super::{Case, Outcome, Reference, Tier, order},
    model,
};

pub const CASE: Case = Case {
    id: "E3",
    about: "a blob after one turn of a solid rotation",
    remark: "A semi-Lagrangian step errs by its interpolation, `dx^2` a step, and by its path, `dt^4`: over a turn by \
             `dx^2 / dt + dt^3` (Falcone & Ferretti 1998). At a constant Courant number that is first order, from \
             below, since a smear as wide as the blob no longer grows; with `dt` as the root of `dx` it is 3/2. \
             Where the smear is as wide as the blob, as on the coarse grids here, less of it is seen.",
    run,
};

/// Steps of a turn in a box of so many cells.
fn steps_at_constant_courant(cells: usize) -> usize {
    // At the sides of the box gas crosses a cell in a step.
    3 * cells
}

/// The same where the step shrinks as the root of the cells, equal at 64 of them.
fn steps_by_the_root(cells: usize) -> usize {
    (24.0 * (cells as f64).sqrt()).round() as usize
}

/// Distance from its middle over which the blob falls off (m).
const WIDTH: f64 = 0.07;

/// The blob in the middle of the upper half of a unit box.
fn blob(x: &Vector3<f64>) -> f64 {
    let square = (x.x - 0.5).powi(2) + (x.y - 0.7).powi(2);
    (-square / (2.0 * WIDTH * WIDTH)).exp()
}

/// The L1 error after a turn, relative to the blob, and the share of its mass that was gained.
fn turned(cells: usize, scheme: Scheme, steps: usize) -> [f64; 2] {
    let side = Side::slip_wall(0);
    let sizes = [cells, cells, 1];
    let grid = model(sizes, 1.0 / cells as f64, &side, Splitting::Projected).grid;
    let ghosts: [Ghosts<f64>; 1] = [[[Ghost::copy(); 2], [Ghost::copy(); 2], [Ghost::Periodic; 2]]];
    let mut velocity: Velocity<f64> = [0, 1, 2].map(|axis| {
        Field::from_fn(&grid, grid.layout(Place::Face(axis)), |x| match axis {
            0 => -TAU * (x.y - 0.5),
            1 => TAU * (x.x - 0.5),
            _ => 0.0,
        })
    });
    for field in &mut velocity {
        fill(field, &ghosts[0]);
    }
    let mut fields = [Field::from_fn(&grid, grid.centres(), blob)];
    let start = fields[0].samples();
    let (mut to, mut scratch) = (fields.clone(), AdvectScratch::default());
    for _ in 0..steps {
        fill(&mut fields[0], &ghosts[0]);
        let dt = 1.0 / steps as f64;
        advect(
            &grid,
            scheme,
            &velocity,
            &fields,
            &ghosts,
            dt,
            &mut to,
            &mut scratch,
        );
        std::mem::swap(&mut fields, &mut to);
    }
    let end = fields[0].samples();
    let mass: f64 = start.iter().sum();
    let off: f64 = start.iter().zip(&end).map(|(a, b)| (a - b).abs()).sum();
    [off / mass, end.iter().sum::<f64>() / mass - 1.0]
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: [usize; 2] = match tier {
        Tier::Fast => [32, 64],
        Tier::Full => [64, 128],
    };
    let mut outcome = Outcome::default();
    let variants: [(Scheme, &str, fn(usize) -> usize, f64); 3] = [
        (
            Scheme::SemiLagrangian,
            "semi-Lagrangian at a constant Courant number",
            steps_at_constant_courant,
            1.0,
        ),
        (
            Scheme::SemiLagrangian,
            "semi-Lagrangian",
            steps_by_the_root,
            1.0,
        ),
        (
            Scheme::MacCormack { limited: false },
            "MacCormack",
            steps_at_constant_courant,
            1.8,
        ),
    ];
    for (scheme, name, steps, least) in variants {
        let found = grids.map(|cells| (cells, turned(cells, scheme, steps(cells))));
        for (cells, [error, mass]) in found {
            let grid = format!("{cells} cells");
            outcome.measure(reference, &format!("error of {name}"), &grid, error);
            outcome.measure(reference, &format!("mass gained by {name}"), &grid, mass);
        }
        let grid = format!("{} to {} cells", grids[0], grids[1]);
        let observed = order(found[0].1[0], found[1].1[0]);
        for (what, value) in [
            ("order", observed),
            ("order short of the least", (least - observed).max(0.0)),
        ] {
            outcome.measure(reference, &format!("{what} of {name}"), &grid, value);
        }
    }
    Ok(outcome)
}
