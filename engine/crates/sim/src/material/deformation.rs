//! What solids remember of their deformation.

use backflow_diff::{
    Real,
    lanes::{
        Lanes, Stored,
        columns::{pack, times, transpose, unpack},
    },
};
use nalgebra::Matrix3;

use super::Strain;
use crate::{particle::Motion, world::cast};

/// Lane of the history variable; the lanes before it are zero, the entries of F follow.
const HISTORY: usize = 6;

/// Deformation gradient F (1) of a particle and one number that a law may keep of its past,
/// such as its plastic strain; zero at the start. Or the cotangents of both.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(transparent)]
pub struct Deformation<T>(Stored<T>);

impl<T: Real> Deformation<T> {
    /// From its parts.
    #[inline(always)]
    pub fn new(f: &Matrix3<T>, history: T) -> Self {
        let mut deformation = Self(Stored::zero());
        deformation.set_f(f);
        deformation.0.0[HISTORY] = history;
        deformation
    }

    /// Deformation gradient (1).
    #[inline(always)]
    pub fn f(&self) -> Matrix3<T> {
        self.0.matrix()
    }

    /// Sets the deformation gradient.
    #[inline(always)]
    pub fn set_f(&mut self, f: &Matrix3<T>) {
        self.0.set_matrix(f);
    }

    /// What the law keeps of the past.
    #[inline(always)]
    pub fn history(&self) -> T {
        self.0.0[HISTORY]
    }

    /// Both in memory.
    #[inline(always)]
    pub(super) fn record(&self) -> &Stored<T> {
        &self.0
    }

    /// From memory; the first lanes are to be zero.
    #[inline(always)]
    pub(super) fn of_record(record: Stored<T>) -> Self {
        Self(record)
    }

    /// The same in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Deformation<U> {
        Deformation(Stored(self.0.0.map(cast)))
    }
}

/// The time step where a matrix in columns has its entries.
#[inline(always)]
fn within_columns<T: Real, L: Lanes<T>>(isa: L::Isa, dt: T) -> L {
    let (o, h) = (T::zero(), dt);
    L::load(isa, &[o, o, o, o, h, h, h, o, h, h, h, o, h, h, h, o])
}

impl<T: Real> Strain<T> for Deformation<T> {
    const COMPONENTS: usize = 10;

    #[inline(always)]
    fn undeformed() -> Self {
        Self::new(&Matrix3::identity(), T::zero())
    }

    #[inline(always)]
    fn zero() -> Self {
        Self(Stored::zero())
    }

    /// `F <- (I + dt grad v) F`.
    #[inline(always)]
    fn advance(&self, gradient: &Matrix3<T>, dt: T) -> Self {
        let f = self.f();
        Self::new(&(f + (gradient * f) * dt), self.history())
    }

    #[inline(always)]
    fn advance_vjp(&self, gradient: &Matrix3<T>, dt: T, bar: &Self) -> (Self, Matrix3<T>) {
        let f_bar = bar.f();
        (
            Self::new(
                &(f_bar + (gradient.transpose() * f_bar) * dt),
                bar.history(),
            ),
            (f_bar * self.f().transpose()) * dt,
        )
    }

    #[inline(always)]
    fn advance_lanes<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        _motion: &Motion<T>,
        lanes: L,
        dt: T,
    ) -> Self {
        let f: L = unpack(self.0.lanes(isa));
        let change = times(unpack(lanes), f);
        let mut after = Stored::zero();
        after.put(pack(change.mul_add(within_columns(isa, dt), f)));
        Self(after)
    }

    #[inline(always)]
    fn advance_vjp_lanes<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        _motion: &Motion<T>,
        lanes: L,
        dt: T,
        bar: &Self,
    ) -> (Self, L) {
        let (f, bar): (L, L) = (unpack(self.0.lanes(isa)), unpack(bar.0.lanes(isa)));
        let step = within_columns(isa, dt);
        let along = times(transpose(unpack(lanes)), bar);
        let mut strain_bar = Stored::zero();
        strain_bar.put(pack(along.mul_add(step, bar)));
        (Self(strain_bar), times(bar, transpose(f)).mul(step))
    }

    #[inline(always)]
    fn plus(&self, other: &Self) -> Self {
        let mut sum = *self;
        for (sum, other) in sum.0.0.iter_mut().zip(other.0.0) {
            *sum += other;
        }
        sum
    }

    fn components(&self) -> &[T] {
        &self.0.0[HISTORY..]
    }

    fn components_mut(&mut self) -> &mut [T] {
        &mut self.0.0[HISTORY..]
    }

    fn measure(&self) -> &[T] {
        self.0.entries()
    }

    fn measure_mut(&mut self) -> &mut [T] {
        self.0.entries_mut()
    }
}

#[cfg(test)]
mod tests {
    use backflow_diff::lanes::{Kernel, Portable};
    use nalgebra::Vector3;
    use proptest::prelude::*;

    use super::{
        super::testing::{deformation, matrix},
        *,
    };

    /// What lanes make of a strain, a velocity gradient and a cotangent, as
    /// [`Strain::advance`] and [`Strain::advance_vjp`] return it.
    #[derive(Clone, Copy)]
    struct Advanced([Deformation<f64>; 2], Motion<f64>, f64);

    impl Kernel<f64> for Advanced {
        type Output = (Deformation<f64>, Deformation<f64>, Matrix3<f64>);

        #[inline(always)]
        fn run<L: Lanes<f64>>(self, isa: L::Isa) -> Self::Output {
            let Self([strain, bar], motion, dt) = self;
            let lanes = L::load(isa, motion.lanes());
            let after = strain.advance_lanes::<L>(isa, &motion, lanes, dt);
            let (strain_bar, columns) =
                strain.advance_vjp_lanes::<L>(isa, &motion, lanes, dt, &bar);
            let mut gradient_bar = Stored::zero();
            gradient_bar.put(pack(columns));
            (after, strain_bar, gradient_bar.matrix())
        }
    }

    proptest! {
        #[test]
        fn lanes_advance_as_the_formula_does(
            f in deformation(),
            gradient in matrix(3.0),
            f_bar in matrix(1.0),
        ) {
            let (strain, bar) = (Deformation::new(&f, 0.3), Deformation::new(&f_bar, -0.8));
            let (x, v) = (Vector3::new(1.0, 2.0, 3.0), Vector3::new(-4.0, 5.0, 6.0));
            let motion = Motion::new(&x, &v, &gradient);
            let dt = 0.2;
            let expected = strain.advance(&gradient, dt);
            let (strain_bar, gradient_bar) = strain.advance_vjp(&gradient, dt, &bar);
            let kernel = Advanced([strain, bar], motion, dt);
            for found in [kernel.run::<Portable<f64>>(()), f64::launch(kernel)] {
                let near = |a: &Deformation<f64>, b: &Deformation<f64>| {
                    (a.f() - b.f()).norm() <= 1e-14 * (1.0 + b.f().norm())
                        && a.history() == b.history()
                        && a.record().0[..HISTORY] == [0.0; HISTORY]
                };
                prop_assert!(near(&found.0, &expected));
                prop_assert!(near(&found.1, &strain_bar));
                prop_assert!((found.2 - gradient_bar).norm() <= 1e-14 * (1.0 + gradient_bar.norm()));
            }
        }
    }

    #[test]
    fn parts_come_back_as_they_were() {
        let f = Matrix3::new(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0);
        let mut strain = Deformation::new(&f, 0.25);
        assert_eq!((strain.f(), strain.history()), (f, 0.25));
        assert_eq!(
            strain.components(),
            [0.25, 1.0, 4.0, 7.0, 2.0, 5.0, 8.0, 3.0, 6.0, 9.0]
        );
        assert_eq!(strain.measure(), f.as_slice());
        strain.set_f(&f.transpose());
        assert_eq!((strain.f(), strain.history()), (f.transpose(), 0.25));
        assert_eq!(strain.cast::<f32>().cast::<f64>(), strain);
    }
}
