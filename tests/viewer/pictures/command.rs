//! Runs the command without a window.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use backflow::{
    sim::scene::to_text,
    task::{
        Task,
        folder::{RunFolder, RunOptions},
    },
};

use crate::picture::Picture;

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The viewer without a window, small and with rough edges, as suits a software GPU.
pub fn viewer(scene: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backflow-viewer"));
    command
        .arg("--headless")
        .args(["--size", "320x200", "--rough", "--out"])
        .arg(out)
        .args(more)
        .arg(scene)
        .current_dir(root())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// Runs the viewer without a window.
pub fn run(scene: &Path, out: &Path, more: &[&str]) -> Output {
    viewer(scene, out, more).output().unwrap()
}

/// The pictures of a run that succeeds, in order.
pub fn pictures(scene: &Path, out: &Path, more: &[&str]) -> Vec<Picture> {
    let output = run(scene, out, more);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", scene.display());
    let mut files: Vec<_> = std::fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "png"))
        .collect();
    files.sort();
    files.iter().map(|path| Picture::read(path)).collect()
}

/// Begins a run folder of a scene below `folder`, as `backflow simulate` does.
pub fn run_folder(folder: &Path, task: &Task) -> RunFolder {
    let run = RunFolder::create(&folder.join("runs"), &task.spec.name, "now").unwrap();
    run.write("scene.ron", &to_text(&task.spec).unwrap())
        .unwrap();
    let options = RunOptions {
        version: "0".to_owned(),
        command: "simulate".to_owned(),
        precision: "f32".to_owned(),
        directory: folder.to_owned(),
    };
    run.write_ron("run.ron", &options).unwrap();
    run.make_frames().unwrap();
    run
}

/// Writes a scene into a folder.
pub fn scene(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("scene.ron");
    std::fs::write(&path, text).unwrap();
    path
}
