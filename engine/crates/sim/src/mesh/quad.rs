//! Four nodes of a tree at once, in single precision: how far they are at least.

use nalgebra::Vector3;

use super::{
    Triangle, area_vector,
    bvh::{Bounds, Bvh, Node},
};

/// Error of a distance relative to the coordinates that it is computed from: some units of
/// round-off of single precision (6e-8).
const ROUNDING: f32 = 2e-6;

/// Four children of a node, each within a box along the axes and within a cylinder along
/// the sum of its area vectors, which is flat where a surface is smooth. Coordinates are
/// relative to the middle of the tree (m).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quad {
    min: [[f32; 4]; 3],
    max: [[f32; 4]; 3],
    centre: [[f32; 4]; 3],
    /// Unit vector; zero where the triangles have no common direction.
    normal: [[f32; 4]; 3],
    /// Half of the height.
    height: [f32; 4],
    radius: [f32; 4],
}

/// A point as quads see it.
pub(super) struct Seen {
    point: [f32; 3],
    /// Bound of the error of a distance (m).
    error: f32,
}

impl Seen {
    pub fn from(point: &Vector3<f64>, tree: &Bvh) -> Self {
        let Bounds { min, max } = tree.bounds[0];
        let point = point - (min + max) * 0.5;
        let size = (point.norm() + (max - min).norm()) as f32;
        Self {
            point: [point.x, point.y, point.z].map(|x| x as f32),
            error: ROUNDING * size,
        }
    }
}

/// A bound from above of a distance in single precision (m), from its square (m^2).
#[inline]
pub(super) fn above(square: f64) -> f32 {
    square.sqrt() as f32 * (1.0 + ROUNDING)
}

impl Quad {
    /// The children of a node; `origin` is the middle of the tree (m).
    pub fn of(tree: &Bvh, node: Node, origin: &Vector3<f64>) -> Self {
        // An empty child is infinitely far away.
        let mut quad = Self {
            min: [[f32::INFINITY; 4]; 3],
            max: [[f32::NEG_INFINITY; 4]; 3],
            centre: [[0.0; 4]; 3],
            normal: [[0.0; 4]; 3],
            height: [f32::INFINITY; 4],
            radius: [f32::INFINITY; 4],
        };
        for (lane, child) in node.children().into_iter().enumerate() {
            let triangles = &tree.triangles[child.start..child.end];
            if triangles.is_empty() {
                continue;
            }
            let Bounds { min, max } = tree.bounds[child.index];
            let disc = Disc::around(triangles, &((min + max) * 0.5));
            for axis in 0..3 {
                quad.min[axis][lane] = (min[axis] - origin[axis]) as f32;
                quad.max[axis][lane] = (max[axis] - origin[axis]) as f32;
                quad.centre[axis][lane] = (disc.centre[axis] - origin[axis]) as f32;
                quad.normal[axis][lane] = disc.normal[axis] as f32;
            }
            quad.height[lane] = disc.height as f32;
            quad.radius[lane] = disc.radius as f32;
        }
        quad
    }

    /// Bounds from below of the distances of a point from the four (m).
    #[inline]
    pub fn distances(&self, Seen { point, error }: &Seen) -> [f32; 4] {
        let mut boxed = [0.0_f32; 4];
        for axis in 0..3 {
            for lane in 0..4 {
                let low = self.min[axis][lane] - point[axis];
                let high = point[axis] - self.max[axis][lane];
                let beyond = greater(greater(low, high), 0.0);
                boxed[lane] += beyond * beyond;
            }
        }
        let (mut square, mut along) = ([0.0_f32; 4], [0.0_f32; 4]);
        for axis in 0..3 {
            for lane in 0..4 {
                let way = point[axis] - self.centre[axis][lane];
                square[lane] += way * way;
                along[lane] += way * self.normal[axis][lane];
            }
        }
        let mut distances = [0.0; 4];
        for lane in 0..4 {
            // Round-off of the difference, relative to its parts.
            let rest = square[lane] * (1.0 - ROUNDING) - along[lane] * along[lane];
            let beside = greater(greater(rest, 0.0).sqrt() - self.radius[lane], 0.0);
            let beyond = greater(along[lane].abs() - self.height[lane], 0.0);
            let disc = beyond * beyond + beside * beside;
            distances[lane] = greater(disc, boxed[lane]).sqrt() - error;
        }
        distances
    }
}

/// The greater number, as one instruction: neither is NaN.
#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// A cylinder around triangles.
struct Disc {
    centre: Vector3<f64>,
    normal: Vector3<f64>,
    height: f64,
    radius: f64,
}

impl Disc {
    fn around(triangles: &[Triangle], middle: &Vector3<f64>) -> Self {
        let sum: Vector3<f64> = triangles.iter().map(area_vector).sum();
        let normal = sum.try_normalize(0.0).unwrap_or_default();
        let corners = || triangles.iter().flatten().map(|corner| corner - middle);
        let along = corners().map(|corner| normal.dot(&corner));
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = along.fold(ends, |(low, high), at| (low.min(at), high.max(at)));
        let across = |corner: Vector3<f64>| (corner - normal * normal.dot(&corner)).norm();
        Self {
            centre: middle + normal * ((low + high) * 0.5),
            normal,
            height: (high - low) * 0.5,
            radius: corners().map(across).fold(0.0, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::collider::testing::noise;

    #[test]
    fn no_node_is_nearer_than_its_bound() {
        let tree = Bvh::new(&ball(12).scaled(&Vector3::new(1.0, 3.0, 0.2)));
        let mut tight = 0;
        for seed in 0..300 {
            let p = noise(seed) * 2.0;
            let seen = Seen::from(&p, &tree);
            let children = tree.root().children();
            for node in children.into_iter().chain(children[1].children()) {
                let quad = Quad::of(&tree, node, &Vector3::zeros());
                for (bound, child) in quad.distances(&seen).into_iter().zip(node.children()) {
                    let least = (child.start..child.end).map(|index| tree.square(index, &p));
                    let least = least.fold(f64::INFINITY, f64::min).sqrt();
                    assert!(f64::from(bound) <= least, "{bound} {least}");
                    tight += usize::from(f64::from(bound) > 0.9 * least);
                }
            }
        }
        assert!(tight > 300, "{tight}");
    }
}
