//! Data sets: what they are made from, how they are made, and how they are read.

mod farthest;
mod generate;
mod recipe;
mod set;
mod trajectory;

pub use farthest::farthest_points;
pub use generate::{generate, run, simulate, spec};
pub use recipe::{Counts, Families, Family, Recipe, Split};
pub use set::DataSet;
pub use trajectory::Trajectory;
