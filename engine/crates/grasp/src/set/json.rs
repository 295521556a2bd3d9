//! Sets as JSON.

use std::{io::Write, path::Path};

use backflow_sim::io::atomic::write_atomic;

use super::{FORMAT, GraspSet, ObjectEntry};
use crate::{GraspError, object::surroundings::Surroundings};

/// Reads a set. One that says nothing of surroundings has none.
///
/// # Errors
/// The file cannot be read, is not a set, or has grasps with another number of angles than
/// names of joints; poses without a turn, an object without a size, surroundings that make no
/// sense.
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
    sound(&set.object).map_err(|(expected, found)| fault(expected, found))?;
    for (index, grasp) in set.grasps.iter().enumerate() {
        let ([x, y, z], [w, i, j, k]) = (grasp.pos, grasp.quat);
        let root = [x, y, z, w, i, j, k];
        let poses = [Some(root), grasp.pregrasp_pose, grasp.squeeze_pose];
        if let Some(pose) = poses.iter().flatten().find(|pose| !is_pose(pose)) {
            return Err(fault(POSE, format!("{pose:?} in grasp {index}")));
        }
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

const POSE: &str = "a position and a quaternion that has a length";

/// Whether a position and a quaternion are a pose.
fn is_pose(pose: &[f64; 7]) -> bool {
    let turn: f64 = pose[3..].iter().map(|part| part * part).sum();
    pose.iter().all(|part| part.is_finite()) && turn.sqrt() > 1e-12
}

/// What is expected of an object, and what is there in its place.
fn sound(object: &ObjectEntry) -> Result<(), (&'static str, String)> {
    for (field, number) in [("scale", object.scale), ("mass", object.mass)] {
        if !(number > 0.0 && number.is_finite()) {
            return Err(("positive numbers", format!("object.{field} = {number}")));
        }
    }
    if !object
        .friction
        .iter()
        .all(|part| *part >= 0.0 && part.is_finite())
    {
        let found = format!("object.friction = {:?}", object.friction);
        return Err(("numbers that are not negative", found));
    }
    if !is_pose(&object.pose) {
        return Err((POSE, format!("object.pose = {:?}", object.pose)));
    }
    Surroundings::new(&object.surroundings)
        .map(|_| ())
        .map_err(|error| ("surroundings that make sense", format!("object.{error}")))
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
    use crate::{
        hand::spec::ShapeSpec,
        object::surroundings::{HalfSpace, SurroundingsSpec},
        set::{GraspEntry, HandEntry, diversity, npz},
    };

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
            object: ObjectEntry::new("mesh.obj", 0.1),
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

    /// A table, a wall and a shape.
    fn around() -> SurroundingsSpec {
        let plane = |point, normal| HalfSpace { point, normal };
        SurroundingsSpec {
            planes: vec![
                plane([0.0, 0.0, -0.04], [0.0, 0.0, 1.0]),
                plane([-0.1, 0.0, 0.0], [1.0, 0.0, 0.0]),
            ],
            shapes: vec![ShapeSpec::Capsule {
                from: [0.1, 0.0, 0.0],
                to: [0.1, 0.0, 0.2],
                radius: 0.02,
            }],
            ..SurroundingsSpec::default()
        }
    }

    #[test]
    fn surroundings_are_kept_and_sets_without_them_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.json");
        let mut with = set();
        with.object.surroundings = around();
        write(&path, &with).unwrap();
        assert_eq!(read(&path).unwrap(), with);
        write(&path, &set()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("surroundings"), "{text}");
        // NPZ has them in its text.
        let file = folder.path().join("set.npz");
        npz::write(&file, &with).unwrap();
        // Text is four bytes a character there.
        let wide = |text: &str| -> Vec<u8> {
            let characters = text.chars();
            characters
                .flat_map(|one| u32::from(one).to_le_bytes())
                .collect()
        };
        let said = serde_json::to_value(&with.object.surroundings).unwrap();
        let said = wide(&format!(r#""surroundings":{said}"#));
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.windows(said.len()).any(|some| some == said));
    }

    #[test]
    fn objects_and_poses_that_make_no_sense_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.json");
        let says = |change: &dyn Fn(&mut GraspSet), words: &[&str]| {
            let mut wrong = set();
            wrong.object.surroundings = around();
            change(&mut wrong);
            write(&path, &wrong).unwrap();
            let said = read(&path).unwrap_err().to_string();
            let words = words.iter().chain(&["set.json", "expected"]);
            for word in words {
                assert!(said.contains(word), "{said}");
            }
        };
        says(
            &|set| set.object.surroundings.planes[1].normal = [0.0; 3],
            &["object.surroundings.planes", "at 1"],
        );
        says(
            &|set| set.object.surroundings.tables = vec![[0.0, 0.0, 1.0]],
            &["object.surroundings.tables"],
        );
        says(
            &|set| {
                set.object.surroundings.shapes = vec![ShapeSpec::Sphere {
                    centre: [0.0; 3],
                    radius: 0.0,
                }];
            },
            &["object.surroundings.shapes", "at 0"],
        );
        says(&|set| set.object.scale = 0.0, &["object.scale = 0"]);
        says(&|set| set.object.mass = -1.0, &["object.mass = -1"]);
        says(&|set| set.object.friction[1] = -0.1, &["object.friction"]);
        says(&|set| set.object.pose = [0.0; 7], &["object.pose"]);
        says(&|set| set.grasps[3].quat = [0.0; 4], &["grasp 3"]);
        says(
            &|set| set.grasps[1].squeeze_pose = Some([0.0; 7]),
            &["grasp 1"],
        );
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
