//! Pictures of a quantity of every cell, seen along an axis.

use super::{Image, PictureError};

/// What is to be drawn of a gas.
#[derive(Debug, Clone, PartialEq)]
pub struct GasPicture<'a> {
    /// Cells along each axis.
    pub cells: [usize; 3],
    /// The quantity in each cell, x fastest.
    pub values: &'a [f64],
    /// Share of each cell that solids take.
    pub solid: &'a [f64],
    /// Values that are dark and bright; the least and the greatest if there is none.
    pub range: Option<[f64; 2]>,
    /// Points of matter, in cells from the lower corner.
    pub points: &'a [[f64; 3]],
    /// Longer side (pixels).
    pub side: usize,
}

/// Colours from least to greatest, evenly bright in between: dark blue over teal and green to
/// yellow.
const RAMP: [[f64; 3]; 5] = [
    [26.0, 24.0, 62.0],
    [49.0, 82.0, 139.0],
    [33.0, 145.0, 140.0],
    [122.0, 201.0, 87.0],
    [253.0, 231.0, 76.0],
];

/// Solids (sRGB).
const SOLID: [f64; 3] = [205.0, 208.0, 212.0];

/// Matter (sRGB).
const MATTER: [u8; 3] = [213, 94, 0];

fn ramp(at: f64) -> [f64; 3] {
    let at = at.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let low = (at as usize).min(RAMP.len() - 2);
    let share = at - low as f64;
    [0, 1, 2].map(|c| RAMP[low][c] + share * (RAMP[low + 1][c] - RAMP[low][c]))
}

impl GasPicture<'_> {
    /// Draws the mean along the shortest axis, which of a plane scene is the scene itself and
    /// else what shines through; solids where they take half of a line. The first of the other
    /// axes goes to the right, or x; the second up, or y.
    ///
    /// # Errors
    /// A size that no picture has.
    pub fn render(&self) -> Result<Image, PictureError> {
        let [nx, ny, nz] = self.cells;
        let along = (0..3)
            .rev()
            .min_by_key(|&axis| self.cells[axis])
            .unwrap_or(2);
        let [right, up] = match along {
            0 => [2, 1],
            1 => [0, 2],
            _ => [0, 1],
        };
        let (columns, rows) = (self.cells[right], self.cells[up]);
        let scale = self.side / columns.max(rows).max(1);
        let (width, height) = (scale * columns, scale * rows);
        if scale == 0 || width > super::MAX_SIDE || self.values.len() != nx * ny * nz {
            return Err(PictureError::Size { width, height });
        }
        let depth = self.cells[along] as f64;
        let strides = [1, nx, nx * ny];
        let mean = |field: &[f64], column: usize, row: usize| {
            let base = column * strides[right] + row * strides[up];
            let line = (0..self.cells[along]).map(|at| field[base + at * strides[along]]);
            line.sum::<f64>() / depth
        };
        let mut seen = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                seen.push((
                    mean(self.values, column, row),
                    mean(self.solid, column, row),
                ));
            }
        }
        let [low, high] = self.range.unwrap_or_else(|| {
            let free = seen.iter().filter(|(_, solid)| *solid < 0.5);
            let ends = free.fold(
                [f64::INFINITY, f64::NEG_INFINITY],
                |[low, high], (value, _)| [low.min(*value), high.max(*value)],
            );
            if ends[1] > ends[0] {
                ends
            } else {
                [ends[0], ends[0] + 1.0]
            }
        });
        let mut rgb = vec![0; 3 * width * height];
        for y in 0..height {
            for x in 0..width {
                let (value, solid) = seen[x / scale + columns * (rows - 1 - y / scale)];
                let colour = ramp((value - low) / (high - low));
                for c in 0..3 {
                    let shade = colour[c] + solid.min(1.0) * (SOLID[c] - colour[c]);
                    rgb[3 * (x + width * y) + c] = shade.round() as u8;
                }
            }
        }
        for point in self.points {
            let (x, y) = (point[right] * scale as f64, point[up] * scale as f64);
            let inside = (0.0..width as f64).contains(&x) && (0.0..height as f64).contains(&y);
            if inside {
                let pixel = x as usize + width * (height - 1 - y as usize);
                rgb[3 * pixel..3 * pixel + 3].copy_from_slice(&MATTER);
            }
        }
        Ok(Image { width, height, rgb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_is_up_and_solids_are_grey() {
        let values = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0];
        let mut solid = [0.0; 8];
        // The lower right column of cells.
        (solid[1], solid[5]) = (1.0, 1.0);
        let picture = GasPicture {
            cells: [2, 2, 2],
            values: &values,
            solid: &solid,
            range: None,
            points: &[[0.5, 1.5, 0.5]],
            side: 8,
        };
        let image = picture.render().unwrap();
        assert_eq!((image.width, image.height), (8, 8));
        let pixel = |x: usize, y: usize| &image.rgb[3 * (x + 8 * y)..][..3];
        assert_eq!(pixel(7, 0), [253, 231, 76]);
        assert_eq!(pixel(0, 7), [26, 24, 62]);
        assert_eq!(pixel(7, 7), [205, 208, 212]);
        assert_eq!(pixel(2, 1), MATTER);
        assert!(GasPicture { side: 1, ..picture }.render().is_err());
    }
}
