//! Sets as NPZ.

use std::path::Path;

use backflow_sim::io::npz::{Array, write_npz};

use super::GraspSet;
use crate::GraspError;

/// Writes a set, atomically: `pos (N, 3)`, `quat (N, 4)`, `pregrasp`, `grasp` and `squeeze
/// (N, J)`, `joint_names (J)` and `meta`, a JSON text with `hand` and `object`.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, set: &GraspSet) -> Result<(), GraspError> {
    let fault = |error: &dyn std::error::Error| GraspError::File {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    let (count, joints) = (set.grasps.len(), set.joint_names.len());
    let pos: Vec<f64> = set.grasps.iter().flat_map(|grasp| grasp.pos).collect();
    let quat: Vec<f64> = set.grasps.iter().flat_map(|grasp| grasp.quat).collect();
    let pregrasp: Vec<f64> = set
        .grasps
        .iter()
        .flat_map(|grasp| grasp.pregrasp.clone())
        .collect();
    let grasp: Vec<f64> = set
        .grasps
        .iter()
        .flat_map(|grasp| grasp.grasp.clone())
        .collect();
    let squeeze: Vec<f64> = set
        .grasps
        .iter()
        .flat_map(|grasp| grasp.squeeze.clone())
        .collect();
    let names: Vec<&str> = set.joint_names.iter().map(String::as_str).collect();
    let meta =
        serde_json::to_string(&serde_json::json!({ "hand": set.hand, "object": set.object }))
            .map_err(|error| fault(&error))?;
    let arrays = [
        ("pos", Array::F64(vec![count, 3], &pos)),
        ("quat", Array::F64(vec![count, 4], &quat)),
        ("pregrasp", Array::F64(vec![count, joints], &pregrasp)),
        ("grasp", Array::F64(vec![count, joints], &grasp)),
        ("squeeze", Array::F64(vec![count, joints], &squeeze)),
        ("joint_names", Array::Text(vec![joints], &names)),
        ("meta", Array::Text(vec![], &[&meta])),
    ];
    write_npz(path, &arrays).map_err(|error| fault(&error))
}
