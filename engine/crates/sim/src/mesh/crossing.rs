//! Triangles of a mesh that cross one another.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::{
    Mesh, Triangle,
    bvh::{Bounds, Bvh},
};

/// Neighbours of one triangle that are looked at.
const NEIGHBOURS: usize = 1000;

/// Pairs that are looked at in all, more or less: a few seconds.
const PAIRS: usize = 50_000_000;

/// Triangles that are looked at before the effort is added up.
const CHUNK: usize = 8192;

/// Volume of a tetrahedron, relative to the product of its longest edges, from which on it
/// is not flat: round-off of the coordinates is 1e-16.
const FLAT: f64 = 1e-12;

/// Triangles that cross one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crossings {
    /// Pairs that were found.
    pub pairs: usize,
    /// One of them: numbers of triangles of the mesh.
    pub first: Option<[u32; 2]>,
    /// Whether all pairs that are near one another were looked at.
    pub complete: bool,
}

impl Crossings {
    /// The crossings of a mesh whose vertices are welded. Two triangles cross where an edge
    /// of one goes through the inside of the other; such that lie on one another in a plane,
    /// or merely touch, do not.
    pub fn of(mesh: &Mesh, tree: &Bvh) -> Self {
        let mut said = Self {
            complete: true,
            ..Self::default()
        };
        let mut effort = 0;
        let count = tree.triangles.len();
        for start in (0..count).step_by(CHUNK) {
            if effort > PAIRS {
                said.complete = false;
                break;
            }
            let chunk: Vec<_> = (start..count.min(start + CHUNK))
                .into_par_iter()
                .map(|index| of_one(mesh, tree, index))
                .collect();
            for found in chunk {
                effort += found.looked;
                said.pairs += found.pairs;
                said.complete &= found.looked < NEIGHBOURS;
                said.first = said.first.or(found.first);
            }
        }
        said
    }
}

#[derive(Default)]
struct Found {
    looked: usize,
    pairs: usize,
    first: Option<[u32; 2]>,
}

/// The pairs of a triangle with those behind it in the order of the leaves.
fn of_one(mesh: &Mesh, tree: &Bvh, index: usize) -> Found {
    let mut found = Found::default();
    let around = Bounds::of(&tree.triangles[index]);
    let own = mesh.triangles[tree.numbers[index] as usize];
    tree.near(&around, |other| {
        let near = other > index && Bounds::of(&tree.triangles[other]).meets(&around);
        if near {
            found.looked += 1;
            let theirs = mesh.triangles[tree.numbers[other] as usize];
            if cross(
                [own, theirs],
                [&tree.triangles[index], &tree.triangles[other]],
            ) {
                found.pairs += 1;
                found.first = found
                    .first
                    .or(Some([tree.numbers[index], tree.numbers[other]]));
            }
        }
        found.looked < NEIGHBOURS
    });
    found
}

/// Whether an edge of one triangle, without an end at a corner of the other, goes through
/// the inside of the other.
fn cross(corners: [[u32; 3]; 2], places: [&Triangle; 2]) -> bool {
    [(0, 1), (1, 0)].into_iter().any(|(one, other)| {
        (0..3).any(|from| {
            let to = (from + 1) % 3;
            let shared = |at: usize| corners[other].contains(&corners[one][at]);
            !shared(from)
                && !shared(to)
                && pierces(&places[one][from], &places[one][to], places[other])
        })
    })
}

/// Whether the segment from `p` to `q` goes through the inside of a triangle: its ends are
/// on both sides, and it passes all three edges on the same side (signed volumes; Segura &
/// Feito 2001). What is nearly flat does not.
fn pierces(p: &Vector3<f64>, q: &Vector3<f64>, [a, b, c]: &Triangle) -> bool {
    let volume = |a: &Vector3<f64>, b: &Vector3<f64>, c: &Vector3<f64>, d: &Vector3<f64>| {
        let [u, v, w] = [b - a, c - a, d - a];
        let volume = u.dot(&v.cross(&w));
        let size = u.norm() * v.norm() * w.norm();
        if volume.abs() > FLAT * size {
            volume
        } else {
            0.0
        }
    };
    let (below, above) = (volume(a, b, c, p), volume(a, b, c, q));
    if below * above >= 0.0 {
        return false;
    }
    let sides = [volume(p, q, a, b), volume(p, q, b, c), volume(p, q, c, a)];
    sides.iter().all(|&side| side > 0.0) || sides.iter().all(|&side| side < 0.0)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn crossings(mesh: &Mesh) -> Crossings {
        Crossings::of(mesh, &Bvh::new(mesh))
    }

    #[test]
    fn sound_meshes_do_not_cross_themselves() {
        for mesh in [ball(12), block([0.1, 2.0, 0.3], [5.0, 0.0, 0.1], 7)] {
            assert_eq!(
                crossings(&mesh),
                Crossings {
                    complete: true,
                    ..Crossings::default()
                }
            );
        }
    }

    #[test]
    fn balls_that_overlap_cross() {
        let mut other = ball(8);
        for vertex in &mut other.vertices {
            *vertex += Vector3::new(0.7, 0.31, 0.12);
        }
        let said = crossings(&both(ball(8), &other));
        assert!(said.pairs > 20 && said.complete, "{said:?}");
        // Of two, one triangle is of either ball.
        let half = ball(8).triangles.len() as u32;
        let [a, b] = said.first.unwrap();
        assert!((a < half) != (b < half));
        // Apart they do not.
        let far = other
            .vertices
            .iter()
            .map(|v| v + Vector3::x() * 2.0)
            .collect();
        let apart = both(
            ball(8),
            &Mesh {
                vertices: far,
                ..other
            },
        );
        assert_eq!(crossings(&apart).pairs, 0);
    }

    #[test]
    fn vertex_pushed_through_the_far_side_crosses() {
        let mut mesh = block([1.0, 0.1, 1.0], [0.0; 3], 6);
        let top = mesh
            .vertices
            .iter()
            .position(|v| (v - Vector3::new(0.0, 0.1, 0.0)).norm() < 1e-9);
        mesh.vertices[top.unwrap()] += Vector3::new(0.02, -0.3, 0.03);
        assert!(crossings(&mesh).pairs > 0);
    }

    #[test]
    fn effort_is_bounded() {
        // Thousands of triangles in one place.
        let spike = |k: usize| {
            let angle = k as f64 * 2.4;
            [
                Vector3::new(angle.cos(), angle.sin(), 0.3),
                Vector3::new(-angle.sin(), 0.2, angle.cos()),
                -Vector3::new(0.3, angle.sin(), angle.cos()),
            ]
        };
        let mesh = Mesh {
            vertices: (0..3000).flat_map(spike).collect(),
            triangles: (0..3000).map(|k| [3 * k, 3 * k + 1, 3 * k + 2]).collect(),
        };
        let said = crossings(&mesh);
        assert!(said.pairs > 0 && !said.complete);
    }
}
