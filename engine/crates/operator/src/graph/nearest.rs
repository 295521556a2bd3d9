//! Nearest neighbours.

use std::num::NonZero;

use backflow_diff::Real;
use kiddo::{SquaredEuclidean, immutable::float::kdtree::ImmutableKdTree};
use nalgebra::DMatrix;

use crate::error::OperatorError;

/// Points of a leaf of the tree.
const LEAF: usize = 32;

/// Oneself and another.
const TWO: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(1);

/// The nearest other point of each point (m, a column each); none of fewer than two.
///
/// # Errors
/// Positions that are not finite.
pub fn nearest<T: Real>(x: &DMatrix<T>) -> Result<Vec<usize>, OperatorError> {
    let points: Vec<[f64; 3]> = x
        .column_iter()
        .map(|x| [0, 1, 2].map(|axis| x[axis].to_f64()))
        .collect();
    if let Some(point) = points.iter().position(|x| x.iter().any(|x| !x.is_finite())) {
        return Err(OperatorError::NotFinite {
            what: "the position of a sample",
            place: format!("(sample {point})"),
        });
    }
    if points.len() < 2 {
        return Ok(Vec::new());
    }
    let tree: ImmutableKdTree<f64, u32, 3, LEAF> = ImmutableKdTree::new_from_slice(&points);
    let other = |(i, point): (usize, &[f64; 3])| {
        let near = tree.nearest_n::<SquaredEuclidean>(point, TWO);
        let mut near = near.iter().map(|near| near.item as usize);
        // Of three at one place oneself may not be among the two.
        near.find(|&j| j != i).unwrap_or(i)
    };
    Ok(points.iter().enumerate().map(other).collect())
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;

    #[test]
    fn they_are_those_that_a_search_of_all_finds() {
        let mut random = Random::new(3, &[]);
        let x = DMatrix::<f64>::from_fn(3, 200, |_, _| random.uniform());
        let found = nearest(&x).unwrap();
        for i in 0..200 {
            let square = |j: &usize| (x.column(*j) - x.column(i)).norm_squared();
            let others = (0..200).filter(|&j| j != i);
            let best = others.min_by(|a, b| square(a).total_cmp(&square(b)));
            assert_eq!(Some(found[i]), best);
        }
        let alone = x.columns(0, 1).into_owned();
        assert!(nearest(&alone).unwrap().is_empty());
        let same = DMatrix::<f64>::zeros(3, 2);
        assert_eq!(nearest(&same).unwrap(), vec![1, 0]);
    }
}
