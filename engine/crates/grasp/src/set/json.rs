//! Sets as JSON.

use std::{io::Write, path::Path};

use backflow_sim::io::atomic::write_atomic;

use super::{FORMAT, GraspSet};
use crate::GraspError;

/// Reads a set.
///
/// # Errors
/// The file cannot be read, is not a set, or has grasps with another number of angles than
/// names of joints.
pub fn read(path: &Path) -> Result<GraspSet, GraspError> {
    let text = std::fs::read_to_string(path).map_err(|source| GraspError::File {
        path: path.to_owned(),
        source,
    })?;
    let fault = |expected, found: String| GraspError::Parse {
        what: path.display().to_string(),
        expected,
        found,
    };
    let set: GraspSet = serde_json::from_str(&text)
        .map_err(|error| fault("a set of grasps in JSON", error.to_string()))?;
    if set.format != FORMAT {
        return Err(fault("the format grasp-set/1", set.format));
    }
    for (index, grasp) in set.grasps.iter().enumerate() {
        for angles in [&grasp.pregrasp, &grasp.grasp, &grasp.squeeze] {
            if angles.len() != set.joint_names.len() {
                return Err(fault(
                    "as many angles as names of joints",
                    format!("{} in grasp {index}", angles.len()),
                ));
            }
        }
    }
    Ok(set)
}

/// Writes a set, atomically.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, set: &GraspSet) -> Result<(), GraspError> {
    let text = serde_json::to_string(set).map_err(|error| GraspError::Parse {
        what: path.display().to_string(),
        expected: "numbers that JSON can hold",
        found: error.to_string(),
    })?;
    write_atomic(path, |file| file.write_all(text.as_bytes())).map_err(|error| GraspError::File {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::{GraspEntry, HandEntry, ObjectEntry, diversity, npz};

    fn set() -> GraspSet {
        let entry = |index: f64| GraspEntry {
            pos: [0.1 * index, 0.0, 0.0],
            quat: [1.0, 0.0, 0.0, 0.0],
            pregrasp: vec![0.0, 0.1],
            grasp: vec![0.1, 0.2],
            squeeze: vec![0.2, 0.3],
            pregrasp_pose: None,
            squeeze_pose: None,
            score: None,
        };
        GraspSet {
            format: FORMAT.to_owned(),
            hand: HandEntry {
                kp: Some(5.0),
                ..HandEntry::new("hand.xml")
            },
            object: ObjectEntry {
                mesh: "mesh.obj".to_owned(),
                scale: 0.1,
                mass: 0.1,
                friction: [0.6, 0.02],
                pose: [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            },
            joint_names: vec!["a".to_owned(), "b".to_owned()],
            grasps: (0..4).map(|index| entry(f64::from(index))).collect(),
        }
    }

    #[test]
    fn a_set_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.json");
        write(&path, &set()).unwrap();
        assert_eq!(read(&path).unwrap(), set());
        npz::write(&folder.path().join("set.npz"), &set()).unwrap();
    }

    #[test]
    fn a_set_with_missing_angles_or_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.json");
        let mut short = set();
        short.grasps[2].squeeze.pop();
        write(&path, &short).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("grasp 2"));
        let mut other = set();
        other.format = "grasp-set/9".to_owned();
        write(&path, &other).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("grasp-set/9"));
    }

    #[test]
    fn grasps_along_one_line_have_one_principal_component() {
        let share = diversity(set().grasps.iter()).unwrap();
        assert!((share[0] - 1.0).abs() < 1e-12 && (share[4] - 1.0).abs() < 1e-12);
        assert_eq!(diversity(set().grasps[..2].iter()), None);
    }
}
