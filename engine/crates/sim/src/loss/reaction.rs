//! The force that matter should exert.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Frame, FrameBar, FrameLoss, LossError, Reactions};
use crate::transfer::reaction::Wrench;

const NAME: &str = "reaction";

/// What feels a force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A wall: its axis, and 0 at the lower or 1 at the upper end.
    Wall(usize, usize),
    /// A collider by its index.
    Collider(usize),
    /// A tool with all that is fixed to it, by its index.
    Tool(usize),
}

impl Source {
    /// Its force and torque.
    pub fn of<W: Real>(self, reactions: &Reactions<W>) -> Option<&Wrench<W>> {
        match self {
            Self::Wall(axis, side) => reactions.walls.get(axis)?.get(side),
            Self::Collider(index) => reactions.colliders.get(index),
            Self::Tool(index) => reactions.tools.get(index),
        }
    }

    /// Its force and torque.
    pub(super) fn of_mut<W: Real>(self, reactions: &mut Reactions<W>) -> Option<&mut Wrench<W>> {
        match self {
            Self::Wall(axis, side) => reactions.walls.get_mut(axis)?.get_mut(side),
            Self::Collider(index) => reactions.colliders.get_mut(index),
            Self::Tool(index) => reactions.tools.get_mut(index),
        }
    }

    /// Whether it is there.
    pub(super) fn check<W: Real>(
        self,
        loss: &'static str,
        like: &Frame<W>,
    ) -> Result<(), LossError> {
        match self.of(&like.reactions) {
            Some(_) => Ok(()),
            None => Err(LossError::NoSuchSource { loss, place: self }),
        }
    }
}

/// `L = w_f |F - F*|^2 + w_t |tau - tau*|^2` of the mean force and torque that matter exerts
/// during a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reaction {
    /// What feels them.
    pub of: Source,
    /// `F*` (N).
    pub force: Vector3<f64>,
    /// `tau*` (N m).
    pub torque: Vector3<f64>,
    /// Weights `w_f` (1/N^2) and `w_t` (1/(N m)^2).
    pub weights: [f64; 2],
}

impl Reaction {
    /// `F - F*` and `tau - tau*`.
    fn miss<W: Real>(&self, frame: &Frame<W>) -> [Vector3<W>; 2] {
        let none = Wrench::zero();
        let wrench = self.of.of(&frame.reactions).unwrap_or(&none);
        let force = wrench.force - self.force.map(W::of);
        [force, wrench.torque - self.torque.map(W::of)]
    }
}

impl<W: Real> FrameLoss<W> for Reaction {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.of.check(NAME, like)
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let [force, torque] = self.miss(frame).map(|miss| miss.norm_squared());
        force * W::of(self.weights[0]) + torque * W::of(self.weights[1])
    }

    /// `F_bar = 2 w_f (F - F*) L_bar`, and alike the torque.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let [force, torque] = self.miss(frame);
        if let Some(sum) = self.of.of_mut(&mut bars.reactions) {
            sum.force += force * (bar * W::of(2.0 * self.weights[0]));
            sum.torque += torque * (bar * W::of(2.0 * self.weights[1]));
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
pub(super) mod tests {
    use num_dual::Dual64;

    use super::{super::testing::*, *};

    /// Checks a loss of the collider's force and torque, both of which count.
    pub(in crate::loss) fn assert_transpose_of_force<L>(loss: &L, wrench: Wrench<f64>)
    where
        L: FrameLoss<f64> + FrameLoss<Dual64>,
    {
        let mut frame = cloud(1);
        frame.reactions.colliders[0] = wrench;
        let (force, torque) = (noise3(5), noise3(6));
        let mut lifted = Frame {
            rigids: Vec::new(),
            index: 0,
            lattice: lift(&frame.lattice),
            bodies: Vec::new(),
            tools: Vec::new(),
            reactions: Reactions::zero(1, 1),
        };
        lifted.reactions.colliders[0] = Wrench {
            force: wrench.force.zip_map(&force, Dual64::new),
            torque: wrench.torque.zip_map(&torque, Dual64::new),
        };
        let value = FrameLoss::<Dual64>::value(loss, &lifted);
        let plain: f64 = FrameLoss::<f64>::value(loss, &frame);
        assert!((value.re - plain).abs() < 1e-14 * (1.0 + plain.abs()));
        let mut bars = FrameBar::zeros(&frame);
        FrameLoss::<f64>::value_vjp(loss, &frame, 0.7, &mut bars);
        let bar = &bars.reactions.colliders[0];
        let backward = bar.force.dot(&force) + bar.torque.dot(&torque);
        let forward = 0.7 * value.eps;
        assert!((forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()));
        assert!(bar.force != Vector3::zeros() || bar.torque != Vector3::zeros());
    }

    pub(in crate::loss) fn wrench() -> Wrench<f64> {
        Wrench {
            force: noise3(1) * 3.0,
            torque: noise3(2),
        }
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        let loss = Reaction {
            of: Source::Collider(0),
            force: noise3(3),
            torque: noise3(4),
            weights: [0.3, 2.0],
        };
        assert_transpose_of_force(&loss, wrench());
        let nowhere = Reaction {
            of: Source::Tool(4),
            ..loss
        };
        assert!(FrameLoss::<f64>::check(&nowhere, 0..1, &cloud(1)).is_err());
    }
}
