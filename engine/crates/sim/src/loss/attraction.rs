//! Mean distance of the particles of one body from those of another.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Frame, FrameBar, FrameLoss, LossError, count};

const NAME: &str = "attraction";

/// `L = 1/(N M) sum_i sum_j sqrt(|x_i - y_j|^2 + e^2)` (m) over the N particles x of a body and M of the
/// particles y of another, `e` being a cell.
///
/// It shares gradients within a region (FluidLab, Xian et al. 2023, section 4.2): matter that does not yet
/// touch what the other losses are about is pulled to it, where the gradient of those is zero. It is
/// smooth everywhere; its slope is at most 1, so that far particles do not count more than near ones.
/// Which particles y count follows from their number alone: every (n/M)-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attraction {
    /// Place in scene order of the body that is pulled.
    pub body: usize,
    /// Place of the body that it is pulled to.
    pub to: usize,
    /// M: most particles of that body that count.
    pub points: usize,
}

impl Attraction {
    /// Numbers of the particles of the other body that count.
    fn chosen(&self, particles: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        (0..particles).step_by(particles.div_ceil(self.points.max(1)).max(1))
    }
}

/// `sqrt(|d|^2 + e^2)` of `d = x - y`, and d.
fn distance<W: Real>(x: &Vector3<W>, y: &Vector3<W>, e: W) -> (W, Vector3<W>) {
    let d = x - y;
    ((d.norm_squared() + e * e).sqrt(), d)
}

impl<W: Real> FrameLoss<W> for Attraction {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        for (field, at) in [("body", self.body), ("to", self.to)] {
            let some = like.bodies.get(at).is_some_and(|body| !body.x.is_empty());
            if !some {
                return Err(LossError::Empty { loss: NAME, field });
            }
        }
        if self.points == 0 {
            return Err(LossError::Empty {
                loss: NAME,
                field: "points",
            });
        }
        Ok(())
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let [pulled, to] = [self.body, self.to].map(|at| &frame.bodies[at].x);
        let chosen = self.chosen(to.len());
        let mut sum = W::zero();
        for x in pulled {
            for j in chosen.clone() {
                sum += distance(x, &to[j], frame.lattice.dx).0;
            }
        }
        sum / (count::<W>(pulled.len()) * count(chosen.count()))
    }

    /// `x_bar_i = L_bar/(N M) sum_j d_ij / |d_ij|_e`, and `y_bar_j` minus the same sum over i.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let [pulled, to] = [self.body, self.to].map(|at| &frame.bodies[at].x);
        let chosen = self.chosen(to.len());
        let share = bar / (count::<W>(pulled.len()) * count(chosen.clone().count()));
        for (i, x) in pulled.iter().enumerate() {
            for j in chosen.clone() {
                let (length, d) = distance(x, &to[j], frame.lattice.dx);
                let pull = d * (share / length);
                bars.bodies[self.body].x[i] += pull;
                bars.bodies[self.to].x[j] -= pull;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn loss(points: usize) -> Attraction {
        Attraction {
            body: 0,
            to: 1,
            points,
        }
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        for points in [1, 7, 100] {
            assert_transpose(&loss(points), &loss(points), &cloud(1));
        }
        let itself = Attraction {
            body: 1,
            to: 1,
            points: 9,
        };
        assert_transpose(&itself, &itself, &cloud(2));
    }

    #[test]
    fn value_by_hand() {
        let mut frame = cloud(1);
        frame.lattice.dx = 0.0;
        frame.bodies[0].x = vec![Vector3::zeros(), Vector3::new(0.0, 4.0, 0.0)];
        frame.bodies[1].x = vec![Vector3::new(3.0, 0.0, 0.0); 5];
        let value: f64 = loss(2).value(&frame);
        assert!((value - 4.0).abs() < 1e-15);
    }

    #[test]
    fn bodies_that_are_not_there_are_refused() {
        let missing = Attraction {
            body: 0,
            to: 2,
            points: 3,
        };
        let error = FrameLoss::<f64>::check(&missing, 0..1, &cloud(1)).unwrap_err();
        assert!(error.to_string().contains("attraction, to"), "{error}");
        assert!(FrameLoss::<f64>::check(&loss(0), 0..1, &cloud(1)).is_err());
    }
}
