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
    remark: "A semi-Lagrangian step smears by its interpolation: where the ends of paths lie anywhere between \
             samples, by a variance of `dx^2 / 6` along each axis (the mean of `f (1 - f) dx^2`), so that over `n` \
             steps a blob of variance `w^2` has `w^2 + n dx^2 / 6`. Its path errs by `dt^4` a step (Falcone & \
             Ferretti 1998). At a constant Courant number that is an error of the order of `dx`, reached from below \
             at any resolution, since a difference of Gaussians grows less than their variance does; with `dt` as \
             the root of `dx` it is 3/2. The error is beside that of the smear alone.",
    run,
};

/// Steps of a turn in a box of so many cells.
fn steps_at_constant_courant(cells: usize) -> usize {
    // At the sides of the box gas crosses a cell in a step.
    3 * cells
}

/// The same where the step shrinks as the root of the cells: at 64 of them 40 steps a turn, in which
/// the path errs by less than a fiftieth of a cell.
fn steps_by_the_root(cells: usize) -> usize {
    (5.0 * (cells as f64).sqrt()).round() as usize
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

/// The L1 error of a blob that is only smeared, relative to it: of a Gaussian whose variance has
/// grown from `w^2` to `k w^2` in the plane, `2 k^(-1 / (k - 1)) (1 - 1 / k)`.
fn smeared(cells: usize, steps: usize) -> f64 {
    let grown = steps as f64 / (6.0 * (cells as f64 * WIDTH).powi(2));
    let k = 1.0 + grown;
    2.0 * k.powf(-1.0 / grown) * (1.0 - 1.0 / k)
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
            // The reference knows it of schemes that only smear.
            let name = format!("error over that of the smear of {name}");
            outcome.measure(
                reference,
                &name,
                &grid,
                error / smeared(cells, steps(cells)),
            );
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
