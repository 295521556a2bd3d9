//! Weakly compressible Newtonian liquid.

use backflow_diff::Real;
use nalgebra::Matrix3;

use super::{Law, PARAMETERS, StressBar};
use crate::world::cast;

/// Pressure by Tait's equation of state (Cole 1948; Monaghan 1994, eq. 3.1) and a
/// Newtonian viscous stress under Stokes' hypothesis:
///
/// `p = K/gamma (J^-gamma - 1)`, `sigma = -p I + 2 eta dev(sym(grad v))`.
///
/// With `gamma = 1` the pressure is linear in the density, `p = K (rho/rho_0 - 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Liquid<T: Real> {
    /// Bulk modulus K (Pa).
    pub bulk_modulus: T,
    /// Shear viscosity eta (Pa s).
    pub viscosity: T,
    /// Exponent gamma of the equation of state (1): 1 is linear, 7 is water's.
    pub exponent: T,
    /// Whether an expanded liquid pulls; otherwise its pressure is never negative.
    pub tension: bool,
}

impl<T: Real> Liquid<T> {
    /// The same law in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Liquid<U> {
        Liquid {
            bulk_modulus: cast(self.bulk_modulus),
            viscosity: cast(self.viscosity),
            exponent: cast(self.exponent),
            tension: self.tension,
        }
    }

    /// Whether a volume ratio has no pressure because the liquid does not pull; at
    /// `J = 1` the derivative of the compressed side is taken.
    #[inline(always)]
    fn slack(&self, j: T) -> bool {
        !self.tension && j > T::one()
    }

    /// `J^-gamma`, without a power for the linear law.
    #[inline(always)]
    fn density_power(&self, j: T) -> T {
        if self.exponent == T::one() {
            T::one() / j
        } else {
            j.powf(-self.exponent)
        }
    }
}

/// `dev(sym(m))`.
#[inline(always)]
fn shear<T: Real>(m: &Matrix3<T>) -> Matrix3<T> {
    (m + m.transpose()) * T::of(0.5) - Matrix3::from_diagonal_element(m.trace() * T::of(1.0 / 3.0))
}

impl<T: Real> Law<T> for Liquid<T> {
    type Strain = T;

    /// `tau = -J p I + 2 eta J dev(sym(grad v))`.
    #[inline(always)]
    fn stress(&self, j: &T, gradient: &Matrix3<T>) -> Matrix3<T> {
        let pressure = if self.slack(*j) {
            T::zero()
        } else {
            self.bulk_modulus / self.exponent * (self.density_power(*j) - T::one())
        };
        let spherical = Matrix3::from_diagonal_element(-*j * pressure);
        if self.viscosity == T::zero() && !T::DUAL {
            return spherical;
        }
        spherical + shear(gradient) * (T::of(2.0) * self.viscosity * *j)
    }

    /// With `tau_p = -J p`: `d tau_p / dJ = K/gamma (1 + (gamma - 1) J^-gamma)`.
    #[inline(always)]
    fn stress_vjp(&self, j: &T, gradient: &Matrix3<T>, stress_bar: &Matrix3<T>) -> StressBar<T, T> {
        let (one, two) = (T::one(), T::of(2.0));
        let trace = stress_bar.trace();
        let (mut strain, mut bulk_bar) = (T::zero(), T::zero());
        if !self.slack(*j) {
            let power = self.density_power(*j);
            strain =
                trace * self.bulk_modulus / self.exponent * (one + (self.exponent - one) * power);
            bulk_bar = trace * *j * (one - power) / self.exponent;
        }
        let shear_bar = shear(stress_bar);
        let viscous = stress_bar.dot(&shear(gradient));
        strain += two * self.viscosity * viscous;
        StressBar {
            strain,
            gradient: shear_bar * (two * self.viscosity * *j),
            parameters: [bulk_bar, two * *j * viscous, T::zero()],
        }
    }

    #[inline(always)]
    fn project(&self, trial: &T) -> T {
        *trial
    }

    #[inline(always)]
    fn project_vjp(&self, _trial: &T, bar: &T) -> T {
        *bar
    }

    fn sound_speed(&self, density: T) -> T {
        (self.bulk_modulus / density).sqrt()
    }

    fn viscosity(&self) -> T {
        self.viscosity
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        *inner
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        &["bulk_modulus", "viscosity"]
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        [self.bulk_modulus, self.viscosity, T::zero()]
    }

    fn with_parameters(&self, [bulk_modulus, viscosity, _]: [T; PARAMETERS]) -> Self {
        Self {
            bulk_modulus,
            viscosity,
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::{
        super::tests::{assert_project_vjp, assert_stress_vjp, matrix},
        *,
    };

    fn laws() -> impl Iterator<Item = Liquid<f64>> {
        [(1.0, true), (7.0, true), (3.0, false)]
            .into_iter()
            .flat_map(|(exponent, tension)| {
                [0.0, 2.5].map(|viscosity| Liquid {
                    bulk_modulus: 2e4,
                    viscosity,
                    exponent,
                    tension,
                })
            })
    }

    proptest! {
        #[test]
        fn stress_vjp_is_the_transpose(
            j in (0.3..1.7_f64).prop_filter("not on the kink", |j| (j - 1.0).abs() > 1e-6),
            gradient in matrix(2.0),
            tangent in 0.1..1.0_f64,
            gradient_tangent in matrix(1.0),
            weights in matrix(1.0),
        ) {
            for law in laws() {
                let dual = law.cast::<Dual64>();
                let along = [&gradient_tangent, &weights];
                assert_stress_vjp(&law, &dual, &j, &gradient, &tangent, along);
                assert_project_vjp(&law, &dual, &j, [&tangent, &weights[0]]);
            }
        }

        #[test]
        fn viscosity_resists_shear_alone(gradient in matrix(2.0), rate in -2.0..2.0_f64) {
            for law in laws() {
                let stress = law.stress(&1.0, &gradient);
                prop_assert!(stress.trace().abs() <= 1e-12 * (1.0 + law.viscosity));
                // Power tau : grad v is never negative, and zero for a pure expansion.
                prop_assert!(stress.dot(&gradient) >= 0.0);
                let expansion = law.stress(&1.0, &Matrix3::from_diagonal_element(rate));
                prop_assert!(expansion.norm() <= 1e-12 * (1.0 + law.viscosity));
            }
        }
    }

    #[test]
    fn pressure_is_linear_in_the_density_for_an_exponent_of_one() {
        let law = Liquid {
            bulk_modulus: 2e4,
            viscosity: 0.0,
            exponent: 1.0,
            tension: true,
        };
        for density_ratio in [0.8, 1.0, 1.1, 1.5_f64] {
            let j = 1.0 / density_ratio;
            let pressure = -law.stress(&j, &Matrix3::zeros())[(0, 0)] / j;
            let expected = 2e4 * (density_ratio - 1.0);
            assert!((pressure - expected).abs() <= 1e-12 * 2e4);
        }
    }

    #[test]
    fn an_expanded_liquid_pulls_only_if_told_to() {
        for law in laws() {
            let mean = law.stress(&1.1, &Matrix3::zeros()).trace();
            assert_eq!(mean > 0.0, law.tension);
            assert_eq!(mean == 0.0, !law.tension);
            assert!(law.stress(&0.9, &Matrix3::zeros()).trace() < 0.0);
        }
    }

    #[test]
    fn at_the_end_of_tension_the_slope_of_the_compressed_side_is_taken() {
        let slack = Liquid {
            bulk_modulus: 2e4,
            viscosity: 0.0,
            exponent: 7.0,
            tension: false,
        };
        let pulling = Liquid {
            tension: true,
            ..slack
        };
        let (still, bar) = (Matrix3::zeros(), Matrix3::identity());
        let slope = |law: &Liquid<f64>, j| law.stress_vjp(&j, &still, &bar).strain;
        assert_eq!(slope(&slack, 1.0), slope(&pulling, 1.0));
        assert_eq!(slope(&slack, 1.0 + f64::EPSILON), 0.0);
    }

    #[test]
    fn sound_speed_is_that_of_the_stiffness() {
        for law in laws() {
            // rho c^2 = -J dp/dJ at J = 1, on the compressed side.
            let j = Dual64::new(1.0, 1.0);
            let stress = law.cast::<Dual64>().stress(&j, &Matrix3::zeros());
            let modulus = stress[(0, 0)].eps;
            let (density, speed) = (1000.0, law.sound_speed(1000.0));
            assert!((density * speed * speed - modulus).abs() <= 1e-12 * modulus);
        }
    }
}
