//! Mean square distance to a target shape.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError, mean_of};
use crate::{
    collider::{Shape, SignedDistance},
    pose::Pose,
};

const NAME: &str = "target_sdf";

/// `L = 1/N sum_p max(d(x_p), 0)^2` (m^2) over the `N` particles of the chosen bodies,
/// `d` the signed distance to the placed shape: zero once all matter is inside.
///
/// Squared, so that it is smooth where a particle crosses the surface.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSdf<W: Real> {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// The target.
    pub shape: Shape<W>,
    /// Placement of the target in the world.
    pub pose: Pose<W>,
}

impl<W: Real> TargetSdf<W> {
    /// `x` in the frame of the shape, and its distance (m); `None` inside. A distance that is
    /// not a number has to show: it counts as outside.
    fn outside(&self, x: &Vector3<W>) -> Option<(Vector3<W>, W)> {
        let point = self.pose.inverse_apply(x);
        let distance = self.shape.probe(&point).distance;
        let inside = distance <= W::zero();
        (!inside).then_some((point, distance))
    }
}

impl<W: Real> FrameLoss<W> for TargetSdf<W> {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let mut sum = W::zero();
        for x in self.bodies.of(frame).flat_map(|(_, body)| &body.x) {
            if let Some((_, distance)) = self.outside(x) {
                sum += distance * distance;
            }
        }
        sum / mean_of(self.bodies.particles(frame))
    }

    /// `x_bar = 2/N max(d, 0) R grad d L_bar`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let scale = bar * W::of(2.0) / mean_of(self.bodies.particles(frame));
        for (at, body) in self.bodies.of(frame) {
            for (x, x_bar) in body.x.iter().zip(&mut bars.bodies[at].x) {
                if let Some((point, distance)) = self.outside(x) {
                    let point_bar =
                        (self.shape).probe_vjp(&point, distance * scale, &Vector3::zeros());
                    *x_bar += self.pose.rotation * point_bar;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix3, Rotation3};
    use num_dual::Dual64;

    use super::{super::testing::*, *};
    use crate::collider::{Cuboid, Sphere};

    fn turned() -> Matrix3<f64> {
        Rotation3::from_euler_angles(0.3, -0.8, 0.5).into_inner()
    }

    fn cuboid<W: Real>() -> TargetSdf<W> {
        TargetSdf {
            bodies: Bodies::All,
            shape: Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.1, 0.15, 0.2).map(W::of),
                rounding: W::of(0.02),
            }),
            pose: Pose {
                position: Vector3::new(0.4, 0.5, 0.55).map(W::of),
                rotation: turned().map(W::of),
            },
        }
    }

    fn sphere(centre: Vector3<f64>, radius: f64) -> TargetSdf<f64> {
        TargetSdf {
            bodies: Bodies::All,
            shape: Shape::Sphere(Sphere { radius }),
            pose: Pose {
                position: centre,
                rotation: Matrix3::identity(),
            },
        }
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        assert_transpose(&cuboid::<Dual64>(), &cuboid::<f64>(), &cloud(1));
    }

    #[test]
    fn value_by_hand() {
        let mut frame = cloud(1);
        frame.bodies.truncate(1);
        // 0.3 outside, and inside.
        frame.bodies[0].x = vec![Vector3::new(0.5, 0.0, 0.0), Vector3::new(0.0, 0.1, 0.0)];
        let loss = sphere(Vector3::zeros(), 0.2);
        assert!((loss.value(&frame) - 0.045).abs() < 1e-16);
        let mut bars = FrameBar::zeros(&frame);
        loss.value_vjp(&frame, 1.0, &mut bars);
        assert!((bars.bodies[0].x[0] - Vector3::new(0.3, 0.0, 0.0)).norm() < 1e-15);
        assert_eq!(bars.bodies[0].x[1], Vector3::zeros());
    }

    #[test]
    fn matter_inside_is_free() {
        assert_eq!(sphere(Vector3::repeat(0.5), 1.0).value(&cloud(1)), 0.0);
    }

    #[test]
    fn shift_of_matter_and_target_changes_nothing() {
        let shift = Vector3::new(0.3, -0.2, 0.7);
        let here = cuboid();
        let mut there = here.clone();
        there.pose.position += shift;
        let change = here.value(&cloud(1)) - there.value(&moved(&cloud(1), &shift));
        assert!(change.abs() < 1e-15);
    }

    #[test]
    fn a_number_that_is_none_shows() {
        let mut frame = cloud(1);
        frame.bodies[0].x[2].x = f64::NAN;
        assert!(sphere(Vector3::zeros(), 0.2).value(&frame).is_nan());
    }
}
