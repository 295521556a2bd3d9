//! `backflow export`.

use backflow_sim::io::Npz;
use serde_json::json;

use crate::{harness::Folder, scene::DROP};

/// A folder with a run of three frames.
fn simulated() -> (Folder, String) {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    folder
        .run(&["simulate", "drop.ron", "--frames", "3"])
        .exits(0);
    let run = folder.only_run();
    (folder, run)
}

#[test]
fn each_format_has_its_files() {
    let (folder, run) = simulated();
    for (format, files) in [
        ("npz", &["trajectory.npz"][..]),
        ("ply", &["0000.ply", "0001.ply", "0002.ply"]),
        (
            "vtk",
            &["0000.vtp", "0001.vtp", "0002.vtp", "particles.pvd"],
        ),
        ("png", &["0000.png", "0001.png", "0002.png"]),
    ] {
        let export = [
            "export", &run, "--format", format, "--out", format, "--json",
        ];
        let object = folder.run(&export).exits(0).object();
        assert_eq!(folder.list(format), files);
        assert_eq!(object["files"], json!(files.len()));
        assert_eq!(object["frames"], json!(3));
    }
    // Each begins as its format does.
    for (file, start) in [
        ("npz/trajectory.npz", &b"PK\x03\x04"[..]),
        ("ply/0002.ply", b"ply\nformat binary_little_endian 1.0\n"),
        ("vtk/0002.vtp", b"<?xml version=\"1.0\"?>"),
        ("vtk/particles.pvd", b"<?xml version=\"1.0\"?>"),
        ("png/0002.png", b"\x89PNG\r\n\x1a\n"),
    ] {
        let content = folder.read(file);
        assert!(content.starts_with(start), "{file}: {:?}", &content[..40]);
    }
    let header = folder.read("ply/0000.ply");
    let header = String::from_utf8_lossy(&header[..200]).into_owned();
    assert!(header.contains("element vertex 768"), "{header}");
    let picture = folder.read("png/0002.png");
    assert!(picture == folder.read(format!("{run}/last.png")));
}

#[test]
fn a_trajectory_holds_the_frames_one_after_the_other() {
    let (folder, run) = simulated();
    folder.run(&["export", &run, "--format", "npz"]).exits(0);
    let path = folder.path(format!("{run}/export/trajectory.npz"));
    let mut file = Npz::open(&path).unwrap();
    let names = ["block.v", "block.x", "pool.v", "pool.x", "time"];
    assert_eq!(file.names(), names);
    let (_, time) = file.f64("time", &[Some(3)]).unwrap();
    assert!(time.windows(2).all(|pair| pair[0] < pair[1]));
    for name in &names[..4] {
        let shape = [Some(3), None, Some(3)];
        let (shape, whole) = file.f64(name, &shape).unwrap();
        assert_eq!(shape[1], if name.starts_with("block") { 512 } else { 256 });
        for (frame, part) in whole.chunks(3 * shape[1]).enumerate() {
            let path = folder.path(format!("{run}/frames/{frame:04}.npz"));
            let (_, saved) = Npz::open(&path)
                .unwrap()
                .f64(name, &[None, Some(3)])
                .unwrap();
            assert!(part == saved, "{name} of frame {frame}");
        }
    }
}

#[test]
fn optimisations_are_exported_too() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    folder
        .run(&["optimize", "drop.ron", "--iterations", "1"])
        .exits(0);
    let run = folder.only_run();
    let ran = folder.run(&["export", &run, "--format", "ply"]).exits(0);
    assert!(ran.stdout.contains("4 files of 4 frames"), "{ran}");
    assert_eq!(folder.list(format!("{run}/export")).len(), 4);
}

#[test]
fn a_run_without_frames_and_a_folder_without_run_exit_with_2() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    folder
        .run(&["export", ".", "--format", "npz"])
        .exits(2)
        .complains(&["run.ron", "expected a run folder"]);
    folder
        .run(&["simulate", "drop.ron", "--frames", "0"])
        .exits(0);
    let run = folder.only_run();
    folder
        .run(&["export", &run, "--format", "npz"])
        .exits(2)
        .complains(&[&run, "no frames"]);
}
