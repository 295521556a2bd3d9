//! How crowded space is: what darkens crevices and tells the surface of the matter.

use nalgebra::Vector3;

use super::Ball;

/// Cells along the longest axis at most.
const MAX_CELLS: f64 = 96.0;

/// Cell in mean radii: a few balls a cell, so that single ones do not show.
const CELL_RADII: f64 = 3.2;

/// Places out of a surface that are asked whether they are filled: distance in cells,
/// and share of the light that a filled place takes (an exponent).
const FEELERS: [(f64, f64); 4] = [(0.8, 0.45), (1.7, 0.40), (3.0, 0.35), (5.0, 0.30)];

/// Share of space that balls fill, on a coarse grid.
pub(super) struct Crowd {
    /// Height of the floor (m), in which everything is mirrored: it has no crevice below.
    floor: f64,
    low: Vector3<f64>,
    cell: f64,
    count: [usize; 3],
    /// By cell, z fastest.
    filled: Vec<f64>,
}

impl Crowd {
    /// Spreads every ball, as a cube of its diameter, over the eight cells around it.
    pub fn new(balls: &[Ball], floor: f64) -> Self {
        let (Some(low), Some(high)) = (
            balls
                .iter()
                .map(|ball| ball.centre)
                .reduce(|a, b| a.inf(&b)),
            balls
                .iter()
                .map(|ball| ball.centre)
                .reduce(|a, b| a.sup(&b)),
        ) else {
            return Self {
                floor,
                low: Vector3::zeros(),
                cell: 1.0,
                count: [0; 3],
                filled: Vec::new(),
            };
        };
        let radii: f64 = balls.iter().map(|ball| ball.radius).sum();
        let cell = (CELL_RADII * radii / balls.len() as f64).max((high - low).max() / MAX_CELLS);
        // Two empty cells around.
        let low = low - Vector3::repeat(2.0 * cell);
        let count = [0, 1, 2].map(|axis| ((high[axis] - low[axis]) / cell) as usize + 4);
        let mut crowd = Self {
            floor,
            low,
            cell,
            count,
            filled: vec![0.0; count.iter().product()],
        };
        for ball in balls {
            let volume = (2.0 * ball.radius / cell).powi(3);
            for (at, weight) in crowd.corners(&ball.centre) {
                if let Some(filled) = crowd.filled.get_mut(at) {
                    *filled += volume * weight;
                }
            }
        }
        crowd
    }

    /// The eight cells around a point with their linear weights; a place past the end
    /// where there is no cell.
    fn corners(&self, point: &Vector3<f64>) -> [(usize, f64); 8] {
        let place = (point - self.low) / self.cell;
        let base = place.map(f64::floor);
        let part = place - base;
        std::array::from_fn(|corner| {
            let (mut at, mut weight) = (0, 1.0);
            for axis in 0..3 {
                let upper = corner >> axis & 1;
                let cell = base[axis] + upper as f64;
                if !(cell >= 0.0 && cell < self.count[axis] as f64) {
                    return (usize::MAX, 0.0);
                }
                at = at * self.count[axis] + cell as usize;
                weight *= if upper == 1 {
                    part[axis]
                } else {
                    1.0 - part[axis]
                };
            }
            (at, weight)
        })
    }

    /// Filled share at a point, 0 to 1.
    fn filled(&self, point: &Vector3<f64>) -> f64 {
        let mirrored = Vector3::new(point.x, 2.0 * self.floor - point.y, point.z);
        let corners = [point, &mirrored]
            .into_iter()
            .flat_map(|at| self.corners(at));
        let filled = |(at, weight): (usize, f64)| self.filled.get(at).map_or(0.0, |x| x * weight);
        corners.map(filled).sum::<f64>().min(1.0)
    }

    /// Share of the sky that a surface sees, by feelers along its normal.
    pub fn open(&self, point: &Vector3<f64>, normal: &Vector3<f64>, strength: f64) -> f64 {
        let mut dark = 0.0;
        for (distance, share) in FEELERS {
            dark += share * self.filled(&(point + normal * (distance * self.cell)));
        }
        (-strength * dark).exp()
    }

    /// Way out of the matter at a point: of length 1 at its surface, 0 deep inside.
    pub fn outward(&self, point: &Vector3<f64>) -> Vector3<f64> {
        let slope = Vector3::from_fn(|axis, _| {
            let step = Vector3::ith(axis, 1.2 * self.cell);
            self.filled(&(point - step)) - self.filled(&(point + step))
        });
        let length = slope.norm();
        // A surface takes the share from full to nothing; half of that is enough.
        if length > 0.0 {
            slope * ((2.0 * length).min(1.0) / length)
        } else {
            slope
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_of_balls_is_full_inside_and_points_outwards() {
        let ball = |i: usize| Ball {
            centre: Vector3::new((i / 400) as f64, (i / 20 % 20) as f64, (i % 20) as f64),
            radius: 0.5,
            rgb: [0; 3],
        };
        let balls: Vec<_> = (0..8000).map(ball).collect();
        let crowd = Crowd::new(&balls, -9.0);
        let middle = Vector3::repeat(9.5);
        assert!((crowd.filled(&middle) - 1.0).abs() < 0.2);
        // Cells hold unlike numbers of balls, so it is not zero.
        assert!(crowd.outward(&middle).norm() < 0.4);
        let top = Vector3::new(9.5, 19.0, 9.5);
        let up = crowd.outward(&top);
        assert!(up.y > 0.9 && up.y <= 1.0, "{up}");
        assert!(crowd.open(&top, &Vector3::y(), 1.0) > crowd.open(&top, &Vector3::x(), 1.0));
        assert_eq!(crowd.filled(&Vector3::repeat(1e9)), 0.0);
        assert_eq!(Crowd::new(&[], 0.0).open(&middle, &Vector3::y(), 1.0), 1.0);
    }
}
