//! Pictures of grasps.

use backflow_sim::{
    collider::Shape,
    io::{GREY, PALETTE, Picture, Solid, View},
    pose::Pose,
};
use nalgebra::{Matrix3, Quaternion, Rotation3, UnitQuaternion, Vector3};

use crate::{
    Hand, drawn,
    hand::kinematics::{Frames, Posture},
    object::Object,
    set::{GraspEntry, ObjectEntry},
};

/// How much of what is behind the hand is seen through it (1 is nothing).
const HAND_ALPHA: f64 = 0.55;
/// The same of what stands about the object, its place in the palette, and how far planes are drawn,
/// in half diagonals of the object.
const AROUND_ALPHA: f64 = 0.35;
const AROUND_COLOUR: usize = 2;
const AROUND: f64 = 2.0;
/// Room around hand and object (m).
const MARGIN: f64 = 0.01;

/// A picture of a hand at its grasp: the object in colour, the hand in grey, its segments and boxes,
/// and what the set says of surroundings. `entry` says where the object is; `joints` are the angles
/// of the grasp in the order of the hand. The view is from the side of the palm that shows the
/// fingers, with z up.
pub fn picture(
    hand: &Hand,
    object: &Object,
    entry: &ObjectEntry,
    grasp: &GraspEntry,
    joints: &[f64],
    size: [usize; 2],
) -> Picture {
    let [x, y, z, w, i, j, k] = entry.pose;
    // Pictures have y up, sets z.
    let upright = Rotation3::from_axis_angle(&Vector3::x_axis(), -std::f64::consts::FRAC_PI_2);
    let upright = upright.into_inner();
    let placed = |position: Vector3<f64>, rotation: Matrix3<f64>| Pose {
        position: upright * position,
        rotation: upright * rotation,
    };
    let mut solids = vec![Solid {
        shape: Shape::Grid(object.field.clone()),
        pose: placed(Vector3::new(x, y, z), matrix([w, i, j, k])),
        rgb: PALETTE[0],
        alpha: 1.0,
    }];
    let mut frames: Frames<f64> = hand.frames();
    let posture = Posture {
        position: Vector3::from(grasp.pos),
        rotation: matrix(grasp.quat),
        joints: joints.to_vec(),
    };
    hand.place(&posture, &mut frames);
    // Points that must be seen, each with what is around it (m).
    let mut seen: Vec<(Vector3<f64>, f64)> = (0..8)
        .map(|corner| {
            let [low, high] = object.field.extent().bounds;
            let pick = |axis: usize| [low, high][corner >> axis & 1][axis];
            let point = Vector3::new(pick(0), pick(1), pick(2));
            let pose = &solids[0].pose;
            (pose.position + pose.rotation * point, MARGIN)
        })
        .collect();
    let object_pose = solids[0].pose;
    for (shape, place) in drawn::surroundings(&entry.surroundings, AROUND * object.length) {
        solids.push(Solid {
            shape,
            pose: object_pose.compose(&place),
            rgb: PALETTE[AROUND_COLOUR],
            alpha: AROUND_ALPHA,
        });
    }
    for (index, link) in hand.links.iter().enumerate() {
        let place = placed(frames.position[index], frames.rotation[index]);
        for segment in &link.segments {
            let ends = [segment.from, segment.to];
            seen.extend(ends.map(|end| (place.apply(&end), segment.radius)));
        }
        let blocks = link.blocks.iter();
        seen.extend(blocks.map(|block| (place.apply(&block.centre), block.half.norm())));
        let segments = link.segments.iter().map(drawn::segment);
        for (shape, local) in segments.chain(link.blocks.iter().map(drawn::block)) {
            solids.push(Solid {
                shape,
                pose: place.compose(&local),
                rgb: GREY,
                alpha: HAND_ALPHA,
            });
        }
    }
    let (low, high) = seen.iter().fold(
        (
            Vector3::repeat(f64::INFINITY),
            Vector3::repeat(f64::NEG_INFINITY),
        ),
        |(low, high), (point, around)| {
            (
                low.inf(&point.add_scalar(-around)),
                high.sup(&point.add_scalar(*around)),
            )
        },
    );
    // From the side, between the palm and across it, so that both fingers and object are seen.
    let approach = upright * (posture.rotation * Vector3::from(hand.spec.palm.approach));
    let across = approach.cross(&Vector3::y());
    let side = across.try_normalize(1e-3).unwrap_or_else(Vector3::x);
    Picture {
        width: size[0],
        height: size[1],
        bounds: [low, high],
        view: View {
            direction: side + Vector3::y() * 0.4 + approach * 0.3,
        },
        balls: Vec::new(),
        solids,
    }
}

/// The rotation of a quaternion `[w, x, y, z]`.
fn matrix([w, i, j, k]: [f64; 4]) -> Matrix3<f64> {
    let turn = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k));
    turn.to_rotation_matrix().into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hand::library, object::surroundings::HalfSpace};

    #[test]
    fn hand_and_object_are_seen_where_they_are() {
        let hand = library::named("gripper").unwrap();
        let object = crate::testing::ball(0.02);
        let grasp = GraspEntry {
            pos: [0.0, 0.0, -0.045],
            quat: [1.0, 0.0, 0.0, 0.0],
            pregrasp: vec![0.0; 2],
            grasp: vec![0.0225; 2],
            squeeze: vec![0.0; 2],
            pregrasp_pose: None,
            squeeze_pose: None,
            score: None,
        };
        let mut entry = ObjectEntry::new("ball.obj", 1.0);
        let drawn =
            |entry: &ObjectEntry| picture(&hand, &object, entry, &grasp, &grasp.grasp, [96, 72]);
        let picture = drawn(&entry);
        // The jaws begin where the ball ends; y is up.
        assert_eq!(picture.solids.len(), 1 + 5);
        let jaw = &picture.solids[2];
        assert!((jaw.pose.position - Vector3::new(-0.0275, 0.0, 0.0)).norm() < 1e-12);
        assert!(
            picture.bounds[0].y < -0.1 && picture.bounds[1].y < 0.08,
            "{:?}",
            picture.bounds
        );
        // Blue is seen, and more where the object is larger.
        let blue = |picture: &Picture| {
            let image = picture.render().unwrap();
            let pixels = image.rgb.chunks_exact(3);
            pixels
                .filter(|rgb| rgb[2] > rgb[0].saturating_add(50))
                .count()
        };
        let small = blue(&picture);
        assert!(small > 20, "{small}");
        let mut without = picture.clone();
        without.solids.remove(0);
        assert_eq!(blue(&without), 0);
        // A wall behind the ball is seen, green, where there was nothing; the view stays.
        let green = |picture: &Picture| {
            let image = picture.render().unwrap();
            let pixels = image.rgb.chunks_exact(3);
            pixels
                .filter(|rgb| rgb[1] > rgb[0].saturating_add(30))
                .filter(|rgb| rgb[1] > rgb[2].saturating_add(10))
                .count()
        };
        entry.surroundings.planes.push(HalfSpace {
            point: [0.0, 0.02, 0.0],
            normal: [0.0, -1.0, 0.0],
        });
        let with = drawn(&entry);
        assert_eq!(with.bounds, picture.bounds);
        assert_eq!(green(&picture), 0);
        assert!(green(&with) > 20, "{}", green(&with));
    }
}
