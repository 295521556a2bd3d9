//! Grasps for DexGraspBench: one NPY file each, which holds a pickled dictionary.
//!
//! The dictionary has `obj_path`, `obj_scale`, `obj_pose` (position and quaternion `[w, x, y, z]`) and
//! `pregrasp_qpos`, `grasp_qpos` and `squeeze_qpos`: position and quaternion of the root, then the
//! joints in the order of the set.

use std::{io::Write, path::Path};

use backflow_sim::io::atomic::write_atomic;

use super::{GraspEntry, GraspSet};
use crate::GraspError;

/// Writes the grasps of a set as `FOLDER/0.npy`, `FOLDER/1.npy`, .., each atomically. `object` is what
/// the benchmark calls the object's path.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path, object: &str, set: &GraspSet) -> Result<(), GraspError> {
    let fault = |error: &dyn std::error::Error| GraspError::File {
        path: folder.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    std::fs::create_dir_all(folder).map_err(|error| fault(&error))?;
    for (index, grasp) in set.grasps.iter().enumerate() {
        let path = folder.join(format!("{index}.npy"));
        let bytes = npy(&pickle(object, set, grasp));
        write_atomic(&path, |file| file.write_all(&bytes)).map_err(|error| fault(&error))?;
    }
    Ok(())
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
mod tests {
    use super::*;
    use crate::set::{FORMAT, HandEntry, ObjectEntry};

    /// What is on the stack of a pickle machine.
    #[derive(Debug, Clone, PartialEq)]
    enum Value {
        Mark,
        Name(String),
        Text(String),
        Number(f64),
        List(Vec<Value>),
        Dictionary(Vec<(Value, Value)>),
        Tuple(Vec<Value>),
        Call(String, Vec<Value>),
    }

    /// Runs a pickle that uses no more than what is written here.
    fn run(bytes: &[u8]) -> Value {
        let mut stack: Vec<Value> = Vec::new();
        let mut at = 0;
        let mut take = |count: usize| {
            at += count;
            &bytes[at - count..at]
        };
        assert_eq!(take(2), b"\x80\x02");
        loop {
            match take(1)[0] {
                b'.' => return stack.pop().unwrap(),
                b'c' => {
                    let mut name = Vec::new();
                    let mut lines = 0;
                    while lines < 2 {
                        let byte = take(1)[0];
                        lines += usize::from(byte == b'\n');
                        name.push(byte);
                    }
                    stack.push(Value::Name(String::from_utf8(name).unwrap()));
                }
                b'X' => {
                    let length = u32::from_le_bytes(take(4).try_into().unwrap()) as usize;
                    stack.push(Value::Text(
                        String::from_utf8(take(length).to_vec()).unwrap(),
                    ));
                }
                b'G' => stack.push(Value::Number(f64::from_be_bytes(
                    take(8).try_into().unwrap(),
                ))),
                b']' => stack.push(Value::List(Vec::new())),
                b'}' => stack.push(Value::Dictionary(Vec::new())),
                b'(' => stack.push(Value::Mark),
                code @ (b'e' | b'u') => {
                    let mark = stack
                        .iter()
                        .rposition(|value| *value == Value::Mark)
                        .unwrap();
                    let values = stack.split_off(mark + 1);
                    stack.pop();
                    match (code, stack.last_mut().unwrap()) {
                        (b'e', Value::List(list)) => list.extend(values),
                        (b'u', Value::Dictionary(pairs)) => {
                            for pair in values.chunks_exact(2) {
                                pairs.push((pair[0].clone(), pair[1].clone()));
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
                code @ (0x85 | 0x86) => {
                    let count = usize::from(code - 0x84);
                    let values = stack.split_off(stack.len() - count);
                    stack.push(Value::Tuple(values));
                }
                b'R' => match (stack.pop(), stack.pop()) {
                    (Some(Value::Tuple(values)), Some(Value::Name(name))) => {
                        stack.push(Value::Call(name, values));
                    }
                    other => panic!("{other:?}"),
                },
                code => panic!("{code}"),
            }
        }
    }

    #[test]
    fn a_file_holds_the_dictionary_of_the_benchmark() {
        let set = GraspSet {
            format: FORMAT.to_owned(),
            hand: HandEntry::new("hand.xml"),
            object: ObjectEntry {
                mesh: "mesh.obj".to_owned(),
                scale: 0.08,
                mass: 0.1,
                friction: [0.6, 0.02],
                pose: [0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            },
            joint_names: vec!["a".to_owned()],
            grasps: vec![GraspEntry {
                pos: [0.1, 0.2, 0.3],
                quat: [0.0, 1.0, 0.0, 0.0],
                pregrasp: vec![0.7],
                grasp: vec![0.8],
                squeeze: vec![0.9],
                pregrasp_pose: Some([0.0; 7]),
                squeeze_pose: None,
                score: None,
            }],
        };
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("set"), "cup", &set).unwrap();
        let bytes = std::fs::read(folder.path().join("set/0.npy")).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!(((10 + length) % 64, bytes[9 + length]), (0, b'\n'));
        let Value::Call(name, values) = run(&bytes[10 + length..]) else {
            panic!("an array");
        };
        assert_eq!(name, "numpy\narray\n");
        let (Value::Dictionary(pairs), Value::Text(kind)) = (&values[0], &values[1]) else {
            panic!("{values:?}");
        };
        assert_eq!(kind, "O");
        let get = |key: &str| {
            let key = Value::Text(key.to_owned());
            pairs.iter().find(|pair| pair.0 == key).unwrap().1.clone()
        };
        assert_eq!(get("obj_path"), Value::Text("cup".to_owned()));
        assert_eq!(get("obj_scale"), Value::Number(0.08));
        let numbers = |list: &[f64]| {
            let list = list.iter().copied().map(Value::Number).collect();
            Value::Call("numpy\narray\n".to_owned(), vec![Value::List(list)])
        };
        assert_eq!(get("obj_pose"), numbers(&set.object.pose));
        assert_eq!(
            get("grasp_qpos"),
            numbers(&[0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0, 0.8])
        );
        assert_eq!(
            get("squeeze_qpos"),
            numbers(&[0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0, 0.9])
        );
        assert_eq!(
            get("pregrasp_qpos"),
            numbers(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.7])
        );
    }
}
