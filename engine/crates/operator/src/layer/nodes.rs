//! Nodes of a regular grid that have points about them.

use std::collections::BTreeMap;

use backflow_diff::Real;
use nalgebra::DMatrix;

/// Nodes of a regular grid that lie within [`Nodes::REACH`] cells of a point, and the pairs of both: what
/// integrals over the neighbourhood of a node or of a point run over. Nodes that no point is near to do
/// not exist, so that a grid takes the memory of what is occupied.
#[derive(Debug, Clone)]
pub struct Nodes<T: Real> {
    /// Node and point of each pair, sorted.
    pub pairs: Vec<(usize, usize)>,
    /// From the node to the point, over the reach (1): a column a pair.
    pub offsets: DMatrix<T>,
    /// Weights `(1 - |offset|^2)^2` of pairs: 0, with slope 0, at the reach.
    pub weights: Vec<T>,
    /// Where each node is, in edges of the room from its lower corner (1): a column a node.
    pub places: DMatrix<T>,
}

impl<T: Real> Nodes<T> {
    /// How far a node or a point sees, in cells: between the 1.0 and 2.6 that GIOROM is set to.
    pub const REACH: f64 = 1.5;

    /// Of points (m, a column each) on a grid of cells of `edge` (m) in a room with these corners (m).
    pub fn new(x: &DMatrix<T>, edge: f64, bounds: &[[f64; 3]; 2]) -> Self {
        let (reach, around) = (Self::REACH * edge, Self::REACH.ceil() as i64);
        let [low, high] = *bounds;
        let mut near: Vec<([i64; 3], usize)> = Vec::new();
        for (point, x) in x.column_iter().enumerate() {
            let scaled = [0, 1, 2].map(|axis| (x[axis].to_f64() - low[axis]) / edge);
            let base = scaled.map(|s| s.round() as i64);
            for by in (0..(2 * around + 1).pow(3)).map(|at| split(at, around)) {
                let key = [0, 1, 2].map(|axis| base[axis] + by[axis]);
                let square: f64 = (0..3).map(|k| (scaled[k] - key[k] as f64).powi(2)).sum();
                if square < Self::REACH * Self::REACH {
                    near.push((key, point));
                }
            }
        }
        near.sort_unstable();
        let mut numbers = BTreeMap::new();
        for (key, _) in &near {
            let next = numbers.len();
            numbers.entry(*key).or_insert(next);
        }
        let inverse = T::of(1.0 / reach);
        let (mut pairs, mut offsets) = (Vec::with_capacity(near.len()), Vec::new());
        let mut weights = Vec::with_capacity(near.len());
        for (key, point) in near {
            let Some(&node) = numbers.get(&key) else {
                continue;
            };
            let at = [0, 1, 2].map(|k| T::of(low[k] + edge * key[k] as f64));
            let o = [0, 1, 2].map(|axis| (x[(axis, point)] - at[axis]) * inverse);
            let left = T::one() - (o[0] * o[0] + o[1] * o[1] + o[2] * o[2]);
            pairs.push((node, point));
            offsets.extend(o);
            weights.push(left * left);
        }
        let place = |key: &[i64; 3]| {
            [0, 1, 2].map(|k| T::of(key[k] as f64 * edge / (high[k] - low[k]).max(edge)))
        };
        let places: Vec<T> = numbers.keys().flat_map(place).collect();
        Self {
            offsets: DMatrix::from_vec(3, pairs.len(), offsets),
            pairs,
            weights,
            places: DMatrix::from_vec(3, numbers.len(), places),
        }
    }

    /// Number of nodes.
    pub fn count(&self) -> usize {
        self.places.ncols()
    }

    /// The same nodes with offsets and weights zero: their cotangents.
    #[must_use]
    pub fn zeros(&self) -> Self {
        Self {
            offsets: DMatrix::zeros(3, self.pairs.len()),
            weights: vec![T::zero(); self.pairs.len()],
            ..self.clone()
        }
    }

    /// Adds the cotangents of the positions from those of offsets and weights, which `bar` has in their
    /// place, for cells of `edge` (m). The pairs are held: they come and go where their weights and the
    /// slopes of these are zero.
    pub fn new_vjp(&self, edge: f64, bar: &Self, x_bar: &mut DMatrix<T>) {
        let inverse = T::of(1.0 / (Self::REACH * edge));
        let four = T::of(4.0);
        for (pair, &(_, point)) in self.pairs.iter().enumerate() {
            let o = self.offsets.column(pair);
            let left = T::one() - (o[0] * o[0] + o[1] * o[1] + o[2] * o[2]);
            // d (1 - o.o)^2 / d o = -4 (1 - o.o) o
            let slope = -four * left * bar.weights[pair];
            for axis in 0..3 {
                let o_bar = bar.offsets[(axis, pair)] + slope * o[axis];
                x_bar[(axis, point)] += o_bar * inverse;
            }
        }
    }
}

/// Offset of a place in a cube of `2 around + 1` cells an axis.
fn split(at: i64, around: i64) -> [i64; 3] {
    let side = 2 * around + 1;
    [at / (side * side), at / side % side, at % side].map(|k| k - around)
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;
    use crate::testing::{check_at, matrix};

    const BOUNDS: [[f64; 3]; 2] = [[0.1, 0.0, 0.0], [1.1, 2.0, 1.0]];

    fn points() -> Vec<f64> {
        let mut random = Random::new(3, &[]);
        (0..18).map(|_| random.uniform()).collect()
    }

    #[test]
    fn pairs_are_all_nodes_and_points_that_are_near() {
        let edge = 0.25;
        let x = matrix(3, &points());
        let nodes = Nodes::new(&x, edge, &BOUNDS);
        let mut expected = 0;
        for i in -4..12 {
            for j in -4..12 {
                for k in -4..12 {
                    let at = [i, j, k].map(|key| f64::from(key) * edge);
                    let far = |x: &[f64]| {
                        let d = [x[0] - 0.1 - at[0], x[1] - at[1], x[2] - at[2]];
                        d.iter().map(|d| d * d).sum::<f64>().sqrt()
                    };
                    let near = x.as_slice().chunks(3).filter(|x| far(x) < 1.5 * edge);
                    expected += near.count();
                }
            }
        }
        assert_eq!(nodes.pairs.len(), expected);
        assert!(nodes.pairs.is_sorted());
        let last = nodes.pairs.last().unwrap().0;
        assert_eq!(last + 1, nodes.count(), "every node has a point");
        for (pair, &(node, point)) in nodes.pairs.iter().enumerate() {
            for axis in 0..3 {
                let room = BOUNDS[1][axis] - BOUNDS[0][axis];
                let node = BOUNDS[0][axis] + room * nodes.places[(axis, node)];
                let offset = (x[(axis, point)] - node) / (1.5 * edge);
                assert!((nodes.offsets[(axis, pair)] - offset).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        check_at(
            &points(),
            |x| {
                let nodes = Nodes::new(&matrix(3, x), 0.3, &BOUNDS);
                [nodes.offsets.as_slice(), &nodes.weights].concat()
            },
            |x, bar| {
                let nodes = Nodes::new(&matrix(3, x), 0.3, &BOUNDS);
                let mut bars = nodes.zeros();
                let (offsets, weights) = bar.split_at(3 * nodes.pairs.len());
                bars.offsets.copy_from_slice(offsets);
                bars.weights.copy_from_slice(weights);
                let mut x_bar = DMatrix::zeros(3, x.len() / 3);
                nodes.new_vjp(0.3, &bars, &mut x_bar);
                x_bar.as_slice().to_vec()
            },
        );
    }
}
