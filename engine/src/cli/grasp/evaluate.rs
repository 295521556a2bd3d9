//! `backflow grasp evaluate`: simulates grasps.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use backflow_grasp::{
    evaluation::{Evaluation, Protocol, Summary, Verdict, evaluate, simulator, summary::Tried},
    set::{GraspSet, json},
};
use backflow_sim::io::atomic::write_atomic;
use clap::Args;
use serde_json::json;

use crate::cli::{
    Failure,
    options::on_threads,
    out::{Progress, Watch, say, say_json},
};

/// Simulates every grasp of sets in MuJoCo: which of them hold?
///
/// After the protocol of DexGraspBench: without gravity, the hand closes from the pregrasp over
/// the grasp to the squeeze, then a force pulls the object along six directions in turn. A grasp
/// holds if the object moves by less than 50 mm and 15 degrees in all of them. What stood about the
/// object when grasps were found is there as well, and does not move. Distances are measured at the
/// grasp. Nothing is left out: a set counts with all its grasps.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow grasp evaluate runs/grasps/*.json --out runs/verdicts
  backflow grasp evaluate runs/grasps/shadow-cup-1.json --rows
  backflow grasp evaluate bodex.json --model hands/shadow/right_hand.xml --protocol heavy.ron

Needs a build with `--features mujoco` (see docs/grasp_evaluation.md). With --out there is
DIR/SET.evaluation.json for every set; sets whose file is there are not simulated again.
A protocol is a RON file such as (checks: 20, every_direction: true).")]
pub struct Evaluate {
    /// Sets in JSON.
    #[arg(required = true, value_name = "SET")]
    sets: Vec<PathBuf>,
    /// MJCF or URDF model of the hand, in place of those that the sets name.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Mesh or folder of convex parts, in place of those that the sets name.
    #[arg(long, value_name = "PATH")]
    object: Option<PathBuf>,
    /// Mass of the objects (kg), in place of that in the sets.
    #[arg(long, value_name = "KG")]
    mass: Option<f64>,
    /// RON file with what is to be other than DexGraspBench's.
    #[arg(long, value_name = "FILE")]
    protocol: Option<PathBuf>,
    /// Folder for the verdicts.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the verdict of each grasp.
    #[arg(long)]
    rows: bool,
    /// Threads to use; as many as there are cores by default. Verdicts do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object a set instead of text.
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    /// Runs the command.
    ///
    /// # Errors
    /// No MuJoCo in this build; sets, models or a protocol that cannot be used.
    pub fn run(&self) -> Result<(), Failure> {
        let simulator = simulator().map_err(Failure::work)?;
        let protocol = self.protocol()?;
        if let Some(out) = &self.out {
            fs::create_dir_all(out)
                .map_err(|error| Failure::work(format!("{}: {error}", out.display())))?;
        }
        let mut sets = Vec::new();
        for path in &self.sets {
            sets.push((path, self.set(path)?));
        }
        let count = sets.iter().map(|(_, set)| set.grasps.len()).sum();
        let mut all: Vec<(&GraspSet, Vec<Verdict>)> = Vec::new();
        on_threads(self.threads, || {
            let progress = Mutex::new((Progress::new(count, "grasps", self.json), 0));
            for (path, set) in &sets {
                let tell = |done: usize| {
                    if let Ok(mut guard) = progress.lock() {
                        guard.1 += done;
                        let (bar, count) = &mut *guard;
                        bar.at(*count, &path.display().to_string());
                    }
                };
                let evaluation = match self.done(path)? {
                    Some(evaluation) if is_of(&evaluation, set, &protocol) => {
                        tell(set.grasps.len());
                        evaluation
                    }
                    _ => {
                        let watch = Watch::start();
                        let folder = path.parent().unwrap_or(Path::new(""));
                        let verdicts = evaluate(set, folder, &protocol, &|| tell(1))
                            .map_err(Failure::input)?;
                        let summary = Summary::of(&[Tried {
                            set,
                            verdicts: &verdicts,
                        }]);
                        let evaluation = Evaluation {
                            set: path.display().to_string(),
                            hand: set.hand.clone(),
                            object: set.object.clone(),
                            simulator: simulator.clone(),
                            protocol: protocol.clone(),
                            summary,
                            verdicts,
                        };
                        self.keep(path, &evaluation)?;
                        self.rows(&evaluation.verdicts, watch.seconds());
                        evaluation
                    }
                };
                self.tell(&evaluation.set, &evaluation.summary);
                all.push((set, evaluation.verdicts));
            }
            if let Ok(guard) = progress.lock() {
                guard.0.end();
            }
            Ok(())
        })?;
        if all.len() > 1 {
            let tried: Vec<Tried<'_>> = all
                .iter()
                .map(|(set, verdicts)| Tried { set, verdicts })
                .collect();
            self.tell("all", &Summary::of(&tried));
        }
        Ok(())
    }

    fn protocol(&self) -> Result<Protocol, Failure> {
        let protocol = match &self.protocol {
            None => Protocol::default(),
            Some(path) => {
                let fault = |error: &dyn std::fmt::Display| {
                    Failure::input(format!("{}: {error}", path.display()))
                };
                let text = fs::read_to_string(path).map_err(|error| fault(&error))?;
                ron::from_str(&text).map_err(|error| fault(&error))?
            }
        };
        protocol.checked().map_err(Failure::input)
    }

    /// Reads a set, with what the arguments put in its place.
    fn set(&self, path: &Path) -> Result<GraspSet, Failure> {
        let mut set = json::read(path).map_err(Failure::input)?;
        let absolute = |path: &PathBuf| {
            std::path::absolute(path)
                .map(|path| path.display().to_string())
                .map_err(|error| Failure::input(format!("{}: {error}", path.display())))
        };
        if let Some(model) = &self.model {
            set.hand.model = absolute(model)?;
        }
        if let Some(object) = &self.object {
            set.object.mesh = absolute(object)?;
        }
        if let Some(mass) = self.mass {
            set.object.mass = mass;
        }
        Ok(set)
    }

    /// Where the verdicts of a set go.
    fn file(&self, path: &Path) -> Option<PathBuf> {
        let stem = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let out = self.out.as_ref()?;
        Some(out.join(format!("{stem}.evaluation.json")))
    }

    /// What an earlier run said about a set.
    fn done(&self, path: &Path) -> Result<Option<Evaluation>, Failure> {
        let Some(file) = self.file(path).filter(|file| file.exists()) else {
            return Ok(None);
        };
        let fault =
            |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", file.display()));
        let text = fs::read_to_string(&file).map_err(|error| fault(&error))?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| fault(&error))
    }

    fn keep(&self, path: &Path, evaluation: &Evaluation) -> Result<(), Failure> {
        let Some(file) = self.file(path) else {
            return Ok(());
        };
        let text = serde_json::to_string(evaluation).map_err(Failure::work)?;
        write_atomic(&file, |out| std::io::Write::write_all(out, text.as_bytes()))
            .map_err(Failure::work)
    }

    fn rows(&self, verdicts: &[Verdict], seconds: f64) {
        if !self.rows || self.json {
            return;
        }
        for (index, verdict) in verdicts.iter().enumerate() {
            let word = verdict.lost.map_or("held", |lost| lost.words());
            let moved = match (verdict.shift, verdict.turn) {
                (Some(shift), Some(turn)) => format!(
                    "moved {:.1} mm, {:.1} degrees",
                    1e3 * shift,
                    turn.to_degrees()
                ),
                _ => "not moved".to_owned(),
            };
            say(&format!(
                "  {index}: {word}; {} of 6 directions, {moved}; penetration {:.2} mm, self {:.2} mm, {} links, contact {:.2} mm",
                verdict.directions.iter().filter(|held| **held).count(),
                1e3 * verdict.penetration,
                1e3 * verdict.self_penetration,
                verdict.touching_links,
                1e3 * verdict.contact_distance,
            ));
        }
        let each = seconds / verdicts.len().max(1) as f64;
        say(&format!("  {seconds:.1} s, {each:.2} s a grasp"));
    }

    fn tell(&self, name: &str, summary: &Summary) {
        if self.json {
            say_json(&json!({ "set": name, "summary": summary }));
            return;
        }
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let share = summary
            .diversity
            .map_or_else(|| "-".to_owned(), |share| percent(share[0]));
        let around = if summary.most_around_penetration > 0.0 {
            format!(
                "surroundings {:.2} mm (largest {:.2}), ",
                1e3 * summary.around_penetration,
                1e3 * summary.most_around_penetration
            )
        } else {
            String::new()
        };
        say(&format!(
            "{name}: {} of {} held, {} (95 %: {} to {}), {} with less than 2 mm of penetration; \
             penetration {:.2} mm (largest {:.2}), self {:.2} mm, {around}{:.2} links, contact {:.2} mm, first PCA share {share}",
            summary.held,
            summary.grasps,
            percent(summary.rate),
            percent(summary.interval[0]),
            percent(summary.interval[1]),
            percent(summary.strict[1]),
            1e3 * summary.penetration,
            1e3 * summary.most_penetration,
            1e3 * summary.self_penetration,
            summary.touching_links,
            1e3 * summary.contact_distance,
        ));
    }
}

/// Whether these verdicts are what a new run would say.
fn is_of(evaluation: &Evaluation, set: &GraspSet, protocol: &Protocol) -> bool {
    evaluation.protocol == *protocol
        && evaluation.hand == set.hand
        && evaluation.object == set.object
        && evaluation.verdicts.len() == set.grasps.len()
}
