//! A collider where it is at an instant, and how its surface moves there.

use std::ops::AddAssign;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::Collider;
use crate::{
    collider::{Probe, SignedDistance},
    pose::{Pose, PoseBar, Twist},
};

/// A collider at an instant: where it is in the world and how its surface moves,
/// `v_c(x) = v + w x (x - o)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed<'a, T: Real> {
    /// The collider.
    pub collider: &'a Collider<T>,
    /// Its pose in the world.
    pub pose: Pose<T>,
    /// Velocity `(v, w)` of the frame it moves with; zero where it stands still.
    pub twist: Twist<T>,
    /// Origin `o` (m) of that frame.
    pub origin: Vector3<T>,
}

/// Cotangent of a [`Placed`]: what the nodes in contact sum up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedBar<T: Real> {
    /// Of the pose of the collider in the world.
    pub pose: PoseBar<T>,
    /// Of the velocity of the frame it moves with.
    pub twist: Twist<T>,
    /// Of the origin of that frame.
    pub origin: Vector3<T>,
}

/// Cotangents of what [`place`] depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaceBar<T: Real> {
    /// Of the collider's own pose, in the world or in the frame that it moves with.
    pub collider: PoseBar<T>,
    /// Of the pose of the frame; zero for a collider that stands still.
    pub frame: PoseBar<T>,
    /// Of the twist of the frame; zero for a collider that stands still.
    pub twist: Twist<T>,
}

impl<T: Real> PlacedBar<T> {
    /// The zero cotangent.
    #[inline]
    pub fn zero() -> Self {
        Self {
            pose: PoseBar::zero(),
            twist: Twist::zero(),
            origin: Vector3::zeros(),
        }
    }
}

impl<T: Real> AddAssign for PlacedBar<T> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.pose += other.pose;
        self.twist += other.twist;
        self.origin += other.origin;
    }
}

/// The collider where it is: in a frame that moves (pose and twist), or standing still at
/// its own pose.
#[inline]
pub fn place<'a, T: Real>(
    collider: &'a Collider<T>,
    frame: Option<(&Pose<T>, &Twist<T>)>,
) -> Placed<'a, T> {
    match frame {
        Some((pose, twist)) => Placed {
            collider,
            pose: pose.compose(&collider.pose),
            twist: *twist,
            origin: pose.position,
        },
        None => Placed {
            collider,
            pose: collider.pose,
            twist: Twist::zero(),
            origin: Vector3::zeros(),
        },
    }
}

/// Cotangents of the collider's pose, the frame's pose and the frame's twist of [`place`],
/// see [`Pose::compose_vjp`]; the origin is that of the frame.
#[inline]
pub fn place_vjp<T: Real>(
    collider: &Collider<T>,
    frame: Option<&Pose<T>>,
    bar: &PlacedBar<T>,
) -> PlaceBar<T> {
    match frame {
        Some(pose) => {
            let (mut frame_bar, collider_bar) = pose.compose_vjp(&collider.pose, &bar.pose);
            frame_bar.position += bar.origin;
            PlaceBar {
                collider: collider_bar,
                frame: frame_bar,
                twist: bar.twist,
            }
        }
        None => PlaceBar {
            collider: bar.pose,
            frame: PoseBar::zero(),
            twist: Twist::zero(),
        },
    }
}

impl<T: Real> Placed<'_, T> {
    /// Velocity `v_c` (m/s) of the collider's matter at the world point `x` (m).
    #[inline]
    pub fn velocity(&self, x: &Vector3<T>) -> Vector3<T> {
        self.twist.velocity(&(*x - self.origin))
    }

    /// Distance (m) from the world point `x` (m) and normal in world axes `n = R n_local`;
    /// a pose does not stretch, so that the distance is the same in both frames.
    #[inline]
    pub fn probe(&self, x: &Vector3<T>) -> Probe<T> {
        let Probe { distance, normal } = self.collider.shape.probe(&self.pose.inverse_apply(x));
        Probe {
            distance,
            normal: self.pose.rotation * normal,
        }
    }

    /// Cotangent of the pose of [`Placed::probe`]; `x` is held fixed.
    #[inline]
    pub fn probe_vjp(
        &self,
        x: &Vector3<T>,
        distance_bar: T,
        normal: &Vector3<T>,
        normal_bar: &Vector3<T>,
    ) -> PoseBar<T> {
        let point = self.pose.inverse_apply(x);
        let local_bar = self.pose.rotation.tr_mul(normal_bar);
        let point_bar = (self.collider.shape).probe_vjp(&point, distance_bar, &local_bar);
        let (mut pose_bar, _) = self.pose.inverse_apply_vjp(x, &point_bar);
        pose_bar.rotation += normal.cross(normal_bar);
        pose_bar
    }

    /// Whether contact may act anywhere in the ball of `radius` (m) about `center` (m):
    /// `d(center) <= L radius + width`. The distance is `L`-Lipschitz, so that the answer
    /// no is certain; see [`SignedDistance::lipschitz`].
    #[inline]
    pub fn reaches(&self, center: &Vector3<T>, radius: T) -> bool {
        let point = self.pose.inverse_apply(center);
        let shape = &self.collider.shape;
        shape.probe(&point).distance <= radius * T::of(shape.lipschitz()) + self.collider.width
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        collider::{Capsule, Cuboid, Cylinder, Plane, Shape, Sphere, Torus, testing::*},
        contact::{ContactLaw, Stage, contact, law::tests::MU},
        pose::tests::{dot, dot_twist, dual_pose, dual_twist, pose_tangent, sample},
    };

    /// Width of the layer (m) in the tests.
    pub(crate) const WIDTH: f64 = 0.1;

    /// A collider of the tests.
    pub(crate) fn collider(shape: Shape<f64>, law: ContactLaw) -> Collider<f64> {
        Collider {
            name: String::new(),
            shape,
            pose: sample(80).0,
            law,
            friction: MU,
            width: WIDTH,
            mount: None,
            stage: Stage::Grid,
        }
    }

    /// The collider with tangents of its pose and friction.
    pub(crate) fn dual_collider(
        collider: &Collider<f64>,
        pose: &PoseBar<f64>,
        mu: f64,
    ) -> Collider<Dual64> {
        Collider {
            name: String::new(),
            shape: collider.shape.cast(),
            pose: dual_pose(&collider.pose, pose),
            law: collider.law,
            friction: Dual64::new(collider.friction, mu),
            width: Dual64::from(collider.width),
            mount: collider.mount,
            stage: collider.stage,
        }
    }

    /// The tool of the tests.
    pub(crate) fn tool() -> (Pose<f64>, Twist<f64>) {
        let twist = Twist {
            linear: noise(81),
            angular: noise(82) * 2.0,
        };
        (sample(83).0, twist)
    }

    /// Shapes, each with a point inside, one in the layer and one beyond it (own frame).
    pub(crate) fn shapes() -> Vec<(Shape<f64>, [[f64; 3]; 3])> {
        let cuboid = Cuboid {
            half_extents: Vector3::new(0.3, 0.2, 0.4),
            rounding: 0.08,
        };
        let (radius, half_length, half_height) = (0.25, 0.2, 0.3);
        let capsule = Capsule {
            radius,
            half_length,
        };
        let cylinder = Cylinder {
            radius,
            half_height,
        };
        vec![
            (
                Shape::Sphere(Sphere { radius: 0.3 }),
                [[0.1, 0.2, 0.1], [0.2, -0.2, 0.2], [0.5, 0.0, 0.0]],
            ),
            (
                Shape::Cuboid(cuboid),
                [[0.27, 0.16, 0.1], [0.31, -0.21, 0.41], [0.3, 0.4, 0.0]],
            ),
            (
                Shape::Capsule(capsule),
                [[0.1, 0.3, 0.1], [0.2, 0.35, 0.15], [0.5, 0.0, 0.0]],
            ),
            (
                Shape::Cylinder(cylinder),
                [[0.1, 0.1, 0.2], [0.2, 0.34, 0.18], [0.0, 0.5, 0.0]],
            ),
            (
                Shape::Torus(Torus {
                    radius: 0.3,
                    tube: 0.1,
                }),
                [[0.25, 0.03, 0.1], [0.2, 0.12, -0.18], [0.0, 0.35, 0.3]],
            ),
            (
                // Inside, in the layer on the grid, and beyond the grid; within cells, since
                // across their sides third derivatives jump, which central differences see.
                Shape::Grid(torus_grid(&Torus {
                    radius: 0.3,
                    tube: 0.1,
                })),
                [
                    [0.253, 0.034, 0.106],
                    [0.204, 0.124, -0.183],
                    [0.0, 0.4, 0.3],
                ],
            ),
            (
                Shape::Plane(Plane),
                [[0.3, -0.1, 0.2], [0.1, 0.04, 0.2], [0.0, 0.2, 0.0]],
            ),
        ]
    }

    #[test]
    fn place_vjp_is_the_transpose() {
        let (pose, twist) = tool();
        let bar = PlacedBar {
            pose: sample(84).1,
            twist: Twist {
                linear: noise(85),
                angular: noise(86),
            },
            origin: noise(87),
        };
        for moving in [true, false] {
            let collider = collider(Shape::Plane(Plane), ContactLaw::Slip);
            let of = place_vjp(&collider, moving.then_some(&pose), &bar);
            // One input at a time: the collider's pose, the tool's pose and twist.
            for input in 0..3 {
                let pick = |i| {
                    if input == i {
                        sample(88).1
                    } else {
                        PoseBar::zero()
                    }
                };
                let push = Twist {
                    linear: pick(2).position,
                    angular: pick(2).rotation,
                };
                let moved = dual_collider(&collider, &pick(0), 0.0);
                let tool = (dual_pose(&pose, &pick(1)), dual_twist(&twist, &push));
                let placed = place(&moved, moving.then_some((&tool.0, &tool.1)));
                let twist = Twist {
                    linear: tangent(&placed.twist.linear),
                    angular: tangent(&placed.twist.angular),
                };
                let forward = dot(&pose_tangent(&placed.pose), &bar.pose)
                    + dot_twist(&twist, &bar.twist)
                    + tangent(&placed.origin).dot(&bar.origin);
                let backward = dot(&of.collider, &pick(0))
                    + dot(&of.frame, &pick(1))
                    + dot_twist(&of.twist, &push);
                assert!((forward - backward).abs() <= 1e-12, "{moving} {input}");
                assert_eq!(forward != 0.0, moving || input == 0);
            }
        }
    }

    #[test]
    fn cotangents_of_the_nodes_add_up() {
        let bar = |seed| PlacedBar {
            pose: sample(seed).1,
            twist: Twist {
                linear: noise(seed),
                angular: noise(seed + 1),
            },
            origin: noise(seed + 2),
        };
        let mut sum = PlacedBar::zero();
        sum += bar(1);
        assert_eq!(sum, bar(1));
        sum += bar(7);
        assert_eq!(
            sum.pose.position,
            sample(1).1.position + sample(7).1.position
        );
        assert_eq!(
            sum.pose.rotation,
            sample(1).1.rotation + sample(7).1.rotation
        );
        assert_eq!(sum.twist.linear, noise(1) + noise(7));
        assert_eq!(sum.twist.angular, noise(2) + noise(8));
        assert_eq!(sum.origin, noise(3) + noise(9));
    }

    #[test]
    fn probe_vjp_is_the_transpose_for_every_shape() {
        let (distance_bar, normal_bar) = (0.7, noise(89));
        for (shape, points) in shapes() {
            let collider = collider(shape, ContactLaw::Slip);
            let placed = place(&collider, None);
            for point in points {
                let x = placed.pose.apply(&Vector3::from(point));
                let normal = placed.probe(&x).normal;
                let of = placed.probe_vjp(&x, distance_bar, &normal, &normal_bar);
                let direction = sample(90).1;
                let moved = dual_collider(&collider, &direction, 0.0);
                let probe = place(&moved, None).probe(&x.map(Dual64::from));
                let forward =
                    probe.distance.eps * distance_bar + tangent(&probe.normal).dot(&normal_bar);
                let backward = dot(&of, &direction);
                assert!((forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()));
            }
        }
    }

    #[test]
    fn a_collider_moves_with_its_frame_and_others_stand_still() {
        let (pose, twist) = tool();
        let collider = collider(Shape::Plane(Plane), ContactLaw::Slip);
        let x = noise(91);
        let placed = place(&collider, Some((&pose, &twist)));
        assert_eq!(placed.pose, pose.compose(&collider.pose));
        let known = twist.linear + twist.angular.cross(&(x - pose.position));
        assert!((placed.velocity(&x) - known).norm() < 1e-15);
        // In a short time h a point of it gets from x to x + h v_c.
        let h = 1e-6;
        let later = pose.moved(&twist, h).compose(&collider.pose);
        let moved = (later.apply(&placed.pose.inverse_apply(&x)) - x) / h;
        assert!((placed.velocity(&x) - moved).norm() < 1e-5);

        let placed = place(&collider, None);
        assert_eq!(placed.pose, collider.pose);
        assert_eq!(placed.velocity(&x), Vector3::zeros());
    }

    #[test]
    fn the_normal_turns_with_the_collider() {
        let mut block = collider(
            Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.4, 0.1, 0.3),
                rounding: 0.0,
            }),
            ContactLaw::Slip,
        );
        let turn = Vector3::z() * 0.6;
        block.pose = Pose::from_rotation_vector(Vector3::new(1.0, 2.0, 3.0), &turn);
        let up = Vector3::new(-0.6_f64.sin(), 0.6_f64.cos(), 0.0);
        let placed = place(&block, None);
        let x = block.pose.position + up * 0.09;
        assert!((placed.probe(&x).distance + 0.01).abs() < 1e-15);
        let v = noise(109);
        let known = v - up * v.dot(&up);
        assert!((contact(&placed, &x, &v).unwrap() - known).norm() < 1e-14);
    }

    proptest! {
        #[test]
        fn what_is_not_reached_is_not_touched(
            which in 0_usize..7,
            center in [-1.5..1.5, -1.5..1.5, -1.5..1.5],
            radius in 0.0..0.6,
            seed in 0_u32..1000,
        ) {
            let (pose, twist) = tool();
            let collider = collider(shapes()[which].0.clone(), ContactLaw::Sticky);
            let placed = place(&collider, Some((&pose, &twist)));
            let center = pose.position + Vector3::from(center);
            let x = center + noise(seed).normalize() * radius;
            if contact(&placed, &x, &Vector3::zeros()).is_some() {
                prop_assert!(placed.reaches(&center, radius + 1e-15));
            }
            let reach = radius * placed.collider.shape.lipschitz();
            let within = placed.probe(&center).distance <= reach + WIDTH;
            prop_assert_eq!(placed.reaches(&center, radius), within);
        }
    }
}
