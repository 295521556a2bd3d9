//! A force that matter should not exert.

use std::ops::Range;

use backflow_diff::Real;

use super::{Frame, FrameBar, FrameLoss, LossError, Source};
use crate::transfer::reaction::Wrench;

const NAME: &str = "overload";

/// `L = max(0, |F| - F_max)^2 / F_max^2 + max(0, |tau| - tau_max)^2 / tau_max^2` of the mean
/// force and torque that matter exerts during a frame; a limit of infinity does not count.
///
/// It is once continuously differentiable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overload {
    /// What feels them.
    pub of: Source,
    /// `F_max` (N).
    pub force: f64,
    /// `tau_max` (N m).
    pub torque: f64,
}

impl Overload {
    /// How far a length is beyond its limit (1, relative), and the length.
    fn beyond<W: Real>(square: W, limit: f64) -> Option<(W, W)> {
        if square <= W::of(limit * limit) {
            return None;
        }
        let length = square.sqrt();
        Some((length / W::of(limit) - W::one(), length))
    }

    fn wrench<W: Real>(&self, frame: &Frame<W>) -> Wrench<W> {
        let found = self.of.of(&frame.reactions).copied();
        found.unwrap_or_else(Wrench::zero)
    }
}

impl<W: Real> FrameLoss<W> for Overload {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.of.check(NAME, like)
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let wrench = self.wrench(frame);
        let parts = [
            (wrench.force.norm_squared(), self.force),
            (wrench.torque.norm_squared(), self.torque),
        ];
        let mut sum = W::zero();
        for (square, limit) in parts {
            if let Some((excess, _)) = Self::beyond(square, limit) {
                sum += excess * excess;
            }
        }
        sum
    }

    /// With `e = |F| / F_max - 1 > 0`: `F_bar = 2 e / (F_max |F|) F L_bar`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let wrench = self.wrench(frame);
        let factor = |square: W, limit: f64| match Self::beyond(square, limit) {
            Some((excess, length)) => W::of(2.0 / limit) * excess / length * bar,
            None => W::zero(),
        };
        if let Some(sum) = self.of.of_mut(&mut bars.reactions) {
            sum.force += wrench.force * factor(wrench.force.norm_squared(), self.force);
            sum.torque += wrench.torque * factor(wrench.torque.norm_squared(), self.torque);
        }
    }

    fn reads_matter(&self) -> bool {
        false
    }

    fn reads_reactions(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            reaction::tests::{assert_transpose_of_force, wrench},
            testing::*,
        },
        *,
    };

    const LIMITS: Overload = Overload {
        of: Source::Collider(0),
        force: 0.7,
        torque: 0.2,
    };

    #[test]
    fn value_vjp_is_the_transpose_beyond_the_limits() {
        assert_transpose_of_force(&LIMITS, wrench());
        let force_alone = Overload {
            torque: f64::INFINITY,
            ..LIMITS
        };
        assert_transpose_of_force(&force_alone, wrench());
    }

    #[test]
    fn nothing_is_felt_within_the_limits() {
        let mut frame = cloud(1);
        frame.reactions.colliders[0] = wrench().scaled(0.01);
        let mut bars = FrameBar::zeros(&frame);
        let value: f64 = LIMITS.value(&frame);
        LIMITS.value_vjp(&frame, 1.0, &mut bars);
        assert_eq!((value, bars.reactions), (0.0, frame.reactions.scaled(0.0)));
    }
}
