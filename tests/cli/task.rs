//! `backflow task`: methods on tasks under one budget, which can be stopped and go on.

use std::{process::Stdio, thread::sleep, time::Duration};

use crate::{
    harness::{Folder, changed},
    scene::{DROP, TINY},
};

fn folder() -> Folder {
    let still = changed(TINY, &[("name: \"tiny\"", "name: \"still\"")]);
    Folder::with(&[
        ("scenes/flight.ron", TINY),
        ("scenes/solid/still.ron", &still),
    ])
}

#[test]
fn list_names_tasks_by_their_place_and_all_methods() {
    let list = folder().run(&["task", "list", "--json"]).exits(0).object();
    let names: Vec<_> = list["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].clone())
        .collect();
    assert_eq!(names, ["flight", "solid/still"]);
    assert_eq!(list["tasks"][0]["variables"], 2);
    assert!(list["methods"].as_array().unwrap().len() >= 10);
}

#[test]
fn every_method_keeps_to_the_budget_and_the_page_has_their_scores() {
    let folder = folder();
    let arguments = [
        "task",
        "run",
        "flight",
        "--gradients",
        "4",
        "--seeds",
        "2",
        "--json",
    ];
    let ran = folder.run(&arguments).exits(0).object();
    let runs = ran["runs"].as_array().unwrap();
    let of =
        |method: &str| -> Vec<_> { runs.iter().filter(|run| run["method"] == method).collect() };
    for run in runs {
        let (spent, budget) = (
            run["spent"].as_u64().unwrap(),
            run["budget"].as_u64().unwrap(),
        );
        // the last iteration may go over it by less than itself: nine values of twelve
        assert!(spent <= budget + budget * 9 / 12, "{run}");
        assert!(run["score"].as_f64().unwrap() >= 0.0, "{run}");
    }
    assert_eq!(
        (of("lbfgs").len(), of("cma").len(), of("idle").len()),
        (1, 2, 1)
    );
    assert!(of("adam")[0]["score"].as_f64() > Some(0.5), "{ran}");
    assert_eq!(of("idle")[0]["score"], 0.0);
    folder
        .run(&["task", "report", "--to", "page/benchmark.md"])
        .exits(0);
    let page = folder.text("page/benchmark.md");
    assert!(
        page.contains("| flight |") && page.contains("(2) |"),
        "{page}"
    );
    assert_eq!(
        folder.list("page/plots"),
        [
            "flight-idle-last.png",
            "flight-scene-last.png",
            "flight-seconds.svg",
            "flight-substeps.svg"
        ]
    );
    // a run that has ended is not done again, and another budget is refused
    let again = folder.run(&arguments).exits(0).object();
    assert_eq!(again["runs"], ran["runs"]);
    let other = [
        "task",
        "run",
        "flight",
        "--gradients",
        "5",
        "--methods",
        "lbfgs",
    ];
    let refused = folder.run(&other).exits(1);
    assert!(refused.stderr.contains("another budget"), "{refused}");
}

#[test]
fn wrong_names_are_refused_with_what_there_is() {
    let folder = folder();
    let ran = folder.run(&["task", "run", "fligth"]).exits(2);
    assert!(ran.stderr.contains("flight, solid/still"), "{ran}");
    let ran = folder
        .run(&["task", "run", "flight", "--methods", "adam,sgdd"])
        .exits(2);
    assert!(
        ran.stderr.contains("sgdd") && ran.stderr.contains("lbfgs"),
        "{ran}"
    );
    let ran = folder.run(&["task", "report"]).exits(2);
    assert!(ran.stderr.contains("runs/tasks"), "{ran}");
}

#[test]
fn run_killed_at_random_instants_ends_with_the_same_bits() {
    let arguments = |out: &'static str| {
        [
            "task",
            "run",
            "solid/still",
            "--methods",
            "adam,cma,gaussian",
            "--gradients",
            "12",
            "--seeds",
            "1",
            "--out",
            out,
        ]
    };
    let folder = folder();
    folder.run(&arguments("whole")).exits(0);
    for kill in 0..10 {
        let mut command = folder.command(&arguments("killed"));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(15 + 23 * (kill * 7 % 10)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    folder.run(&arguments("killed")).exits(0);
    for run in ["adam-0", "cma-0", "gaussian-0"] {
        for file in ["finished.ron", "state.ron"] {
            let read = |out: &str| folder.text(format!("{out}/solid/still/{run}/{file}"));
            assert_eq!(read("killed"), read("whole"), "{run}/{file}");
        }
        // but for the seconds, the curves are the same, too
        let curve = |out: &str| -> Vec<String> {
            let text = folder.text(format!("{out}/solid/still/{run}/curve.csv"));
            let line = |line: &str| {
                let parts: Vec<&str> = line.split(',').collect();
                [&parts[..2], &parts[3..]].concat().join(",")
            };
            text.lines().map(line).collect()
        };
        assert_eq!(curve("killed"), curve("whole"), "{run}");
    }
}

#[test]
fn guides_and_guesses_change_what_is_done_and_not_what_is_scored() {
    let effort = "(term: ControlEffort(linear: 1e-4)),";
    let guided =
        format!("{effort} (term: MeanDistance(body: \"block\", other: \"pool\"), guide: true),");
    let variables = "Controls(axes: [X, Y]),\n        ],";
    let guess = format!(
        "{variables} guess: {{\"arm\": Constant(linear: (0.5, -1, 0))}}, scheme: (horizon: (start: 2, step: 2)),"
    );
    let helped = changed(DROP, &[(effort, &guided), (variables, &guess)]);
    let helped = changed(
        &helped,
        &[(
            "(term: CentreOfMass(body: \"block\", target: (0.4, 0.3, 0.2)))",
            "(term: CentreOfMass(body: \"block\", target: (0.4, 0.3, 0.2)), when: Every)",
        )],
    );
    let bare = changed(
        DROP,
        &[(
            "(term: CentreOfMass(body: \"block\", target: (0.4, 0.3, 0.2)))",
            "(term: CentreOfMass(body: \"block\", target: (0.4, 0.3, 0.2)), when: Every)",
        )],
    );
    let folder = Folder::with(&[("helped.ron", &helped), ("bare.ron", &bare)]);
    let run = |scene: &str, methods: &str, out: &str| -> Vec<serde_json::Value> {
        let arguments = [
            "task",
            "run",
            scene,
            "--methods",
            methods,
            "--gradients",
            "8",
            "--out",
            out,
            "--json",
        ];
        let ran = folder.run(&arguments).exits(0).object();
        ran["runs"].as_array().unwrap().clone()
    };
    let parts = "scene,idle,hard,whole,unattracted";
    let with = run("helped.ron", parts, "with");
    let without = run("bare.ron", parts, "without");
    let names = |runs: &[serde_json::Value]| -> Vec<String> {
        let name = |run: &serde_json::Value| run["method"].as_str().unwrap().to_owned();
        runs.iter().map(name).collect()
    };
    // contact is hard there anyway
    assert_eq!(names(&with), ["scene", "idle", "whole", "unattracted"]);
    assert_eq!(names(&without), ["scene", "idle"]);
    for run in &with {
        assert_eq!(run["first_loss"], without[0]["first_loss"]);
        assert!(run["best_loss"].as_f64().unwrap().is_finite(), "{run}");
        assert!(
            run["spent"].as_u64() <= Some(run["budget"].as_u64().unwrap() * 9 / 8),
            "{run}"
        );
    }
    assert_ne!(with[0]["guess_loss"], with[0]["first_loss"]);
    assert_eq!(with[1]["best_loss"], with[1]["first_loss"]);
    assert_eq!(without[0]["guess_loss"], without[0]["first_loss"]);
    // the best of `scene` is what it says by the loss that is scored
    let curve = folder.text("with/helped/scene-0/curve.csv");
    let best = curve.lines().last().unwrap().split(',').nth(4).unwrap();
    let (best, said) = (
        best.parse::<f64>().unwrap(),
        with[0]["best_loss"].as_f64().unwrap(),
    );
    assert!((best / said - 1.0).abs() < 1e-5, "{best} {said}");
}

/// `TINY` with scenarios that differ in where the block starts and what it is made of.
fn scenarios(text: &str) -> String {
    let variables = "variables: [Velocity(body: \"block\", axes: [X, Y])],";
    changed(
        TINY,
        &[(variables, &format!("{variables} scenarios: ({text}),"))],
    )
}

#[test]
fn mean_over_scenarios_is_optimised_and_each_is_reported() {
    let listed = r#"listed: [
        (name: "left", set: [(Position(body: "block", axes: [X]), [0.19])]),
        (name: "right", weight: 3, set: [
            (Position(body: "block", axes: [X]), [0.21]),
            (Material(material: "jelly", parameter: "young", log: true), [5e2]),
        ]),
    ]"#;
    let folder = Folder::with(&[("scene.ron", &scenarios(listed))]);
    let report = folder
        .run(&["optimize", "scene.ron", "--json"])
        .exits(0)
        .object();
    let table = folder.text(format!("{}/metrics.csv", folder.only_run()));
    let head = table.lines().next().unwrap();
    assert!(head.contains("left/value,right/value"), "{table}");
    // what is left is what the scenarios cannot have in common: blocks that begin 0.02 apart, with
    // weights 1 and 3, are on average sqrt(3)/4 of that from their mean
    let (best, first) = (&report["best_loss"], &report["first_loss"]);
    let (best, first) = (best.as_f64().unwrap(), first.as_f64().unwrap());
    assert!(best < 0.5 * first && best > 7e-5, "{best} {first}");
    let first = table.lines().nth(1).unwrap().split(',').collect::<Vec<_>>();
    let [mean, left, right] = [1, 6, 7].map(|i| first[i].parse::<f64>().unwrap());
    assert!((mean / (0.25 * left + 0.75 * right) - 1.0).abs() < 1e-6);
}

#[test]
fn random_scenarios_follow_from_their_seed_alone() {
    let random = |seed: u32| {
        let text = format!(
            "random: [(count: 3, seed: {seed}, vary: [\
             (Position(body: \"block\", axes: [X]), About(0.01)), \
             (Material(material: \"jelly\", parameter: \"young\", log: true), Between(5e2, 2e3))])]"
        );
        let folder = Folder::with(&[("scene.ron", &scenarios(&text))]);
        let run = |threads: &str| {
            let report = folder.run(&["optimize", "scene.ron", "--json", "--threads", threads]);
            report.exits(0).object()["best_loss"].clone()
        };
        let (one, two) = (run("1"), run("2"));
        assert_eq!(one, two);
        one
    };
    assert_eq!(random(1), random(1));
    assert_ne!(random(1), random(2));
}

#[test]
fn unsound_scenarios_are_refused_with_their_place() {
    let text = r#"listed: [(name: "a", weight: 0, set: [(Velocity(body: "blok"), [1, 2, 3])])],
        random: [(count: 0, vary: [(Friction(collider: "none"), Between(2, 1))])]"#;
    let folder = Folder::with(&[("scene.ron", &scenarios(text))]);
    let ran = folder.run(&["check", "scene.ron"]).exits(2);
    for place in [
        "listed[0].set[0].body",
        "listed[0].weight",
        "random[0].count",
        "random[0].vary[0]",
    ] {
        let found = ran.stdout.contains(place) || ran.stderr.contains(place);
        assert!(found, "{place}: {ran}");
    }
    let text = r#"listed: [(name: "a", set: [(Position(body: "block"), [1, 2])])]"#;
    folder.write("scene.ron", scenarios(text));
    let ran = folder.run(&["optimize", "scene.ron"]).exits(2);
    assert!(ran.stderr.contains("2 values; expected 3"), "{ran}");
}
