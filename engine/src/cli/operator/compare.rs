//! `backflow operator compare`: models against each other under one budget.

use std::path::{Path, PathBuf};

use backflow_operator::{
    Operator,
    compare::{At, Comparison, Job, Outcome, Reference, rows, table},
    data::{DataSet, Split, Trajectory, farthest_points, generate_of, simulate, spec},
    decode::{Kernel, train_kernel},
    evaluate::{Coarse, coarse_decode, coarse_run},
    rollout::roll,
    train::{Event, Origin, Score, Track, Trainer, Training},
};
use clap::Args;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    failure,
    session::{Session, save},
};
use crate::{
    bench::{Time, Watch},
    cli::{
        Failure,
        options::on_threads,
        out::{Progress, say, say_json},
    },
};

/// Compares models: makes the data, trains each model on each material from each seed under one budget, judges all of
/// them on trajectories and shapes that they have not seen, with half and twice the samples, against predictions
/// without learning and the engine with as few particles, and writes `table.md` and `table.json`, medians over
/// seeds. The same command goes on where it was stopped.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: backflow operator compare assets/operators/comparison.ron --out runs/comparison"
)]
pub struct Compare {
    /// What is compared, in RON.
    settings: PathBuf,
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Stop after this many iterations of trainings; the comparison can be gone on with.
    #[arg(long, value_name = "N")]
    stop: Option<usize>,
    /// Train only these models in this call, separated by commas; the others can be trained later.
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    only: Vec<String>,
    /// Threads to use; as many as there are cores by default. Results but times do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// CPU time that a training had taken when it was at an iteration: the array `spent.json` has one for each
/// validation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Spent {
    iteration: usize,
    cpu_seconds: Option<f64>,
    validation_mse: Option<f64>,
}

/// Trajectories of a material.
struct Data {
    train: Vec<Trajectory>,
    validation: Vec<Trajectory>,
    test: Vec<Trajectory>,
    origin: Option<Origin>,
}

impl Compare {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or numbers that are not finite.
    pub fn run(&self) -> Result<(), Failure> {
        on_threads(self.threads, || self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let (settings, recipe) = Comparison::read(&self.settings).map_err(failure)?;
        if let Some(name) = (self.only.iter()).find(|name| !settings.models.contains_key(*name)) {
            let known: Vec<_> = settings.models.keys().map(String::as_str).collect();
            let known = known.join(", ");
            return Err(Failure::Input(format!(
                "--only {name}: expected one of {known}"
            )));
        }
        std::fs::create_dir_all(&self.out)
            .map_err(|error| Failure::work(format!("{}: {error}", self.out.display())))?;
        let noted = self.out.join("comparison.ron");
        if !noted.is_file() {
            settings.write(&noted).map_err(failure)?;
        } else if !settings.same(&noted).map_err(failure)? {
            let message = format!(
                "{}: settings of another comparison; expected those given; take another folder",
                noted.display()
            );
            return Err(Failure::Input(message));
        }
        let data = self.out.join("data");
        let names: Vec<&str> = settings.materials.iter().map(String::as_str).collect();
        let mut progress: Option<Progress> = None;
        generate_of(&recipe, &names, &data, &mut |done, total| {
            progress
                .get_or_insert_with(|| Progress::new(total, "trajectories", self.json))
                .at(done, "");
            true
        })
        .map_err(failure)?;
        if let Some(progress) = &progress {
            progress.end();
        }
        let data = DataSet::open(&data).map_err(failure)?;
        let (jobs, mut left) = (settings.jobs(), self.stop.unwrap_or(usize::MAX));
        let (mut outcomes, mut references) = (Vec::new(), Vec::<Reference>::new());
        for (number, job) in jobs.iter().enumerate() {
            let loaded = || Data::read(&data, &job.material);
            if !references.iter().any(|one| one.material == job.material) {
                let path = self.out.join(&job.material).join("reference.json");
                let reference = match read::<Reference>(&path)? {
                    Some(reference) => reference,
                    None => reference(&settings, &data, &job.material, &path)?,
                };
                references.push(reference);
            }
            let path = job.folder(&self.out).join("outcome.json");
            let outcome = match read::<Outcome>(&path)? {
                Some(outcome) => outcome,
                None if left == 0 || !self.trains(&job.model) => continue,
                None => {
                    let name = format!(
                        "[{}/{}] {} {} seed {}",
                        number + 1,
                        jobs.len(),
                        job.material,
                        job.model,
                        job.seed
                    );
                    match self.train(&settings, job, &loaded()?, &name, &mut left)? {
                        Some(outcome) => outcome,
                        None => continue,
                    }
                }
            };
            outcomes.push(outcome);
            self.tabulate(&outcomes, &references)?;
        }
        let rows = rows(&outcomes);
        if self.json {
            say_json(&json!({
                "out": self.out.display().to_string(),
                "trainings": jobs.len(),
                "done": outcomes.len(),
                "rows": rows,
                "references": references,
            }));
        } else {
            say(table(&rows, &references).trim_end());
            say(&format!(
                "{} of {} trainings are done; table in {}",
                outcomes.len(),
                jobs.len(),
                self.out.join("table.md").display()
            ));
        }
        Ok(())
    }

    /// Whether a model is trained in this call.
    fn trains(&self, model: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == model)
    }

    /// One training and its judgement; nothing where it was stopped.
    fn train(
        &self,
        settings: &Comparison,
        job: &Job,
        data: &Data,
        name: &str,
        left: &mut usize,
    ) -> Result<Option<Outcome>, Failure> {
        let folder = job.folder(&self.out);
        let training = match (Session::noted(&folder)?, settings.cpu_seconds) {
            (Some(noted), Some(_)) => noted,
            (_, None) => job.training,
            (None, Some(budget)) => fitted(job, data, budget)?,
        };
        let session = Session::open(&folder, &job.material, data.origin, &training)?;
        let mut trainer = Trainer::new(training, &data.train, &data.validation).map_err(failure)?;
        session.resume(&mut trainer)?;
        let spent_path = folder.join("spent.json");
        let mut spent = read::<Vec<Spent>>(&spent_path)?.unwrap_or_default();
        // It is written before the checkpoint: what is beyond that was lost.
        spent.retain(|at| at.iteration <= trainer.state.iteration);
        let before = spent.last().map_or(Some(0.0), |at| at.cpu_seconds);
        let watch = Watch::start();
        let at = |trainer: &Trainer, validation: Option<f64>| Spent {
            iteration: trainer.state.iteration,
            cpu_seconds: before
                .zip(watch.time().cpu)
                .map(|(before, now)| before + now),
            validation_mse: validation,
        };
        let mut progress = Progress::new(training.iterations, "iterations", self.json);
        let (mut message, mut fault) = (name.to_owned(), None);
        if *left > 0 {
            let mut on_event = |trainer: &Trainer, event: Event| match event {
                Event::Iteration(iteration) => {
                    progress.at(iteration, &message);
                    *left -= 1;
                    *left > 0 && fault.is_none()
                }
                Event::Validation(found) => {
                    let (loss, mse) = (found.loss, found.validation.mse);
                    message = format!("{name}: loss {loss:.4}, validation {mse:.3e} m^2");
                    spent.push(at(trainer, Some(mse)));
                    fault = write(&spent_path, &spent)
                        .and_then(|()| session.keep(trainer, None))
                        .err();
                    fault.is_none()
                }
            };
            trainer.run(&mut on_event).map_err(failure)?;
        }
        progress.end();
        if let Some(fault) = fault {
            return Err(fault);
        }
        if !trainer.is_done() {
            spent.push(at(&trainer, None));
            write(&spent_path, &spent)?;
            session.stop(&trainer)?;
            return Ok(None);
        }
        let kernel = self.decoder(job, data)?;
        session.keep(&trainer, kernel.as_ref())?;
        let operator = trainer.operator().map_err(failure)?;
        let cpu_seconds = spent.last().and_then(|at| at.cpu_seconds);
        let outcome = judged(
            settings,
            job,
            &trainer,
            &operator,
            &kernel,
            data,
            cpu_seconds,
        )?;
        write(&folder.join("outcome.json"), &outcome)?;
        Ok(Some(outcome))
    }

    /// The decoder of a material and a seed, which all models share; none if it is not to be learned.
    fn decoder(&self, job: &Job, data: &Data) -> Result<Option<Kernel>, Failure> {
        let Training {
            samples,
            sets,
            decoder,
            seed,
            ..
        } = job.training;
        let path = job.decoder(&self.out);
        if decoder == 0 {
            return Ok(None);
        }
        if !path.is_file() {
            let kernel = train_kernel(&data.train, samples, sets, decoder, seed);
            kernel
                .and_then(|kernel| kernel.write(&path))
                .map_err(failure)?;
        }
        // The file rounds it: the first model has the same as all others.
        Kernel::read(&path).map(Some).map_err(failure)
    }

    fn tabulate(&self, outcomes: &[Outcome], references: &[Reference]) -> Result<(), Failure> {
        let rows = rows(outcomes);
        save(&self.out.join("table.md"), &table(&rows, references))?;
        let all = json!({"rows": rows, "references": references, "outcomes": outcomes});
        write(&self.out.join("table.json"), &all)
    }
}

impl Data {
    fn read(data: &DataSet, material: &str) -> Result<Self, Failure> {
        let read = |split| data.read(material, split).map_err(failure);
        Ok(Self {
            train: read(Split::Train)?,
            validation: read(Split::Validation)?,
            test: read(Split::Test)?,
            origin: data.origin(material),
        })
    }
}

/// CPU time where the system tells, else that of the clock on the wall (s).
fn seconds(time: Time) -> f64 {
    time.cpu.unwrap_or(time.wall)
}

/// Settings with as many iterations as fit into `budget` (s of CPU time), by the times of six.
fn fitted(job: &Job, data: &Data, budget: f64) -> Result<Training, Failure> {
    let probe = Training {
        iterations: 6,
        single: 0.5,
        validate: 6,
        ..job.training
    };
    let mut trainer = Trainer::new(probe, &data.train, &data.validation).map_err(failure)?;
    let (watch, mut times) = (Watch::start(), [0.0; 7]);
    trainer
        .run(&mut |trainer, event| {
            if let Event::Iteration(_) = event {
                times[trainer.state.iteration] = seconds(watch.time());
            }
            true
        })
        .map_err(failure)?;
    let short = times[3] / 3.0;
    let long = (times[5] - times[3]) / 2.0;
    // The last one is followed by a validation.
    let validation = (times[6] - times[5] - long).max(0.0);
    Ok(job.fitted(budget, short, long, validation))
}

/// How good a trained operator is.
fn judged(
    settings: &Comparison,
    job: &Job,
    trainer: &Trainer,
    operator: &Operator<f32>,
    kernel: &Option<Kernel>,
    data: &Data,
    cpu_seconds: Option<f64>,
) -> Result<Outcome, Failure> {
    let (samples, first) = (job.training.samples, settings.first());
    let least = data.test.iter().map(|t| t.count).min().unwrap_or(0);
    let others = [samples / 2, 2 * samples];
    let others = others.into_iter().filter(|&n| n > 0 && n <= least);
    let counts = std::iter::once(samples).chain(others);
    let at = counts
        .map(|count| At::of(operator, kernel.as_ref(), &data.test, count, first))
        .collect::<Result<_, _>>()
        .map_err(failure)?;
    Ok(Outcome {
        material: job.material.clone(),
        model: job.model.clone(),
        seed: job.seed,
        weights: operator.weights.len(),
        iterations: trainer.state.iteration,
        cpu_seconds,
        validation: trainer.state.best_score,
        ms_per_step: step_time(operator, &data.test, samples)?,
        at,
    })
}

/// CPU time of a step (ms), over rollouts of the first two trajectories.
fn step_time(
    operator: &Operator<f32>,
    trajectories: &[Trajectory],
    samples: usize,
) -> Result<f64, Failure> {
    let (mut time, mut steps) = (0.0, 0);
    for trajectory in trajectories.iter().take(2) {
        let chosen = farthest_points(trajectory.positions(0), samples, 0);
        let track = Track::new(trajectory, 0, chosen);
        let excerpt = track.excerpt(operator.steps() - 1, operator.steps(), 0);
        let count = trajectory.frames() - operator.steps();
        let watch = Watch::start();
        roll(operator, &track.room, &excerpt.window, count).map_err(failure)?;
        time += seconds(watch.time());
        steps += count;
    }
    Ok(1e3 * time / steps.max(1) as f64)
}

/// What is reached on a material without learning, and what the engine takes.
fn reference(
    settings: &Comparison,
    data: &DataSet,
    material: &str,
    path: &Path,
) -> Result<Reference, Failure> {
    let test = data.read(material, Split::Test).map_err(failure)?;
    let (samples, first) = (settings.training.samples, settings.first());
    let mut found = Reference::of(material, &test, samples, first).map_err(failure)?;
    let steps: usize = test.iter().map(|t| t.frames() - 1).sum();
    let per_step = |time: f64| 1e3 * time / steps.max(1) as f64;
    let watch = Watch::start();
    for number in 0..test.len() {
        simulate(
            data.recipe().map_err(failure)?,
            material,
            Split::Test,
            number,
        )
        .map_err(failure)?;
    }
    found.engine_ms_per_step = per_step(seconds(watch.time()));
    let (mut time, mut all) = (0.0, Vec::new());
    for (number, trajectory) in test.iter().enumerate() {
        let spec = spec(
            data.recipe().map_err(failure)?,
            material,
            Split::Test,
            number,
        )
        .map_err(failure)?;
        let watch = Watch::start();
        let few = coarse_run(&spec, trajectory, samples).map_err(failure)?;
        let decoded = coarse_decode(&few, trajectory, first).map_err(failure)?;
        time += seconds(watch.time());
        all.push(Coarse::of(&few, &decoded, trajectory, first));
    }
    found.coarse_ms_per_step = per_step(time);
    let count = all.len().max(1);
    found.coarse_particles = all.iter().map(|one| one.particles).sum::<usize>() / count;
    found.coarse = Score::mean(&all.iter().map(|one| one.score).collect::<Vec<_>>());
    found.coarse_chamfer = all.iter().map(|one| one.chamfer).sum::<f64>() / count as f64;
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::work(format!("{}: {error}", folder.display())))?;
    write(path, &found)?;
    Ok(found)
}

/// What a file of JSON holds; nothing if there is none.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    if !path.is_file() {
        return Ok(None);
    }
    let wrong = |error: String| {
        let expected = "expected what `backflow operator compare` has written; delete it to have it made again";
        Failure::Input(format!("{}: {error}; {expected}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| wrong(error.to_string()))
}

/// Writes a file of JSON at once.
fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::work)?;
    save(path, &format!("{text}\n"))
}
