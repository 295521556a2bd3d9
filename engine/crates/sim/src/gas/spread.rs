//! Adding to entries of fields from many points at once, in an order that no thread changes.

use backflow_diff::Real;
use rayon::prelude::*;

use super::{field::Field, grid::Layout};

/// Planes of points that are spread by one task. Part of the result, not of the machine.
const PLANES: usize = 4;

/// A run of planes of a field that one task adds to; it grows where points lie farther away.
#[derive(Debug, Clone)]
pub struct Slab<T: Real> {
    /// First plane, ghosts counted.
    low: usize,
    /// Entries of a plane.
    plane: usize,
    data: Vec<T>,
}

impl<T: Real> Slab<T> {
    /// Adds to an entry of the field.
    #[inline(always)]
    pub fn add(&mut self, entry: usize, value: T) {
        let start = self.low * self.plane;
        if entry < start || entry >= start + self.data.len() {
            self.grow(entry);
        }
        self.data[entry - self.low * self.plane] += value;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, entry: usize) {
        let plane = entry / self.plane;
        if plane < self.low {
            let more = (self.low - plane) * self.plane;
            self.data.splice(0..0, std::iter::repeat_n(T::zero(), more));
            self.low = plane;
        } else {
            let planes = plane + 1 - self.low;
            self.data.resize(planes * self.plane, T::zero());
        }
    }

    fn reset(&mut self, layout: &Layout, low: usize, high: usize) {
        let [x, y, _] = layout.padded();
        self.low = low;
        self.plane = x * y;
        self.data.clear();
        self.data.resize((high - low) * self.plane, T::zero());
    }
}

/// The slabs of all tasks; memory is kept between uses.
#[derive(Debug, Clone)]
pub struct Spread<T: Real> {
    /// The slabs of each task for each target; those of the last run are the first of them.
    tasks: Vec<Vec<Slab<T>>>,
    /// Tasks of the last run.
    count: usize,
}

impl<T: Real> Default for Spread<T> {
    fn default() -> Self {
        Self {
            tasks: Vec::new(),
            count: 0,
        }
    }
}

impl<T: Real> Spread<T> {
    /// Runs `each` for every sample of `source`, with its entry in `own` and a slab for each
    /// of the `targets`.
    pub fn run<V: Send>(
        &mut self,
        source: &Layout,
        targets: &[Layout],
        own: &mut [V],
        each: impl Fn([usize; 3], usize, &mut V, &mut [Slab<T>]) + Sync,
    ) {
        let [nx, ny, nz] = source.shape;
        let [x, y, _] = source.padded();
        let (count, wanted) = (nz.div_ceil(PLANES), targets.len());
        let empty = Slab {
            low: 0,
            plane: 0,
            data: Vec::new(),
        };
        if self.tasks.len() < count {
            self.tasks.resize(count, Vec::new());
        }
        self.count = count;
        for (task, slabs) in self.tasks[..count].iter_mut().enumerate() {
            if slabs.len() < targets.len() {
                slabs.resize(targets.len(), empty.clone());
            }
            for (slab, layout) in slabs.iter_mut().zip(targets) {
                let planes = layout.padded()[2];
                let low = (task * PLANES).min(planes - 1);
                slab.reset(layout, low, (low + PLANES + 3).min(planes));
            }
        }
        // The planes of ghosts at both ends belong to no task.
        own[x * y..(nz + 1) * x * y]
            .par_chunks_mut(PLANES * x * y)
            .zip(&mut self.tasks[..count])
            .enumerate()
            .for_each(|(task, (entries, slabs))| {
                let first = task * PLANES;
                for k in first..(first + PLANES).min(nz) {
                    for j in 0..ny {
                        let start = (k - first) * x * y + (j + 1) * x + 1;
                        let index = source.index([0, j, k]);
                        for (i, entry) in entries[start..start + nx].iter_mut().enumerate() {
                            each([i, j, k], index + i, entry, &mut slabs[..wanted]);
                        }
                    }
                }
            });
    }

    /// Adds what the tasks have for target `which` to `field`, tasks in order.
    pub fn collect(&self, which: usize, field: &mut Field<T>) {
        let [x, y, _] = field.layout.padded();
        let plane = x * y;
        field
            .data
            .par_chunks_mut(plane)
            .enumerate()
            .for_each(|(k, entries)| {
                for slabs in &self.tasks[..self.count] {
                    let slab = &slabs[which];
                    let Some(start) = k.checked_sub(slab.low).map(|above| above * plane) else {
                        continue;
                    };
                    if let Some(parts) = slab.data.get(start..start + plane) {
                        for (entry, part) in entries.iter_mut().zip(parts) {
                            *entry += *part;
                        }
                    }
                }
            });
    }
}
