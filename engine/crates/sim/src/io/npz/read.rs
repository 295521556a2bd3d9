//! Reading of arrays.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use npyz::{
    DType, Deserialize, NpyFile, NpyHeader, Order, TypeStr,
    npz::{array_name_from_file_name, file_name_from_array_name},
};
use zip::ZipArchive;

use super::{NpzError, damaged, elements, header::read_header};
use crate::io::atomic::FileError;

/// An open `.npz` file.
pub struct Npz {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
}

impl Npz {
    /// Opens an archive and reads its table of contents.
    pub fn open(path: &Path) -> Result<Self, NpzError> {
        let archive = File::open(path)
            .and_then(|file| Ok(ZipArchive::new(BufReader::new(file))?))
            .map_err(FileError::of("read", path))?;
        let path = path.to_owned();
        Ok(Self { path, archive })
    }

    /// Names of the arrays, sorted.
    pub fn names(&self) -> Vec<String> {
        let files = self.archive.file_names().flatten();
        let mut names: Vec<_> = files
            .filter_map(|file| array_name_from_file_name(&file).map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// An array of `float64`, or of `float32` widened: shape and values, last axis
    /// fastest. `expected` is the shape, `None` for any length.
    pub fn f64(
        &mut self,
        array: &str,
        expected: &[Option<usize>],
    ) -> Result<(Vec<usize>, Vec<f64>), NpzError> {
        let entry = self.entry(array, expected)?;
        match entry.type_of().as_str() {
            "f8" => entry.read(|value: f64| value),
            "f4" => entry.read(|value: f32| f64::from(value)),
            _ => Err(entry.other_type("float64 or float32")),
        }
    }

    /// An array of `float32`.
    pub fn f32(
        &mut self,
        array: &str,
        expected: &[Option<usize>],
    ) -> Result<(Vec<usize>, Vec<f32>), NpzError> {
        let entry = self.entry(array, expected)?;
        match entry.type_of().as_str() {
            "f4" => entry.read(|value: f32| value),
            _ => Err(entry.other_type("float32")),
        }
    }

    /// An array of `int64`, or of `int32` widened.
    pub fn i64(
        &mut self,
        array: &str,
        expected: &[Option<usize>],
    ) -> Result<(Vec<usize>, Vec<i64>), NpzError> {
        let entry = self.entry(array, expected)?;
        match entry.type_of().as_str() {
            "i8" => entry.read(|value: i64| value),
            "i4" => entry.read(|value: i32| i64::from(value)),
            _ => Err(entry.other_type("int64 or int32")),
        }
    }

    /// Finds an array, checks its header and reads its data.
    fn entry<'a>(
        &'a mut self,
        array: &'a str,
        expected: &'a [Option<usize>],
    ) -> Result<Entry<'a>, NpzError> {
        let found = self.names();
        if !found.iter().any(|name| name == array) {
            return Err(NpzError::Missing {
                path: self.path.clone(),
                array: array.to_owned(),
                found,
            });
        }
        let path = &self.path;
        let damaged = |fault| damaged(path, array, expected, fault);
        let mut file = (self.archive)
            .by_name(&file_name_from_array_name(array))
            .map_err(|error| damaged(error.to_string()))?;
        let fault = |error: io::Error| damaged(error.to_string());
        let text = read_header(&mut file).map_err(fault)?;
        let header = NpyHeader::from_reader(text.as_slice()).map_err(fault)?;
        let shape: Vec<usize> = header.shape().iter().map(|&at| at as usize).collect();
        let same = |(&found, expected): (&usize, &Option<usize>)| {
            expected.is_none_or(|expected| expected == found)
        };
        if shape.len() != expected.len() || !shape.iter().zip(expected).all(same) {
            return Err(NpzError::Shape {
                path: path.clone(),
                array: array.to_owned(),
                found: shape,
                expected: expected.to_vec(),
            });
        }
        let bytes = (header.dtype().num_bytes().zip(elements(&shape)))
            .and_then(|(item, count)| item.checked_mul(count))
            .ok_or_else(|| damaged(format!("shape {shape:?} is too large")))?;
        // One byte more than asked for: the end is seen, where the checksum is compared.
        let mut data = Vec::new();
        let found = (file.take(bytes as u64 + 1).read_to_end(&mut data)).map_err(fault)?;
        if found != bytes {
            let more = if found > bytes { "more than " } else { "" };
            let found = found.min(bytes);
            let fault = format!("{more}{found} bytes of data, {bytes} by its header");
            return Err(damaged(fault));
        }
        Ok(Entry {
            path,
            array,
            expected,
            shape,
            header,
            data,
        })
    }
}

/// An array that has been read and not yet decoded.
struct Entry<'a> {
    path: &'a Path,
    array: &'a str,
    expected: &'a [Option<usize>],
    shape: Vec<usize>,
    header: NpyHeader,
    data: Vec<u8>,
}

impl Entry<'_> {
    /// Kind and size, as `f8`.
    fn type_of(&self) -> String {
        match self.header.dtype() {
            DType::Plain(plain) => plain_name(&plain),
            other => other.descr(),
        }
    }

    /// Decodes the values.
    fn read<T: Deserialize, U: Copy>(
        self,
        widen: impl Fn(T) -> U,
    ) -> Result<(Vec<usize>, Vec<U>), NpzError> {
        let damaged = |fault| damaged(self.path, self.array, self.expected, fault);
        let order = self.header.order();
        let values = NpyFile::with_header(self.header, self.data.as_slice())
            .data::<T>()
            .map_err(|error| damaged(error.to_string()))?
            .map(|value| value.map(&widen))
            .collect::<io::Result<Vec<U>>>()
            .map_err(|error| damaged(error.to_string()))?;
        let values = match order {
            Order::C => values,
            Order::Fortran => last_axis_fastest(&self.shape, &values),
        };
        Ok((self.shape, values))
    }

    fn other_type(&self, expected: &'static str) -> NpzError {
        NpzError::Type {
            path: self.path.to_owned(),
            array: self.array.to_owned(),
            found: self.header.dtype().descr(),
            expected,
        }
    }
}

/// A plain type without its byte order.
fn plain_name(plain: &TypeStr) -> String {
    plain
        .to_string()
        .trim_start_matches(['<', '>', '|', '='])
        .to_owned()
}

/// Reorders values whose first axis is fastest.
fn last_axis_fastest<U: Copy>(shape: &[usize], values: &[U]) -> Vec<U> {
    let place = |mut at: usize| {
        let mut lengths = shape.to_vec();
        let mut stride = values.len();
        let mut place = 0;
        while let Some(length) = lengths.pop() {
            stride /= length;
            place += at % length * stride;
            at /= length;
        }
        place
    };
    (0..values.len()).map(|at| values[place(at)]).collect()
}
