//! The signed distance of a mesh on a grid.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::{MeshFault, MeshSolid, bvh::Closest, crossing::Crossings, edges::Edges};
use crate::collider::{DistanceGrid, Extent, Raster, Spline};

/// Cells along the longest edge of the box around a mesh, unless a scene says otherwise.
pub const RESOLUTION: u32 = 64;

/// Cells along the longest edge, at least and at most.
pub const RESOLUTIONS: std::ops::RangeInclusive<u32> = 8..=512;

/// Cells around the box, at least: two that the spline of a cell needs beyond it, and two
/// in which it is what the mesh says.
const PADDING: f64 = 4.0;

/// Nodes of a grid, at most: 0.8 GiB while it is built.
pub(super) const NODES: usize = 1 << 26;

/// How fine a grid is, and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fineness {
    /// Cells along the longest edge of the box around the mesh.
    pub resolution: u32,
    /// How far around that box the grid has to reach (m); four cells at least, and half of
    /// the longest edge at most.
    pub margin: f64,
}

impl Default for Fineness {
    fn default() -> Self {
        Self {
            resolution: RESOLUTION,
            margin: 0.0,
        }
    }
}

impl Fineness {
    /// The nodes of the grid of a mesh: cells are cubes, and the box around the mesh is in
    /// the middle.
    pub fn raster(&self, [min, max]: [Vector3<f64>; 2]) -> Raster {
        let size = max - min;
        let spacing = size.max() / f64::from(self.resolution);
        // Beyond half of the mesh's size nothing is gained: the distance goes on.
        let margin = (self.margin / spacing).min(0.5 * f64::from(self.resolution));
        let padding = PADDING.max(margin.ceil() + 2.0);
        let counts = size.map(|size| (size / spacing - 1e-9).ceil().max(1.0) + 2.0 * padding + 1.0);
        let middle = (min + max) * 0.5;
        Raster {
            origin: middle - counts.map(|count| (count - 1.0) * 0.5 * spacing),
            spacing,
            counts: [counts.x, counts.y, counts.z].map(|count| count as usize),
        }
    }
}

impl MeshSolid {
    /// The signed distance grid of the solid.
    ///
    /// # Errors
    /// It has holes larger than a cell, or crosses itself: what is inside is not certain.
    pub fn distance_grid(&self, fineness: &Fineness) -> Result<DistanceGrid, MeshFault> {
        let bounds = self.mesh().bounds().ok_or(MeshFault::Empty)?;
        let raster = fineness.raster(bounds);
        let nodes = raster.counts.iter().product::<usize>();
        if nodes > NODES {
            return Err(MeshFault::Fine {
                nodes,
                limit: NODES,
            });
        }
        let edges = Edges::of(self.mesh());
        if edges.largest_hole > raster.spacing {
            return Err(MeshFault::Open {
                open: edges.open,
                inconsistent: edges.inconsistent,
                size: edges.largest_hole,
                cell: raster.spacing,
            });
        }
        let crossings = Crossings::of(self.mesh(), self.tree());
        if let Some([a, b]) = crossings.first {
            return Err(MeshFault::Crossing {
                pairs: crossings.pairs,
                a,
                b,
            });
        }
        let distances = self.distances(&raster, edges.largest_hole);
        let spline = Spline::through(raster, &distances);
        let (volume, reach) = (self.volume(), self.mesh().reach());
        Ok(DistanceGrid::new(
            spline,
            Extent {
                volume,
                reach,
                bounds,
            },
        ))
    }

    /// Signed distances (m) of the nodes of a grid, exact but for the sign in holes up to
    /// `hole` (m); x is innermost.
    ///
    /// The sign is that of the winding number. It is carried along a row where the balls
    /// around two neighbours, which hold no surface, overlap.
    pub fn distances(&self, raster: &Raster, hole: f64) -> Vec<f64> {
        let [nx, ny, _] = raster.counts;
        let mut distances = vec![0.0; raster.counts.iter().product()];
        distances
            .par_chunks_mut(nx)
            .enumerate()
            .for_each(|(row, distances)| {
                let at = |i: usize| raster.node([i, row % ny, row / ny]);
                let mut nearest = Closest {
                    square: f64::INFINITY,
                    triangle: 0,
                };
                let mut before: Option<f64> = None;
                for (i, distance) in distances.iter_mut().enumerate() {
                    let point = at(i);
                    // What was nearest to the neighbour is nearly so here.
                    nearest.square = self.tree().square(nearest.triangle, &point);
                    nearest = self.tree().closest(&point, nearest);
                    let size = nearest.square.sqrt();
                    let reach = raster.spacing + 2.0 * hole;
                    let outside = match before {
                        Some(before) if before.abs() + size > reach * (1.0 + 1e-9) => before > 0.0,
                        _ => !self.contains(&point),
                    };
                    *distance = if outside { size } else { -size };
                    before = Some(*distance);
                }
            });
        distances
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::collider::{SignedDistance, testing::noise};

    fn solid(mesh: super::super::Mesh) -> MeshSolid {
        MeshSolid::new(mesh).unwrap()
    }

    #[test]
    fn distances_at_nodes_are_exact() {
        // A box, whose distance is known, with a cavity, where the sign is easily wrong.
        let mut cavity = block([0.1, 0.1, 0.1], [0.05, 0.0, 0.0], 4);
        cavity
            .triangles
            .iter_mut()
            .for_each(|corners| corners.swap(0, 1));
        let solid = solid(both(block([0.3, 0.2, 0.25], [0.0; 3], 5), &cavity));
        let raster = Fineness {
            resolution: 23,
            margin: 0.1,
        }
        .raster(solid.mesh().bounds().unwrap());
        let cuboid = |half: [f64; 3], y: Vector3<f64>| {
            let half_extents = Vector3::from(half);
            crate::collider::Cuboid {
                half_extents,
                rounding: 0.0,
            }
            .probe(&y)
            .distance
        };
        for (index, distance) in solid.distances(&raster, 0.0).into_iter().enumerate() {
            let [nx, ny, _] = raster.counts;
            let y = raster.node([index % nx, index / nx % ny, index / (nx * ny)]);
            let hollow = cuboid([0.1; 3], y - Vector3::x() * 0.05);
            let known = cuboid([0.3, 0.2, 0.25], y).max(-hollow);
            assert!((distance - known).abs() < 1e-12, "{y} {distance} {known}");
        }
    }

    #[test]
    fn grid_of_a_ball_has_its_distance_and_normal() {
        // A fine mesh: the middle of a triangle of 2 / 64 by 2 / 64 lies inside by up to
        // 0.044^2 / 8 = 2.4e-4.
        let fine = solid(ball(64));
        let grid = fine
            .distance_grid(&Fineness {
                resolution: 32,
                margin: 0.2,
            })
            .unwrap();
        for seed in 0..300 {
            let n = noise(seed).normalize();
            let y = n * (1.0 + 0.15 * noise(seed + 1).x);
            let found = grid.probe(&y);
            assert!(
                (found.distance - (y.norm() - 1.0)).abs() < 2.5e-4,
                "{}",
                found.distance - y.norm() + 1.0
            );
            assert!(
                (found.normal - n).norm() < 4e-3,
                "{}",
                (found.normal - n).norm()
            );
        }
        let known = 4.0 / 3.0 * std::f64::consts::PI;
        let extent = grid.extent();
        assert!((extent.volume / known - 1.0).abs() < 1e-3 && (extent.reach - 1.0).abs() < 1e-9);
    }

    #[test]
    fn scale_is_in_the_vertices_before_the_distance() {
        // An ellipsoid: at the ends of its axes the distance is plain.
        let axes = Vector3::new(0.2, 0.05, 0.1);
        let grid = solid(ball(32).scaled(&axes))
            .distance_grid(&Fineness {
                resolution: 96,
                margin: 0.02,
            })
            .unwrap();
        for axis in 0..3 {
            for out in [-0.004, 0.0, 0.01] {
                let y = Vector3::ith(axis, axes[axis] + out);
                let found = grid.probe(&y);
                assert!(
                    (found.distance - out).abs() < 2e-4,
                    "{axis} {}",
                    found.distance
                );
                assert!((found.normal - Vector3::ith(axis, 1.0)).norm() < 0.02);
            }
        }
    }

    #[test]
    fn grid_does_not_depend_on_threads() {
        let build = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let fineness = Fineness {
                resolution: 20,
                margin: 0.0,
            };
            pool.install(|| solid(ball(20)).distance_grid(&fineness).unwrap())
        };
        assert_eq!(build(1), build(3));
    }

    #[test]
    fn small_holes_are_borne_and_others_refused() {
        let mut mesh = ball(16);
        mesh.triangles.pop();
        let open = solid(mesh);
        // The hole is about 0.2 across; a cell is 2 / 8 or 2 / 64.
        let coarse = open
            .distance_grid(&Fineness {
                resolution: 8,
                margin: 0.0,
            })
            .unwrap();
        assert!(coarse.probe(&Vector3::<f64>::zeros()).distance < -0.9);
        let refused = open.distance_grid(&Fineness::default()).unwrap_err();
        assert!(
            matches!(refused, MeshFault::Open { open: 3, .. }),
            "{refused}"
        );
    }

    #[test]
    fn crossing_and_huge_grids_are_refused() {
        let mut other = ball(6);
        other.vertices.iter_mut().for_each(|v| v.x += 0.71);
        let refused = solid(both(ball(6), &other)).distance_grid(&Fineness::default());
        assert!(matches!(refused, Err(MeshFault::Crossing { .. })));
        let refused = solid(ball(6)).distance_grid(&Fineness {
            resolution: 512,
            margin: f64::INFINITY,
        });
        assert!(matches!(refused, Err(MeshFault::Fine { .. })));
    }
}
