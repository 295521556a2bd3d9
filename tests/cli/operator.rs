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

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    let folder = folder();
    folder.run(&[&TRAIN[..], &["run"]].concat()).exits(0);
    folder.write("wrong.ron", RECIPE.replace("frames: 14", "frames: 1"));
    folder.write("other.ron", SETTINGS.replace("width: 8", "width: 9"));
    folder.write("none.json", "{}");
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
