//! How the deformation of a particle is remembered.

use backflow_diff::Real;
use nalgebra::Matrix3;

/// How the deformation of a particle is remembered: a volume ratio or a gradient.
pub trait Strain<T: Real>: Copy + Send + Sync + std::fmt::Debug + PartialEq + 'static {
    /// Numbers that it has.
    const COMPONENTS: usize;

    /// The undeformed state.
    fn undeformed() -> Self;

    /// The zero cotangent.
    fn zero() -> Self;

    /// The strain after a step `dt` with velocity gradient `gradient` (1/s).
    fn advance(&self, gradient: &Matrix3<T>, dt: T) -> Self;

    /// Cotangents of the strain and of the velocity gradient of [`Strain::advance`].
    fn advance_vjp(&self, gradient: &Matrix3<T>, dt: T, bar: &Self) -> (Self, Matrix3<T>);

    /// Sum of two cotangents.
    fn plus(&self, other: &Self) -> Self;

    /// The components, column by column.
    fn components(&self) -> &[T];

    /// The components, column by column.
    fn components_mut(&mut self) -> &mut [T];
}

/// Liquids remember their volume ratio `J` alone.
impl<T: Real> Strain<T> for T {
    const COMPONENTS: usize = 1;

    #[inline(always)]
    fn undeformed() -> Self {
        T::one()
    }

    #[inline(always)]
    fn zero() -> Self {
        T::zero()
    }

    /// `J <- J (1 + dt tr(grad v))`.
    #[inline(always)]
    fn advance(&self, gradient: &Matrix3<T>, dt: T) -> Self {
        *self * (T::one() + dt * gradient.trace())
    }

    #[inline(always)]
    fn advance_vjp(&self, gradient: &Matrix3<T>, dt: T, bar: &Self) -> (Self, Matrix3<T>) {
        (
            *bar * (T::one() + dt * gradient.trace()),
            Matrix3::from_diagonal_element(*bar * *self * dt),
        )
    }

    #[inline(always)]
    fn plus(&self, other: &Self) -> Self {
        *self + *other
    }

    fn components(&self) -> &[T] {
        std::slice::from_ref(self)
    }

    fn components_mut(&mut self) -> &mut [T] {
        std::slice::from_mut(self)
    }
}

/// Solids remember the deformation gradient `F`.
impl<T: Real> Strain<T> for Matrix3<T> {
    const COMPONENTS: usize = 9;

    #[inline(always)]
    fn undeformed() -> Self {
        Self::identity()
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::zeros()
    }

    /// `F <- (I + dt grad v) F`.
    #[inline(always)]
    fn advance(&self, gradient: &Matrix3<T>, dt: T) -> Self {
        self + (gradient * self) * dt
    }

    #[inline(always)]
    fn advance_vjp(&self, gradient: &Matrix3<T>, dt: T, bar: &Self) -> (Self, Matrix3<T>) {
        (
            bar + (gradient.transpose() * bar) * dt,
            (bar * self.transpose()) * dt,
        )
    }

    #[inline(always)]
    fn plus(&self, other: &Self) -> Self {
        self + other
    }

    fn components(&self) -> &[T] {
        self.as_slice()
    }

    fn components_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}
