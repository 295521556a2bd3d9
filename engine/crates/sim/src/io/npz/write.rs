//! Writing of arrays.

use std::{
    io::{self, Seek, Write},
    path::Path,
};

use npyz::{
    AutoSerialize, WriterBuilder,
    npz::NpzWriter,
    zip::{CompressionMethod, DateTime, write::FileOptions},
};

use super::elements;
use crate::io::atomic::{FileError, write_atomic};

/// Sizes above which an entry needs the 64-bit form of the zip format (bytes); half its
/// limit leaves room for headers.
const LARGE: usize = 1 << 31;

/// An array to write: its shape and its values, last axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub enum Array<'a> {
    /// NumPy's `float64`.
    F64(Vec<usize>, &'a [f64]),
    /// NumPy's `float32`.
    F32(Vec<usize>, &'a [f32]),
    /// NumPy's `int64`.
    I64(Vec<usize>, &'a [i64]),
}

/// Writes named arrays to one uncompressed `.npz` file, atomically. The same arrays
/// give the same bytes.
pub fn write_npz(path: &Path, arrays: &[(&str, Array)]) -> Result<(), FileError> {
    write_atomic(path, |file| {
        let mut npz = NpzWriter::new(file);
        for (name, array) in arrays {
            match array {
                Array::F64(shape, values) => write_array(&mut npz, name, shape, values)?,
                Array::F32(shape, values) => write_array(&mut npz, name, shape, values)?,
                Array::I64(shape, values) => write_array(&mut npz, name, shape, values)?,
            }
        }
        npz.zip_writer().finish()?;
        Ok(())
    })
}

fn write_array<T: AutoSerialize + Copy>(
    npz: &mut NpzWriter<impl Write + Seek>,
    name: &str,
    shape: &[usize],
    values: &[T],
) -> io::Result<()> {
    if elements(shape) != Some(values.len()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "array {name}: {} values for the shape {shape:?}",
                values.len()
            ),
        ));
    }
    let options = FileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(size_of_val(values) >= LARGE);
    let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
    let mut array = npz
        .array(name, options)?
        .default_dtype()
        .shape(&shape)
        .begin_nd()?;
    array.extend(values.iter().copied())?;
    array.finish()
}
