//! Difference of mass densities on the grid.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Bodies, Frame, FrameBar, FrameLoss, LossError};
use crate::grid::{Lattice, Stencil};

const NAME: &str = "density";

/// `L = sum_i |m_i - m*_i| / sum_i m*_i`, dimensionless, over the nodes of the grid,
/// with `m_i = sum_p m_p w_i(x_p)` by quadratic B-splines: 0 at the target, 2 for equal
/// masses that do not meet.
///
/// Needs no pairing of particles. PlasticineLab (Huang et al. 2021) takes the same sum
/// without the division. Where `m_i = m*_i` the subgradient 0 is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    /// Bodies that it reads.
    pub bodies: Bodies,
    /// Nodes of the grid along each axis.
    nodes: [usize; 3],
    /// `m*_i` (kg), z fastest.
    target: Vec<f64>,
    /// `sum_i m*_i` (kg).
    total: f64,
}

impl Density {
    /// The target that the chosen bodies of `frame` make on its grid.
    pub fn of_frame(bodies: Bodies, frame: &Frame<f64>) -> Result<Self, LossError> {
        bodies.check(NAME, frame)?;
        let target = masses(&bodies, frame).ok_or(LossError::Value {
            loss: NAME,
            field: "target position",
            value: f64::NAN,
            expected: "particles within the grid",
        })?;
        Self::of_masses(bodies, frame.lattice.nodes, target)
    }

    /// Soft intersection over union of a frame with the target, in [0, 1]: with the masses of
    /// nodes relative to their largest, `a_i` and `b_i`,
    /// `sum_i a_i b_i / sum_i (a_i + b_i - a_i b_i)` (Huang et al. 2021, PlasticineLab,
    /// sec. 4.1). A density with values below 1 does not reach 1 with itself. `None` where
    /// there is no mass on the grid of the target.
    pub fn soft_iou(&self, frame: &Frame<f64>) -> Option<f64> {
        let found = masses(&self.bodies, frame)?;
        soft_iou(&found, &self.target)
    }

    /// [`Density::soft_iou`] of the target with itself.
    pub fn best_iou(&self) -> Option<f64> {
        soft_iou(&self.target, &self.target)
    }

    /// A target by its masses (kg) at the `nodes` of the grid, z fastest.
    pub fn of_masses(
        bodies: Bodies,
        nodes: [usize; 3],
        target: Vec<f64>,
    ) -> Result<Self, LossError> {
        if target.len() != nodes.iter().product::<usize>() {
            return Err(LossError::Count {
                loss: NAME,
                field: "target",
                found: target.len(),
                expected: nodes.iter().product(),
            });
        }
        let total = target.iter().sum();
        let least = target.iter().copied().fold(f64::INFINITY, f64::min);
        if !(f64::is_finite(total) && total > 0.0 && least >= 0.0) {
            return Err(LossError::Value {
                loss: NAME,
                field: "target mass",
                value: if least < 0.0 { least } else { total },
                expected: "masses >= 0 (kg) with a finite sum > 0",
            });
        }
        Ok(Self {
            bodies,
            nodes,
            target,
            total,
        })
    }

    /// The target masses (kg), z fastest.
    pub fn target(&self) -> &[f64] {
        &self.target
    }

    /// `m_i - m*_i` (kg); `None` where the frame does not fit the target's grid.
    fn differences<W: Real>(&self, frame: &Frame<W>) -> Option<Vec<W>> {
        if frame.lattice.nodes != self.nodes {
            return None;
        }
        let mut masses = masses(&self.bodies, frame)?;
        for (mass, &target) in masses.iter_mut().zip(&self.target) {
            *mass -= W::of(target);
        }
        Some(masses)
    }
}

/// The stencil of a particle; `None` if it is not whole or `x` is not finite.
fn stencil<W: Real>(lattice: &Lattice<W>, x: &Vector3<W>) -> Option<Stencil<W>> {
    let stencil = Stencil::at(lattice, x);
    let whole = |axis: usize| {
        stencil.offset[axis] >= W::of(0.5)
            && stencil.offset[axis] <= W::of(1.5)
            && stencil.base[axis] >= 0
            && (stencil.base[axis] as usize + 2) < lattice.nodes[axis]
    };
    (whole(0) && whole(1) && whole(2)).then_some(stencil)
}

/// Runs `node(index, [i, j, k])` over the 27 nodes of a stencil.
fn for_nodes(base: [i32; 3], nodes: [usize; 3], mut node: impl FnMut(usize, [usize; 3])) {
    let [x, y, z] = base.map(|base| base as usize);
    for i in 0..3 {
        for j in 0..3 {
            for k in 0..3 {
                node(((x + i) * nodes[1] + y + j) * nodes[2] + z + k, [i, j, k]);
            }
        }
    }
}

/// `m_i` (kg), z fastest; `None` if a particle is off the grid.
fn masses<W: Real>(bodies: &Bodies, frame: &Frame<W>) -> Option<Vec<W>> {
    let nodes = frame.lattice.nodes;
    let mut masses = vec![W::zero(); nodes.iter().product()];
    for (_, body) in bodies.of(frame) {
        for x in &body.x {
            let Stencil { base, weights, .. } = stencil(&frame.lattice, x)?;
            for_nodes(base, nodes, |at, [i, j, k]| {
                masses[at] += body.mass * weights[i].x * weights[j].y * weights[k].z;
            });
        }
    }
    Some(masses)
}

impl<W: Real> FrameLoss<W> for Density {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        self.bodies.check(NAME, like)?;
        if like.lattice.nodes != self.nodes {
            return Err(LossError::OtherGrid {
                loss: NAME,
                found: self.nodes,
                expected: like.lattice.nodes,
            });
        }
        Ok(())
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let Some(differences) = self.differences(frame) else {
            return W::of(f64::NAN);
        };
        let mut sum = W::zero();
        for difference in differences {
            sum += difference * sign(difference);
        }
        sum / W::of(self.total)
    }

    /// With `s_i = sign(m_i - m*_i) / sum m*`:
    /// `m_bar = sum_pi w_i s_i L_bar`, `x_bar_p = m sum_i grad w_i s_i L_bar`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let Some(differences) = self.differences(frame) else {
            return;
        };
        let scale = bar / W::of(self.total);
        let inverse_dx = frame.lattice.inverse_dx();
        for (at, body) in self.bodies.of(frame) {
            let bars = &mut bars.bodies[at];
            let mut mass_bar = W::zero();
            for (x, x_bar) in body.x.iter().zip(&mut bars.x) {
                // `differences` found every stencil whole.
                let Some(stencil) = stencil(&frame.lattice, x) else {
                    continue;
                };
                let (w, d) = (stencil.weights, stencil.slopes(inverse_dx));
                let mut slope = Vector3::zeros();
                for_nodes(stencil.base, self.nodes, |node, [i, j, k]| {
                    let node_bar = scale * sign(differences[node]);
                    mass_bar += w[i].x * w[j].y * w[k].z * node_bar;
                    slope += Vector3::new(
                        d[i].x * w[j].y * w[k].z,
                        w[i].x * d[j].y * w[k].z,
                        w[i].x * w[j].y * d[k].z,
                    ) * node_bar;
                });
                *x_bar += slope * body.mass;
            }
            bars.mass += mass_bar;
        }
    }
}

/// -1, 0 or 1.
pub(super) fn sign<W: Real>(value: W) -> W {
    if value > W::zero() {
        W::one()
    } else if value < W::zero() {
        -W::one()
    } else {
        W::zero()
    }
}

/// See [`Density::soft_iou`].
fn soft_iou(found: &[f64], target: &[f64]) -> Option<f64> {
    let largest = |masses: &[f64]| masses.iter().copied().fold(0.0, f64::max);
    let (of_found, of_target) = (largest(found), largest(target));
    if found.len() != target.len() || of_found <= 0.0 || of_target <= 0.0 {
        return None;
    }
    let (mut common, mut all) = (0.0, 0.0);
    for (a, b) in found.iter().zip(target) {
        let (a, b) = (a / of_found, b / of_target);
        common += a * b;
        all += a + b - a * b;
    }
    Some(common / all)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn soft_iou_by_hand() {
        // a = (1, 1/2, 0), b = (1, 0, 1): 1 / (1 + 1/2 + 1).
        let found = soft_iou(&[2.0, 1.0, 0.0], &[3.0, 0.0, 3.0]).unwrap();
        assert!((found - 0.4).abs() < 1e-15);
        assert_eq!(soft_iou(&[0.0; 3], &[1.0; 3]), None);
        assert_eq!(soft_iou(&[1.0, 0.0], &[1.0, 0.0]), Some(1.0));
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        let loss = Density::of_frame(Bodies::All, &cloud(5)).unwrap();
        assert_transpose(&loss, &loss, &cloud(1));
        let first = Density::of_frame(Bodies::Only(vec![0]), &cloud(5)).unwrap();
        assert_transpose(&first, &first, &cloud(2));
    }

    #[test]
    fn value_by_hand() {
        // One particle on a node: weights 1/8, 3/4, 1/8 an axis.
        let mut frame = cloud(1);
        frame.bodies.truncate(1);
        frame.bodies[0] = super::super::BodyFrame {
            mass: 2.0,
            x: vec![Vector3::repeat(0.5)],
            taken: Vec::new(),
        };
        let mut target = vec![0.0; 13 * 13 * 13];
        // Node (6, 6, 6) is at 0.5 with two nodes of padding.
        target[(6 * 13 + 6) * 13 + 6] = 4.0;
        let loss = Density::of_masses(Bodies::All, [13; 3], target).unwrap();
        // 4 - 2 (27/64) at that node, 2 (37/64) at the other 26; over 4.
        let expected = (4.0 - 54.0 / 64.0 + 74.0 / 64.0) / 4.0;
        assert!((loss.value(&frame) - expected).abs() < 1e-15);
        let mut bars = FrameBar::zeros(&frame);
        loss.value_vjp(&frame, 1.0, &mut bars);
        // d/dm: (-27/64 + 37/64) / 4; on a node the slopes cancel by symmetry.
        assert!((bars.bodies[0].mass - 10.0 / 256.0).abs() < 1e-15);
        assert!(bars.bodies[0].x[0].norm() < 1e-14);
    }

    #[test]
    fn target_itself_is_free_and_flat() {
        let frame = cloud(1);
        let loss = Density::of_frame(Bodies::All, &frame).unwrap();
        assert_eq!(loss.value(&frame), 0.0);
        let mut bars = FrameBar::zeros(&frame);
        loss.value_vjp(&frame, 1.0, &mut bars);
        assert_eq!(bars, FrameBar::zeros(&frame));
    }

    #[test]
    fn shift_of_both_by_a_cell_changes_nothing() {
        let shift = Vector3::new(0.125, 0.0, 0.0);
        let (a, b) = (cloud(1), cloud(4));
        let value = |a: &Frame<f64>, b: &Frame<f64>| -> f64 {
            Density::of_frame(Bodies::All, b).unwrap().value(a)
        };
        let there = value(&moved(&a, &shift), &moved(&b, &shift));
        assert!((value(&a, &b) - there).abs() < 1e-13);
    }

    #[test]
    fn masses_apart_cost_two() {
        let (near, far) = (Vector3::repeat(0.2), Vector3::repeat(0.8));
        let at = |x: Vector3<f64>| {
            let mut frame = cloud(1);
            frame.bodies.iter_mut().for_each(|body| body.x.fill(x));
            frame
        };
        let loss = Density::of_frame(Bodies::All, &at(near)).unwrap();
        assert!((loss.value(&at(far)) - 2.0).abs() < 1e-14);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut frame = cloud(1);
        let loss = Density::of_frame(Bodies::All, &frame).unwrap();
        frame.bodies[1].x[7].y = 9.0;
        assert!(loss.value(&frame).is_nan());
        assert!(Density::of_frame(Bodies::All, &frame).is_err());
        frame.bodies[1].x[7].y = -0.26;
        assert!(loss.value(&frame).is_nan());
        frame.bodies[1].x[7].y = f64::NAN;
        assert!(loss.value(&frame).is_nan());
        frame.lattice.nodes[2] = 12;
        let error = FrameLoss::<f64>::check(&loss, 0..1, &frame).unwrap_err();
        assert_eq!(
            error.to_string(),
            "loss density, target: made on [13, 13, 13] nodes; the scene has [13, 13, 12]"
        );
        assert!(Density::of_masses(Bodies::All, [2; 3], vec![0.0; 8]).is_err());
        assert!(Density::of_masses(Bodies::All, [2; 3], vec![1.0; 7]).is_err());
        let mut negative = vec![1.0; 8];
        negative[3] = -0.5;
        assert!(Density::of_masses(Bodies::All, [2; 3], negative).is_err());
    }
}
