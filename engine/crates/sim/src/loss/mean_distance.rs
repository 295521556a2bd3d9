//! Mean distance between the particles of two bodies, or of one.

use std::ops::Range;

use backflow_diff::Real;

use super::{Frame, FrameBar, FrameLoss, LossError, count};

const NAME: &str = "mean_distance";

/// `L = 1/(N_a N_b) sum_p sum_q |x_p - x_q|_1` (m) over the particles `p` of a body and `q` of
/// another, or of the same: how far apart they are, and how far spread.
///
/// Sorted along each axis, the sums take `N log N` operations instead of `N^2`. Where
/// coordinates are equal the subgradient 0 of their pair is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeanDistance {
    /// Place of a body in scene order.
    pub body: usize,
    /// Place of the other; the same for the spread of one.
    pub other: usize,
}

/// Coordinates of both bodies along an axis, rising: value, whether it is of the other body,
/// and which particle.
fn sorted<W: Real>(loss: MeanDistance, frame: &Frame<W>, axis: usize) -> Vec<(W, bool, usize)> {
    let of = |body: usize, other: bool| {
        let particles = frame.bodies[body].x.iter().enumerate();
        particles.map(move |(particle, x)| (x[axis], other, particle))
    };
    let mut all: Vec<_> = of(loss.body, false).chain(of(loss.other, true)).collect();
    all.sort_by(|a, b| a.0.to_f64().total_cmp(&b.0.to_f64()));
    all
}

/// Shows `each` every entry with the number of entries of the other kind below it less those
/// above it; equal ones count neither way.
fn ranks<W: Real>(all: &[(W, bool, usize)], mut each: impl FnMut(&(W, bool, usize), f64)) {
    let total = |other: bool| all.iter().filter(|entry| entry.1 == other).count() as f64;
    let totals = [total(false), total(true)];
    let mut below = [0.0; 2];
    for run in all.chunk_by(|a, b| a.0.to_f64() == b.0.to_f64()) {
        let same = |other: bool| run.iter().filter(|entry| entry.1 == other).count() as f64;
        let equal = [same(false), same(true)];
        for entry in run {
            let kind = usize::from(!entry.1);
            each(entry, 2.0 * below[kind] + equal[kind] - totals[kind]);
        }
        below[0] += equal[0];
        below[1] += equal[1];
    }
}

impl MeanDistance {
    fn pairs<W: Real>(&self, frame: &Frame<W>) -> W {
        let [a, b] = [self.body, self.other].map(|body| frame.bodies[body].x.len());
        count::<W>(a) * count(b)
    }
}

impl<W: Real> FrameLoss<W> for MeanDistance {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        for body in [self.body, self.other] {
            let bodies = like.bodies.len();
            match like.bodies.get(body) {
                None => {
                    return Err(LossError::NoSuchBody {
                        loss: NAME,
                        body,
                        bodies,
                    });
                }
                Some(found) if found.x.is_empty() => {
                    return Err(LossError::Empty {
                        loss: NAME,
                        field: "bodies",
                    });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Each pair counts once: `sum_p sum_q |x_p - x_q| = sum_p rank_p x_p + sum_q rank_q x_q`.
    fn value(&self, frame: &Frame<W>) -> W {
        let mut sum = W::zero();
        for axis in 0..3 {
            ranks(&sorted(*self, frame, axis), |(x, ..), rank| {
                sum += *x * W::of(rank)
            });
        }
        sum / self.pairs(frame)
    }

    /// `x_bar = rank L_bar / (N_a N_b)`, for one body twice that.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let scale = bar / self.pairs(frame);
        for axis in 0..3 {
            ranks(
                &sorted(*self, frame, axis),
                |&(_, other, particle), rank| {
                    let body = if other { self.other } else { self.body };
                    bars.bodies[body].x[particle][axis] += scale * W::of(rank);
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::{super::testing::*, *};

    const BOTH: [MeanDistance; 2] = [
        MeanDistance { body: 0, other: 1 },
        MeanDistance { body: 0, other: 0 },
    ];

    #[test]
    fn value_vjp_is_the_transpose_and_the_value_that_of_all_pairs() {
        for loss in BOTH {
            let frame = cloud(3);
            assert_transpose(&loss, &loss, &frame);
            let (a, b) = (&frame.bodies[loss.body].x, &frame.bodies[loss.other].x);
            let pairs = a
                .iter()
                .flat_map(|x| b.iter().map(move |y| (x - y).lp_norm(1)));
            let known = pairs.sum::<f64>() / (a.len() * b.len()) as f64;
            let value: f64 = loss.value(&frame);
            assert!((value - known).abs() < 1e-14);
        }
    }

    #[test]
    fn equal_places_have_no_derivative_and_empty_bodies_are_refused() {
        let mut frame = cloud(3);
        frame.bodies[0].x = vec![Vector3::repeat(0.3); 5];
        let mut bars = FrameBar::zeros(&frame);
        BOTH[1].value_vjp(&frame, 1.0, &mut bars);
        assert!(bars.bodies[0].x.iter().all(|bar| *bar == Vector3::zeros()));
        frame.bodies[0].x.clear();
        assert!(BOTH[0].check(0..1, &frame).is_err());
    }
}
