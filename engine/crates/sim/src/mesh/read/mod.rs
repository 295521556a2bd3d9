//! Reading meshes: one file a format.
//!
//! Files are read whole, up to a limit, and no memory is taken on the word of a header:
//! what it promises has to be there. Coordinates are in metres, as they are in the file.

mod gltf;
mod obj;
mod ply;
mod scan;
mod stl;

use std::{fs::File, io, io::Read, path::Path};

use super::{Mesh, TRIANGLES};

/// Size of a file (B), at most.
const BYTES: u64 = 1 << 30;

/// Why a mesh cannot be read; it says what was expected, and in brackets what was found.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is not there or cannot be read.
    #[error("a mesh file that can be read ({0})")]
    Open(#[from] io::Error),
    /// The name says no format that is known.
    #[error("a file that ends in .obj, .stl, .ply, .gltf or .glb")]
    Extension,
    /// There is too much of something.
    #[error("at most {limit} {what}, not {count}")]
    Large {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        count: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The file is not in its format, or uses a part of it that is not supported.
    #[error("a sound {format} file ({message})")]
    Damaged {
        /// The format.
        format: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl ReadError {
    /// A file that is not in its format.
    fn damaged(format: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Damaged { format, message }
    }
}

/// Reads a mesh; its format is that which its name ends in. Polygons are cut into
/// triangles, and vertices at one place become one.
///
/// # Errors
/// The file cannot be read, is too large, or is not in its format.
pub fn read(path: &Path) -> Result<Mesh, ReadError> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let extension = extension.unwrap_or("").to_ascii_lowercase();
    let parse = match extension.as_str() {
        "obj" => obj::parse,
        "stl" => stl::parse,
        "ply" => ply::parse,
        "gltf" | "glb" => gltf::parse,
        _ => return Err(ReadError::Extension),
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(parse(&bytes(path)?, folder)?.welded())
}

/// The bytes of a file that is not too large.
fn bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    let large = |count| ReadError::Large {
        what: "bytes in a mesh file",
        count,
        limit: BYTES,
    };
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > BYTES {
        return Err(large(size));
    }
    let mut bytes = Vec::new();
    // A file that grows, or a pipe, ends here, too.
    let read = file.take(BYTES + 1).read_to_end(&mut bytes)? as u64;
    if read > BYTES {
        Err(large(read))
    } else {
        Ok(bytes)
    }
}

/// Refuses more triangles than a mesh may have.
fn limit(count: u64) -> Result<(), ReadError> {
    if count > TRIANGLES as u64 {
        let limit = TRIANGLES as u64;
        return Err(ReadError::Large {
            what: "triangles",
            count,
            limit,
        });
    }
    Ok(())
}

/// Adds a polygon, cut into a fan of triangles about its first corner.
fn fan(corners: &[u32], triangles: &mut Vec<[u32; 3]>) -> Result<(), ReadError> {
    for pair in corners.get(1..).unwrap_or_default().windows(2) {
        triangles.push([corners[0], pair[0], pair[1]]);
    }
    limit(triangles.len() as u64)
}

#[cfg(test)]
mod tests;
