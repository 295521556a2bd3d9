//! Shapes of hands and of what stands about objects, as solids to be drawn.

use backflow_sim::{
    collider::{Capsule, Cuboid, Shape},
    pose::Pose,
};
use nalgebra::{Matrix3, UnitQuaternion, Vector3};

use crate::{
    hand::{
        finite,
        shape::{self, Block, Segment},
    },
    object::surroundings::SurroundingsSpec,
};

/// Half of the thickness that planes are drawn with (m).
const THIN: f64 = 0.0005;

/// A segment with a radius as a capsule, and where it is.
pub fn segment(segment: &Segment) -> (Shape<f64>, Pose<f64>) {
    let way = segment.to - segment.from;
    let shape = Shape::Capsule(Capsule {
        radius: segment.radius,
        half_length: 0.5 * way.norm(),
    });
    let place = Pose {
        position: (segment.from + segment.to) * 0.5,
        rotation: along(&way),
    };
    (shape, place)
}

/// A box, and where it is.
pub fn block(block: &Block) -> (Shape<f64>, Pose<f64>) {
    let shape = Shape::Cuboid(Cuboid {
        half_extents: block.half,
        rounding: 0.0,
    });
    let place = Pose {
        position: block.centre,
        rotation: block.rotation,
    };
    (shape, place)
}

/// What stands about an object, in its frame: shapes as boxes and capsules, planes as thin squares
/// that reach so far (m) from below the origin. What makes no sense is left out.
pub fn surroundings(spec: &SurroundingsSpec, reach: f64) -> Vec<(Shape<f64>, Pose<f64>)> {
    let mut solids = Vec::new();
    for plane in &spec.planes {
        let normal = finite(&plane.normal).and_then(|normal| normal.try_normalize(1e-12));
        if let Some(normal) = normal {
            let height = normal.dot(&Vector3::from(plane.point));
            let shape = Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(reach, THIN, reach),
                rounding: 0.0,
            });
            let place = Pose {
                position: normal * (height - THIN),
                rotation: along(&normal),
            };
            solids.push((shape, place));
        }
    }
    for one in spec.shapes.iter().filter(|one| shape::sound(one)) {
        solids.extend(shape::block(one).iter().map(block));
        solids.extend(shape::segments(one).iter().map(segment));
    }
    solids
}

/// A rotation that takes y to a direction; of opposite ones any will do.
fn along(direction: &Vector3<f64>) -> Matrix3<f64> {
    let turn = UnitQuaternion::rotation_between(&Vector3::y(), direction).unwrap_or_else(|| {
        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI)
    });
    turn.to_rotation_matrix().into_inner()
}

#[cfg(test)]
mod tests {
    use backflow_sim::collider::SignedDistance;

    use super::*;
    use crate::{
        hand::spec::ShapeSpec,
        object::surroundings::{HalfSpace, Surroundings},
        testing::noise,
    };

    #[test]
    fn a_capsule_goes_from_end_to_end() {
        for to in [[0.3, 0.1, -0.2], [0.0, -0.5, 0.0]] {
            let given = Segment {
                from: Vector3::new(0.1, 0.2, 0.3),
                to: Vector3::new(0.1, 0.2, 0.3) + Vector3::from(to),
                radius: 0.02,
            };
            let (shape, pose) = segment(&given);
            let Shape::Capsule(Capsule { half_length, .. }) = shape else {
                panic!("{shape:?}");
            };
            let end = pose.position + pose.rotation * Vector3::y() * half_length;
            assert!((end - given.to).norm() < 1e-12, "{end}");
        }
    }

    #[test]
    fn what_is_drawn_is_where_hands_meet_it() {
        let spec = SurroundingsSpec {
            planes: vec![HalfSpace {
                point: [0.0, 0.3, -0.03],
                normal: [0.1, 0.0, 2.0],
            }],
            shapes: vec![
                ShapeSpec::Cuboid {
                    centre: [0.0, -0.1, 0.0],
                    half: [0.05, 0.03, 0.02],
                    rotation: [1.0, 0.3, -0.2, 0.1],
                },
                ShapeSpec::Sphere {
                    centre: [0.1, 0.0, 0.0],
                    radius: 0.03,
                },
            ],
            ..SurroundingsSpec::default()
        };
        let solids = surroundings(&spec, 5.0);
        assert_eq!(solids.len(), 3);
        let there = Surroundings::new(&spec).unwrap();
        let mut outside = 0;
        for seed in 0..200 {
            let point = noise(seed) * 0.2;
            let known = there.distance(&point);
            if known < 0.0 {
                continue;
            }
            outside += 1;
            let drawn = solids.iter().map(|(shape, pose)| {
                let local = pose.inverse_apply(&point);
                shape.probe(&local).distance
            });
            let drawn = drawn.fold(f64::INFINITY, f64::min);
            assert!((drawn - known).abs() < 1e-9, "{seed}: {drawn} {known}");
        }
        assert!(outside > 50);
    }
}
