//! A folder of trajectories.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Counts, Recipe, Split, Trajectory, recipe::VERSION};
use crate::{error::OperatorError, text, train::Origin};

/// A data set that came from somewhere else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Version of the format: 1.
    pub version: u32,
    /// Name of its material.
    pub material: String,
    /// How many trajectories each split has.
    pub counts: Counts,
}

impl Imported {
    /// Reads and checks it.
    ///
    /// # Errors
    /// The file cannot be read, or is of another version.
    pub fn read(path: &Path) -> Result<Self, OperatorError> {
        let there: Self = text::read(path, "what an import has left")?;
        if there.version != VERSION {
            let faults = vec![
                OperatorError::setting("version", there.version, VERSION.to_string()).to_string(),
            ];
            let path = path.to_owned();
            return Err(OperatorError::Faults { path, faults });
        }
        Ok(there)
    }
}

/// Where a data set comes from.
#[derive(Debug, Clone)]
enum Source {
    Generated(Recipe),
    Imported(Imported),
}

/// A data set: a folder, and what it says of itself.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// The folder.
    pub folder: PathBuf,
    source: Source,
}

impl DataSet {
    /// Name of the recipe in the folder.
    pub const RECIPE: &'static str = "recipe.ron";

    /// Name of what stands in its place where the data were imported.
    pub const IMPORTED: &'static str = "imported.ron";

    /// Opens a folder that [`generate`](super::generate()) or an import has filled.
    ///
    /// # Errors
    /// There is no recipe in it that can be read.
    pub fn open(folder: &Path) -> Result<Self, OperatorError> {
        let imported = folder.join(Self::IMPORTED);
        let source = if imported.is_file() {
            Source::Imported(Imported::read(&imported)?)
        } else {
            Source::Generated(Recipe::read(&folder.join(Self::RECIPE))?)
        };
        Ok(Self {
            folder: folder.to_owned(),
            source,
        })
    }

    /// What the engine made it from.
    ///
    /// # Errors
    /// It did not.
    pub fn recipe(&self) -> Result<&Recipe, OperatorError> {
        match &self.source {
            Source::Generated(recipe) => Ok(recipe),
            Source::Imported(_) => Err(OperatorError::mismatch(
                "data set",
                format!("imported data in {}", self.folder.display()),
                "one that the engine has generated",
            )),
        }
    }

    /// What the trajectories of a material were made from, where the engine made them.
    pub fn origin(&self, material: &str) -> Option<Origin> {
        let recipe = self.recipe().ok()?;
        Some(Origin {
            material: recipe.materials.get(material)?.resolved(),
            cell: recipe.cell,
            gravity: recipe.gravity,
        })
    }

    /// The file of a trajectory.
    pub fn path(folder: &Path, material: &str, split: Split, number: usize) -> PathBuf {
        folder
            .join(material)
            .join(format!("{}-{number:03}.npz", split.name()))
    }

    /// The material of a name; the only one if there is none.
    ///
    /// # Errors
    /// A material that the data set does not have, or several without a name.
    pub fn material<'a>(&'a self, name: Option<&'a str>) -> Result<&'a str, OperatorError> {
        let names: Vec<&str> = match &self.source {
            Source::Generated(recipe) => recipe.materials.keys().map(String::as_str).collect(),
            Source::Imported(imported) => vec![&imported.material],
        };
        match (name, &names[..]) {
            (Some(name), names) if names.contains(&name) => Ok(name),
            (None, &[name]) => Ok(name),
            (name, names) => Err(OperatorError::setting(
                "material",
                name.unwrap_or("(none)"),
                format!("one of {}", names.join(", ")),
            )),
        }
    }

    /// Reads all trajectories of a material and a split.
    ///
    /// # Errors
    /// One that is missing or damaged.
    pub fn read(&self, material: &str, split: Split) -> Result<Vec<Trajectory>, OperatorError> {
        let counts = match &self.source {
            Source::Generated(recipe) => recipe.counts,
            Source::Imported(imported) => imported.counts,
        };
        (0..counts.of(split))
            .map(|number| Trajectory::read(&Self::path(&self.folder, material, split, number)))
            .collect()
    }
}
