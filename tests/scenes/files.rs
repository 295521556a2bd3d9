//! The files themselves.

use std::path::{Path, PathBuf};

use backflow::task::Task;

/// Lines of a scene, fewer than.
const LINES: usize = 120;

/// Quality at which scenes are run here.
pub const QUALITY: f64 = 0.5;

/// The scene files of the repository, sorted.
pub fn all() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenes");
    let (mut folders, mut files) = (vec![root.canonicalize().unwrap()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ron") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "there are scenes");
    files.sort();
    files
}

/// Whether a scene is a task of a benchmark: too long for what the others are tested by.
fn is_task(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| folder.ends_with("tasks"))
}

/// Applies a test to every scene that is not a task, and reports all that fail.
#[track_caller]
pub fn each(test: impl Fn(&Path) -> Result<(), String>) {
    each_of(|path| !is_task(path), test);
}

/// Applies a test to every task, and reports all that fail.
#[track_caller]
pub fn each_task(test: impl Fn(&Path) -> Result<(), String>) {
    each_of(is_task, test);
}

#[track_caller]
fn each_of(wanted: impl Fn(&Path) -> bool, test: impl Fn(&Path) -> Result<(), String>) {
    let failed: Vec<String> = all()
        .iter()
        .filter(|path| wanted(path))
        .filter_map(|path| {
            let said = test(path).err()?;
            Some(format!("{}: {said}", path.display()))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_scene_is_short_and_named_after_its_file() {
    each(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().count();
        if lines >= LINES {
            return Err(format!("{lines} lines; expected fewer than {LINES}"));
        }
        let task = Task::load(path, 1.0).map_err(|error| error.to_string())?;
        let name = path.file_stem().unwrap().to_str().unwrap();
        if task.spec.name != name {
            return Err(format!("name {:?}; expected {name:?}", task.spec.name));
        }
        let of_gas = task.spec.gas.iter().flat_map(|gas| &gas.losses);
        if task.spec.about.is_empty() || task.spec.losses.len() + of_gas.count() == 0 {
            return Err("expected `about` and a loss".to_owned());
        }
        Ok(())
    });
}

#[test]
fn every_scene_builds_at_other_qualities() {
    each(|path| {
        for quality in [0.25, QUALITY, 1.5] {
            Task::load(path, quality).map_err(|error| format!("quality {quality}: {error}"))?;
        }
        Ok(())
    });
}

#[test]
fn scenes_that_the_help_names_exist() {
    let folder = crate::harness::Folder::with(&[]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut named = 0;
    for command in ["check", "simulate", "optimize", "gradcheck", "export"] {
        let help = folder.run(&[command, "--help"]).exits(0).stdout
            + &folder.run(&["--help"]).exits(0).stdout;
        let scenes = help
            .split_whitespace()
            .filter(|word| word.starts_with("scenes/") && !word.contains('*'));
        for scene in scenes {
            assert!(root.join(scene).is_file(), "`{command} --help`: {scene}");
            named += 1;
        }
    }
    assert!(named > 0, "the help names scenes");
}
