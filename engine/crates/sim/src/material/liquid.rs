//! Weakly compressible Newtonian liquid.

use backflow_diff::Real;
use nalgebra::Matrix3;

use super::{Law, PARAMETERS, StressBar, fill};
use crate::world::cast;

/// Pressure by Tait's equation of state (Cole 1948; Monaghan 1994, eq. 3.1) and a
/// Newtonian viscous stress under Stokes' hypothesis:
///
/// `p = K/gamma (J^-gamma - 1)`, `sigma = -p I + 2 eta dev(sym(grad v))`.
///
/// A liquid that does not pull has `p = K ramp(q)` with `q = (J^-gamma - 1) / gamma`: `ramp`
/// is zero below 0 and `q - 1e-3` above 2e-3, with a parabola between, so that the stress has a derivative everywhere; matter in free fall sits at `q = 0`. Where it
/// is slack, a particle stands for drops of undeformed liquid with gaps between: its
/// viscous stress acts in the volume `1 - ramp(1 - J)` instead of `J`.
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

    /// Compression that the pressure answers to, and its slope: `q` itself or its ramp.
    #[inline(always)]
    fn pressed(&self, q: T) -> (T, T) {
        if self.tension { (q, T::one()) } else { ramp(q) }
    }

    /// Volume of the liquid itself in units of the undeformed volume, and its slope.
    #[inline(always)]
    fn matter(&self, j: T) -> (T, T) {
        if self.tension {
            return (j, T::one());
        }
        let (missing, slope) = ramp(T::one() - j);
        (T::one() - missing, slope)
    }

    /// `J p` (Pa).
    #[inline(always)]
    fn kirchhoff_pressure(&self, j: T) -> T {
        let (pressed, _) = self.pressed((self.density_power(j) - T::one()) / self.exponent);
        j * self.bulk_modulus * pressed
    }

    /// `J^-gamma`, by products where gamma is a small whole number: a power would be a call in
    /// the loop over the particles.
    #[inline(always)]
    fn density_power(&self, j: T) -> T {
        let density = T::one() / j;
        let mut left = self.exponent.trunc_index();
        if !(1..=MOST_PRODUCTS).contains(&left) || T::of(f64::from(left)) != self.exponent {
            return any_power(density, self.exponent);
        }
        let (mut power, mut square) = (T::one(), density);
        while left > 0 {
            if left % 2 == 1 {
                power *= square;
            }
            square *= square;
            left /= 2;
        }
        power
    }
}

/// Largest exponent whose power is taken by products.
const MOST_PRODUCTS: i32 = 15;

/// `base^exponent`, away from loops that hold their numbers in registers.
#[cold]
#[inline(never)]
fn any_power<T: Real>(base: T, exponent: T) -> T {
    base.powf(exponent)
}

/// Half width of the onset of pressure in a liquid that does not pull (1): a compression
/// far below that of liquids at rest, so that it is not seen.
const ONSET: f64 = 1e-3;

/// `max(q - ONSET, 0)` with a parabola for `0 < q < 2 ONSET`, and its slope.
#[inline(always)]
fn ramp<T: Real>(q: T) -> (T, T) {
    let onset = T::of(ONSET);
    if q <= T::zero() {
        (T::zero(), T::zero())
    } else if q >= onset + onset {
        (q - onset, T::one())
    } else {
        let slope = q / (onset + onset);
        (q * slope * T::of(0.5), slope)
    }
}

/// `dev(sym(m))`.
#[inline(always)]
fn shear<T: Real>(m: &Matrix3<T>) -> Matrix3<T> {
    (m + m.transpose()) * T::of(0.5) - Matrix3::from_diagonal_element(m.trace() * T::of(1.0 / 3.0))
}

impl<T: Real> Law<T> for Liquid<T> {
    type Strain = T;
    const GROUPED: bool = false;

    #[inline(always)]
    fn pressure(&self, j: &T) -> Option<T> {
        (!self.is_viscous()).then(|| self.kirchhoff_pressure(*j))
    }

    /// `tau = -J p I + 2 eta m dev(sym(grad v))` with `m = J`, or the liquid's own volume.
    #[inline(always)]
    fn stress(&self, j: &T, gradient: &Matrix3<T>) -> Matrix3<T> {
        let spherical = Matrix3::from_diagonal_element(-self.kirchhoff_pressure(*j));
        let (matter, _) = self.matter(*j);
        spherical + shear(gradient) * (T::of(2.0) * self.viscosity * matter)
    }

    /// With `tau_p = -J K r(q)` and `dq/dJ = -J^(-gamma - 1)`:
    /// `d tau_p / dJ = -K (r - r' J^-gamma)`.
    #[inline(always)]
    fn stress_vjp(&self, j: &T, gradient: &Matrix3<T>, stress_bar: &Matrix3<T>) -> StressBar<T, T> {
        let two = T::of(2.0);
        let trace = stress_bar.trace();
        let power = self.density_power(*j);
        let (pressed, slope) = self.pressed((power - T::one()) / self.exponent);
        let (matter, matter_slope) = self.matter(*j);
        // 2 stress_bar : dev(sym(grad v)).
        let viscous = stress_bar.dot(gradient) + stress_bar.tr_dot(gradient)
            - trace * gradient.trace() * T::of(2.0 / 3.0);
        let gradient_bar = if self.is_viscous() {
            shear(stress_bar) * (two * self.viscosity * matter)
        } else {
            Matrix3::zeros()
        };
        StressBar {
            strain: -trace * self.bulk_modulus * (pressed - slope * power)
                + self.viscosity * viscous * matter_slope,
            gradient: gradient_bar,
            parameters: fill([-trace * *j * pressed, matter * viscous]),
        }
    }

    fn sound_speed(&self, density: T) -> T {
        (self.bulk_modulus / density).sqrt()
    }

    #[inline(always)]
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
        fill([self.bulk_modulus, self.viscosity])
    }

    fn with_parameters(&self, [bulk_modulus, viscosity, ..]: [T; PARAMETERS]) -> Self {
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
        super::testing::{assert_project_vjp, assert_stress_vjp, matrix},
        *,
    };

    fn laws() -> impl Iterator<Item = Liquid<f64>> {
        [(1.0, true), (7.0, true), (3.0, false), (4.5, true)]
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
    fn powers_by_products_are_powers() {
        for exponent in [1.0, 2.0, 3.0, 7.0, 15.0, 16.0, 0.5, 1.4] {
            let law = Liquid {
                bulk_modulus: 1.0,
                viscosity: 0.0,
                exponent,
                tension: true,
            };
            for j in [0.5, 0.97, 1.0, 1.6_f64] {
                let expected = j.powf(-exponent);
                // A handful of products, each rounded.
                assert!((law.density_power(j) - expected).abs() <= 1e-14 * expected);
            }
        }
    }

    #[test]
    fn a_pressure_is_all_of_the_stress_and_only_viscous_liquids_have_none() {
        let gradient = Matrix3::new(0.3, -0.7, 0.5, 0.9, 0.2, -0.4, -0.3, 0.6, -0.8);
        // Compressed, in the onset of pressure, undeformed, expanded.
        for (law, j) in laws().flat_map(|law| [0.7, 0.9995, 1.0, 1.1].map(|j| (law, j))) {
            let stress = law.stress(&j, &gradient);
            match law.pressure(&j) {
                Some(p) => assert_eq!(stress, Matrix3::from_diagonal_element(-p), "{law:?}"),
                None => assert!(law.is_viscous(), "{law:?}"),
            }
            assert_eq!(law.is_viscous(), law.viscosity != 0.0);
            // A dual whose viscosity is zero may have a tangent in it.
            let (dual, j) = (law.cast::<Dual64>(), Dual64::from(j));
            assert!(dual.is_viscous() && dual.pressure(&j).is_none());
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
    fn the_onset_of_pressure_has_a_continuous_slope() {
        let law = Liquid {
            bulk_modulus: 2e4,
            viscosity: 3.0,
            exponent: 7.0,
            tension: false,
        };
        let (shearing, bar) = (
            Matrix3::from_fn(|i, j| (i + 2 * j) as f64),
            Matrix3::identity(),
        );
        let bar = bar + Matrix3::from_fn(|i, j| if i == j { 0.0 } else { 0.5 });
        let slope = |j: f64| law.stress_vjp(&j, &shearing, &bar).strain;
        for edge in [0.0, 2.0 * ONSET] {
            // q = (J^-7 - 1) / 7 for the pressure, 1 - J for the volume of the liquid.
            for j in [(1.0_f64 + 7.0 * edge).powf(-1.0 / 7.0), 1.0 - edge] {
                let step = 1e-9;
                let jump = (slope(j + step) - slope(j - step)).abs();
                assert!(jump < 1e-3 * law.bulk_modulus, "{jump} at {j}");
            }
        }
        assert_eq!(
            law.stress(&(1.0 + 2.0 * ONSET), &Matrix3::zeros()),
            Matrix3::zeros()
        );
    }

    #[test]
    fn sound_speed_is_that_of_the_stiffness() {
        // A liquid that does not pull is as stiff only above the onset of its pressure.
        for law in laws().filter(|law| law.tension) {
            // rho c^2 = -J dp/dJ at J = 1.
            let j = Dual64::new(1.0, 1.0);
            let stress = law.cast::<Dual64>().stress(&j, &Matrix3::zeros());
            let modulus = stress[(0, 0)].eps;
            let (density, speed) = (1000.0, law.sound_speed(1000.0));
            assert!((density * speed * speed - modulus).abs() <= 1e-12 * modulus);
        }
    }
}
