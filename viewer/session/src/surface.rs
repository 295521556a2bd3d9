//! Triangles of the surface of a solid, for drawing.
//!
//! A box is drawn as it is. Any other shape goes by its signed distance through surface nets
//! (Gibson 1998): a vertex in each cell of a grid that the surface crosses, moved onto the
//! surface along the gradient, and a quad across each edge that crosses it.

use backflow::sim::{
    collider::{Cuboid, Shape, SignedDistance},
    pose::Pose,
};
use nalgebra::Vector3;

/// Cells along the longest side of a solid.
const CELLS: usize = 44;

/// Triangles with normals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surface {
    /// Corners (m).
    pub positions: Vec<[f32; 3]>,
    /// Outward unit normals at the corners.
    pub normals: Vec<[f32; 3]>,
    /// Three corners each, counterclockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
}

impl Surface {
    /// Cuts off what lies outside of two sides normal to an axis of the world (m), where its frame
    /// is at `pose`; the cuts are left open.
    pub fn cut(&mut self, pose: &Pose<f64>, axis: usize, [low, high]: [f64; 2]) {
        for (sign, side) in [(1.0, low), (-1.0, high)] {
            let inside = |position: &[f32; 3]| {
                let at = pose.apply(&Vector3::from(position.map(f64::from)));
                sign * (at[axis] - side)
            };
            let depths: Vec<f64> = self.positions.iter().map(inside).collect();
            let faces = std::mem::take(&mut self.triangles);
            for face in faces {
                self.keep(&face.map(|corner| (corner, depths[corner as usize])));
            }
        }
    }

    /// Adds the part of a triangle whose corners have a depth of zero or more (Sutherland and
    /// Hodgman 1974).
    fn keep(&mut self, corners: &[(u32, f64); 3]) {
        let mut kept = Vec::with_capacity(4);
        for (index, &(from, here)) in corners.iter().enumerate() {
            let (to, there) = corners[(index + 1) % 3];
            if here >= 0.0 {
                kept.push(from);
            }
            if (here >= 0.0) != (there >= 0.0) {
                kept.push(self.between(from, to, here / (here - there)));
            }
        }
        for pair in kept.windows(2).skip(1) {
            self.triangles.push([kept[0], pair[0], pair[1]]);
        }
    }

    /// A new corner on the way from one to another.
    fn between(&mut self, from: u32, to: u32, part: f64) -> u32 {
        let mix = |values: &[[f32; 3]]| -> [f32; 3] {
            let [a, b] = [from, to].map(|corner| values[corner as usize]);
            std::array::from_fn(|axis| a[axis] + (b[axis] - a[axis]) * part as f32)
        };
        let (position, normal) = (mix(&self.positions), mix(&self.normals));
        self.positions.push(position);
        self.normals.push(normal);
        self.positions.len() as u32 - 1
    }
}

fn single(v: &Vector3<f64>) -> [f32; 3] {
    [v.x as f32, v.y as f32, v.z as f32]
}

/// The surface of a shape in its own frame; one without bound is cut off `size` (m) from its
/// origin.
pub fn surface(shape: &Shape<f64>, size: f64) -> Surface {
    match shape {
        Shape::Cuboid(cuboid) if cuboid.rounding == 0.0 => cuboid_surface(cuboid),
        Shape::Plane(_) => cuboid_surface(&Cuboid {
            half_extents: Vector3::new(size, 0.0, size),
            rounding: 0.0,
        }),
        Shape::Grid(grid) => nets(shape, &grid.extent().bounds),
        _ => {
            let reach = Vector3::repeat(shape.bounding_radius().unwrap_or(size));
            nets(shape, &tight(shape, &[-reach, reach]))
        }
    }
}

/// The six faces of a box.
fn cuboid_surface(cuboid: &Cuboid<f64>) -> Surface {
    let mut surface = Surface::default();
    for axis in 0..3 {
        for sign in [-1.0, 1.0] {
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            let mut normal = Vector3::zeros();
            normal[axis] = sign;
            let first = surface.positions.len() as u32;
            for [a, b] in [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]] {
                let mut corner = Vector3::zeros();
                (corner[axis], corner[u], corner[v]) = (sign, a, b);
                surface
                    .positions
                    .push(single(&corner.component_mul(&cuboid.half_extents)));
                surface.normals.push(single(&normal));
            }
            let [p, q] = if sign > 0.0 {
                [[0, 1, 2], [0, 2, 3]]
            } else {
                [[0, 2, 1], [0, 3, 2]]
            };
            surface
                .triangles
                .extend([p, q].map(|face: [u32; 3]| face.map(|corner| first + corner)));
        }
    }
    surface
}

/// The part of a box that holds a shape, by coarse samples.
fn tight(shape: &Shape<f64>, bounds: &[Vector3<f64>; 2]) -> [Vector3<f64>; 2] {
    const SAMPLES: usize = 24;
    let [min, max] = bounds;
    let step = (max - min) / SAMPLES as f64;
    let reach = step.norm();
    let mut found = [*max, *min];
    for sample in 0..(SAMPLES + 1).pow(3) {
        let at = [
            sample % (SAMPLES + 1),
            sample / (SAMPLES + 1) % (SAMPLES + 1),
            sample / (SAMPLES + 1).pow(2),
        ];
        let point = min + Vector3::from(at.map(|at| at as f64)).component_mul(&step);
        if shape.probe(&point).distance <= reach {
            found = [found[0].inf(&point), found[1].sup(&point)];
        }
    }
    [found[0].sup(min), found[1].inf(max)]
}

/// A grid of distances over a box with a margin of a cell and a half.
struct Samples {
    origin: Vector3<f64>,
    step: f64,
    count: [usize; 3],
    distances: Vec<f64>,
}

impl Samples {
    fn over(shape: &Shape<f64>, [min, max]: &[Vector3<f64>; 2]) -> Self {
        let step = ((max - min).max() / CELLS as f64).max(f64::MIN_POSITIVE);
        let origin = min.add_scalar(-1.5 * step);
        let count = <[f64; 3]>::from(max - min).map(|size| (size / step).ceil() as usize + 4);
        let mut samples = Self {
            origin,
            step,
            count,
            distances: Vec::new(),
        };
        samples.distances = (0..count.iter().product())
            .map(|index| {
                let distance = shape.probe(&samples.point(samples.at(index))).distance;
                // The outermost layer is outside, so that every surface is closed.
                let at = samples.at(index);
                let rim = (0..3).any(|axis| at[axis] == 0 || at[axis] + 1 == count[axis]);
                if rim { distance.max(step) } else { distance }
            })
            .collect();
        samples
    }

    fn at(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.count;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.count[1] + y) * self.count[0] + x
    }

    fn point(&self, at: [usize; 3]) -> Vector3<f64> {
        self.origin + Vector3::from(at.map(|at| at as f64)) * self.step
    }

    fn inside(&self, at: [usize; 3]) -> bool {
        self.distances[self.index(at)] <= 0.0
    }
}

fn stepped(mut at: [usize; 3], axis: usize) -> [usize; 3] {
    at[axis] += 1;
    at
}

/// The surface of a shape that lies in a box.
fn nets(shape: &Shape<f64>, bounds: &[Vector3<f64>; 2]) -> Surface {
    let samples = Samples::over(shape, bounds);
    let mut surface = Surface::default();
    let mut vertex = vec![u32::MAX; samples.distances.len()];
    for index in 0..samples.distances.len() {
        let at = samples.at(index);
        if (0..3).any(|axis| at[axis] + 1 >= samples.count[axis]) {
            continue;
        }
        let corner = |corner: usize| [0, 1, 2].map(|axis| at[axis] + (corner >> axis & 1));
        let inside = (0..8).filter(|&c| samples.inside(corner(c))).count();
        if inside == 0 || inside == 8 {
            continue;
        }
        // The mean of the places where edges of the cell cross the surface, then onto it.
        let (mut sum, mut crossings) = (Vector3::zeros(), 0.0);
        for (from, axis) in (0..8).flat_map(|from| [0, 1, 2].map(|axis| (from, axis))) {
            if from >> axis & 1 == 0 {
                let ends = [corner(from), corner(from | 1 << axis)];
                let [a, b] = ends.map(|end| samples.distances[samples.index(end)]);
                if (a <= 0.0) != (b <= 0.0) {
                    let [p, q] = ends.map(|end| samples.point(end));
                    sum += p + (q - p) * (a / (a - b));
                    crossings += 1.0;
                }
            }
        }
        let mut point = sum / crossings;
        for _ in 0..2 {
            let probe = shape.probe(&point);
            point -= probe.normal * probe.distance.clamp(-samples.step, samples.step);
        }
        vertex[index] = surface.positions.len() as u32;
        surface.positions.push(single(&point));
        surface.normals.push(single(&shape.probe(&point).normal));
    }
    for index in 0..samples.distances.len() {
        let at = samples.at(index);
        for axis in 0..3 {
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            let edge = at[axis] + 1 < samples.count[axis] && at[u] > 0 && at[v] > 0;
            if !edge || samples.inside(at) == samples.inside(stepped(at, axis)) {
                continue;
            }
            // The four cells around the edge.
            let cell = |du: usize, dv: usize| {
                let mut cell = at;
                (cell[u], cell[v]) = (cell[u] - du, cell[v] - dv);
                vertex[samples.index(cell)]
            };
            let mut quad = [cell(0, 0), cell(1, 0), cell(1, 1), cell(0, 1)];
            if !samples.inside(at) {
                quad.reverse();
            }
            if quad.contains(&u32::MAX) {
                continue;
            }
            let [a, b, c, d] = quad;
            surface.triangles.extend([[a, b, c], [a, c, d]]);
        }
    }
    surface
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use backflow::sim::collider::{Capsule, Cylinder, Sphere, Torus};

    use super::*;

    fn shapes() -> Vec<Shape<f64>> {
        vec![
            Shape::Sphere(Sphere { radius: 0.3 }),
            Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.3, 0.2, 0.1),
                rounding: 0.0,
            }),
            Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.3, 0.2, 0.1),
                rounding: 0.05,
            }),
            Shape::Capsule(Capsule {
                radius: 0.1,
                half_length: 0.2,
            }),
            Shape::Cylinder(Cylinder {
                radius: 0.2,
                half_height: 0.1,
            }),
            Shape::Torus(Torus {
                radius: 0.3,
                tube: 0.1,
            }),
        ]
    }

    fn corners(surface: &Surface, face: &[u32; 3]) -> [Vector3<f64>; 3] {
        face.map(|corner| Vector3::from(surface.positions[corner as usize].map(f64::from)))
    }

    #[test]
    fn surfaces_hold_the_volume_of_their_solid() {
        for shape in shapes() {
            let surface = surface(&shape, 1.0);
            let volume: f64 = surface
                .triangles
                .iter()
                .map(|face| {
                    let [a, b, c] = corners(&surface, face);
                    a.dot(&b.cross(&c)) / 6.0
                })
                .sum();
            let expected = shape.volume().unwrap();
            // Sharp rims are cut off within a cell.
            assert!(
                (volume / expected - 1.0).abs() < 0.02,
                "{shape:?}: {volume} {expected}"
            );
        }
    }

    #[test]
    fn a_cut_keeps_what_lies_between_its_sides() {
        let mut surface = surface(
            &Shape::Cylinder(Cylinder {
                radius: 0.2,
                half_height: 1.0,
            }),
            1.0,
        );
        // Its axis lies along z of the world then.
        let quarter = std::f64::consts::FRAC_PI_2;
        let turn = nalgebra::Rotation3::from_axis_angle(&Vector3::x_axis(), quarter);
        let pose = Pose {
            position: Vector3::new(0.0, 0.0, 0.5),
            rotation: turn.into_inner(),
        };
        surface.cut(&pose, 2, [0.1, 0.3]);
        let (mut area, mut ends) = (0.0, [f64::INFINITY, f64::NEG_INFINITY]);
        for face in &surface.triangles {
            let [a, b, c] = corners(&surface, face).map(|corner| pose.apply(&corner));
            area += 0.5 * (b - a).cross(&(c - a)).norm();
            for corner in [a, b, c] {
                ends = [ends[0].min(corner.z), ends[1].max(corner.z)];
            }
        }
        assert!((ends[0] - 0.1).abs() < 1e-6 && (ends[1] - 0.3).abs() < 1e-6);
        let mantle = std::f64::consts::TAU * 0.2 * 0.2;
        assert!((area / mantle - 1.0).abs() < 0.02, "{area} {mantle}");
    }

    #[test]
    fn surfaces_are_closed_and_lie_on_their_solid() {
        for shape in shapes() {
            let surface = surface(&shape, 1.0);
            for position in &surface.positions {
                let point = Vector3::from(position.map(f64::from));
                assert!(shape.probe(&point).distance.abs() < 2e-3, "{shape:?}");
            }
            if matches!(&shape, Shape::Cuboid(cuboid) if cuboid.rounding == 0.0) {
                continue;
            }
            let mut edges = BTreeMap::new();
            for [a, b, c] in &surface.triangles {
                for (from, to) in [(a, b), (b, c), (c, a)] {
                    *edges.entry((from.min(to), from.max(to))).or_insert(0) +=
                        if from < to { 1 } else { -1 };
                }
            }
            assert!(edges.values().all(|&sum| sum == 0), "{shape:?}");
        }
    }
}
