//! What leaves the viewer: animations from numbered pictures, and what was demonstrated.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use backflow::{
    sim::{
        io::{Array, FileError, write_npz},
        scene::spec::{Motion, Velocity},
    },
    task::OptimizeSpec,
};

use crate::{edit::SceneSpec, frame::Frame};

/// Why something cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// A file cannot be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A picture cannot be read.
    #[error("{}: {source}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: png::DecodingError,
    },
    /// The animation cannot be written.
    #[error("{}: {source}", path.display())]
    Gif {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: gif::EncodingError,
    },
    /// ffmpeg is not there.
    #[error(
        "a video needs the program ffmpeg, which is not on the path; the pictures are in {}",
        folder.display()
    )]
    NoFfmpeg {
        /// Where the pictures are.
        folder: PathBuf,
    },
    /// ffmpeg failed.
    #[error("ffmpeg: {0}")]
    Ffmpeg(String),
    /// There is nothing to share.
    #[error("{0}")]
    Nothing(&'static str),
    /// Arrays cannot be written.
    #[error(transparent)]
    Array(#[from] FileError),
}

/// Speed of the search for colours, 1 (best) to 30.
const SEARCH: i32 = 12;

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ShareError + '_ {
    |source| ShareError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Pixels of a PNG file: width, height and rows of red, green and blue.
///
/// # Errors
/// The file cannot be read.
pub fn read_png(path: &Path) -> Result<(usize, usize, Vec<u8>), ShareError> {
    let bad = |source| ShareError::Picture {
        path: path.to_owned(),
        source,
    };
    let file = std::io::BufReader::new(File::open(path).map_err(io(path))?);
    let mut reader = png::Decoder::new(file).read_info().map_err(bad)?;
    let mut pixels = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let info = reader.next_frame(&mut pixels).map_err(bad)?;
    let each = info.color_type.samples();
    let rgb = pixels[..info.buffer_size()]
        .chunks_exact(each)
        .flat_map(|pixel| match each {
            1 | 2 => [pixel[0]; 3],
            _ => [pixel[0], pixel[1], pixel[2]],
        })
        .collect();
    Ok((info.width as usize, info.height as usize, rgb))
}

/// Writes an animation that starts over, from PNG files.
///
/// # Errors
/// A file cannot be read or written.
pub fn write_gif(path: &Path, pictures: &[PathBuf], rate: f64) -> Result<(), ShareError> {
    let bad = |source| ShareError::Gif {
        path: path.to_owned(),
        source,
    };
    let first = pictures
        .first()
        .ok_or(ShareError::Nothing("no pictures for an animation"))?;
    let (width, height, _) = read_png(first)?;
    let file = BufWriter::new(File::create(path).map_err(io(path))?);
    let mut encoder = gif::Encoder::new(file, width as u16, height as u16, &[]).map_err(bad)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(bad)?;
    // Hundredths of a second; most programs show nothing faster than two of them.
    let delay = (100.0 / rate).round().max(2.0) as u16;
    for picture in pictures {
        let (w, h, rgb) = read_png(picture)?;
        if (w, h) != (width, height) {
            continue;
        }
        let mut frame = gif::Frame::from_rgb_speed(width as u16, height as u16, &rgb, SEARCH);
        frame.delay = delay;
        encoder.write_frame(&frame).map_err(bad)?;
    }
    Ok(())
}

/// Writes a video from the numbered pictures `0000.png` ... of a folder, with ffmpeg.
///
/// # Errors
/// ffmpeg is not there, or fails.
pub fn write_mp4(path: &Path, folder: &Path, rate: f64) -> Result<(), ShareError> {
    let output = Command::new("ffmpeg")
        .args(["-y", "-loglevel", "error", "-framerate"])
        .arg(format!("{rate}"))
        .args(["-pattern_type", "glob", "-i"])
        .arg(folder.join("[0-9]*.png"))
        // Sides have to be even.
        .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p"])
        .arg(path)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(ShareError::Ffmpeg(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(ShareError::NoFfmpeg {
            folder: folder.to_owned(),
        }),
        Err(source) => Err(ShareError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The scene with what was demonstrated as the motion of its tools: what `backflow optimize` starts
/// from where the controls may change. Motions are one a tool, of a velocity a frame.
pub fn demonstrated(spec: &SceneSpec, driven: &[Vec<Velocity>]) -> Option<SceneSpec> {
    let mut spec = spec.clone();
    let frames = driven.iter().map(Vec::len).max();
    let frames = frames.filter(|frames| *frames > 0)?;
    for (tool, motion) in spec.tools.iter_mut().zip(driven) {
        tool.motion = Motion::Frames(motion.clone());
    }
    spec.time.frames = frames;
    Some(spec)
}

/// Writes where the particles of a body were in each of these frames as array `x` of shape
/// (frames, particles, 3), or of (particles, 3) for a single one: what the losses `PairedL2` and
/// `Chamfer` read as a goal.
///
/// # Errors
/// The file cannot be written, or there is nothing to write.
pub fn write_goal(path: &Path, frames: &[&Frame], body: usize) -> Result<(), ShareError> {
    let first = frames
        .first()
        .ok_or(ShareError::Nothing("no frames for a goal"))?;
    let count = *first
        .counts
        .get(body)
        .ok_or(ShareError::Nothing("no such body for a goal"))?;
    if frames.iter().any(|frame| frame.counts != first.counts) {
        return Err(ShareError::Nothing(
            "a goal needs the same particles in each frame",
        ));
    }
    let start: usize = first.counts[..body].iter().sum();
    let values: Vec<f64> = frames
        .iter()
        .filter_map(|frame| frame.x.get(start..start + count))
        .flatten()
        .flatten()
        .map(|&x| f64::from(x))
        .collect();
    let shape = match frames.len() {
        1 => vec![count, 3],
        frames => vec![frames, count, 3],
    };
    write_npz(path, &[("x", Array::F64(shape, &values))])?;
    Ok(())
}

/// The variables of a scene with the best that an optimisation found put in: see
/// [`backflow::cli::BestFile`], which `simulate --controls` reads.
///
/// # Errors
/// The file cannot be written.
pub fn write_best(
    path: &Path,
    spec: &backflow::sim::scene::Spec<OptimizeSpec>,
    binding: &backflow::task::binding::Binding,
    found: &crate::optimise::Iteration,
) -> Result<(), ShareError> {
    let slices = binding.layout().slices().iter();
    let best = backflow::cli::BestFile {
        scene: spec.name.clone(),
        value: found.loss,
        iteration: found.index,
        variables: slices
            .map(|slice| (slice.name.clone(), found.x[slice.range.clone()].to_vec()))
            .collect(),
    };
    let text = ron::ser::to_string_pretty(&best, ron::ser::PrettyConfig::default())
        .map_err(|error| io(path)(std::io::Error::other(error)))?;
    backflow::sim::io::write_atomic(path, |file| {
        std::io::Write::write_all(file, text.as_bytes())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use backflow::sim::io::{Image, npz::Npz, write_png};

    use super::*;
    use crate::testing::frame;

    fn pictures(folder: &Path) -> Vec<PathBuf> {
        (0..3_u8)
            .map(|index| {
                let path = folder.join(format!("{index:04}.png"));
                let rgb = [80 * index, 40, 200].repeat(32 * 20);
                let image = Image {
                    width: 32,
                    height: 20,
                    rgb,
                };
                write_png(&path, &image).unwrap();
                path
            })
            .collect()
    }

    #[test]
    fn an_animation_has_the_pictures_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        write_gif(&path, &pictures(folder.path()), 25.0).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut reader = options.read_info(File::open(&path).unwrap()).unwrap();
        let mut first = Vec::new();
        while let Some(frame) = reader.read_next_frame().unwrap() {
            assert_eq!((frame.width, frame.height, frame.delay), (32, 20, 4));
            first.push(frame.buffer[0]);
        }
        assert_eq!(first, [0, 80, 160]);
        assert!(matches!(
            write_gif(&path, &[], 25.0),
            Err(ShareError::Nothing(_))
        ));
    }

    #[test]
    fn a_goal_holds_the_particles_of_its_body() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("goal.npz");
        let frames = [frame(0, 5), frame(1, 5)];
        let frames: Vec<&Frame> = frames.iter().map(|frame| &**frame).collect();
        write_goal(&path, &frames, 0).unwrap();
        let mut file = Npz::open(&path).unwrap();
        let (shape, values) = file.f64("x", &[None, None, Some(3)]).unwrap();
        assert_eq!(shape, [2, 5, 3]);
        assert_eq!(values[3], f64::from(0.2_f32));
        write_goal(&path, &frames[..1], 0).unwrap();
        assert!(
            Npz::open(&path)
                .unwrap()
                .f64("x", &[Some(5), Some(3)])
                .is_ok()
        );
        assert!(write_goal(&path, &frames, 1).is_err());
    }
}
