//! Hands from other formats: MJCF (MuJoCo's) and URDF (that of ROS).
//!
//! Both become a [`HandSpec`], which can be written as RON and edited. What these formats do not
//! say is guessed, and what a [`HandSpec`] cannot say is left out or replaced by what comes
//! close; every such step is in [`Imported::remarks`].

mod body;
mod fit;
mod gripping;
pub mod mjcf;
#[cfg(test)]
mod tests;
pub mod urdf;

use std::path::Path;

use crate::{
    GraspError,
    hand::{Hand, library, spec::HandSpec},
};

/// A hand as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The hand.
    pub spec: HandSpec,
    /// What was guessed, replaced or left out, a sentence each.
    pub remarks: Vec<String>,
}

/// Stiffness (N m / rad) and largest torque (N m) of motors, where a file says nothing: those
/// that DexGraspBench gives to all hands, and those of its Shadow hand.
const STIFFNESS: f64 = 5.0;
/// See [`STIFFNESS`].
const STRONGEST: f64 = 3.0;

/// Reads the hand of a file by its ending: `.xml` and `.mjcf` are MJCF, `.urdf` is URDF, anything
/// else RON.
///
/// # Errors
/// The file cannot be read, or describes no hand; the error names element and value.
pub fn read(path: &Path) -> Result<Imported, GraspError> {
    let ending = path.extension().map_or_else(String::new, |ending| {
        ending.to_string_lossy().to_lowercase()
    });
    match ending.as_str() {
        "xml" | "mjcf" => mjcf::read(path),
        "urdf" => urdf::read(path),
        _ => Ok(Imported {
            spec: library::read(path)?.spec,
            remarks: Vec::new(),
        }),
    }
}

/// Checks a hand by building it.
fn checked(spec: HandSpec, remarks: Vec<String>) -> Result<Imported, GraspError> {
    let hand = Hand::new(spec)?;
    Ok(Imported {
        spec: hand.spec,
        remarks,
    })
}

/// A fault of a file.
fn fault(path: &Path, expected: &'static str, found: impl ToString) -> GraspError {
    GraspError::Parse {
        what: path.display().to_string(),
        expected,
        found: found.to_string(),
    }
}
