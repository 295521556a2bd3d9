//! The scenes to choose from, with pictures that are made in the background.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
};

use backflow::{
    sim::{
        gas,
        io::{GasPicture, Image},
        rollout::{State, forward::Rollout},
        scene::{GasScene, parse},
    },
    task::{
        OptimizeSpec, Task,
        frames::{bodies, picture, tools},
        gas::GasRows,
    },
};

use crate::threads::{background, step_back};

/// Size of a picture (pixels).
pub const PICTURE: [usize; 2] = [480, 280];

/// Substeps that a picture may take, times particles: some seconds.
const EFFORT: usize = 4_000_000;

/// Share of the run after which its picture is taken (1).
const MOMENT: f64 = 0.35;

/// A scene to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its file.
    pub path: PathBuf,
    /// Its title.
    pub title: String,
    /// What it shows, in one line.
    pub about: String,
    /// The folder it is in.
    pub kind: String,
}

/// A picture of a scene: rows from the top, 8-bit sRGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Index of the scene.
    pub index: usize,
    /// Width and height (pixels).
    pub size: [usize; 2],
    /// The pixels.
    pub rgb: Vec<u8>,
}

/// The scenes in a folder and the folders in it, by folder and name. Files that are no scene
/// are listed with what is wrong with them.
pub fn entries(folder: &Path) -> Vec<Entry> {
    let mut files = Vec::new();
    gather(folder, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let kind = path
                .parent()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let title = stem.replace(['_', '-'], " ");
            let about = match parse::<OptimizeSpec>(&text, &stem) {
                Ok((spec, _)) => spec.about,
                Err(error) => format!("cannot be read: {error}"),
            };
            Entry {
                path,
                title,
                about,
                kind,
            }
        })
        .collect()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "ron") {
            files.push(path);
        }
    }
}

/// Makes pictures of scenes, one after another, in a thread of its own; those that are in the
/// folder `cache` come from there. Dropping the receiver ends the thread.
///
/// # Errors
/// The system has no thread left.
pub fn thumbnails(
    entries: &[Entry],
    cache: Option<PathBuf>,
) -> std::io::Result<Receiver<Thumbnail>> {
    let (sender, receiver) = channel();
    let paths: Vec<PathBuf> = entries.iter().map(|entry| entry.path.clone()).collect();
    std::thread::Builder::new()
        .name("thumbnails".to_owned())
        .spawn(move || {
            step_back();
            let threads = background();
            for (index, path) in paths.iter().enumerate() {
                let make = || thumbnail(path, cache.as_deref());
                let made = match &threads {
                    Some(threads) => threads.install(make),
                    None => make(),
                };
                let Some(rgb) = made else { continue };
                let made = Thumbnail {
                    index,
                    size: PICTURE,
                    rgb,
                };
                if sender.send(made).is_err() {
                    break;
                }
            }
        })?;
    Ok(receiver)
}

fn thumbnail(path: &Path, cache: Option<&Path>) -> Option<Vec<u8>> {
    let text = std::fs::read(path).ok()?;
    let mut hasher = DefaultHasher::new();
    (text, PICTURE, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    let kept = cache.map(|cache| cache.join(format!("{:016x}.rgb", hasher.finish())));
    if let Some(kept) = &kept
        && let Ok(rgb) = std::fs::read(kept)
        && rgb.len() == 3 * PICTURE[0] * PICTURE[1]
    {
        return Some(rgb);
    }
    let rgb = draw(path)?;
    if let (Some(kept), Some(cache)) = (&kept, cache) {
        // A cache that cannot be written costs time and nothing else.
        let _ = std::fs::create_dir_all(cache);
        let _ = backflow::sim::io::write_atomic(kept, |file| std::io::Write::write_all(file, &rgb));
    }
    Some(rgb)
}

/// A picture of a scene some way into its run, as far as that takes seconds.
fn draw(path: &Path) -> Option<Vec<u8>> {
    let mut task = Task::load(path, 1.0).ok()?;
    if let Some(scene) = &task.scene.gas {
        return draw_gas(scene);
    }
    if task.scene.particles.len() > 30_000 {
        let coarse = (30_000.0 / task.scene.particles.len() as f64).cbrt();
        task = Task::load(path, coarse).ok().unwrap_or(task);
    }
    let world = task.scene.world.cast::<f32>();
    let mut state = State::new(&world, task.scene.particles.cast());
    let mut rollout = Rollout::new(&world, &task.scene.programs);
    let wanted = (rollout.steps() as f64 * MOMENT) as usize;
    let steps = wanted.min(EFFORT / task.scene.particles.len().max(1));
    for step in 0..steps {
        rollout.advance(&mut state, step).ok()?;
    }
    let tools = tools(&rollout, steps);
    let frame = steps.checked_div(world.clock.substeps).unwrap_or(0);
    let rows = bodies(&task.scene, &world, &state, frame);
    picture(&task.scene, &rows, &tools, &state.rigids, PICTURE).map(|image| image.rgb)
}

/// What is around a picture that has other proportions.
const MARGIN: [u8; 3] = [22, 25, 31];

/// A picture of gas some way into its run.
fn draw_gas(scene: &GasScene) -> Option<Vec<u8>> {
    let (model, mut gas) = (scene.model.cast::<f32>(), scene.initial.cast::<f32>());
    let mut rollout = gas::Rollout::new(&model, &scene.course, scene.clock);
    let wanted = (scene.clock.frames as f64 * MOMENT) as usize;
    let frames = wanted.min(EFFORT / model.grid.count().max(1)).max(1);
    for frame in 0..frames {
        rollout.advance(&mut gas, frame).ok()?;
    }
    let rows = GasRows::of(&model, &gas, &rollout.workspace().openings().open);
    let [width, height] = PICTURE;
    let fits = |image: &Image| image.width <= width && image.height <= height;
    // The first scalar, or the speed where there is none.
    let speed = |v: &[f64]| v[0].hypot(v[1]).hypot(v[2]);
    let values = match rows.scalars.first() {
        Some((_, values)) => values.clone(),
        None => rows.velocity.chunks_exact(3).map(speed).collect(),
    };
    let drawn = |side: usize| {
        let picture = GasPicture {
            cells: model.grid.cells,
            values: &values,
            solid: &rows.solid,
            range: None,
            points: &[],
            side,
        };
        picture.render().ok().filter(fits)
    };
    let image = drawn(width).or_else(|| drawn(height))?;
    Some(framed(&image))
}

/// A picture in the middle of a larger one.
fn framed(image: &Image) -> Vec<u8> {
    let [width, height] = PICTURE;
    let mut rgb = MARGIN.repeat(width * height);
    let [left, top] = [(width - image.width) / 2, (height - image.height) / 2];
    for (row, pixels) in image.rgb.chunks_exact(3 * image.width).enumerate() {
        let start = 3 * ((top + row) * width + left);
        rgb[start..start + pixels.len()].copy_from_slice(pixels);
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_picture_lies_in_the_middle() {
        let image = Image {
            width: 10,
            height: 20,
            rgb: vec![200; 600],
        };
        let rgb = framed(&image);
        let pixel = |x: usize, y: usize| rgb[3 * (y * PICTURE[0] + x)];
        assert_eq!(rgb.len(), 3 * PICTURE[0] * PICTURE[1]);
        assert_eq!((pixel(235, 130), pixel(244, 149)), (200, 200));
        assert_eq!((pixel(234, 140), pixel(240, 150)), (MARGIN[0], MARGIN[0]));
    }

    #[test]
    fn gas_has_a_picture() {
        let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenes/gas/karman.ron");
        let rgb = thumbnail(&scene, None).unwrap();
        let middle = &rgb[3 * (140 * PICTURE[0] + 100)..][..3];
        assert_ne!(middle, MARGIN);
    }
}
