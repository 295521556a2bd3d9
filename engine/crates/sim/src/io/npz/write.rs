//! Writing of arrays.

use std::{
    io::{self, Seek, Write},
    path::Path,
};

use npyz::{AutoSerialize, DType, WriteOptions, WriterBuilder, npz::file_name_from_array_name};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

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
    /// NumPy's `str`, as wide as the longest.
    Text(Vec<usize>, &'a [&'a str]),
}

/// Writes named arrays to one uncompressed `.npz` file, atomically. The same arrays
/// give the same bytes.
pub fn write_npz(path: &Path, arrays: &[(&str, Array)]) -> Result<(), FileError> {
    write_atomic(path, |file| {
        let mut npz = ZipWriter::new(file);
        for (name, array) in arrays {
            match array {
                Array::F64(shape, values) => write_array(&mut npz, name, shape, values)?,
                Array::F32(shape, values) => write_array(&mut npz, name, shape, values)?,
                Array::I64(shape, values) => write_array(&mut npz, name, shape, values)?,
                Array::Text(shape, values) => write_text(&mut npz, name, shape, values)?,
            }
        }
        npz.finish()?;
        Ok(())
    })
}

fn write_text(
    npz: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    shape: &[usize],
    values: &[&str],
) -> io::Result<()> {
    let widest = values.iter().map(|text| text.chars().count()).max();
    // NumPy has no strings of width zero.
    let width = widest.unwrap_or(0).max(1);
    let (options, shape) = entry(name, shape, values.len(), 4 * width * values.len())?;
    let dtype = DType::Plain(format!("<U{width}").parse().map_err(io::Error::other)?);
    npz.start_file(file_name_from_array_name(name), options)?;
    let mut array = WriteOptions::new()
        .dtype(dtype)
        .shape(&shape)
        .writer(npz)
        .begin_nd()?;
    array.extend(values.iter().map(|&text| text.to_owned()))?;
    array.finish()
}

/// How an array of so many values and bytes is kept, and its shape.
fn entry(
    name: &str,
    shape: &[usize],
    values: usize,
    bytes: usize,
) -> io::Result<(SimpleFileOptions, Vec<u64>)> {
    if elements(shape) != Some(values) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("array {name}: {values} values for the shape {shape:?}"),
        ));
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(bytes >= LARGE);
    Ok((options, shape.iter().map(|&length| length as u64).collect()))
}

fn write_array<T: AutoSerialize + Copy>(
    npz: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    shape: &[usize],
    values: &[T],
) -> io::Result<()> {
    let (options, shape) = entry(name, shape, values.len(), size_of_val(values))?;
    npz.start_file(file_name_from_array_name(name), options)?;
    let mut array = WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(npz)
        .begin_nd()?;
    array.extend(values.iter().copied())?;
    array.finish()
}
