//! `backflow grasp synthesize`: finds grasps.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backflow_grasp::{
    Hand,
    object::{Fineness, Object, surroundings::SurroundingsSpec},
    set::{GraspSet, HandEntry, ObjectEntry, json, mjcf},
    synthesis::{Grasp, Settings, synthesize},
};
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{hand, seen_from};
use crate::cli::{
    Failure,
    options::on_threads,
    out::{Progress, Watch, say, say_json},
};

/// Finds grasps of every object at every scale, and writes one set for each.
///
/// A set that is already there is kept, so that a run which was interrupted goes on where it
/// was. Results do not depend on the number of threads. Nothing is simulated: a grasp seems to
/// hold where its score is as good as that of those which held when they were simulated.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow grasp synthesize --hand shadow --object assets/meshes/cup.obj --count 20
  backflow grasp synthesize --hand allegro --object meshes/*.obj --scale 0.06 0.08 0.10 --candidates 4 --out runs/data

A folder as an object holds its convex parts, one OBJ file each. For every set there is
OUT/HAND-OBJECT-SCALE.json; the model of the hand is beside them.")]
pub struct Synthesize {
    /// allegro, gripper, leap or shadow, or a file of a hand in RON, MJCF or URDF.
    #[arg(long)]
    hand: String,
    /// Meshes, or folders of convex parts.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    object: Vec<PathBuf>,
    /// Factors of the meshes.
    #[arg(long, num_args = 1.., default_values_t = [1.0], value_name = "FACTOR")]
    scale: Vec<f64>,
    /// Grasps of each object at each scale.
    #[arg(long, default_value_t = 20, value_name = "N")]
    count: usize,
    /// Candidates for each grasp: of N times as many the best are kept, by their own score; 1
    /// keeps all.
    #[arg(long, default_value_t = 4, value_name = "N")]
    candidates: usize,
    /// What the starts depend on.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Mass of the objects in the sets (kg).
    #[arg(long, default_value_t = 0.1, value_name = "KG")]
    mass: f64,
    /// RON file with other settings, such as `(iterations: 800, squeeze: 12.0)`.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// RON file with what stands about the objects and is not to be touched, in their frame (m):
    /// `(planes: [(point: (0, 0, -0.04), normal: (0, 0, 1))], shapes: [Sphere(centre: (0.1, 0, 0),
    /// radius: 0.03)])`, or `(tables: [(0, 0, 1)])` for a table that each of them lies on. Sets
    /// record it.
    #[arg(long, value_name = "FILE")]
    surroundings: Option<PathBuf>,
    /// MJCF or URDF model of the hand that the sets name, in place of the hand's own; its motors
    /// get the hand's stiffness and strength, and its joints a damping of 0.1 N m s / rad.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Folder for the sets.
    #[arg(long, default_value = "runs/grasps", value_name = "DIR")]
    out: PathBuf,
    /// Threads to use; as many as there are cores by default.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object a set instead of text.
    #[arg(long)]
    json: bool,
}

/// Damping of the joints of another model (N m s / rad): that which DexGraspBench gives the
/// Allegro hand.
const DAMPING: f64 = 0.1;

impl Synthesize {
    /// Runs the command.
    ///
    /// # Errors
    /// A hand, an object or settings that cannot be used; a set that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        if self.count == 0 {
            return Err(Failure::input("--count 0: expected at least 1"));
        }
        let hand = hand(&self.hand)?;
        let settings = self.settings()?;
        let surroundings = self.surroundings()?;
        fs::create_dir_all(&self.out)
            .map_err(|error| Failure::work(format!("{}: {error}", self.out.display())))?;
        let model = self.model_of(&hand)?;
        on_threads(self.threads, || {
            let total = self.object.len() * self.scale.len();
            let mut progress = Progress::new(total, "sets", self.json);
            let mut done = 0;
            for path in &self.object {
                for &scale in &self.scale {
                    progress.at(done, &format!("{} x {scale}", path.display()));
                    self.set(&hand, &model, path, scale, &settings, &surroundings)?;
                    done += 1;
                }
            }
            progress.end();
            Ok(())
        })
    }

    /// The settings asked for.
    fn settings(&self) -> Result<Settings, Failure> {
        let base = self
            .settings
            .as_deref()
            .map_or_else(|| Ok(Settings::default()), parsed)?;
        let settings = Settings {
            seed: self.seed,
            candidates: self.candidates,
            ..base
        };
        settings.checked().map_err(Failure::input)
    }

    /// What stands about the objects.
    fn surroundings(&self) -> Result<SurroundingsSpec, Failure> {
        let path = self.surroundings.as_deref();
        path.map_or_else(|| Ok(SurroundingsSpec::default()), parsed)
    }

    /// An object among its surroundings, and these as sets record them.
    fn object(
        &self,
        path: &Path,
        scale: f64,
        surroundings: &SurroundingsSpec,
    ) -> Result<(Object, SurroundingsSpec), Failure> {
        let mut object = Object::read(path, scale, &Fineness::default()).map_err(Failure::input)?;
        let there = object.surround(surroundings).map_err(|error| {
            let file = self.surroundings.as_deref().unwrap_or(Path::new(""));
            Failure::input(format!("{}: {error}", file.display()))
        })?;
        Ok((object, there))
    }

    /// The model that sets name, written beside them if it is the hand's own.
    fn model_of(&self, hand: &Hand) -> Result<String, Failure> {
        let path = match &self.model {
            Some(path) => path.clone(),
            None => {
                let path = self.out.join(format!("{}.xml", hand.spec.name));
                fs::write(&path, mjcf::hand(hand))
                    .map_err(|error| Failure::work(format!("{}: {error}", path.display())))?;
                path
            }
        };
        seen_from(&self.out, &path)
    }

    /// Finds and writes one set.
    fn set(
        &self,
        hand: &Hand,
        model: &str,
        path: &Path,
        scale: f64,
        settings: &Settings,
        surroundings: &SurroundingsSpec,
    ) -> Result<(), Failure> {
        let stem = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let file = self
            .out
            .join(format!("{}-{stem}-{scale}.json", hand.spec.name));
        if file.exists() {
            return self.kept(&file, path, scale, surroundings);
        }
        let (object, there) = self.object(path, scale, surroundings)?;
        let watch = Watch::start();
        let grasps = synthesize(hand, &object, self.count, settings).map_err(Failure::input)?;
        let seconds = watch.seconds();
        let entry = HandEntry {
            name: Some(self.hand.clone()),
            kp: Some(hand.spec.stiffness),
            // Motors of another model may damp far more than this stiffness goes with.
            kv: self.model.as_ref().map(|_| 0.0),
            joint_damping: self.model.as_ref().map(|_| DAMPING),
            forcerange: Some([-hand.spec.strongest, hand.spec.strongest]),
            ..HandEntry::new(model)
        };
        let entry_of_object = ObjectEntry {
            mass: self.mass,
            surroundings: there,
            ..ObjectEntry::new(seen_from(&self.out, path)?, scale)
        };
        let set = GraspSet::new(hand, entry, entry_of_object, &grasps);
        json::write(&file, &set).map_err(Failure::work)?;
        self.tell(&file, &grasps, seconds, object.thin());
        Ok(())
    }

    /// A set that is there already: it goes on from a run before, if it has what is asked for.
    fn kept(
        &self,
        file: &Path,
        path: &Path,
        scale: f64,
        surroundings: &SurroundingsSpec,
    ) -> Result<(), Failure> {
        let set = json::read(file).map_err(Failure::input)?;
        let fault = |found: String| {
            Failure::input(format!(
                "{}: has {found}; remove it, or choose another --out",
                file.display()
            ))
        };
        let (there, asked) = (set.grasps.len(), self.count);
        if there != asked {
            return Err(fault(format!(
                "{there} grasps already, expected the {asked} of --count"
            )));
        }
        let (mass, asked) = (set.object.mass, self.mass);
        if mass != asked {
            return Err(fault(format!(
                "an object of {mass} kg already, expected the {asked} kg of --mass"
            )));
        }
        // Where tables are is known of the object alone.
        let around = if surroundings.tables.is_empty() {
            surroundings.clone()
        } else {
            self.object(path, scale, surroundings)?.1
        };
        if set.object.surroundings != around {
            return Err(fault(
                "other surroundings already, expected those of --surroundings".to_owned(),
            ));
        }
        if self.json {
            say_json(&json!({ "set": file.display().to_string(), "grasps": there, "kept": true }));
        } else {
            say(&format!("{}: already there, kept", file.display()));
        }
        Ok(())
    }

    /// Says what was found; `thin` is a cell of the distance of an object that is thinner.
    fn tell(&self, file: &Path, grasps: &[Grasp], seconds: f64, thin: Option<f64>) {
        let count = grasps.len() as f64;
        let mean = |part: &dyn Fn(&Grasp) -> f64| grasps.iter().map(part).sum::<f64>() / count;
        let [force, gap, penetration] = [
            mean(&|grasp| grasp.score.force),
            mean(&|grasp| grasp.score.gap),
            mean(&|grasp| grasp.score.penetration),
        ];
        let rate = count * self.candidates as f64 / seconds;
        let good = grasps.iter().filter(|grasp| grasp.score.is_good()).count();
        if self.json {
            say_json(&json!({
                "set": file.display().to_string(),
                "grasps": grasps.len(),
                "seem_to_hold": good,
                "force": force,
                "gap": gap,
                "penetration": penetration,
                "thin": thin.is_some(),
                "seconds": seconds,
                "candidates_per_second": rate,
            }));
        } else {
            say(&format!(
                "{}: {} grasps in {seconds:.1} s ({rate:.1} candidates/s), {good} seem to hold; on average forces miss {force:.3}, gap {:.2} mm, penetration {:.2} mm",
                file.display(),
                grasps.len(),
                1e3 * gap,
                1e3 * penetration
            ));
            if let Some(cell) = thin {
                say(&format!(
                    "{}: the object is thinner than a cell of its distance, {:.2} mm: how deep a hand is in it is hardly known, and scores mean little",
                    file.display(),
                    1e3 * cell
                ));
            }
            if good == 0 {
                say(&format!(
                    "{}: no grasp seems to hold; the object may be too large or too thin for the hand {}",
                    file.display(),
                    self.hand
                ));
            }
        }
    }
}

/// What a RON file says.
fn parsed<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let fault =
        |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| fault(&error))?;
    ron::from_str(&text).map_err(|error| fault(&error))
}
