//! Distance grids that are kept in a folder, so that they are built once.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use nalgebra::Vector3;

use super::{Mesh, distance::Fineness};
use crate::{
    collider::{DistanceGrid, Extent, Raster, Spline},
    io::{FileError, write_atomic},
};

/// What a file starts with; the number is that of the format and of the method: a grid that
/// would come out otherwise has another.
const MAGIC: &[u8; 16] = b"backflow sdf 001";

/// Bytes before the coefficients: magic, name, raster and extent.
const HEADER: usize = 16 + 16 + 3 * 8 + 8 + 3 * 8 + 8 + 8 + 6 * 8;

/// Coefficients of a grid, at most: 2 GiB.
const COEFFICIENTS: usize = 1 << 29;

/// The name of the grid of a mesh: a hash of its scaled coordinates, its triangles and the
/// fineness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key([u64; 2]);

impl Key {
    /// The name of the grid of `mesh`.
    pub fn of(mesh: &Mesh, fineness: &Fineness) -> Self {
        let mut hash = Hash::default();
        hash.add(u64::from(fineness.resolution));
        hash.add(fineness.margin.to_bits());
        hash.add(mesh.vertices.len() as u64);
        mesh.vertices
            .iter()
            .flat_map(|vertex| vertex.iter())
            .for_each(|x| hash.add(x.to_bits()));
        for [a, b, c] in &mesh.triangles {
            hash.add(u64::from(*a) << 32 | u64::from(*b));
            hash.add(u64::from(*c));
        }
        Self(hash.0)
    }

    fn file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{:016x}{:016x}.sdf", self.0[0], self.0[1]))
    }
}

/// Two chains of 64 bits, each a bijection of what is added (the finaliser of splitmix64;
/// Steele, Lea & Flood 2014). It tells files apart, it keeps no secrets.
#[derive(Debug)]
struct Hash([u64; 2]);

impl Default for Hash {
    fn default() -> Self {
        // Digits of pi and e after the point.
        Self([0x243F_6A88_85A3_08D3, 0xB7E1_5162_8AED_2A6A])
    }
}

impl Hash {
    fn add(&mut self, word: u64) {
        let mix = |z: u64| {
            let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        let [a, b] = self.0;
        self.0 = [
            mix(a ^ word),
            mix(b.wrapping_add(word).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        ];
    }

    fn of(bytes: &[u8]) -> [u64; 2] {
        let mut hash = Self::default();
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            hash.add(u64::from_le_bytes(word));
        }
        hash.0
    }
}

/// The grid of that name; `None` where the folder has none that is whole.
pub fn load(folder: &Path, key: Key) -> Option<DistanceGrid> {
    let file = File::open(key.file(folder)).ok()?;
    let length = file.metadata().ok()?.len();
    let longest = HEADER + 4 * COEFFICIENTS + 16;
    if length > longest as u64 {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).ok()?;
    decode(&bytes, key)
}

/// Keeps a grid under its name. The file appears whole or not at all.
///
/// # Errors
/// The folder cannot be made or written to.
pub fn store(folder: &Path, key: Key, grid: &DistanceGrid) -> Result<(), FileError> {
    fs::create_dir_all(folder).map_err(FileError::of("create", folder))?;
    let bytes = encode(grid, key);
    write_atomic(&key.file(folder), |file: &mut io::BufWriter<File>| {
        file.write_all(&bytes)
    })
}

fn encode(grid: &DistanceGrid, key: Key) -> Vec<u8> {
    let Raster {
        origin,
        spacing,
        counts,
    } = grid.raster();
    let Extent {
        volume,
        reach,
        bounds: [min, max],
    } = grid.extent();
    let coefficients = grid.spline().coefficients();
    let mut bytes = Vec::with_capacity(HEADER + 4 * coefficients.len() + 16);
    bytes.extend(MAGIC);
    bytes.extend(key.0.iter().flat_map(|part| part.to_le_bytes()));
    bytes.extend(
        counts
            .iter()
            .flat_map(|&count| (count as u64).to_le_bytes()),
    );
    let numbers = [*spacing, *volume, *reach];
    let vectors = [origin, min, max];
    let numbers = numbers
        .iter()
        .chain(vectors.into_iter().flat_map(|vector| vector.iter()));
    bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
    bytes.extend(coefficients.iter().flat_map(|c| c.to_le_bytes()));
    let sum = Hash::of(&bytes);
    bytes.extend(sum.iter().flat_map(|part| part.to_le_bytes()));
    bytes
}

fn decode(bytes: &[u8], key: Key) -> Option<DistanceGrid> {
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
    let (header, body) = content.split_at_checked(HEADER)?;
    let word = |index: usize| -> Option<[u8; 8]> {
        header.get(16 + 8 * index..24 + 8 * index)?.try_into().ok()
    };
    let whole = |index| word(index).map(u64::from_le_bytes);
    let number = |index| word(index).map(f64::from_le_bytes);
    let vector = |index| {
        Some(Vector3::new(
            number(index)?,
            number(index + 1)?,
            number(index + 2)?,
        ))
    };
    let known = Hash::of(content)
        .iter()
        .flat_map(|part| part.to_le_bytes())
        .eq(sum.iter().copied());
    if !known || header.get(..16)? != MAGIC || [whole(0)?, whole(1)?] != key.0 {
        return None;
    }
    let counts =
        [whole(2)?, whole(3)?, whole(4)?].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let all = counts
        .iter()
        .try_fold(1_usize, |all, &count| all.checked_mul(count))?;
    if all != body.len() / 4 || body.len() % 4 != 0 || counts.iter().any(|&count| count < 5) {
        return None;
    }
    let raster = Raster {
        origin: vector(8)?,
        spacing: number(5)?,
        counts,
    };
    let extent = Extent {
        volume: number(6)?,
        reach: number(7)?,
        bounds: [vector(11)?, vector(14)?],
    };
    let coefficients = body
        .chunks_exact(4)
        .map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]]));
    let spline = Spline::of_coefficients(raster, coefficients.collect());
    Some(DistanceGrid::new(spline, extent))
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
        (
            MeshSolid::new(mesh)
                .unwrap()
                .distance_grid(&FINENESS)
                .unwrap(),
            key,
        )
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
        let (grid, key) = grid();
        let bytes = encode(&grid, key);
        assert_eq!(decode(&bytes, key), Some(grid));
        for length in (0..bytes.len()).step_by(7) {
            assert_eq!(decode(&bytes[..length], key), None);
        }
        for at in (0..bytes.len()).step_by(31) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&changed, key), None, "{at}");
        }
        assert_eq!(decode(&bytes, Key([1, 2])), None);
        // A whole file of impossible counts.
        let mut huge = bytes[..bytes.len() - 16].to_vec();
        huge[32..56].fill(0xFF);
        let sum = Hash::of(&huge);
        huge.extend(sum.iter().flat_map(|part| part.to_le_bytes()));
        assert_eq!(decode(&huge, key), None);
    }

    #[test]
    fn name_depends_on_mesh_scale_and_fineness() {
        let mesh = ball(4);
        let mut moved = mesh.clone();
        moved.vertices[7].x += 1e-15;
        let mut turned = mesh.clone();
        turned.triangles[5].rotate_left(1);
        let keys = [
            Key::of(&mesh, &FINENESS),
            Key::of(&moved, &FINENESS),
            Key::of(&turned, &FINENESS),
            Key::of(
                &mesh.clone().scaled(&Vector3::new(1.0, 1.0, 2.0)),
                &FINENESS,
            ),
            Key::of(
                &mesh,
                &Fineness {
                    resolution: 9,
                    ..FINENESS
                },
            ),
            Key::of(
                &mesh,
                &Fineness {
                    margin: 0.1,
                    ..FINENESS
                },
            ),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(keys[..index].iter().all(|other| other != key));
        }
    }
}
