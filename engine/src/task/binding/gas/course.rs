//! Where obstacles, jets and sources are, how they move, and how jets blow.

use backflow_sim::{
    gas::{course::MotionGradient, jet::Blow, motion::Trajectory, rollout::Gradient},
    pose::{Pose, PoseBar, Twist, exp, exp_vjp},
    scene::GasScene,
};
use nalgebra::Vector3;

use super::{
    super::{pick, put},
    GasPlace,
};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A jet by its number.
    Jet(usize),
    /// An obstacle by its number.
    Obstacle(usize),
    /// A source by its number.
    Source(usize),
}

impl Part {
    /// The jet, obstacle or source of a name.
    pub(super) fn named(gas: &GasScene, name: &str) -> Option<Self> {
        let jet = || Self::jet(gas, name).map(Self::Jet);
        let source = || Self::source(gas, name).map(Self::Source);
        let mut obstacles = gas.model.obstacles.iter();
        let obstacle = obstacles.position(|known| known.name == name);
        obstacle.map(Self::Obstacle).or_else(jet).or_else(source)
    }

    /// The number of a jet.
    pub(super) fn jet(gas: &GasScene, name: &str) -> Option<usize> {
        let mut jets = gas.model.jets.iter();
        jets.position(|known| known.name == name)
    }

    /// The number of a source.
    pub(super) fn source(gas: &GasScene, name: &str) -> Option<usize> {
        let mut sources = gas.model.sources.iter();
        sources.position(|known| known.name == name)
    }

    /// How it moves; a source does not.
    fn trajectory(self, gas: &mut GasScene) -> Option<&mut Trajectory<f64>> {
        match self {
            Self::Jet(index) => Some(&mut gas.course.jets[index].0),
            Self::Obstacle(index) => Some(&mut gas.course.obstacles[index]),
            Self::Source(_) => None,
        }
    }

    fn pose(self, gas: &GasScene) -> Pose<f64> {
        match self {
            Self::Jet(index) => gas.course.jets[index].0.pose(0, 0.0),
            Self::Obstacle(index) => gas.course.obstacles[index].pose(0, 0.0),
            Self::Source(index) => gas.course.sources[index],
        }
    }

    fn set_pose(self, gas: &mut GasScene, pose: Pose<f64>) {
        let duration = gas.clock.frame;
        if let Self::Source(index) = self {
            gas.course.sources[index] = pose;
        } else if let Some(trajectory) = self.trajectory(gas) {
            *trajectory = Trajectory::new(pose, twists(trajectory), duration);
        }
    }

    fn motion_bar(self, gradient: &Gradient<f64>) -> Option<&MotionGradient> {
        match self {
            Self::Jet(index) => Some(&gradient.course.jets[index].0),
            Self::Obstacle(index) => Some(&gradient.course.obstacles[index]),
            Self::Source(_) => None,
        }
    }

    fn pose_bar(self, gradient: &Gradient<f64>) -> PoseBar<f64> {
        match self {
            Self::Source(index) => gradient.course.sources[index].pose,
            _ => self
                .motion_bar(gradient)
                .map_or_else(PoseBar::zero, |bar| bar.pose),
        }
    }
}

fn twists(trajectory: &Trajectory<f64>) -> Vec<Twist<f64>> {
    (0..trajectory.frames())
        .map(|frame| trajectory.twist(frame))
        .collect()
}

/// An entry of a twist: along x, y, z, then about them.
fn entry(twist: &Twist<f64>, axis: usize) -> f64 {
    if axis < 3 {
        twist.linear[axis]
    } else {
        twist.angular[axis - 3]
    }
}

/// Velocity of a jet or an obstacle, one for every `hold` frames.
#[derive(Debug)]
pub(super) struct Motion {
    pub(super) part: Part,
    pub(super) axes: Vec<usize>,
    pub(super) hold: usize,
}

impl GasPlace for Motion {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        let trajectory = match self.part {
            Part::Jet(index) => &gas.course.jets[index].0,
            Part::Obstacle(index) => &gas.course.obstacles[index],
            Part::Source(_) => return Vec::new(),
        };
        let knots = (0..trajectory.frames()).step_by(self.hold);
        knots
            .flat_map(|frame| {
                let twist = trajectory.twist(frame);
                self.axes.iter().map(move |&axis| entry(&twist, axis))
            })
            .collect()
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        let duration = gas.clock.frame;
        let Some(trajectory) = self.part.trajectory(gas) else {
            return;
        };
        let mut twists = twists(trajectory);
        let knots = values.chunks_exact(self.axes.len());
        for (held, knot) in twists.chunks_mut(self.hold).zip(knots) {
            for twist in held {
                for (&axis, &value) in self.axes.iter().zip(knot) {
                    match axis {
                        0..3 => twist.linear[axis] = value,
                        _ => twist.angular[axis - 3] = value,
                    }
                }
            }
        }
        *trajectory = Trajectory::new(trajectory.pose(0, 0.0), twists, duration);
    }

    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let Some(bar) = self.part.motion_bar(gradient) else {
            return vec![0.0; values.len()];
        };
        let knots = bar.twists.chunks(self.hold);
        knots
            .flat_map(|held| {
                let sum = |&axis: &usize| held.iter().map(|twist| entry(twist, axis)).sum();
                self.axes.iter().map(sum)
            })
            .collect()
    }
}

/// What of a jet changes from frame to frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Blown {
    /// Its strength (m/s^2).
    Strength,
    /// Its radius (m).
    Radius,
}

impl Blown {
    fn of(self, blow: &Blow<f64>) -> f64 {
        match self {
            Self::Strength => blow.strength,
            Self::Radius => blow.radius,
        }
    }
}

/// Strength or radius of a jet, one for every `hold` frames.
#[derive(Debug)]
pub(super) struct Blowing {
    pub(super) jet: usize,
    pub(super) what: Blown,
    pub(super) hold: usize,
}

impl GasPlace for Blowing {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        let blows = gas.course.jets[self.jet].1.iter().step_by(self.hold);
        blows.map(|blow| self.what.of(blow)).collect()
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        let blows = gas.course.jets[self.jet].1.chunks_mut(self.hold);
        for (held, &value) in blows.zip(values) {
            for blow in held {
                match self.what {
                    Blown::Strength => blow.strength = value,
                    Blown::Radius => blow.radius = value,
                }
            }
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let knots = gradient.course.jets[self.jet].1.chunks(self.hold);
        knots
            .map(|held| held.iter().map(|blow| self.what.of(blow)).sum())
            .collect()
    }
}

/// Where something is at the start.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) part: Part,
    pub(super) axes: Vec<usize>,
}

impl GasPlace for Position {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        pick(&self.axes, &self.part.pose(gas).position)
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        let mut pose = self.part.pose(gas);
        put(&self.axes, values, &mut pose.position);
        self.part.set_pose(gas, pose);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        pick(&self.axes, &self.part.pose_bar(gradient).position)
    }
}

/// How something is turned at the start, from what the scene says.
#[derive(Debug)]
pub(super) struct Rotation(pub(super) Part);

impl GasPlace for Rotation {
    fn values(&self, _gas: &GasScene) -> Vec<f64> {
        vec![0.0; 3]
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        let mut pose = self.0.pose(gas);
        pose.rotation = exp(&Vector3::from_column_slice(values)) * pose.rotation;
        self.0.set_pose(gas, pose);
    }

    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let theta = Vector3::from_column_slice(values);
        let bar = exp_vjp(&theta, &self.0.pose_bar(gradient).rotation);
        bar.iter().copied().collect()
    }
}
