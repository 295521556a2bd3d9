//! The rotation of the polar decomposition.

use nalgebra::{Matrix3, Vector3};

use super::{axial, cofactor, from_parts, primal, svd, tangent};
use crate::Real;

/// Newton steps before the singular value decomposition takes over; scaled steps
/// need at most nine in `f64` (Higham 1986).
pub(super) const MAXIMUM_STEPS: usize = 12;

/// `det F / |F|^3` below which cofactors lose digits; 0.19 at a rotation.
pub(super) const WELL_CONDITIONED: f64 = 1e-3;

/// `det K / tr(K)^3` below which `K` is inverted by singular values; 0.037 at a rotation.
pub(super) const WELL_SEPARATED: f64 = 1e-4;

/// Sums `s_i + s_j` below this many `epsilon` of `s_1` count as zero.
pub(super) const VANISHING: f64 = 4.0;

/// How far `|X|^2` may be from 3 before a Newton step is scaled.
const NEAR_ROTATION: f64 = 0.5;

/// The proper rotation `R` of `F = R S` with `S` symmetric.
///
/// Newton's iteration `R <- (z R + (z R)^-T) / 2`, scaled by
/// `z = sqrt(|R^-1| / |R|)` far from a rotation (Higham 1986), where
/// `det F > 0` and `F` is well-conditioned; else `U V^T`, which at `det F < 0` is the
/// nearest proper rotation. At rank one or less `R` is one of many. Duals carry the
/// tangent of [`polar_jvp`].
#[inline]
pub fn polar<T: Real>(f: &Matrix3<T>) -> Matrix3<T> {
    let value = primal(f);
    let r = rotation(&value);
    let dr = if T::DUAL {
        polar_jvp(&value, &r, &tangent(f))
    } else {
        Matrix3::zeros()
    };
    from_parts(&r, &dr)
}

/// `dR = R [w]_x` with `(tr(S) I - S) w = axial(R^T dF - dF^T R)` and `S = R^T F`
/// (Barbic & Zhao 2011): tangent of `r =` [`polar`]`(f)` along `df`.
///
/// The matrix has the eigenvalues `s_i + s_j`, so equal singular values are no
/// special case. Where a sum vanishes (rank one or less, or `s_2 = -s_3` at
/// `det F < 0`) the rotation jumps and has no derivative: sums below
/// `4 epsilon s_1` contribute nothing, so that the result stays bounded by
/// `|dF| / (4 epsilon s_1)` and is zero at `F = 0`.
#[inline]
pub fn polar_jvp<T: Real>(f: &Matrix3<T>, r: &Matrix3<T>, df: &Matrix3<T>) -> Matrix3<T> {
    r * (spin_inverse(f, r) * axial(&(r.transpose() * df))).cross_matrix()
}

/// `F_bar = R [u]_x` with `(tr(S) I - S) u = axial(R^T R_bar - R_bar^T R)`: cotangent of
/// `f` from the cotangent `r_bar` of `r =` [`polar`]`(f)`.
///
/// The transpose of [`polar_jvp`], with the same treatment of vanishing sums.
#[inline]
pub fn polar_vjp<T: Real>(f: &Matrix3<T>, r: &Matrix3<T>, r_bar: &Matrix3<T>) -> Matrix3<T> {
    r * (spin_inverse(f, r) * axial(&(r.transpose() * r_bar))).cross_matrix()
}

/// Inverse of `K = tr(S) I - S`, which maps the spin of `R` to that of `R^T dF`.
#[inline]
fn spin_inverse<T: Real>(f: &Matrix3<T>, r: &Matrix3<T>) -> Matrix3<T> {
    let product = r.transpose() * f;
    let s = (product + product.transpose()) * T::of(0.5);
    let k = Matrix3::from_diagonal_element(s.trace()) - s;
    let adjugate = cofactor(&k);
    let determinant = k.column(0).dot(&adjugate.column(0));
    let trace = k.trace();
    if determinant > T::of(WELL_SEPARATED) * trace * trace * trace {
        return adjugate * (T::one() / determinant);
    }
    let inverse = spin_inverse_by_values(&primal(f));
    if !T::DUAL {
        return from_parts(&inverse, &Matrix3::zeros());
    }
    from_parts(&inverse, &-(inverse * tangent(&k) * inverse))
}

/// `V diag(1 / (s_j + s_k)) V^T`, without the sums that vanish.
#[cold]
fn spin_inverse_by_values<P: Real<Primal = P>>(f: &Matrix3<P>) -> Matrix3<P> {
    let svd = svd(f);
    let floor = P::of(VANISHING) * P::default_epsilon() * svd.s[0];
    let values = Vector3::from_fn(|i, _| {
        let sum = svd.s[(i + 1) % 3] + svd.s[(i + 2) % 3];
        if sum > floor {
            P::one() / sum
        } else {
            P::zero()
        }
    });
    let mut scaled = svd.v;
    for j in 0..3 {
        scaled.column_mut(j).scale_mut(values[j]);
    }
    scaled * svd.v.transpose()
}

/// The polar rotation of primal values.
#[inline]
fn rotation<P: Real<Primal = P>>(f: &Matrix3<P>) -> Matrix3<P> {
    match newton(f) {
        Some((r, _)) => r,
        None => {
            let svd = svd(f);
            svd.u * svd.v.transpose()
        }
    }
}

/// Newton's iteration and its number of steps, where it converges fast and loses no digits.
#[inline]
fn newton<P: Real>(f: &Matrix3<P>) -> Option<(Matrix3<P>, usize)> {
    let (half, three) = (P::of(0.5), P::of(3.0));
    let mut x = *f;
    for step in 0..MAXIMUM_STEPS {
        let cofactor = cofactor(&x);
        let determinant = x.column(0).dot(&cofactor.column(0));
        let square = x.norm_squared();
        // False for NaN, too.
        let well_conditioned = determinant > P::of(WELL_CONDITIONED) * square * square.sqrt();
        if step == 0 && !well_conditioned {
            return None;
        }
        let (along, across) = if (square - three).abs() > P::of(NEAR_ROTATION) {
            let z = ((cofactor.norm_squared() / square).sqrt() / determinant).sqrt();
            (half * z, half / (z * determinant))
        } else {
            (half, half / determinant)
        };
        let next = x * along + cofactor * across;
        // Convergence is quadratic: the next error is half the square of this change.
        let settled = (next - x).norm_squared() <= half * P::default_epsilon();
        x = next;
        if settled {
            return Some((x, step + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix3, Vector3};
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::{polar, polar_jvp, polar_vjp};
    use crate::{
        Real,
        matrix::{
            inverse_transpose,
            samples::{
                any_matrix, any_proper_matrix, any_rotation, codirection, direction, lift, tangent,
                with_singular_values,
            },
        },
    };

    /// `|R^T R - I| + |skew(R^T F)| / |F|`, which vanishes at the polar rotation.
    fn fault<T: Real>(f: &Matrix3<T>) -> f64 {
        let r = polar(f).map(|x| x.to_f64());
        let f = f.map(|x| x.to_f64());
        let s = r.transpose() * f;
        (r.transpose() * r - Matrix3::identity()).norm()
            + (r.determinant() - 1.0).abs()
            + (s - s.transpose()).norm() / f.norm().max(f64::MIN_POSITIVE)
    }

    /// The rotation by Newton's iteration in any scalar: on duals, exact differentiation.
    fn newton<T: Real>(f: &Matrix3<T>) -> Matrix3<T> {
        (0..60).fold(*f, |x, _| (x + inverse_transpose(&x)) * T::of(0.5))
    }

    /// Newton steps that [`polar`] takes.
    fn steps_to_settle<P: Real>(f: &Matrix3<P>) -> Option<usize> {
        super::newton(f).map(|(_, steps)| steps)
    }

    /// Relative fault of the dot product test.
    fn transposition(f: &Matrix3<f64>) -> f64 {
        let (df, r_bar) = (direction(), codirection());
        let dr = tangent(&polar(&lift(f, &df)));
        let f_bar = polar_vjp(f, &polar(f), &r_bar);
        let size = (dr.norm() * r_bar.norm()).max(f_bar.norm() * df.norm());
        (dr.dot(&r_bar) - f_bar.dot(&df)).abs() / size.max(f64::MIN_POSITIVE)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn polar_is_a_rotation_with_symmetric_rest(f in any_matrix()) {
            prop_assert!(fault(&f) <= 3e-14);
        }

        #[test]
        fn polar_of_a_scaled_rotation_is_the_rotation(r in any_rotation(), size in 1e-3_f64..1e3) {
            prop_assert!((polar(&(r * size)) - r).norm() <= 2e-15);
        }

        #[test]
        fn single_precision_is_a_rotation(f in any_matrix()) {
            prop_assert!(fault(&f.map(|x| x as f32)) <= 1e-5);
        }

        #[test]
        fn jvp_and_vjp_are_transposes(f in any_matrix()) {
            prop_assert!(transposition(&f) <= 1e-12);
        }

        #[test]
        fn jvp_is_that_of_newton_on_duals(f in any_proper_matrix(), df in any_matrix()) {
            prop_assume!(f.determinant() > 1e-2);
            let expected = tangent(&newton(&lift(&f, &df)));
            let found = tangent(&polar(&lift(&f, &df)));
            prop_assert!((found - expected).norm() <= 1e-11 * (1.0 + expected.norm()));
        }
    }

    #[test]
    fn jvp_is_that_of_newton_at_equal_and_nearly_equal_values() {
        for gap in [0.0, 1e-15, 1e-13, 1e-10, 1e-8, 1e-6, 1e-3] {
            for size in [1.0, 0.4, 7.0] {
                let f = with_singular_values([1.0 + gap, 1.0, 1.0 - gap]) * size;
                let lifted = lift(&f, &direction());
                let expected = tangent(&newton(&lifted));
                let found = tangent(&polar(&lifted));
                assert!(
                    (found - expected).norm() <= 1e-14 * expected.norm().max(1.0),
                    "{gap}"
                );
                assert!(transposition(&f) <= 1e-15, "{gap}");
            }
        }
    }

    #[test]
    fn jvp_at_identity_is_the_skew_part() {
        let dr = polar_jvp(&Matrix3::identity(), &Matrix3::identity(), &direction());
        let skew = (direction() - direction().transpose()) * 0.5;
        assert!((dr - skew).norm() <= 1e-15);
    }

    #[test]
    fn jvp_keeps_its_accuracy_at_tiny_values() {
        // F = U diag(s) V^T turned by a spin W on the left: dF = W F gives dR = W R.
        let w = Vector3::new(0.4, -1.2, 0.7).cross_matrix();
        for s in [
            [1.0, 1.0, 1e-8],
            [1.0, 0.5, 1e-12],
            [1.0, 1.0, 0.0],
            [1.0, 0.2, -1e-3],
        ] {
            let f = with_singular_values(s);
            let r = polar(&f);
            assert!(
                (polar_jvp(&f, &r, &(w * f)) - w * r).norm() <= 2e-14,
                "{s:?}"
            );
            assert!(transposition(&f) <= 1e-14, "{s:?}");
        }
        // Diagonal F: the sums s_i + s_j are exact, and so is the derivative.
        for s in [
            [1.0, 1e-8, 1e-12],
            [1.0, 1e-12, 1e-12],
            [1e-8, 1e-12, 1e-12],
        ] {
            let f = Matrix3::from_diagonal(&Vector3::from(s));
            let dr = polar_jvp(&f, &polar(&f), &direction());
            for (i, j) in [(0, 1), (0, 2), (1, 2)] {
                let skew = direction()[(i, j)] - direction()[(j, i)];
                assert!(
                    (dr[(i, j)] * (s[i] + s[j]) / skew - 1.0).abs() <= 1e-13,
                    "{s:?} {i}{j}"
                );
            }
            assert!(transposition(&f) <= 1e-15, "{s:?}");
        }
    }

    #[test]
    fn vjp_is_the_central_difference() {
        for s in [
            [1.2, 1.0, 0.8],
            [1.0, 1.0, 1.0],
            [2.0, 0.3, 0.1],
            [1.0, 0.8, -0.4],
        ] {
            let f = with_singular_values(s);
            let h = 1e-5;
            let along = |h: f64| polar(&(f + direction() * h)).dot(&codirection());
            let difference = (along(h) - along(-h)) / (2.0 * h);
            let f_bar = polar_vjp(&f, &polar(&f), &codirection());
            assert!(
                (f_bar.dot(&direction()) - difference).abs() <= 1e-8,
                "{s:?}"
            );
        }
    }

    #[test]
    fn derivative_is_bounded_where_the_rotation_jumps() {
        for s in [
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [1.0, 1.0, -1.0],
            [2.0, 1.0, -1.0],
            [1.0, 1e-17, 1e-17],
            [1.0, 1e-17, -1e-17],
        ] {
            for f in [
                with_singular_values(s),
                Matrix3::from_diagonal(&Vector3::from(s)),
            ] {
                let r = polar(&f);
                let bound = 1.0 / (4.0 * f64::EPSILON * s[0].max(f64::MIN_POSITIVE));
                let dr = polar_jvp(&f, &r, &direction());
                let f_bar = polar_vjp(&f, &r, &codirection());
                assert!(
                    r.iter().chain(&dr).chain(&f_bar).all(|x| x.is_finite()),
                    "{s:?}"
                );
                assert!(dr.norm() <= bound * direction().norm(), "{s:?}");
                assert!(transposition(&f) <= 1e-12, "{s:?}");
            }
        }
        let zero = Matrix3::<f64>::zeros();
        assert_eq!(polar_jvp(&zero, &polar(&zero), &direction()), zero);
        // The direction that jumps is left out, the others are exact.
        let f = Matrix3::from_diagonal(&Vector3::new(1.0, 0.0, 0.0));
        let dr = polar_jvp(&f, &polar(&f), &direction());
        let (spin, m) = (
            polar(&f).transpose() * dr,
            polar(&f).transpose() * direction(),
        );
        assert!(spin[(1, 2)].abs() <= f64::EPSILON);
        assert!((spin[(0, 1)] - (m[(0, 1)] - m[(1, 0)])).abs() <= 1e-15);
        assert!((spin[(0, 2)] - (m[(0, 2)] - m[(2, 0)])).abs() <= 1e-15);
    }

    #[test]
    fn newton_settles_fast_near_a_rotation() {
        let r = with_singular_values([1.0, 1.0, 1.0]);
        for (strain, double, single) in [(2e-2, 4, 2), (2e-3, 3, 2)] {
            let f = r + direction() * strain;
            assert_eq!(steps_to_settle(&f), Some(double));
            assert_eq!(steps_to_settle(&f.map(|x| x as f32)), Some(single));
        }
        assert_eq!(steps_to_settle(&(r * 5.0)), Some(2));
    }

    #[test]
    fn vjp_of_duals_is_the_second_derivative() {
        for s in [[1.2, 1.0, 0.8], [1.0, 1.0, 1.0], [1.0, 0.8, -0.4]] {
            let f = with_singular_values(s);
            let lifted = lift(&f, &direction());
            let bar = codirection().map(Dual64::from);
            let found = tangent(&polar_vjp(&lifted, &polar(&lifted), &bar));
            let h = 1e-5;
            let at = |h: f64| {
                let f = f + direction() * h;
                polar_vjp(&f, &polar(&f), &codirection())
            };
            let difference = (at(h) - at(-h)) / (2.0 * h);
            let fault = (found - difference).norm() / found.norm();
            assert!(fault <= 1e-8, "{s:?} {fault:e}");
        }
    }
}
