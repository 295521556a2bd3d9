//! `backflow bench`.

use serde_json::Value;

use crate::harness::Folder;

fn bench(arguments: &[&str]) -> Value {
    let folder = Folder::with(&[]);
    let small = [
        "bench", "--json", "--size", "T", "--steps", "10", "--reps", "1",
    ];
    let ran = folder.run(&[&small[..], arguments].concat()).exits(0);
    assert_eq!(folder.list("").len(), 0, "nothing is written");
    ran.objects().swap_remove(0)
}

#[test]
fn a_measurement_is_one_object_with_the_fields_of_the_workload() {
    let forward = bench(&["--threads", "1"]);
    assert_eq!(forward["particles"], 1440);
    assert_eq!(forward["threads"], 1);
    assert_eq!(forward["mode"], "forward");
    assert!(forward["forward_pps"].as_f64().unwrap() > 0.0);
    assert!(forward["backward_s"].is_null());
    let grad = bench(&["--mode", "grad", "--case", "elastic", "--precision", "f64"]);
    assert_eq!(grad["case"], "elastic");
    assert_eq!(grad["prec"], "f64");
    assert!(grad["ratio_total"].as_f64().unwrap() > 1.0);
    assert!(grad["grad_norm"].as_f64().unwrap() > 0.0);
}

#[test]
fn every_level_of_instructions_gives_the_same_answer_to_round_off() {
    let portable = bench(&["--simd", "portable", "--mode", "grad"]);
    assert_eq!(portable["variant"], "portable");
    // The widest that this machine has.
    let widest = bench(&["--mode", "grad"]);
    for field in ["loss", "grad_norm", "grad_dot_d", "ke"] {
        let [a, b] = [&portable, &widest].map(|result| result[field].as_f64().unwrap());
        // Single precision over ten substeps.
        assert!((a / b - 1.0).abs() <= 2e-6, "{field}: {a} {b}");
    }
}

#[test]
fn the_order_of_the_particles_does_not_matter() {
    let [lattice, shuffled] = ["lattice", "shuffled"].map(|order| {
        let result = bench(&["--order", order, "--precision", "f64"]);
        result["ke"].as_f64().unwrap()
    });
    assert!((lattice / shuffled - 1.0).abs() <= 1e-12);
}

#[test]
fn wrong_arguments_exit_with_2() {
    let folder = Folder::with(&[]);
    for arguments in [
        ["--simd", "mmx"],
        ["--steps", "0"],
        ["--nodes", "63"],
        ["--threads", "0"],
        ["--size", "huge"],
    ] {
        let ran = folder.run(&[&["bench"][..], &arguments].concat()).exits(2);
        assert!(ran.stderr.contains(arguments[0]), "{ran}");
    }
    let arguments = ["bench", "--mode", "grad", "--size", "T", "--memory", "1KiB"];
    let ran = folder.run(&arguments).exits(2);
    assert!(ran.stderr.contains("memory budget"), "{ran}");
}
