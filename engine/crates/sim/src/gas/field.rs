//! A quantity sampled on the staggered grid.

use std::ops::Range;

use backflow_diff::Real;
use rayon::prelude::*;

use super::grid::{Grid, Layout};

/// The samples of a quantity with a layer of ghosts around them, see
/// [`boundary`](super::boundary).
#[derive(Debug, Clone, PartialEq)]
pub struct Field<T: Real> {
    /// Which samples, and where in `data`.
    pub layout: Layout,
    /// Samples and ghosts.
    pub data: Vec<T>,
}

/// A component of the velocity for each axis (m/s).
pub type Velocity<T> = [Field<T>; 3];

/// Rows that a task takes at least: what starting one costs is then not felt.
const ROWS: usize = 32;

impl<T: Real> Field<T> {
    /// The same value everywhere, ghosts included.
    pub fn constant(layout: Layout, value: T) -> Self {
        Self {
            layout,
            data: vec![value; layout.size()],
        }
    }

    /// Zero everywhere.
    pub fn zero(layout: Layout) -> Self {
        Self::constant(layout, T::zero())
    }

    /// A zero for each component of the velocity.
    pub fn zero_velocity(grid: &Grid) -> Velocity<T> {
        grid.faces().map(Self::zero)
    }

    /// A value for every sample from its place (m); ghosts are zero.
    pub fn from_fn(
        grid: &Grid,
        layout: Layout,
        value: impl Fn(&nalgebra::Vector3<f64>) -> f64,
    ) -> Self {
        let mut field = Self::zero(layout);
        let [nx, ny, nz] = layout.shape;
        for k in 0..nz {
            for j in 0..ny {
                for i in 0..nx {
                    let index = layout.index([i, j, k]);
                    field.data[index] = T::of(value(&grid.point(&layout, [i, j, k])));
                }
            }
        }
        field
    }

    /// Changes every sample, which is given with its place in the grid and in the array.
    pub fn update(&mut self, change: impl Fn([usize; 3], usize, &mut T) + Sync) {
        let layout = self.layout;
        rows_mut(&layout, &mut self.data, |at, index, value| {
            change(at, index, value);
        });
    }

    /// Sets every sample from its place in the grid and in the array.
    pub fn set(&mut self, value: impl Fn([usize; 3], usize) -> T + Sync) {
        self.update(|at, index, entry| *entry = value(at, index));
    }

    /// Adds another field, ghosts included.
    pub fn add(&mut self, other: &Self) {
        self.data
            .par_iter_mut()
            .with_min_len(1 << 14)
            .zip(&other.data)
            .for_each(|(entry, part)| *entry += *part);
    }

    /// Overwrites all entries with those of another field of the same layout.
    pub fn copy_from(&mut self, other: &Self) {
        self.data.copy_from_slice(&other.data);
    }

    /// Sets all entries to zero.
    pub fn clear(&mut self) {
        self.data.fill(T::zero());
    }

    /// The samples without ghosts, x fastest.
    pub fn samples(&self) -> Vec<T> {
        let [nx, ny, nz] = self.layout.shape;
        let mut samples = Vec::with_capacity(self.layout.count());
        for k in 0..nz {
            for j in 0..ny {
                let start = self.layout.index([0, j, k]);
                samples.extend_from_slice(&self.data[start..start + nx]);
            }
        }
        samples
    }

    /// Sets the samples from a list without ghosts, x fastest.
    pub fn set_samples(&mut self, samples: &[T]) {
        let [nx, ny, _] = self.layout.shape;
        for (row, values) in samples.chunks_exact(nx).enumerate() {
            let start = self.layout.index([0, row % ny, row / ny]);
            self.data[start..start + nx].copy_from_slice(values);
        }
    }

    /// The largest absolute value of a sample.
    pub fn largest(&self) -> f64 {
        let most = |_: [usize; 3], index: usize| self.data[index].to_f64().abs();
        reduce(&self.layout, most, 0.0, f64::max)
    }

    /// The same field in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Field<U> {
        Field {
            layout: self.layout,
            data: self
                .data
                .iter()
                .map(|value| U::of(value.to_f64()))
                .collect(),
        }
    }
}

/// Runs `change` on the entry of every sample of an array of `layout`, rows in parallel.
pub fn rows_mut<V: Send>(
    layout: &Layout,
    data: &mut [V],
    change: impl Fn([usize; 3], usize, &mut V) + Sync,
) {
    let [x, y, _] = layout.padded();
    let [nx, ny, nz] = layout.shape;
    data.par_chunks_mut(x)
        .with_min_len(ROWS)
        .enumerate()
        .for_each(|(row, entries)| {
            let (j, k) = (row % y, row / y);
            if j == 0 || j > ny || k == 0 || k > nz {
                return;
            }
            for (i, entry) in entries[1..=nx].iter_mut().enumerate() {
                change([i, j - 1, k - 1], row * x + i + 1, entry);
            }
        });
}

/// Runs `change` on every entry of an array of `layout`, ghosts included; the place is counted
/// from the first ghost. Rows in parallel.
pub fn entries_mut<V: Send>(
    layout: &Layout,
    data: &mut [V],
    change: impl Fn([usize; 3], usize, &mut V) + Sync,
) {
    let [x, y, _] = layout.padded();
    data.par_chunks_mut(x)
        .with_min_len(ROWS)
        .enumerate()
        .for_each(|(row, entries)| {
            for (i, entry) in entries.iter_mut().enumerate() {
                change([i, row % y, row / y], row * x + i, entry);
            }
        });
}

/// A number for every sample, brought together in a fixed order: along rows, then planes, then
/// planes by halves, and halves of halves.
pub fn reduce<V: Copy + Send + Sync>(
    layout: &Layout,
    part: impl Fn([usize; 3], usize) -> V + Sync,
    start: V,
    join: impl Fn(V, V) -> V + Sync,
) -> V {
    planes(layout, 0..layout.shape[2], &part, start, &join)
}

fn planes<V: Copy + Send + Sync>(
    layout: &Layout,
    range: Range<usize>,
    part: &(impl Fn([usize; 3], usize) -> V + Sync),
    start: V,
    join: &(impl Fn(V, V) -> V + Sync),
) -> V {
    if range.len() > 1 {
        let half = range.start + range.len() / 2;
        let (low, high) = rayon::join(
            || planes(layout, range.start..half, part, start, join),
            || planes(layout, half..range.end, part, start, join),
        );
        return join(low, high);
    }
    let [nx, ny, _] = layout.shape;
    range.fold(start, |sum, k| {
        (0..ny).fold(sum, |sum, j| {
            let first = layout.index([0, j, k]);
            let row = (0..nx).fold(start, |row, i| join(row, part([i, j, k], first + i)));
            join(sum, row)
        })
    })
}

/// The sum of a number of every sample, in a fixed order.
pub fn sum(layout: &Layout, part: impl Fn([usize; 3], usize) -> f64 + Sync) -> f64 {
    reduce(layout, part, 0.0, |a, b| a + b)
}
