//! Functions of the singular values.

use nalgebra::{Matrix3, Vector3};

use super::{Svd, from_parts, polar::VANISHING, primal, svd, tangent};
use crate::Real;

/// Relative gap of two singular values below which the mean of the slope is tried:
/// three Gauss points give it to 1e-16 there, the quotient only to `epsilon / gap`.
const NARROW: f64 = 0.05;

/// Rounding of a quotient of differences, in `epsilon` of its terms.
const QUOTIENT_ROUNDING: f64 = 8.0;

/// Points of Gauss's three-point rule on (0, 1) and their weights.
const GAUSS: [(f64, f64); 3] = [
    (0.112_701_665_379_258_31, 5.0 / 18.0),
    (0.5, 8.0 / 18.0),
    (0.887_298_334_620_741_7, 5.0 / 18.0),
];

/// A scalar function that is applied to each singular value.
///
/// The last singular value is negative where `det F < 0`; the function says what it
/// makes of that.
pub trait SingularMap<P: Real> {
    /// The function `f(s)`.
    fn value(&self, s: P) -> P;

    /// Its derivative `f'(s)`; at a kink, that of one of the sides.
    fn slope(&self, s: P) -> P;
}

/// `U f(S) V^T` where `F = U S V^T`.
///
/// Duals carry the tangent of [`spectral_jvp`].
#[inline]
pub fn spectral<T: Real, M: SingularMap<T::Primal>>(f: &Matrix3<T>, map: &M) -> Matrix3<T> {
    let svd = svd(&primal(f));
    let value = svd.with_values(&svd.s.map(|s| map.value(s)));
    let tangent = if T::DUAL {
        Factors::new(&svd.s, map).apply(&svd, &tangent(f))
    } else {
        Matrix3::zeros()
    };
    from_parts(&value, &tangent)
}

/// Tangent of [`spectral`] along `df`.
///
/// With `M = U^T dF V`, the tangent is `U Y V^T`: `Y_ii = f'(s_i) M_ii`; the symmetric
/// part of `M_ij` is scaled by `(f_i - f_j) / (s_i - s_j)` and the skew part by
/// `(f_i + f_j) / (s_i + s_j)` (Papadopoulo & Lourakis 2000, with `dU` and `dV`
/// eliminated). Both have limits:
/// - `s_i = s_j`: the first is the mean of `f'` between them, taken wherever it agrees with
///   the quotient to the quotient's rounding, so that kinks keep the quotient;
/// - `s_i = -s_j` (below `4 epsilon s_1`: rank one or less, or `det F < 0`): the second is
///   the mean of both slopes, exact for odd functions. For others [`spectral`] jumps there
///   and has no derivative; what is returned is bounded.
#[inline]
pub fn spectral_jvp<P: Real<Primal = P>, M: SingularMap<P>>(
    f: &Matrix3<P>,
    map: &M,
    df: &Matrix3<P>,
) -> Matrix3<P> {
    let svd = svd(f);
    Factors::new(&svd.s, map).apply(&svd, df)
}

/// Cotangent of `f` from the cotangent `bar` of [`spectral`].
///
/// The linear map of [`spectral_jvp`] is symmetric, so this is the same map. Of duals
/// it carries the tangent of `bar`; a tangent of `f` would need the second derivative of
/// the map and gives NaN tangents instead of wrong ones.
#[inline]
pub fn spectral_vjp<T: Real, M: SingularMap<T::Primal>>(
    f: &Matrix3<T>,
    map: &M,
    bar: &Matrix3<T>,
) -> Matrix3<T> {
    let svd = svd(&primal(f));
    let factors = Factors::new(&svd.s, map);
    let value = factors.apply(&svd, &primal(bar));
    if !T::DUAL {
        return from_parts(&value, &Matrix3::zeros());
    }
    let slope = if tangent(f) == Matrix3::zeros() {
        factors.apply(&svd, &tangent(bar))
    } else {
        Matrix3::repeat(T::Primal::of(f64::NAN))
    };
    from_parts(&value, &slope)
}

/// What scales the entries of `U^T dF V`; index `k` is the pair without `k`.
struct Factors<P: Real> {
    diagonal: Vector3<P>,
    symmetric: Vector3<P>,
    skew: Vector3<P>,
}

impl<P: Real> Factors<P> {
    #[inline]
    fn new<M: SingularMap<P>>(s: &Vector3<P>, map: &M) -> Self {
        let values = s.map(|s| map.value(s));
        let diagonal = s.map(|s| map.slope(s));
        let pair = |k: usize| ((k + 1) % 3, (k + 2) % 3);
        let symmetric = Vector3::from_fn(|k, _| {
            let (i, j) = pair(k);
            difference_quotient(map, s[i], s[j], values[i], values[j])
        });
        let floor = P::of(VANISHING) * P::default_epsilon() * s[0].abs();
        let skew = Vector3::from_fn(|k, _| {
            let (i, j) = pair(k);
            if (s[i] + s[j]).abs() <= floor {
                (diagonal[i] + diagonal[j]) * P::of(0.5)
            } else {
                // That of the odd continuation, f(-s) = -f(s).
                difference_quotient(map, s[i], -s[j], values[i], -values[j])
            }
        });
        Self {
            diagonal,
            symmetric,
            skew,
        }
    }

    /// `U Y V^T`.
    #[inline]
    fn apply(&self, svd: &Svd<P>, df: &Matrix3<P>) -> Matrix3<P> {
        let m = svd.u.transpose() * df * svd.v;
        let half = P::of(0.5);
        let mut y = Matrix3::zeros();
        for k in 0..3 {
            let (i, j) = ((k + 1) % 3, (k + 2) % 3);
            y[(k, k)] = self.diagonal[k] * m[(k, k)];
            let symmetric = self.symmetric[k] * (m[(i, j)] + m[(j, i)]) * half;
            let skew = self.skew[k] * (m[(i, j)] - m[(j, i)]) * half;
            y[(i, j)] = symmetric + skew;
            y[(j, i)] = symmetric - skew;
        }
        svd.u * y * svd.v.transpose()
    }
}

/// `(f(a) - f(b)) / (a - b)`, or the mean of the slope where that is more accurate.
#[inline]
fn difference_quotient<P: Real, M: SingularMap<P>>(map: &M, a: P, b: P, fa: P, fb: P) -> P {
    let gap = a - b;
    if gap == P::zero() {
        return map.slope(a);
    }
    let quotient = (fa - fb) / gap;
    if gap.abs() > P::of(NARROW) * a.abs().max(b.abs()) {
        return quotient;
    }
    let mean = GAUSS.iter().fold(P::zero(), |sum, &(at, weight)| {
        sum + map.slope(b + gap * P::of(at)) * P::of(weight)
    });
    let rounding = quotient_rounding(fa, fb, gap);
    if (quotient - mean).abs() <= rounding {
        mean
    } else {
        quotient
    }
}

/// Bound of the rounding of `(f_a - f_b) / gap`.
#[inline]
fn quotient_rounding<P: Real>(fa: P, fb: P, gap: P) -> P {
    P::of(QUOTIENT_ROUNDING) * P::default_epsilon() * (fa.abs() + fb.abs()) / gap.abs()
}

#[cfg(test)]
mod tests;
