//! `backflow grasp objects`: objects for data sets.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use backflow_grasp::generate::{
    CELLS, Family,
    decompose::{Decomposition, decompose},
    generate,
};
use backflow_sim::{
    io::obj::write_obj,
    mesh::{self, Mesh},
};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde_json::json;

use crate::cli::{
    Failure,
    options::on_threads,
    out::{Progress, say, say_json},
};

/// Makes objects for data sets, or cuts meshes into convex pieces.
///
/// An object is DIR/NAME.obj, which fits into a ball of radius 1 m, and its convex pieces are
/// DIR/NAME/piece_000.obj and so on; `grasp synthesize --object DIR/*/ --scale 0.06 0.08` takes the
/// folders. Objects that are there are kept, so that a run which was interrupted goes on where
/// it was. They depend on the family and the number alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow grasp objects --count 100 --out runs/objects
  backflow grasp objects --family blob --count 20 --seed 500 --cells 48 --out runs/blobs
  backflow grasp objects --from assets/meshes/cup.obj --out runs/cup")]
pub struct Objects {
    /// Families to take turns with; all by default.
    #[arg(long, value_enum, num_args = 1.., value_name = "FAMILY")]
    family: Vec<Kind>,
    /// Number of objects.
    #[arg(long, default_value_t = 10, value_name = "N")]
    count: u64,
    /// Number of the first object.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Cells along the longest edge of an object.
    #[arg(long, default_value_t = CELLS, value_name = "N")]
    cells: u32,
    /// Meshes to cut, in place of objects that are made; they keep their size.
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with_all = ["family", "count", "seed"])]
    from: Vec<PathBuf>,
    /// Convex pieces of an object at most.
    #[arg(long, default_value_t = 24, value_name = "N")]
    pieces: u32,
    /// Folder for the objects.
    #[arg(long, default_value = "runs/objects", value_name = "DIR")]
    out: PathBuf,
    /// Threads to use; as many as there are cores by default.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object an object instead of text.
    #[arg(long)]
    json: bool,
}

/// Families of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// From boxes over ellipsoids to spindles: convex.
    Superquadric,
    /// Balls that melt into each other.
    Blob,
    /// Bottles, hammers, bowls, mugs and heaps of boxes.
    Composite,
}

impl Kind {
    fn family(self) -> Family {
        match self {
            Self::Superquadric => Family::Superquadric,
            Self::Blob => Family::Blob,
            Self::Composite => Family::Composite,
        }
    }
}

/// Where an object comes from.
enum Source<'a> {
    Made(Family, u64),
    File(&'a Path),
}

impl Objects {
    /// Runs the command.
    ///
    /// # Errors
    /// Meshes that cannot be read or have no volume; files that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.out)
            .map_err(|error| Failure::work(format!("{}: {error}", self.out.display())))?;
        let families: Vec<Family> = if self.family.is_empty() {
            Family::ALL.to_vec()
        } else {
            self.family.iter().map(|kind| kind.family()).collect()
        };
        let sources: Vec<Source<'_>> = if self.from.is_empty() {
            let numbers = self.seed..self.seed.saturating_add(self.count);
            numbers
                .map(|number| {
                    let turn = (number % families.len() as u64) as usize;
                    Source::Made(families[turn], number)
                })
                .collect()
        } else {
            self.from.iter().map(|file| Source::File(file)).collect()
        };
        let lines = on_threads(self.threads, || {
            let progress = Mutex::new((Progress::new(sources.len(), "objects", self.json), 0));
            let lines: Result<Vec<(String, usize)>, Failure> = sources
                .par_iter()
                .map(|source| {
                    let line = self.object(source)?;
                    if let Ok(mut guard) = progress.lock() {
                        guard.1 += 1;
                        let (bar, done) = &mut *guard;
                        bar.at(*done, &line.0);
                    }
                    Ok(line)
                })
                .collect();
            if let Ok(guard) = progress.lock() {
                guard.0.end();
            }
            lines
        })?;
        for (name, pieces) in lines {
            if self.json {
                say_json(&json!({ "object": name, "pieces": pieces }));
            } else {
                say(&format!("{name}: {pieces} convex pieces"));
            }
        }
        Ok(())
    }

    /// Makes and writes an object, unless it is there: its mesh and the number of its pieces.
    fn object(&self, source: &Source<'_>) -> Result<(String, usize), Failure> {
        let name = match source {
            Source::Made(family, number) => format!("{}_{number:05}", family.name()),
            Source::File(path) => path
                .file_stem()
                .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        };
        let folder = self.out.join(&name);
        let file = self.out.join(format!("{name}.obj"));
        let line = |count: usize| (file.display().to_string(), count);
        let fault = |error: std::io::Error| Failure::work(format!("{}: {error}", folder.display()));
        if folder.is_dir() {
            return Ok(line(fs::read_dir(&folder).map_err(fault)?.count()));
        }
        let mesh: Mesh = match source {
            Source::Made(family, number) => {
                generate(*family, *number, self.cells).map_err(Failure::input)?
            }
            Source::File(path) => mesh::read(path)
                .map_err(|error| Failure::input(format!("{}: expected {error}", path.display())))?,
        };
        let settings = Decomposition {
            most: self.pieces,
            ..Decomposition::default()
        };
        let pieces = decompose(&mesh, &settings)
            .map_err(|error| Failure::input(format!("{name}: {error}")))?;
        write_obj(&file, &mesh).map_err(Failure::work)?;
        // The folder appears when it is complete.
        let unfinished = self.out.join(format!(".{name}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(fault)?;
        }
        fs::create_dir(&unfinished).map_err(fault)?;
        for (index, piece) in pieces.iter().enumerate() {
            let file = unfinished.join(format!("piece_{index:03}.obj"));
            write_obj(&file, piece).map_err(Failure::work)?;
        }
        fs::rename(&unfinished, &folder).map_err(fault)?;
        Ok(line(pieces.len()))
    }
}
