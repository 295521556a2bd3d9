//! What a data set is made from.

use std::{collections::BTreeMap, path::Path};

use backflow_sim::scene::spec::{Law, Material};
use serde::{Deserialize, Serialize};

use crate::{error::OperatorError, text};

/// The version of recipes that this crate reads.
pub(super) const VERSION: u32 = 1;

/// What a data set is made from: a RON file, `recipe.ron`. A trajectory is a body of one material
/// and of a random shape, thrown into a closed box. Units are SI.
///
/// Nothing is shared between the splits: each trajectory has a seed of its own, and each split has
/// families of shapes of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Version of the format: 1.
    pub version: u32,
    /// Materials by name; each gets all trajectories of [`Recipe::counts`].
    pub materials: BTreeMap<String, Material>,
    /// Edge lengths of the box (m), each a whole number of cells.
    pub size: [f64; 3],
    /// Edge of a cell of the grid (m).
    pub cell: f64,
    /// Particles along each edge of a cell, 1 to 4. Default: 2.
    #[serde(default = "two")]
    pub per_axis: u32,
    /// How the walls of the box hold matter. Default: Separating.
    #[serde(default)]
    pub walls: Law,
    /// Acceleration of gravity (m/s^2). Default: (0, -9.81, 0).
    #[serde(default = "gravity")]
    pub gravity: [f64; 3],
    /// Time between two positions that are kept (s): the step of the operator.
    pub frame: f64,
    /// Steps of a trajectory, at least 2.
    pub frames: usize,
    /// Least and greatest radius of the ball that a body would fill (m).
    pub radius: [f64; 2],
    /// Greatest initial speed (m/s). Default: 0.
    #[serde(default)]
    pub speed: f64,
    /// Greatest initial angular speed (rad/s). Default: 0.
    #[serde(default)]
    pub spin: f64,
    /// Which shapes each split has.
    #[serde(default)]
    pub shapes: Families,
    /// How many trajectories each split has, for each material.
    pub counts: Counts,
    /// What all random numbers follow from. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

/// Families of shapes of each split. No family may be in two of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Families {
    /// To learn from. Default: Sphere, Box, Cylinder.
    pub train: Vec<Family>,
    /// To choose by. Default: Capsule.
    pub validation: Vec<Family>,
    /// To judge by. Default: Torus, Slab.
    pub test: Vec<Family>,
}

/// How many trajectories each split has, for each material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// To learn from, at least 1.
    pub train: usize,
    /// To choose by.
    pub validation: usize,
    /// To judge by.
    pub test: usize,
}

/// A family of shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// Balls.
    Sphere,
    /// Boxes whose edges differ by at most a factor of two.
    Box,
    /// Cylinders.
    Cylinder,
    /// Capsules.
    Capsule,
    /// Rings.
    Torus,
    /// Flat boxes, a quarter as thick as wide, with round edges.
    Slab,
}

/// What trajectories are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose by: when to stop, which checkpoint to keep.
    Validation,
    /// To judge by.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Default for Families {
    fn default() -> Self {
        Self {
            train: vec![Family::Sphere, Family::Box, Family::Cylinder],
            validation: vec![Family::Capsule],
            test: vec![Family::Torus, Family::Slab],
        }
    }
}

impl Families {
    /// Those of a split.
    pub fn of(&self, split: Split) -> &[Family] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

impl Counts {
    /// Of a split.
    pub const fn of(&self, split: Split) -> usize {
        match split {
            Split::Train => self.train,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

fn two() -> u32 {
    2
}

fn gravity() -> [f64; 3] {
    [0.0, -9.81, 0.0]
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// The file cannot be read, or [`Recipe::check`].
    pub fn read(path: &Path) -> Result<Self, OperatorError> {
        let recipe: Self = text::read(path, "a recipe of a data set")?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Writes it, for [`Recipe::read`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), OperatorError> {
        text::write(self, path, "a recipe that can be written")
    }

    /// Looks for the first thing that is wrong. What is wrong with materials, walls and sizes is
    /// said by the scene of the first trajectory.
    ///
    /// # Errors
    /// A field that is not as expected.
    pub fn check(&self) -> Result<(), OperatorError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if self.version != VERSION {
            return Err(OperatorError::setting("version", self.version, "1"));
        }
        if self.materials.is_empty() {
            return Err(OperatorError::setting("materials", "{}", "at least one"));
        }
        if let Some(name) = self.materials.keys().find(|name| !is_file_name(name)) {
            let expected = "a name of letters, digits, '_' and '-', since it names a folder";
            return Err(OperatorError::setting(
                "materials",
                format!("{name:?}"),
                expected,
            ));
        }
        for (field, value) in [("cell", self.cell), ("frame", self.frame)] {
            if !positive(value) {
                return Err(OperatorError::setting(field, value, "a positive number"));
            }
        }
        if !(1..=4).contains(&self.per_axis) {
            return Err(OperatorError::setting("per_axis", self.per_axis, "1 to 4"));
        }
        if self.frames < 2 {
            return Err(OperatorError::setting("frames", self.frames, "at least 2"));
        }
        let [least, greatest] = self.radius;
        if !(least >= self.cell && greatest >= least) {
            let expected = "least and greatest radius, at least a cell";
            return Err(OperatorError::setting(
                "radius",
                format!("{:?}", self.radius),
                expected,
            ));
        }
        let room = self.size.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        if 2.0 * (greatest * REACH + 2.0 * self.cell) > room {
            let expected = format!(
                "bodies that can be turned in the box: at most {:.4}",
                (0.5 * room - 2.0 * self.cell) / REACH
            );
            return Err(OperatorError::setting("radius[1]", greatest, expected));
        }
        for (field, value) in [("speed", self.speed), ("spin", self.spin)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(OperatorError::setting(
                    field,
                    value,
                    "a number that is not negative",
                ));
            }
        }
        if self.counts.train == 0 {
            return Err(OperatorError::setting("counts.train", 0, "at least 1"));
        }
        for split in Split::ALL {
            let field = format!("shapes.{}", split.name());
            let families = self.shapes.of(split);
            if families.is_empty() && self.counts.of(split) > 0 {
                return Err(OperatorError::setting(field, "[]", "at least one"));
            }
            let others = Split::ALL.into_iter().filter(|other| *other != split);
            for other in others {
                let shared = |family: &&Family| self.shapes.of(other).contains(family);
                if let Some(family) = families.iter().find(shared) {
                    let expected = format!("shapes that {} has not", other.name());
                    return Err(OperatorError::setting(
                        field,
                        format!("{family:?}"),
                        expected,
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The farthest that a point of a shape is from its middle, over the radius of the ball of the
/// same volume; that of a ring is the greatest.
pub(super) const REACH: f64 = 1.7;

/// Whether a name can be that of a folder anywhere.
pub(crate) fn is_file_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    !name.is_empty() && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::recipe;

    #[test]
    fn a_recipe_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.ron");
        let recipe = recipe();
        recipe.write(&path).unwrap();
        assert_eq!(Recipe::read(&path).unwrap(), recipe);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |change: fn(&mut Recipe)| {
            let mut recipe = recipe();
            change(&mut recipe);
            recipe.check().unwrap_err().to_string()
        };
        assert_eq!(
            wrong(|recipe| recipe.shapes.test.push(Family::Box)),
            "shapes.train = Box: expected shapes that test has not"
        );
        assert_eq!(
            wrong(|recipe| recipe.frames = 1),
            "frames = 1: expected at least 2"
        );
        assert!(wrong(|recipe| recipe.radius[1] = 1.0).starts_with("radius[1] = 1: expected"));
        assert!(
            wrong(|recipe| {
                let first = recipe.materials.values().next().copied().unwrap();
                recipe.materials.insert("../x".to_owned(), first);
            })
            .starts_with("materials = \"../x\": expected")
        );
    }
}
