//! Runs that are killed at any instant lose at most their last iteration or frame.

use std::{
    process::{Child, Command},
    thread::sleep,
    time::Duration,
};

use backflow::{optim::DriverState, task::folder::read_ron};

use crate::{
    harness::{Folder, Ran, changed},
    optimize::marks,
    scene::DROP,
};

/// Iterations of the optimisation that is killed.
const ITERATIONS: usize = 40;

/// A scene whose rate depends on how far the run is, and on how long it will be.
fn long() -> String {
    let settings = "iterations: 6, update: Adam(rate: 0.2)";
    let cosine = format!(
        "iterations: {ITERATIONS}, update: Adam(rate: 0.2), schedule: Cosine(floor: 0.1, warmup: 3)"
    );
    changed(DROP, &[(settings, &cosine)])
}

/// Lines of the table of metrics below its head.
fn lines(folder: &Folder, run: &str) -> usize {
    let table = std::fs::read_to_string(folder.path(format!("{run}/metrics.csv")));
    table.map_or(0, |table| table.lines().count().saturating_sub(1))
}

/// Waits until `ready`; says whether the process was still running then.
fn wait(child: &mut Child, ready: impl Fn() -> bool) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if ready() {
            return true;
        }
        sleep(Duration::from_millis(2));
    }
}

fn start(folder: &Folder, arguments: &[&str]) -> Child {
    let mut command = folder.command(arguments);
    let null = std::process::Stdio::null;
    command.stdout(null()).stderr(null()).spawn().unwrap()
}

/// What one run without interruption leaves.
fn uninterrupted() -> [String; 3] {
    let folder = Folder::with(&[("scene.ron", &long())]);
    folder.run(&["optimize", "scene.ron"]).exits(0);
    marks(&folder, &folder.only_run())
}

#[test]
fn killed_optimisation_loses_at_most_the_last_iteration_and_resumes_to_the_same_bits() {
    let folder = Folder::with(&[("scene.ron", &long())]);
    let mut child = start(&folder, &["optimize", "scene.ron"]);
    assert!(wait(&mut child, || folder.list("runs").len() == 1
        && folder
            .path(format!("{}/run.ron", folder.only_run()))
            .exists()));
    let run = folder.only_run();
    let mut kills = 0;
    for kill in 0..8_u32 {
        let before = lines(&folder, &run);
        // On the first kill the first iteration may not be done.
        let more = usize::from(kill > 0) + kill as usize % 3;
        let alive = wait(&mut child, || lines(&folder, &run) >= before + more);
        sleep(Duration::from_micros(u64::from(kill * kill * 977 % 9000)));
        let _ = child.kill();
        child.wait().unwrap();
        kills += u32::from(alive);
        let written = lines(&folder, &run);
        let state = folder.path(format!("{run}/state.ron"));
        if written > 0 && state.exists() {
            let state: DriverState = read_ron(&state).unwrap();
            assert!(
                (written - 1..=written).contains(&state.iteration),
                "{written} lines, state after {}",
                state.iteration
            );
        }
        child = start(&folder, &["optimize", "--resume", &run]);
    }
    assert!(kills >= 4, "only {kills} kills met a running process");
    let _ = child.kill();
    child.wait().unwrap();
    folder.run(&["optimize", "--resume", &run]).exits(0);
    assert_eq!(marks(&folder, &run), uninterrupted());
}

#[test]
fn files_of_two_neighbouring_iterations_resume_to_the_same_bits() {
    // As a kill between two of the files of an iteration leaves them.
    let expected = {
        let folder = Folder::with(&[("scene.ron", DROP)]);
        folder.run(&["optimize", "scene.ron"]).exits(0);
        marks(&folder, &folder.only_run())
    };
    let folder = Folder::with(&[("scene.ron", DROP)]);
    let names = ["metrics.csv", "best.ron", "state.ron"];
    folder
        .run(&["optimize", "scene.ron", "--iterations", "2"])
        .exits(0);
    let run = folder.only_run();
    let files = || names.map(|name| folder.read(format!("{run}/{name}")));
    let earlier = files();
    folder
        .run(&["optimize", "--resume", &run, "--iterations", "3"])
        .exits(0);
    let later = files();
    for newer in 1..names.len() {
        for (index, name) in names.iter().enumerate() {
            let content = if index < newer { &later } else { &earlier };
            folder.write(format!("{run}/{name}"), &content[index]);
        }
        let resume = ["optimize", "--resume", &run, "--iterations", "6"];
        folder.run(&resume).exits(0);
        assert_eq!(marks(&folder, &run), expected, "{newer} files are newer");
    }
    // Killed before the first state was saved: a start from nothing.
    for name in ["best.ron", "state.ron"] {
        std::fs::remove_file(folder.path(format!("{run}/{name}"))).unwrap();
    }
    let resume = ["optimize", "--resume", &run, "--iterations", "6"];
    folder.run(&resume).exits(0);
    assert_eq!(marks(&folder, &run), expected, "without a state");
}

#[test]
fn interrupt_from_the_keyboard_says_how_to_go_on() {
    let scene = long();
    let folder = Folder::with(&[("scene.ron", &scene)]);
    let mut child = folder.command(&["optimize", "scene.ron"]).spawn().unwrap();
    assert!(wait(&mut child, || folder.list("runs").len() == 1
        && lines(&folder, &folder.only_run()) >= 2));
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    let run = folder.only_run();
    let hint = format!("backflow optimize --resume {run}");
    assert!(said.contains(&hint), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    folder.run(&["optimize", "--resume", &run]).exits(0);
    assert_eq!(marks(&folder, &run), uninterrupted());
}

#[test]
fn killed_simulation_resumes_to_the_same_frames() {
    let scene = changed(DROP, &[("frames: 4", "frames: 60")]);
    let frames = |folder: &Folder, run: &str| -> Vec<Vec<u8>> {
        let names = folder.list(format!("{run}/frames"));
        let read = |name| folder.read(format!("{run}/frames/{name}"));
        names.into_iter().map(read).collect()
    };
    let expected = {
        let folder = Folder::with(&[("scene.ron", &scene)]);
        folder.run(&["simulate", "scene.ron"]).exits(0);
        frames(&folder, &folder.only_run())
    };
    assert_eq!(expected.len(), 60);
    let folder = Folder::with(&[("scene.ron", &scene)]);
    let mut child = start(&folder, &["simulate", "scene.ron"]);
    assert!(wait(&mut child, || folder.list("runs").len() == 1
        && folder
            .path(format!("{}/run.ron", folder.only_run()))
            .exists()));
    let run = folder.only_run();
    for kill in 0..4_usize {
        let done = folder.list(format!("{run}/frames")).len();
        wait(&mut child, || {
            folder.list(format!("{run}/frames")).len() >= done + kill
        });
        let _ = child.kill();
        child.wait().unwrap();
        let whole = frames(&folder, &run);
        assert!(
            whole[..] == expected[..whole.len()],
            "{} frames",
            whole.len()
        );
        child = start(&folder, &["simulate", "--resume", &run]);
    }
    let _ = child.kill();
    child.wait().unwrap();
    Ran::of(&mut folder.command(&["simulate", "--resume", &run])).exits(0);
    assert!(frames(&folder, &run) == expected);
}
