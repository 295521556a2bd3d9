//! Data sets: what they are made from, how they are made, and how they are read.

mod farthest;
mod generate;
mod recipe;
mod set;
mod trajectory;

pub use farthest::farthest_points;
pub use generate::{generate, generate_of, run, simulate, spec};
pub(crate) use recipe::is_file_name;
pub use recipe::{Counts, Families, Family, Recipe, Split};
pub use set::DataSet;
pub use trajectory::Trajectory;
