//! The solid that a mesh bounds.

use nalgebra::Vector3;

use super::{LARGEST, Mesh, bvh::Bvh, report::unusable, winding::Winding};

/// A mesh that bounds a solid: a point is inside where the [`Winding`] number exceeds one
/// half. Holes and overlaps are borne, as far as that says what is inside.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshSolid {
    mesh: Mesh,
    tree: Bvh,
    winding: Winding,
    volume: f64,
}

/// Why a mesh bounds no solid; it says what was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeshFault {
    /// There are no triangles.
    #[error("a mesh with triangles")]
    Empty,
    /// Vertices are not finite.
    #[error("a mesh with finite vertices up to {LARGEST:e} m, not {0} others")]
    NotFinite(usize),
    /// Triangles name vertices that are not there.
    #[error("a mesh whose triangles have their vertices, not {0} without")]
    OutOfRange(usize),
    /// Its volume is negative.
    #[error("a mesh that faces outwards, not inside out (its volume is {0:.3e} m^3)")]
    InsideOut(f64),
    /// Its volume is zero.
    #[error("a mesh that bounds a volume")]
    Flat,
    /// It has holes, or triangles that face the wrong way.
    #[error(
        "a mesh without holes larger than a cell of its distance grid ({cell:.3e} m): it has {open} open edges and \
         {inconsistent} between triangles that face opposite ways, the largest hole is {size:.3e} m across"
    )]
    Open {
        /// Edges of one triangle alone.
        open: usize,
        /// Edges between triangles that face opposite ways.
        inconsistent: usize,
        /// Size of the largest hole (m).
        size: f64,
        /// Cell of the grid (m).
        cell: f64,
    },
    /// Its distance grid would be too large.
    #[error(
        "a distance grid of at most {limit} nodes, not {nodes}: fewer cells or a narrower layer of contact"
    )]
    Fine {
        /// Nodes that it would have.
        nodes: usize,
        /// Nodes that it may have.
        limit: usize,
    },
    /// As a sheet it is too thin for its distance grid.
    #[error(
        "a sheet of at least three cells of its distance grid, {least:.3e} m, not {thickness:.3e} m: thicker or finer"
    )]
    Thin {
        /// Thickness (m).
        thickness: f64,
        /// The least that would do (m).
        least: f64,
    },
    /// It crosses itself.
    #[error(
        "a mesh that does not cross itself: {pairs} pairs of its triangles do, such as {a} and {b}"
    )]
    Crossing {
        /// Pairs that were found.
        pairs: usize,
        /// Triangle of one of them.
        a: u32,
        /// The other.
        b: u32,
    },
}

impl MeshSolid {
    /// The solid of a mesh.
    ///
    /// # Errors
    /// It bounds no volume, or not all of its vertices are there and finite.
    pub fn new(mesh: Mesh) -> Result<Self, MeshFault> {
        whole(&mesh)?;
        let volume = mesh.volume();
        // Round-off of a sum that cancels.
        let rounding = 1e-14 * mesh.area().powf(1.5);
        if volume < -rounding {
            return Err(MeshFault::InsideOut(volume));
        } else if volume <= rounding {
            return Err(MeshFault::Flat);
        }
        let tree = Bvh::new(&mesh);
        let winding = Winding::new(&tree);
        Ok(Self {
            mesh,
            tree,
            winding,
            volume,
        })
    }

    /// Winding number about a point (1).
    pub fn winding(&self, point: &Vector3<f64>) -> f64 {
        self.winding.number(&self.tree, point)
    }

    /// Whether a point (m) is inside.
    pub fn contains(&self, point: &Vector3<f64>) -> bool {
        self.winding(point) > 0.5
    }

    /// Volume (m^3).
    pub fn volume(&self) -> f64 {
        self.volume
    }

    /// Its triangles.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The tree over its triangles.
    pub fn tree(&self) -> &Bvh {
        &self.tree
    }

    /// How far it extends along a unit vector (m).
    pub fn support(&self, n: &Vector3<f64>) -> f64 {
        let along = self.mesh.vertices.iter().map(|corner| corner.dot(n));
        along.fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Whether a mesh has triangles, and all of their vertices.
pub(super) fn whole(mesh: &Mesh) -> Result<(), MeshFault> {
    let (not_finite, out_of_range) = unusable(mesh);
    if mesh.triangles.is_empty() {
        return Err(MeshFault::Empty);
    } else if not_finite > 0 {
        return Err(MeshFault::NotFinite(not_finite));
    } else if out_of_range > 0 {
        return Err(MeshFault::OutOfRange(out_of_range));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn ball_is_inside_its_surface() {
        let ball = MeshSolid::new(ball(16).scaled(&Vector3::repeat(0.5))).unwrap();
        assert!(
            (ball.mesh().reach() - 0.5).abs() < 1e-6
                && (ball.support(&Vector3::y()) - 0.5).abs() < 1e-6
        );
        for n in 0..100 {
            let n = crate::collider::testing::noise(n).normalize();
            assert!(ball.contains(&(n * 0.48)) && !ball.contains(&(n * 0.51)));
        }
    }

    #[test]
    fn ball_with_a_hole_still_has_an_inside() {
        let mut open = ball(16);
        let middles: Vec<f64> = open.faces().map(|[a, b, c]| (a + b + c).y / 3.0).collect();
        let mut middles = middles.iter();
        open.triangles.retain(|_| *middles.next().unwrap() < 0.95);
        let open = MeshSolid::new(open).unwrap();
        assert!(open.contains(&Vector3::zeros()) && open.contains(&Vector3::new(0.0, -0.9, 0.0)));
        assert!(!open.contains(&Vector3::new(0.0, 1.2, 0.0)));
    }

    #[test]
    fn what_bounds_nothing_is_refused() {
        let refused = |change: fn(&mut Mesh)| {
            let mut mesh = ball(4);
            change(&mut mesh);
            MeshSolid::new(mesh).unwrap_err()
        };
        assert_eq!(refused(|mesh| mesh.triangles.clear()), MeshFault::Empty);
        assert_eq!(
            refused(|mesh| mesh.vertices[0].x = f64::NAN),
            MeshFault::NotFinite(1)
        );
        assert_eq!(
            refused(|mesh| mesh.triangles[0][0] = 1 << 20),
            MeshFault::OutOfRange(1)
        );
        let turned = |mesh: &mut Mesh| {
            mesh.triangles
                .iter_mut()
                .for_each(|corners| corners.swap(0, 1))
        };
        assert!(matches!(refused(turned), MeshFault::InsideOut(volume) if volume < -3.0));
        let flat = |mesh: &mut Mesh| mesh.vertices.iter_mut().for_each(|v| v.y = 0.0);
        assert_eq!(refused(flat), MeshFault::Flat);
    }
}
