//! The signed distance of an object that may have several parts.

use std::path::PathBuf;

use backflow_sim::{
    collider::{DistanceGrid, Extent, Raster, Spline},
    mesh::{MeshFault, Report, bvh::Closest, distance, solid::MeshSolid},
};
use nalgebra::Vector3;
use rayon::prelude::*;

use super::Fineness;
use crate::GraspError;

/// The distance of the union of solids: the least of their signed distances, which is exact
/// outside; where parts overlap it is less deep than the truth.
///
/// # Errors
/// A solid that has holes, a single one that crosses itself; a grid that would be too large.
pub(super) fn distance(
    parts: &[(PathBuf, MeshSolid)],
    fineness: &Fineness,
) -> Result<DistanceGrid, GraspError> {
    let fineness = distance::Fineness {
        resolution: fineness.resolution,
        margin: fineness.margin,
    };
    if let [(path, solid)] = parts {
        return solid
            .distance_grid(&fineness)
            .map_err(|source| GraspError::Solid {
                path: path.clone(),
                source,
            });
    }
    let mut boxes = Vec::new();
    for (path, solid) in parts {
        boxes.push(solid.mesh().bounds().ok_or_else(|| GraspError::Solid {
            path: path.clone(),
            source: MeshFault::Empty,
        })?);
    }
    let bounds = boxes
        .iter()
        .copied()
        .reduce(|[low, high], [a, b]| [low.inf(&a), high.sup(&b)]);
    let bounds = bounds.ok_or_else(|| GraspError::Object {
        object: String::new(),
        field: "parts",
        found: "none".to_owned(),
        expected: "at least one",
    })?;
    let raster = fineness.raster(bounds);
    for (path, solid) in parts {
        let edges = Report::of(solid.mesh()).edges;
        if edges.largest_hole > raster.spacing {
            return Err(GraspError::Solid {
                path: path.clone(),
                source: MeshFault::Open {
                    open: edges.open,
                    inconsistent: edges.inconsistent,
                    size: edges.largest_hole,
                    cell: raster.spacing,
                },
            });
        }
    }
    let spline = Spline::through(raster, &distances(parts, &boxes, &raster));
    let reach = parts.iter().map(|(_, solid)| solid.mesh().reach());
    Ok(DistanceGrid::new(
        spline,
        Extent {
            volume: parts.iter().map(|(_, solid)| solid.volume()).sum(),
            reach: reach.fold(0.0, f64::max),
            bounds,
        },
    ))
}

/// The distances (m) of all nodes, x innermost.
fn distances(
    parts: &[(PathBuf, MeshSolid)],
    boxes: &[[Vector3<f64>; 2]],
    raster: &Raster,
) -> Vec<f64> {
    let [nx, ny, _] = raster.counts;
    let mut distances = vec![0.0; raster.counts.iter().product()];
    distances
        .par_chunks_mut(nx)
        .enumerate()
        .for_each(|(row, distances)| {
            for (i, distance) in distances.iter_mut().enumerate() {
                let point = raster.node([i, row % ny, row / ny]);
                let mut least = f64::INFINITY;
                for ((_, solid), [low, high]) in parts.iter().zip(boxes) {
                    let away = (point - point.sup(low).inf(high)).norm();
                    if away >= least {
                        continue;
                    }
                    let inside = away == 0.0 && solid.contains(&point);
                    let limit = if inside || least <= 0.0 {
                        f64::INFINITY
                    } else {
                        least * least
                    };
                    let far = Closest {
                        square: limit,
                        triangle: 0,
                    };
                    let size = solid.tree().closest(&point, far).square.sqrt();
                    least = least.min(if inside { -size } else { size });
                }
                *distance = least;
            }
        });
    distances
}
