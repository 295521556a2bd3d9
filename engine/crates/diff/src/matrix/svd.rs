//! Singular value decomposition by one-sided Jacobi rotations.

use nalgebra::{Matrix3, Vector3};

use crate::Real;

/// Sweeps over the three pairs of columns; 3 x 3 matrices need 3 to 6.
const MAXIMUM_SWEEPS: usize = 24;

/// Two columns count as orthogonal once their cosine is below this many `epsilon`:
/// what the rounding of a dot product of three terms leaves.
const COSINE: f64 = 4.0;

/// Squares of squared lengths above this neither vanish nor lose digits, in `f32` too.
const SAFE_SQUARE: f64 = 1e-20;

/// `F = U diag(s) V^T` with proper rotations `U` and `V`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Svd<P: Real> {
    /// Left singular vectors, `det U = 1`.
    pub u: Matrix3<P>,
    /// Singular values in descending magnitude; the last carries the sign of `det F`.
    pub s: Vector3<P>,
    /// Right singular vectors, `det V = 1`.
    pub v: Matrix3<P>,
}

impl<P: Real> Svd<P> {
    /// `U diag(values) V^T`.
    #[inline]
    pub fn with_values(&self, values: &Vector3<P>) -> Matrix3<P> {
        let mut scaled = self.u;
        for j in 0..3 {
            scaled.column_mut(j).scale_mut(values[j]);
        }
        scaled * self.v.transpose()
    }
}

/// Singular value decomposition of `f` (Hestenes 1958; Demmel & Veselic 1992).
///
/// Columns are rotated in pairs until they are orthogonal, so that small singular
/// values keep their relative accuracy whatever the large ones are. Holds at
/// `F = 0`, at any rank, at equal values and at `det F < 0`. For one input the bits
/// are always the same. Inputs that are not finite give values that are not finite.
pub fn svd<P: Real<Primal = P>>(f: &Matrix3<P>) -> Svd<P> {
    let largest = f.amax();
    if largest == P::zero() {
        return Svd {
            u: Matrix3::identity(),
            s: Vector3::zeros(),
            v: Matrix3::identity(),
        };
    }
    let scale = safe_scale(largest);
    let scaled = if scale == P::one() { *f } else { f / scale };
    let mut b = [0, 1, 2].map(|j| scaled.column(j).into_owned());
    let mut v = [Vector3::x(), Vector3::y(), Vector3::z()];
    for _ in 0..MAXIMUM_SWEEPS {
        let first = rotate(&mut b, &mut v, 0, 1);
        let second = rotate(&mut b, &mut v, 0, 2);
        let third = rotate(&mut b, &mut v, 1, 2);
        if !(first || second || third) {
            break;
        }
    }
    let mut s = b.each_ref().map(|column| column.norm());
    for (p, q) in [(0, 1), (1, 2), (0, 1)] {
        if s[p] < s[q] {
            s.swap(p, q);
            swap_with_sign(&mut b, p, q);
            swap_with_sign(&mut v, p, q);
        }
    }
    let u0 = b[0] / s[0];
    let u1 = second_direction(&u0, &b[1]);
    let u2 = u0.cross(&u1);
    if u2.dot(&b[2]) < P::zero() {
        s[2] = -s[2];
    }
    let s = Vector3::from(s) * scale;
    Svd {
        u: Matrix3::from_columns(&[u0, u1, u2]),
        s,
        v: Matrix3::from_columns(&v),
    }
}

/// Makes columns `p` and `q` of `B = F V` orthogonal; whether there was something to do.
#[inline(always)]
fn rotate<P: Real>(b: &mut [Vector3<P>; 3], v: &mut [Vector3<P>; 3], p: usize, q: usize) -> bool {
    let (alpha, beta) = (b[p].norm_squared(), b[q].norm_squared());
    if alpha == P::zero() || beta == P::zero() {
        return false;
    }
    let gamma = b[p].dot(&b[q]);
    let cosine = P::of(COSINE) * P::default_epsilon();
    let (safe, product) = (P::of(SAFE_SQUARE), alpha * beta);
    let orthogonal = if product > safe {
        gamma * gamma <= cosine * cosine * product
    } else {
        gamma.abs() <= cosine * alpha.sqrt() * beta.sqrt()
    };
    if orthogonal {
        return false;
    }
    // tan(2 angle) = opposite / adjacent; the smaller of the two angles is taken.
    let (mut opposite, mut adjacent) = (gamma + gamma, beta - alpha);
    if opposite * opposite <= safe {
        let size = opposite.abs().max(adjacent.abs());
        (opposite, adjacent) = (opposite / size, adjacent / size);
    }
    let square = opposite * opposite;
    let w = adjacent.abs() + (adjacent * adjacent + square).sqrt();
    let inverse = P::one() / (w * w + square).sqrt();
    let c = w * inverse;
    let s = if adjacent < P::zero() {
        -opposite
    } else {
        opposite
    } * inverse;
    for columns in [b, v] {
        let (old_p, old_q) = (columns[p], columns[q]);
        columns[p] = old_p * c - old_q * s;
        columns[q] = old_p * s + old_q * c;
    }
    true
}

/// Exchanges two columns and turns one round, which keeps the determinant.
#[inline(always)]
fn swap_with_sign<P: Real>(columns: &mut [Vector3<P>; 3], p: usize, q: usize) {
    let old = columns[p];
    columns[p] = columns[q];
    columns[q] = -old;
}

/// One where squares of entries up to `largest` neither overflow nor vanish, else `largest`.
#[inline(always)]
fn safe_scale<P: Real>(largest: P) -> P {
    let (low, high) = (P::of(1e-6), P::of(1e6));
    if largest > low && largest < high {
        P::one()
    } else {
        largest
    }
}

/// The unit vector along `b`, perpendicular to the unit vector `a`; any such where
/// `b` has no direction of its own.
#[inline]
fn second_direction<P: Real>(a: &Vector3<P>, b: &Vector3<P>) -> Vector3<P> {
    let size = b.amax();
    if size > P::zero() {
        let direction = b / size;
        let across = direction - a * a.dot(&direction);
        let length = across.norm();
        // Rotated columns are orthogonal: less is left only of a column that underflowed.
        if length > P::of(0.5) {
            return across / length;
        }
    }
    a.cross(&Vector3::ith(a.iamin(), P::one())).normalize()
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix3, Vector3};
    use proptest::prelude::*;

    use super::{Svd, svd};
    use crate::{
        Real,
        matrix::samples::{any_matrix, any_rotation, with_singular_values},
    };

    /// Largest relative fault of reconstruction, orthogonality and order.
    fn fault<P: Real<Primal = P>>(f: &Matrix3<P>, svd: &Svd<P>) -> f64 {
        let size = f.norm().to_f64().max(f64::MIN_POSITIVE);
        let reconstruction = (svd.with_values(&svd.s) - f).norm().to_f64() / size;
        let left = (svd.u.transpose() * svd.u - Matrix3::identity())
            .norm()
            .to_f64();
        let right = (svd.v.transpose() * svd.v - Matrix3::identity())
            .norm()
            .to_f64();
        let proper = (svd.u.determinant().to_f64() - 1.0)
            .abs()
            .max((svd.v.determinant().to_f64() - 1.0).abs());
        assert!(
            svd.s[0] >= svd.s[1] && svd.s[1] >= svd.s[2].abs(),
            "order of {}",
            svd.s
        );
        reconstruction.max(left).max(right).max(proper)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn decomposition_reconstructs_with_proper_rotations(f in any_matrix()) {
            prop_assert!(fault(&f, &svd(&f)) <= 1e-14);
        }

        #[test]
        fn last_value_has_the_sign_of_the_determinant(f in any_matrix()) {
            prop_assume!(f.determinant().abs() > 1e-10);
            prop_assert_eq!(svd(&f).s[2].is_sign_positive(), f.determinant() > 0.0);
        }

        #[test]
        fn rotations_have_three_unit_values(r in any_rotation()) {
            let svd = svd(&r);
            prop_assert!(fault(&r, &svd) <= 1e-14);
            // The rotations themselves are off by some epsilon: 5 in all, at worst of 3 million.
            prop_assert!((svd.s - Vector3::repeat(1.0)).amax() <= 8.0 * f64::EPSILON);
        }

        #[test]
        fn single_precision_reconstructs(f in any_matrix()) {
            let f = f.map(|x| x as f32);
            prop_assert!(fault(&f, &svd(&f)) <= 5e-6);
        }

        #[test]
        fn outer_products_have_rank_one(
            a in prop::array::uniform3(-1.0_f64..1.0), b in prop::array::uniform3(-1.0_f64..1.0),
        ) {
            let f = Vector3::from(a) * Vector3::from(b).transpose();
            let svd = svd(&f);
            prop_assert!(fault(&f, &svd) <= 1e-14);
            prop_assert!(svd.s[1] <= 1e-15 * svd.s[0]);
        }
    }

    #[test]
    fn degenerate_matrices_decompose() {
        let column = Matrix3::new(0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, -3.0, 0.0);
        let row = column.transpose();
        let plane = Matrix3::new(1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 1.0, 1.0, 1.0);
        let reflection = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, -1.0));
        let point = -Matrix3::<f64>::identity();
        let ones = Matrix3::repeat(1.0);
        for f in [
            column,
            row,
            plane,
            reflection,
            point,
            ones,
            Matrix3::zeros(),
        ] {
            let decomposition = svd(&f);
            assert!(fault(&f, &decomposition) <= 1e-14, "{f}{decomposition:?}");
            for size in [1e-300, 1e-150, 1e-8, 1e8, 1e150, 1e300] {
                let f = f * size;
                assert!(fault(&(f / size), &svd(&(f / size))) <= 1e-14, "{f}");
                assert!((svd(&f).s / size - decomposition.s).norm() <= 1e-14, "{f}");
            }
        }
    }

    #[test]
    fn small_values_keep_their_relative_accuracy() {
        // Columns of very different length: D scales a well-conditioned matrix, so that the
        // product of the values is det exactly and the least is known by perturbation.
        let base = with_singular_values([2.0, 1.5, 1.0]);
        for tiny in [1e-8_f64, 1e-12, 1e-60, 1e-100] {
            let f = base * Matrix3::from_diagonal(&Vector3::new(1.0, tiny, tiny * tiny.sqrt()));
            let s = svd(&f).s;
            let determinant = 3.0 * tiny * tiny * tiny.sqrt();
            assert!(
                (s.product() / determinant - 1.0).abs() <= 1e-14,
                "{s} for {tiny}"
            );
        }
        // In single precision the third column squares to a subnormal number.
        let f = Matrix3::from_diagonal(&Vector3::new(1.0_f32, 1e-8, 1e-12));
        assert_eq!(svd(&f).s, Vector3::new(1.0, 1e-8, 1e-12));
    }

    #[test]
    fn prescribed_values_are_found() {
        for s in [
            [1.0, 1.0, 1.0],
            [1.0, 1.0, -1.0],
            [1.0, 1.0, 1.0 - 1e-15],
            [1.0, 1.0 - 1e-9, 1.0 - 2e-9],
            [2.0, 1e-8, 1e-12],
            [2.0, 1.0, 0.0],
            [3.0, 0.0, 0.0],
        ] {
            let f = with_singular_values(s);
            let decomposition = svd(&f);
            assert!(fault(&f, &decomposition) <= 1e-14);
            assert!(
                (decomposition.s - Vector3::from(s)).amax() <= 4e-15,
                "{}",
                decomposition.s
            );
        }
    }

    #[test]
    fn same_input_gives_the_same_bits() {
        let f = with_singular_values([1.3, 0.9, 0.9]);
        assert_eq!(svd(&f), svd(&f.clone()));
    }
}
