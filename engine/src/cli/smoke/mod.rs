//! `backflow train-smoke`: trains networks that stand for a step of smoke.

mod compare;

use std::path::{Path, PathBuf};

use backflow_sim::{
    gas::learned::{
        conv::Maps,
        smoke::{CHANNELS, Smoke, Surrogate, scales},
        stagger::Staggered,
    },
    io::{Array, Npz, write_npz},
};
use clap::Args;

use self::compare::{Judged, compare};
use super::{
    Failure,
    out::{Watch, say, say_json},
    training::{self, batch},
};

/// Trains networks that stand for a step of smoke in a flat box: one for the whole box, and one for
/// each of its interleaved parts, and compares them on runs that they have not seen.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow train-smoke --out smoke.npz
  backflow train-smoke --cells 96 --filters 12 --iterations 1000 --out smoke.npz
  backflow train-smoke --from smoke.npz --cells 64")]
pub struct TrainSmoke {
    /// Cells along the two edges of the box.
    #[arg(long, default_value_t = 64, value_name = "N")]
    cells: usize,
    /// Cells from one of a part to its next.
    #[arg(long, default_value_t = 2, value_name = "N")]
    stride: usize,
    /// Channels of each network.
    #[arg(long, default_value_t = 8, value_name = "N")]
    filters: usize,
    /// Steps of the training.
    #[arg(long, default_value_t = 600, value_name = "N")]
    iterations: usize,
    /// Steps of smoke in a step of the training.
    #[arg(long, default_value_t = 4, value_name = "N")]
    batch: usize,
    /// Runs of smoke that are trained on.
    #[arg(long, default_value_t = 12, value_name = "N")]
    runs: usize,
    /// Where the networks of the parts go: a NumPy file with `weights`, `filters`, `stride` and
    /// `scales`.
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    out: Option<PathBuf>,
    /// Compare networks of parts that were trained before, instead of training some.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Steps kept of each run.
const KEPT: usize = 10;

/// Runs that are compared on.
const HELD_OUT: usize = 4;

/// First seeds of the runs that are trained and compared on, and of the weights.
const SEEDS: [u64; 3] = [1, 1_000_003, 5];

impl TrainSmoke {
    /// Runs the command.
    ///
    /// # Errors
    /// Arguments out of range, or a file that cannot be read or written.
    pub fn run(&self) -> Result<(), Failure> {
        let counts = [
            self.stride,
            self.filters,
            self.iterations,
            self.batch,
            self.runs,
        ];
        if counts.contains(&0) || self.cells < 4 * self.stride {
            return Err(Failure::input(
                "expected --stride, --filters, --iterations, --batch and --runs of at least 1; \
                 --cells of at least 4 for each of the stride",
            ));
        }
        let mut smoke = Smoke::new(self.cells);
        let judged = smoke
            .steps(HELD_OUT, KEPT, SEEDS[1])
            .map_err(Failure::work)?;
        let watch = Watch::start();
        let rows = match &self.from {
            Some(path) => vec![compare(&read(path)?, &judged, 0.0)],
            None => {
                let steps = smoke
                    .steps(self.runs, KEPT, SEEDS[0])
                    .map_err(Failure::work)?;
                let solver = watch.seconds() / (self.runs * KEPT * 5) as f64;
                if !self.json {
                    say(&format!("the solver takes {solver:.2e} s a step"));
                }
                let mut rows = Vec::new();
                for stride in [1, self.stride] {
                    let watch = Watch::start();
                    let surrogate = self.train(stride, &steps)?;
                    rows.push(compare(&surrogate, &judged, watch.seconds()));
                    if let (Some(path), true) = (&self.out, stride == self.stride) {
                        write(path, &surrogate)?;
                    }
                }
                rows
            }
        };
        self.tell(&rows);
        Ok(())
    }

    fn train(&self, stride: usize, steps: &[[Maps; 2]]) -> Result<Surrogate, Failure> {
        let mut surrogate = Surrogate {
            staggered: Staggered::flat(stride, [CHANNELS; 2], self.filters, SEEDS[2]),
            scales: scales(steps),
        };
        let start = surrogate.staggered.weights();
        let mut moved = surrogate.clone();
        let loss = |weights: &[f64], number: usize, bar: &mut [f64]| {
            moved.staggered.set_weights(weights);
            // Steps of one run follow each other: a batch takes them from all over.
            let spread = |index: usize| &steps[index * SPREAD % steps.len()];
            let batch = batch(number, self.batch, steps.len());
            moved.loss(batch.into_iter().map(spread), bar)
        };
        let weights = training::train(&start, self.iterations, self.json, loss)?;
        surrogate.staggered.set_weights(&weights);
        Ok(surrogate)
    }

    fn tell(&self, rows: &[Judged]) {
        if self.json {
            let rows: Vec<_> = rows.iter().map(Judged::json).collect();
            say_json(&serde_json::json!({"cells": self.cells, "networks": rows}));
            return;
        }
        rows.iter().for_each(|row| say(&row.line()));
        if let [whole, parts] = rows {
            say(&format!(
                "parts: {:.2} times as fast, {:.2} times the error",
                whole.seconds / parts.seconds,
                parts.error / whole.error
            ));
        }
    }
}

/// Distance of the steps of a batch, a prime.
const SPREAD: usize = 37;

fn write(path: &Path, surrogate: &Surrogate) -> Result<(), Failure> {
    let networks = &surrogate.staggered.networks;
    let filters = [networks.first().map_or(0, |network| network.filters) as i64];
    let stride = [surrogate.staggered.stride as i64];
    let (weights, scales) = (
        surrogate.staggered.weights(),
        surrogate.scales.as_flattened(),
    );
    let arrays = [
        ("stride", Array::I64(vec![], &stride)),
        ("filters", Array::I64(vec![], &filters)),
        ("scales", Array::F64(vec![2, CHANNELS], scales)),
        ("weights", Array::F64(vec![weights.len()], &weights)),
    ];
    write_npz(path, &arrays).map_err(Failure::work)
}

fn read(path: &Path) -> Result<Surrogate, Failure> {
    let mut file = Npz::open(path).map_err(Failure::input)?;
    let mut number = |name: &str| -> Result<usize, Failure> {
        let (_, values) = file.i64(name, &[]).map_err(Failure::input)?;
        let number = values
            .first()
            .and_then(|value| usize::try_from(*value).ok());
        number
            .filter(|number| (1..=64).contains(number))
            .ok_or_else(|| Failure::Input(format!("{}: {name}: expected 1 to 64", path.display())))
    };
    let (stride, filters) = (number("stride")?, number("filters")?);
    let (_, scales) = file
        .f64("scales", &[Some(2), Some(CHANNELS)])
        .map_err(Failure::input)?;
    let (_, weights) = file.f64("weights", &[None]).map_err(Failure::input)?;
    let mut staggered = Staggered::flat(stride, [CHANNELS; 2], filters, 0);
    let count = staggered.weights().len();
    if weights.len() != count {
        return Err(Failure::Input(format!(
            "{}: weights: {}, expected {count} for {filters} filters with stride {stride}",
            path.display(),
            weights.len()
        )));
    }
    staggered.set_weights(&weights);
    let mut own = [[0.0; CHANNELS]; 2];
    own.as_flattened_mut().copy_from_slice(&scales);
    Ok(Surrogate {
        staggered,
        scales: own,
    })
}
