//! Which particles cannot be seen because they lie deep inside of matter.
//!
//! Space is cut into cells of two particles along each edge. A cell is full where matter takes half of it
//! or more, as it does even where matter is stretched or stirred; a particle is hidden where its cell
//! and the 26 around it are full: at least two layers of balls lie before it then.

/// Cells, at most: where there would be more, they are larger, and hide less.
const CELLS: usize = 1 << 21;

/// Share of a cell from which on it is full (1).
const FULL: f32 = 0.5;

/// Where matter is deep.
#[derive(Debug, Clone, Default)]
pub struct Depths {
    min: [f32; 3],
    per_cell: f32,
    count: [usize; 3],
    /// Share of each cell that matter takes.
    share: Vec<f32>,
    /// Whether a cell is full, then whether it and all around it are.
    full: Vec<bool>,
    before: Vec<bool>,
}

impl Depths {
    /// Finds where matter is deep, from groups of positions (m) with a radius (m) each.
    pub fn find<'a>(
        &mut self,
        groups: impl Iterator<Item = (&'a [[f32; 3]], f32)> + Clone,
    ) -> &mut Self {
        let (mut min, mut max, mut radius) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3], 0.0_f32);
        for (positions, own) in groups.clone() {
            for x in positions {
                min = std::array::from_fn(|axis| min[axis].min(x[axis]));
                max = std::array::from_fn(|axis| max[axis].max(x[axis]));
            }
            radius = radius.max(own);
        }
        self.count = [0; 3];
        // From the outside of the balls, so that cells hold whole layers of those that lie in rows.
        min = min.map(|x| x - radius);
        let size: [f32; 3] = std::array::from_fn(|axis| max[axis] + radius - min[axis]);
        let sound = radius > 0.0 && size.iter().all(|side| side.is_finite());
        if !sound {
            return self;
        }
        let mut edge = 4.0 * radius;
        let cells = |edge: f32| size.map(|side| (side / edge) as usize + 1);
        while cells(edge).iter().product::<usize>() > CELLS {
            edge *= 1.5;
        }
        (self.min, self.per_cell, self.count) = (min, edge.recip(), cells(edge));
        let all = self.count.iter().product();
        self.share.clear();
        self.share.resize(all, 0.0);
        for (positions, radius) in groups {
            let each = (2.0 * radius / edge).powi(3);
            for x in positions {
                let index = self.index(x);
                self.share[index] += each;
            }
        }
        self.full.clear();
        self.full
            .extend(self.share.iter().map(|&share| share >= FULL));
        let [nx, ny, _] = self.count;
        for (stride, line) in [(1, nx), (nx, nx * ny), (nx * ny, all)] {
            self.shrink(stride, line);
        }
        self
    }

    /// Lets a cell be full only where both of its neighbours `stride` apart are, in lines of so many.
    fn shrink(&mut self, stride: usize, line: usize) {
        self.before.clone_from(&self.full);
        let lines = self.before.chunks_exact(line);
        for (before, full) in lines.zip(self.full.chunks_exact_mut(line)) {
            let inner = line.saturating_sub(2 * stride);
            // The outermost have nothing beyond them.
            full[..stride].fill(false);
            full[line - stride..].fill(false);
            for at in stride..stride + inner {
                full[at] = before[at - stride] & before[at] & before[at + stride];
            }
        }
    }

    fn index(&self, x: &[f32; 3]) -> usize {
        let at = |axis: usize| {
            let place = (x[axis] - self.min[axis]) * self.per_cell;
            (place.max(0.0) as usize).min(self.count[axis] - 1)
        };
        (at(2) * self.count[1] + at(1)) * self.count[0] + at(0)
    }

    /// Whether a particle cannot be seen, which was among those it was found with.
    pub fn hide(&self, x: &[f32; 3]) -> bool {
        self.count[0] > 0 && self.full[self.index(x)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of particles 0.01 apart.
    fn block(count: [usize; 3]) -> Vec<[f32; 3]> {
        let [nx, ny, nz] = count;
        (0..nx * ny * nz)
            .map(|n| [n % nx, n / nx % ny, n / (nx * ny)].map(|n| 0.01 * n as f32))
            .collect()
    }

    #[test]
    fn what_lies_inside_of_a_block_is_hidden_and_its_shell_is_not() {
        let points = block([20; 3]);
        let mut depths = Depths::default();
        depths.find(std::iter::once((points.as_slice(), 0.005)));
        let mut hidden = 0;
        for x in &points {
            let depth = x.iter().map(|&x| (x.min(0.19 - x) / 0.01).round() as usize);
            let depth = depth.min().unwrap();
            if depths.hide(x) {
                hidden += 1;
                assert!(depth >= 2, "{x:?}");
            } else {
                assert!(depth < 4, "{x:?}");
            }
        }
        assert!(hidden > 1500, "{hidden}");
    }

    #[test]
    fn a_sheet_a_spray_and_nothing_hide_nothing() {
        let spray: Vec<[f32; 3]> = block([20; 3]).iter().map(|x| x.map(|x| 2.0 * x)).collect();
        for points in [block([40, 4, 40]), spray, Vec::new()] {
            let mut depths = Depths::default();
            depths.find(std::iter::once((points.as_slice(), 0.005)));
            assert!(points.iter().all(|x| !depths.hide(x)));
        }
    }

    #[test]
    fn matter_that_is_far_apart_takes_larger_cells() {
        let mut points = block([4; 3]);
        points.push([1e4, 1e4, 1e4]);
        let mut depths = Depths::default();
        depths.find(std::iter::once((points.as_slice(), 0.005)));
        assert!(depths.count.iter().product::<usize>() <= CELLS);
        assert!(points.iter().all(|x| !depths.hide(x)));
    }
}
