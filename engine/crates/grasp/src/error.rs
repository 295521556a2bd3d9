//! What can be wrong with hands, objects and sets of grasps.

use std::path::PathBuf;

use backflow_sim::mesh::{read::ReadError, solid::MeshFault};

/// Why a hand, an object or a set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GraspError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A text is not what it should be.
    #[error("{what}: expected {expected}, not {found}")]
    Parse {
        /// The file, or what stands for it.
        what: String,
        /// What was expected.
        expected: &'static str,
        /// What the parser says.
        found: String,
    },
    /// A field of a hand is wrong.
    #[error("hand {hand}: {field} is {found}, expected {expected}")]
    Hand {
        /// Name of the hand.
        hand: String,
        /// Which field.
        field: String,
        /// Its value.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A mesh cannot be read.
    #[error("{}: expected {source}", path.display())]
    Mesh {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// A mesh bounds no solid.
    #[error("{}: expected {source}", path.display())]
    Solid {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MeshFault,
    },
    /// An object is wrong.
    #[error("object {object}: {field} is {found}, expected {expected}")]
    Object {
        /// Name of the object.
        object: String,
        /// Which field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A setting is wrong.
    #[error("{field} is {found}, expected {expected}")]
    Setting {
        /// Which setting.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A buffer is not as large as it has to be.
    #[error("{field} is {found}, expected {expected}")]
    Size {
        /// Which buffer, and what of it.
        field: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: String,
    },
    /// A simulator cannot do what it is to do.
    #[error("{what}: {found}")]
    Simulator {
        /// The model, or the simulator itself.
        what: String,
        /// What it says.
        found: String,
    },
}
