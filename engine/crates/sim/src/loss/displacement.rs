//! Mean distance of particles from where they started, axis by axis.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError, check_finite, count, density::sign};

const NAME: &str = "displacement";

/// `L = 1/N sum_p sum_a |x_pa - x0_pa|` (m) over the `N` particles of the chosen bodies and the
/// three axes `a`: what FluidLab's pouring asks of the milk (Xian et al. 2023), as a mean. Where
/// a coordinate is at its start the subgradient 0 is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Displacement {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// `x0` (m), particles of the chosen bodies one after the other.
    pub start: Vec<Vector3<f64>>,
}

impl<W: Real> FrameLoss<W> for Displacement {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)?;
        let (found, expected) = (self.start.len(), self.bodies.particles(like));
        if found != expected {
            return Err(LossError::Count {
                loss: NAME,
                field: "start",
                found,
                expected,
            });
        }
        check_finite(NAME, "start", &self.start)
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let mut sum = W::zero();
        let particles = self.bodies.of(frame).flat_map(|(_, body)| &body.x);
        for (x, start) in particles.zip(&self.start) {
            for axis in 0..3 {
                let miss = x[axis] - W::of(start[axis]);
                sum += sign(miss) * miss;
            }
        }
        sum / count(self.start.len())
    }

    /// `x_bar = sign(x - x0) L_bar / N`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let scale = bar / count(self.start.len());
        let mut starts = self.start.iter();
        for (at, body) in self.bodies.of(frame) {
            let bars = bars.bodies[at].x.iter_mut();
            for ((x, x_bar), start) in body.x.iter().zip(bars).zip(starts.by_ref()) {
                for axis in 0..3 {
                    x_bar[axis] += sign(x[axis] - W::of(start[axis])) * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn value_vjp_is_the_transpose() {
        let loss = Displacement {
            bodies: Bodies::All,
            start: points(65, 9),
        };
        assert_transpose(&loss, &loss, &cloud(2));
    }

    #[test]
    fn value_by_hand() {
        let mut frame = cloud(2);
        frame.bodies[1].x = vec![Vector3::new(0.5, 1.0, 0.6), Vector3::new(0.4, 3.0, 0.2)];
        let loss = Displacement {
            bodies: Bodies::Only(vec![1]),
            start: vec![Vector3::new(0.5, 1.0, 0.6), Vector3::new(0.5, 2.0, 0.4)],
        };
        let value: f64 = loss.value(&frame);
        assert!((value - 0.5 * (0.1 + 1.0 + 0.2)).abs() < 1e-15);
    }
}
