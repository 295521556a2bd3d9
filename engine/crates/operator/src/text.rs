//! Files in RON: recipes, settings, cards of operators.

use std::{io::Write, path::Path};

use backflow_sim::io::{FileError, write_atomic};
use ron::{extensions::Extensions, ser::PrettyConfig};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::OperatorError;

fn options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Reads a file; `expected` says what it should hold.
pub fn read<T: DeserializeOwned>(path: &Path, expected: &'static str) -> Result<T, OperatorError> {
    let text = std::fs::read_to_string(path).map_err(FileError::of("read", path))?;
    let parsed = options().from_str(&text);
    parsed.map_err(|error| OperatorError::Parse {
        path: path.to_owned(),
        expected,
        found: error.to_string(),
    })
}

/// The text of a value.
pub fn of(value: &impl Serialize) -> Result<String, ron::Error> {
    let pretty = PrettyConfig::new().new_line("\n".to_owned()).depth_limit(3);
    options().to_string_pretty(value, pretty)
}

/// Writes a value, for [`read`]; `expected` says what it should be.
pub fn write(
    value: &impl Serialize,
    path: &Path,
    expected: &'static str,
) -> Result<(), OperatorError> {
    let text = of(value).map_err(|error| OperatorError::Parse {
        path: path.to_owned(),
        expected,
        found: error.to_string(),
    })?;
    write_atomic(path, |file| file.write_all(format!("{text}\n").as_bytes()))?;
    Ok(())
}
