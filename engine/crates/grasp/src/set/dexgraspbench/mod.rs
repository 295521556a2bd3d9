//! Grasps for DexGraspBench: one NPY file each, which holds a pickled dictionary.
//!
//! The dictionary has `obj_path`, `obj_scale`, `obj_pose` (position and quaternion `[w, x, y, z]`) and
//! `pregrasp_qpos`, `grasp_qpos` and `squeeze_qpos`: position and quaternion of the root, then the
//! joints in the order of the set.
//!
//! Of surroundings the format knows a floor at z = 0 of the world, which the setting `tabletop` of the
//! benchmark simulates and other settings leave out. Where one plane is all that stands about the
//! object, everything is moved so that it is that floor.

use std::{io::Write, path::Path};

use backflow_sim::{io::atomic::write_atomic, pose::Pose};
use nalgebra::{UnitQuaternion, Vector3};

use super::{GraspEntry, GraspSet, pose};
use crate::{
    GraspError,
    object::surroundings::{HalfSpace, Surroundings, SurroundingsSpec},
};

/// What files of the benchmark say of the surroundings of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// There are none.
    Nothing,
    /// The plane is the floor of the setting `tabletop`.
    Floor,
    /// Nothing: there is more than one plane, or there are shapes.
    LeftOut,
}

/// Writes the grasps of a set as `FOLDER/0.npy`, `FOLDER/1.npy`, .., each atomically. `object` is what
/// the benchmark calls the object's path. Says what became of the surroundings.
///
/// # Errors
/// A file cannot be written; a plane with a normal of no length.
pub fn write(folder: &Path, object: &str, set: &GraspSet) -> Result<Carried, GraspError> {
    let fault = |error: &dyn std::error::Error| GraspError::File {
        path: folder.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    let around = &set.object.surroundings;
    let carried = match (&around.planes[..], around.shapes.len()) {
        ([], 0) => Carried::Nothing,
        ([_], 0) => Carried::Floor,
        _ => Carried::LeftOut,
    };
    let moved;
    let set = match carried {
        Carried::Floor => {
            moved = set.moved(&floor(&around.planes[0], &set.object.pose)?);
            &moved
        }
        Carried::Nothing | Carried::LeftOut => set,
    };
    std::fs::create_dir_all(folder).map_err(|error| fault(&error))?;
    for (index, grasp) in set.grasps.iter().enumerate() {
        let path = folder.join(format!("{index}.npy"));
        let bytes = npy(&pickle(object, set, grasp));
        write_atomic(&path, |file| file.write_all(&bytes)).map_err(|error| fault(&error))?;
    }
    Ok(carried)
}

/// What moves a plane in the frame of an object at `place` so that it is z = 0 and its normal z.
fn floor(plane: &HalfSpace, place: &[f64; 7]) -> Result<Pose<f64>, GraspError> {
    // Says which normal has no length.
    Surroundings::new(&SurroundingsSpec {
        planes: vec![*plane],
        ..SurroundingsSpec::default()
    })?;
    let place = pose(place);
    let normal = place.rotation * Vector3::from(plane.normal);
    let turn = UnitQuaternion::rotation_between(&normal, &Vector3::z()).unwrap_or_else(|| {
        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI)
    });
    let rotation = turn.to_rotation_matrix().into_inner();
    let height = (rotation * place.apply(&Vector3::from(plane.point))).z;
    Ok(Pose {
        position: Vector3::new(0.0, 0.0, -height),
        rotation,
    })
}

/// An array of no dimensions of one Python object, in NumPy's format 1.0 (NEP 1).
fn npy(pickle: &[u8]) -> Vec<u8> {
    let mut header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }".to_owned();
    // Magic, version and length are ten bytes; data start at a multiple of 64, after a line feed.
    let padding = 64 - (10 + header.len() + 1) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(pickle);
    bytes
}

/// The dictionary of a grasp as a pickle of protocol 2 (PEP 307). An object array is a list inside a
/// call that makes an array, so that it does not depend on where NumPy keeps its internals.
fn pickle(object: &str, set: &GraspSet, grasp: &GraspEntry) -> Vec<u8> {
    let ([x, y, z], [w, i, j, k]) = (grasp.pos, grasp.quat);
    let root = [x, y, z, w, i, j, k];
    let places = |pose: Option<[f64; 7]>, angles: &[f64]| -> Vec<f64> {
        pose.unwrap_or(root).iter().chain(angles).copied().collect()
    };
    let mut inner = Vec::new();
    text(&mut inner, "obj_path");
    text(&mut inner, object);
    text(&mut inner, "obj_scale");
    number(&mut inner, set.object.scale);
    for (name, numbers) in [
        ("obj_pose", set.object.pose.to_vec()),
        (
            "pregrasp_qpos",
            places(grasp.pregrasp_pose, &grasp.pregrasp),
        ),
        ("grasp_qpos", places(None, &grasp.grasp)),
        ("squeeze_qpos", places(grasp.squeeze_pose, &grasp.squeeze)),
    ] {
        text(&mut inner, name);
        array(&mut inner, &numbers);
    }
    // An empty dictionary, a mark, keys and values, and all of them set.
    let mut dictionary = b"}(".to_vec();
    dictionary.extend(inner);
    dictionary.push(b'u');
    // NumPy pickles the array that the file holds: here a call of `numpy.array` with the object
    // and the type `O`, which gives an array of no dimensions.
    let mut bytes = b"\x80\x02cnumpy\narray\n".to_vec();
    bytes.extend(dictionary);
    text(&mut bytes, "O");
    bytes.extend(b"\x86R."); // a tuple of two, the call, the end
    bytes
}

/// BINUNICODE.
fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(b'X');
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// BINFLOAT, which is big-endian.
fn number(bytes: &mut Vec<u8>, number: f64) {
    bytes.push(b'G');
    bytes.extend(number.to_be_bytes());
}

/// `numpy.array([..])`.
fn array(bytes: &mut Vec<u8>, numbers: &[f64]) {
    bytes.extend(b"cnumpy\narray\n](");
    for &one in numbers {
        number(bytes, one);
    }
    bytes.extend(b"e\x85R"); // all into the list, a tuple of one, the call
}

#[cfg(test)]
mod tests;
