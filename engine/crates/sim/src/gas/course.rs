//! Where obstacles, jets and sources are during a run.

use backflow_diff::Real;

use super::{
    jet::{Blow, JetBar},
    model::{Moment, MomentBar},
    motion::{Trajectory, TrajectoryBar},
    opening::{Placement, PlacementBar},
    source::SourceBar,
};
use crate::pose::{Pose, PoseBar, Twist};

/// How everything that acts on a gas moves and blows.
#[derive(Debug, Clone, PartialEq)]
pub struct Course<T: Real> {
    /// Of each obstacle.
    pub obstacles: Vec<Trajectory<T>>,
    /// Of each jet, and what it does in each frame; after the last it blows no more.
    pub jets: Vec<(Trajectory<T>, Vec<Blow<T>>)>,
    /// Where each source is.
    pub sources: Vec<Pose<T>>,
}

/// Cotangents gathered along a [`Course`].
#[derive(Debug, Clone)]
pub struct CourseBar<T: Real> {
    obstacles: Vec<TrajectoryBar<T>>,
    jets: Vec<(TrajectoryBar<T>, Vec<Blow<f64>>, JetBar)>,
    sources: Vec<SourceBar>,
}

/// Cotangents of how something moves.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionGradient {
    /// Of where it starts.
    pub pose: PoseBar<f64>,
    /// Of its velocity in each frame.
    pub twists: Vec<Twist<f64>>,
}

/// Cotangents of a [`Course`], and of what jets and sources are.
#[derive(Debug, Clone, PartialEq)]
pub struct CourseGradient {
    /// Of the motion of each obstacle.
    pub obstacles: Vec<MotionGradient>,
    /// Of the motion of each jet, of what it does in each frame, and of what it is.
    pub jets: Vec<(MotionGradient, Vec<Blow<f64>>, JetBar)>,
    /// Of each source.
    pub sources: Vec<SourceBar>,
}

fn narrow_pose<T: Real>(pose: &Pose<T::Wide>) -> Pose<T> {
    Pose {
        position: pose.position.map(T::narrow),
        rotation: pose.rotation.map(T::narrow),
    }
}

fn to_f64<T: Real>(bar: &PoseBar<T>) -> PoseBar<f64> {
    PoseBar {
        position: bar.position.map(Real::to_f64),
        rotation: bar.rotation.map(Real::to_f64),
    }
}

fn of_f64<T: Real>(bar: &PoseBar<f64>) -> PoseBar<T> {
    PoseBar {
        position: bar.position.map(T::of),
        rotation: bar.rotation.map(T::of),
    }
}

fn twist_to_f64<T: Real>(twist: &Twist<T>) -> Twist<f64> {
    Twist {
        linear: twist.linear.map(Real::to_f64),
        angular: twist.angular.map(Real::to_f64),
    }
}

impl<W: Real> Course<W> {
    /// Where everything is `time` (s) after the start of `frame`.
    pub fn moment<T: Real<Wide = W>>(&self, frame: usize, time: f64) -> Moment<T> {
        let mut moment = Moment::still();
        self.set_moment(frame, time, &mut moment);
        moment
    }

    /// Overwrites `moment` with [`Course::moment`], in the memory that it has.
    pub fn set_moment<T: Real<Wide = W>>(&self, frame: usize, time: f64, moment: &mut Moment<T>) {
        let time = W::of(time);
        let still = Blow {
            strength: W::zero(),
            radius: W::one(),
        };
        let Moment {
            obstacles,
            jets,
            sources,
        } = moment;
        obstacles.clear();
        obstacles.extend(self.obstacles.iter().map(|trajectory| {
            let twist = trajectory.twist(frame);
            Placement {
                pose: narrow_pose(&trajectory.pose(frame, time)),
                twist: Twist {
                    linear: twist.linear.map(T::narrow),
                    angular: twist.angular.map(T::narrow),
                },
            }
        }));
        jets.clear();
        jets.extend(self.jets.iter().map(|(trajectory, blows)| {
            let blow = blows.get(frame).unwrap_or(&still);
            let blow = Blow {
                strength: T::narrow(blow.strength),
                radius: T::narrow(blow.radius),
            };
            (narrow_pose(&trajectory.pose(frame, time)), blow)
        }));
        sources.clear();
        sources.extend(self.sources.iter().map(narrow_pose));
    }

    /// Zero cotangents; `species` is the number of scalars.
    pub fn zero_bar(&self, species: usize) -> CourseBar<W> {
        let zero = Blow {
            strength: 0.0,
            radius: 0.0,
        };
        CourseBar {
            obstacles: self.obstacles.iter().map(Trajectory::zero_bar).collect(),
            jets: self
                .jets
                .iter()
                .map(|(trajectory, blows)| {
                    let bar = trajectory.zero_bar();
                    (bar, vec![zero; blows.len()], JetBar::zero(species))
                })
                .collect(),
            sources: vec![SourceBar::zero(species); self.sources.len()],
        }
    }

    /// Adds the cotangents of [`Course::moment`].
    pub fn moment_vjp(&self, frame: usize, time: f64, bar: &MomentBar, sum: &mut CourseBar<W>) {
        let time = W::of(time);
        let each = self
            .obstacles
            .iter()
            .zip(&bar.obstacles)
            .zip(&mut sum.obstacles);
        for ((trajectory, PlacementBar { pose, twist }), sum) in each {
            trajectory.pose_vjp(frame, time, &of_f64(pose), sum);
            let twist = Twist {
                linear: twist.linear.map(W::of),
                angular: twist.angular.map(W::of),
            };
            trajectory.twist_vjp(frame, &twist, sum);
        }
        let each = self.jets.iter().zip(&bar.jets).zip(&mut sum.jets);
        for (((trajectory, _), bar), (motion, blows, what)) in each {
            trajectory.pose_vjp(frame, time, &of_f64(&bar.pose), motion);
            if let Some(blow) = blows.get_mut(frame) {
                blow.strength += bar.blow.strength;
                blow.radius += bar.blow.radius;
            }
            what.direction += bar.direction;
            what.mixing += bar.mixing;
            for (sum, part) in what.scalars.iter_mut().zip(&bar.scalars) {
                *sum += part;
            }
        }
        for (bar, sum) in bar.sources.iter().zip(&mut sum.sources) {
            sum.pose += bar.pose;
            sum.push += bar.push;
            for (sum, part) in sum.rates.iter_mut().zip(&bar.rates) {
                *sum += part;
            }
        }
    }

    /// Chains the gathered cotangents back to the start of the run.
    pub fn finish(&self, bar: CourseBar<W>) -> CourseGradient {
        let motion = |trajectory: &Trajectory<W>, bar| {
            let (pose, twists) = trajectory.finish(bar);
            MotionGradient {
                pose: to_f64(&pose),
                twists: twists.iter().map(twist_to_f64).collect(),
            }
        };
        CourseGradient {
            obstacles: self
                .obstacles
                .iter()
                .zip(bar.obstacles)
                .map(|(trajectory, bar)| motion(trajectory, bar))
                .collect(),
            jets: self
                .jets
                .iter()
                .zip(bar.jets)
                .map(|((trajectory, _), (bar, blows, what))| (motion(trajectory, bar), blows, what))
                .collect(),
            sources: bar.sources,
        }
    }
}
