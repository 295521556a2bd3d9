//! Bounds of the principal stretches of a solid that flows beyond them.

use backflow_diff::{
    Real,
    matrix::{SingularMap, spectral, spectral_vjp, svd},
};
use nalgebra::{Matrix3, Vector3};

/// The principal stretches that are admitted: from `1 - compression` to `1 + extension`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StretchBox<T> {
    /// Least stretch (1).
    pub low: T,
    /// Greatest stretch (1).
    pub high: T,
}

/// Clamps a singular value; at the ends the inner derivative is taken.
struct Clamp<P> {
    low: P,
    high: P,
}

impl<P: Real> SingularMap<P> for Clamp<P> {
    fn value(&self, s: P) -> P {
        s.max(self.low).min(self.high)
    }

    fn slope(&self, s: P) -> P {
        if s < self.low || s > self.high {
            P::zero()
        } else {
            P::one()
        }
    }
}

impl<T: Real> StretchBox<T> {
    /// From critical compression and extension (1).
    pub fn new(compression: T, extension: T) -> Self {
        Self {
            low: T::one() - compression,
            high: T::one() + extension,
        }
    }

    fn clamp(&self) -> Clamp<T::Primal> {
        Clamp {
            low: self.low.primal(),
            high: self.high.primal(),
        }
    }

    /// `F = U clamp(S) V^T`.
    #[inline]
    pub fn project(&self, f: &Matrix3<T>) -> Matrix3<T> {
        let after = spectral(f, &self.clamp());
        let slopes = [self.low.tangent(), self.high.tangent()];
        if !T::DUAL || slopes == [T::Primal::of(0.0); 2] {
            return after;
        }
        let Clamp { low, high } = self.clamp();
        let svd = svd(&f.map(T::primal));
        let along = svd.s.map(|s| {
            if s < low {
                slopes[0]
            } else if s > high {
                slopes[1]
            } else {
                T::Primal::of(0.0)
            }
        });
        let along = svd.with_values(&along);
        let tangent = along.map(|slope| T::from_parts(T::Primal::of(0.0), slope));
        after + tangent
    }

    /// Cotangents of F, by divided differences (see [`spectral_vjp`]), and of critical
    /// compression and extension.
    #[inline]
    pub fn project_vjp(&self, f: &Matrix3<T>, bar: &Matrix3<T>) -> (Matrix3<T>, [T; 2]) {
        let Clamp { low, high } = self.clamp();
        let svd = svd(&f.map(T::primal));
        let along: Vector3<T::Primal> = (svd.u.transpose() * bar.map(T::primal) * svd.v).diagonal();
        let sum = |flowed: &dyn Fn(T::Primal) -> bool| {
            let terms = svd.s.iter().zip(along.iter());
            terms
                .filter(|(s, _)| flowed(**s))
                .fold(T::Primal::of(0.0), |sum, (_, bar)| sum + *bar)
        };
        let limits = [-sum(&|s| s < low), sum(&|s| s > high)];
        (
            spectral_vjp(f, &self.clamp(), bar),
            limits.map(super::hencky::of_value),
        )
    }
}
