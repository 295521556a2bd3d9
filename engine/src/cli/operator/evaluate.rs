//! `backflow operator evaluate`: operators against the engine.

use std::path::PathBuf;

use backflow_operator::{
    Operator,
    data::{DataSet, Split, Trajectory, simulate, spec},
    decode::Kernel,
    evaluate::{Coarse, Full, Judged, coarse_decode, coarse_run, full, judge},
    model::Baseline,
    train::{Card, Score, Trained},
};
use backflow_sim::io::write_atomic;
use clap::Args;
use serde_json::{Value, json};

use super::{Part, decoding::Decoding, failure};
use crate::cli::{
    Failure,
    options::on_threads,
    out::{Progress, Watch, say, say_json},
};

/// Compares an operator with the engine on trajectories that it has not seen: errors of whole rollouts,
/// of predictions without learning, with half and twice the samples, and of all particles.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow operator evaluate runs/jelly/operator.ron runs/small
  backflow operator evaluate runs/jelly/operator.ron runs/small --engine --out runs/jelly/evaluation.json
  backflow operator evaluate runs/jelly/operator.ron runs/small --points 10000,100000")]
pub struct Evaluate {
    /// Operator: the `.ron` file.
    operator: PathBuf,
    /// Data set.
    data: PathBuf,
    /// Which of its trajectories.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    split: Part,
    /// Run the engine, too: how long it takes, and how good it is with as few particles.
    #[arg(long)]
    engine: bool,
    /// Samples to judge it with, beside half and twice as many; as many as it was trained with by default.
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// Measure how long it takes to find so many points from the samples; several are separated by commas.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    points: Vec<usize>,
    /// File for the results, as one JSON object.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Threads to use; as many as there are cores by default. Results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Errors with one number of samples.
struct Row {
    samples: usize,
    score: Score,
    full: Score,
    reconstructed: Score,
    least_squares: Score,
    held: usize,
    beyond: f64,
    seconds: f64,
    steps: usize,
}

/// What the engine takes, and what it reaches with few particles.
struct Engine {
    ms_per_step: f64,
    particles: usize,
    score: Score,
    coarse_ms_per_step: f64,
}

impl Evaluate {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or numbers that are not finite.
    pub fn run(&self) -> Result<(), Failure> {
        on_threads(self.threads, || self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let Trained {
            card,
            operator,
            kernel,
        } = Card::read(&self.operator).map_err(failure)?;
        let data = DataSet::open(&self.data).map_err(failure)?;
        let material = data.material(Some(&card.material)).map_err(failure)?;
        let split = self.split.split();
        let trajectories = data.read(material, split).map_err(failure)?;
        if trajectories.is_empty() {
            let message = format!(
                "{}: no trajectories in {}; expected some in the recipe",
                self.data.display(),
                split.name()
            );
            return Err(Failure::Input(message));
        }
        let least = trajectories.iter().map(|t| t.count).min().unwrap_or(0);
        if self.points.contains(&0) {
            return Err(Failure::input("--points 0: expected at least 1"));
        }
        let own = self.samples.unwrap_or(card.samples);
        let others = [own / 2, 2 * own];
        let others = others.into_iter().filter(|&n| n > 0 && n <= least);
        let counts: Vec<usize> = std::iter::once(own).chain(others).collect();
        let mut progress = Progress::new(counts.len(), "numbers of samples", self.json);
        let (mut rows, mut baselines) = (Vec::new(), Vec::new());
        for (done, &samples) in counts.iter().enumerate() {
            let (row, found) = Row::of(&operator, kernel.as_ref(), &trajectories, samples)?;
            rows.push(row);
            if samples == own {
                baselines = found;
            }
            progress.at(done + 1, "");
        }
        progress.end();
        let engine = if self.engine {
            let first = operator.steps();
            let found = Engine::of(&data, material, split, &trajectories, own, first)?;
            Some(found)
        } else {
            None
        };
        let decodings = (self.points.iter())
            .map(|&points| Decoding::of(&operator, kernel.as_ref(), &trajectories[0], own, points))
            .collect::<Result<Vec<_>, _>>()?;
        let particles = trajectories.iter().map(|t| t.count).sum::<usize>() / trajectories.len();
        let found = json!({
            "operator": self.operator.display().to_string(),
            "material": material,
            "split": split.name(),
            "trajectories": trajectories.len(),
            "particles": particles,
            "weights": operator.weights.len(),
            "engine_ms_per_step": engine.as_ref().map(|engine| engine.ms_per_step),
            "coarse_engine": engine.as_ref().map(|engine| json!({
                "particles": engine.particles,
                "full": describe(&engine.score),
                "ms_per_step_and_decoding": engine.coarse_ms_per_step,
            })),
            "baselines": baselines
                .iter()
                .map(|(baseline, score)| (baseline.name().to_owned(), describe(score)))
                .collect::<serde_json::Map<String, Value>>(),
            "samples": rows.iter().map(Row::describe).collect::<Vec<_>>(),
            "decoding": decodings.iter().map(Decoding::describe).collect::<Vec<_>>(),
        });
        if let Some(path) = &self.out {
            let text = format!("{found:#}\n");
            write_atomic(path, |file| {
                std::io::Write::write_all(file, text.as_bytes())
            })
            .map_err(Failure::work)?;
        }
        if self.json {
            say_json(&found);
        } else {
            say(&format!(
                "{material}, {}: {} trajectories of {particles} particles",
                split.name(),
                trajectories.len()
            ));
            say(
                "samples | rollout m^2 | relative | all of true samples, least squares | all of true samples | all rolled | beyond walls m | ms a step",
            );
            for row in &rows {
                say(&row.line());
            }
            for (baseline, score) in &baselines {
                let name = baseline.name();
                say(&format!(
                    "{name}: {:.3e} m^2, {:.3}",
                    score.mse, score.relative
                ));
            }
            for decoding in &decodings {
                say(&decoding.line());
            }
            if let Some(engine) = &engine {
                say(&format!("engine: {:.3} ms a step", engine.ms_per_step));
                say(&format!(
                    "engine of {} particles: {:.3e} m^2, {:.3}, {:.3} ms a step with decoding",
                    engine.particles,
                    engine.score.mse,
                    engine.score.relative,
                    engine.coarse_ms_per_step
                ));
            }
        }
        Ok(())
    }
}

fn describe(score: &Score) -> Value {
    json!({"mse": score.mse, "last": score.last, "relative": score.relative})
}

impl Engine {
    fn of(
        data: &DataSet,
        material: &str,
        split: Split,
        trajectories: &[Trajectory],
        samples: usize,
        first: usize,
    ) -> Result<Self, Failure> {
        let steps: usize = trajectories.iter().map(|t| t.frames() - 1).sum();
        let watch = Watch::start();
        for number in 0..trajectories.len() {
            simulate(data.recipe().map_err(failure)?, material, split, number).map_err(failure)?;
        }
        let ms_per_step = 1e3 * watch.seconds() / steps as f64;
        let (mut seconds, mut all) = (0.0, Vec::new());
        for (number, trajectory) in trajectories.iter().enumerate() {
            let spec =
                spec(data.recipe().map_err(failure)?, material, split, number).map_err(failure)?;
            let watch = Watch::start();
            let few = coarse_run(&spec, trajectory, samples).map_err(failure)?;
            let found = coarse_decode(&few, trajectory, first).map_err(failure)?;
            seconds += watch.seconds();
            all.push(Coarse::of(&few, &found, trajectory, first));
        }
        Ok(Self {
            ms_per_step,
            particles: all.iter().map(|one| one.particles).sum::<usize>() / all.len(),
            score: Score::mean(&all.iter().map(|one| one.score).collect::<Vec<_>>()),
            coarse_ms_per_step: 1e3 * seconds / steps as f64,
        })
    }
}

impl Row {
    /// The errors with so many samples, and those of the predictions without learning.
    fn of(
        operator: &Operator<f32>,
        kernel: Option<&Kernel>,
        trajectories: &[Trajectory],
        samples: usize,
    ) -> Result<(Self, Vec<(Baseline, Score)>), Failure> {
        let mut all: Vec<(Judged, Full, Full)> = Vec::new();
        let mut seconds = 0.0;
        for trajectory in trajectories {
            let watch = Watch::start();
            let judged = judge(operator, trajectory, samples).map_err(failure)?;
            seconds += watch.seconds();
            let plain = full(&judged, trajectory, None).map_err(failure)?;
            let learned = full(&judged, trajectory, kernel).map_err(failure)?;
            all.push((judged, learned, plain));
        }
        let mean = |part: &dyn Fn(&(Judged, Full, Full)) -> Score| {
            Score::mean(&all.iter().map(part).collect::<Vec<_>>())
        };
        let baseline =
            |(at, &baseline): (usize, &Baseline)| (baseline, mean(&|one| one.0.baselines[at].1));
        let baselines = Baseline::ALL.iter().enumerate().map(baseline).collect();
        let row = Self {
            samples,
            score: mean(&|one| one.0.score),
            full: mean(&|one| one.1.rolled),
            reconstructed: mean(&|one| one.1.reconstructed),
            least_squares: mean(&|one| one.2.reconstructed),
            held: all.iter().map(|one| one.0.held).sum(),
            beyond: all.iter().map(|one| one.0.beyond).fold(0.0, f64::max),
            seconds,
            steps: all.iter().map(|one| one.0.rolled.len()).sum(),
        };
        Ok((row, baselines))
    }

    fn time(&self) -> f64 {
        1e3 * self.seconds / self.steps.max(1) as f64
    }

    fn describe(&self) -> Value {
        json!({
            "samples": self.samples,
            "rollout": describe(&self.score),
            "reconstructed": describe(&self.reconstructed),
            "reconstructed_by_least_squares": describe(&self.least_squares),
            "full": describe(&self.full),
            "held": self.held,
            "beyond_walls": self.beyond,
            "ms_per_step": self.time(),
        })
    }

    fn line(&self) -> String {
        format!(
            "{} | {:.3e} | {:.3} | {:.4} | {:.4} | {:.3} | {:.1e} | {:.3}",
            self.samples,
            self.score.mse,
            self.score.relative,
            self.least_squares.relative,
            self.reconstructed.relative,
            self.full.relative,
            self.beyond,
            self.time()
        )
    }
}
