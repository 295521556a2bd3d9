//! The surface of a solid, by marching tetrahedra (Doi and Koide 1991).

use std::collections::BTreeMap;

use backflow_sim::mesh::Mesh;
use nalgebra::Vector3;

use super::Solid;
use crate::GraspError;

/// Corners of the six tetrahedra of a cube, bit by bit (x, y, z): all ways from one corner to the
/// one across (Kuhn 1960), so that neighbours agree on the diagonals of their faces.
const TETRAHEDRA: [[usize; 4]; 6] = [
    [0, 1, 3, 7],
    [0, 1, 5, 7],
    [0, 2, 3, 7],
    [0, 2, 6, 7],
    [0, 4, 5, 7],
    [0, 4, 6, 7],
];
/// A vertex stays by this share of its edge away from its ends, so that no triangle is flat.
const INSET: f64 = 0.02;

/// The surface as a closed mesh, outside out, with so many cells along the longest edge of the box
/// around the solid.
///
/// # Errors
/// Less than four cells, or more than 512.
pub fn surface(solid: &Solid, cells: u32) -> Result<Mesh, GraspError> {
    if !(4..=512).contains(&cells) {
        return Err(GraspError::Setting {
            field: "cells",
            found: cells.to_string(),
            expected: "4 to 512",
        });
    }
    let [low, high] = solid.bounds();
    let cell = (high - low).max() / f64::from(cells);
    // A cell of nothing all around; nodes are off the faces of boxes.
    let origin = low.add_scalar(-1.37 * cell);
    let counts: [usize; 3] =
        std::array::from_fn(|axis| ((high[axis] - low[axis]) / cell).ceil() as usize + 4);
    let place = |node: [usize; 3]| origin + Vector3::from(node.map(|i| i as f64)) * cell;
    let index = |node: [usize; 3]| (node[2] * counts[1] + node[1]) * counts[0] + node[0];
    let mut values = Vec::with_capacity(counts.iter().product());
    for z in 0..counts[2] {
        for y in 0..counts[1] {
            for x in 0..counts[0] {
                values.push(solid.distance(&place([x, y, z])));
            }
        }
    }
    let mut mesh = Mesh::default();
    let mut known: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    for z in 0..counts[2] - 1 {
        for y in 0..counts[1] - 1 {
            for x in 0..counts[0] - 1 {
                let nodes: [[usize; 3]; 8] = std::array::from_fn(|corner| {
                    [x + (corner & 1), y + (corner >> 1 & 1), z + (corner >> 2)]
                });
                let inside = nodes.map(|node| values[index(node)] < 0.0);
                if inside.iter().all(|&one| one == inside[0]) {
                    continue;
                }
                for corners in TETRAHEDRA {
                    let (within, without): (Vec<usize>, Vec<usize>) =
                        corners.into_iter().partition(|&corner| inside[corner]);
                    let mut vertex = |a: usize, b: usize| {
                        let ends = [nodes[a], nodes[b]];
                        let key = (
                            index(ends[0]).min(index(ends[1])),
                            index(ends[0]).max(index(ends[1])),
                        );
                        *known.entry(key).or_insert_with(|| {
                            let [f, g] = ends.map(|node| values[index(node)]);
                            let t = (f / (f - g)).clamp(INSET, 1.0 - INSET);
                            let (p, q) = (place(ends[0]), place(ends[1]));
                            mesh.vertices.push(p + (q - p) * t);
                            mesh.vertices.len() as u32 - 1
                        })
                    };
                    let triangles: Vec<[u32; 3]> = match (within.as_slice(), without.as_slice()) {
                        (&[a], &[b, c, d]) => vec![[vertex(a, b), vertex(a, c), vertex(a, d)]],
                        (&[b, c, d], &[a]) => vec![[vertex(b, a), vertex(c, a), vertex(d, a)]],
                        (&[a, b], &[c, d]) => {
                            let [ac, ad] = [vertex(a, c), vertex(a, d)];
                            let [bc, bd] = [vertex(b, c), vertex(b, d)];
                            vec![[ac, ad, bd], [ac, bd, bc]]
                        }
                        _ => Vec::new(),
                    };
                    let Some(&first) = within.first() else {
                        continue;
                    };
                    let deep = place(nodes[first]);
                    for [a, b, c] in triangles {
                        let [p, q, r] = [a, b, c].map(|at| mesh.vertices[at as usize]);
                        let outwards = (q - p).cross(&(r - p)).dot(&(p - deep)) > 0.0;
                        mesh.triangles
                            .push(if outwards { [a, b, c] } else { [a, c, b] });
                    }
                }
            }
        }
    }
    Ok(mesh)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use backflow_sim::mesh::{Report, mass::MassProperties};

    use super::*;

    #[test]
    fn the_volume_of_a_ball_converges_with_the_second_order() {
        let ball = Solid::Ball {
            centre: Vector3::new(0.1, -0.2, 0.3),
            radius: 0.7,
        };
        let exact = 4.0 / 3.0 * PI * 0.7_f64.powi(3);
        let off = |cells: u32| {
            let mesh = surface(&ball, cells).unwrap();
            assert!(
                Report::of(&mesh).is_solid(),
                "{:?}",
                Report::of(&mesh).faults()
            );
            let mass = MassProperties::of(&mesh).unwrap();
            assert!((mass.centre - Vector3::new(0.1, -0.2, 0.3)).norm() < 1e-2 / f64::from(cells));
            (mass.volume - exact).abs() / exact
        };
        let (coarse, fine) = (off(12), off(24));
        assert!(fine < 0.01 && coarse / fine > 3.0, "{coarse} {fine}");
    }

    #[test]
    fn cells_that_make_no_sense_are_refused() {
        let ball = Solid::Ball {
            centre: Vector3::zeros(),
            radius: 1.0,
        };
        for cells in [0, 3, 513] {
            assert!(
                surface(&ball, cells)
                    .unwrap_err()
                    .to_string()
                    .contains("cells")
            );
        }
    }
}
