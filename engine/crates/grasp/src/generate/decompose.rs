//! Convex pieces of a mesh, by VHACD (Mamou and Ghorbel 2009) of the crate parry3d.

use std::cmp::Ordering;

use backflow_sim::mesh::{Mesh, mass::MassProperties};
use nalgebra::Vector3;
use parry3d_f64::{
    math::Vector,
    transformation::{
        try_convex_hull,
        vhacd::{VHACD, VHACDParameters},
    },
};

use crate::GraspError;

/// How fine pieces are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decomposition {
    /// Cells along the longest edge; default 48.
    pub resolution: u32,
    /// How far pieces may be from convex (1); default 0.005.
    pub concavity: f64,
    /// Pieces at most; default 24.
    pub most: u32,
    /// A mesh that fills this share of its hull is one piece; default 0.98.
    pub convex: f64,
}

impl Default for Decomposition {
    fn default() -> Self {
        Self {
            resolution: 48,
            concavity: 0.005,
            most: 24,
            convex: 0.98,
        }
    }
}

/// Convex pieces that together are about the mesh; pieces without a volume are left out.
///
/// # Errors
/// A mesh without a volume.
pub fn decompose(mesh: &Mesh, settings: &Decomposition) -> Result<Vec<Mesh>, GraspError> {
    let points: Vec<Vector> = mesh
        .vertices
        .iter()
        .map(|v| Vector::new(v.x, v.y, v.z))
        .collect();
    let solid = MassProperties::of(mesh).filter(|mass| mass.volume > 0.0);
    let whole = hull(&points);
    let (Some(solid), Some((whole, outer))) = (solid, whole) else {
        return Err(GraspError::Object {
            object: String::new(),
            field: "the volume",
            found: "none".to_owned(),
            expected: "a closed mesh with a volume",
        });
    };
    if solid.volume >= settings.convex * outer {
        return Ok(vec![whole]);
    }
    let parameters = VHACDParameters {
        resolution: settings.resolution,
        concavity: settings.concavity,
        max_convex_hulls: settings.most,
        ..VHACDParameters::default()
    };
    let parts = VHACD::decompose(&parameters, &points, &mesh.triangles, true);
    let pieces = parts.compute_exact_convex_hulls(&points, &mesh.triangles);
    let mut kept: Vec<Mesh> = pieces
        .iter()
        .filter_map(|(points, _)| hull(points))
        .map(|(piece, _)| piece)
        .collect();
    // The order of the parts is that of a hash map.
    let first = |piece: &Mesh| {
        let corners = piece.vertices.iter().map(|v| Vector::new(v.x, v.y, v.z));
        corners.min_by(order).unwrap_or_default()
    };
    kept.sort_by(|a, b| order(&first(a), &first(b)));
    Ok(if kept.is_empty() { vec![whole] } else { kept })
}

/// By x, then y, then z.
fn order(a: &Vector, b: &Vector) -> Ordering {
    a.x.total_cmp(&b.x)
        .then(a.y.total_cmp(&b.y))
        .then(a.z.total_cmp(&b.z))
}

/// The convex hull of points, whatever their order, and its volume; none if it has none.
fn hull(points: &[Vector]) -> Option<(Mesh, f64)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(order);
    sorted.dedup();
    let points = &sorted;
    let (vertices, triangles) = try_convex_hull(points).ok()?;
    let mesh = Mesh {
        vertices: vertices
            .iter()
            .map(|v| Vector3::new(v.x, v.y, v.z))
            .collect(),
        triangles,
    };
    let volume = MassProperties::of(&mesh)?.volume;
    (volume > 1e-9 * mesh.reach().powi(3)).then_some((mesh, volume))
}

#[cfg(test)]
mod tests {
    use nalgebra::UnitQuaternion;

    use super::*;
    use crate::generate::{Solid, march::surface};

    /// How far a vertex of a mesh is in front of one of its faces.
    fn bulge(mesh: &Mesh) -> f64 {
        let mut most: f64 = 0.0;
        for [a, b, c] in mesh.faces() {
            let normal = (b - a).cross(&(c - a)).normalize();
            for vertex in &mesh.vertices {
                most = most.max(normal.dot(&(vertex - a)));
            }
        }
        most
    }

    fn cuboid(centre: [f64; 3], half: [f64; 3]) -> Solid {
        Solid::Cuboid {
            centre: Vector3::from(centre),
            half: Vector3::from(half),
            turn: UnitQuaternion::identity(),
            edge: 0.0,
        }
    }

    #[test]
    fn an_angle_becomes_convex_pieces_of_its_volume() {
        let angle = cuboid([0.0, 0.0, 0.0], [0.6, 0.15, 0.2])
            .with(cuboid([-0.45, 0.4, 0.0], [0.15, 0.5, 0.2]), 0.0);
        let mesh = surface(&angle, 20).unwrap();
        let volume = mesh.volume();
        let pieces = decompose(&mesh, &Decomposition::default()).unwrap();
        assert!((2..=24).contains(&pieces.len()), "{}", pieces.len());
        for piece in &pieces {
            assert!(bulge(piece) < 1e-9, "{}", bulge(piece));
        }
        assert_eq!(pieces, decompose(&mesh, &Decomposition::default()).unwrap());
        // The hull of the whole would have half as much again.
        let sum: f64 = pieces.iter().map(Mesh::volume).sum();
        assert!((sum / volume - 1.0).abs() < 0.1, "{sum} {volume}");
    }

    #[test]
    fn what_is_convex_stays_one_piece() {
        let mesh = surface(&cuboid([0.0; 3], [0.3, 0.2, 0.1]), 16).unwrap();
        let pieces = decompose(&mesh, &Decomposition::default()).unwrap();
        assert_eq!(pieces.len(), 1);
        assert!((pieces[0].volume() / mesh.volume() - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_mesh_without_a_volume_is_refused() {
        let flat = Mesh {
            vertices: vec![Vector3::zeros(), Vector3::x(), Vector3::y()],
            triangles: vec![[0, 1, 2]],
        };
        assert!(decompose(&flat, &Decomposition::default()).is_err());
        assert!(decompose(&Mesh::default(), &Decomposition::default()).is_err());
    }
}
