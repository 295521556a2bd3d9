//! Places that cannot be written to: exit code 1 and the path, and nothing half written.

use crate::{
    harness::{Folder, Ran},
    scene::SOUND,
};

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::with(&[("scene.ron", SOUND), ("file", "")]);
    for command in ["simulate", "optimize"] {
        for runs in ["file", "file/runs"] {
            folder
                .run(&[command, "scene.ron", "--runs", runs])
                .exits(1)
                .complains(&[runs]);
        }
    }
    folder.run(&["simulate", "scene.ron"]).exits(0);
    let run = folder.only_run();
    for format in ["npz", "ply", "vtk", "png"] {
        folder
            .run(&["export", &run, "--format", format, "--out", "file/out"])
            .exits(1)
            .complains(&["file/out"]);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_to_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with(&[("scene.ron", SOUND), ("closed/x", "")]);
    let closed = folder.path("closed");
    let allow = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&closed, permissions).unwrap();
    };
    allow(0o555);
    // The superuser may write everywhere.
    if std::fs::write(closed.join("y"), "").is_err() {
        folder
            .run(&["simulate", "scene.ron", "--runs", "closed/runs"])
            .exits(1)
            .complains(&["closed/runs"]);
    }
    allow(0o755);
}

/// Runs the command where no file can grow beyond some kilobytes, as on a full disk.
#[cfg(unix)]
fn cramped(folder: &Folder, kilobytes: usize, arguments: &[&str]) -> Ran {
    // The signal of the limit is ignored, so that writes fail; units are half kilobytes.
    let script = format!(
        "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
        2 * kilobytes
    );
    let plain = folder.command(arguments);
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &script])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(folder.path(""))
        .stdin(std::process::Stdio::null());
    Ran::of(&mut command)
}

/// Every file in a folder and its folders, hidden ones too.
#[cfg(unix)]
fn walk(path: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_run_with_the_path_and_leaves_no_half_file() {
    for (command, kilobytes, file) in [
        // The frames are some ten kilobytes.
        ("simulate", 8, "0000.npz"),
        ("optimize", 8, "0000.npz"),
        ("simulate", 1, "scene.ron"),
        ("optimize", 1, "scene.ron"),
    ] {
        let folder = Folder::with(&[("scene.ron", SOUND)]);
        let ran = cramped(&folder, kilobytes, &[command, "scene.ron"]);
        let run = folder.only_run();
        ran.exits(1).complains(&["cannot write", &run, file]);
        let mut files = Vec::new();
        walk(&folder.path(&run), &mut files);
        for path in files {
            assert!(
                !path.contains(".partial") && !path.ends_with(file),
                "{path}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_met_a_full_disk_resumes_when_there_is_room() {
    let folder = Folder::with(&[("scene.ron", SOUND)]);
    cramped(&folder, 8, &["optimize", "scene.ron"]).exits(1);
    let run = folder.only_run();
    folder.run(&["optimize", "--resume", &run]).exits(0);
    let whole = Folder::with(&[("scene.ron", SOUND)]);
    whole.run(&["optimize", "scene.ron"]).exits(0);
    let expected = whole.text(format!("{}/state.ron", whole.only_run()));
    assert_eq!(folder.text(format!("{run}/state.ron")), expected);
    // Of a simulation as well.
    let folder = Folder::with(&[("scene.ron", SOUND)]);
    cramped(&folder, 8, &["simulate", "scene.ron"]).exits(1);
    let run = folder.only_run();
    folder.run(&["simulate", "--resume", &run]).exits(0);
    assert_eq!(folder.list(format!("{run}/frames")).len(), 3);
}

#[test]
fn leftovers_of_a_process_that_was_killed_do_not_stop_one_with_its_number() {
    // Process numbers come again: always the same one in a container.
    let folder = Folder::with(&[]);
    let path = folder.path("state.ron");
    for count in 0..1000 {
        let name = format!(".state.ron.{}-{count}.partial", std::process::id());
        folder.write(name, "half");
    }
    let write =
        backflow_sim::io::write_atomic(&path, |file| std::io::Write::write_all(file, b"whole"));
    write.unwrap();
    assert_eq!(folder.text("state.ron"), "whole");
}
