//! Sets as NPZ.

use std::path::Path;

use backflow_sim::io::npz::{Array, write_npz};

use super::{GraspEntry, GraspSet};
use crate::GraspError;

/// Writes a set, atomically: `pos (N, 3)`, `quat (N, 4)`, `pregrasp`, `grasp` and `squeeze
/// (N, J)`, `joint_names (J)` and `meta`, a JSON text with `hand` and `object`, what stands about
/// it included. Where the root of a grasp is elsewhere before it or when it presses, there are
/// `pregrasp_pose` and `squeeze_pose (N, 7)`.
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
    let poses = |other: &dyn Fn(&GraspEntry) -> Option<[f64; 7]>| -> Vec<f64> {
        if set.grasps.iter().all(|grasp| other(grasp).is_none()) {
            return Vec::new();
        }
        let all = set.grasps.iter().flat_map(|grasp| {
            let ([x, y, z], [w, i, j, k]) = (grasp.pos, grasp.quat);
            other(grasp).unwrap_or([x, y, z, w, i, j, k])
        });
        all.collect()
    };
    let before = poses(&|grasp| grasp.pregrasp_pose);
    let after = poses(&|grasp| grasp.squeeze_pose);
    let names: Vec<&str> = set.joint_names.iter().map(String::as_str).collect();
    let meta =
        serde_json::to_string(&serde_json::json!({ "hand": set.hand, "object": set.object }))
            .map_err(|error| fault(&error))?;
    let meta = [meta.as_str()];
    let mut arrays = vec![
        ("pos", Array::F64(vec![count, 3], &pos)),
        ("quat", Array::F64(vec![count, 4], &quat)),
        ("pregrasp", Array::F64(vec![count, joints], &pregrasp)),
        ("grasp", Array::F64(vec![count, joints], &grasp)),
        ("squeeze", Array::F64(vec![count, joints], &squeeze)),
        ("joint_names", Array::Text(vec![joints], &names)),
        ("meta", Array::Text(vec![], &meta)),
    ];
    for (name, numbers) in [("pregrasp_pose", &before), ("squeeze_pose", &after)] {
        if !numbers.is_empty() {
            arrays.push((name, Array::F64(vec![count, 7], numbers)));
        }
    }
    write_npz(path, &arrays).map_err(|error| fault(&error))
}

#[cfg(test)]
mod tests {
    use backflow_sim::io::npz::Npz;

    use super::*;
    use crate::set::{FORMAT, HandEntry, ObjectEntry};

    #[test]
    fn poses_of_the_root_are_there_where_some_differ() {
        let entry = GraspEntry {
            pos: [0.1, 0.2, 0.3],
            quat: [0.0, 0.0, 1.0, 0.0],
            pregrasp: vec![0.1],
            grasp: vec![0.2],
            squeeze: vec![0.3],
            pregrasp_pose: None,
            squeeze_pose: None,
            score: None,
        };
        let mut set = GraspSet {
            format: FORMAT.to_owned(),
            hand: HandEntry::new("hand.xml"),
            object: ObjectEntry::new("mesh.obj", 1.0),
            joint_names: vec!["a".to_owned()],
            grasps: vec![entry.clone(), entry],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.npz");
        let written = |set: &GraspSet| {
            write(&path, set).unwrap();
            Npz::open(&path).unwrap()
        };
        let names = written(&set).names();
        assert!(
            !names.iter().any(|name| name.ends_with("_pose")),
            "{names:?}"
        );
        let squeeze = [0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        set.grasps[1].squeeze_pose = Some(squeeze);
        let mut archive = written(&set);
        assert!(!archive.names().contains(&"pregrasp_pose".to_owned()));
        let (shape, numbers) = archive.f64("squeeze_pose", &[None, Some(7)]).unwrap();
        assert_eq!(shape, [2, 7]);
        assert_eq!(numbers[..7], [0.1, 0.2, 0.3, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(numbers[7..], squeeze);
    }
}
