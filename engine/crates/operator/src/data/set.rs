//! A folder of trajectories.

use std::path::{Path, PathBuf};

use super::{Recipe, Split, Trajectory};
use crate::error::OperatorError;

/// A data set that was generated: its recipe and the folder.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// The folder.
    pub folder: PathBuf,
    /// What it was made from.
    pub recipe: Recipe,
}

impl DataSet {
    /// Name of the recipe in the folder.
    pub const RECIPE: &'static str = "recipe.ron";

    /// Opens a folder that [`generate`](super::generate()) has filled.
    ///
    /// # Errors
    /// There is no recipe in it that can be read.
    pub fn open(folder: &Path) -> Result<Self, OperatorError> {
        Ok(Self {
            folder: folder.to_owned(),
            recipe: Recipe::read(&folder.join(Self::RECIPE))?,
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
        let names: Vec<&str> = self.recipe.materials.keys().map(String::as_str).collect();
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
        (0..self.recipe.counts.of(split))
            .map(|number| Trajectory::read(&Self::path(&self.folder, material, split, number)))
            .collect()
    }
}
