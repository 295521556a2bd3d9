//! Fields on a regular grid as VTK XML, for ParaView.

use std::{io::Write, path::Path};

use super::atomic::{FileError, write_atomic};

/// A quantity of every cell, x fastest: one number, or three.
#[derive(Debug, Clone, PartialEq)]
pub struct CellArray {
    /// Its name.
    pub name: String,
    /// Numbers of a cell.
    pub components: usize,
    /// Its values.
    pub values: Vec<f32>,
}

/// Writes ImageData (`.vti`; VTK file formats, "XML file formats"): `cells` along each axis, of
/// edge `dx` (m), from `origin` (m). Arrays are raw little-endian, appended, with 64-bit sizes.
///
/// # Errors
/// The file cannot be written.
pub fn write_vti(
    path: &Path,
    origin: [f64; 3],
    dx: f64,
    cells: [usize; 3],
    arrays: &[CellArray],
) -> Result<(), FileError> {
    let [nx, ny, nz] = cells;
    let [x, y, z] = origin;
    write_atomic(path, |file| {
        write!(
            file,
            "<?xml version=\"1.0\"?>\n<VTKFile type=\"ImageData\" version=\"1.0\" \
             byte_order=\"LittleEndian\" header_type=\"UInt64\">\n\
             <ImageData WholeExtent=\"0 {nx} 0 {ny} 0 {nz}\" Origin=\"{x} {y} {z}\" \
             Spacing=\"{dx} {dx} {dx}\">\n<Piece Extent=\"0 {nx} 0 {ny} 0 {nz}\">\n<CellData>\n"
        )?;
        let mut offset = 0;
        for array in arrays {
            write!(file, "<DataArray type=\"Float32\" Name=\"")?;
            super::vtk::write_escaped(file, &array.name)?;
            writeln!(
                file,
                "\" NumberOfComponents=\"{}\" format=\"appended\" offset=\"{offset}\"/>",
                array.components
            )?;
            offset += size_of::<u64>() + size_of::<f32>() * array.values.len();
        }
        write!(
            file,
            "</CellData>\n</Piece>\n</ImageData>\n<AppendedData encoding=\"raw\">\n_"
        )?;
        for array in arrays {
            let bytes: Vec<u8> = array.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            file.write_all(&(bytes.len() as u64).to_le_bytes())?;
            file.write_all(&bytes)?;
        }
        write!(file, "\n</AppendedData>\n</VTKFile>\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_lie_where_their_offsets_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gas.vti");
        let array = |name: &str, components: usize| CellArray {
            name: name.to_owned(),
            components,
            values: (0..6 * components).map(|value| value as f32).collect(),
        };
        let arrays = [array("heat & smoke", 1), array("velocity", 3)];
        write_vti(&path, [0.5, 0.0, -1.0], 0.25, [3, 2, 1], &arrays).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("WholeExtent=\"0 3 0 2 0 1\" Origin=\"0.5 0 -1\""));
        assert!(text.contains("Name=\"heat &amp; smoke\" NumberOfComponents=\"1\""));
        let second = 8 + 4 * 6;
        assert!(text.contains(&format!(
            "NumberOfComponents=\"3\" format=\"appended\" offset=\"{second}\""
        )));
        let mark = b"<AppendedData encoding=\"raw\">\n_";
        let start = bytes
            .windows(mark.len())
            .position(|part| part == mark)
            .unwrap()
            + mark.len();
        let size = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(size(start), 24);
        assert_eq!(size(start + second), 72);
        let value = f32::from_le_bytes(bytes[start + second + 8 + 4..][..4].try_into().unwrap());
        assert_eq!(value, 1.0);
    }
}
