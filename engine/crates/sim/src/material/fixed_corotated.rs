//! Fixed corotated elastic solid.

use backflow_diff::{
    Real,
    lanes::{Lanes, WIDTH},
    matrix::{cofactor, polar_lanes, polar_vjp},
};
use nalgebra::Matrix3;

use super::{Elasticity, Law, PARAMETERS, StressBar};

/// `psi = mu |F - R|^2 + lambda/2 (J - 1)^2` with `R` the polar rotation of `F`
/// (Stomakhin et al. 2012, eq. 6).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedCorotated<T: Real> {
    /// Its elastic constants.
    pub elasticity: Elasticity<T>,
}

impl<T: Real> Law<T> for FixedCorotated<T> {
    type Strain = Matrix3<T>;
    type Factor = Matrix3<T>;

    /// The polar rotations.
    #[inline(always)]
    fn factors<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        strains: &[Matrix3<T>; WIDTH],
    ) -> [Matrix3<T>; WIDTH] {
        polar_lanes::<T, L>(isa, strains)
    }

    /// `tau = 2 mu (F - R) F^T + lambda J (J - 1) I`.
    #[inline(always)]
    fn stress(&self, f: &Matrix3<T>, rotation: &Matrix3<T>, _gradient: &Matrix3<T>) -> Matrix3<T> {
        let Elasticity { mu, lambda, .. } = self.elasticity;
        let j = f.determinant();
        ((f - rotation) * f.transpose()) * (T::of(2.0) * mu)
            + Matrix3::from_diagonal_element(lambda * j * (j - T::one()))
    }

    /// `F_bar = 2 mu (tau_bar F + tau_bar^T (F - R)) + R_bar dR/dF + lambda (2J - 1) tr(tau_bar) cof F`
    /// with `R_bar = -2 mu tau_bar F`.
    #[inline(always)]
    fn stress_vjp(
        &self,
        f: &Matrix3<T>,
        rotation: &Matrix3<T>,
        _gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Matrix3<T>> {
        let Elasticity { mu, lambda, .. } = self.elasticity;
        let (two, one) = (T::of(2.0), T::one());
        let (j, trace) = (f.determinant(), stress_bar.trace());
        let stretch = f - rotation;
        let along = (stress_bar * f) * (two * mu);
        let strain = along
            + (stress_bar.transpose() * stretch) * (two * mu)
            + polar_vjp(f, rotation, &-along)
            + cofactor(f) * (lambda * (two * j - one) * trace);
        StressBar {
            strain,
            gradient: Matrix3::zeros(),
            parameters: [
                two * stress_bar.dot(&(stretch * f.transpose())),
                trace * j * (j - one),
                T::zero(),
            ],
        }
    }

    #[inline(always)]
    fn project(&self, trial: &Matrix3<T>) -> Matrix3<T> {
        *trial
    }

    #[inline(always)]
    fn project_vjp(&self, _trial: &Matrix3<T>, bar: &Matrix3<T>) -> Matrix3<T> {
        *bar
    }

    fn sound_speed(&self, density: T) -> T {
        self.elasticity.sound_speed(density)
    }

    #[inline(always)]
    fn viscosity(&self) -> T {
        T::zero()
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        let [young, poisson] = self.elasticity.parameters_vjp(inner[0], inner[1]);
        [young, poisson, 0.0]
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        Elasticity::<T>::NAMES
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        [self.elasticity.young, self.elasticity.poisson, T::zero()]
    }

    fn with_parameters(&self, [young, poisson, _]: [T; PARAMETERS]) -> Self {
        Self {
            elasticity: Elasticity::new(young, poisson),
        }
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::{
        super::{Solid, tests::*},
        *,
    };

    fn law() -> Solid<f64> {
        Solid::FixedCorotated(FixedCorotated {
            elasticity: Elasticity::new(2.0, 0.3),
        })
    }

    proptest! {
        #[test]
        fn stress_vjp_is_the_transpose(
            f in deformation(),
            tangent in matrix(1.0),
            weights in matrix(1.0),
        ) {
            let (law, still) = (law(), Matrix3::zeros());
            let dual = law.cast::<Dual64>();
            assert_stress_vjp(&law, &dual, &f, &still, &tangent, [&weights, &weights]);
            assert_project_vjp(&law, &dual, &f, [&tangent, &weights]);
        }
    }

    #[test]
    fn stress_vjp_is_the_transpose_at_equal_stretches() {
        let (tangent, weights) = (rotation([0.4, 1.0, -0.3]), rotation([2.0, -0.1, 0.5]));
        let law = law();
        for f in degenerate() {
            let dual = law.cast::<Dual64>();
            let still = Matrix3::zeros();
            assert_stress_vjp(&law, &dual, &f, &still, &tangent, [&weights, &weights]);
        }
    }

    #[test]
    fn sound_speed_is_that_of_the_stiffness() {
        let (law, density) = (law(), 800.0);
        let speed = law.sound_speed(density);
        let modulus = wave_modulus(&law.cast::<Dual64>());
        assert!((density * speed * speed - modulus).abs() <= 1e-12 * modulus);
    }

    #[test]
    fn stress_is_that_of_the_stretch_alone() {
        // Along the principal axes P_i = 2 mu (s_i - 1) + lambda (J - 1) J / s_i.
        let law = law();
        let Elasticity { mu, lambda, .. } = Elasticity::new(2.0, 0.3);
        let (u, v) = (rotation([0.3, -1.1, 0.7]), rotation([-0.8, 0.2, 1.9]));
        let s = nalgebra::Vector3::new(0.8, 1.1, 1.4);
        let j: f64 = s.product();
        let principal = s.map(|s| 2.0 * mu * (s - 1.0) * s + lambda * (j - 1.0) * j);
        let f = u * Matrix3::from_diagonal(&s) * v.transpose();
        let expected = u * Matrix3::from_diagonal(&principal) * u.transpose();
        let stress = stress(&law, &f);
        assert!((stress - expected).norm() <= 1e-12 * expected.norm());
    }
}
