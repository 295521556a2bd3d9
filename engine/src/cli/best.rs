//! What an optimisation has found, by name: `best.ron`.

use super::Failure;
use crate::task::binding::Binding;

/// Variables of a scene by name, as `best.ron` holds them.
pub type NamedVariables = std::collections::BTreeMap<String, Vec<f64>>;

/// What `best.ron` holds.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct BestFile {
    /// Name of the scene.
    pub scene: String,
    /// Its loss.
    pub value: f64,
    /// Iteration that found it.
    pub iteration: usize,
    /// The variables, in the units of the flat vector of the optimiser.
    pub variables: NamedVariables,
}

impl BestFile {
    /// The flat vector for a scene.
    ///
    /// # Errors
    /// A slice is missing or has another length.
    pub fn flat(&self, binding: &Binding) -> Result<Vec<f64>, Failure> {
        let mut flat = Vec::new();
        for slice in binding.layout().slices() {
            match self.variables.get(&slice.name) {
                Some(values) if values.len() == slice.range.len() => flat.extend(values),
                found => {
                    return Err(Failure::Input(format!(
                        "variable `{}` has {} values in the file; expected {}",
                        slice.name,
                        found.map_or(0, Vec::len),
                        slice.range.len()
                    )));
                }
            }
        }
        Ok(flat)
    }
}
