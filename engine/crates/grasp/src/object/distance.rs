//! The distance alone, without its derivatives, and what it is at least: most balls of a hand
//! are far enough away that nothing else is asked of them.

use backflow_diff::Real;
use backflow_sim::collider::{DistanceGrid, Raster};
use nalgebra::Vector3;

/// By how much the spline of the distance may be steeper than one, with room to spare (1).
pub const SLACK: f64 = 1.25;

/// Distances at the nodes of a grid, for a look at one of them in place of sixty-four.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor {
    raster: Raster,
    /// Distances (m), x innermost.
    nodes: Vec<f32>,
}

impl Floor {
    /// Of a field.
    pub fn new(field: &DistanceGrid) -> Self {
        let raster = *field.raster();
        let [nx, ny, nz] = raster.counts;
        let mut nodes = Vec::with_capacity(nx * ny * nz);
        for k in 0..nz {
            for j in 0..ny {
                nodes.extend((0..nx).map(|i| distance(field, &raster.node([i, j, k])) as f32));
            }
        }
        Self { raster, nodes }
    }

    /// Whether no node is deeper inside than half of a cell: then hardly anything is known of what
    /// is inside.
    pub fn is_thin(&self) -> bool {
        let deepest = self
            .nodes
            .iter()
            .fold(0.0, |deep: f32, &node| deep.max(-node));
        f64::from(deepest) < 0.5 * self.raster.spacing
    }

    /// A distance (m) that [`distance`] does not fall short of at a point: that of the nearest
    /// node, less [`SLACK`] times the way to it.
    #[inline]
    pub fn at(&self, point: &Vector3<f64>) -> f64 {
        let (spacing, counts) = (self.raster.spacing, self.raster.counts);
        let scale = 1.0 / spacing;
        let (mut index, mut square, mut beyond) = (0, 0.0, 0.0);
        for axis in (0..3).rev() {
            let u = (point[axis] - self.raster.origin[axis]) * scale;
            let inside = u.clamp(2.0, (counts[axis].saturating_sub(3) as f64).max(2.0));
            let node = inside.round();
            square += (inside - node) * (inside - node);
            beyond += (u - inside) * (u - inside);
            index = index * counts[axis] + node as usize;
        }
        // Of a raster that was cut off nothing is known.
        let known = self
            .nodes
            .get(index)
            .map_or(f64::NEG_INFINITY, |&node| f64::from(node));
        known + (beyond.sqrt() - SLACK * square.sqrt()) * spacing - ROUND_OFF
    }
}

/// What single precision may lose of a distance (m).
const ROUND_OFF: f64 = 1e-6;

/// The distance (m) that a probe of the grid says, at a quarter of its cost: the tensor product
/// of cubic B-splines (de Boor 1978, chapter IX) at the nearest point of the grid, and the way
/// from there.
pub fn distance<T: Real>(field: &DistanceGrid, point: &Vector3<T>) -> T {
    let raster = field.raster();
    let (scale, spacing) = (T::of(1.0 / raster.spacing), T::of(raster.spacing));
    let mut first = [0; 3];
    let mut weights = [[T::zero(); 4]; 3];
    let mut beyond = T::zero();
    for axis in 0..3 {
        let mut u = (point[axis] - T::of(raster.origin[axis])) * scale;
        // The spline covers the nodes but for the outer two of each side.
        let (low, high) = (2.0, raster.counts[axis].saturating_sub(3) as f64);
        let clamped = if u < T::of(low) {
            T::of(low)
        } else if u > T::of(high) {
            T::of(high)
        } else {
            u
        };
        let way = (u - clamped) * spacing;
        beyond += way * way;
        u = clamped;
        let last = raster.counts[axis].saturating_sub(4) as i32;
        let cell = u.trunc_index().clamp(2, last.max(2));
        weights[axis] = around(u - T::of(f64::from(cell)));
        first[axis] = cell as usize - 1;
    }
    let [row, plane] = [raster.counts[0], raster.counts[0] * raster.counts[1]];
    let start = first[0] + first[1] * row + first[2] * plane;
    let coefficients = field.spline().coefficients();
    let [x, y, z] = weights;
    let mut value = T::zero();
    for k in 0..4 {
        let mut sum = T::zero();
        for j in 0..4 {
            let at = start + k * plane + j * row;
            // A raster that was cut off reads as zeros.
            let line = coefficients.get(at..at + 4).unwrap_or(&[0.0; 4]);
            let mut along = T::zero();
            for i in 0..4 {
                along += x[i] * T::of(f64::from(line[i]));
            }
            sum += y[j] * along;
        }
        value += z[k] * sum;
    }
    if beyond > T::zero() {
        value + beyond.sqrt()
    } else {
        value
    }
}

/// Weights of the four nodes about a part `t` of a cell, in [0, 1].
#[inline(always)]
fn around<T: Real>(t: T) -> [T; 4] {
    let (sixth, half) = (T::of(1.0 / 6.0), T::of(0.5));
    let r = T::one() - t;
    let (tt, rr) = (t * t, r * r);
    let middle = |tt: T, t: T| half * tt * t - tt + T::of(2.0 / 3.0);
    [rr * r * sixth, middle(tt, t), middle(rr, r), tt * t * sixth]
}

#[cfg(test)]
mod tests {
    use backflow_sim::collider::SignedDistance;
    use num_dual::Dual64;

    use super::*;
    use crate::testing::{ball, noise};

    #[test]
    fn floor_is_below_and_near() {
        let field = ball(0.04).field;
        let (floor, cell) = (Floor::new(&field), field.raster().spacing);
        for seed in 0..400 {
            let point = noise(seed) * (0.02 + 0.0005 * seed as f64);
            let (found, true_one) = (floor.at(&point), distance(&field, &point));
            assert!(found <= true_one, "{point}: {found} {true_one}");
            // Half a diagonal of a cell away, from a node that is as much nearer or farther.
            assert!(
                true_one - found < 2.25 * 0.87 * cell + 1e-5,
                "{point}: {found} {true_one}"
            );
        }
    }

    #[test]
    fn it_is_that_of_a_probe_on_the_grid_and_beyond() {
        let field = ball(0.04).field;
        for seed in 0..200 {
            // From within the ball to far beyond the grid.
            let point = noise(seed) * (0.02 + 0.001 * seed as f64);
            let known: f64 = field.probe(&point).distance;
            let found = distance(&field, &point);
            assert!((found - known).abs() < 1e-14, "{point}: {found} {known}");
            let way = noise(seed + 1000);
            let moved = distance(&field, &point.zip_map(&way, Dual64::new)).eps;
            let bar = field.probe_vjp(&point, 1.0, &Vector3::zeros());
            assert!((moved - bar.dot(&way)).abs() < 1e-12, "{point}: {moved}");
        }
    }
}
