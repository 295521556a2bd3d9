//! The hands that come with Backflow.

use std::path::Path;

use super::{Hand, spec::HandSpec};
use crate::GraspError;

/// Names and files.
const HANDS: [(&str, &str); 4] = [
    (
        "allegro",
        include_str!("../../../../../assets/hands/allegro.ron"),
    ),
    (
        "gripper",
        include_str!("../../../../../assets/hands/gripper.ron"),
    ),
    ("leap", include_str!("../../../../../assets/hands/leap.ron")),
    (
        "shadow",
        include_str!("../../../../../assets/hands/shadow.ron"),
    ),
];

/// Names of the hands.
pub fn names() -> impl Iterator<Item = &'static str> {
    HANDS.iter().map(|(name, _)| *name)
}

/// A hand by its name.
///
/// # Errors
/// There is none of this name.
pub fn named(name: &str) -> Result<Hand, GraspError> {
    match HANDS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => parse(name, text),
        None => Err(GraspError::Setting {
            field: "the hand",
            found: name.to_owned(),
            expected: "allegro, gripper, leap, shadow or a file of a hand",
        }),
    }
}

/// All of them.
///
/// # Errors
/// None, unless a file was spoiled before it was compiled in.
pub fn all() -> Result<Vec<Hand>, GraspError> {
    HANDS.iter().map(|(name, text)| parse(name, text)).collect()
}

/// The hand of a RON file.
///
/// # Errors
/// The file cannot be read, or is not a hand.
pub fn read(path: &Path) -> Result<Hand, GraspError> {
    let text = std::fs::read_to_string(path).map_err(|source| GraspError::File {
        path: path.to_owned(),
        source,
    })?;
    parse(&path.display().to_string(), &text)
}

/// The hand of a RON text; `what` is its name in errors.
///
/// # Errors
/// It is not a hand.
pub fn parse(what: &str, text: &str) -> Result<Hand, GraspError> {
    let spec: HandSpec = ron::from_str(text).map_err(|error| GraspError::Parse {
        what: what.to_owned(),
        expected: "a hand in RON",
        found: error.to_string(),
    })?;
    Hand::new(spec)
}
