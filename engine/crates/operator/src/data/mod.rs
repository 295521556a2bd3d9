//! Data sets: what they are made from, how they are made, and how they are read.

mod farthest;
mod generate;
mod import;
mod learned;
mod recipe;
mod records;
mod set;
mod trajectory;

pub use farthest::farthest_points;
pub use generate::{generate, generate_of, run, simulate, spec};
pub use import::import;
pub use learned::Metadata;
pub(crate) use recipe::is_file_name;
pub use recipe::{Counts, Families, Family, Recipe, Split};
pub use set::{DataSet, Imported};
pub use trajectory::Trajectory;
