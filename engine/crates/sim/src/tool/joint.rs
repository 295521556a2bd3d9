//! Joints: how the parts of a tool hang together.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Links, LinksBar, Rate, Stance, StanceBar, add_link, still};
use crate::pose::{Pose, PoseBar, Twist, exp};

/// How a joint moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JointKind {
    /// It turns about its axis: its position is an angle (rad).
    Hinge,
    /// It slides along its axis: its position is a length (m).
    Slider,
}

/// A joint between a frame of a tool and a further one.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint<T: Real> {
    /// Name in the scene.
    pub name: String,
    /// How it moves.
    pub kind: JointKind,
    /// The frame that it hangs on: 0 is the tool's own, `j + 1` that of joint `j`.
    pub parent: usize,
    /// Where it is in the parent's frame (m): the origin of its own frame at position zero.
    pub anchor: Vector3<T>,
    /// Unit vector of its axis, in the parent's frame.
    pub axis: Vector3<T>,
    /// Least and greatest position (rad, m).
    pub range: [T; 2],
    /// Greatest rate (rad/s, m/s).
    pub speed: T,
}

impl<T: Real> Joint<T> {
    /// The same joint through a function of its numbers.
    pub fn map<U: Real>(&self, scalar: impl Fn(T) -> U) -> Joint<U> {
        Joint {
            name: self.name.clone(),
            kind: self.kind,
            parent: self.parent,
            anchor: self.anchor.map(&scalar),
            axis: self.axis.map(&scalar),
            range: self.range.map(&scalar),
            speed: scalar(self.speed),
        }
    }

    /// Where its frame is in the parent's at the position `q`.
    fn local(&self, q: T) -> Pose<T> {
        match self.kind {
            JointKind::Hinge => Pose::from_rotation_vector(self.anchor, &(self.axis * q)),
            JointKind::Slider => Pose {
                position: self.anchor + self.axis * q,
                rotation: exp(&Vector3::zeros()),
            },
        }
    }

    /// Pose and twist of its frame from those of the parent, its position and its rate: with
    /// the offset `r = R r_local` of its origin and its axis `u = R u_local` in the world,
    /// `v' = v + w x r + qd u` of a slider, `w' = w + qd u` of a hinge.
    fn carry(&self, (pose, twist): &(Pose<T>, Twist<T>), q: T, rate: T) -> (Pose<T>, Twist<T>) {
        let child = pose.compose(&self.local(q));
        let push = pose.rotation * self.axis * rate;
        let mut carried = Twist {
            linear: twist.velocity(&(child.position - pose.position)),
            angular: twist.angular,
        };
        match self.kind {
            JointKind::Hinge => carried.angular += push,
            JointKind::Slider => carried.linear += push,
        }
        (child, carried)
    }

    /// Cotangents of the parent's pose and twist, of position and of rate of
    /// [`Joint::carry`].
    fn carry_vjp(
        &self,
        (pose, twist): &(Pose<T>, Twist<T>),
        q: T,
        rate: T,
        (pose_bar, twist_bar): &(PoseBar<T>, Twist<T>),
    ) -> ((PoseBar<T>, Twist<T>), T, T) {
        let local = self.local(q);
        let offset = pose.rotation * local.position;
        let axis = pose.rotation * self.axis;
        let (through, offset_bar) = twist.velocity_vjp(&offset, &twist_bar.linear);
        let mut of_twist = through;
        of_twist.angular += twist_bar.angular;
        let push_bar = match self.kind {
            JointKind::Hinge => twist_bar.angular,
            JointKind::Slider => twist_bar.linear,
        };
        // The offset turns with the parent, and so does what the rate pushes along.
        let (mut of_pose, local_bar) = pose.compose_vjp(&local, pose_bar);
        of_pose.rotation += offset.cross(&offset_bar) + axis.cross(&push_bar) * rate;
        let of_rate = axis.dot(&push_bar);
        let of_position = match self.kind {
            JointKind::Hinge => self.axis.dot(&local_bar.rotation),
            JointKind::Slider => self.axis.dot(&local_bar.position) + axis.dot(&offset_bar),
        };
        ((of_pose, of_twist), of_position, of_rate)
    }
}

/// Pose and twist of every frame of a tool, its own first.
#[inline]
pub fn links<T: Real>(joints: &[Joint<T>], stance: &Stance<T>, rate: &Rate<T>) -> Links<T> {
    let mut links = Links::new();
    links.push((stance.pose, rate.twist));
    for (index, joint) in joints.iter().enumerate() {
        let parent = links[joint.parent];
        links.push(joint.carry(&parent, stance.joints[index], rate.joints[index]));
    }
    links
}

/// Cotangents of stance and rate of [`links`].
pub fn links_vjp<T: Real>(
    joints: &[Joint<T>],
    stance: &Stance<T>,
    rate: &Rate<T>,
    mut bars: LinksBar<T>,
) -> (StanceBar<T>, Rate<T>) {
    let links = links(joints, stance, rate);
    let (mut positions, mut rates) = (still(joints.len()), still(joints.len()));
    for (index, joint) in joints.iter().enumerate().rev() {
        let bar = bars[index + 1];
        let (q, qd) = (stance.joints[index], rate.joints[index]);
        let (parent, of_position, of_rate) = joint.carry_vjp(&links[joint.parent], q, qd, &bar);
        add_link(&mut bars[joint.parent], parent.0, parent.1);
        positions[index] = of_position;
        rates[index] = of_rate;
    }
    let (pose, twist) = bars[0];
    let stance = StanceBar {
        pose,
        joints: positions,
    };
    let rate = Rate {
        twist,
        joints: rates,
    };
    (stance, rate)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::{
        collider::testing::noise,
        pose::tests::{dot, dot_twist, pose_tangent, sample},
        tool::no_links,
    };

    #[test]
    fn velocities_of_the_links_are_those_of_their_motion() {
        let (joints, stance, rate) = arm();
        let h = 1e-6;
        let at = |time: f64| links(&joints, &stance.moved(&rate, time), &rate);
        let (before, now, after) = (at(-h), at(0.0), at(h));
        for (index, (pose, twist)) in now.iter().enumerate() {
            // A point of the link, followed through a short time.
            let local = noise(index as u32);
            let point = |links: &Links<f64>| links[index].0.apply(&local);
            let moved = (point(&after) - point(&before)) / (2.0 * h);
            let offset = pose.apply(&local) - pose.position;
            assert!((twist.velocity(&offset) - moved).norm() < 1e-8, "{index}");
        }
    }

    #[test]
    fn a_slider_moves_along_its_axis_and_a_hinge_turns_about_it() {
        let (joints, mut stance, rate) = arm();
        stance.pose = Pose::identity();
        let at = links(&joints, &stance, &rate);
        let slid = joints[0].anchor + joints[0].axis * stance.joints[0];
        assert!((at[1].0.position - slid).norm() < 1e-15);
        let hinge = at[2].0.position;
        assert!((hinge - at[1].0.apply(&joints[1].anchor)).norm() < 1e-15);
        // The axis of a hinge is the same in both of its frames.
        let seen = at[2].0.rotation * joints[1].axis;
        assert!((seen - at[1].0.rotation * joints[1].axis).norm() < 1e-14);
    }

    #[test]
    fn links_vjp_is_the_transpose() {
        let (joints, stance, rate) = arm();
        let mut bars = no_links(joints.len() + 1);
        for (seed, bar) in (30..).step_by(5).zip(&mut bars) {
            *bar = (sample(seed).1, twist(seed + 2));
        }
        let (stance_bar, rate_bar) = links_vjp(&joints, &stance, &rate, bars.clone());
        for input in 0..4 {
            let (push, swing) = direction(input, 60);
            let forward: f64 = links(
                &lifted_joints(&joints),
                &dual_stance(&stance, &push),
                &dual_rate(&rate, &swing),
            )
            .iter()
            .zip(&bars)
            .map(|((pose, twist), bar)| {
                let twist = Twist {
                    linear: twist.linear.map(|v| v.eps),
                    angular: twist.angular.map(|w| w.eps),
                };
                dot(&pose_tangent(pose), &bar.0) + dot_twist(&twist, &bar.1)
            })
            .sum();
            let backward = dot_stance(&stance_bar, &push) + dot_rate(&rate_bar, &swing);
            assert!(forward.abs() > 1e-3);
            assert!((forward - backward).abs() < 1e-12, "{input}");
        }
    }
}
