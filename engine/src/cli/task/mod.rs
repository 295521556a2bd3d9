//! `backflow task`: methods compared on the scenes that say how they are optimised.

mod report;
mod session;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;

use self::{report::Report, session::Session};
use super::{
    Failure,
    optimize::interrupts,
    options::{RunArguments, with_scalar},
    out::{say, say_json},
};
use crate::task::{
    Task,
    benchmark::{METHODS, methods::Method},
    binding::Binding,
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
