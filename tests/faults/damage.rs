//! Run folders with damaged files: exit code 2 and the name of the file.

use backflow::{optim::DriverState, task::folder::read_ron};

use crate::{
    harness::{Folder, changed},
    scene::SOUND,
};

/// A folder with a finished run of `command`.
fn finished(command: &str) -> (Folder, String) {
    let folder = Folder::with(&[("scene.ron", SOUND)]);
    folder.run(&[command, "scene.ron"]).exits(0);
    let run = folder.only_run();
    (folder, run)
}

/// Lengths to truncate `whole` bytes to: nothing, most of it, and some between.
fn lengths(whole: usize) -> [usize; 5] {
    [0, 1, whole / 3, whole / 2, whole - 10]
}

#[test]
fn truncated_and_overwritten_files_of_a_run_are_named() {
    for (command, files) in [
        ("optimize", &["run.ron", "scene.ron", "state.ron"][..]),
        ("simulate", &["run.ron", "scene.ron", "checkpoint.npz"]),
    ] {
        let (folder, run) = finished(command);
        for file in files {
            let path = format!("{run}/{file}");
            let whole = folder.read(&path);
            let truncated = lengths(whole.len()).map(|length| whole[..length].to_vec());
            let mut noise = whole.clone();
            let middle = whole.len() / 4;
            noise[middle..2 * middle].fill(0xEE);
            for spoiled in truncated.into_iter().chain([noise, vec![0; 300]]) {
                folder.write(&path, &spoiled);
                folder
                    .run(&[command, "--resume", &run])
                    .exits(2)
                    .complains(&[&run, file]);
            }
            folder.write(&path, &whole);
        }
        folder.run(&[command, "--resume", &run]).exits(0);
    }
}

#[test]
fn a_state_truncated_at_any_length_is_an_error() {
    let (folder, run) = finished("optimize");
    let path = format!("{run}/state.ron");
    let whole = folder.text(&path);
    let path = folder.path(path);
    let read = || read_ron::<DriverState>(&path);
    let state = read().unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        match read() {
            Ok(found) => assert!(found == state && whole[length..].trim().is_empty()),
            Err(error) => {
                let name = path.display().to_string();
                assert!(error.to_string().contains(&name), "{length}: {error}");
            }
        }
    }
}

#[test]
fn files_of_another_run_are_refused() {
    let (folder, run) = finished("optimize");
    let state = folder.text(format!("{run}/state.ron"));
    folder.write(
        format!("{run}/state.ron"),
        state.replace("block.velocity", "brick.velocity"),
    );
    folder
        .run(&["optimize", "--resume", &run])
        .exits(2)
        .complains(&["state.ron", "brick.velocity", "block.velocity"]);
    folder.write(
        format!("{run}/state.ron"),
        state.replace("Adam(", "Sgd(").replace("first", "velocity"),
    );
    folder
        .run(&["optimize", "--resume", &run])
        .exits(2)
        .complains(&["state.ron"]);
    // A checkpoint with other particles.
    let (folder, run) = finished("simulate");
    let finer = changed(SOUND, &[("cell: 0.05", "cell: 0.025")]);
    folder.write(format!("{run}/scene.ron"), finer);
    folder
        .run(&["simulate", "--resume", &run])
        .exits(2)
        .complains(&["checkpoint.npz", "expected"]);
}

#[test]
fn damaged_frames_are_named_by_export() {
    let (folder, run) = finished("simulate");
    let path = format!("{run}/frames/0001.npz");
    let whole = folder.read(&path);
    for length in lengths(whole.len()) {
        folder.write(&path, &whole[..length]);
        for format in ["npz", "ply", "png"] {
            folder
                .run(&["export", &run, "--format", format])
                .exits(2)
                .complains(&["0001.npz"]);
        }
    }
}

#[test]
fn folders_that_are_no_run_are_refused() {
    let folder = Folder::with(&[("empty/x", ""), ("file", "")]);
    for run in ["none", "empty", "file"] {
        for command in ["simulate", "optimize"] {
            folder
                .run(&[command, "--resume", run])
                .exits(2)
                .complains(&[run, "expected a run folder"]);
        }
    }
}

#[test]
fn a_flipped_bit_in_an_archive_never_panics_and_never_goes_unseen() {
    let (folder, run) = finished("simulate");
    let path = format!("{run}/checkpoint.npz");
    let whole = folder.read(&path);
    let spec = backflow::task::Task::load(&folder.path("scene.ron"), 1.0).unwrap();
    let read = || {
        let path = folder.path(&path);
        backflow::task::frames::read_checkpoint::<f64>(&path, &spec.scene.particles)
    };
    let (frame, particles) = read().unwrap();
    // A prime stride meets headers, data and the table of contents.
    for at in (0..whole.len()).step_by(whole.len() / 499) {
        let mut spoiled = whole.clone();
        spoiled[at] ^= 1 << (at % 8);
        folder.write(&path, &spoiled);
        if let Ok((found, read)) = read() {
            // What no checksum covers, such as dates, changes nothing.
            assert!((found, &read) == (frame, &particles), "byte {at}");
        }
    }
}
