//! Files of the benchmark, read by a small pickle machine.

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

/// The dictionary of a file.
fn dictionary(path: &Path) -> Vec<(Value, Value)> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(((10 + length) % 64, bytes[9 + length]), (0, b'\n'));
    let Value::Call(name, mut values) = run(&bytes[10 + length..]) else {
        panic!("an array");
    };
    assert_eq!(name, "numpy\narray\n");
    assert_eq!(values[1], Value::Text("O".to_owned()));
    match values.swap_remove(0) {
        Value::Dictionary(pairs) => pairs,
        other => panic!("{other:?}"),
    }
}

fn get<'a>(pairs: &'a [(Value, Value)], key: &str) -> &'a Value {
    let key = Value::Text(key.to_owned());
    &pairs.iter().find(|pair| pair.0 == key).unwrap().1
}

/// The numbers of an array.
fn array_of(value: &Value) -> Vec<f64> {
    match value {
        Value::Call(name, values) if name == "numpy\narray\n" => match &values[0] {
            Value::List(list) => list
                .iter()
                .map(|number| match number {
                    Value::Number(number) => *number,
                    other => panic!("{other:?}"),
                })
                .collect(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn set() -> GraspSet {
    GraspSet {
        format: FORMAT.to_owned(),
        hand: HandEntry::new("hand.xml"),
        object: ObjectEntry {
            pose: [0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            ..ObjectEntry::new("mesh.obj", 0.08)
        },
        joint_names: vec!["a".to_owned()],
        grasps: vec![GraspEntry {
            pos: [0.1, 0.2, 0.3],
            quat: [0.0, 1.0, 0.0, 0.0],
            pregrasp: vec![0.7],
            grasp: vec![0.8],
            squeeze: vec![0.9],
            pregrasp_pose: Some([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
            squeeze_pose: None,
            score: None,
        }],
    }
}

#[test]
fn a_file_holds_the_dictionary_of_the_benchmark() {
    let folder = tempfile::tempdir().unwrap();
    let carried = write(&folder.path().join("set"), "cup", &set()).unwrap();
    assert_eq!(carried, Carried::Nothing);
    let pairs = dictionary(&folder.path().join("set/0.npy"));
    assert_eq!(get(&pairs, "obj_path"), &Value::Text("cup".to_owned()));
    assert_eq!(get(&pairs, "obj_scale"), &Value::Number(0.08));
    for (key, known) in [
        ("obj_pose", vec![0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
        ("grasp_qpos", vec![0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0, 0.8]),
        ("squeeze_qpos", vec![0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0, 0.9]),
        (
            "pregrasp_qpos",
            vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.7],
        ),
    ] {
        assert_eq!(array_of(get(&pairs, key)), known, "{key}");
    }
}

#[test]
fn a_table_becomes_the_floor_of_the_benchmark() {
    let folder = tempfile::tempdir().unwrap();
    let mut set = set();
    // The object lies on its side: its x is up, and its table is 40 mm below.
    set.object.surroundings.planes = vec![HalfSpace {
        point: [-0.04, 3.0, 5.0],
        normal: [2.0, 0.0, 0.0],
    }];
    let carried = write(folder.path(), "cup", &set).unwrap();
    assert_eq!(carried, Carried::Floor);
    let pairs = dictionary(&folder.path().join("0.npy"));
    let place = |key: &str| {
        let numbers = array_of(get(&pairs, key));
        pose(&std::array::from_fn(|index| numbers[index]))
    };
    let (object, root) = (place("obj_pose"), place("grasp_qpos"));
    assert!((object.position.z - 0.04).abs() < 1e-12);
    assert!((object.rotation * Vector3::x() - Vector3::z()).norm() < 1e-12);
    // The hand is where it was, as the object sees it, and so are its joints.
    let seen = object.inverse_apply(&root.position);
    assert!((seen - Vector3::new(-0.4, 0.2, 0.3)).norm() < 1e-12);
    assert_eq!(array_of(get(&pairs, "grasp_qpos"))[7], 0.8);
    let before = place("pregrasp_qpos");
    let seen = object.inverse_apply(&before.position);
    assert!((seen - Vector3::new(-0.5, 0.0, 0.0)).norm() < 1e-12);

    // Two of them, or shapes, are more than the format can say: everything stays where it is.
    set.object.surroundings.planes.push(HalfSpace {
        point: [0.0, -1.0, 0.0],
        normal: [0.0, 1.0, 0.0],
    });
    let carried = write(folder.path(), "cup", &set).unwrap();
    assert_eq!(carried, Carried::LeftOut);
    let pairs = dictionary(&folder.path().join("0.npy"));
    assert_eq!(array_of(get(&pairs, "obj_pose")), set.object.pose);
}
