//! Tools: bodies that move as commanded and act on the matter.
//!
//! A [`Tool`] is a frame that moves freely and links that [`joint`]s hang on it. A
//! [`Program`] commands it frame by frame; [`drive`](mod@drive) makes a velocity of each
//! command, within what the tool can do, and a [`Trajectory`] is where that takes it.

pub mod collector;
pub mod drive;
pub mod injector;
pub mod joint;
pub mod program;
pub mod trajectory;

use std::ops::AddAssign;

use arrayvec::ArrayVec;
use backflow_diff::Real;
use nalgebra::Vector3;

use crate::{
    pose::{Pose, PoseBar, Twist},
    world::cast,
};

pub use collector::Collector;
pub use drive::Limits;
pub use injector::{Injector, Nozzle};
pub use joint::{Joint, JointKind, links, links_vjp};
pub use program::{Command, Drive, Program};
pub use trajectory::{Trajectory, TrajectoryBar};

/// Tools that a scene may have.
pub const MAX_TOOLS: usize = 8;

/// Joints that a tool may have.
pub const MAX_JOINTS: usize = 24;

/// Frames of a tool: its own and one for each joint.
pub const MAX_LINKS: usize = MAX_JOINTS + 1;

/// One number for each joint of a tool: its position (rad, m) or its rate.
pub type Joints<T> = ArrayVec<T, MAX_JOINTS>;

/// Pose and velocity of each frame of a tool.
pub type Links<T> = ArrayVec<(Pose<T>, Twist<T>), MAX_LINKS>;

/// Cotangents of [`Links`].
pub type LinksBar<T> = ArrayVec<(PoseBar<T>, Twist<T>), MAX_LINKS>;

/// The frames of all tools.
pub type Frames<T> = ArrayVec<Links<T>, MAX_TOOLS>;

/// A tool: the moving frames that colliders are mounted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool<T: Real> {
    /// Name in the scene.
    pub name: String,
    /// Where it is at the start of the run.
    pub start: Stance<T>,
    /// What hangs on it, each joint after the one that it hangs on.
    pub joints: Vec<Joint<T>>,
    /// How fast and how far it may go.
    pub limits: Limits<T>,
}

/// Which frame of which tool a collider moves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mount {
    /// Index of the tool.
    pub tool: usize,
    /// 0 is the tool's own frame, `j + 1` the one that joint `j` carries.
    pub link: usize,
}

/// Where a tool is.
#[derive(Debug, Clone, PartialEq)]
pub struct Stance<T: Real> {
    /// Of its own frame.
    pub pose: Pose<T>,
    /// Position of each joint (rad, m).
    pub joints: Joints<T>,
}

/// How a tool moves.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate<T: Real> {
    /// Of its own frame.
    pub twist: Twist<T>,
    /// Rate of each joint (rad/s, m/s).
    pub joints: Joints<T>,
}

/// Cotangent of a [`Stance`].
#[derive(Debug, Clone, PartialEq)]
pub struct StanceBar<T: Real> {
    /// Of the pose.
    pub pose: PoseBar<T>,
    /// Of the position of each joint.
    pub joints: Joints<T>,
}

/// Adds entry by entry.
fn add<T: Real>(sum: &mut Joints<T>, part: &Joints<T>) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += *part;
    }
}

/// The same joints through a function of each.
fn map<T: Real, U: Real>(joints: &Joints<T>, function: impl Fn(T) -> U) -> Joints<U> {
    joints.iter().map(|&entry| function(entry)).collect()
}

/// Zeros for `joints` joints.
pub(crate) fn still<T: Real>(joints: usize) -> Joints<T> {
    (0..joints).map(|_| T::zero()).collect()
}

impl<T: Real> Stance<T> {
    /// Of a tool without joints.
    pub fn rigid(pose: Pose<T>) -> Self {
        Self {
            pose,
            joints: Joints::new(),
        }
    }

    /// Where `rate` takes it in `time` (s), see [`Pose::moved`].
    #[inline]
    pub fn moved(&self, rate: &Rate<T>, time: T) -> Self {
        let mut joints = self.joints.clone();
        for (position, rate) in joints.iter_mut().zip(&rate.joints) {
            *position += *rate * time;
        }
        Self {
            pose: self.pose.moved(&rate.twist, time),
            joints,
        }
    }

    /// Cotangents of the start and of the rate of [`Stance::moved`].
    #[inline]
    pub fn moved_vjp(
        &self,
        rate: &Rate<T>,
        time: T,
        bar: &StanceBar<T>,
    ) -> (StanceBar<T>, Rate<T>) {
        let (pose, twist) = self.pose.moved_vjp(&rate.twist, time, &bar.pose);
        let joints = map(&bar.joints, |entry| entry * time);
        let start = StanceBar {
            pose,
            joints: bar.joints.clone(),
        };
        (start, Rate { twist, joints })
    }

    /// In another scalar.
    pub fn map<U: Real>(&self, scalar: impl Fn(T) -> U) -> Stance<U> {
        Stance {
            pose: Pose {
                position: self.pose.position.map(&scalar),
                rotation: self.pose.rotation.map(&scalar),
            },
            joints: map(&self.joints, scalar),
        }
    }
}

impl<T: Real> Rate<T> {
    /// Of a tool with `joints` joints that holds still.
    pub fn zero(joints: usize) -> Self {
        Self {
            twist: Twist::zero(),
            joints: still(joints),
        }
    }
}

impl<T: Real> AddAssign<&Self> for Rate<T> {
    #[inline]
    fn add_assign(&mut self, other: &Self) {
        self.twist += other.twist;
        add(&mut self.joints, &other.joints);
    }
}

impl<T: Real> StanceBar<T> {
    /// The zero cotangent of a tool with `joints` joints.
    pub fn zero(joints: usize) -> Self {
        Self {
            pose: PoseBar::zero(),
            joints: still(joints),
        }
    }

    /// In another scalar.
    pub fn map<U: Real>(&self, scalar: impl Fn(T) -> U) -> StanceBar<U> {
        StanceBar {
            pose: PoseBar {
                position: self.pose.position.map(&scalar),
                rotation: self.pose.rotation.map(&scalar),
            },
            joints: map(&self.joints, scalar),
        }
    }
}

impl<T: Real> AddAssign<&Self> for StanceBar<T> {
    #[inline]
    fn add_assign(&mut self, other: &Self) {
        self.pose += other.pose;
        add(&mut self.joints, &other.joints);
    }
}

impl<T: Real> Tool<T> {
    /// A tool without joints or limits.
    pub fn rigid(name: &str, pose: Pose<T>) -> Self {
        Self {
            name: name.to_owned(),
            start: Stance::rigid(pose),
            joints: Vec::new(),
            limits: Limits::none(),
        }
    }

    /// Numbers of a command: three of position, three of rotation, one for each joint.
    pub fn freedoms(&self) -> usize {
        6 + self.joints.len()
    }

    /// The same tool in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Tool<U> {
        self.map(cast)
    }

    /// The same tool through a function of its numbers.
    pub fn map<U: Real>(&self, scalar: impl Fn(T) -> U + Copy) -> Tool<U> {
        Tool {
            name: self.name.clone(),
            start: self.start.map(scalar),
            joints: self.joints.iter().map(|joint| joint.map(scalar)).collect(),
            limits: self.limits.map(scalar),
        }
    }
}

/// Adds the cotangent of a frame.
pub(crate) fn add_link<T: Real>(
    sum: &mut (PoseBar<T>, Twist<T>),
    pose: PoseBar<T>,
    twist: Twist<T>,
) {
    sum.0 += pose;
    sum.1 += twist;
}

/// Zero cotangents of `links` frames.
pub(crate) fn no_links<T: Real>(links: usize) -> LinksBar<T> {
    (0..links)
        .map(|_| (PoseBar::zero(), Twist::zero()))
        .collect()
}

/// Three numbers of a command.
fn triple<T: Real>(values: &[T]) -> Vector3<T> {
    Vector3::new(values[0], values[1], values[2])
}

#[cfg(test)]
pub(crate) mod testing;
