//! What can go wrong with data sets, models and their training.

use std::path::PathBuf;

use backflow_sim::{
    io::{FileError, NpzError},
    rollout::{NonFinite, store::RunError},
    scene::SceneError,
};

/// Why an operator cannot be made, read or run.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An array is missing or damaged.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// A text is not what it should be.
    #[error("{}: {found}; expected {expected}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
        /// What the parser says.
        found: String,
    },
    /// A setting is wrong.
    #[error("{field} = {found}: expected {expected}")]
    Setting {
        /// Which setting.
        field: String,
        /// Its value.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// Settings of a file are wrong.
    #[error("{}: {} settings are wrong\n  {}", path.display(), faults.len(), faults.join("\n  "))]
    Faults {
        /// The file.
        path: PathBuf,
        /// What is wrong: field, value and what was expected of each.
        faults: Vec<String>,
    },
    /// Two things that belong together do not fit.
    #[error("{what}: found {found}, expected {expected}")]
    Mismatch {
        /// What was compared.
        what: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// A trajectory cannot be made from its scene.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// A rollout of the engine blew up.
    #[error("trajectory {name}: {source}")]
    Engine {
        /// Which trajectory.
        name: String,
        /// What happened.
        source: NonFinite,
    },
    /// A run of the engine that is part of a model fails.
    #[error("run of the engine: {0}")]
    Run(#[from] RunError),
    /// A number of an operator or of its training is not finite.
    #[error("{what} is not finite {place}; expected finite numbers")]
    NotFinite {
        /// Which number.
        what: &'static str,
        /// Where.
        place: String,
    },
    /// An integration does not come to its end.
    #[error("{most} steps of integration came to {reached} s; expected to come to {end} s")]
    Steps {
        /// How many there were.
        most: usize,
        /// Where they came (s).
        reached: f64,
        /// Where they should (s).
        end: f64,
    },
}

impl OperatorError {
    /// The error of a setting.
    pub fn setting(
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Setting {
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// The error of two things that do not fit.
    pub fn mismatch(
        what: impl Into<String>,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self::Mismatch {
            what: what.into(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}
