//! `backflow grasp export`: sets of grasps in other formats.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backflow_grasp::{
    hand::Hand,
    object::files,
    set::{
        GraspEntry, GraspSet,
        dexgraspbench::{self, Carried},
        json, mjcf, npz,
    },
};
use clap::{Args, ValueEnum};

use super::{hand, scene::Play, seen_from};
use crate::cli::{Failure, out::say};

/// Writes sets of grasps in other formats, beside them or into a folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow grasp export runs/grasps/*.json --format npz
  backflow grasp export runs/grasps/*.json --format npy --out runs/dexgraspbench
  backflow grasp export runs/grasps/shadow-cup-1.json --format mjcf --grasp 0
  backflow grasp export runs/grasps/allegro-cup-1.json --format scene --young 3e4")]
pub struct Export {
    /// Sets in JSON.
    #[arg(required = true, value_name = "SET")]
    sets: Vec<PathBuf>,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Format::Npz)]
    format: Format,
    /// The grasp of a scene.
    #[arg(long, default_value_t = 0, value_name = "N")]
    grasp: usize,
    #[command(flatten)]
    play: Play,
    /// Folder; that of each set by default.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Formats of sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Arrays for NumPy.
    Npz,
    /// A folder with a pickled dictionary a grasp, as DexGraspBench reads them.
    Npy,
    /// A scene for MuJoCo with one grasp as keyframes.
    Mjcf,
    /// A scene of Backflow: the hand closes about the object, which is soft, and lifts it.
    Scene,
}

impl Export {
    /// Runs the command.
    ///
    /// # Errors
    /// A set that cannot be read, a grasp that it does not have, a file that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        if let Some(out) = &self.out {
            fs::create_dir_all(out)
                .map_err(|error| Failure::work(format!("{}: {error}", out.display())))?;
        }
        for path in &self.sets {
            let set = json::read(path).map_err(Failure::input)?;
            let folder = path.parent().unwrap_or(Path::new(""));
            let out = self.out.as_deref().unwrap_or(folder);
            let stem = path
                .file_stem()
                .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            let file = match self.format {
                Format::Npz => {
                    let file = out.join(format!("{stem}.npz"));
                    // Its paths are seen from where it is.
                    let mut set = set;
                    set.hand.model = seen_from(out, &folder.join(&set.hand.model))?;
                    set.object.mesh = seen_from(out, &folder.join(&set.object.mesh))?;
                    npz::write(&file, &set).map_err(Failure::work)?;
                    file
                }
                Format::Npy => {
                    let file = out.join(&stem);
                    let object = folder.join(&set.object.mesh);
                    let object = object.file_stem().map_or_else(
                        || set.object.mesh.clone(),
                        |stem| stem.to_string_lossy().into_owned(),
                    );
                    let carried =
                        dexgraspbench::write(&file, &object, &set).map_err(Failure::work)?;
                    match carried {
                        Carried::Nothing => {}
                        Carried::Floor => say(&format!(
                            "{}: moved so that its plane is the floor of the setting tabletop",
                            path.display()
                        )),
                        Carried::LeftOut => say(&format!(
                            "{}: its surroundings are left out, since the format has no more than one plane",
                            path.display()
                        )),
                    }
                    file
                }
                Format::Mjcf => {
                    let (hand, grasp) = self.chosen(path, &set)?;
                    let mut meshes = Vec::new();
                    let parts = files(&folder.join(&set.object.mesh)).map_err(Failure::input)?;
                    for mesh in parts {
                        meshes.push(seen_from(out, &mesh)?);
                    }
                    let file = out.join(format!("{stem}-{}.xml", self.grasp));
                    let text = mjcf::scene(&hand, &set, grasp, &meshes)
                        .map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
                    fs::write(&file, text)
                        .map_err(|error| Failure::work(format!("{}: {error}", file.display())))?;
                    file
                }
                Format::Scene => {
                    let (hand, grasp) = self.chosen(path, &set)?;
                    let mesh = folder.join(&set.object.mesh);
                    let file = out.join(format!("{stem}-{}.ron", self.grasp));
                    self.play.write(&file, &hand, &set, grasp, &mesh)?;
                    file
                }
            };
            say(&file.display().to_string());
        }
        Ok(())
    }

    /// The hand of a set and the grasp that a scene is of.
    fn chosen<'a>(
        &self,
        path: &Path,
        set: &'a GraspSet,
    ) -> Result<(Hand, &'a GraspEntry), Failure> {
        let grasp = set.grasps.get(self.grasp).ok_or_else(|| {
            Failure::input(format!(
                "--grasp {}: expected less than {}",
                self.grasp,
                set.grasps.len()
            ))
        })?;
        let name = set.hand.name.as_ref().ok_or_else(|| {
            Failure::input(format!(
                "{}: hand.name is missing, expected a hand of Backflow",
                path.display()
            ))
        })?;
        let hand = hand(name)?;
        set.order(&hand)
            .map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
        Ok((hand, grasp))
    }
}
