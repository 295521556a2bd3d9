//! Objects: solids with a signed distance whose normal is continuous.

pub mod distance;
pub mod field;
mod stand;
pub mod surroundings;

use std::path::{Path, PathBuf};

use backflow_sim::{
    collider::DistanceGrid,
    mesh::{Mesh, mass::MassProperties, read, solid::MeshSolid},
};
use nalgebra::{Matrix3, Vector3};

use crate::GraspError;
use distance::Floor;
use surroundings::Surroundings;

/// A solid to be grasped.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its name: that of the file or folder.
    pub name: String,
    /// The mesh, or the folder of its pieces.
    pub path: PathBuf,
    /// By how much the mesh was scaled (1).
    pub scale: f64,
    /// Its parts, scaled.
    pub pieces: Vec<Mesh>,
    /// Signed distance (m).
    pub field: DistanceGrid,
    /// What it is at least.
    pub floor: Floor,
    /// Centre of mass (m), of an even density in each part.
    pub centre: Vector3<f64>,
    /// Inertia about the centre of mass over the mass (m^2).
    pub inertia: Matrix3<f64>,
    /// Half of the diagonal of the box around it (m).
    pub length: f64,
    /// What stands about it; nothing, if nothing is said.
    pub surroundings: Surroundings,
}

/// How fine the distance of an object is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fineness {
    /// Cells along the longest edge of the box around it; default 72.
    pub resolution: u32,
    /// How far around the box distances are exact (m); default 15 mm.
    pub margin: f64,
}

impl Default for Fineness {
    fn default() -> Self {
        Self {
            resolution: 72,
            margin: 0.015,
        }
    }
}

impl Object {
    /// Reads a mesh, or a folder whose OBJ files are the parts of an object, and scales it.
    ///
    /// # Errors
    /// There is no mesh, it bounds no solid, has holes or crosses itself; the scale is not
    /// positive.
    pub fn read(path: &Path, scale: f64, fineness: &Fineness) -> Result<Self, GraspError> {
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(GraspError::Object {
                object: name,
                field: "scale",
                found: scale.to_string(),
                expected: "a positive number",
            });
        }
        let mut pieces = Vec::new();
        for file in files(path)? {
            let mesh = read(&file).map_err(|source| GraspError::Mesh {
                path: file.clone(),
                source,
            })?;
            let mesh = mesh.scaled(&Vector3::repeat(scale));
            let solid = MeshSolid::new(mesh).map_err(|source| GraspError::Solid {
                path: file.clone(),
                source,
            })?;
            pieces.push((file, solid));
        }
        let mut object = Self::of_solids(&name, pieces, fineness)?;
        object.path = path.to_owned();
        object.scale = scale;
        Ok(object)
    }

    /// The object of a mesh that is at hand.
    ///
    /// # Errors
    /// It bounds no solid, has holes or crosses itself.
    pub fn of_mesh(name: &str, mesh: Mesh, fineness: &Fineness) -> Result<Self, GraspError> {
        let path = PathBuf::from(name);
        let solid = MeshSolid::new(mesh).map_err(|source| GraspError::Solid {
            path: path.clone(),
            source,
        })?;
        Self::of_solids(name, vec![(path, solid)], fineness)
    }

    /// The edge of a cell of its distance (m), if the object is nowhere thicker than that, so that
    /// penetration of it is hardly known.
    pub fn thin(&self) -> Option<f64> {
        self.floor.is_thin().then_some(self.field.raster().spacing)
    }

    fn of_solids(
        name: &str,
        parts: Vec<(PathBuf, MeshSolid)>,
        fineness: &Fineness,
    ) -> Result<Self, GraspError> {
        let field = field::distance(&parts, fineness)?;
        let (mut volume, mut first, mut second) = (0.0, Vector3::zeros(), Matrix3::zeros());
        for (path, solid) in &parts {
            let Some(mass) = MassProperties::of(solid.mesh()) else {
                return Err(GraspError::Solid {
                    path: path.clone(),
                    source: backflow_sim::mesh::solid::MeshFault::Flat,
                });
            };
            volume += mass.volume;
            first += mass.centre * mass.volume;
            // Inertia about the origin (Steiner).
            let c = mass.centre;
            second += mass.inertia
                + (Matrix3::identity() * c.norm_squared() - c * c.transpose()) * mass.volume;
        }
        let centre = first / volume;
        let about = Matrix3::identity() * centre.norm_squared() - centre * centre.transpose();
        let [low, high] = field.extent().bounds;
        Ok(Self {
            name: name.to_owned(),
            path: PathBuf::from(name),
            scale: 1.0,
            pieces: parts
                .into_iter()
                .map(|(_, solid)| solid.mesh().clone())
                .collect(),
            floor: Floor::new(&field),
            field,
            centre,
            inertia: second / volume - about,
            length: 0.5 * (high - low).norm(),
            surroundings: Surroundings::default(),
        })
    }
}

/// The file itself, or the OBJ files of a folder in the order of their names.
///
/// # Errors
/// The folder cannot be read, or has no OBJ file.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, GraspError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |source| GraspError::File {
        path: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fault)? {
        let file = entry.map_err(fault)?.path();
        if file
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("obj"))
        {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(GraspError::Object {
            object: path.display().to_string(),
            field: "the folder",
            found: "without OBJ files".to_owned(),
            expected: "one OBJ file a part",
        });
    }
    Ok(files)
}
