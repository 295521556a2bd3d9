//! The meshes of a scene: each is read once at a scale, each distance grid built once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use nalgebra::Vector3;

use crate::{
    collider::DistanceGrid,
    io::FileError,
    mesh::{
        self, Mesh, MeshFault, MeshSolid, ReadError, cache, distance::Fineness, sheet::sheet_grid,
    },
};

/// Where the meshes of a scene come from, and those that were asked for.
#[derive(Debug, Default)]
pub struct Meshes {
    directory: PathBuf,
    cache: Option<PathBuf>,
    read: Memo<Arc<Mesh>>,
    solids: Memo<Arc<MeshSolid>>,
    grids: Memo<DistanceGrid>,
}

/// A mesh as a scene names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeshFile<'a> {
    /// Its file, relative to the folder of the scene.
    pub file: &'a str,
    /// Factors on its coordinates (1).
    pub scale: Vector3<f64>,
}

/// Why a mesh cannot be used; it says what was expected.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UnusableMesh {
    /// Its file cannot be read.
    #[error(transparent)]
    Read(Arc<ReadError>),
    /// It bounds no solid, or one without a certain inside.
    #[error(transparent)]
    Solid(#[from] MeshFault),
    /// Its grid cannot be kept.
    #[error("a cache folder that can be written to ({0})")]
    Cache(Arc<FileError>),
}

/// Answers by question.
#[derive(Debug)]
struct Memo<V>(Mutex<BTreeMap<String, Result<V, UnusableMesh>>>);

impl<V> Default for Memo<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Clone> Memo<V> {
    fn get(
        &self,
        key: String,
        make: impl FnOnce() -> Result<V, UnusableMesh>,
    ) -> Result<V, UnusableMesh> {
        // The map is whole between any two of its calls, even where a thread panicked.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(&key) {
            return answer.clone();
        }
        let answer = make();
        known.insert(key, answer.clone());
        answer
    }
}

impl MeshFile<'_> {
    fn key(&self) -> String {
        let [x, y, z] = [self.scale.x, self.scale.y, self.scale.z].map(f64::to_bits);
        format!("{x:x} {y:x} {z:x} {}", self.file)
    }
}

impl Meshes {
    /// Meshes whose files are relative to `directory`; no grid is kept.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            ..Self::default()
        }
    }

    /// The same, with distance grids kept in a folder.
    #[must_use]
    pub fn cached(self, folder: Option<&Path>) -> Self {
        Self {
            cache: folder.map(Path::to_owned),
            ..self
        }
    }

    /// Folder that files are relative to.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The scaled mesh of a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn mesh(&self, file: &MeshFile) -> Result<Arc<Mesh>, UnusableMesh> {
        self.read.get(file.key(), || {
            let mesh = mesh::read(&self.directory.join(file.file));
            let mesh = mesh.map_err(|error| UnusableMesh::Read(Arc::new(error)))?;
            Ok(Arc::new(mesh.scaled(&file.scale)))
        })
    }

    /// The solid of a file, by its winding number.
    ///
    /// # Errors
    /// It cannot be read or bounds nothing.
    pub fn solid(&self, file: &MeshFile) -> Result<Arc<MeshSolid>, UnusableMesh> {
        self.solids.get(file.key(), || {
            let mesh = self.mesh(file)?;
            Ok(Arc::new(MeshSolid::new((*mesh).clone())?))
        })
    }

    /// Distance of the farthest vertex from the origin (m); `None` where it cannot be read.
    pub fn reach(&self, file: &MeshFile) -> Option<f64> {
        Some(self.mesh(file).ok()?.reach())
    }

    /// The signed distance of the solid of a file, from the cache or newly built.
    ///
    /// # Errors
    /// It cannot be read, bounds nothing, has holes or crosses itself, or its grid cannot be
    /// kept.
    pub fn grid(&self, file: &MeshFile, fineness: &Fineness) -> Result<DistanceGrid, UnusableMesh> {
        self.kept(file, fineness, None, || {
            Ok(self.solid(file)?.distance_grid(fineness)?)
        })
    }

    /// The signed distance of the sheet of a thickness (m) of a file, from the cache or newly built.
    ///
    /// # Errors
    /// It cannot be read, is empty or broken, or too thin for the grid, or the grid cannot be kept.
    pub fn sheet(
        &self,
        file: &MeshFile,
        fineness: &Fineness,
        thickness: f64,
    ) -> Result<DistanceGrid, UnusableMesh> {
        self.kept(file, fineness, Some(thickness), || {
            Ok(sheet_grid(&*self.mesh(file)?, thickness, fineness)?)
        })
    }

    /// A grid that was asked for before, from the cache, or newly built.
    fn kept(
        &self,
        file: &MeshFile,
        fineness: &Fineness,
        thickness: Option<f64>,
        build: impl FnOnce() -> Result<DistanceGrid, UnusableMesh>,
    ) -> Result<DistanceGrid, UnusableMesh> {
        let Fineness { resolution, margin } = fineness;
        let of = thickness.map(f64::to_bits);
        let key = format!("{resolution} {:x} {of:x?} {}", margin.to_bits(), file.key());
        self.grids.get(key, || {
            let kept = match self.cache.as_deref() {
                Some(folder) => {
                    let key = cache::Key::of(&*self.mesh(file)?, fineness);
                    Some((
                        folder,
                        thickness.map_or(key, |thickness| key.of_sheet(thickness)),
                    ))
                }
                None => None,
            };
            let known = kept.and_then(|(folder, key)| cache::load(folder, key));
            if let Some(grid) = known {
                return Ok(grid);
            }
            let grid = build()?;
            if let Some((folder, key)) = kept {
                cache::store(folder, key, &grid)
                    .map_err(|error| UnusableMesh::Cache(Arc::new(error)))?;
            }
            Ok(grid)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{io::obj_text, mesh::testing::ball};

    const FINENESS: Fineness = Fineness {
        resolution: 16,
        margin: 0.0,
    };

    #[test]
    fn grid_is_built_once_and_damaged_ones_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ball.obj"), obj_text(&ball(4))).unwrap();
        let cache = folder.path().join("cache");
        let file = MeshFile {
            file: "ball.obj",
            scale: Vector3::new(0.1, 0.2, 0.3),
        };
        let grid = || {
            Meshes::new(folder.path())
                .cached(Some(&cache))
                .grid(&file, &FINENESS)
                .unwrap()
        };
        let built = grid();
        let entries = || {
            std::fs::read_dir(&cache)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect::<Vec<_>>()
        };
        let [kept] = entries().try_into().unwrap();
        let whole = std::fs::read(&kept).unwrap();
        assert_eq!(grid(), built);
        // Without a cache folder the same grid, and no file.
        assert_eq!(
            Meshes::new(folder.path()).grid(&file, &FINENESS).unwrap(),
            built
        );
        for damage in [&whole[..100], b"", &[7; 5000]] {
            std::fs::write(&kept, damage).unwrap();
            assert_eq!(grid(), built);
            assert_eq!(std::fs::read(&kept).unwrap(), whole);
        }
        assert_eq!(entries().len(), 1);
    }

    #[test]
    fn folder_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ball.obj"), obj_text(&ball(4))).unwrap();
        let file = MeshFile {
            file: "ball.obj",
            scale: Vector3::repeat(1.0),
        };
        // A file where the folder should be.
        let cache = folder.path().join("ball.obj");
        let error = Meshes::new(folder.path())
            .cached(Some(&cache))
            .grid(&file, &FINENESS)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("a cache folder that can be written to"),
            "{error}"
        );
    }
}
