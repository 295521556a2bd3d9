//! Trilinear interpolation at any point of the box.

use backflow_diff::Real;

use super::grid::{Grid, Layout};

/// What interpolation needs to know of a layout.
#[derive(Debug, Clone, Copy)]
pub struct Reach<T: Real> {
    /// Entry of the array at the lower corner of the box, along each axis.
    shift: [T; 3],
    /// Length of the box in cells.
    length: [T; 3],
    periodic: [bool; 3],
    strides: [usize; 3],
    last: [i32; 3],
}

/// The eight samples around a point and how far it is between them.
#[derive(Debug, Clone, Copy)]
pub struct Stencil<T: Real> {
    /// Entry of the lowest sample.
    pub base: usize,
    fraction: [T; 3],
    /// 0 along axes where the point was outside of the box and is taken on its side, else 1.
    slope: [T; 3],
    strides: [usize; 3],
}

impl<T: Real> Reach<T> {
    /// Of a field with `layout` on `grid`.
    pub fn new(grid: &Grid, layout: &Layout) -> Self {
        Self {
            shift: layout.offset().map(|offset| T::of(1.0 - offset)),
            length: grid.cells.map(|count| T::of(count as f64)),
            periodic: grid.periodic,
            strides: layout.strides(),
            last: layout.shape.map(|count| count as i32),
        }
    }

    /// The stencil at `point`, in cells from the lower corner of the box. A point outside is
    /// taken on the side that it went through; there the derivative along that axis is zero,
    /// also on the side itself, where that from outside is taken. Between samples, where the
    /// slope jumps, the derivative is that from above.
    #[inline(always)]
    pub fn stencil(&self, point: &[T; 3]) -> Stencil<T> {
        let (mut base, mut fraction, mut slope) = (0, [T::zero(); 3], [T::one(); 3]);
        for axis in 0..3 {
            let mut p = point[axis];
            if self.periodic[axis] {
                // Within one length of the box, whatever the speed.
                let turns = (p.to_f64() / self.length[axis].to_f64()).floor();
                p -= T::of(turns) * self.length[axis];
            } else if p <= T::zero() {
                p = T::zero();
                slope[axis] = T::zero();
            } else if p >= self.length[axis] {
                p = self.length[axis];
                slope[axis] = T::zero();
            }
            let q = p + self.shift[axis];
            let index = q.trunc_index().clamp(0, self.last[axis]);
            fraction[axis] = q - T::of(f64::from(index));
            base += index as usize * self.strides[axis];
        }
        Stencil {
            base,
            fraction,
            slope,
            strides: self.strides,
        }
    }
}

impl<T: Real> Stencil<T> {
    /// The eight entries, x fastest.
    #[inline(always)]
    pub fn entries(&self) -> [usize; 8] {
        let [x, y, z] = self.strides;
        let b = self.base;
        [
            b,
            b + x,
            b + y,
            b + x + y,
            b + z,
            b + x + z,
            b + y + z,
            b + x + y + z,
        ]
    }

    /// The weights of the eight entries.
    #[inline(always)]
    pub fn weights(&self) -> [T; 8] {
        let [fx, fy, fz] = self.fraction;
        let [gx, gy, gz] = self.fraction.map(|f| T::one() - f);
        let (yz, fyz) = ([gy * gz, fy * gz], [gy * fz, fy * fz]);
        [
            gx * yz[0],
            fx * yz[0],
            gx * yz[1],
            fx * yz[1],
            gx * fyz[0],
            fx * fyz[0],
            gx * fyz[1],
            fx * fyz[1],
        ]
    }

    /// The interpolated value.
    #[inline(always)]
    pub fn value(&self, data: &[T]) -> T {
        let [fx, fy, fz] = self.fraction;
        let [x, y, z] = self.strides;
        let line = |at: usize| {
            let (a, b) = (data[at], data[at + x]);
            a + fx * (b - a)
        };
        let plane = |at: usize| {
            let (a, b) = (line(at), line(at + y));
            a + fy * (b - a)
        };
        let (a, b) = (plane(self.base), plane(self.base + z));
        a + fz * (b - a)
    }

    /// The gradient of the interpolated value by the point, per cell.
    #[inline(always)]
    pub fn gradient(&self, data: &[T]) -> [T; 3] {
        let [fx, fy, fz] = self.fraction;
        let [gx, gy, gz] = self.fraction.map(|f| T::one() - f);
        let d = self.entries().map(|entry| data[entry]);
        let lines = [
            gx * d[0] + fx * d[1],
            gx * d[2] + fx * d[3],
            gx * d[4] + fx * d[5],
            gx * d[6] + fx * d[7],
        ];
        [
            self.slope[0]
                * (gz * (gy * (d[1] - d[0]) + fy * (d[3] - d[2]))
                    + fz * (gy * (d[5] - d[4]) + fy * (d[7] - d[6]))),
            self.slope[1] * (gz * (lines[1] - lines[0]) + fz * (lines[3] - lines[2])),
            self.slope[2] * (gy * (lines[2] - lines[0]) + fy * (lines[3] - lines[1])),
        ]
    }
}
