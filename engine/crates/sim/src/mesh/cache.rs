//! Distance grids that are kept in a folder, so that they are built once.
//!
//! A grid is an `.npz` file: `coefficients` of its spline `[z, y, x]`, `origin` and `spacing`
//! of their nodes (m), `volume`, `reach` and `bounds` of the solid (m), and its `key`.

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

use nalgebra::Vector3;

use super::{Mesh, distance::Fineness};
use crate::{
    collider::{DistanceGrid, Extent, Raster, Spline},
    io::{Array, FileError, Npz, NpzError, write_npz},
};

/// Number of the format and of the method: a grid that would come out otherwise has another.
const FORMAT: u64 = 1;

/// Nodes along an axis, at least: a spline covers all but two of each side.
const LEAST: usize = 5;

/// The name of the grid of a mesh: a hash of its scaled coordinates, its triangles and the
/// fineness. Another version of Rust may hash otherwise; the grid is then built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The name of the grid of `mesh`.
    pub fn of(mesh: &Mesh, fineness: &Fineness) -> Self {
        let mut hash = DefaultHasher::new();
        hash.write_u64(FORMAT);
        hash.write_u32(fineness.resolution);
        hash.write_u64(fineness.margin.to_bits());
        hash.write_usize(mesh.vertices.len());
        for x in mesh.vertices.iter().flat_map(|vertex| vertex.iter()) {
            hash.write_u64(x.to_bits());
        }
        for &corner in mesh.triangles.iter().flatten() {
            hash.write_u32(corner);
        }
        Self(hash.finish())
    }

    /// The name of the grid of the sheet of a thickness (m) of that mesh.
    #[must_use]
    pub fn of_sheet(self, thickness: f64) -> Self {
        let mut hash = DefaultHasher::new();
        hash.write_u64(self.0);
        hash.write_u64(thickness.to_bits());
        Self(hash.finish())
    }

    fn file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{:016x}.npz", self.0))
    }
}

/// The grid of that name; `None` where the folder has none that is whole.
pub fn load(folder: &Path, key: Key) -> Option<DistanceGrid> {
    read(&key.file(folder), key).ok().flatten()
}

fn read(path: &Path, key: Key) -> Result<Option<DistanceGrid>, NpzError> {
    let mut file = Npz::open(path)?;
    let (_, found) = file.i64("key", &[])?;
    let vector = |from: &[f64]| Vector3::from_column_slice(from);
    let (_, origin) = file.f64("origin", &[Some(3)])?;
    let (_, bounds) = file.f64("bounds", &[Some(2), Some(3)])?;
    let mut number = |name| {
        file.f64(name, &[])
            .map(|(_, values)| values.first().copied())
    };
    let numbers = [number("spacing")?, number("volume")?, number("reach")?];
    let (shape, coefficients) = file.f32("coefficients", &[None; 3])?;
    let whole = found == [key.0 as i64] && shape.iter().all(|&count| count >= LEAST);
    let ([Some(spacing), Some(volume), Some(reach)], true) = (numbers, whole) else {
        return Ok(None);
    };
    let raster = Raster {
        origin: vector(&origin),
        spacing,
        counts: [shape[2], shape[1], shape[0]],
    };
    let extent = Extent {
        volume,
        reach,
        bounds: [vector(&bounds[..3]), vector(&bounds[3..])],
    };
    let spline = Spline::of_coefficients(raster, coefficients);
    Ok(Some(DistanceGrid::new(spline, extent)))
}

/// Keeps a grid under its name. The file appears whole or not at all.
///
/// # Errors
/// The folder cannot be made or written to.
pub fn store(folder: &Path, key: Key, grid: &DistanceGrid) -> Result<(), FileError> {
    fs::create_dir_all(folder).map_err(FileError::of("create", folder))?;
    let Raster {
        origin,
        spacing,
        counts: [x, y, z],
    } = grid.raster();
    let Extent {
        volume,
        reach,
        bounds,
    } = grid.extent();
    let bounds = bounds.map(<[f64; 3]>::from);
    let arrays = [
        ("key", Array::I64(vec![], &[key.0 as i64])),
        ("origin", Array::F64(vec![3], origin.as_slice())),
        ("spacing", Array::F64(vec![], &[*spacing])),
        ("volume", Array::F64(vec![], &[*volume])),
        ("reach", Array::F64(vec![], &[*reach])),
        ("bounds", Array::F64(vec![2, 3], bounds.as_flattened())),
        (
            "coefficients",
            Array::F32(vec![*z, *y, *x], grid.spline().coefficients()),
        ),
    ];
    write_npz(&key.file(folder), &arrays)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{MeshSolid, testing::*},
        *,
    };

    const FINENESS: Fineness = Fineness {
        resolution: 8,
        margin: 0.0,
    };

    fn grid() -> (DistanceGrid, Key) {
        let mesh = ball(4);
        let key = Key::of(&mesh, &FINENESS);
        let solid = MeshSolid::new(mesh).unwrap();
        (solid.distance_grid(&FINENESS).unwrap(), key)
    }

    #[test]
    fn kept_grid_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("cache");
        let (grid, key) = grid();
        assert_eq!(load(&inner, key), None);
        store(&inner, key, &grid).unwrap();
        assert_eq!(load(&inner, key), Some(grid));
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
    }

    #[test]
    fn damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (grid, key) = grid();
        store(folder.path(), key, &grid).unwrap();
        let path = key.file(folder.path());
        let bytes = fs::read(&path).unwrap();
        let loaded = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            load(folder.path(), key)
        };
        let ends = (0..bytes.len()).step_by(211);
        for length in ends.chain(bytes.len() - 30..bytes.len()) {
            assert_eq!(loaded(&bytes[..length]), None);
        }
        let (mut changes, mut refused) = (0, 0);
        for at in (0..bytes.len()).step_by(31) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            // Dates and the like in the archive's own headers say nothing about the grid.
            match loaded(&changed) {
                Some(found) => assert_eq!(found, grid, "{at}"),
                None => refused += 1,
            }
            changes += 1;
        }
        assert!(20 * refused > 19 * changes, "{refused} of {changes}");
        assert_eq!(loaded(&bytes), Some(grid));
        fs::write(Key(1).file(folder.path()), &bytes).unwrap();
        assert_eq!(load(folder.path(), Key(1)), None);
    }

    #[test]
    fn grid_without_a_cell_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (grid, key) = grid();
        let raster = Raster {
            counts: [5, 5, 4],
            ..*grid.raster()
        };
        let spline = Spline::of_coefficients(raster, vec![0.0; 100]);
        let flat = DistanceGrid::new(spline, *grid.extent());
        store(folder.path(), key, &flat).unwrap();
        assert_eq!(load(folder.path(), key), None);
    }

    #[test]
    fn name_depends_on_mesh_scale_and_fineness() {
        let mesh = ball(4);
        let mut moved = mesh.clone();
        moved.vertices[7].x += 1e-15;
        let mut turned = mesh.clone();
        turned.triangles[5].rotate_left(1);
        let wide = mesh.clone().scaled(&Vector3::new(1.0, 1.0, 2.0));
        let finer = Fineness {
            resolution: 9,
            ..FINENESS
        };
        let farther = Fineness {
            margin: 0.1,
            ..FINENESS
        };
        let keys = [
            Key::of(&mesh, &FINENESS),
            Key::of(&moved, &FINENESS),
            Key::of(&turned, &FINENESS),
            Key::of(&wide, &FINENESS),
            Key::of(&mesh, &finer),
            Key::of(&mesh, &farther),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(keys[..index].iter().all(|other| other != key));
        }
    }
}
