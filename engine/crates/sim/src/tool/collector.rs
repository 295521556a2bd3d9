//! Collectors: volumes that take particles out of a run, or count those inside.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::Mount;
use crate::{
    collider::{Shape, SignedDistance},
    pose::Pose,
    world::cast,
};

/// A volume that takes particles out, or counts those inside.
///
/// A particle that is inside, or on the surface, at the start of a frame is taken: from then on it
/// rests where it was, no force acts on it and it acts on nothing. So what is read of it later
/// depends on the run before, and keeps its gradient; that it is taken is no smooth function of
/// anything, and a frame in which a particle crosses the surface has the derivative of the side
/// that it is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Collector<T: Real> {
    /// Name in the scene.
    pub name: String,
    /// The frame of a tool that it moves with, if any.
    pub mount: Option<Mount>,
    /// Placement in the world, or in the frame that it is mounted on.
    pub pose: Pose<T>,
    /// The volume.
    pub shape: Shape<T>,
    /// Which bodies it takes from or counts: liquid ones, then solid ones.
    pub of: Vec<bool>,
    /// Whether it takes particles out; otherwise it only counts.
    pub removes: bool,
    /// Frames at whose start it takes particles.
    pub frames: Range<usize>,
}

impl<T: Real> Collector<T> {
    /// The same collector in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Collector<U> {
        Collector {
            name: self.name.clone(),
            mount: self.mount,
            pose: Pose {
                position: self.pose.position.map(cast),
                rotation: self.pose.rotation.map(cast),
            },
            shape: self.shape.cast(),
            of: self.of.clone(),
            removes: self.removes,
            frames: self.frames.clone(),
        }
    }

    /// Where it is when the frame that it is mounted on is at a pose.
    pub fn placed(&self, frame: Option<&Pose<T>>) -> Pose<T> {
        frame.map_or(self.pose, |frame| frame.compose(&self.pose))
    }

    /// Whether it holds a point when it is at `pose`.
    pub fn holds(&self, pose: &Pose<T>, x: &Vector3<T>) -> bool {
        self.shape.contains(&pose.inverse_apply(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collider::Cuboid;

    #[test]
    fn a_collector_goes_where_its_tool_does() {
        let collector = Collector {
            name: String::new(),
            mount: Some(Mount { tool: 0, link: 0 }),
            pose: Pose::from_rotation_vector(Vector3::new(0.0, 1.0, 0.0), &Vector3::zeros()),
            shape: Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.3, 0.1, 0.1),
                rounding: 0.0,
            }),
            of: vec![true],
            removes: true,
            frames: 0..1,
        };
        let quarter = Vector3::z() * std::f64::consts::FRAC_PI_2;
        let tool = Pose::from_rotation_vector(Vector3::new(2.0, 0.0, 0.0), &quarter);
        let pose = collector.placed(Some(&tool));
        // Its middle is a metre up the tool, which lies on its side: at x = 2 - 1.
        assert!(collector.holds(&pose, &Vector3::new(1.05, 0.25, 0.0)));
        assert!(!collector.holds(&pose, &Vector3::new(1.25, 0.05, 0.0)));
        let pose = collector.placed(None);
        assert!(collector.holds(&pose, &Vector3::new(0.25, 1.05, 0.0)));
        assert!(!collector.holds(&pose, &Vector3::new(0.25, 1.15, 0.0)));
    }
}
