//! One trajectory, and its file.

use std::path::Path;

use backflow_sim::io::{Array, Npz, write_npz};

use crate::error::OperatorError;

/// Positions of all particles of a rollout at equal steps of time.
///
/// As a file it is an `.npz` with the arrays
///
/// | array | type | shape | what |
/// |---|---|---|---|
/// | `x` | float32 | (frames + 1, particles, 3) | positions (m), those of the start first |
/// | `frame` | float64 | () | time between two of them (s) |
/// | `bounds` | float64 | (2, 3) | lower and upper corner of the box (m) |
/// | `gravity` | float64 | (3,) | acceleration of gravity (m/s^2) |
/// | `substeps` | int64 | () | substeps that the engine took in all |
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Number of particles.
    pub count: usize,
    /// Positions (m): `x[3 (frame * count + particle) + axis]`.
    pub x: Vec<f32>,
    /// Time between two frames (s).
    pub frame: f64,
    /// Lower and upper corner of the box (m).
    pub bounds: [[f64; 3]; 2],
    /// Acceleration of gravity (m/s^2).
    pub gravity: [f64; 3],
    /// Substeps that the engine took in all.
    pub substeps: usize,
}

impl Trajectory {
    /// Number of positions that are kept of each particle.
    pub fn frames(&self) -> usize {
        self.x.len() / (3 * self.count.max(1))
    }

    /// Position (m) of a particle at a frame.
    pub fn position(&self, frame: usize, particle: usize) -> [f32; 3] {
        let at = 3 * (frame * self.count + particle);
        [self.x[at], self.x[at + 1], self.x[at + 2]]
    }

    /// Positions (m) at a frame, particle by particle.
    pub fn positions(&self, frame: usize) -> &[f32] {
        let size = 3 * self.count;
        &self.x[frame * size..(frame + 1) * size]
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), OperatorError> {
        let bounds = self.bounds.concat();
        let frame = [self.frame];
        let substeps = [self.substeps as i64];
        write_npz(
            path,
            &[
                ("x", Array::F32(vec![self.frames(), self.count, 3], &self.x)),
                ("frame", Array::F64(vec![], &frame)),
                ("bounds", Array::F64(vec![2, 3], &bounds)),
                ("gravity", Array::F64(vec![3], &self.gravity)),
                ("substeps", Array::I64(vec![], &substeps)),
            ],
        )?;
        Ok(())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or an array is missing, damaged or not finite.
    pub fn read(path: &Path) -> Result<Self, OperatorError> {
        let mut npz = Npz::open(path)?;
        let (shape, x) = npz.f32("x", &[None, None, Some(3)])?;
        let frame = npz.f64("frame", &[])?.1[0];
        let bounds = npz.f64("bounds", &[Some(2), Some(3)])?.1;
        let gravity = npz.f64("gravity", &[Some(3)])?.1;
        let substeps = npz.i64("substeps", &[])?.1[0];
        let place = || format!("in {}", path.display());
        if !x.iter().all(|x| x.is_finite()) {
            let (what, place) = ("array `x`", place());
            return Err(OperatorError::NotFinite { what, place });
        }
        if shape[0] < 3 || shape[1] == 0 {
            let what = format!("array `x` {}", place());
            let found = format!("{} frames of {} particles", shape[0], shape[1]);
            return Err(OperatorError::mismatch(
                what,
                found,
                "at least 3 frames of 1",
            ));
        }
        if !(frame > 0.0 && frame.is_finite()) {
            let what = format!("array `frame` {}", place());
            return Err(OperatorError::mismatch(what, frame, "a positive time (s)"));
        }
        let triple = |at: usize, values: &[f64]| [values[at], values[at + 1], values[at + 2]];
        Ok(Self {
            count: shape[1],
            x,
            frame,
            bounds: [triple(0, &bounds), triple(3, &bounds)],
            gravity: triple(0, &gravity),
            substeps: usize::try_from(substeps).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trajectory_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut trajectory = Trajectory {
            count: 2,
            x: (0..18).map(|at| at as f32 * 0.1).collect(),
            frame: 0.01,
            bounds: [[0.0; 3], [1.0, 2.0, 3.0]],
            gravity: [0.0, -9.81, 0.0],
            substeps: 40,
        };
        trajectory.write(&path).unwrap();
        assert_eq!(Trajectory::read(&path).unwrap(), trajectory);
        assert_eq!(trajectory.position(2, 1), [1.5, 1.6, 1.7]);
        trajectory.x[4] = f32::NAN;
        trajectory.write(&path).unwrap();
        let error = Trajectory::read(&path).unwrap_err().to_string();
        assert!(error.starts_with("array `x` is not finite in"), "{error}");
    }
}
