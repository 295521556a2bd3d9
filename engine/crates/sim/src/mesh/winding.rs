//! The generalised winding number: what is inside a mesh.

use std::f64::consts::PI;

use nalgebra::Vector3;

use super::{
    Triangle, area_vector,
    bvh::{Bvh, Node},
};

/// Radii of a cluster beyond which it acts as one dipole. The error falls with the square
/// of the ratio; Barill et al. use 2, and inside and outside differ by one half.
const FAR: f64 = 3.0;

/// The winding number `w = sum Omega_t / (4 pi)` of a mesh about points, with `Omega_t` the
/// signed solid angle of triangle `t`: an integer for closed meshes, and sensible for those
/// with holes or overlaps (Jacobson, Kavan & Sorkine-Hornung 2013). Far clusters of
/// triangles act as dipoles (Barill et al. 2018, order 1), which makes a query logarithmic
/// in their number.
#[derive(Debug, Clone, PartialEq)]
pub struct Winding {
    /// Of each node of the tree.
    clusters: Vec<Cluster>,
}

/// The triangles of a node as one dipole.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cluster {
    /// Centre by area (m).
    centre: Vector3<f64>,
    /// Square of the distance (m^2) from which on it acts as a dipole.
    far: f64,
    /// Sum of the area vectors (m^2).
    area: Vector3<f64>,
}

impl Winding {
    /// The clusters of a tree.
    pub fn new(tree: &Bvh) -> Self {
        let nothing = Cluster {
            centre: Vector3::zeros(),
            far: 0.0,
            area: Vector3::zeros(),
        };
        let mut clusters = vec![nothing; tree.bounds.len()];
        gather(tree, tree.root(), &mut clusters);
        Self { clusters }
    }

    /// Winding number about a point (1).
    pub fn number(&self, tree: &Bvh, point: &Vector3<f64>) -> f64 {
        let mut stack = arrayvec::ArrayVec::<Node, 64>::new();
        stack.push(tree.root());
        let mut angle = 0.0;
        while let Some(node) = stack.pop() {
            let cluster = &self.clusters[node.index];
            let away = cluster.centre - point;
            let square = away.norm_squared();
            if square > cluster.far {
                // A dipole of area vector A at r: Omega = A . r / |r|^3.
                angle += cluster.area.dot(&away) / (square * square.sqrt());
            } else if tree.is_leaf(node) {
                let triangles = &tree.triangles[node.start..node.end];
                angle += triangles.iter().map(|t| solid_angle(t, point)).sum::<f64>();
            } else {
                // Three nodes a level wait, and there are at most 16 levels.
                stack.extend(node.children());
            }
        }
        angle / (4.0 * PI)
    }
}

/// Fills in a node and those below; returns its area (m^2) and its area times centre.
fn gather(tree: &Bvh, node: Node, clusters: &mut [Cluster]) -> (f64, Vector3<f64>, Vector3<f64>) {
    let (weight, moment, area) = if tree.is_leaf(node) {
        let triangles = tree.triangles[node.start..node.end].iter();
        triangles.fold(
            (0.0, Vector3::zeros(), Vector3::zeros()),
            |(weight, moment, sum), triangle| {
                let area = area_vector(triangle);
                let [a, b, c] = triangle;
                (
                    weight + area.norm(),
                    moment + (a + b + c) * (area.norm() / 3.0),
                    sum + area,
                )
            },
        )
    } else {
        let children = node.children().map(|child| gather(tree, child, clusters));
        let nothing = (0.0, Vector3::zeros(), Vector3::zeros());
        children.iter().fold(nothing, |sum, next| {
            (sum.0 + next.0, sum.1 + next.1, sum.2 + next.2)
        })
    };
    let bounds = &tree.bounds[node.index];
    let centre = if weight > 0.0 {
        moment / weight
    } else {
        (bounds.min + bounds.max) * 0.5
    };
    // The farthest corner of its box bounds the radius of the cluster.
    let radius = (centre - bounds.min)
        .abs()
        .sup(&(bounds.max - centre).abs())
        .norm();
    clusters[node.index] = Cluster {
        centre,
        far: (FAR * radius).powi(2),
        area,
    };
    (weight, moment, area)
}

/// Signed solid angle of a triangle seen from a point, positive from its back
/// (Van Oosterom & Strackee 1983, eq. 8).
fn solid_angle(triangle: &Triangle, point: &Vector3<f64>) -> f64 {
    let [a, b, c] = triangle.map(|corner| corner - point);
    let (al, bl, cl) = (a.norm(), b.norm(), c.norm());
    let across = a.dot(&b.cross(&c));
    let along = al * bl * cl + a.dot(&b) * cl + b.dot(&c) * al + c.dot(&a) * bl;
    2.0 * across.atan2(along)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::ball, *};

    #[test]
    fn winding_is_one_inside_and_zero_outside() {
        let tree = Bvh::new(&ball(16));
        let winding = Winding::new(&tree);
        for n in 0..200 {
            let angle = f64::from(n);
            let n = Vector3::new(angle.cos(), (1.7 * angle).sin(), (0.6 * angle).sin()).normalize();
            for (radius, inside) in [
                (0.2, 1.0),
                (0.96, 1.0),
                (1.02, 0.0),
                (1.6, 0.0),
                (10.0, 0.0),
            ] {
                let w = winding.number(&tree, &(n * radius));
                assert!((w - inside).abs() < 0.1, "{radius} {w}");
            }
        }
    }

    #[test]
    fn dipoles_agree_with_the_exact_sum() {
        let tree = Bvh::new(&ball(16));
        let winding = Winding::new(&tree);
        for n in 0..50 {
            let point = Vector3::new(f64::from(n) * 0.05, 0.3, 0.1);
            let exact: f64 = tree.triangles.iter().map(|t| solid_angle(t, &point)).sum();
            assert!((winding.number(&tree, &point) - exact / (4.0 * PI)).abs() < 0.02);
        }
    }
}
