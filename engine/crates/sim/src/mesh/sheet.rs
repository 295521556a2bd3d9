//! The sheet of a mesh that need not be closed: all points near its triangles.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::{
    Mesh, MeshFault,
    bvh::{Bvh, Closest},
    distance::{Fineness, NODES},
    solid::whole,
};
use crate::collider::{DistanceGrid, Extent, Spline};

/// Cells of its distance grid that a sheet is thick, at least: where its two sides meet the
/// distance has a crease, which the spline rounds off by a cell.
const LEAST_CELLS: f64 = 3.0;

/// The signed distance grid of a sheet of a `thickness` (m): of all points whose distance `u` from
/// the triangles of `mesh` is half of that or less, `d = u - thickness / 2`. It has no sides that it
/// could confuse: the mesh may be open, cross itself, and face anywhere.
///
/// # Errors
/// The mesh is empty or broken, or the sheet thinner than three cells of its grid.
pub fn sheet_grid(
    mesh: &Mesh,
    thickness: f64,
    fineness: &Fineness,
) -> Result<DistanceGrid, MeshFault> {
    whole(mesh)?;
    let half = 0.5 * thickness;
    let [min, max] = mesh.bounds().ok_or(MeshFault::Empty)?;
    let around = Vector3::repeat(half);
    let bounds = [min - around, max + around];
    let raster = fineness.raster(bounds);
    let cell = raster.spacing;
    if thickness < LEAST_CELLS * cell {
        let least = LEAST_CELLS * cell;
        return Err(MeshFault::Thin { thickness, least });
    }
    let nodes = raster.counts.iter().product::<usize>();
    if nodes > NODES {
        return Err(MeshFault::Fine {
            nodes,
            limit: NODES,
        });
    }
    let tree = Bvh::new(mesh);
    let [nx, ny, _] = raster.counts;
    let mut distances = vec![0.0; nodes];
    let rows = distances.par_chunks_mut(nx).enumerate();
    rows.for_each(|(row, distances)| {
        let mut nearest = Closest {
            square: f64::INFINITY,
            triangle: 0,
        };
        for (i, distance) in distances.iter_mut().enumerate() {
            let point = raster.node([i, row % ny, row / ny]);
            // What was nearest to the neighbour is nearly so here.
            nearest.square = tree.square(nearest.triangle, &point);
            nearest = tree.closest(&point, nearest);
            *distance = nearest.square.sqrt() - half;
        }
    });
    let extent = Extent {
        volume: mesh.area() * thickness,
        reach: mesh.reach() + half,
        bounds,
    };
    Ok(DistanceGrid::new(
        Spline::through(raster, &distances),
        extent,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collider::{Cuboid, SignedDistance, testing::noise};

    /// A square of edge 0.4 in the plane y = 0: two triangles, which face opposite ways.
    fn square() -> Mesh {
        let corner = |x: f64, z: f64| Vector3::new(0.2 * x, 0.0, 0.2 * z);
        Mesh {
            vertices: vec![
                corner(-1.0, -1.0),
                corner(1.0, -1.0),
                corner(1.0, 1.0),
                corner(-1.0, 1.0),
            ],
            triangles: vec![[0, 1, 2], [0, 3, 2]],
        }
    }

    #[test]
    fn a_square_becomes_a_plate_with_round_edges() {
        let (thickness, margin) = (0.04, 0.05);
        let fineness = Fineness {
            resolution: 80,
            margin,
        };
        let grid = sheet_grid(&square(), thickness, &fineness).unwrap();
        let plate = Cuboid {
            half_extents: Vector3::new(0.22, 0.02, 0.22),
            rounding: 0.02,
        };
        let cell = grid.raster().spacing;
        let mut inside = 0;
        for seed in 0..2000 {
            let y = noise(seed).component_mul(&Vector3::new(0.25, 0.05, 0.25));
            let [found, known] = [grid.probe(&y), plate.probe(&y)];
            if y.y.abs() < 2.0 * cell {
                // Near the crease it is only certain which side of the surface this is.
                assert!(known.distance > -0.5 * cell || found.distance < 0.0);
                inside += usize::from(found.distance < 0.0);
                continue;
            }
            // A spline of a rounded edge.
            let error = (found.distance - known.distance).abs();
            assert!(error < 0.1 * cell, "{y} {error} of {cell}");
        }
        assert!(inside > 100);
        // Both sides push outwards.
        for side in [-1.0, 1.0] {
            let probe = grid.probe(&Vector3::new(0.05, 0.015 * side, -0.1));
            assert!((probe.normal - Vector3::y() * side).norm() < 1e-3);
        }
        let extent = grid.extent();
        assert!((extent.volume - 0.16 * thickness).abs() < 1e-12);
        assert!((extent.bounds[1] - plate.half_extents).norm() < 1e-12);
    }

    #[test]
    fn sheets_too_thin_for_their_grid_are_refused() {
        let fineness = Fineness {
            resolution: 20,
            margin: 0.0,
        };
        let refused = sheet_grid(&square(), 0.05, &fineness).unwrap_err();
        assert!(matches!(refused, MeshFault::Thin { .. }), "{refused}");
        assert!(sheet_grid(&square(), 0.08, &fineness).is_ok());
        let mut broken = square();
        broken.triangles[0][0] = 9;
        let refused = sheet_grid(&broken, 0.08, &fineness).unwrap_err();
        assert_eq!(refused, MeshFault::OutOfRange(1));
    }
}
