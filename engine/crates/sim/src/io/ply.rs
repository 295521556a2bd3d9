//! Particles as PLY, for MeshLab, Blender, CloudCompare and Open3D.

use std::{io::Write, path::Path};

use super::{
    atomic::{FileError, write_atomic},
    particles::ParticleRow,
};

/// Writes a binary little-endian PLY file (Turk 1994): element `vertex` with properties
/// `x y z` (float, m), `vx vy vz` (float, m/s) and `body` (uint).
pub fn write_ply(path: &Path, particles: &[ParticleRow]) -> Result<(), FileError> {
    write_atomic(path, |file| {
        write!(
            file,
            "ply\nformat binary_little_endian 1.0\ncomment particles; SI units\n\
             element vertex {}\n",
            particles.len()
        )?;
        for property in ["x", "y", "z", "vx", "vy", "vz"] {
            writeln!(file, "property float {property}")?;
        }
        writeln!(file, "property uint body\nend_header")?;
        for ParticleRow { x, v, body } in particles {
            for value in x.iter().chain(v) {
                file.write_all(&value.to_le_bytes())?;
            }
            file.write_all(&body.to_le_bytes())?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::particles::samples, *};

    #[test]
    fn header_and_rows_are_as_the_format_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ply");
        write_ply(&path, &samples()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let end = b"end_header\n";
        let at = bytes
            .windows(end.len())
            .position(|part| part == end)
            .unwrap()
            + end.len();
        let header = std::str::from_utf8(&bytes[..at]).unwrap();
        assert!(header.starts_with("ply\nformat binary_little_endian 1.0\n"));
        assert!(header.contains("\nelement vertex 5\nproperty float x\n"));
        let rows: Vec<_> = bytes[at..].chunks(28).collect();
        assert_eq!(rows.len(), 5);
        for (row, particle) in rows.iter().zip(samples()) {
            let float = |i: usize| f32::from_le_bytes(row[4 * i..4 * i + 4].try_into().unwrap());
            assert_eq!([float(0), float(1), float(2)], particle.x);
            assert_eq!([float(3), float(4), float(5)], particle.v);
            let body = u32::from_le_bytes(row[24..28].try_into().unwrap());
            assert_eq!(body, particle.body);
        }
    }
}
