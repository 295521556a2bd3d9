//! What each preconditioner of the pressure costs.

use backflow::{
    diff::linear::{LinearSolver, Params},
    sim::gas::{
        poisson::Pockets,
        pressure::{Precondition, Prepared, PressureSolver},
        projector::Projector,
    },
};

use super::{scene, timed};

const CHOICES: [Precondition; 3] = [
    Precondition::Multigrid,
    Precondition::Incomplete,
    Precondition::Plain,
];

/// Relative residuals.
const TOLERANCES: [f64; 2] = [1e-6, 1e-10];

/// Prints iterations and seconds.
pub fn run(cells: usize) {
    let (grid, faces, u) = scene::ball(cells);
    let projector = Projector::new(&grid, &faces, None, Precondition::Plain, 1e-6);
    let poisson = projector.poisson();
    let b = scene::right_hand_side(&grid, &Pockets::of(poisson), &u);
    for choice in CHOICES {
        let (prepared, made) = timed(|| Prepared::new(choice, poisson));
        for tolerance in TOLERANCES {
            let params = Params::with_tolerance(tolerance);
            let solver = PressureSolver {
                params,
                prepared: &prepared,
            };
            let mut x = vec![0.0; b.len()];
            let (info, seconds) = timed(|| solver.solve(poisson, &b, &mut x).unwrap());
            println!(
                "{{\"what\": \"solve\", \"cells\": {cells}, \"precondition\": \"{choice:?}\", \
                 \"relative_residual\": {:e}, \"iterations\": {}, \"prepare_s\": {made:.4}, \
                 \"solve_s\": {seconds:.4}}}",
                info.relative_residual, info.iterations
            );
        }
    }
}
