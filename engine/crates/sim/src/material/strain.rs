//! How the deformation of a particle is remembered.

use backflow_diff::{
    Real,
    lanes::{Lanes, columns::columns},
};
use nalgebra::Matrix3;

use crate::particle::Motion;

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

    /// [`Strain::advance`] by the velocity gradient of `motion`, whose lanes are `lanes`.
    #[inline(always)]
    fn advance_lanes<L: Lanes<T>>(
        &self,
        _isa: L::Isa,
        motion: &Motion<T>,
        _lanes: L,
        dt: T,
    ) -> Self {
        self.advance(&motion.c(), dt)
    }

    /// [`Strain::advance_vjp`] by the velocity gradient of `motion`, whose lanes are `lanes`;
    /// the cotangent of that as its columns.
    #[inline(always)]
    fn advance_vjp_lanes<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        motion: &Motion<T>,
        _lanes: L,
        dt: T,
        bar: &Self,
    ) -> (Self, L) {
        let (strain_bar, gradient_bar) = self.advance_vjp(&motion.c(), dt, bar);
        (strain_bar, columns(isa, &gradient_bar))
    }

    /// Sum of two cotangents.
    fn plus(&self, other: &Self) -> Self;

    /// The components: what is kept of the past, then the measure column by column.
    fn components(&self) -> &[T];

    /// The same.
    fn components_mut(&mut self) -> &mut [T];

    /// The components without those that a law keeps of the past: J, or F column by column.
    fn measure(&self) -> &[T] {
        self.components()
    }

    /// The same.
    fn measure_mut(&mut self) -> &mut [T] {
        self.components_mut()
    }
}

/// Largest volume ratio of a liquid (1). A drop that flies alone keeps its velocity gradient, and
/// with it grows without end, until its ratio is no number any more; a thousand times its volume
/// is as good as alone.
const ALONE: f64 = 1e3;

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

    /// `J <- min(J (1 + dt tr(grad v)), 1e3)`. At the kink the derivative of what grows is taken.
    #[inline(always)]
    fn advance(&self, gradient: &Matrix3<T>, dt: T) -> Self {
        let grown = *self * (T::one() + dt * gradient.trace());
        if grown > T::of(ALONE) {
            T::of(ALONE)
        } else {
            grown
        }
    }

    #[inline(always)]
    fn advance_vjp(&self, gradient: &Matrix3<T>, dt: T, bar: &Self) -> (Self, Matrix3<T>) {
        let growth = T::one() + dt * gradient.trace();
        if *self * growth > T::of(ALONE) {
            return (T::zero(), Matrix3::zeros());
        }
        (
            *bar * growth,
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

#[cfg(test)]
mod tests {
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::{
        super::{Deformation, testing::*},
        *,
    };

    fn assert_advance_vjp<S: Strain<f64>, D: Strain<Dual64>>(
        strain: &S,
        gradient: &Matrix3<f64>,
        [tangent, weights]: [&S; 2],
        gradient_tangent: &Matrix3<f64>,
    ) {
        let dt = 0.3;
        let (strain_bar, gradient_bar) = strain.advance_vjp(gradient, dt, weights);
        let steady = gradient.map(Dual64::from);
        let after = lift::<S, D>(strain, tangent).advance(&steady, Dual64::from(dt));
        let backward = inner(&strain_bar, tangent);
        assert_transpose(&tangents(&after), weights.components(), backward, "strain");
        let moving = gradient.zip_map(gradient_tangent, Dual64::new);
        let after = lift::<S, D>(strain, &S::zero()).advance(&moving, Dual64::from(dt));
        let backward = gradient_bar.dot(gradient_tangent);
        assert_transpose(
            &tangents(&after),
            weights.components(),
            backward,
            "gradient",
        );
    }

    proptest! {
        #[test]
        fn advance_vjp_is_the_transpose(
            f in deformation(),
            gradient in matrix(1.0),
            tangent in matrix(1.0),
            weights in matrix(1.0),
            gradient_tangent in matrix(1.0),
        ) {
            let along = &gradient_tangent;
            let solid = [&Deformation::new(&tangent, 0.7), &Deformation::new(&weights, -0.4)];
            let before = Deformation::new(&f, 0.3);
            assert_advance_vjp::<_, Deformation<Dual64>>(&before, &gradient, solid, along);
            let (j, tangent, weights) = (f[0], tangent[0], weights[0]);
            for j in [j, 2.0 * ALONE] {
                assert_advance_vjp::<_, Dual64>(&j, &gradient, [&tangent, &weights], along);
            }
        }

        #[test]
        fn a_drop_that_grows_for_ever_keeps_a_number(rate in 0.1..1e3_f64) {
            let gradient = Matrix3::from_diagonal_element(rate as f32);
            let mut j = 1.0_f32;
            for _ in 0..20_000 {
                j = j.advance(&gradient, 1e-2);
            }
            prop_assert_eq!(j, ALONE as f32);
        }

        #[test]
        fn volume_ratio_follows_the_determinant_to_first_order(
            f in deformation(),
            gradient in matrix(1.0),
        ) {
            // d det((I + dt grad v) F) = det F tr(grad v) dt.
            let dt = Dual64::new(0.0, 1.0);
            let (gradient, f) = (gradient.map(Dual64::from), f.map(Dual64::from));
            let j = f.determinant().advance(&gradient, dt);
            let after = Deformation::new(&f, Dual64::from(0.0)).advance(&gradient, dt);
            let change = after.f().determinant() - j;
            prop_assert!(change.re.abs() <= 1e-14 && change.eps.abs() <= 1e-12);
        }
    }
}
