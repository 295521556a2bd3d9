//! What a step of gas costs: `cargo bench -p backflow --bench gas -- [solvers] [backward] [step]
//! [CELLS]`, one JSON line a figure. Run it on a quiet machine.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::print_stdout, reason = "its figures are its output")]

mod backward;
mod scene;
mod solvers;
mod step;
mod sweeps;

use std::time::Instant;

/// What `run` returns, and how many seconds it takes.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed<R>(run: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = run();
    (result, start.elapsed().as_secs_f64())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = arguments
        .iter()
        .filter_map(|word| word.parse().ok())
        .collect();
    let named = |name: &str| arguments.iter().any(|word| word == name);
    let all = !["solvers", "backward", "step"].into_iter().any(named);
    for cells in if sizes.is_empty() { vec![64] } else { sizes } {
        if all || named("solvers") {
            solvers::run(cells);
        }
        if all || named("backward") {
            backward::run(cells);
        }
        if all || named("step") {
            step::run(cells);
        }
    }
}
