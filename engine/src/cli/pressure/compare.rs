//! The network beside conjugate gradients.

use backflow_diff::linear::{LinearSolver, Params, SolveError};
use backflow_sim::gas::{
    learned::{direction::DeepConjugateDirection, network::Network, samples::Samples},
    poisson::Poisson,
    pressure::{Precondition, Prepared, PressureSolver},
};
use serde_json::{Value, json};

use crate::cli::{Failure, out::Watch};

/// Seed of right-hand sides that were not trained on.
const HELD_OUT: u64 = 1_000_003;

/// Share of the iterations of conjugate gradients that the network is hoped to need.
const HOPED: f64 = 0.6;

const NAMES: [&str; 4] = [
    "conjugate gradients",
    "incomplete Cholesky",
    "multigrid",
    "network",
];

/// Means over the right-hand sides.
pub(super) struct Compared {
    /// Iterations and seconds of each solver.
    costs: [[f64; 2]; 4],
    count: usize,
    /// Share on which the network needs at most [`HOPED`] of the iterations of conjugate gradients.
    fewer: f64,
    /// Most iterations of the network over those of conjugate gradients.
    worst: f64,
}

/// Solves for `count` right-hand sides with each solver.
///
/// # Errors
/// A solver that does not get to the tolerance.
pub(super) fn compare(
    poisson: &Poisson<f64>,
    network: &Network,
    count: usize,
    tolerance: f64,
) -> Result<Compared, Failure> {
    let held_out = Samples::new(poisson.clone(), count, HELD_OUT);
    let params = Params::with_tolerance(tolerance);
    let prepared = [
        Precondition::Plain,
        Precondition::Incomplete,
        Precondition::Multigrid,
    ]
    .map(|choice| Prepared::new(choice, poisson));
    let learned = DeepConjugateDirection {
        params,
        network,
        cells: poisson.cells,
    };
    let iterations = |solver: usize, b: &[f64]| -> Result<usize, SolveError> {
        let mut x = vec![0.0; b.len()];
        let info = match prepared.get(solver) {
            Some(prepared) => PressureSolver { params, prepared }.solve(poisson, b, &mut x)?,
            None => learned.solve(poisson, b, &mut x)?,
        };
        Ok(info.iterations)
    };
    let (mut sums, mut fewer, mut worst) = ([[0.0; 2]; 4], 0, 0.0_f64);
    for b in &held_out.vectors {
        let mut taken = [0.0; 4];
        for (solver, sums) in sums.iter_mut().enumerate() {
            let watch = Watch::start();
            taken[solver] = iterations(solver, b).map_err(Failure::work)? as f64;
            sums[0] += taken[solver];
            sums[1] += watch.seconds();
        }
        let ratio = taken[3] / taken[0].max(1.0);
        fewer += usize::from(ratio <= HOPED);
        worst = worst.max(ratio);
    }
    let share = 1.0 / count.max(1) as f64;
    Ok(Compared {
        costs: sums.map(|sums| sums.map(|sum| sum * share)),
        count,
        fewer: fewer as f64 * share,
        worst,
    })
}

impl Compared {
    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let rows = NAMES.iter().zip(&self.costs);
        let rows = rows.map(|(name, [iterations, seconds])| {
            json!({"solver": name, "iterations": iterations, "seconds": seconds})
        });
        json!({
            "solvers": rows.collect::<Vec<_>>(),
            "share_at_most_0.6_of_cg": self.fewer,
            "worst_ratio_to_cg": self.worst,
        })
    }

    /// As text.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("means of {} right-hand sides:", self.count)];
        for (name, [iterations, seconds]) in NAMES.iter().zip(&self.costs) {
            lines.push(format!(
                "  {name:<20} {iterations:>7.1} iterations {seconds:>10.2e} s"
            ));
        }
        lines.push(format!(
            "  network at most {HOPED} of conjugate gradients on {:.0} %, at worst {:.2}",
            100.0 * self.fewer,
            self.worst
        ));
        lines
    }
}
