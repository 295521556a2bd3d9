//! Scenes: one RON file each, from text to a [`World`](crate::world::World).
//!
//! [`load()`] parses a file and reports everything that is wrong with it at once;
//! [`build()`] turns what it found into particles, bodies, colliders and losses.
//! Every field is documented where its type is, in [`spec`]; [`reference()`] renders
//! that as the README of the scenes.

pub mod build;
pub mod check;
pub mod fault;
pub mod gas;
pub mod load;
pub mod locate;
pub mod meshes;
pub mod motion;
mod overlap;
mod policy;
pub mod reference;
mod rigid;
pub mod solid;
pub mod spec;
pub mod substep;
pub mod target;
#[cfg(test)]
mod testing;

pub use build::{BodyRef, Kind, Scene, build, build_with};
pub use check::{check, check_with};
pub use fault::{Fault, SceneError};
pub use gas::GasScene;
pub use load::{load, load_with, parse, to_text};
pub use locate::Places;
pub use meshes::Meshes;
pub use reference::reference;
pub use solid::Solid;
pub use spec::Spec;
