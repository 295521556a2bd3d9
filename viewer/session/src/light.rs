//! Soft shadows of matter on itself and on the floor.
//!
//! The share of space that matter takes is gathered on a coarse grid. Light comes in from above
//! and is dimmed from layer to layer by `exp(-k phi s)`, with `phi` the share, `s` the way through
//! the layer and `k` the opacity (law of Beer and Lambert); each layer is the one above, moved
//! along the light. The cost is that of a pass over the particles and one over the grid.

use nalgebra::Vector3;

use crate::smoke::Veil;

/// Cells along the longest side of the grid.
const CELLS: usize = 56;

/// How fast full matter dims the light (1/m), times the diagonal of the domain.
const OPACITY: f32 = 60.0;

/// Direction that the light goes in, not normalised: towards lower x and z, and less than a cell
/// sideways from one layer of cells to the next.
pub const DIRECTION: [f32; 3] = [-0.45, -1.0, -0.35];

/// Light in and around a domain.
#[derive(Debug, Clone, Default)]
pub struct Light {
    min: [f32; 3],
    cell: f32,
    per_cell: f32,
    count: [usize; 3],
    /// Share of each cell that matter takes.
    share: Vec<f32>,
    /// Light that reaches each cell, 0 to 1: layers from the floor up, rows along z.
    lit: Vec<f32>,
    /// Light on the floor.
    floor: Vec<f32>,
    /// A layer to work in.
    layer: Vec<f32>,
}

impl Light {
    /// The light in a domain, with room for the shadows around it.
    pub fn new(bounds: &[Vector3<f64>; 2]) -> Self {
        let [min, max] = bounds.map(|corner| <[f32; 3]>::from(corner.map(|x| x as f32)));
        let height = max[1] - min[1];
        let reach = [0, 2].map(|axis| height * (DIRECTION[axis] / DIRECTION[1]).abs());
        let from = [min[0] - reach[0], min[1], min[2] - reach[1]];
        let to = [max[0] + reach[0], max[1], max[2] + reach[1]];
        let size: [f32; 3] = std::array::from_fn(|axis| to[axis] - from[axis]);
        let longest = size.iter().copied().fold(0.0, f32::max);
        let cell = (longest / CELLS as f32).max(f32::MIN_POSITIVE);
        let count = size.map(|size| ((size / cell).ceil() as usize).max(1));
        let cells = count.iter().product();
        Self {
            min: from,
            cell,
            per_cell: cell.recip(),
            count,
            share: vec![0.0; cells],
            lit: vec![1.0; cells],
            floor: vec![1.0; count[0] * count[2]],
            layer: vec![1.0; count[0] * count[2]],
        }
    }

    fn per_layer(&self) -> usize {
        self.count[0] * self.count[2]
    }

    /// Place in cells of a point.
    fn place(&self, x: &[f32; 3]) -> [f32; 3] {
        std::array::from_fn(|axis| (x[axis] - self.min[axis]) * self.per_cell)
    }

    fn index(&self, x: &[f32; 3]) -> usize {
        let at: [usize; 3] = {
            let place = self.place(x);
            std::array::from_fn(|axis| (place[axis].max(0.0) as usize).min(self.count[axis] - 1))
        };
        at[1] * self.per_layer() + at[2] * self.count[0] + at[0]
    }

    /// Lets light fall on particles, which come in groups of one volume (m^3) each, through smoke
    /// if there is any.
    pub fn fall<'a>(
        &mut self,
        groups: impl Iterator<Item = (&'a [[f32; 3]], f32)>,
        smoke: Option<&Veil>,
        scale: f32,
    ) {
        self.share.fill(0.0);
        let cell_volume = self.cell.powi(3);
        for (positions, volume) in groups {
            let share = volume / cell_volume;
            for x in positions {
                let index = self.index(x);
                self.share[index] += share;
            }
        }
        let way = self.cell * (DIRECTION.iter().map(|d| d * d).sum::<f32>()).sqrt();
        let step = way / DIRECTION[1].abs();
        let dim = OPACITY / scale.max(f32::MIN_POSITIVE) * step;
        // How far light moves sideways from one layer to the one below, in cells.
        let slant = [0, 2].map(|axis| DIRECTION[axis] / DIRECTION[1]);
        let layer = self.per_layer();
        let mut above = std::mem::take(&mut self.floor);
        let mut here = std::mem::take(&mut self.layer);
        above.fill(1.0);
        for height in (0..self.count[1]).rev() {
            let cells = height * layer..(height + 1) * layer;
            self.lit[cells.clone()].copy_from_slice(&above);
            for (through, share) in above.iter_mut().zip(&self.share[cells]) {
                if *share > 0.0 {
                    *through *= (-dim * share.min(1.0)).exp();
                }
            }
            if let Some(smoke) = smoke {
                self.veil(smoke, height, step, &mut above);
            }
            shifted(&above, self.count[0], slant, &mut here);
            std::mem::swap(&mut above, &mut here);
        }
        (self.floor, self.layer) = (above, here);
    }

    /// Dims the light that goes a `step` (m) through the smoke in a layer.
    fn veil(&self, smoke: &Veil, height: usize, step: f32, through: &mut [f32]) {
        for (index, through) in through.iter_mut().enumerate() {
            let at = [index % self.count[0], height, index / self.count[0]];
            let middle = |axis: usize| self.min[axis] + (at[axis] as f32 + 0.5) * self.cell;
            let extinction = smoke.at(&[middle(0), middle(1), middle(2)]);
            if extinction > 0.0 {
                *through *= (-extinction * step).exp();
            }
        }
    }

    /// The light at a point, 0 to 1.
    pub fn at(&self, x: &[f32; 3]) -> f32 {
        let place = self.place(x);
        // The cell below along each axis, the step to the one above, and the part of the latter.
        let mut index = 0;
        let (mut step, mut part) = ([0; 3], [0.0; 3]);
        let strides = [1, self.per_layer(), self.count[0]];
        for axis in 0..3 {
            let last = (self.count[axis] - 1) as f32;
            let at = (place[axis] - 0.5).clamp(0.0, last);
            let base = (at as usize).min(self.count[axis].saturating_sub(2));
            part[axis] = at - base as f32;
            index += base * strides[axis];
            step[axis] = strides[axis].min(strides[axis] * (self.count[axis] - 1));
        }
        let mix = |axis: usize, [here, next]: [f32; 2]| here + (next - here) * part[axis];
        let row = |at: usize| mix(0, [at, at + step[0]].map(|at| self.lit[at]));
        let sheet = |at: usize| mix(2, [at, at + step[2]].map(row));
        mix(1, [index, index + step[1]].map(sheet))
    }

    /// Light on the floor, 0 to 255: width, height and rows along z.
    pub fn floor(&self) -> ([usize; 2], impl Iterator<Item = u8> + '_) {
        let bytes = self.floor.iter().map(|light| (light * 255.0) as u8);
        ([self.count[0], self.count[2]], bytes)
    }

    /// Lower corner and size of what [`Light::floor`] covers (m), along x and z.
    pub fn floor_extent(&self) -> ([f32; 2], [f32; 2]) {
        let size = [0, 2].map(|axis| self.count[axis] as f32 * self.cell);
        ([self.min[0], self.min[2]], size)
    }
}

/// A layer moved by parts of a cell towards lower x and z, bilinearly; light comes in freely from
/// outside.
fn shifted(from: &[f32], width: usize, [right, far]: [f32; 2], to: &mut [f32]) {
    let rows = from.chunks_exact(width);
    for (row, moved) in rows.zip(to.chunks_exact_mut(width)) {
        for (pair, moved) in row.windows(2).zip(&mut *moved) {
            *moved = pair[0] + (pair[1] - pair[0]) * right;
        }
        if let (Some(last), Some(moved)) = (row.last(), moved.last_mut()) {
            *moved = last + (1.0 - last) * right;
        }
    }
    for index in 0..to.len() {
        let behind = to.get(index + width).copied().unwrap_or(1.0);
        to[index] += (behind - to[index]) * far;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lit(points: &[[f32; 3]], volume: f32) -> Light {
        let mut light = Light::new(&[Vector3::zeros(), Vector3::repeat(1.0)]);
        light.fall(std::iter::once((points, volume)), None, 1.7);
        light
    }

    #[test]
    fn without_matter_it_is_light_everywhere() {
        let light = lit(&[], 0.0);
        assert!((light.at(&[0.3, 0.2, 0.9]) - 1.0).abs() < 1e-6);
        assert!(light.floor().1.all(|light| light == 255));
    }

    #[test]
    fn matter_shades_what_is_behind_it_as_seen_from_the_light() {
        let block: Vec<[f32; 3]> = (0..1000)
            .map(|n| [n % 10, n / 10 % 10, n / 100].map(|n| 0.45 + 0.01 * n as f32))
            .collect();
        let light = lit(&block, 1e-6);
        let behind =
            |way: f32| -> [f32; 3] { std::array::from_fn(|axis| 0.5 + way * DIRECTION[axis]) };
        assert!(light.at(&behind(0.15)) < 0.5, "{}", light.at(&behind(0.15)));
        assert!(light.at(&behind(-0.3)) > 0.99);
        assert!(light.at(&[0.9, 0.1, 0.9]) > 0.99);
        let darkest = light.floor().1.min().unwrap();
        assert!(darkest < 200, "{darkest}");
    }
}
