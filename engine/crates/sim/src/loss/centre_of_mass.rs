//! Square distance of the centre of mass to a target.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError, check_finite, count};

const NAME: &str = "centre_of_mass";

/// `L = sum_a (c_a - c*_a)^2` (m^2) over the chosen axes `a`, with
/// `c = sum_p m_p x_p / sum_p m_p` over the particles of the chosen bodies.
#[derive(Debug, Clone, PartialEq)]
pub struct CentreOfMass {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// Axes that count.
    pub axes: [bool; 3],
    /// `c*` (m).
    pub target: Vector3<f64>,
}

impl CentreOfMass {
    /// Mass (kg) and centre of mass (m) of the chosen bodies: where it is wanted, if none of them is there
    /// yet.
    fn centre<W: Real>(&self, frame: &Frame<W>) -> (W, Vector3<W>) {
        let (mut mass, mut moment) = (W::zero(), Vector3::zeros());
        for (_, body) in self.bodies.of(frame) {
            let mut sum = Vector3::zeros();
            for x in &body.x {
                sum += x;
            }
            moment += sum * body.mass;
            mass += body.mass * count(body.x.len());
        }
        if mass > W::zero() {
            (mass, moment / mass)
        } else {
            (W::one(), self.target.map(W::of))
        }
    }

    /// `c - c*` on the chosen axes, zero on the others (m).
    fn miss<W: Real>(&self, centre: &Vector3<W>) -> Vector3<W> {
        Vector3::from_fn(|axis, _| {
            if self.axes[axis] {
                centre[axis] - W::of(self.target[axis])
            } else {
                W::zero()
            }
        })
    }
}

impl<W: Real> FrameLoss<W> for CentreOfMass {
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
        self.miss(&self.centre(frame).1).norm_squared()
    }

    /// With `g = 2 (c - c*) L_bar / M`: `x_bar = m g`, `m_bar = sum_p g . (x_p - c)`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let (mass, centre) = self.centre(frame);
        let g = self.miss(&centre) * (bar * W::of(2.0) / mass);
        for (at, body) in self.bodies.of(frame) {
            let bars = &mut bars.bodies[at];
            let mut sum = W::zero();
            for (x, x_bar) in body.x.iter().zip(&mut bars.x) {
                *x_bar += g * body.mass;
                sum += g.dot(&(x - centre));
            }
            bars.mass += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn loss(axes: [bool; 3]) -> CentreOfMass {
        CentreOfMass {
            bodies: Bodies::All,
            axes,
            target: Vector3::new(0.1, 0.9, -0.3),
        }
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        for axes in [[true; 3], [false, true, false]] {
            assert_transpose(&loss(axes), &loss(axes), &cloud(1));
        }
    }

    #[test]
    fn value_by_hand() {
        let mut frame = cloud(1);
        frame.bodies[0].x = vec![Vector3::zeros(); 7];
        frame.bodies[1].x = vec![Vector3::new(1.0, 0.0, 2.0); 3];
        // Masses 7 * 0.3 and 3 * 0.7: the middle.
        let miss: Vector3<f64> = Vector3::new(0.4, -0.9, 1.3);
        let value = loss([true; 3]).value(&frame);
        assert!((value - miss.norm_squared()).abs() < 1e-15);
        let value = loss([true, false, true]).value(&frame);
        assert!((value - 0.16 - 1.69).abs() < 1e-15);
    }

    #[test]
    fn shift_moves_the_centre_by_as_much() {
        let mut loss = loss([true; 3]);
        loss.target = loss.centre(&cloud(1)).1;
        assert_eq!(loss.value(&cloud(1)), 0.0);
        let shift = Vector3::new(0.3, 0.0, -0.4);
        assert!((loss.value(&moved(&cloud(1), &shift)) - 0.25).abs() < 1e-14);
    }

    #[test]
    fn no_axis_is_refused() {
        let error = FrameLoss::<f64>::check(&loss([false; 3]), 0..1, &cloud(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "loss centre_of_mass, axes: empty; expected at least one entry"
        );
    }
}
