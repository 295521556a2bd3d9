//! Where the surface of a rigid body touches others: balls and points of rims.

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::{collider::Shape, pose::Pose, world::cast};

/// A part of a body's surface that touches others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Feeler<T: Real> {
    /// A ball, or a corner where the radius is zero.
    Ball {
        /// Its centre (m) in the frame of the body.
        centre: Vector3<T>,
        /// Its radius (m).
        radius: T,
    },
    /// A point of a circle: the one nearest to the other surface, or turned from there by
    /// quarters about the axis. The point nearest makes a disc roll smoothly, the four
    /// together let it lie flat.
    Rim {
        /// Centre of the circle (m) in the frame of the body.
        centre: Vector3<T>,
        /// Axis of the circle, of unit length, in the frame of the body.
        axis: Vector3<T>,
        /// Radius of the circle (m).
        radius: T,
        /// Quarter turns from the nearest point.
        quarter: u8,
    },
}

impl<T: Real> Feeler<T> {
    /// The same feeler in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Feeler<U> {
        match *self {
            Self::Ball { centre, radius } => Feeler::Ball {
                centre: centre.map(cast),
                radius: cast(radius),
            },
            Self::Rim {
                centre,
                axis,
                radius,
                quarter,
            } => Feeler::Rim {
                centre: centre.map(cast),
                axis: axis.map(cast),
                radius: cast(radius),
                quarter,
            },
        }
    }

    /// The same feeler of a solid that is placed at `pose` in the frame of the body.
    fn placed(self, pose: &Pose<T>) -> Self {
        match self {
            Self::Ball { centre, radius } => Self::Ball {
                centre: pose.apply(&centre),
                radius,
            },
            Self::Rim {
                centre,
                axis,
                radius,
                quarter,
            } => Self::Rim {
                centre: pose.apply(&centre),
                axis: pose.rotation * axis,
                radius,
                quarter,
            },
        }
    }
}

/// Balls along a torus.
const RING: usize = 12;

/// Feelers of a solid placed at `pose` in the frame of its body. A box has its eight corners,
/// a torus twelve balls; a mesh has none of its own, see [`corners`].
pub fn feelers(shape: &Shape<f64>, pose: &Pose<f64>) -> Vec<Feeler<f64>> {
    let ball = |x: f64, y: f64, z: f64, radius: f64| Feeler::Ball {
        centre: Vector3::new(x, y, z),
        radius,
    };
    let found: Vec<_> = match shape {
        Shape::Sphere(solid) => vec![ball(0.0, 0.0, 0.0, solid.radius)],
        Shape::Cuboid(solid) => {
            let half = solid.half_extents.add_scalar(-solid.rounding);
            let sign =
                |corner: usize, axis: usize| if corner >> axis & 1 == 0 { -1.0 } else { 1.0 };
            let corner = |corner| Feeler::Ball {
                centre: Vector3::from_fn(|axis, _| half[axis] * sign(corner, axis)),
                radius: solid.rounding,
            };
            (0..8).map(corner).collect()
        }
        Shape::Capsule(solid) => [-1.0, 1.0]
            .map(|side| ball(0.0, side * solid.half_length, 0.0, solid.radius))
            .to_vec(),
        Shape::Cylinder(solid) => {
            let rim = |at: u8| Feeler::Rim {
                centre: Vector3::y() * if at < 4 { -1.0 } else { 1.0 } * solid.half_height,
                axis: Vector3::y(),
                radius: solid.radius,
                quarter: at % 4,
            };
            (0..8).map(rim).collect()
        }
        Shape::Torus(solid) => {
            let at = |part: usize| {
                let (sin, cos) = (std::f64::consts::TAU * part as f64 / RING as f64).sin_cos();
                ball(solid.radius * cos, 0.0, solid.radius * sin, solid.tube)
            };
            (0..RING).map(at).collect()
        }
        Shape::Plane(_) | Shape::Grid(_) => Vec::new(),
    };
    found
        .into_iter()
        .map(|feeler| feeler.placed(pose))
        .collect()
}

/// At most so many corners of a mesh are felt.
const MOST_CORNERS: usize = 64;

/// Corners of a mesh as feelers: the vertices that lie farthest apart, beginning with the one
/// farthest from the middle, each next one farthest from those chosen.
pub fn corners(vertices: &[Vector3<f64>], pose: &Pose<f64>) -> Vec<Feeler<f64>> {
    let middle = vertices.iter().sum::<Vector3<f64>>() / vertices.len().max(1) as f64;
    let mut apart: Vec<f64> = vertices.iter().map(|x| (x - middle).norm()).collect();
    let mut chosen = Vec::new();
    while chosen.len() < MOST_CORNERS {
        // The first of those that are equally far, so that the choice is one of the mesh alone.
        let farthest = (0..apart.len())
            .rev()
            .max_by(|&a, &b| apart[a].total_cmp(&apart[b]));
        let Some(farthest) = farthest.filter(|&at| apart[at] > 0.0) else {
            break;
        };
        let centre = vertices[farthest];
        let first = chosen.is_empty();
        for (apart, x) in apart.iter_mut().zip(vertices) {
            let distance = (x - centre).norm();
            *apart = if first { distance } else { apart.min(distance) };
        }
        chosen.push(Feeler::Ball {
            centre: pose.apply(&centre),
            radius: 0.0,
        });
    }
    chosen
}
