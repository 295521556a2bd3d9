//! `backflow operator`: data, training, use and judgement, from outside.

use backflow_sim::io::Npz;

use crate::harness::Folder;

const RECIPE: &str = "(
    version: 1,
    materials: {\"jelly\": NeoHookean(density: 1000, young: 2e4, poisson: 0.3)},
    size: (0.5, 0.5, 0.5),
    cell: 0.05,
    frame: 0.01,
    frames: 14,
    radius: (0.08, 0.088),
    speed: 1,
    counts: (train: 2, validation: 1, test: 1),
)";

const SETTINGS: &str = "(
    model: (width: 8, layers: 1, history: 2),
    samples: 30,
    sets: 1,
    iterations: 6,
    batch: 2,
    unroll: 2,
    validate: 3,
    decoder: 20,
)";

fn folder() -> Folder {
    let folder = Folder::with(&[("recipe.ron", RECIPE), ("training.ron", SETTINGS)]);
    folder
        .run(&["operator", "generate", "recipe.ron", "--out", "data"])
        .exits(0);
    folder
}

const TRAIN: [&str; 6] = [
    "operator",
    "train",
    "data",
    "--settings",
    "training.ron",
    "--out",
];

#[test]
fn an_operator_goes_from_recipe_to_report() {
    let folder = folder();
    assert_eq!(folder.list("data/jelly").len(), 4);
    let trained = folder
        .run(&[&TRAIN[..], &["run", "--json"]].concat())
        .exits(0);
    let found = trained.object();
    assert_eq!(found["iterations"], 6);
    assert_eq!(found["done"], true);
    assert_eq!(folder.text("run/metrics.csv").lines().count(), 3);
    let rolled = folder
        .run(&[
            "operator",
            "rollout",
            "run/operator.ron",
            "data",
            "--out",
            "a.npz",
        ])
        .exits(0);
    assert!(rolled.stdout.contains("30 samples"), "{rolled}");
    let mut npz = Npz::open(&folder.path("a.npz")).unwrap();
    let (shape, x) = npz.f32("x", &[Some(15), None, Some(3)]).unwrap();
    assert!(shape[1] > 100 && x.iter().all(|x| x.is_finite()));
    let mut truth = Npz::open(&folder.path("data/jelly/test-000.npz")).unwrap();
    let (_, true_x) = truth.f32("x", &[Some(15), None, Some(3)]).unwrap();
    let size = 3 * shape[1];
    assert_eq!(x[..3 * size], true_x[..3 * size], "what it starts from");
    assert_ne!(x[3 * size..], true_x[3 * size..]);
    let judged = folder
        .run(&[
            "operator",
            "evaluate",
            "run/operator.ron",
            "data",
            "--out",
            "found.json",
            "--points",
            "100,2000",
            "--json",
        ])
        .exits(0)
        .object();
    let rows = judged["samples"].as_array().unwrap();
    let counts: Vec<_> = rows
        .iter()
        .map(|row| row["samples"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [30, 15, 60]);
    for row in rows {
        assert_eq!(row["beyond_walls"], 0.0);
        assert!(row["rollout"]["mse"].as_f64().unwrap() > 0.0);
    }
    let decoding = judged["decoding"].as_array().unwrap();
    let points: Vec<_> = decoding.iter().map(|one| &one["points"]).collect();
    assert_eq!(points, [100, 2000]);
    for one in decoding {
        assert!(one["shares_cpu_ms"].as_f64().unwrap() > 0.0, "{one}");
    }
    let report = folder.run(&["operator", "report", "found.json"]).exits(0);
    assert_eq!(report.stdout.matches("| jelly |").count(), 3, "{report}");
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bits() {
    let folder = folder();
    folder
        .run(&[&TRAIN[..], &["whole", "--threads", "1"]].concat())
        .exits(0);
    folder
        .run(&[&TRAIN[..], &["parts", "--stop", "4"]].concat())
        .exits(0);
    assert_ne!(
        folder.read("whole/checkpoint.npz"),
        folder.read("parts/checkpoint.npz")
    );
    folder.run(&[&TRAIN[..], &["parts"]].concat()).exits(0);
    for file in [
        "checkpoint.npz",
        "operator.npz",
        "operator.ron",
        "metrics.csv",
    ] {
        let [whole, parts] = ["whole", "parts"].map(|run| folder.read(format!("{run}/{file}")));
        assert_eq!(whole, parts, "{file}");
    }
}

const COMPARISON: &str = "(
    data: \"recipe.ron\",
    materials: [\"jelly\"],
    seeds: [0, 1],
    training: (samples: 30, sets: 1, iterations: 6, batch: 2, unroll: 2, validate: 3, decoder: 20),
    models: {
        \"giorom\": (
            model: (kind: Giorom, width: 4, layers: 2, history: 3, latent: 0.05, rest: false, balanced: false),
            rate: 1e-3,
        ),
        \"pairs\": (model: (width: 8, layers: 1, history: 2)),
    },
)";

const COMPARE: [&str; 4] = ["operator", "compare", "comparison.ron", "--out"];

#[test]
fn a_comparison_that_was_stopped_goes_on_to_the_same_table() {
    let folder = Folder::with(&[("recipe.ron", RECIPE), ("comparison.ron", COMPARISON)]);
    let whole = folder
        .run(&[&COMPARE[..], &["whole", "--threads", "1", "--json"]].concat())
        .exits(0)
        .object();
    assert_eq!(
        (&whole["trainings"], &whole["done"]),
        (&4.into(), &4.into())
    );
    let rows = whole["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(
            (&row["seeds"], &row["iterations"]),
            (&2.into(), &6.0.into())
        );
        assert_eq!(row["beyond_walls"], 0.0);
        assert!(row["mse"].as_f64().unwrap() > 0.0);
    }
    // Forces between pairs change no momentum; those of the other network do.
    let momentum = |row: &serde_json::Value| row["momentum"].as_f64().unwrap();
    assert!(momentum(&rows[1]) < 1e-3 && momentum(&rows[0]) > momentum(&rows[1]));
    let reference = &whole["references"][0];
    assert!(reference["coarse"]["mse"].as_f64().unwrap() > 0.0);
    let page = folder.text("whole/table.md");
    for prediction in [
        "giorom",
        "pairs",
        "engine of",
        "free fall",
        "constant velocity",
    ] {
        assert!(page.contains(&format!("| jelly | {prediction}")), "{page}");
    }
    // Some first, then all: in the middle of a training, between two, and after the last validation of one.
    let some = folder
        .run(
            &[
                &COMPARE[..],
                &["parts", "--only", "pairs", "--stop", "6", "--json"],
            ]
            .concat(),
        )
        .exits(0)
        .object();
    assert_eq!(some["done"], 1);
    assert_eq!(some["rows"][0]["model"], "pairs");
    for stop in ["4", "7", "2"] {
        folder
            .run(&[&COMPARE[..], &["parts", "--stop", stop]].concat())
            .exits(0);
    }
    let parts = folder
        .run(&[&COMPARE[..], &["parts", "--json"]].concat())
        .exits(0)
        .object();
    assert_eq!(parts["done"], 4);
    for job in ["giorom-0", "pairs-0", "giorom-1", "pairs-1"] {
        for file in ["checkpoint.npz", "operator.npz", "operator.ron"] {
            let [whole, parts] =
                ["whole", "parts"].map(|run| folder.read(format!("{run}/jelly/{job}/{file}")));
            assert_eq!(whole, parts, "{job} {file}");
        }
    }
    for (whole, parts) in rows.iter().zip(parts["rows"].as_array().unwrap()) {
        for figure in [
            "mse",
            "chamfer",
            "momentum",
            "half_and_twice",
            "reconstructed",
        ] {
            assert_eq!(whole[figure], parts[figure], "{figure}");
        }
    }
    // What is done is not done again.
    let before = folder.read("whole/jelly/pairs-1/outcome.json");
    folder.run(&[&COMPARE[..], &["whole"]].concat()).exits(0);
    assert_eq!(folder.read("whole/jelly/pairs-1/outcome.json"), before);
    // And other settings have another folder.
    folder.write("comparison.ron", COMPARISON.replace("[0, 1]", "[0]"));
    folder
        .run(&[&COMPARE[..], &["whole"]].concat())
        .exits(2)
        .complains(&["another comparison", "another folder"]);
}

#[test]
fn a_budget_of_time_becomes_iterations_that_are_noted() {
    let text = COMPARISON
        .replace("[0, 1]", "[0]")
        .replace("data:", "cpu_seconds: 0.05, data:")
        .replace("iterations: 6", "iterations: 100000");
    let folder = Folder::with(&[("recipe.ron", RECIPE), ("comparison.ron", &text)]);
    let run = || {
        let ran = folder.run(&[&COMPARE[..], &["run", "--json"]].concat());
        ran.exits(0).object()
    };
    let found = run();
    let iterations = found["rows"][1]["iterations"].as_f64().unwrap();
    assert!((10.0..10_000.0).contains(&iterations), "{iterations}");
    let noted = folder.text("run/jelly/pairs-0/training.ron");
    assert!(
        noted.contains(&format!("iterations: {iterations},")),
        "{noted}"
    );
    assert_eq!(run()["rows"], found["rows"]);
}

/// A throw over a box in the room of the recipe.
const THROW: &str = "(
    version: 1,
    name: \"throw\",
    domain: (size: (0.5, 0.5, 0.5), cell: 0.05),
    time: (frames: 8, frame: 0.02),
    materials: {\"jelly\": NeoHookean(density: 1000, young: 2e4, poisson: 0.3)},
    bodies: [(name: \"ball\", material: \"jelly\", shape: Sphere(radius: 0.08), position: (0.15, 0.3, 0.25))],
    colliders: [(name: \"box\", shape: Box(half: (0.05, 0.1, 0.25)), position: (0.25, 0, 0.25))],
    losses: [(term: CentreOfMass(body: \"ball\", target: (0.35, 0.1, 0.25)))],
    metrics: [(name: \"right\", body: \"ball\", shape: Box(half: (0.12, 0.2, 0.25)), position: (0.4, 0.2, 0.25))],
    optimize: (variables: [Velocity(body: \"ball\", limit: 4)], settings: (iterations: 12, update: Adam(rate: 0.2))),
)";

#[test]
fn a_plan_is_verified_in_the_engine_and_can_be_simulated() {
    let folder = folder();
    folder.run(&[&TRAIN[..], &["run"]].concat()).exits(0);
    folder.write("throw.ron", THROW);
    let plan = ["operator", "plan", "run/operator.ron", "throw.ron"];
    let found = folder
        .run(&[&plan[..], &["--out", "plan", "--json"]].concat())
        .exits(0)
        .object();
    let number = |name: &str| found[name].as_f64().unwrap();
    assert!(number("best_loss") < 0.5 * number("first_loss"), "{found}");
    assert_eq!(found["rounds"].as_array().unwrap().len(), 2);
    // Three runs forward, of the twelve that are optimised with.
    assert!((number("substeps_share") - 0.25).abs() < 1e-12, "{found}");
    assert!(number("held") > 0.0);
    assert_eq!(folder.text("plan/metrics.csv").lines().count(), 25);
    let run = [
        "simulate",
        "throw.ron",
        "--controls",
        "plan/best.ron",
        "--json",
    ];
    let simulated = folder.run(&run).exits(0).object();
    let loss = simulated["loss"].as_f64().unwrap();
    assert!(
        (loss - number("best_loss")).abs() <= 1e-12 * loss,
        "{simulated}"
    );
    let wrong = THROW
        .replace("cell: 0.05", "cell: 0.025")
        .replace("young: 2e4", "young: 3e4")
        .replace("frame: 0.02", "frame: 0.015")
        .replace("Velocity(body: \"ball\", limit: 4)", "Gravity()");
    folder.write("throw.ron", wrong);
    folder.run(&plan).exits(2).complains(&[
        "throw.ron: what follows does not fit the operator run/operator.ron",
        "materials.\"jelly\" = NeoHookean { density: 1000.0, young: 30000.0, poisson: 0.3 }",
        "domain.cell = 0.025: expected 0.05 m",
        "time.frame = 0.015: expected a whole number of steps of the operator, 0.01 s each",
        "optimize.variables[0] = gravity: expected Velocity or Position",
    ]);
}

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    let folder = folder();
    folder.run(&[&TRAIN[..], &["run"]].concat()).exits(0);
    folder.write("wrong.ron", RECIPE.replace("frames: 14", "frames: 1"));
    folder.write("other.ron", SETTINGS.replace("width: 8", "width: 9"));
    folder.write("none.json", "{}");
    let wrong = COMPARISON
        .replace("[\"jelly\"]", "[\"lead\"]")
        .replace("latent: 0.05,", "")
        .replace("samples: 30", "samples: 0");
    folder.write("comparison.ron", wrong);
    folder.write("other_comparison.ron", COMPARISON);
    for (arguments, parts) in [
        (
            &["operator", "generate", "wrong.ron", "--out", "x"][..],
            &["frames = 1", "at least 2"][..],
        ),
        (
            &[
                "operator",
                "train",
                "data",
                "--material",
                "lead",
                "--out",
                "x",
            ],
            &["lead", "one of jelly"],
        ),
        (
            &[
                "operator",
                "train",
                "data",
                "--settings",
                "other.ron",
                "--out",
                "run",
            ],
            &["another training", "another folder"],
        ),
        (
            &["operator", "evaluate", "run/training.ron", "data"],
            &["card of an operator"],
        ),
        (
            &[
                "operator",
                "rollout",
                "run/operator.ron",
                "data",
                "--out",
                "a.npz",
                "--samples",
                "9999",
            ],
            &["samples", "9999", "expected 1 to"],
        ),
        (
            &["operator", "compare", "comparison.ron", "--out", "x"],
            &[
                "comparison.ron: 3 settings are wrong",
                "materials[0] = \"lead\": expected one of jelly",
                "training.samples = 0: expected at least 1",
                "models[\"giorom\"].model.latent = None: expected the edge",
            ],
        ),
        (
            &[
                "operator",
                "compare",
                "other_comparison.ron",
                "--out",
                "x",
                "--only",
                "none",
            ],
            &["--only none", "expected one of giorom, pairs"],
        ),
        (
            &["operator", "report", "none.json"],
            &["none.json", "evaluate --out"],
        ),
        (
            &["operator", "train", "nothing", "--out", "x"],
            &["nothing"],
        ),
    ] {
        folder.run(arguments).exits(2).complains(parts);
    }
}

#[test]
fn settings_are_ranked_before_anything_is_trained() {
    let folder = folder();
    folder.write("wide.ron", SETTINGS.replace("width: 8", "width: 16"));
    let rank = ["operator", "rank", "data", "training.ron", "wide.ron"];
    let found = folder
        .run(&[&rank[..], &["--excerpts", "8"]].concat())
        .exits(0);
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert!(lines[0].starts_with("wide.ron: "), "{found}");
    assert!(lines[1].starts_with("training.ron: "), "{found}");
    let again = ["--excerpts", "8", "--threads", "1"];
    let again = folder.run(&[&rank[..], &again[..]].concat()).exits(0);
    assert_eq!(found.stdout, again.stdout);
    folder
        .run(&["operator", "rank", "data", "none.ron"])
        .exits(2);
}

/// Two flights of four particles, written by the Python package `tfrecord` as those of "Learning to simulate" are.
const RECORDS: &[u8] = include_bytes!("data/drop.tfrecord");
const METADATA: &str = include_str!("data/metadata.json");

#[test]
fn data_of_others_are_imported_and_learned_from() {
    let settings = SETTINGS.replace("samples: 30", "samples: 4");
    let folder = Folder::with(&[("metadata.json", METADATA), ("training.ron", &settings)]);
    folder.write("drop.tfrecord", RECORDS);
    let import = ["operator", "import", "drop.tfrecord", "metadata.json"];
    let to = ["--material", "water", "--out", "data", "--split"];
    for (split, limit, count) in [("train", "9", 2), ("validation", "1", 1), ("test", "1", 1)] {
        let last = [split, "--limit", limit, "--json"];
        let ran = folder.run(&[&import[..], &to[..], &last[..]].concat());
        assert_eq!(ran.exits(0).object()["trajectories"], count);
    }
    let mut npz = Npz::open(&folder.path("data/water/train-001.npz")).unwrap();
    let (shape, x) = npz.f32("x", &[None, None, Some(3)]).unwrap();
    assert_eq!(shape, [12, 4, 3]);
    // The fourth particle of the second flight at its fifth step.
    assert_eq!(x[3 * (4 * 5 + 3)..][..3], [0.59, 0.6175, 0.0]);
    let trained = folder.run(&[&TRAIN[..], &["run", "--json"]].concat());
    assert_eq!(trained.exits(0).object()["done"], true);
    let engine = [
        "operator",
        "evaluate",
        "run/operator.ron",
        "data",
        "--engine",
    ];
    folder
        .run(&engine)
        .exits(2)
        .complains(&["imported data", "one that the engine has generated"]);
    folder.write("drop.tfrecord", &RECORDS[..700]);
    folder
        .run(
            &[
                &import[..],
                &["--material", "water", "--out", "x", "--split", "train"],
            ]
            .concat(),
        )
        .exits(2)
        .complains(&["record 1 of drop.tfrecord", "an end in its middle"]);
}
