//! Mean square distance to paired targets.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError, check_finite, mean_of};

const NAME: &str = "paired";

/// `L = 1/N sum_p |x_p - x*_p|^2` (m^2) over the `N` particles of the chosen bodies:
/// FluidLab's loss on a recorded goal, for particles that keep their identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// `targets[frame][particle]` (m), particles of the chosen bodies one after the
    /// other. A single entry is the target of every frame.
    pub targets: Vec<Vec<Vector3<f64>>>,
}

impl Paired {
    /// The targets of a frame.
    fn targets(&self, frame: usize) -> Option<&[Vector3<f64>]> {
        match self.targets.as_slice() {
            [always] => Some(always),
            targets => targets.get(frame).map(Vec::as_slice),
        }
    }

    /// The targets of a frame, if there is one for each particle.
    fn matched<W: Real>(&self, frame: &Frame<W>) -> Option<&[Vector3<f64>]> {
        let targets = self.targets(frame.index)?;
        let particles = self.bodies.particles(frame);
        (targets.len() == particles).then_some(targets)
    }
}

impl<W: Real> FrameLoss<W> for Paired {
    fn check(&self, frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)?;
        let expected = self.bodies.particles(like);
        for frame in frames {
            let targets = self.targets(frame).ok_or(LossError::NoTarget {
                loss: NAME,
                frame,
                found: self.targets.len(),
            })?;
            // Of matter that comes out of a nozzle less is there before the last frame.
            let early = frame + 1 < self.targets.len() && targets.len() < expected;
            if targets.len() != expected && !early {
                return Err(LossError::Count {
                    loss: NAME,
                    field: "targets",
                    found: targets.len(),
                    expected,
                });
            }
            check_finite(NAME, "targets", targets)?;
        }
        Ok(())
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let Some(targets) = self.matched(frame) else {
            return W::of(f64::NAN);
        };
        let particles = self.bodies.of(frame).flat_map(|(_, body)| &body.x);
        let mut sum = W::zero();
        for (x, target) in particles.zip(targets) {
            sum += (x - target.map(W::of)).norm_squared();
        }
        sum / mean_of(targets.len())
    }

    /// `x_bar = 2/N (x - x*) L_bar`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let Some(targets) = self.matched(frame) else {
            return;
        };
        let scale = bar * W::of(2.0) / mean_of(targets.len());
        let mut targets = targets.iter();
        for (at, body) in self.bodies.of(frame) {
            let bars = bars.bodies[at].x.iter_mut();
            for ((x, x_bar), target) in body.x.iter().zip(bars).zip(targets.by_ref()) {
                *x_bar += (x - target.map(W::of)) * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn loss(bodies: Bodies) -> Paired {
        let targets = match bodies {
            Bodies::All => points(65, 9),
            Bodies::Only(_) => points(25, 9),
        };
        Paired {
            bodies,
            targets: vec![targets],
        }
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        let all = loss(Bodies::All);
        assert_transpose(&all, &all, &cloud(1));
        let mut only = loss(Bodies::Only(vec![1]));
        let mut frame = cloud(1);
        // The first body is not read: its cotangents stay zero.
        let mut bars = FrameBar::zeros(&frame);
        only.value_vjp(&frame, 1.0, &mut bars);
        assert_eq!(bars.bodies[0], FrameBar::zeros(&frame).bodies[0]);
        assert!(bars.bodies[1].x[3].norm() > 0.0);
        // Targets by frame.
        only.targets = vec![vec![], points(25, 8)];
        frame.index = 1;
        frame.bodies.swap_remove(0);
        only.bodies = Bodies::All;
        assert_transpose(&only, &only, &frame);
    }

    #[test]
    fn value_by_hand() {
        let mut frame = cloud(1);
        frame.bodies.truncate(1);
        frame.bodies[0].x = vec![Vector3::new(0.1, 0.2, 0.3), Vector3::zeros()];
        let loss = Paired {
            bodies: Bodies::All,
            targets: vec![vec![Vector3::new(0.1, 0.5, 0.7), Vector3::zeros()]],
        };
        // (0.3^2 + 0.4^2) / 2.
        assert!((loss.value(&frame) - 0.125_f64).abs() < 1e-16);
    }

    #[test]
    fn shift_of_all_particles_costs_its_square() {
        let frame = cloud(1);
        let both = frame.bodies.iter().flat_map(|body| body.x.clone());
        let loss = Paired {
            bodies: Bodies::All,
            targets: vec![both.collect()],
        };
        assert_eq!(loss.value(&frame), 0.0);
        let shift = Vector3::new(0.3, 0.0, -0.4);
        assert!((loss.value(&moved(&frame, &shift)) - 0.25).abs() < 1e-14);
    }

    #[test]
    fn missing_targets_are_refused() {
        let frame = cloud(1);
        let mut short = loss(Bodies::All);
        short.targets = vec![points(65, 9), points(64, 9)];
        assert_eq!(short.check(0..1, &frame), Ok(()));
        let error = |frames| FrameLoss::<f64>::check(&short, frames, &frame).unwrap_err();
        assert!(matches!(
            error(0..2),
            LossError::Count {
                found: 64,
                expected: 65,
                ..
            }
        ));
        short.targets[1].push(Vector3::zeros());
        let error = FrameLoss::<f64>::check(&short, 0..3, &frame).unwrap_err();
        assert_eq!(
            error.to_string(),
            "loss paired, targets: none for frame 2; 2 are given"
        );
        let late = Frame { index: 2, ..frame };
        assert!(short.value(&late).is_nan());
    }
}
