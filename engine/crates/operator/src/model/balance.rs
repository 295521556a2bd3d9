//! Forces within matter cancel.

use backflow_diff::Real;
use nalgebra::DMatrix;

/// Takes from the accelerations `a` of each piece of matter (of equal masses) their mean, as far as the
/// piece touches nothing: with `t_i` the touch of a point and the product over the piece,
/// `a_i <- a_i - mean(a) prod (1 - t_i)`. Where no point touches anything forces then do not change
/// the momentum. `piece` is the piece of each point, of `pieces`.
pub fn balance<T: Real>(a: &mut DMatrix<T>, touch: &[T], piece: &[usize], pieces: usize) {
    let parts = Parts::new(a, touch, piece, pieces);
    for (i, mut a) in a.column_iter_mut().enumerate() {
        let part = &parts.0[piece[i]];
        for axis in 0..3 {
            a[axis] -= part.mean[axis] * part.free;
        }
    }
}

/// Of each piece.
struct Part<T> {
    mean: [T; 3],
    free: T,
    count: T,
}

struct Parts<T>(Vec<Part<T>>);

impl<T: Real> Parts<T> {
    fn new(a: &DMatrix<T>, touch: &[T], piece: &[usize], pieces: usize) -> Self {
        let empty = || Part {
            mean: [T::zero(); 3],
            free: T::one(),
            count: T::zero(),
        };
        let mut parts: Vec<_> = std::iter::repeat_with(empty).take(pieces).collect();
        for (i, a) in a.column_iter().enumerate() {
            let part = &mut parts[piece[i]];
            for axis in 0..3 {
                part.mean[axis] += a[axis];
            }
            part.free *= T::one() - touch[i];
            part.count += T::one();
        }
        for part in &mut parts {
            part.mean = part.mean.map(|sum| sum / part.count);
        }
        Self(parts)
    }
}

/// Turns the cotangent of what [`balance`] made of `a` into that of `a`; adds to that of `touch`.
pub fn balance_vjp<T: Real>(
    a: &DMatrix<T>,
    touch: &[T],
    piece: &[usize],
    pieces: usize,
    a_bar: &mut DMatrix<T>,
    touch_bar: &mut [T],
) {
    let parts = Parts::new(a, touch, piece, pieces);
    let mut sums = vec![[T::zero(); 3]; pieces];
    for (i, a_bar) in a_bar.column_iter().enumerate() {
        for axis in 0..3 {
            sums[piece[i]][axis] += a_bar[axis];
        }
    }
    for (i, mut a_bar) in a_bar.column_iter_mut().enumerate() {
        let (part, sum) = (&parts.0[piece[i]], &sums[piece[i]]);
        for axis in 0..3 {
            a_bar[axis] -= sum[axis] * part.free / part.count;
        }
    }
    // The slope of the product in one factor is the product of the others.
    let mut before = vec![T::one(); pieces];
    let mut others = vec![T::one(); touch.len()];
    for (i, &touch) in touch.iter().enumerate() {
        others[i] = before[piece[i]];
        before[piece[i]] *= T::one() - touch;
    }
    let mut after = vec![T::one(); pieces];
    for (i, &touch) in touch.iter().enumerate().rev() {
        others[i] *= after[piece[i]];
        after[piece[i]] *= T::one() - touch;
        let (part, sum) = (&parts.0[piece[i]], &sums[piece[i]]);
        let free_bar = (0..3).fold(T::zero(), |all, axis| all - part.mean[axis] * sum[axis]);
        touch_bar[i] -= free_bar * others[i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_at, matrix};
    use backflow_optim::Random;

    const PIECE: [usize; 5] = [0, 1, 0, 0, 1];

    #[test]
    fn a_free_piece_keeps_its_momentum_and_one_at_a_wall_does_not() {
        let mut random = Random::new(1, &[]);
        let before = matrix(3, &random.normals(15));
        let mut a = before.clone();
        balance(&mut a, &[0.0, 0.3, 0.0, 0.0, 1.0], &PIECE, 2);
        for axis in 0..3 {
            let sum = a[(axis, 0)] + a[(axis, 2)] + a[(axis, 3)];
            assert!(sum.abs() < 1e-15);
        }
        assert_eq!(a.column(1), before.column(1));
        assert_eq!(a.column(4), before.column(4));
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        let mut random = Random::new(5, &[]);
        for touches in [[0.2, 0.0, 0.5, 0.1, 0.7], [1.0, 0.2, 0.0, 0.3, 1.0]] {
            let mut x = random.normals(15);
            x.extend(touches);
            check_at(
                &x,
                |x| {
                    let mut a = matrix(3, &x[..15]);
                    balance(&mut a, &x[15..], &PIECE, 2);
                    a.as_slice().to_vec()
                },
                |x, bar| {
                    let (a, mut a_bar) = (matrix(3, &x[..15]), matrix(3, bar));
                    let mut touch_bar = [0.0; 5];
                    balance_vjp(&a, &x[15..], &PIECE, 2, &mut a_bar, &mut touch_bar);
                    let mut all = a_bar.as_slice().to_vec();
                    all.extend(touch_bar);
                    all
                },
            );
        }
    }
}
