//! Control effort: what it costs to move a tool.

use std::ops::Range;

use backflow_diff::Real;

use super::{Frame, FrameBar, FrameLoss, LossError};

const NAME: &str = "control_effort";

/// `L = w_l |v|^2 + w_a |w|^2 + w_j sum_j qd_j^2` of the motion of a tool in a frame.
///
/// As a mean over the frames of a run it is the same for the same motion cut into shorter
/// frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Index of the tool.
    pub tool: usize,
    /// Weight `w_l` of the square velocity (s^2/m^2 for a dimensionless effort).
    pub linear: f64,
    /// Weight `w_a` of the square angular velocity (s^2/rad^2).
    pub angular: f64,
    /// Weight `w_j` of the square rates of its joints (s^2/m^2, s^2/rad^2).
    pub joints: f64,
}

impl<W: Real> FrameLoss<W> for Effort {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        let tools = like.tools.len();
        if self.tool < tools {
            Ok(())
        } else {
            Err(LossError::NoSuchTool {
                loss: NAME,
                tool: self.tool,
                tools,
            })
        }
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let rate = &frame.tools[self.tool].rate;
        let joints = (rate.joints.iter()).fold(W::zero(), |sum, &qd| sum + qd * qd);
        rate.twist.linear.norm_squared() * W::of(self.linear)
            + rate.twist.angular.norm_squared() * W::of(self.angular)
            + joints * W::of(self.joints)
    }

    /// `v_bar = 2 w_l v L_bar`, and alike the others.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let (rate, sum) = (
            &frame.tools[self.tool].rate,
            &mut bars.tools[self.tool].rate,
        );
        let twice = |weight: f64| bar * W::of(2.0 * weight);
        sum.twist.linear += rate.twist.linear * twice(self.linear);
        sum.twist.angular += rate.twist.angular * twice(self.angular);
        for (sum, qd) in sum.joints.iter_mut().zip(&rate.joints) {
            *sum += *qd * twice(self.joints);
        }
    }

    fn reads_matter(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;

    use super::{super::testing::*, *};
    use crate::{
        loss::ToolFrame,
        tool::{
            Stance,
            testing::{arm, direction, dot_rate, dual_rate, dual_stance},
        },
    };

    const EFFORT: Effort = Effort {
        tool: 0,
        linear: 0.7,
        angular: 0.02,
        joints: 0.3,
    };

    fn moving() -> Frame<f64> {
        let (_, stance, rate) = arm();
        Frame {
            tools: vec![ToolFrame { stance, rate }],
            ..cloud(1)
        }
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        let frame = moving();
        let mut bars = FrameBar::zeros(&frame);
        EFFORT.value_vjp(&frame, 0.7, &mut bars);
        for input in 2..4 {
            let (push, swing) = direction(input, 60);
            let ToolFrame { stance, rate } = &frame.tools[0];
            let lifted: Frame<Dual64> = Frame {
                rigids: Vec::new(),
                index: 0,
                lattice: lift(&frame.lattice),
                bodies: Vec::new(),
                tools: vec![ToolFrame {
                    stance: dual_stance(stance, &push),
                    rate: dual_rate(rate, &swing),
                }],
                reactions: crate::loss::Reactions::zero(1, 1),
            };
            let forward = 0.7 * EFFORT.value(&lifted).eps;
            let backward = dot_rate(&bars.tools[0].rate, &swing);
            assert!(forward != 0.0 && (forward - backward).abs() < 1e-12);
        }
    }

    #[test]
    fn value_by_hand() {
        let mut frame = moving();
        let tool = &mut frame.tools[0];
        tool.stance = Stance::rigid(tool.stance.pose);
        tool.rate.joints.clear();
        tool.rate.twist.linear = Vector3::new(3.0, 0.0, 4.0);
        tool.rate.twist.angular = Vector3::new(0.0, 10.0, 0.0);
        let value: f64 = EFFORT.value(&frame);
        assert!((value - (0.7 * 25.0 + 0.02 * 100.0)).abs() < 1e-14);
        frame.tools.clear();
        assert!(EFFORT.check(0..1, &frame).is_err());
    }
}
