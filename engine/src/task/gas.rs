//! Frames of gas as arrays, files and pictures.

use std::path::Path;

use backflow_diff::Real;
use backflow_sim::{
    gas::{Gas, Model, field::Field},
    io::{Array, CellArray, FileError, GasPicture, Image, Npz, NpzError, write_npz},
    scene::GasScene,
};

/// What a frame says of the gas: in every cell, x fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct GasRows {
    /// The scalars by name.
    pub scalars: Vec<(String, Vec<f64>)>,
    /// Velocity of the middle of each cell (m/s), one after the other.
    pub velocity: Vec<f64>,
    /// Share of each cell that solids take (1).
    pub solid: Vec<f64>,
}

/// An array with its name and shape.
pub type Named = (String, Vec<usize>, Vec<f64>);

fn widen<T: Real>(field: &Field<T>) -> Vec<f64> {
    field.samples().iter().map(|value| value.to_f64()).collect()
}

/// The mean of the two faces of a cell along each axis, of all cells, x fastest.
pub fn middles<T: Real>(model: &Model<T>, faces: &[Field<T>; 3]) -> [Vec<f64>; 3] {
    let [nx, ny, nz] = model.grid.cells;
    [0, 1, 2].map(|axis| {
        let (layout, data) = (&faces[axis].layout, &faces[axis].data);
        let mut values = Vec::with_capacity(nx * ny * nz);
        for k in 0..nz {
            for j in 0..ny {
                for i in 0..nx {
                    let at = [i, j, k];
                    let mut above = at;
                    above[axis] += 1;
                    if above[axis] == layout.shape[axis] {
                        above[axis] = 0;
                    }
                    let pair = data[layout.index(at)] + data[layout.index(above)];
                    values.push(0.5 * pair.to_f64());
                }
            }
        }
        values
    })
}

impl GasRows {
    /// Of a gas and what its faces let through.
    pub fn of<T: Real>(model: &Model<T>, gas: &Gas<T>, open: &[Field<T>; 3]) -> Self {
        let [x, y, z] = middles(model, &gas.velocity);
        let velocity = (0..x.len())
            .flat_map(|cell| [x[cell], y[cell], z[cell]])
            .collect();
        let [x, y, z] = middles(model, open);
        Self {
            scalars: model
                .species
                .iter()
                .zip(&gas.scalars)
                .map(|(species, field)| (species.name.clone(), widen(field)))
                .collect(),
            velocity,
            // Sides of the box close a cell on one side alone.
            solid: (0..x.len())
                .map(|cell| 1.0 - x[cell].max(y[cell]).max(z[cell]).min(1.0))
                .collect(),
        }
    }

    /// Writes a frame: `time` (s) and [`GasRows::arrays`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path, gas: &GasScene, time: f64) -> Result<(), FileError> {
        let (arrays, time) = (self.arrays(gas), [time]);
        let mut named = vec![("time", Array::F64(vec![], &time))];
        named.extend(
            arrays
                .iter()
                .map(|(name, shape, values)| (&**name, Array::F64(shape.clone(), values))),
        );
        write_npz(path, &named)
    }

    /// As arrays of a frame: `gas.<scalar>` and `gas.solid` of shape (z, y, x), `gas.velocity`
    /// of shape (z, y, x, 3).
    pub fn arrays(&self, gas: &GasScene) -> Vec<Named> {
        let [nx, ny, nz] = gas.model.grid.cells;
        let shape = vec![nz, ny, nx];
        let mut arrays: Vec<Named> = self
            .scalars
            .iter()
            .map(|(name, values)| (format!("gas.{name}"), shape.clone(), values.clone()))
            .collect();
        arrays.push(("gas.solid".to_owned(), shape, self.solid.clone()));
        let shape = vec![nz, ny, nx, 3];
        arrays.push(("gas.velocity".to_owned(), shape, self.velocity.clone()));
        arrays
    }

    /// Reads them from a frame, with its time (s).
    ///
    /// # Errors
    /// The file is damaged or of another scene.
    pub fn read(path: &Path, gas: &GasScene) -> Result<(f64, Self), NpzError> {
        let [nx, ny, nz] = gas.model.grid.cells.map(Some);
        let mut file = Npz::open(path)?;
        let (_, time) = file.f64("time", &[])?;
        let mut read = |name: &str| -> Result<Vec<f64>, NpzError> {
            Ok(file.f64(&format!("gas.{name}"), &[nz, ny, nx])?.1)
        };
        let mut scalars = Vec::new();
        for species in &gas.model.species {
            scalars.push((species.name.clone(), read(&species.name)?));
        }
        let solid = read("solid")?;
        let velocity = file.f64("gas.velocity", &[nz, ny, nx, Some(3)])?.1;
        let rows = Self {
            scalars,
            solid,
            velocity,
        };
        Ok((time.first().copied().unwrap_or(0.0), rows))
    }

    /// As arrays of cells for ParaView.
    pub fn cell_arrays(&self) -> Vec<CellArray> {
        let array = |name: &str, components, values: &[f64]| CellArray {
            name: name.to_owned(),
            components,
            values: values.iter().map(|&value| value as f32).collect(),
        };
        let mut arrays: Vec<CellArray> = self
            .scalars
            .iter()
            .map(|(name, values)| array(name, 1, values))
            .collect();
        arrays.push(array("solid", 1, &self.solid));
        arrays.push(array("velocity", 3, &self.velocity));
        arrays
    }

    /// A picture of the first scalar, or of the speed where there is none, with points of matter (m)
    /// on it, one after the other.
    pub fn picture(&self, gas: &GasScene, points: &[f64], side: usize) -> Option<Image> {
        let grid = &gas.model.grid;
        let speed: Vec<f64>;
        let values = match self.scalars.first() {
            Some((_, values)) => values,
            None => {
                let vectors = self.velocity.chunks_exact(3);
                speed = vectors.map(|v| v[0].hypot(v[1]).hypot(v[2])).collect();
                &speed
            }
        };
        let points: Vec<[f64; 3]> = points
            .chunks_exact(3)
            .map(|x| [0, 1, 2].map(|axis| (x[axis] - grid.origin[axis]) / grid.dx))
            .collect();
        let picture = GasPicture {
            cells: grid.cells,
            values,
            solid: &self.solid,
            range: None,
            points: &points,
            side,
        };
        picture.render().ok()
    }
}

/// All that a run of gas needs to go on, for a checkpoint, with the loss up to there.
pub fn checkpoint<T: Real>(gas: &Gas<T>, value: f64) -> Vec<Named> {
    let mut arrays = vec![("loss".to_owned(), vec![], vec![value])];
    for (axis, u) in ["x", "y", "z"].iter().zip(&gas.velocity) {
        let values = widen(u);
        arrays.push((format!("gas.velocity.{axis}"), vec![values.len()], values));
    }
    for (index, scalar) in gas.scalars.iter().enumerate() {
        let values = widen(scalar);
        arrays.push((format!("gas.scalar.{index}"), vec![values.len()], values));
    }
    let pressure = gas.pressure.clone();
    arrays.push(("gas.pressure".to_owned(), vec![pressure.len()], pressure));
    arrays
}

/// Writes a checkpoint after so many whole frames, with the loss up to there.
///
/// # Errors
/// The file cannot be written.
pub fn write_checkpoint<T: Real>(
    path: &Path,
    frame: usize,
    value: f64,
    gas: &Gas<T>,
) -> Result<(), FileError> {
    let (arrays, frame) = (checkpoint(gas, value), [frame as i64]);
    let mut named = vec![("frame", Array::I64(vec![], &frame))];
    named.extend(
        arrays
            .iter()
            .map(|(name, shape, values)| (name.as_str(), Array::F64(shape.clone(), values))),
    );
    write_npz(path, &named)
}

/// Time (s) at the end of a frame.
pub fn time_of(gas: &GasScene, frame: usize) -> f64 {
    gas.clock.frame * (frame + 1) as f64
}

/// Reads what [`write_checkpoint`] wrote, or [`checkpoint`] gave, into a gas of the same scene; returns the frame and the
/// loss up to there.
///
/// # Errors
/// The file is damaged or of another scene.
pub fn read_checkpoint<T: Real>(path: &Path, gas: &mut Gas<T>) -> Result<(usize, f64), NpzError> {
    let mut file = Npz::open(path)?;
    let (_, frame) = file.i64("frame", &[])?;
    let (_, value) = file.f64("loss", &[])?;
    let mut fill = |name: String, field: &mut Field<T>| {
        let (_, values) = file.f64(&name, &[Some(field.layout.count())])?;
        let values: Vec<T> = values.iter().map(|&value| T::of(value)).collect();
        field.set_samples(&values);
        Ok::<_, NpzError>(())
    };
    for (axis, u) in ["x", "y", "z"].iter().zip(&mut gas.velocity) {
        fill(format!("gas.velocity.{axis}"), u)?;
    }
    for (index, scalar) in gas.scalars.iter_mut().enumerate() {
        fill(format!("gas.scalar.{index}"), scalar)?;
    }
    let cells = gas.pressure.len();
    gas.pressure = file.f64("gas.pressure", &[Some(cells)])?.1;
    let frame = frame.first().map_or(0, |&frame| frame.max(0) as usize);
    Ok((frame, value.first().copied().unwrap_or(0.0)))
}
