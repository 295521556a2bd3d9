//! How much of the matter a collector does not have.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, BodyFrame, Frame, FrameBar, FrameLoss, LossError, count};
use crate::{
    collider::{Shape, SignedDistance},
    pose::{Pose, PoseBar, Twist},
    tool::{Joint, Mount, add_link, links, links_vjp, no_links},
};

const NAME: &str = "uncollected";

/// `L = sum_p m_p u_p / sum_p m_p` (1) over the particles of the chosen bodies: the share of their
/// mass that a collector does not have. What it has taken counts nothing; any other particle
/// counts by a window of its signed distance `d` from the volume, where that is at the end of the
/// frame, `u = 1 / (1 + exp(-d / w))`.
///
/// A particle that is taken leaves the sum at once: the loss jumps there, and has the derivative
/// of the side that the particle is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Uncollected<W: Real> {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// Index of the collector.
    pub collector: usize,
    /// Its volume.
    pub shape: Shape<W>,
    /// Its placement in the world, or in the frame that it is mounted on.
    pub pose: Pose<W>,
    /// That frame, and the joints of its tool.
    pub mount: Option<(Mount, Vec<Joint<W>>)>,
    /// Width of the window `w` (m).
    pub width: W,
}

impl<W: Real> Uncollected<W> {
    /// Where the volume is.
    fn placed(&self, frame: &Frame<W>) -> Pose<W> {
        match &self.mount {
            Some((mount, joints)) => {
                let tool = &frame.tools[mount.tool];
                let links = links(joints, &tool.stance, &tool.rate);
                links[mount.link].0.compose(&self.pose)
            }
            None => self.pose,
        }
    }

    /// Whether the collector has taken a particle.
    fn has(&self, body: &BodyFrame<W>, particle: usize) -> bool {
        let by = body.taken.get(particle).copied().unwrap_or(0);
        usize::from(by) == self.collector + 1
    }

    /// Signed distance of a point from the volume at `pose` (m).
    fn distance(&self, pose: &Pose<W>, x: &Vector3<W>) -> W {
        self.shape.probe(&pose.inverse_apply(x)).distance
    }

    /// The window at a signed distance.
    fn window(&self, distance: W) -> W {
        W::one() / (W::one() + (-distance / self.width).exp())
    }

    /// What a particle counts (1).
    fn counts(&self, pose: &Pose<W>, body: &BodyFrame<W>, particle: usize) -> W {
        if self.has(body, particle) {
            return W::zero();
        }
        self.window(self.distance(pose, &body.x[particle]))
    }

    /// Sums of `m u` and of `m` (kg); 0 and 1 of no matter, none of which is uncollected.
    fn sums(&self, frame: &Frame<W>) -> [W; 2] {
        let pose = self.placed(frame);
        let mut sums = [W::zero(); 2];
        for (_, body) in self.bodies.of(frame) {
            let mut sum = W::zero();
            for particle in 0..body.x.len() {
                sum += self.counts(&pose, body, particle);
            }
            sums[0] += sum * body.mass;
            sums[1] += body.mass * count(body.x.len());
        }
        if sums[1] > W::zero() {
            sums
        } else {
            [W::zero(), W::one()]
        }
    }

    /// The share of the mass of the chosen bodies that the collector has taken or that is inside
    /// at the end of the frame (1); nothing of no matter.
    pub fn collected(&self, frame: &Frame<W>) -> W {
        let pose = self.placed(frame);
        let (mut mass, mut all) = (W::zero(), W::zero());
        for (_, body) in self.bodies.of(frame) {
            let each = 0..body.x.len();
            let held = each.filter(|&particle| {
                self.has(body, particle) || self.distance(&pose, &body.x[particle]) <= W::zero()
            });
            mass += body.mass * count(held.count());
            all += body.mass * count(body.x.len());
        }
        if all > W::zero() { mass / all } else { all }
    }
}

impl<W: Real> FrameLoss<W> for Uncollected<W> {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)?;
        let width = self.width.to_f64();
        if !(width > 0.0 && width.is_finite()) {
            return Err(LossError::Value {
                loss: NAME,
                field: "width",
                value: width,
                expected: "a positive number (m)",
            });
        }
        let tools = like.tools.len();
        match &self.mount {
            Some((mount, _)) if mount.tool >= tools => Err(LossError::NoSuchTool {
                loss: NAME,
                tool: mount.tool,
                tools,
            }),
            _ => Ok(()),
        }
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let [sum, mass] = self.sums(frame);
        sum / mass
    }

    /// `d_bar = m u (1 - u) L_bar / (w M)` through position and place of the volume;
    /// `m_bar = sum_p (u_p - L) L_bar / M`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let pose = self.placed(frame);
        let [sum, mass] = self.sums(frame);
        let (value, bar) = (sum / mass, bar / mass);
        let mut pose_bar = PoseBar::zero();
        for (at, body) in self.bodies.of(frame) {
            let bars = &mut bars.bodies[at];
            let mut mass_bar = W::zero();
            for (particle, x) in body.x.iter().enumerate() {
                let u = self.counts(&pose, body, particle);
                mass_bar += u - value;
                if self.has(body, particle) {
                    continue;
                }
                let distance_bar = body.mass * u * (W::one() - u) / self.width * bar;
                let point = pose.inverse_apply(x);
                let point_bar = (self.shape).probe_vjp(&point, distance_bar, &Vector3::zeros());
                let (of_pose, x_bar) = pose.inverse_apply_vjp(x, &point_bar);
                bars.x[particle] += x_bar;
                pose_bar += of_pose;
            }
            bars.mass += mass_bar * bar;
        }
        let Some((mount, joints)) = &self.mount else {
            return;
        };
        let tool = &frame.tools[mount.tool];
        let at = links(joints, &tool.stance, &tool.rate);
        let mut links_bar = no_links(joints.len() + 1);
        let (link_bar, _) = at[mount.link].0.compose_vjp(&self.pose, &pose_bar);
        add_link(&mut links_bar[mount.link], link_bar, Twist::zero());
        let (stance, rate) = links_vjp(joints, &tool.stance, &tool.rate, links_bar);
        let sum = &mut bars.tools[mount.tool];
        sum.stance += &stance;
        sum.rate += &rate;
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{super::testing::*, *};
    use crate::{
        collider::Sphere,
        loss::ToolFrame,
        pose::tests::sample,
        tool::testing::{
            arm, direction, dot_rate, dot_stance, dual_rate, dual_stance, lifted_joints,
        },
    };

    fn loss<W: Real>(pose: Pose<W>, mount: Option<(Mount, Vec<Joint<W>>)>) -> Uncollected<W> {
        Uncollected {
            bodies: Bodies::All,
            collector: 1,
            shape: Shape::Sphere(Sphere { radius: W::of(0.3) }),
            pose,
            mount,
            width: W::of(0.1),
        }
    }

    fn middle<W: Real>() -> Pose<W> {
        Pose {
            position: Vector3::new(0.4, 0.5, 0.6).map(W::of),
            ..Pose::identity()
        }
    }

    /// Two bodies, of which the collector has some and another one has others.
    fn frame() -> Frame<f64> {
        let mut frame = cloud(2);
        frame.bodies[0].taken = (0..40).map(|p| [0, 0, 2, 1][p % 4]).collect();
        frame
    }

    #[test]
    fn of_no_matter_none_is_uncollected() {
        let mut frame = frame();
        frame.bodies.iter_mut().for_each(|body| body.x.clear());
        let loss = loss::<f64>(middle(), None);
        assert!(loss.value(&frame).abs() < f64::MIN_POSITIVE);
        let mut bars = FrameBar::zeros(&frame);
        loss.value_vjp(&frame, 1.0, &mut bars);
        assert_eq!(bars, FrameBar::zeros(&frame));
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        assert_transpose(&loss(middle(), None), &loss(middle(), None), &frame());
    }

    #[test]
    fn value_vjp_is_the_transpose_in_the_tool() {
        let (joints, stance, rate) = arm();
        let mount = Mount { tool: 0, link: 2 };
        let own = sample(5).0;
        let plain = loss(own, Some((mount, joints.clone())));
        let tools = vec![ToolFrame { stance, rate }];
        let frame = Frame { tools, ..frame() };
        let mut bars = FrameBar::zeros(&frame);
        plain.value_vjp(&frame, 0.7, &mut bars);
        let pose = Pose {
            position: own.position.map(Dual64::from),
            rotation: own.rotation.map(Dual64::from),
        };
        let dual = loss(pose, Some((mount, lifted_joints(&joints))));
        for input in 0..2 {
            let (push, swing) = direction(input, 60);
            let ToolFrame { stance, rate } = &frame.tools[0];
            let lifted = Frame {
                rigids: Vec::new(),
                index: 0,
                lattice: lift(&frame.lattice),
                bodies: (frame.bodies.iter())
                    .map(|body| BodyFrame {
                        mass: Dual64::of(body.mass),
                        x: body.x.iter().map(|x| x.map(Dual64::from)).collect(),
                        taken: body.taken.clone(),
                    })
                    .collect(),
                tools: vec![ToolFrame {
                    stance: dual_stance(stance, &push),
                    rate: dual_rate(rate, &swing),
                }],
                reactions: crate::loss::Reactions::zero(1, 1),
            };
            let forward = 0.7 * dual.value(&lifted).eps;
            let backward =
                dot_stance(&bars.tools[0].stance, &push) + dot_rate(&bars.tools[0].rate, &swing);
            assert!(
                (forward - backward).abs() <= 1e-12 && forward != 0.0,
                "{input} {forward} {backward}"
            );
        }
    }

    #[test]
    fn value_by_hand() {
        let mut frame = cloud(1);
        frame.bodies.truncate(1);
        frame.bodies[0].x = vec![
            Vector3::new(0.4, 0.5, 0.6),
            Vector3::new(0.7, 0.5, 0.6),
            Vector3::new(0.4, 0.5, 1.1),
            Vector3::new(0.0, 0.0, 0.0),
        ];
        frame.bodies[0].taken = vec![0, 0, 0, 2];
        let loss = loss(middle(), None);
        let window = |d: f64| 1.0 / (1.0 + (-d / 0.1).exp());
        let expected = (window(-0.3) + 0.5 + window(0.2)) / 4.0;
        assert!((loss.value(&frame) - expected).abs() < 1e-15);
        // Inside, on the surface up to round-off, and what was taken.
        frame.bodies[0].x[1].x -= 1e-12;
        assert_eq!(loss.collected(&frame), 0.75);
        frame.bodies[0].x.clear();
        assert_eq!(loss.collected(&frame), 0.0);
    }

    #[test]
    fn a_width_that_is_not_positive_is_refused() {
        let mut loss = loss::<f64>(middle(), None);
        loss.width = 0.0;
        let error = loss.check(0..1, &cloud(1)).unwrap_err().to_string();
        let expected = "loss uncollected, width: 0; expected a positive number (m)";
        assert_eq!(error, expected);
    }
}
