//! Chamfer distance to a cloud of target points.

use std::ops::Range;

use backflow_diff::Real;
use kiddo::{SquaredEuclidean, immutable::float::kdtree::ImmutableKdTree};
use nalgebra::Vector3;
use rayon::prelude::*;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError, check_finite, count};

const NAME: &str = "chamfer";

/// Points in a leaf of the search tree.
const LEAF: usize = 32;

/// Relative slack of the search for ties: far above the round-off of a square
/// distance, far below anything that matters.
const TIE_SLACK: f64 = 1e-12;

/// `L = 1/N sum_p min_q |x_p - y_q|^2 + 1/M sum_q min_p |x_p - y_q|^2` (m^2) between the
/// `N` particles of the chosen bodies and `M` target points (Fan, Su & Guibas 2017).
///
/// Needs no pairing of particles. Nearest neighbours are sought among primal positions;
/// of equally near points the one of lowest index is taken, and the derivative is that
/// with the matching held.
#[derive(Debug, Clone)]
pub struct Chamfer {
    /// Bodies that it reads.
    pub bodies: Bodies,
    target: Cloud,
}

impl Chamfer {
    /// A target by its points (m).
    pub fn new(bodies: Bodies, target: Vec<Vector3<f64>>) -> Result<Self, LossError> {
        check_finite(NAME, "target", &target)?;
        if target.is_empty() {
            return Err(LossError::Empty {
                loss: NAME,
                field: "target",
            });
        }
        let target = Cloud::new(target);
        Ok(Self { bodies, target })
    }

    /// The target points (m).
    pub fn target(&self) -> &[Vector3<f64>] {
        &self.target.points
    }

    /// Who is matched with whom; `None` if there is no particle or one is not finite.
    fn matching<W: Real>(&self, frame: &Frame<W>) -> Option<Matching> {
        let particles = self.bodies.of(frame).flat_map(|(_, body)| &body.x);
        let points: Vec<_> = particles.map(|x| x.map(Real::to_f64)).collect();
        if points.is_empty() || check_finite(NAME, "position", &points).is_err() {
            return None;
        }
        let target_of = self.target.nearest(&points);
        let particle_of = Cloud::new(points).nearest(&self.target.points);
        Some(Matching {
            target_of,
            particle_of,
        })
    }
}

/// Nearest neighbours both ways.
struct Matching {
    /// Target point of each particle.
    target_of: Vec<usize>,
    /// Particle of each target point, counted over the chosen bodies.
    particle_of: Vec<usize>,
}

/// Points and their search tree.
#[derive(Debug, Clone)]
struct Cloud {
    points: Vec<Vector3<f64>>,
    tree: ImmutableKdTree<f64, u32, 3, LEAF>,
}

impl Cloud {
    fn new(points: Vec<Vector3<f64>>) -> Self {
        let rows: Vec<[f64; 3]> = points.iter().map(|&point| point.into()).collect();
        let tree = ImmutableKdTree::new_from_slice(&rows);
        Self { points, tree }
    }

    /// For each of `queries` the index of the nearest point; of equals the lowest.
    fn nearest(&self, queries: &[Vector3<f64>]) -> Vec<usize> {
        let nearest = |query: &Vector3<f64>| {
            let row = (*query).into();
            let first = self.tree.nearest_one::<SquaredEuclidean>(&row);
            let reach = first.distance * (1.0 + TIE_SLACK);
            let near = self.tree.within_unsorted::<SquaredEuclidean>(&row, reach);
            // The tree's order must not matter: compare again, index last.
            near.iter()
                .map(|near| near.item as usize)
                .chain([first.item as usize])
                .map(|item| ((self.points[item] - query).norm_squared(), item))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
                .map_or(first.item as usize, |(_, item)| item)
        };
        queries.par_iter().map(nearest).collect()
    }
}

impl<W: Real> FrameLoss<W> for Chamfer {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let Some(matching) = self.matching(frame) else {
            return W::of(f64::NAN);
        };
        let x: Vec<_> = self
            .bodies
            .of(frame)
            .flat_map(|(_, body)| &body.x)
            .collect();
        let y = &self.target.points;
        let square = |p: usize, q: usize| (x[p] - y[q].map(W::of)).norm_squared();
        let (mut there, mut back) = (W::zero(), W::zero());
        for (p, &q) in matching.target_of.iter().enumerate() {
            there += square(p, q);
        }
        for (q, &p) in matching.particle_of.iter().enumerate() {
            back += square(p, q);
        }
        there / count(x.len()) + back / count(y.len())
    }

    /// `x_bar_p = (2/N (x_p - y_q(p)) + 2/M sum_{q: p(q) = p} (x_p - y_q)) L_bar`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let Some(matching) = self.matching(frame) else {
            return;
        };
        let x: Vec<_> = self
            .bodies
            .of(frame)
            .flat_map(|(_, body)| &body.x)
            .collect();
        let y = &self.target.points;
        let apart = |p: usize, q: usize| x[p] - y[q].map(W::of);
        let there = bar * W::of(2.0) / count(x.len());
        let back = bar * W::of(2.0) / count(y.len());
        let mut x_bars: Vec<_> = (matching.target_of.iter().enumerate())
            .map(|(p, &q)| apart(p, q) * there)
            .collect();
        for (q, &p) in matching.particle_of.iter().enumerate() {
            x_bars[p] += apart(p, q) * back;
        }
        let mut x_bars = x_bars.into_iter();
        for at in self.bodies.places(frame.bodies.len()) {
            for (sum, x_bar) in bars.bodies[at].x.iter_mut().zip(x_bars.by_ref()) {
                *sum += x_bar;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::*, *};

    fn loss() -> Chamfer {
        Chamfer::new(Bodies::All, points(50, 9)).unwrap()
    }

    fn frame(x: Vec<Vector3<f64>>) -> Frame<f64> {
        let mut frame = cloud(1);
        frame.bodies.truncate(1);
        frame.bodies[0].x = x;
        frame
    }

    /// The first of the nearest, by looking at all.
    fn brute(points: &[Vector3<f64>], query: &Vector3<f64>) -> usize {
        let square = |i: usize| (points[i] - query).norm_squared();
        (1..points.len()).fold(0, |best, i| if square(i) < square(best) { i } else { best })
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        assert_transpose(&loss(), &loss(), &cloud(1));
        let mut second = loss();
        second.bodies = Bodies::Only(vec![1]);
        let mut frame = cloud(1);
        frame.bodies[0].x.clear();
        let mut bars = FrameBar::zeros(&frame);
        second.value_vjp(&frame, 1.0, &mut bars);
        assert!(bars.bodies[1].x.iter().all(|x| x.norm() > 0.0));
    }

    #[test]
    fn value_by_hand() {
        let at = |x: f64| Vector3::new(x, 0.0, 0.0);
        let loss = Chamfer::new(Bodies::All, vec![at(0.0), at(1.0)]).unwrap();
        // Particles at 0.1, 0.3: 0.01 and 0.09 there, 0.01 and 0.49 back.
        let value = loss.value(&frame(vec![at(0.1), at(0.3)]));
        assert!((value - 0.05 - 0.25).abs() < 1e-15);
    }

    #[test]
    fn target_itself_is_free() {
        let target = loss().target().to_vec();
        assert_eq!(loss().value(&frame(target)), 0.0);
    }

    #[test]
    fn shift_of_both_changes_nothing() {
        let shift = Vector3::new(0.3, -0.2, 0.7);
        let target = loss().target().iter().map(|y| y + shift).collect();
        let there = Chamfer::new(Bodies::All, target).unwrap();
        let change = loss().value(&cloud(1)) - there.value(&moved(&cloud(1), &shift));
        assert!(change.abs() < 1e-14);
    }

    #[test]
    fn equally_near_points_give_the_lowest_index() {
        // A lattice, each point twice, asked at its nodes and at the middles of cells.
        let n = 12;
        let node = |i: usize| {
            let i = i % (n * n * n);
            Vector3::new((i / (n * n)) as f64, (i / n % n) as f64, (i % n) as f64)
        };
        let points: Vec<_> = (0..2 * n * n * n).map(node).collect();
        let queries: Vec<_> = (0..300)
            .map(|i| points[5 * i] + Vector3::repeat(if i % 2 == 0 { 0.5 } else { 0.0 }))
            .collect();
        let expected: Vec<_> = queries.iter().map(|query| brute(&points, query)).collect();
        assert_eq!(Cloud::new(points).nearest(&queries), expected);
    }

    #[test]
    fn what_cannot_be_matched_is_refused() {
        assert!(Chamfer::new(Bodies::All, vec![]).is_err());
        assert!(Chamfer::new(Bodies::All, vec![Vector3::repeat(f64::NAN)]).is_err());
        assert!(loss().value(&frame(vec![])).is_nan());
        assert!(
            loss()
                .value(&frame(vec![Vector3::repeat(f64::INFINITY)]))
                .is_nan()
        );
    }

    proptest! {
        #[test]
        fn neighbours_are_those_of_brute_force(
            count in 1_usize..200,
            seed in 0_usize..1000,
            flat in any::<bool>(),
            coarse in any::<bool>(),
        ) {
            // On a plane and on a coarse lattice many coordinates are equal.
            let shape = |x: Vector3<f64>| {
                let x = if coarse { x.map(|x| (x * 8.0).round() / 8.0) } else { x };
                if flat { Vector3::new(x.x, 0.5, x.z) } else { x }
            };
            let points: Vec<_> = points(count, seed).into_iter().map(shape).collect();
            let queries = super::super::testing::points(60, seed + 1);
            let expected: Vec<_> = queries.iter().map(|query| brute(&points, query)).collect();
            prop_assert_eq!(Cloud::new(points).nearest(&queries), expected);
        }
    }
}
