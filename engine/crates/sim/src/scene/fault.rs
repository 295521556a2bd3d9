//! What can be wrong with a scene, and how it is said.

use std::{fmt, io, path::PathBuf};

use super::locate::Places;

/// One thing that is wrong with a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, such as `materials."water".density` or `bodies[0].shape.radius`.
    pub path: String,
    /// What it says; empty where it says nothing.
    pub value: String,
    /// What was expected.
    pub expected: String,
    /// Line and column of the field in the file, where it is known (from 1).
    pub place: Option<(usize, usize)>,
}

impl Fault {
    /// The fault of a field whose `value` is not as `expected`.
    pub fn new(
        path: impl Into<String>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            value: value.to_string(),
            expected: expected.into(),
            place: None,
        }
    }

    /// The fault with the place of its field, or of the nearest thing around it.
    #[must_use]
    pub fn placed(self, places: &Places) -> Self {
        let place = places
            .nearest(&self.path)
            .map(|place| (place.line, place.column));
        Self { place, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            value,
            expected,
            ..
        } = self;
        if value.is_empty() {
            write!(f, "{path}: expected {expected}")
        } else {
            write!(f, "{path} = {value}: expected {expected}")
        }
    }
}

/// Why a scene cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// The file cannot be read.
    #[error("{}: {source}; expected a scene file in RON", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The text is not a scene.
    #[error("{origin}:{line}:{column}: {}{message}", at(path))]
    Syntax {
        /// The file, or another name of where the text is from.
        origin: String,
        /// Line (from 1).
        line: usize,
        /// Column (from 1).
        column: usize,
        /// The field that was being read; empty at the top.
        path: String,
        /// What was found and expected.
        message: String,
    },
    /// It is a scene, but not a sound one.
    #[error("{}", lines(origin, faults))]
    Faults {
        /// The file, or another name of where the scene is from.
        origin: String,
        /// All that is wrong, in the order of the file.
        faults: Vec<Fault>,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    }
}

/// One line a fault.
fn lines(origin: &str, faults: &[Fault]) -> String {
    let line = |fault: &Fault| match fault.place {
        Some((line, column)) => format!("{origin}:{line}:{column}: {fault}"),
        None => format!("{origin}: {fault}"),
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A number as short as it can be read back.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !size.is_finite() || (1e-4..1e7).contains(&size) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// A vector, as in a scene.
pub(super) fn vector(values: &[f64]) -> String {
    let parts: Vec<_> = values.iter().map(|&value| number(value)).collect();
    format!("({})", parts.join(", "))
}

/// A number that is computed, to three digits.
pub(super) fn rounded(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return number(value);
    }
    let short = format!("{value:.2e}").parse().unwrap_or(value);
    number(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_says_field_value_and_expectation() {
        let fault = Fault::new(
            "materials.\"water\".density",
            number(-3.0),
            "a positive number",
        );
        let text = "materials.\"water\".density = -3: expected a positive number";
        assert_eq!(fault.to_string(), text);
        let error = SceneError::Faults {
            origin: "scenes/x.ron".into(),
            faults: vec![
                Fault {
                    place: Some((3, 7)),
                    ..fault.clone()
                },
                fault,
            ],
        };
        assert_eq!(
            error.to_string(),
            format!("scenes/x.ron:3:7: {text}\nscenes/x.ron: {text}")
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(0.025), "0.025");
        assert_eq!(number(2e4), "20000");
        assert_eq!(number(1e300), "1e300");
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(rounded(0.000_216_54), "0.000217");
        assert_eq!(vector(&[1.0, -0.5, 1e-9]), "(1, -0.5, 1e-9)");
    }
}
