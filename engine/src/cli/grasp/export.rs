//! `backflow grasp export`: sets of grasps in other formats.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backflow_grasp::{
    hand::Hand,
    set::{GraspEntry, GraspSet, dexgraspbench, json, mjcf, npz},
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
                    dexgraspbench::write(&file, &object, &set).map_err(Failure::work)?;
                    file
                }
                Format::Mjcf => {
                    let (hand, grasp) = self.chosen(path, &set)?;
                    let mut meshes = Vec::new();
                    for mesh in parts(&folder.join(&set.object.mesh))? {
                        meshes.push(seen_from(out, &mesh)?);
                    }
                    let file = out.join(format!("{stem}-{}.xml", self.grasp));
                    let text = mjcf::scene(&hand, &set, grasp, &meshes);
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
        Ok((hand(name)?, grasp))
    }
}

/// A mesh, or the OBJ files of a folder.
fn parts(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |error: std::io::Error| Failure::input(format!("{}: {error}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(fault)? {
        let file = entry.map_err(fault)?.path();
        if file.extension().is_some_and(|ending| ending == "obj") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
