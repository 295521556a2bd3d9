//! `backflow grasp`: hands, objects, sets and their evaluation.

use serde_json::{Value, json};

use crate::harness::Folder;

/// A cube of 40 mm at scale 0.02.
const CUBE: &str = "v -1 -1 -1\nv 1 -1 -1\nv 1 1 -1\nv -1 1 -1\nv -1 -1 1\nv 1 -1 1\nv 1 1 1
v -1 1 1\nf 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n";

/// Two grasps of the cube by the gripper: one that presses with 1.1 N, one with 0.6 N.
fn set() -> Value {
    let grasp = |squeeze: f64| {
        json!({
            "pos": [0.0, 0.0, -0.045], "quat": [1.0, 0.0, 0.0, 0.0],
            "pregrasp": [0.0225, 0.0225], "grasp": [0.0225, 0.0225], "squeeze": [squeeze, squeeze],
        })
    };
    json!({
        "format": "grasp-set/1",
        "hand": { "model": "gripper.xml", "name": "gripper", "kp": 200.0, "kv": 5.0, "joint_damping": 0.05 },
        "object": { "mesh": "cube.obj", "scale": 0.02, "mass": 0.1, "friction": [0.6, 0.02] },
        "joint_names": ["left_slide", "right_slide"],
        "grasps": [grasp(0.0225 + 1.1 / 200.0), grasp(0.0225 + 0.6 / 200.0)],
    })
}

/// A folder with the set, the cube and the gripper.
fn folder() -> Folder {
    let folder = Folder::with(&[("cube.obj", CUBE), ("set.json", &set().to_string())]);
    folder
        .run(&["grasp", "hand", "gripper", "--out", "gripper.xml"])
        .exits(0);
    folder
}

#[test]
fn a_hand_goes_through_all_formats_and_stays_what_it_is() {
    let folder = Folder::with(&[]);
    let mut before = None;
    for [from, to] in [
        ["allegro", "one.ron"],
        ["one.ron", "two.xml"],
        ["two.xml", "three.ron"],
    ] {
        let hand = folder
            .run(&["grasp", "hand", from, "--out", to, "--json"])
            .exits(0)
            .object();
        let same = json!([
            hand["joints"],
            hand["motors"],
            hand["fingers"],
            hand["shapes"]
        ]);
        assert_eq!(*before.get_or_insert(same.clone()), same, "{from}");
    }
    folder
        .run(&["grasp", "hand", "allegro", "--out", "hand.stl"])
        .exits(2)
        .complains(&["hand.stl", ".ron, .xml or .mjcf"]);
    folder
        .run(&["grasp", "hand", "gone.urdf"])
        .exits(2)
        .complains(&["gone.urdf"]);
}

#[test]
fn objects_are_made_once_with_their_pieces() {
    let folder = Folder::with(&[("cube.obj", CUBE)]);
    let make = [
        "grasp", "objects", "--count", "3", "--cells", "12", "--json",
    ];
    let objects = folder.run(&make).exits(0).objects();
    assert_eq!(objects.len(), 3);
    let names = folder.list("runs/objects");
    assert_eq!(
        names,
        [
            "blob_00001",
            "blob_00001.obj",
            "composite_00002",
            "composite_00002.obj",
            "superquadric_00000",
            "superquadric_00000.obj",
        ]
    );
    for (object, folder_name) in
        objects
            .iter()
            .zip(["superquadric_00000", "blob_00001", "composite_00002"])
    {
        let pieces = folder.list(format!("runs/objects/{folder_name}"));
        assert_eq!(object["pieces"], json!(pieces.len()), "{folder_name}");
        assert!(pieces[0] == "piece_000.obj");
    }
    // What is there stays as it is.
    folder.write("runs/objects/blob_00001.obj", "mine");
    folder.run(&make).exits(0);
    assert_eq!(folder.text("runs/objects/blob_00001.obj"), "mine");
    let cut = [
        "grasp", "objects", "--from", "cube.obj", "--out", "cut", "--json",
    ];
    assert_eq!(folder.run(&cut).exits(0).object()["pieces"], json!(1));
}

#[test]
fn a_set_leaves_for_dexgraspbench() {
    let folder = folder();
    folder
        .run(&[
            "grasp", "export", "set.json", "--format", "npy", "--out", "out",
        ])
        .exits(0);
    assert_eq!(folder.list("out/set"), ["0.npy", "1.npy"]);
}

/// The set with a table that the cube lies on, and whatever else.
fn lying(shapes: &Value) -> Value {
    let mut lying = set();
    lying["object"]["surroundings"] = json!({
        "planes": [{ "point": [0.0, 0.0, 0.02], "normal": [0.0, 0.0, -1.0] }],
        "shapes": shapes,
    });
    lying
}

#[test]
fn a_table_leaves_in_every_format_that_can_say_it() {
    let folder = folder();
    let post = json!([{ "Capsule": { "from": [0.2, 0, 0], "to": [0.2, 0, 0.1], "radius": 0.01 } }]);
    folder.write("table.json", lying(&json!([])).to_string());
    folder.write("more.json", lying(&post).to_string());
    let export = |file: &str, format: &str| {
        let arguments = ["grasp", "export", file, "--format", format, "--out", "out"];
        folder.run(&arguments).exits(0).stdout
    };
    assert!(export("table.json", "npy").contains("tabletop"));
    assert!(export("more.json", "npy").contains("left out"));
    export("more.json", "mjcf");
    let scene = folder.text("out/more-0.xml");
    assert!(scene.contains(r#"<body name="surroundings""#), "{scene}");
    assert!(scene.contains(r#"type="plane""#) && scene.contains(r#"type="capsule""#));
    export("more.json", "scene");
    let scene = folder.text("out/more-0.ron");
    assert_eq!(scene.matches("\"surroundings").count(), 2, "{scene}");
    folder.run(&["check", "out/more-0.ron"]).exits(0);
    assert!(export("more.json", "npz").contains("more.npz"));
    // The files that it names are seen from there; text is four bytes a character.
    let meta = folder.read("out/more.npz");
    for name in ["../gripper.xml", "../cube.obj"] {
        let name: Vec<u8> = name
            .chars()
            .flat_map(|one| u32::from(one).to_le_bytes())
            .collect();
        assert!(meta.windows(name.len()).any(|some| some == name));
    }
    let mut wrong = lying(&post);
    wrong["object"]["surroundings"]["planes"][0]["normal"] = json!([0, 0, 0]);
    folder.write("wrong.json", wrong.to_string());
    folder
        .run(&["grasp", "export", "wrong.json"])
        .exits(2)
        .complains(&["wrong.json", "object.surroundings.planes", "a normal"]);
}

#[cfg(not(feature = "mujoco"))]
#[test]
fn without_mujoco_the_command_says_how_to_get_it() {
    folder()
        .run(&["grasp", "evaluate", "set.json"])
        .exits(1)
        .complains(&["MuJoCo", "--features mujoco"]);
}

#[cfg(feature = "mujoco")]
#[test]
fn a_set_is_evaluated_once() {
    let folder = folder();
    let evaluate = [
        "grasp", "evaluate", "set.json", "--out", "verdicts", "--json",
    ];
    let summary = folder.run(&evaluate).exits(0).object()["summary"].clone();
    assert_eq!(
        (&summary["held"], &summary["grasps"]),
        (&json!(1), &json!(2))
    );
    let file = "verdicts/set.evaluation.json";
    let evaluation: Value = serde_json::from_str(&folder.text(file)).unwrap();
    let held: Vec<&Value> = evaluation["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["held"])
        .collect();
    assert_eq!(held, [&json!(true), &json!(false)]);
    // What is there is not simulated again, unless it is of something else.
    folder.write(file, folder.text(file).replace("\"held\":1", "\"held\":2"));
    let again = folder.run(&evaluate).exits(0).object();
    assert_eq!(again["summary"]["held"], json!(2));
    let light = [&evaluate[..], &["--mass", "0.03"]].concat();
    assert_eq!(
        folder.run(&light).exits(0).object()["summary"]["held"],
        json!(2)
    );
    let lighter = [&evaluate[..], &["--mass", "0.3"]].concat();
    assert_eq!(
        folder.run(&lighter).exits(0).object()["summary"]["held"],
        json!(0)
    );
}

#[cfg(feature = "mujoco")]
#[test]
fn a_table_is_simulated_and_its_evaluation_is_not_that_of_the_cube_alone() {
    let folder = folder();
    folder.write("every.ron", "(every_direction: true)");
    let evaluate = [
        "grasp",
        "evaluate",
        "set.json",
        "--out",
        "verdicts",
        "--json",
        "--protocol",
        "every.ron",
    ];
    let up = |folder: &Folder| {
        folder.run(&evaluate).exits(0);
        let text = folder.text("verdicts/set.evaluation.json");
        let evaluation: Value = serde_json::from_str(&text).unwrap();
        // Of the grasp that presses too little, the pull along +z.
        evaluation["verdicts"][1]["directions"][5].clone()
    };
    assert_eq!(up(&folder), json!(false));
    folder.write("set.json", lying(&json!([])).to_string());
    assert_eq!(up(&folder), json!(true));
}

#[cfg(feature = "mujoco")]
#[test]
fn faults_of_an_evaluation_name_what_is_wrong() {
    let folder = folder();
    folder.write("protocol.ron", "(checks: 0)");
    folder
        .run(&[
            "grasp",
            "evaluate",
            "set.json",
            "--protocol",
            "protocol.ron",
        ])
        .exits(2)
        .complains(&["checks is 0"]);
    folder
        .run(&["grasp", "evaluate", "set.json", "--model", "gone.xml"])
        .exits(2)
        .complains(&["gone.xml"]);
    folder.write("broken.json", "{");
    folder
        .run(&["grasp", "evaluate", "broken.json"])
        .exits(2)
        .complains(&["broken.json"]);
}

#[test]
fn a_grasp_leaves_for_a_scene_that_runs_and_whose_gradient_is_right() {
    let folder = folder();
    let export = [
        "grasp", "export", "set.json", "--format", "scene", "--cell", "0.008", "--lift", "0.02",
    ];
    let ran = folder.run(&export).exits(0);
    assert!(ran.stdout.contains("set-0.ron"), "{ran}");
    folder.run(&["check", "set-0.ron"]).exits(0);
    let check = ["gradcheck", "set-0.ron", "--substeps", "40", "--json"];
    let object = folder.run(&check).exits(0).object();
    let slices = object["slices"].as_array().unwrap();
    let controls = slices
        .iter()
        .find(|slice| slice["slice"] == json!("tool.hand.controls"))
        .unwrap();
    let verdict = controls["verdict"].as_str().unwrap();
    assert!(["second order", "exact"].contains(&verdict), "{controls}");
    for (wrong, said) in [
        ("--young=-1", "young"),
        ("--lift=0", "lift"),
        ("--grasp=2", "--grasp 2"),
    ] {
        folder
            .run(&["grasp", "export", "set.json", "--format", "scene", wrong])
            .exits(2)
            .complains(&[said]);
    }
    // Joints by other names than the hand's.
    let mut other = set();
    other["joint_names"] = json!(["left_slide", "thumb"]);
    folder.write("other.json", other.to_string());
    folder
        .run(&["grasp", "export", "other.json", "--format", "scene"])
        .exits(2)
        .complains(&["other.json", "thumb", "joint_names"]);
    folder
        .run(&["grasp", "export", "other.json", "--format", "mjcf"])
        .exits(2)
        .complains(&["other.json", "thumb", "joint_names"]);
    folder
        .run(&[
            "grasp",
            "report",
            "other.json",
            "--out",
            "report",
            "--pictures",
            "1",
        ])
        .exits(2)
        .complains(&["other.json", "thumb", "joint_names"]);
}
