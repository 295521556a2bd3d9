//! `backflow task`: methods compared on the scenes that say how they are optimised.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
};

use backflow_optim::{Driver, Ensemble, Objective, Settings};
use backflow_sim::{Compiled, io::write_atomic};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Failure,
    optimize::interrupts,
    options::{RunArguments, with_scalar},
    out::{Progress, Watch, say, say_json},
};
use crate::task::{
    Task,
    benchmark::{
        METHODS, Metered, Point, Run,
        meter::GRADIENT,
        methods::{Method, Setting},
        plot::{Curve, plot},
        run::Job,
        table::{Entry, methods, of, page, score, tasks},
    },
    binding::Binding,
    objective::RolloutObjective,
    scenarios::Cases,
};

/// Compares methods on tasks: the scenes that have an `optimize` part.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow task list
  backflow task run fluid/throw solid/reach --methods adam,cma,random,idle --gradients 20
  backflow task run --quality 0.5
  backflow task report --to docs/benchmark.md")]
pub struct TaskCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists tasks and methods.
    List(List),
    /// Runs methods on tasks, each with the same budget of substeps; goes on where it was stopped.
    Run(RunTasks),
    /// Writes scores and curves of what has been run.
    Report(Report),
}

/// Where tasks are.
#[derive(Debug, Args)]
struct Scenes {
    /// Folder that tasks are looked for in.
    #[arg(long, default_value = "scenes", value_name = "DIR")]
    scenes: PathBuf,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    scenes: Scenes,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RunTasks {
    /// Names of tasks, such as fluid/throw, or scene files; all by default.
    tasks: Vec<String>,
    #[command(flatten)]
    scenes: Scenes,
    /// Names of methods; all by default.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    methods: Vec<String>,
    /// Budget of each method on each task, in gradients; one counts three times the substeps of
    /// the scene.
    #[arg(long, default_value_t = 30, value_name = "N")]
    gradients: u64,
    /// Seeds of methods that draw at random.
    #[arg(long, default_value_t = 3, value_name = "N")]
    seeds: u64,
    /// Folder of the runs.
    #[arg(long, default_value = "runs/tasks", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Args)]
struct Report {
    /// Folder of the runs.
    #[arg(long, default_value = "runs/tasks", value_name = "DIR")]
    out: PathBuf,
    /// Page to write; plots go to the folder `plots` beside it.
    #[arg(long, default_value = "docs/benchmark.md", value_name = "FILE")]
    to: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// A task by name.
struct Named {
    name: String,
    path: PathBuf,
}

impl TaskCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or a run that fails.
    pub fn run(&self) -> Result<(), Failure> {
        match &self.action {
            Action::List(list) => list.run(),
            Action::Run(run) => run.run.on_threads(|| run.work()),
            Action::Report(report) => report.run(),
        }
    }
}

impl Scenes {
    /// Scene files below the folder, by name, in order.
    fn all(&self) -> Result<Vec<Named>, Failure> {
        let mut found = Vec::new();
        collect(&self.scenes, &self.scenes, &mut found)?;
        found.sort_by(|a: &Named, b: &Named| a.name.cmp(&b.name));
        Ok(found)
    }
}

/// Adds the scene files below `folder`, named by their place below `root`.
fn collect(root: &Path, folder: &Path, found: &mut Vec<Named>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Input(format!("{}: {error}; expected a folder", folder.display()))
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "ron") {
            let name = path.strip_prefix(root).unwrap_or(&path).with_extension("");
            let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
            found.push(Named {
                name: parts.join("/"),
                path,
            });
        }
    }
    Ok(())
}

impl List {
    fn run(&self) -> Result<(), Failure> {
        let mut listed = Vec::new();
        for Named { name, path } in self.scenes.all()? {
            let task = Task::load(&path, 1.0).map_err(Failure::input)?;
            if task.spec.optimize.is_some() {
                let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
                let clock = &task.scene.world.clock;
                listed.push(json!({
                    "name": name,
                    "about": task.spec.about,
                    "particles": task.scene.particles.len(),
                    "substeps": clock.frames * clock.substeps,
                    "variables": binding.layout().dimension(),
                }));
            }
        }
        if self.json {
            let known = METHODS.map(|method| json!({"name": method.name, "about": method.about}));
            say_json(&json!({"tasks": listed, "methods": known}));
            return Ok(());
        }
        say("task: particles, substeps, variables");
        for task in &listed {
            let text = |key: &str| task[key].as_str().unwrap_or_default().to_owned();
            say(&format!(
                "  {}: {}, {}, {}  {}",
                text("name"),
                task["particles"],
                task["substeps"],
                task["variables"],
                text("about")
            ));
        }
        say("method");
        for method in METHODS {
            say(&format!("  {}: {}", method.name, method.about));
        }
        Ok(())
    }
}

impl RunTasks {
    /// The tasks that are asked for: all that have an `optimize` part where none is named.
    fn wanted(&self) -> Result<Vec<Named>, Failure> {
        if self.tasks.is_empty() {
            return self.scenes.all();
        }
        let known = self.scenes.all().unwrap_or_default();
        let find = |text: &String| {
            let by_name = known.iter().find(|task| task.name == *text);
            let path = Path::new(text);
            match by_name {
                Some(task) => Ok(Named {
                    name: task.name.clone(),
                    path: task.path.clone(),
                }),
                None if path.is_file() => Ok(Named {
                    name: path
                        .file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    path: path.to_owned(),
                }),
                None => {
                    let names: Vec<&str> = known.iter().map(|task| task.name.as_str()).collect();
                    let names = names.join(", ");
                    Err(Failure::Input(format!(
                        "{text}: no such task or file; expected one of {names}"
                    )))
                }
            }
        };
        self.tasks.iter().map(find).collect()
    }

    fn methods(&self) -> Result<Vec<Method>, Failure> {
        let find = |name: &String| {
            let method = METHODS.into_iter().find(|method| method.name == *name);
            method.ok_or_else(|| {
                let names = METHODS.map(|method| method.name).join(", ");
                Failure::Input(format!("--methods {name}: expected some of {names}"))
            })
        };
        if self.methods.is_empty() {
            return Ok(METHODS.to_vec());
        }
        self.methods.iter().map(find).collect()
    }

    fn work(&self) -> Result<(), Failure> {
        let methods = self.methods()?;
        let stopped = interrupts();
        let mut results = Vec::new();
        for Named { name, path } in self.wanted()? {
            let task = self.run.load(&path)?;
            if task.spec.optimize.is_none() {
                if self.tasks.is_empty() {
                    continue;
                }
                return Err(Failure::Input(format!(
                    "{name}: optimize: expected what may change and how, to optimise the scene"
                )));
            }
            let session = Session {
                arguments: self,
                name: &name,
                task: &task,
                stopped: &stopped,
            };
            let ended = with_scalar!(self.run.precision, T => {
                session.run::<T>(&methods, &mut results)?
            });
            if !ended {
                return Err(Failure::Work(
                    "interrupted: the same command goes on from here".to_owned(),
                ));
            }
        }
        if self.run.json {
            say_json(&json!({"runs": results}));
        } else {
            say(&format!("saved in {}", self.out.display()));
        }
        Ok(())
    }
}

/// The methods on one task.
struct Session<'a> {
    arguments: &'a RunTasks,
    name: &'a str,
    task: &'a Task,
    stopped: &'a Arc<AtomicBool>,
}

impl Session<'_> {
    /// Runs every method; false if interrupted.
    fn run<T: Compiled<Wide = f64>>(
        &self,
        methods: &[Method],
        results: &mut Vec<serde_json::Value>,
    ) -> Result<bool, Failure> {
        let scene = &self.task.scene;
        let binding = Binding::new(&self.task.spec, scene).map_err(Failure::input)?;
        let cases = Cases::new::<T>(self.task).map_err(Failure::input)?;
        let start = binding.start();
        let first = self.objective::<T>(&cases)?.value(&start);
        let first = first.map_err(Failure::work)?;
        let substeps = (scene.world.clock.frames * scene.world.clock.substeps) as u64;
        let value_cost = substeps * cases.len() as u64;
        let budget = self.arguments.gradients * GRADIENT * value_cost;
        let optimize = self.task.spec.optimize.as_ref();
        let settings = optimize.map_or_else(Settings::default, |spec| spec.settings.clone());
        for method in methods {
            let mut seed = 0;
            loop {
                let setting = Setting {
                    scene: &settings,
                    layout: binding.layout(),
                    first,
                    seed,
                    budget,
                    value_cost,
                };
                let Some(settings) = setting.of(method.name) else {
                    break;
                };
                let again = Setting {
                    seed: seed + 1,
                    ..setting
                };
                // a method whose settings do not depend on the seed is run once
                let random = again.of(method.name).is_some_and(|other| other != settings);
                let job = Job {
                    task: self.name,
                    method: method.name,
                    seed,
                    budget,
                    start: &start,
                    first,
                };
                let mut metered = Metered {
                    objective: self.objective::<T>(&cases)?,
                    substeps,
                    spent: 0,
                };
                let driver =
                    Driver::new(settings, binding.layout().clone()).map_err(Failure::input)?;
                let Some(result) = self.one(&driver, &job, &mut metered)? else {
                    return Ok(false);
                };
                results.push(result);
                seed += 1;
                if !random || seed >= self.arguments.seeds.max(1) {
                    break;
                }
            }
        }
        Ok(true)
    }

    fn objective<'s, T: Compiled<Wide = f64>>(
        &self,
        cases: &'s Cases,
    ) -> Result<Ensemble<RolloutObjective<'s, T>>, Failure> {
        let memory = Some(self.arguments.run.memory);
        cases
            .objective(memory, &|| Box::new(|_, _| true))
            .map_err(Failure::input)
    }

    /// One method with one seed; none if interrupted.
    fn one<O: Objective>(
        &self,
        driver: &Driver,
        job: &Job<'_>,
        objective: &mut Metered<O>,
    ) -> Result<Option<serde_json::Value>, Failure> {
        let quiet = self.arguments.run.json;
        let run = Run::new(&self.arguments.out, job.task, job.method, job.seed);
        let label = format!("{} {}-{}", job.task, job.method, job.seed);
        let mut progress = Progress::new(driver.settings().iterations, "iterations", quiet);
        let watch = Watch::start();
        let mut at = |point: &Point| {
            progress.at(
                point.iteration + 1,
                &format!("{label}: best {:.4e}", point.best),
            );
            !self.stopped.load(Ordering::Relaxed)
        };
        let finished = run
            .go_on(driver, job, objective, &|| watch.seconds(), &mut at)
            .map_err(|error| Failure::Work(format!("{label}: {error}")))?;
        progress.end();
        let Some(finished) = finished else {
            return Ok(None);
        };
        let score = score(finished.best, finished.first);
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
            "best_loss": finished.best,
            "score": score,
            "iterations": finished.iterations,
            "run": run.path().display().to_string(),
        })))
    }
}

impl Report {
    fn run(&self) -> Result<(), Failure> {
        let mut entries = Vec::new();
        gather(&self.out, &mut entries)?;
        if entries.is_empty() {
            return Err(Failure::Input(format!(
                "{}: no finished run in it; expected what `backflow task run` wrote",
                self.out.display()
            )));
        }
        let folder = self.to.parent().unwrap_or(Path::new(""));
        let plots = folder.join("plots");
        fs::create_dir_all(&plots)
            .map_err(|error| Failure::Work(format!("{}: {error}", plots.display())))?;
        for task in tasks(&entries) {
            for (of_seconds, what) in [(false, "substeps"), (true, "seconds")] {
                let curves: Vec<Curve> = methods(&entries)
                    .into_iter()
                    .filter_map(|method| curve(&of(&entries, task, method), method, of_seconds))
                    .collect();
                let title = format!("{task}: least loss so far");
                let name = format!("{}-{what}.svg", task.replace('/', "-"));
                let svg = plot(&title, what, "loss", &curves);
                put(&plots.join(name), &svg)?;
            }
        }
        put(&self.to, &page(&entries, "plots"))?;
        if self.json {
            say_json(&json!({"page": self.to.display().to_string(), "runs": entries.len()}));
        } else {
            say(&format!("{} runs in {}", entries.len(), self.to.display()));
        }
        Ok(())
    }
}

/// The curve of the run in the middle by its least loss.
fn curve(entries: &[&Entry], method: &str, of_seconds: bool) -> Option<Curve> {
    let mut order: Vec<&&Entry> = entries.iter().collect();
    order.sort_by(|a, b| a.finished.best.total_cmp(&b.finished.best));
    let entry = order.get(order.len().saturating_sub(1) / 2)?;
    let point = |point: &Point| {
        let x = if of_seconds {
            point.seconds
        } else {
            point.substeps as f64
        };
        (x, point.best)
    };
    Some(Curve {
        name: method.to_owned(),
        points: entry.curve.iter().map(point).collect(),
    })
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    write_atomic(path, |file| {
        use std::io::Write;
        file.write_all(text.as_bytes())
    })
    .map_err(Failure::work)
}

/// Adds the finished runs below `folder`, which are `<task>/<method>-<seed>` there.
fn gather(folder: &Path, entries: &mut Vec<Entry>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Input(format!("{}: {error}; expected a folder", folder.display()))
    };
    let mut below = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        below.push(entry.map_err(unreadable)?.path());
    }
    below.sort();
    for path in below.into_iter().filter(|path| path.is_dir()) {
        let run = Run::at(&path);
        match run.finished().map_err(Failure::input)? {
            Some(finished) => entries.push(Entry {
                finished,
                curve: run.curve(),
            }),
            None => gather(&path, entries)?,
        }
    }
    Ok(())
}
