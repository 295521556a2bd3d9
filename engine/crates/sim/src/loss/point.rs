//! Mean distance from a point, axis by axis.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError, check_finite, density::sign, mean_of};

const NAME: &str = "point";

/// `L = 1/N sum_p sum_a |x_pa - t_a|` (m) over the `N` particles of the chosen bodies and the
/// chosen axes `a`. Where a coordinate is at the target the subgradient 0 is taken.
///
/// Unlike the square distance of the centre of mass it does not fade near the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// Axes that count.
    pub axes: [bool; 3],
    /// `t` (m).
    pub target: Vector3<f64>,
}

impl Point {
    fn chosen(&self) -> impl Iterator<Item = usize> {
        (0..3).filter(|&axis| self.axes[axis])
    }
}

impl<W: Real> FrameLoss<W> for Point {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)?;
        check_finite(NAME, "target", &[self.target])?;
        match self.axes {
            [false, false, false] => Err(LossError::Empty {
                loss: NAME,
                field: "axes",
            }),
            _ => Ok(()),
        }
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let mut sum = W::zero();
        for x in self.bodies.of(frame).flat_map(|(_, body)| &body.x) {
            for axis in self.chosen() {
                let miss = x[axis] - W::of(self.target[axis]);
                sum += sign(miss) * miss;
            }
        }
        sum / mean_of(self.bodies.particles(frame))
    }

    /// `x_bar = sign(x - t) L_bar / N`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let scale = bar / mean_of(self.bodies.particles(frame));
        for (at, body) in self.bodies.of(frame) {
            for (x, x_bar) in body.x.iter().zip(&mut bars.bodies[at].x) {
                for axis in self.chosen() {
                    x_bar[axis] += sign(x[axis] - W::of(self.target[axis])) * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn point() -> Point {
        Point {
            bodies: Bodies::Only(vec![1]),
            axes: [true, false, true],
            target: Vector3::new(0.4, 9.0, 0.6),
        }
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        assert_transpose(&point(), &point(), &cloud(2));
    }

    #[test]
    fn value_by_hand_and_at_the_target() {
        let mut frame = cloud(2);
        frame.bodies[1].x = vec![Vector3::new(0.5, 1.0, 0.6), Vector3::new(0.4, 3.0, 0.2)];
        let value: f64 = point().value(&frame);
        assert!((value - 0.25).abs() < 1e-15);
        frame.bodies[1].x = vec![point().target; 2];
        let mut bars = FrameBar::zeros(&frame);
        point().value_vjp(&frame, 1.0, &mut bars);
        assert_eq!(bars.bodies[1].x[0], Vector3::zeros());
    }
}
