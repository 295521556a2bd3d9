//! The methods on one task, for `backflow task run`.

use std::{
    fs,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
};

use backflow_optim::{MemberError, Objective};
use backflow_sim::{
    Compiled,
    scene::{
        spec::Spec,
        target::{Measure, Pairs},
    },
};
use serde_json::json;

use super::RunTasks;
use crate::{
    cli::{
        Failure,
        out::{Progress, Watch, say},
        recording::{Recording, draw_frame},
    },
    task::{
        OptimizeSpec, Task,
        benchmark::{
            Point, Run,
            ablation::Ablation,
            methods::{Method, Setting},
            run::{Company, Job, Judged, WrongBest},
            table::score,
        },
        binding::{Binding, Setup},
        criterion::Judge,
        folder::RunFolder,
        meter::GRADIENT,
        objective::RolloutObjective,
        scenarios::{Cases, THE_SCENE},
        staged::Staged,
    },
};

/// Width and height of the pictures of a run (pixels).
const PICTURE: [usize; 2] = [300, 220];

/// The methods on one task.
pub(super) struct Session<'a> {
    pub(super) arguments: &'a RunTasks,
    pub(super) name: &'a str,
    pub(super) task: &'a Task,
    pub(super) stopped: &'a Arc<AtomicBool>,
}

impl Session<'_> {
    /// Runs every method; false if interrupted.
    pub(super) fn run<T: Compiled<Wide = f64>>(
        &self,
        methods: &[Method],
        results: &mut Vec<serde_json::Value>,
    ) -> Result<bool, Failure> {
        // what is scored leaves out what only guides; methods that know nothing of guides get this
        let plain = Ablation::Attraction.of(&self.task.spec);
        let plain = plain.map(|spec| self.built(spec)).transpose()?;
        let scored = plain.as_ref().unwrap_or(self.task);
        let binding = Binding::new(&scored.spec, &scored.scene).map_err(Failure::input)?;
        let cases = Cases::new::<T>(scored).map_err(Failure::input)?;
        let start = binding.start();
        let memory = Some(self.arguments.run.memory);
        let whole = cases.objective::<T>(memory, &|| Box::new(|_, _| true));
        let mut whole = whole.map_err(Failure::input)?;
        let first = whole.value(&start).map_err(Failure::work)?;
        let guess = match binding.guess() {
            guess if guess == start => first,
            guess => whole.value(&guess).map_err(Failure::work)?,
        };
        let judge = Judge::new::<T>(&scored.scene).map_err(Failure::input)?;
        let always = Box::new(|_, _| true);
        let scene = &scored.scene;
        let mut alone = RolloutObjective::<T>::new(scene, &binding, &judge, memory, always);
        let mut judged = |x: &[f64]| -> Result<Judged, WrongBest> {
            let value = whole.value(x)?;
            if self.task.spec.metrics.is_empty() {
                return Ok((value, Vec::new()));
            }
            let metrics = alone.judged(x).map_err(|source| MemberError::Failed {
                name: THE_SCENE.to_owned(),
                source,
            })?;
            Ok((value, metrics.1))
        };
        let value_cost = cases.substeps() * cases.len() as u64;
        let budget = self.arguments.gradients * GRADIENT * value_cost;
        let optimize = self.task.spec.optimize.clone().unwrap_or_default();
        for method in methods {
            let changed = match method.without.map(|part| part.of(&self.task.spec)) {
                // what has no such part is `scene` itself
                Some(None) => continue,
                Some(Some(spec)) => Some(self.built(spec)?),
                None => None,
            };
            let given = if method.is_of_scene() {
                self.task
            } else {
                scored
            };
            let task = changed.as_ref().unwrap_or(given);
            let own = task.spec.optimize.as_ref().filter(|_| method.is_of_scene());
            let scheme = own.map(|own| own.scheme.clone()).unwrap_or_default();
            let setting = |seed: u64| Setting {
                scene: &optimize.settings,
                scheme: &scheme,
                frames: task.scene.world.clock.frames,
                layout: binding.layout(),
                first,
                seed,
                budget,
                value_cost,
            };
            for seed in 0..self.arguments.seeds.max(1) {
                let Some(settings) = setting(seed).of(method.name) else {
                    break;
                };
                // a method whose settings do not depend on the seed is run once
                let again = setting(seed + 1).of(method.name);
                let random = again.is_some_and(|other| other != settings);
                let job = Job {
                    task: self.name,
                    method: method.name,
                    seed,
                    budget,
                    first,
                    guess,
                    bound: optimize.bound,
                    memory,
                };
                let staged = Staged::with(task, settings, scheme.clone());
                let mut staged = staged.map_err(Failure::input)?;
                if method.name == "idle" {
                    staged = staged.beginning_at(start.clone());
                }
                let Some(result) = self.one::<T>(&staged, &job, &mut judged)? else {
                    return Ok(false);
                };
                results.push(result);
                if !random {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// A change of the scene.
    fn built(&self, spec: Spec<OptimizeSpec>) -> Result<Task, Failure> {
        let cache = self.arguments.run.cache.as_deref();
        self.task.changed(spec, cache).map_err(Failure::input)
    }

    /// One method with one seed; none if interrupted.
    fn one<T: Compiled<Wide = f64>>(
        &self,
        staged: &Staged<'_>,
        job: &Job<'_>,
        judge: &mut dyn FnMut(&[f64]) -> Result<Judged, WrongBest>,
    ) -> Result<Option<serde_json::Value>, Failure> {
        let quiet = self.arguments.run.json;
        let run = Run::new(&self.arguments.out, job.task, job.method, job.seed);
        let label = format!("{} {}-{}", job.task, job.method, job.seed);
        let mut progress = Progress::new(staged.iterations(), "iterations", quiet);
        let watch = Watch::start();
        let mut at = |point: &Point| {
            progress.at(
                point.iteration + 1,
                &format!("{label}: loss {:.4e} best {:.4e}", point.value, point.best),
            );
            !self.stopped.load(Ordering::Relaxed)
        };
        let company = Company {
            seconds: &|| watch.seconds(),
            watch: &mut at,
            judge,
        };
        let finished = run.go_on::<T>(staged, job, company).map_err(|error| {
            let cause = causes(&error);
            Failure::Work(format!("{label}: {error}{cause}"))
        })?;
        progress.end();
        let Some(finished) = finished else {
            return Ok(None);
        };
        match finished.method.as_str() {
            "scene" => self.draw::<T>(&run, &finished.x)?,
            "idle" => {
                self.draw::<T>(&run, &finished.x)?;
                self.draw_goal::<T>(&run, &finished.x)?;
            }
            _ => {}
        }
        let score = score(&finished);
        if !quiet {
            say(&format!(
                "{label}: {:.4e} -> {:.4e}, score {score:.3}, {} iterations",
                finished.first, finished.best, finished.iterations
            ));
        }
        Ok(Some(json!({
            "task": finished.task,
            "method": finished.method,
            "seed": finished.seed,
            "budget": finished.budget,
            "spent": finished.spent,
            "first_loss": finished.first,
            "guess_loss": finished.guess,
            "bound": finished.bound,
            "best_loss": finished.best,
            "score": score,
            "metrics": finished.metrics,
            "iterations": finished.iterations,
            "run": run.path().display().to_string(),
        })))
    }
}

impl Session<'_> {
    /// Draws how a point ends.
    fn draw<T: Compiled<Wide = f64>>(&self, run: &Run, x: &[f64]) -> Result<(), Failure> {
        let binding = Binding::new(&self.task.spec, &self.task.scene).map_err(Failure::input)?;
        self.draw_end::<T>(run, &binding.setup(x), "last.png")
    }

    /// Draws how the demonstration ends that the scene is judged by, if there is one.
    fn draw_goal<T: Compiled<Wide = f64>>(&self, run: &Run, x: &[f64]) -> Result<(), Failure> {
        let demo = self.task.scene.losses.iter().find_map(|loss| {
            let Measure::PairedL2 { target, .. } = &loss.measure else {
                return None;
            };
            match target {
                Pairs::Run(world, programs) => Some((world, programs)),
                Pairs::File(_) => None,
            }
        });
        let Some((world, programs)) = demo else {
            return Ok(());
        };
        let binding = Binding::new(&self.task.spec, &self.task.scene).map_err(Failure::input)?;
        let mut setup = binding.setup(x);
        setup.world.clone_from(world);
        setup.programs.clone_from(programs);
        self.draw_end::<T>(run, &setup, "goal.png")
    }

    /// Draws the last frame of a run, whose frames are kept until then.
    fn draw_end<T: Compiled<Wide = f64>>(
        &self,
        run: &Run,
        setup: &Setup,
        name: &str,
    ) -> Result<(), Failure> {
        if run.path().join(name).is_file() {
            return Ok(());
        }
        let judge = Judge::new::<T>(&self.task.scene).map_err(Failure::input)?;
        let left = run.path().join("frames-kept");
        if left.is_dir() {
            fs::remove_dir_all(&left).map_err(Failure::work)?;
        }
        let folder = RunFolder::create(run.path(), "frames", "kept").map_err(Failure::work)?;
        let frames = self.task.scene.world.clock.frames;
        let recording = Recording {
            task: self.task,
            setup,
            judge: &judge,
            folder: &folder,
            frames,
            on_frame: &mut |_| true,
        };
        recording.run::<T>(false)?;
        draw_frame(self.task, &folder, frames - 1, name, PICTURE)?;
        let drawn = folder.file(name);
        if drawn.is_file() {
            fs::rename(&drawn, run.path().join(name)).map_err(Failure::work)?;
        }
        fs::remove_dir_all(folder.path()).map_err(Failure::work)
    }
}

/// What an error comes from, after it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut causes = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    causes
}
