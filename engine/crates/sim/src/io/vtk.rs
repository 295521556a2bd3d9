//! Particles as VTK XML, for ParaView.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{
    atomic::{FileError, write_atomic},
    particles::ParticleRow,
};

/// An array of the appended data: its tag up to the offset, and its bytes.
struct Appended {
    tag: &'static str,
    bytes: Vec<u8>,
}

/// Writes PolyData (`.vtp`; VTK file formats, "XML file formats") whose points are the
/// particles, with point data `velocity` (m/s) and `body`, each a vertex cell so that
/// it is seen at once. Arrays are raw little-endian, appended, with 64-bit sizes.
pub fn write_vtp(path: &Path, particles: &[ParticleRow]) -> Result<(), FileError> {
    let floats = |row: fn(&ParticleRow) -> [f32; 3]| -> Vec<u8> {
        particles
            .iter()
            .flat_map(row)
            .flat_map(f32::to_le_bytes)
            .collect()
    };
    let count = particles.len();
    let integers = |from: usize| -> Vec<u8> {
        let places = from..from + count;
        places.flat_map(|at| (at as i64).to_le_bytes()).collect()
    };
    let body = particles.iter().flat_map(|row| row.body.to_le_bytes());
    let vector = r#"type="Float32" NumberOfComponents="3""#;
    let points = Appended {
        tag: vector,
        bytes: floats(|row| row.x),
    };
    let velocity = Appended {
        tag: r#"type="Float32" Name="velocity" NumberOfComponents="3""#,
        bytes: floats(|row| row.v),
    };
    let body = Appended {
        tag: r#"type="UInt32" Name="body""#,
        bytes: body.collect(),
    };
    let connectivity = Appended {
        tag: r#"type="Int64" Name="connectivity""#,
        bytes: integers(0),
    };
    let offsets = Appended {
        tag: r#"type="Int64" Name="offsets""#,
        bytes: integers(1),
    };
    let sections: [(&str, &[&Appended]); 3] = [
        ("Points", &[&points]),
        ("PointData", &[&velocity, &body]),
        ("Verts", &[&connectivity, &offsets]),
    ];
    write_atomic(path, |file| {
        write!(
            file,
            "<?xml version=\"1.0\"?>\n<VTKFile type=\"PolyData\" version=\"1.0\" \
             byte_order=\"LittleEndian\" header_type=\"UInt64\">\n<PolyData>\n\
             <Piece NumberOfPoints=\"{count}\" NumberOfVerts=\"{count}\" NumberOfLines=\"0\" \
             NumberOfStrips=\"0\" NumberOfPolys=\"0\">\n"
        )?;
        let mut offset = 0;
        for (section, arrays) in sections {
            writeln!(file, "<{section}>")?;
            for Appended { tag, bytes } in arrays {
                writeln!(
                    file,
                    "<DataArray {tag} format=\"appended\" offset=\"{offset}\"/>"
                )?;
                offset += size_of::<u64>() + bytes.len();
            }
            writeln!(file, "</{section}>")?;
        }
        write!(
            file,
            "</Piece>\n</PolyData>\n<AppendedData encoding=\"raw\">\n_"
        )?;
        for Appended { bytes, .. } in sections.iter().flat_map(|(_, arrays)| *arrays) {
            file.write_all(&(bytes.len() as u64).to_le_bytes())?;
            file.write_all(bytes)?;
        }
        write!(file, "\n</AppendedData>\n</VTKFile>\n")
    })
}

/// Writes a ParaView collection (`.pvd`): files, relative to the collection's folder,
/// with their times (s).
pub fn write_pvd(path: &Path, frames: &[(f64, String)]) -> Result<(), FileError> {
    write_atomic(path, |file| {
        write!(
            file,
            "<?xml version=\"1.0\"?>\n<VTKFile type=\"Collection\" version=\"1.0\" \
             byte_order=\"LittleEndian\">\n<Collection>\n"
        )?;
        for (time, name) in frames {
            write!(file, "<DataSet timestep=\"{time}\" part=\"0\" file=\"")?;
            write_escaped(file, name)?;
            writeln!(file, "\"/>")?;
        }
        write!(file, "</Collection>\n</VTKFile>\n")
    })
}

/// Text as the value of an XML attribute.
pub(super) fn write_escaped(file: &mut impl Write, text: &str) -> io::Result<()> {
    for letter in text.chars() {
        match letter {
            '&' => write!(file, "&amp;")?,
            '<' => write!(file, "&lt;")?,
            '>' => write!(file, "&gt;")?,
            '"' => write!(file, "&quot;")?,
            letter => write!(file, "{letter}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::particles::samples, *};

    /// The bytes of the array with this in its tag, found as a reader would.
    fn array<'a>(file: &'a [u8], text: &str, name: &str) -> &'a [u8] {
        let tag = text.lines().find(|line| line.contains(name)).unwrap();
        let offset = tag
            .split("offset=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let mark = b"<AppendedData encoding=\"raw\">\n_";
        let start = file
            .windows(mark.len())
            .position(|part| part == mark)
            .unwrap();
        let at = start + mark.len() + offset.parse::<usize>().unwrap();
        let size = u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
        &file[at + 8..at + 8 + size]
    }

    #[test]
    fn appended_arrays_are_where_their_tags_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vtp");
        write_vtp(&path, &samples()).unwrap();
        let file = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&file);
        assert!(text.contains(r#"NumberOfPoints="5" NumberOfVerts="5""#));
        let floats = |name| -> Vec<f32> {
            let values = array(&file, &text, name).chunks(4);
            values
                .map(|value| f32::from_le_bytes(value.try_into().unwrap()))
                .collect()
        };
        let x: Vec<_> = samples().iter().flat_map(|row| row.x).collect();
        let v: Vec<_> = samples().iter().flat_map(|row| row.v).collect();
        // The points come first and have no name.
        assert_eq!(floats("Float32"), x);
        assert_eq!(floats("velocity"), v);
        assert_eq!(array(&file, &text, "\"body\"").len(), 5 * 4);
        let offsets = array(&file, &text, "offsets");
        assert_eq!(offsets.len(), 5 * 8);
        assert_eq!(offsets[32..], 5_i64.to_le_bytes());
        assert!(file.ends_with(b"\n</AppendedData>\n</VTKFile>\n"));
    }

    #[test]
    fn collection_lists_times_and_escapes_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pvd");
        let frames = [(0.0, "f0.vtp".into()), (0.02, "a&\"b\".vtp".into())];
        write_pvd(&path, &frames).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#"timestep="0" part="0" file="f0.vtp""#));
        assert!(text.contains(r#"timestep="0.02" part="0" file="a&amp;&quot;b&quot;.vtp""#));
    }
}
