//! Figures for reports; nothing is differentiated through them.

use backflow_diff::Real;

use super::{Bodies, BodyFrame, Frame};
use crate::{
    collider::{Shape, SignedDistance},
    pose::Pose,
};

/// Share of the mass of the chosen bodies that is in the placed shape, in [0, 1]; a
/// particle counts whole by its centre, `d(x) <= 0`. NaN if there is no mass.
pub fn share_inside<W: Real>(
    frame: &Frame<W>,
    bodies: &Bodies,
    shape: &Shape<W>,
    pose: &Pose<W>,
) -> f64 {
    let (mut inside, mut total) = (0.0, 0.0);
    for (_, body) in bodies.of(frame) {
        let mass = body.mass.to_f64();
        inside += mass * particles_inside(body, shape, pose) as f64;
        total += mass * body.x.len() as f64;
    }
    inside / total
}

/// The same share for each body apart, in scene order.
pub fn shares_inside<W: Real>(frame: &Frame<W>, shape: &Shape<W>, pose: &Pose<W>) -> Vec<f64> {
    let share =
        |body: &BodyFrame<W>| particles_inside(body, shape, pose) as f64 / body.x.len() as f64;
    frame.bodies.iter().map(share).collect()
}

/// How many particles have their centre in the placed shape.
fn particles_inside<W: Real>(body: &BodyFrame<W>, shape: &Shape<W>, pose: &Pose<W>) -> usize {
    let inside = |x: &&_| shape.contains(&pose.inverse_apply(x));
    body.x.iter().filter(inside).count()
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix3, Vector3};

    use super::{super::testing::*, *};
    use crate::collider::Sphere;

    #[test]
    fn shares_by_hand() {
        let at = |x: f64| Vector3::new(x, 0.2, 0.0);
        let mut frame = cloud(1);
        frame.bodies[0].x = vec![at(0.0), at(0.1), at(0.2), at(0.9)];
        frame.bodies[1].x = vec![at(0.0), at(0.9)];
        let shape = Shape::Sphere(Sphere { radius: 0.15 });
        let pose = Pose {
            position: at(0.0),
            rotation: Matrix3::identity(),
        };
        assert_eq!(shares_inside(&frame, &shape, &pose), [0.5, 0.5]);
        frame.bodies[1].x.pop();
        // 2 * 0.3 + 0.7 of 4 * 0.3 + 0.7.
        let share = share_inside(&frame, &Bodies::All, &shape, &pose);
        assert!((share - 1.3 / 1.9).abs() < 1e-15);
        let share = share_inside(&frame, &Bodies::Only(vec![1]), &shape, &pose);
        assert_eq!(share, 1.0);
        assert!(share_inside(&frame, &Bodies::Only(vec![]), &shape, &pose).is_nan());
    }
}
