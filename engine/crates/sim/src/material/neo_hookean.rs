//! Compressible neo-Hookean solid.

use backflow_diff::{Real, matrix::inverse_transpose};
use nalgebra::Matrix3;

use super::{Deformation, Elasticity, Law, PARAMETERS, StressBar, fill};

/// `psi = mu/2 (|F|^2 - 3) - mu ln J + lambda/2 ln^2 J`
/// (Bonet & Wood 2008, eq. 6.27).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeoHookean<T: Real> {
    /// Its elastic constants.
    pub elasticity: Elasticity<T>,
}

impl<T: Real> Law<T> for NeoHookean<T> {
    type Strain = Deformation<T>;

    /// `tau = mu (F F^T - I) + lambda ln J I`.
    #[inline(always)]
    fn stress(&self, strain: &Deformation<T>, _gradient: &Matrix3<T>) -> Matrix3<T> {
        let (f, Elasticity { mu, lambda, .. }) = (strain.f(), self.elasticity);
        let spherical = lambda * f.determinant().ln() - mu;
        (f * f.transpose()) * mu + Matrix3::from_diagonal_element(spherical)
    }

    /// `F_bar = mu (tau_bar + tau_bar^T) F + lambda tr(tau_bar) F^-T`.
    #[inline(always)]
    fn stress_vjp(
        &self,
        strain: &Deformation<T>,
        _gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        let (f, Elasticity { mu, lambda, .. }) = (strain.f(), self.elasticity);
        let trace = stress_bar.trace();
        let symmetric = stress_bar + stress_bar.transpose();
        let mu_bar = stress_bar.dot(&(f * f.transpose())) - trace;
        let lambda_bar = trace * f.determinant().ln();
        let f_bar = (symmetric * f) * mu + inverse_transpose(&f) * (lambda * trace);
        StressBar {
            strain: Deformation::new(&f_bar, T::zero()),
            gradient: Matrix3::zeros(),
            parameters: fill([mu_bar, lambda_bar]),
        }
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
        fill([young, poisson])
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        Elasticity::<T>::NAMES
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        fill([self.elasticity.young, self.elasticity.poisson])
    }

    fn with_parameters(&self, [young, poisson, ..]: [T; PARAMETERS]) -> Self {
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
        super::{Solid, testing::*},
        *,
    };

    fn law() -> Solid<f64> {
        Solid::NeoHookean(NeoHookean {
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
            assert_stress_vjp(&law, &dual, &strain(&f), &still, &strain(&tangent), [&weights, &weights]);
            assert_groups(&law, &others(&f));
            assert_project_vjp(&law, &dual, &strain(&f), [&strain(&tangent), &strain(&weights)]);
        }
    }

    #[test]
    fn stress_vjp_is_the_transpose_at_equal_stretches() {
        let (tangent, weights) = (rotation([0.4, 1.0, -0.3]), rotation([2.0, -0.1, 0.5]));
        let law = law();
        for f in degenerate() {
            let dual = law.cast::<Dual64>();
            let still = Matrix3::zeros();
            assert_stress_vjp(
                &law,
                &dual,
                &strain(&f),
                &still,
                &strain(&tangent),
                [&weights, &weights],
            );
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
    fn stress_grows_without_bound_as_the_volume_vanishes() {
        let stress = |j: f64| {
            let f = Matrix3::from_diagonal_element(j.cbrt());
            stress(&law(), &strain(&f)).trace()
        };
        assert!(stress(1e-3) < stress(1e-2) && stress(1e-2) < stress(0.9));
        assert!(stress(0.9) < 0.0 && stress(1.1) > 0.0);
    }
}
