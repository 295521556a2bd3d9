//! Triangle meshes: reading them, what is wrong with them, and the solids that they bound.
//!
//! [`read()`] reads a file into a [`Mesh`]; [`Report`] says what is wrong with it;
//! [`MeshSolid`] tells what is inside; [`distance`] samples its signed distance on a grid,
//! which [`cache`] keeps; [`sheet`] does so for one that bounds nothing.

pub mod bvh;
pub mod cache;
mod closest;
mod crossing;
pub mod distance;
mod edges;
pub mod generate;
pub mod mass;
mod quad;
pub mod read;
pub mod report;
pub mod sheet;
pub mod solid;
mod weld;
pub mod winding;

use nalgebra::Vector3;

pub use read::{ReadError, read};
pub use report::Report;
pub use solid::{MeshFault, MeshSolid};

/// Triangles of a mesh, at most: what a machine with 4 GiB searches in seconds.
pub const TRIANGLES: usize = 4_000_000;

/// Coordinates of a mesh (m), at most: beyond, the squares of areas lose all digits.
pub const LARGEST: f64 = 1e12;

/// A triangle by its corners (m), counterclockwise seen from outside.
pub type Triangle = [Vector3<f64>; 3];

/// Triangles with shared corners, as they are in a file: nothing about them is certain.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mesh {
    /// Corners (m).
    pub vertices: Vec<Vector3<f64>>,
    /// Three corners each, counterclockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
}

impl Mesh {
    /// The corners of a triangle; `None` where it names a vertex that is not there.
    pub fn corners(&self, triangle: usize) -> Option<Triangle> {
        let [a, b, c] = self.triangles.get(triangle)?.map(|index| index as usize);
        let at = |index: usize| self.vertices.get(index).copied();
        Some([at(a)?, at(b)?, at(c)?])
    }

    /// The triangles whose corners are there.
    pub fn faces(&self) -> impl Iterator<Item = Triangle> + '_ {
        (0..self.triangles.len()).filter_map(|triangle| self.corners(triangle))
    }

    /// Lower and upper corner (m) of the box around all vertices that are finite; `None`
    /// where there are none.
    pub fn bounds(&self) -> Option<[Vector3<f64>; 2]> {
        let usable = self.vertices.iter().filter(|vertex| usable(vertex));
        usable.fold(None, |bounds, vertex| {
            let [min, max] = bounds.unwrap_or([*vertex; 2]);
            Some([min.inf(vertex), max.sup(vertex)])
        })
    }

    /// The mesh with its coordinates times `factors` (1), which are positive.
    #[must_use]
    pub fn scaled(mut self, factors: &Vector3<f64>) -> Self {
        for vertex in &mut self.vertices {
            vertex.component_mul_assign(factors);
        }
        self
    }

    /// Volume (m^3): the sum of signed tetrahedra over the triangles, negative where they face
    /// inwards. Taken about the centre of the bounds, so that a mesh far from the origin
    /// loses no digits.
    pub fn volume(&self) -> f64 {
        let centre = self
            .bounds()
            .map_or(Vector3::zeros(), |[min, max]| (min + max) * 0.5);
        self.faces()
            .map(|triangle| signed_volume(&triangle.map(|corner| corner - centre)))
            .sum()
    }

    /// Distance of the farthest vertex from the origin (m).
    pub fn reach(&self) -> f64 {
        self.vertices.iter().map(Vector3::norm).fold(0.0, f64::max)
    }

    /// Area (m^2).
    pub fn area(&self) -> f64 {
        self.faces()
            .map(|triangle| area_vector(&triangle).norm())
            .sum()
    }
}

/// Whether a vertex is finite and not absurdly far away.
pub(crate) fn usable(vertex: &Vector3<f64>) -> bool {
    vertex.iter().all(|x| (-LARGEST..=LARGEST).contains(x))
}

/// Signed volume (m^3) of the tetrahedron of the origin and a triangle, `a . (b x c) / 6`.
pub(crate) fn signed_volume([a, b, c]: &Triangle) -> f64 {
    a.dot(&b.cross(c)) / 6.0
}

/// Area vector of a triangle (m^2): along its normal, as long as its area.
pub(crate) fn area_vector([a, b, c]: &Triangle) -> Vector3<f64> {
    (b - a).cross(&(c - a)) * 0.5
}

#[cfg(test)]
pub(crate) mod testing;
