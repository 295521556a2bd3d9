//! Scenes of the repository with spoiled text: parsing, checking and building never panics.

use std::path::{Path, PathBuf};

use backflow::task::{OptimizeSpec, Task, binding::Binding, faults, parse};
use backflow_sim::scene::{
    check,
    spec::{Sampling, Spec},
};
use proptest::prelude::*;

/// Texts and folders of the scenes of the repository.
fn scenes() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenes");
    let mut scenes = vec![(crate::scene::SOUND.to_owned(), root.clone())];
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ron") {
                scenes.push((std::fs::read_to_string(path).unwrap(), folder.clone()));
            }
        }
    }
    scenes
}

/// The pieces of a text that a mutation works on: words, numbers and punctuation.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || "._-+".contains(c);
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    tokens
}

/// What a number may become.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "1e308",
    "-1e308",
    "1e-308",
    "NaN",
    "inf",
    "-inf",
    "1e999",
    "1e30",
    "-1e-30",
    "18446744073709551615",
    "0.0000001",
    "1e7",
    "17",
];

/// What any piece may become.
const WORDS: [&str; 16] = [
    "\"", "(", ")", "[", "]", "{", "}", ",", ":", "Plane", "None", "Some", "é", "/*", "'", "Twin",
];

/// Cells along the longest axis at the quality that scenes are built at.
const COARSE: f64 = 12.0;

/// Particles that are built, at most.
const FEW: f64 = 1e5;

/// Most particles that a specification could ask for.
fn most_particles(spec: &Spec<OptimizeSpec>) -> f64 {
    let cells = spec.domain.cells().map_or(0.0, |cells| {
        cells.iter().map(|&count| count as f64).product()
    });
    let each = |sampling: &Sampling| match *sampling {
        Sampling::Lattice { per_axis } => f64::from(per_axis).powi(3),
        Sampling::Jittered { per_cell, .. } => f64::from(per_cell),
    };
    cells
        * spec
            .bodies
            .iter()
            .map(|body| each(&body.particles))
            .sum::<f64>()
}

/// Reads a text as far as it goes; says how far that was.
fn read(text: &str, folder: &Path) -> &'static str {
    let Ok((spec, unknown)) = parse(text, "scene.ron") else {
        return "not a scene";
    };
    let cells = spec.domain.cells().unwrap_or([1; 3]);
    let quality = COARSE / cells.into_iter().max().unwrap_or(1) as f64;
    let spec = spec.at_quality(quality.min(1.0));
    let mut found = unknown;
    found.extend(faults(&spec));
    found.extend(check(&spec, folder));
    if !found.is_empty() {
        let said = found.iter().map(ToString::to_string);
        assert!(said.map(|text| text.len()).all(|length| length > 0));
        return "faulty";
    }
    if most_particles(&spec) > FEW {
        return "large";
    }
    let Ok(task) = Task::new(spec, folder.to_owned()) else {
        return "not built";
    };
    let Ok(binding) = Binding::new(&task.spec, &task.scene) else {
        return "not bound";
    };
    let setup = binding.setup(&binding.start());
    assert_eq!(setup.particles.len(), task.scene.particles.len());
    "built"
}

#[test]
fn scenes_as_they_are_reach_the_end() {
    for (text, folder) in scenes() {
        assert_eq!(read(&text, &folder), "built", "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn spoiled_scenes_never_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8, 0..16_usize), 1..4),
    ) {
        let scenes = scenes();
        let (text, folder) = which.get(&scenes);
        let mut tokens = tokens(text);
        for (at, kind, other) in edits {
            let at = at.index(tokens.len());
            match kind {
                0 => { tokens.remove(at); }
                1 => tokens.insert(at, tokens[at].clone()),
                2 => WORDS[other].clone_into(&mut tokens[at]),
                // Numbers are what most of a scene is and what the checks compute with.
                _ => {
                    let number = (0..tokens.len()).map(|step| (at + step) % tokens.len())
                        .find(|&at| tokens[at].parse::<f64>().is_ok());
                    if let Some(at) = number { NUMBERS[other].clone_into(&mut tokens[at]); }
                }
            }
        }
        read(&tokens.concat(), folder);
    }

    #[test]
    fn arbitrary_bytes_are_no_scene(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let folder = crate::harness::Folder::with(&[]);
        folder.write("scene.ron", &bytes);
        let path = folder.path("scene.ron");
        let error = Task::load(&path, 1.0).unwrap_err().to_string();
        prop_assert!(error.starts_with(&path.display().to_string()), "{}", error);
    }
}
