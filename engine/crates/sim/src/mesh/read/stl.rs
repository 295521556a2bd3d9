//! STL (3D Systems 1988), binary and text.

use std::path::Path;

use super::{Mesh, ReadError, limit, scan::Scanner};

const FORMAT: &str = "STL";

/// Bytes before the triangles of a binary file: a comment of 80 and a count of 4.
const HEADER: u64 = 84;

/// Bytes of a triangle of a binary file: normal, three corners, two bytes of attributes.
const RECORD: u64 = 50;

/// Reads the corners of the triangles; normals and attributes are left out.
///
/// A file is binary if it is as long as its count says: some binary files start with
/// `solid`, too.
pub(super) fn parse(bytes: &[u8], _: &Path) -> Result<Mesh, ReadError> {
    let mut scanner = Scanner { rest: bytes };
    let count = scanner.take(80).and_then(|_| scanner.u32());
    let length = |count: u32| HEADER + RECORD * u64::from(count);
    match count {
        Some(count) if length(count) == bytes.len() as u64 => binary(scanner, count),
        _ if bytes.trim_ascii_start().starts_with(b"solid") => text(bytes),
        Some(count) => Err(ReadError::damaged(
            FORMAT,
            format!(
                "its count of {count} triangles takes {} bytes, it has {}",
                length(count),
                bytes.len()
            ),
        )),
        None => Err(ReadError::damaged(
            FORMAT,
            format!("it has {} bytes", bytes.len()),
        )),
    }
}

fn binary(mut scanner: Scanner, count: u32) -> Result<Mesh, ReadError> {
    limit(u64::from(count))?;
    let mut mesh = Mesh::default();
    for _ in 0..count {
        let corners = scanner
            .take(12)
            .and_then(|_| Some([scanner.vector()?, scanner.vector()?, scanner.vector()?]));
        let (Some(corners), Some(_)) = (corners, scanner.take(2)) else {
            return Err(ReadError::damaged(FORMAT, "it ends within a triangle"));
        };
        push(&mut mesh, corners);
    }
    Ok(mesh)
}

/// Every `facet` has one `outer loop` of three `vertex` lines; a whole file ends with
/// `endsolid`.
fn text(bytes: &[u8]) -> Result<Mesh, ReadError> {
    let mut scanner = Scanner { rest: bytes };
    let (mut mesh, mut corners, mut open) = (Mesh::default(), Vec::new(), false);
    let damaged = |message: &str| ReadError::damaged(FORMAT, message);
    while let Some(line) = scanner.line() {
        let mut words = Scanner { rest: line };
        match words.word().unwrap_or("") {
            "solid" => open = true,
            "endsolid" => open = false,
            "vertex" => {
                let mut next = || {
                    words
                        .number()
                        .ok_or_else(|| damaged("a vertex without three numbers"))
                };
                corners.push(nalgebra::Vector3::new(next()?, next()?, next()?));
            }
            "endloop" => {
                let found = std::mem::take(&mut corners);
                let found: [_; 3] = found.try_into().map_err(|found: Vec<_>| {
                    let message = format!("a loop of {} vertices, not 3", found.len());
                    ReadError::damaged(FORMAT, message)
                })?;
                push(&mut mesh, found);
                limit(mesh.triangles.len() as u64)?;
            }
            "" | "facet" | "outer" | "endfacet" => {}
            other => {
                let message = format!(
                    "a line that starts with {:?}",
                    other.chars().take(20).collect::<String>()
                );
                return Err(ReadError::damaged(FORMAT, message));
            }
        }
    }
    if open || !corners.is_empty() {
        return Err(damaged("it ends without `endsolid`"));
    }
    Ok(mesh)
}

fn push(mesh: &mut Mesh, corners: super::super::Triangle) {
    let first = mesh.vertices.len() as u32;
    mesh.vertices.extend(corners);
    mesh.triangles.push([first, first + 1, first + 2]);
}
