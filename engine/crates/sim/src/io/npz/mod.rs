//! Named arrays in NumPy's `.npz` files.

mod header;
mod read;
mod write;

use std::path::{Path, PathBuf};

use super::atomic::FileError;

pub use read::Npz;
pub use write::{Array, write_npz};

/// Number of entries of a shape; `None` if it overflows.
fn elements(shape: &[usize]) -> Option<usize> {
    // A length of zero makes any shape empty, but only after the others are sound.
    shape
        .iter()
        .try_fold(1_usize, |product, &length| product.checked_mul(length))
}

/// What is wrong with an `.npz` file.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// It cannot be opened, or is no archive of arrays.
    #[error(transparent)]
    File(#[from] FileError),
    /// An array is not in it.
    #[error("{}: no array `{array}`; it has {found:?}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// The arrays that are there.
        found: Vec<String>,
    },
    /// An array has another type.
    #[error("{}, array `{array}`: type {found}; expected {expected}", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// Its type as NumPy writes it.
        found: String,
        /// The types that are taken.
        expected: &'static str,
    },
    /// An array has another shape.
    #[error("{}, array `{array}`: shape {found:?}; expected {}", path.display(), Wanted(expected))]
    Shape {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape asked for; `None` is any length.
        expected: Vec<Option<usize>>,
    },
    /// An array is damaged.
    #[error(
        "{}, array `{array}`: {fault}; expected an array of shape {}",
        path.display(),
        Wanted(expected)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// What is wrong.
        fault: String,
        /// The shape asked for; `None` is any length.
        expected: Vec<Option<usize>>,
    },
}

/// A shape with free lengths, as `(3, _)`.
struct Wanted<'a>(&'a [Option<usize>]);

impl std::fmt::Display for Wanted<'_> {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = |length: &Option<usize>| length.map_or("_".into(), |at| at.to_string());
        let lengths: Vec<String> = self.0.iter().map(length).collect();
        write!(text, "({})", lengths.join(", "))
    }
}

/// The error of a damaged array.
fn damaged(path: &Path, array: &str, expected: &[Option<usize>], fault: String) -> NpzError {
    NpzError::Damaged {
        path: path.to_owned(),
        array: array.to_owned(),
        fault,
        expected: expected.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::LazyLock};

    use proptest::prelude::*;

    use std::io::{self, Write};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    const X: [f64; 6] = [0.0, -1.5, f64::MIN_POSITIVE, f64::INFINITY, 1e300, 0.1];

    /// An archive of all types and of odd shapes.
    fn bytes() -> Vec<u8> {
        static BYTES: LazyLock<Vec<u8>> = LazyLock::new(fresh_bytes);
        BYTES.clone()
    }

    fn fresh_bytes() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let arrays = [
            ("x", Array::F64(vec![2, 3], &X)),
            ("v", Array::F32(vec![4], &[0.1, 0.2, 0.3, f32::MAX])),
            ("body", Array::I64(vec![2, 1], &[i64::MIN, 7])),
            ("empty", Array::F64(vec![0, 3], &[])),
            ("scalar", Array::F64(vec![], &[2.5])),
        ];
        write_npz(&path, &arrays).unwrap();
        fs::read(&path).unwrap()
    }

    /// Opens an archive of these bytes and reads all that it can in all ways.
    fn read_all(bytes: &[u8]) -> Vec<NpzError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        fs::write(&path, bytes).unwrap();
        let mut npz = match Npz::open(&path) {
            Ok(npz) => npz,
            Err(error) => return vec![error],
        };
        let mut errors = Vec::new();
        for name in npz.names() {
            for shape in [&[][..], &[None], &[None, None]] {
                errors.extend(npz.f64(&name, shape).err());
                errors.extend(npz.f32(&name, shape).err());
                errors.extend(npz.i64(&name, shape).err());
            }
        }
        errors
    }

    /// An archive of one array with this header text and data.
    fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file("x.npy", SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
        zip.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        zip.write_all(header.as_bytes()).unwrap();
        zip.write_all(data).unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn open(folder: &Path, bytes: &[u8]) -> Npz {
        let path = folder.join("a.npz");
        fs::write(&path, bytes).unwrap();
        Npz::open(&path).unwrap()
    }

    #[test]
    fn arrays_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut npz = open(folder.path(), &bytes());
        assert_eq!(npz.names(), ["body", "empty", "scalar", "v", "x"]);
        let x = npz.f64("x", &[Some(2), None]).unwrap();
        assert_eq!(x, (vec![2, 3], X.to_vec()));
        let v = npz.f32("v", &[None]).unwrap();
        assert_eq!(v, (vec![4], vec![0.1, 0.2, 0.3, f32::MAX]));
        let widened = npz.f64("v", &[None]).unwrap();
        assert_eq!(widened.1[1], f64::from(0.2_f32));
        let body = npz.i64("body", &[None, Some(1)]).unwrap();
        assert_eq!(body, (vec![2, 1], vec![i64::MIN, 7]));
        assert_eq!(npz.f64("empty", &[None, Some(3)]).unwrap().0, [0, 3]);
        assert_eq!(npz.f64("scalar", &[]).unwrap().1, [2.5]);
    }

    #[test]
    fn same_arrays_give_the_same_bytes() {
        assert_eq!(fresh_bytes(), fresh_bytes());
    }

    #[test]
    fn other_orders_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        // Two rows of three, columns first, big-endian.
        let header = "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }\n";
        let stored = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0];
        let data: Vec<u8> = stored
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect();
        let mut npz = open(folder.path(), &with_header(header, &data));
        let x = npz.f64("x", &[Some(2), Some(3)]).unwrap();
        assert_eq!(x.1, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn errors_name_file_array_and_shape() {
        let folder = tempfile::tempdir().unwrap();
        let mut npz = open(folder.path(), &bytes());
        let file = folder.path().join("a.npz").display().to_string();
        assert_eq!(
            npz.f64("x", &[None, Some(4)]).unwrap_err().to_string(),
            format!("{file}, array `x`: shape [2, 3]; expected (_, 4)")
        );
        assert_eq!(
            npz.i64("x", &[None, None]).unwrap_err().to_string(),
            format!("{file}, array `x`: type '<f8'; expected int64 or int32")
        );
        assert!(
            (npz.f64("y", &[]).unwrap_err().to_string())
                .starts_with(&format!("{file}: no array `y`; it has [\"body\","))
        );
        let wrong = [("x", Array::F64(vec![2, 2], &X[..]))];
        assert!(write_npz(&folder.path().join("b.npz"), &wrong).is_err());
    }

    #[test]
    fn hostile_headers_are_refused() {
        let shape =
            |shape: &str| format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        let many = "9999999999, ".repeat(30);
        let headers = [
            shape("(4294967296, 4294967296, 4294967296)"),
            shape(&format!("({many})")),
            shape(&format!("(0, {many})")),
            shape("(18446744073709551615,)"),
            shape("(-1,)"),
            shape("(0x7, 1)"),
            shape("(2,), 'shape': (18446744073709551615, 18446744073709551615)"),
            "(".repeat(9000),
            "[".repeat(60_000),
            shape("(1,)").replace("'<f8'", &"[".repeat(5000)),
            shape("(1,)").replace("'<f8'", &"{".repeat(5000)),
            shape("(1,)").replace("'<f8'", "'<f99999999999999999999'"),
            shape("(1,)").replace("'<f8'", "'|V9'"),
            shape("(1,)").replace("'descr'", "'other'"),
            shape("(100000000000,)"),
            shape("(3,)"),
            String::new(),
        ];
        for header in headers {
            let errors = read_all(&with_header(&header, &[0; 16]));
            assert_eq!(errors.len(), 9, "{header}");
        }
        // The last but one is sound but for its data.
        assert_eq!(read_all(&with_header(&shape("(2,)"), &[0; 16])).len(), 8);
    }

    #[test]
    fn any_cut_is_an_error() {
        let bytes = bytes();
        for length in 0..bytes.len() {
            assert!(!read_all(&bytes[..length]).is_empty());
        }
    }

    #[test]
    fn any_flipped_bit_of_data_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = bytes();
        let data: Vec<u8> = X.iter().flat_map(|x| x.to_le_bytes()).collect();
        let at = bytes.windows(48).position(|part| part == data).unwrap();
        for bit in 0..48 * 8 {
            let mut spoilt = bytes.clone();
            spoilt[at + bit / 8] ^= 1 << (bit % 8);
            let mut npz = open(folder.path(), &spoilt);
            assert!(npz.f64("x", &[None, None]).is_err());
            assert!(npz.f32("v", &[None]).is_ok());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(!read_all(&bytes).is_empty());
        }

        #[test]
        fn spoilt_bytes_never_panic(
            spots in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = bytes();
            for (spot, value) in spots {
                let at = spot.index(bytes.len());
                bytes[at] = value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            read_all(&bytes);
        }
    }
}
