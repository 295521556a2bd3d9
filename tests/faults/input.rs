//! Scenes and options that are wrong: exit code 2, and a message that names the file, the
//! field or line, the value and what was expected.

use backflow::task::Task;

use crate::{
    harness::{Folder, changed, least_budget},
    scene::SOUND,
};

/// What is replaced by what, and what the message has to have.
type Case<'a> = (&'a str, &'a str, &'a [&'a str]);

const CASES: [Case; 24] = [
    // Unknown fields and wrong types.
    (
        "cell: 0.05",
        "cell: 0.05, cels: 3",
        &["scene.ron:4:", "domain.cels", "no such field", "cell"],
    ),
    (
        "frames: 3",
        "frames: \"three\"",
        &["scene.ron:5:", "time.frames", "expected"],
    ),
    (
        "frames: 3",
        "frames: -3",
        &["scene.ron:5:", "time.frames", "-3", "expected"],
    ),
    (
        "Sphere(radius: 0.1)",
        "Ball(radius: 0.1)",
        &["scene.ron:17:", "bodies[1].shape", "`Ball`", "`Sphere`"],
    ),
    ("name: \"sound\",", "", &["scene.ron:", "missing", "`name`"]),
    (
        "version: 1",
        "version: 2",
        &["scene.ron:2:", "version = 2", "expected 1"],
    ),
    // Numbers without sense.
    (
        "density: 1000",
        "density: -1000",
        &[
            "scene.ron:7:",
            "materials.\"water\".density = -1000",
            "positive",
        ],
    ),
    (
        "poisson: 0.3",
        "poisson: 0.5",
        &[
            "scene.ron:8:",
            "materials.\"jelly\".poisson = 0.5",
            "below 0.5",
        ],
    ),
    (
        "cell: 0.05",
        "cell: NaN",
        &["scene.ron:4:", "domain.cell = NaN", "positive"],
    ),
    (
        "frame: 0.01",
        "frame: 0.01, substep: Fixed(0.01)",
        &[
            "scene.ron:5:",
            "time.substep = Fixed(0.01)",
            "at most 0.00",
            "stability bound",
        ],
    ),
    // Things that are not where they should be.
    (
        "position: (0.6, 0.2, 0.2)",
        "position: (0.75, 0.2, 0.2)",
        &[
            "scene.ron:17:",
            "bodies[1].position = (0.75, 0.2, 0.2)",
            "inside the domain",
            "x_max",
        ],
    ),
    (
        "position: (0.6, 0.2, 0.2)",
        "position: (0.3, 0.2, 0.2)",
        &[
            "scene.ron:17:",
            "bodies[1].position",
            "no overlap",
            "\"pool\"",
        ],
    ),
    (
        "Sphere(radius: 0.1)",
        "Mesh(file: \"none.obj\")",
        &["scene.ron:17:", "bodies[1].shape", "none.obj", "expected"],
    ),
    (
        "material: \"water\",\n            shape",
        "material: \"wine\",\n            shape",
        &[
            "scene.ron:12:",
            "bodies[0].material = \"wine\"",
            "\"water\"",
        ],
    ),
    (
        "CentreOfMass(body: \"block\"",
        "CentreOfMass(body: \"brick\"",
        &[
            "scene.ron:20:",
            "losses[0].term.body = \"brick\"",
            "\"block\"",
        ],
    ),
    // What may change.
    (
        "Velocity(body: \"block\")",
        "Velocity(body: \"brick\")",
        &[
            "scene.ron:23:",
            "optimize.variables[0].body = \"brick\"",
            "\"block\"",
        ],
    ),
    (
        "Material(material: \"jelly\"",
        "Material(material: \"jam\"",
        &[
            "scene.ron:24:",
            "optimize.variables[1].material = \"jam\"",
            "\"jelly\"",
        ],
    ),
    (
        "parameter: \"young\"",
        "parameter: \"colour\"",
        &[
            "scene.ron:24:",
            "optimize.variables[1].parameter = \"colour\"",
            "young",
        ],
    ),
    (
        "parameter: \"young\"",
        "parameter: \"viscosity\"",
        &[
            "scene.ron:24:",
            "optimize.variables[1].parameter = \"viscosity\"",
            "young",
        ],
    ),
    (
        "Velocity(body: \"block\")",
        "Controls(axes: [X])",
        &[
            "scene.ron:23:",
            "optimize.variables[0]",
            "a scene with a tool",
        ],
    ),
    (
        "Velocity(body: \"block\")",
        "Friction(collider: \"floor\")",
        &["scene.ron:23:", "optimize.variables[0].collider", "floor"],
    ),
    (
        "Velocity(body: \"block\")",
        "Velocity(body: \"block\"), Velocity(body: \"block\")",
        &[
            "scene.ron:23:",
            "optimize.variables[1]",
            "block.velocity",
            "not listed before",
        ],
    ),
    (
        "rate: 0.1",
        "rate: -0.1",
        &[
            "scene.ron:26:",
            "optimize.settings.update.rate",
            "-0.1",
            "> 0",
        ],
    ),
    (
        "iterations: 3",
        "iterations: 0",
        &[
            "scene.ron:26:",
            "optimize.settings.iterations",
            "= 0",
            "a count >= 1",
        ],
    ),
];

#[test]
fn each_fault_is_one_message_with_file_line_field_value_and_expectation() {
    for (from, to, pieces) in CASES {
        let folder = Folder::with(&[("scene.ron", &changed(SOUND, &[(from, to)]))]);
        let ran = folder.run(&["check", "scene.ron"]).exits(2);
        assert!(ran.stdout.is_empty(), "{ran}");
        assert_eq!(ran.stderr.lines().count(), 1, "one message\n{ran}");
        assert!(ran.stderr.starts_with("error: scene.ron:"), "{ran}");
        ran.complains(pieces);
    }
}

#[test]
fn every_command_refuses_a_faulty_scene_alike_and_writes_nothing() {
    let bad = changed(SOUND, &[("density: 1000", "density: -1000")]);
    let folder = Folder::with(&[("scene.ron", &bad)]);
    let expected = folder.run(&["check", "scene.ron"]).exits(2).stderr;
    for command in ["simulate", "optimize", "gradcheck"] {
        let ran = folder.run(&[command, "scene.ron", "--json"]).exits(2);
        assert_eq!(ran.stderr, expected);
        assert!(ran.stdout.is_empty(), "{ran}");
    }
    assert_eq!(folder.list(""), ["scene.ron"]);
}

#[test]
fn several_faults_are_listed_at_once_in_the_order_of_the_file() {
    let bad = changed(
        SOUND,
        &[
            ("cell: 0.05", "cell: 0.05, cels: 3"),
            ("density: 1000", "density: -1000"),
            ("position: (0.6, 0.2, 0.2)", "position: (0.75, 0.2, 0.2)"),
            ("body: \"block\", target", "body: \"brick\", target"),
            ("parameter: \"young\"", "parameter: \"colour\""),
            ("rate: 0.1", "rate: -0.1"),
        ],
    );
    let folder = Folder::with(&[("scene.ron", &bad)]);
    let ran = folder.run(&["check", "scene.ron"]).exits(2);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let expected = [
        ("scene.ron:4:", "domain.cels"),
        ("scene.ron:7:", "materials.\"water\".density = -1000"),
        ("scene.ron:17:", "bodies[1].position = (0.75, 0.2, 0.2)"),
        ("scene.ron:20:", "losses[0].term.body = \"brick\""),
        (
            "scene.ron:24:",
            "optimize.variables[1].parameter = \"colour\"",
        ),
        ("scene.ron:26:", "optimize.settings.update.rate = -0.1"),
    ];
    assert_eq!(lines.len(), expected.len(), "{ran}");
    for (line, (place, field)) in lines.iter().zip(expected) {
        assert!(line.contains(place) && line.contains(field), "{line}");
        assert!(line.contains("expected"), "{line}");
    }
}

#[test]
fn an_empty_scene_is_refused() {
    let bodies = {
        let start = SOUND.find("bodies: [").unwrap();
        let end = SOUND.find("losses").unwrap();
        &SOUND[start..end]
    };
    let bare = changed(SOUND, &[(bodies, "bodies: [],\n    ")]);
    let folder = Folder::with(&[
        ("none.ron", ""),
        ("blank.ron", " \n // nothing\n"),
        ("unit.ron", "()"),
        ("bare.ron", &bare),
    ]);
    for file in ["none.ron", "blank.ron", "unit.ron"] {
        let ran = folder.run(&["check", file]).exits(2).complains(&[file]);
        assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    }
    folder.run(&["check", "bare.ron"]).exits(2).complains(&[
        "bare.ron:10:",
        "bodies = []",
        "at least one body",
    ]);
}

#[test]
fn files_that_are_no_scene_are_named() {
    let folder = Folder::with(&[("folder/x", "")]);
    folder.write("bytes.ron", b"(version: 1, name: \"\xff\xfe\")");
    folder.write("zeros.ron", [0; 4096]);
    folder.write("deep.ron", "(".repeat(100_000));
    let files = ["none.ron", "folder", "bytes.ron", "zeros.ron", "deep.ron"];
    for file in files {
        for command in ["check", "simulate", "optimize", "gradcheck"] {
            let ran = folder.run(&[command, file]).exits(2).complains(&[file]);
            assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
            assert!(ran.stderr.len() < 500, "{ran}");
        }
    }
    folder
        .run(&["check", "bytes.ron"])
        .complains(&["UTF-8", "expected a scene file"]);
}

#[test]
fn a_scene_truncated_at_any_length_is_an_error_that_names_the_file() {
    let folder = Folder::with(&[]);
    let path = folder.path("scene.ron");
    let whole = SOUND.trim_end().len();
    for length in 0..=SOUND.len() {
        folder.write("scene.ron", &SOUND[..length]);
        let loaded = Task::load(&path, 1.0);
        if length >= whole {
            assert!(loaded.is_ok());
            continue;
        }
        let error = loaded.unwrap_err().to_string();
        let name = path.display().to_string();
        assert!(error.starts_with(&name), "{length} bytes: {error}");
    }
}

#[test]
fn a_budget_that_is_too_small_is_told_the_least_that_would_do() {
    let folder = Folder::with(&[("scene.ron", SOUND)]);
    for command in ["check", "optimize", "gradcheck"] {
        let with = |bytes: usize| {
            let memory = bytes.to_string();
            folder.run(&[command, "scene.ron", "--memory", &memory])
        };
        let ran = with(1000).exits(2).complains(&["memory budget 1000 B"]);
        let least = least_budget(&ran);
        let budget = format!("memory budget {} B", least - 1);
        with(least - 1).exits(2).complains(&[&budget]);
        with(least).exits(0);
    }
}

#[test]
fn controls_that_do_not_fit_are_refused() {
    let folder = Folder::with(&[("scene.ron", SOUND)]);
    let best = |variables: &str| {
        format!("(scene: \"sound\", value: 1.0, iteration: 0, variables: {{{variables}}})")
    };
    folder.write("few.ron", best("\"block.velocity\": [1.0, 2.0, 3.0]"));
    folder.write(
        "short.ron",
        best("\"block.velocity\": [1.0], \"jelly.young\": [9.0]"),
    );
    folder.write("text.ron", "no variables");
    folder.write("folder/x", "");
    for (file, pieces) in [
        ("none.ron", &["none.ron"][..]),
        ("folder", &["folder"]),
        ("text.ron", &["text.ron", "expected"]),
        ("few.ron", &["jelly.young", "0 values", "expected 1"]),
        ("short.ron", &["block.velocity", "1 values", "expected 3"]),
    ] {
        folder
            .run(&["simulate", "scene.ron", "--controls", file])
            .exits(2)
            .complains(pieces);
    }
}

#[test]
fn goals_that_do_not_fit_are_refused() {
    let goal = changed(
        SOUND,
        &[(
            "CentreOfMass(body: \"block\", target: (0.5, 0.1, 0.2))",
            "PairedL2(body: \"block\", target: File(\"goal.npz\"))",
        )],
    );
    let folder = Folder::with(&[("scene.ron", &goal)]);
    folder.run(&["check", "scene.ron"]).exits(2).complains(&[
        "scene.ron:20:",
        "losses[0].term.target",
        "goal.npz",
    ]);
    folder.write("goal.npz", "no archive");
    for command in ["simulate", "optimize", "gradcheck"] {
        folder
            .run(&[command, "scene.ron"])
            .exits(2)
            .complains(&["goal.npz"]);
    }
    let few = [0.0; 6];
    let array = backflow_sim::io::Array::F64(vec![2, 3], &few);
    backflow_sim::io::write_npz(&folder.path("goal.npz"), &[("x", array)]).unwrap();
    folder
        .run(&["simulate", "scene.ron"])
        .exits(2)
        .complains(&["goal.npz", "2"]);
}
