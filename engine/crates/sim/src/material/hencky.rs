//! Hencky's elasticity: the stress is linear in the logarithms of the principal stretches.

use backflow_diff::{
    Real,
    matrix::{Svd, svd},
};
use nalgebra::{Matrix3, Vector3};

use super::{Deformation, Elasticity, StressBar, fill};

/// Stretch that smaller ones, and those of inverted matter, count as: the logarithm is not
/// defined at zero. Its derivative is that of the side below, zero.
const LEAST: f64 = 1e-3;

/// `sinh(x) / x`.
#[inline]
pub(super) fn sinhc<P: Real>(x: P) -> P {
    if x.abs() > P::of(0.05) {
        return x.sinh() / x;
    }
    // The next term is below 1e-16.
    let y = x * x;
    let one = P::one();
    one + y / P::of(6.0) * (one + y / P::of(20.0) * (one + y / P::of(42.0)))
}

/// Principal stretches and their logarithms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Principal<P: Real> {
    /// `F = U diag(s) V^T`.
    pub svd: Svd<P>,
    /// Stretches, at least [`LEAST`].
    pub s: Vector3<P>,
    /// `ln s`.
    pub log: Vector3<P>,
    /// `d ln s / d s`: zero where a stretch is not what it counts as.
    pub slope: Vector3<P>,
}

impl<P: Real<Primal = P>> Principal<P> {
    #[inline]
    pub fn of(f: &Matrix3<P>) -> Self {
        let svd = svd(f);
        let least = P::of(LEAST);
        // NaN stays what it is.
        let s = svd.s.map(|s| if s < least { least } else { s });
        let slope = svd
            .s
            .map(|s| if s < least { P::zero() } else { P::one() / s });
        Self {
            svd,
            s,
            log: s.map(|s| s.ln()),
            slope,
        }
    }
}

/// `psi = mu |ln S|^2 + lambda/2 tr(ln S)^2` (Hencky 1928), so that with `F = U S V^T`
/// `tau = U (2 mu ln S + lambda tr(ln S) I) U^T`.
#[inline]
pub(super) fn stress<T: Real>(elasticity: &Elasticity<T>, strain: &Deformation<T>) -> Matrix3<T> {
    let f = strain.f();
    let principal = Principal::of(&f.map(T::primal));
    let Principal { svd, s, log, slope } = &principal;
    let (mu, lambda) = (elasticity.mu.primal(), elasticity.lambda.primal());
    let two = T::Primal::of(2.0);
    let tau = (log * (two * mu)).add_scalar(lambda * log.sum());
    let turn = |m: Matrix3<T::Primal>| svd.u * m * svd.u.transpose();
    let value = turn(Matrix3::from_diagonal(&tau));
    if !T::DUAL {
        return value.map(|value| T::from_parts(value, T::Primal::of(0.0)));
    }
    let m = svd.u.transpose() * f.map(T::tangent) * svd.v;
    let d_log = slope.component_mul(&m.diagonal());
    let (d_mu, d_lambda) = (elasticity.mu.tangent(), elasticity.lambda.tangent());
    let spherical = lambda * d_log.sum() + d_lambda * log.sum();
    let along = (d_log * (two * mu) + log * (two * d_mu)).add_scalar(spherical);
    let mut d_tau = Matrix3::from_diagonal(&along);
    for (i, j) in [(0, 1), (1, 2), (2, 0)] {
        let rate = turning(mu, s, log, i, j) * (s[j] * m[(i, j)] + s[i] * m[(j, i)]);
        d_tau[(i, j)] = rate;
        d_tau[(j, i)] = rate;
    }
    value.zip_map(&turn(d_tau), T::from_parts)
}

/// `(tau_j - tau_i) / (s_j^2 - s_i^2)`, by its limit where the stretches are equal.
#[inline]
fn turning<P: Real>(mu: P, s: &Vector3<P>, log: &Vector3<P>, i: usize, j: usize) -> P {
    mu / (s[i] * s[j] * sinhc(log[j] - log[i]))
}

/// Cotangents of [`stress`]; those of the parameters are of `mu` and `lambda`.
#[inline]
pub(super) fn stress_vjp<T: Real>(
    elasticity: &Elasticity<T>,
    strain: &Deformation<T>,
    stress_bar: &Matrix3<T>,
) -> StressBar<T, Deformation<T>> {
    let Principal { svd, s, log, slope } = Principal::of(&strain.f().map(T::primal));
    let (mu, lambda) = (elasticity.mu.primal(), elasticity.lambda.primal());
    let two = T::Primal::of(2.0);
    let b = svd.u.transpose() * stress_bar.map(T::primal) * svd.u;
    let along = (b.diagonal() * (two * mu)).add_scalar(lambda * b.trace());
    let mut m_bar = Matrix3::from_diagonal(&along.component_mul(&slope));
    for (i, j) in [(0, 1), (1, 2), (2, 0)] {
        let rate = turning(mu, &s, &log, i, j) * (b[(i, j)] + b[(j, i)]);
        m_bar[(i, j)] = rate * s[j];
        m_bar[(j, i)] = rate * s[i];
    }
    let plain = |value: T::Primal| of_value::<T>(value);
    StressBar {
        strain: Deformation::new(&(svd.u * m_bar * svd.v.transpose()).map(plain), T::zero()),
        gradient: Matrix3::zeros(),
        parameters: fill([
            plain(two * log.dot(&b.diagonal())),
            plain(b.trace() * log.sum()),
        ]),
    }
}

/// A cotangent. Second derivatives are not there: duals get NaN instead of a wrong tangent.
#[inline]
pub(super) fn of_value<T: Real>(value: T::Primal) -> T {
    T::from_parts(value, T::Primal::of(f64::NAN))
}
