//! Distance of a tool from matter: what draws it near before it touches.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError};
use crate::{
    collider::{Shape, SignedDistance},
    pose::{Pose, PoseBar},
    tool::{Joint, MAX_LINKS, add_link, links, links_vjp, no_links},
};

const NAME: &str = "approach";

/// A collider of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<W: Real> {
    /// Its solid.
    pub shape: Shape<W>,
    /// Its placement in the frame that it is mounted on.
    pub pose: Pose<W>,
    /// That frame: 0 is the tool's own, `j + 1` that of joint `j`.
    pub link: usize,
}

/// `L = 1/K sum_k max(0, min_p d_k(x_p))^2` (m^2) over the `K` colliders of a tool, `d_k` the
/// signed distance to collider `k`: zero once each of them touches the chosen bodies. The
/// contact loss of PlasticineLab (Huang et al. 2021, app. D), as a mean.
///
/// Where several particles are nearest the derivative of the first is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Approach<W: Real> {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// Index of the tool.
    pub tool: usize,
    /// Its joints.
    pub joints: Vec<Joint<W>>,
    /// Its colliders; at least one.
    pub parts: Vec<Part<W>>,
}

/// The particle nearest to a collider.
struct Nearest<W: Real> {
    body: usize,
    particle: usize,
    distance: W,
}

impl<W: Real> Approach<W> {
    /// Where each collider is.
    fn poses(&self, frame: &Frame<W>) -> Vec<Pose<W>> {
        let tool = &frame.tools[self.tool];
        let links = links(&self.joints, &tool.stance, &tool.rate);
        let place = |part: &Part<W>| links[part.link].0.compose(&part.pose);
        self.parts.iter().map(place).collect()
    }

    fn nearest(&self, frame: &Frame<W>, part: &Part<W>, pose: &Pose<W>) -> Option<Nearest<W>> {
        let mut best: Option<Nearest<W>> = None;
        for (body, matter) in self.bodies.of(frame) {
            for (particle, x) in matter.x.iter().enumerate() {
                let distance = part.shape.probe(&pose.inverse_apply(x)).distance;
                // A distance that is not a number has to show.
                let nearer = best
                    .as_ref()
                    .is_none_or(|best| distance < best.distance || distance.to_f64().is_nan());
                if nearer {
                    best = Some(Nearest {
                        body,
                        particle,
                        distance,
                    });
                }
            }
        }
        best
    }

    fn share(&self) -> W {
        W::of(1.0 / self.parts.len() as f64)
    }
}

impl<W: Real> FrameLoss<W> for Approach<W> {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)?;
        let tools = like.tools.len();
        if self.tool >= tools {
            return Err(LossError::NoSuchTool {
                loss: NAME,
                tool: self.tool,
                tools,
            });
        }
        let known = |part: &Part<W>| part.link < MAX_LINKS && part.link <= self.joints.len();
        if self.parts.is_empty() || !self.parts.iter().all(known) {
            return Err(LossError::Empty {
                loss: NAME,
                field: "colliders of the tool",
            });
        }
        Ok(())
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let mut sum = W::zero();
        for (part, pose) in self.parts.iter().zip(self.poses(frame)) {
            if let Some(nearest) = self.nearest(frame, part, &pose) {
                let inside = nearest.distance <= W::zero();
                if !inside {
                    sum += nearest.distance * nearest.distance;
                }
            }
        }
        sum * self.share()
    }

    /// `d_bar = 2/K max(0, d) L_bar` at the nearest particle, through position and pose.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let tool = &frame.tools[self.tool];
        let at = links(&self.joints, &tool.stance, &tool.rate);
        let mut links_bar = no_links(self.joints.len() + 1);
        for (part, pose) in self.parts.iter().zip(self.poses(frame)) {
            let Some(nearest) = self.nearest(frame, part, &pose) else {
                continue;
            };
            if nearest.distance <= W::zero() {
                continue;
            }
            let distance_bar = nearest.distance * W::of(2.0) * self.share() * bar;
            let x = frame.bodies[nearest.body].x[nearest.particle];
            let point = pose.inverse_apply(&x);
            let point_bar = (part.shape).probe_vjp(&point, distance_bar, &Vector3::zeros());
            let (pose_bar, x_bar) = pose.inverse_apply_vjp(&x, &point_bar);
            bars.bodies[nearest.body].x[nearest.particle] += x_bar;
            let (link_bar, _): (PoseBar<W>, _) = at[part.link].0.compose_vjp(&part.pose, &pose_bar);
            add_link(
                &mut links_bar[part.link],
                link_bar,
                crate::pose::Twist::zero(),
            );
        }
        let (stance, rate) = links_vjp(&self.joints, &tool.stance, &tool.rate, links_bar);
        let sum = &mut bars.tools[self.tool];
        sum.stance += &stance;
        sum.rate += &rate;
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{super::testing::*, *};
    use crate::{
        collider::{Cuboid, Sphere},
        loss::{BodyFrame, ToolFrame},
        pose::tests::sample,
        tool::testing::{
            arm, direction, dot_rate, dot_stance, dual_rate, dual_stance, lifted_joints,
        },
    };

    fn shapes() -> [Shape<f64>; 2] {
        [
            Shape::Sphere(Sphere { radius: 0.05 }),
            Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.05, 0.02, 0.04),
                rounding: 0.01,
            }),
        ]
    }

    fn approach() -> Approach<f64> {
        let [ball, block] = shapes();
        let part = |shape, seed, link| Part {
            shape,
            pose: sample(seed).0,
            link,
        };
        Approach {
            bodies: Bodies::All,
            tool: 0,
            joints: arm().0,
            parts: vec![part(ball, 3, 0), part(block, 5, 2)],
        }
    }

    fn near_arm() -> Frame<f64> {
        let (_, stance, rate) = arm();
        Frame {
            tools: vec![ToolFrame { stance, rate }],
            ..cloud(4)
        }
    }

    #[test]
    fn value_vjp_is_the_transpose_in_matter_and_tool() {
        let (loss, frame) = (approach(), near_arm());
        let lifted_loss = Approach {
            bodies: Bodies::All,
            tool: 0,
            joints: lifted_joints(&loss.joints),
            parts: (loss.parts.iter())
                .map(|part| Part {
                    shape: part.shape.cast(),
                    pose: Pose {
                        position: part.pose.position.map(Dual64::from),
                        rotation: part.pose.rotation.map(Dual64::from),
                    },
                    link: part.link,
                })
                .collect(),
        };
        let mut bars = FrameBar::zeros(&frame);
        loss.value_vjp(&frame, 0.7, &mut bars);
        for input in 0..3 {
            let shift =
                |b: usize, p: usize| noise3(500 * b + p) * if input == 2 { 1.0 } else { 0.0 };
            let (push, swing) = if input < 2 {
                direction(input, 60)
            } else {
                (crate::tool::StanceBar::zero(3), crate::tool::Rate::zero(3))
            };
            let ToolFrame { stance, rate } = &frame.tools[0];
            let lifted = Frame {
                rigids: Vec::new(),
                index: 0,
                lattice: lift(&frame.lattice),
                bodies: (frame.bodies.iter().enumerate())
                    .map(|(b, body)| BodyFrame {
                        mass: Dual64::of(body.mass),
                        x: (body.x.iter().enumerate())
                            .map(|(p, x)| x.zip_map(&shift(b, p), Dual64::new))
                            .collect(),
                        taken: Vec::new(),
                    })
                    .collect(),
                tools: vec![ToolFrame {
                    stance: dual_stance(stance, &push),
                    rate: dual_rate(rate, &swing),
                }],
                reactions: crate::loss::Reactions::zero(1, 1),
            };
            let forward = 0.7 * lifted_loss.value(&lifted).eps;
            let mut backward =
                dot_stance(&bars.tools[0].stance, &push) + dot_rate(&bars.tools[0].rate, &swing);
            for (b, body) in bars.bodies.iter().enumerate() {
                backward += (body.x.iter().enumerate())
                    .map(|(p, x)| x.dot(&shift(b, p)))
                    .sum::<f64>();
            }
            assert!(
                forward != 0.0 && (forward - backward).abs() < 1e-12,
                "{input}"
            );
        }
    }

    #[test]
    fn a_tool_that_touches_is_near_enough() {
        let mut frame = near_arm();
        let loss = approach();
        for (at, pose) in loss.poses(&frame).into_iter().enumerate() {
            frame.bodies[0].x[at] = pose.position;
        }
        let mut bars = FrameBar::zeros(&frame);
        loss.value_vjp(&frame, 1.0, &mut bars);
        assert_eq!(loss.value(&frame), 0.0);
        assert!(bars.bodies[0].x.iter().all(|bar| *bar == Vector3::zeros()));
    }
}
