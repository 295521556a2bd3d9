//! Run folders: every file appears whole or not at all.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use backflow_sim::io::{FileError, write_atomic};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A folder that a run writes to.
///
/// | file | what it holds |
/// |---|---|
/// | `run.ron` | the options of the run, for `--resume` |
/// | `scene.ron` | the scene as it was run |
/// | `metrics.csv` | one line an iteration of an optimisation |
/// | `best.ron` | the best variables so far, for `simulate --controls` |
/// | `state.ron` | the optimiser, after its last whole iteration |
/// | `checkpoint.npz` | the particles, after the last whole frame |
/// | `frames/NNNN.npz` | positions and velocities of each body at the end of a frame |
/// | `first.png`, `best.png`, `last.png` | pictures of ends of runs |
/// | `report.json` | what came out |
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// What a run was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Version of the command that wrote it.
    pub version: String,
    /// `simulate`, `optimize` or `plan`.
    pub command: String,
    /// `f32` or `f64`.
    pub precision: String,
    /// Folder that files of the scene are relative to.
    pub directory: PathBuf,
}

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is damaged.
    #[error("{}: {message}; expected {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl RunFolder {
    /// Makes `<root>/<name>-<stamp>`, or with a number behind if that is there already.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn create(root: &Path, name: &str, stamp: &str) -> Result<Self, FolderError> {
        fs::create_dir_all(root).map_err(FileError::of("create", root))?;
        for attempt in 1_u32.. {
            let suffix = if attempt == 1 {
                String::new()
            } else {
                format!("-{attempt}")
            };
            let path = root.join(format!("{name}-{stamp}{suffix}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FileError::of("create", &path)(error).into()),
            }
        }
        Ok(Self {
            path: root.to_owned(),
        })
    }

    /// Makes the folder `path`, unless it is there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn at(path: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(FileError::of("create", path))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// A folder that is there.
    ///
    /// # Errors
    /// It is not a run folder.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let folder = Self {
            path: path.to_owned(),
        };
        if folder.file("run.ron").is_file() {
            Ok(folder)
        } else {
            Err(FolderError::Damaged {
                path: path.to_owned(),
                message: "no `run.ron` in it".to_owned(),
                expected: "a run folder",
            })
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Path of the arrays of a frame.
    pub fn frame(&self, index: usize) -> PathBuf {
        self.path.join("frames").join(format!("{index:04}.npz"))
    }

    /// The frames that are there, in order.
    pub fn frames(&self) -> Vec<(usize, PathBuf)> {
        let entries = fs::read_dir(self.path.join("frames"))
            .into_iter()
            .flatten()
            .flatten();
        let mut frames: Vec<(usize, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.path();
                let index = path.file_stem()?.to_str()?.parse().ok()?;
                (path.extension()? == "npz").then_some((index, path))
            })
            .collect();
        frames.sort();
        frames
    }

    /// Makes room for frames.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn make_frames(&self) -> Result<(), FolderError> {
        let path = self.path.join("frames");
        fs::create_dir_all(&path).map_err(FileError::of("create", &path))?;
        Ok(())
    }

    /// Writes a text file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        write_atomic(&self.file(name), |file| file.write_all(text.as_bytes()))?;
        Ok(())
    }

    /// Writes a value as RON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_ron(&self, name: &str, value: &impl Serialize) -> Result<(), FolderError> {
        let text = ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default()).map_err(
            |error| FolderError::Damaged {
                path: self.file(name),
                message: error.to_string(),
                expected: "a value that RON can hold",
            },
        )?;
        self.write(name, &text)
    }

    /// Reads a value from RON.
    ///
    /// # Errors
    /// The file cannot be read or holds something else.
    pub fn read_ron<V: DeserializeOwned>(&self, name: &str) -> Result<V, FolderError> {
        read_ron(&self.file(name))
    }
}

/// Reads a value from a RON file.
///
/// # Errors
/// The file cannot be read or holds something else.
pub fn read_ron<V: DeserializeOwned>(path: &Path) -> Result<V, FolderError> {
    let text = fs::read_to_string(path).map_err(FileError::of("read", path))?;
    ron::from_str(&text).map_err(|error| FolderError::Damaged {
        path: path.to_owned(),
        message: error.to_string(),
        expected: "a file that this command wrote",
    })
}
