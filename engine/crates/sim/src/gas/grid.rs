//! The staggered grid: which quantity is sampled where.

use nalgebra::Vector3;

/// A box of cubic cells. Scalars are sampled at the centres of cells, each component of the
/// velocity at the centres of the faces that it is normal to (Harlow & Welch 1965).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Lower corner (m).
    pub origin: Vector3<f64>,
    /// Edge of a cell (m).
    pub dx: f64,
    /// Cells along each axis.
    pub cells: [usize; 3],
    /// Axes along which the box repeats itself.
    pub periodic: [bool; 3],
}

/// Where in a cell a field is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its centre.
    Centre,
    /// At the centre of its lower face normal to this axis.
    Face(usize),
}

/// Which samples a field has, and where they lie in its array.
///
/// The array has a layer of ghosts around the samples, x runs fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Where the samples are.
    pub place: Place,
    /// Samples along each axis, without ghosts.
    pub shape: [usize; 3],
}

impl Grid {
    /// The layout of a field that is sampled at `place`. Normal to an axis there is one face
    /// more than cells, but on a periodic axis, where the last is the first.
    pub fn layout(&self, place: Place) -> Layout {
        let mut shape = self.cells;
        if let Place::Face(axis) = place
            && !self.periodic[axis]
        {
            shape[axis] += 1;
        }
        Layout { place, shape }
    }

    /// The layouts of the three components of the velocity.
    pub fn faces(&self) -> [Layout; 3] {
        [0, 1, 2].map(|axis| self.layout(Place::Face(axis)))
    }

    /// The layout of a scalar.
    pub fn centres(&self) -> Layout {
        self.layout(Place::Centre)
    }

    /// Number of cells.
    pub fn count(&self) -> usize {
        self.cells.iter().product()
    }

    /// Where sample `at` of `layout` is (m).
    pub fn point(&self, layout: &Layout, at: [usize; 3]) -> Vector3<f64> {
        let offset = layout.offset();
        self.origin + Vector3::from_fn(|axis, _| (at[axis] as f64 + offset[axis]) * self.dx)
    }
}

/// The places of a box of so many, x fastest.
pub fn places([x, y, z]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..x * y * z).map(move |index| [index % x, index / x % y, index / (x * y)])
}

impl Layout {
    /// Where sample (0, 0, 0) is, in cells from the lower corner of the grid.
    pub fn offset(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| {
            if self.place == Place::Face(axis) {
                0.0
            } else {
                0.5
            }
        })
    }

    /// Entries along each axis, ghosts included.
    pub fn padded(&self) -> [usize; 3] {
        self.shape.map(|count| count + 2)
    }

    /// Distance of neighbours in the array, along each axis.
    pub fn strides(&self) -> [usize; 3] {
        let [x, y, _] = self.padded();
        [1, x, x * y]
    }

    /// Entries of the array, ghosts included.
    pub fn size(&self) -> usize {
        self.padded().iter().product()
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Entry of sample `at`.
    #[inline(always)]
    pub fn index(&self, at: [usize; 3]) -> usize {
        let [x, y, _] = self.padded();
        (at[0] + 1) + x * ((at[1] + 1) + y * (at[2] + 1))
    }
}
