//! Young's modulus and Poisson's ratio, and the Lame constants that stresses use.

use backflow_diff::Real;

use crate::world::cast;

/// An isotropic linear elasticity by both of its usual pairs of constants.
///
/// `mu = E / (2 (1 + nu))`, `lambda = E nu / ((1 + nu)(1 - 2 nu))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elasticity<T: Real> {
    /// Young's modulus E (Pa).
    pub young: T,
    /// Poisson's ratio nu (1), in (-1, 0.5).
    pub poisson: T,
    /// Shear modulus mu (Pa).
    pub mu: T,
    /// Lame's first constant lambda (Pa).
    pub lambda: T,
}

impl<T: Real> Elasticity<T> {
    /// Names of the parameters, in the order of [`Elasticity::parameters_vjp`].
    pub const NAMES: &'static [&'static str] = &["young", "poisson"];

    /// From Young's modulus (Pa) and Poisson's ratio.
    pub fn new(young: T, poisson: T) -> Self {
        let (one, two) = (T::one(), T::of(2.0));
        Self {
            young,
            poisson,
            mu: young / (two * (one + poisson)),
            lambda: young * poisson / ((one + poisson) * (one - two * poisson)),
        }
    }

    /// The same constants in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Elasticity<U> {
        Elasticity {
            young: cast(self.young),
            poisson: cast(self.poisson),
            mu: cast(self.mu),
            lambda: cast(self.lambda),
        }
    }

    /// Cotangents of (E, nu) from those of (mu, lambda).
    pub fn parameters_vjp(&self, mu_bar: f64, lambda_bar: f64) -> [f64; 2] {
        let (young, poisson) = (self.young.to_f64(), self.poisson.to_f64());
        let (plus, minus) = (1.0 + poisson, 1.0 - 2.0 * poisson);
        let young_bar = mu_bar / (2.0 * plus) + lambda_bar * poisson / (plus * minus);
        let poisson_bar = -mu_bar * young / (2.0 * plus * plus)
            + lambda_bar * young * (1.0 + 2.0 * poisson * poisson) / (plus * plus * minus * minus);
        [young_bar, poisson_bar]
    }

    /// Speed of pressure waves `sqrt((lambda + 2 mu) / rho)` (m/s).
    pub fn sound_speed(&self, density: T) -> T {
        ((self.lambda + T::of(2.0) * self.mu) / density).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;

    #[test]
    fn constants_are_those_of_a_bar_under_uniaxial_stress() {
        for (young, poisson) in [(1e5, 0.3), (2e4, 0.0), (7.0, 0.49), (3.0, -0.4)] {
            let Elasticity { mu, lambda, .. } = Elasticity::new(young, poisson);
            // E = mu (3 lambda + 2 mu) / (lambda + mu), nu = lambda / (2 (lambda + mu)).
            let sum: f64 = lambda + mu;
            assert!((mu * (2.0 * sum + lambda) / sum - young).abs() <= 1e-12 * young);
            assert!((lambda / (2.0 * sum) - poisson).abs() <= 1e-12);
        }
    }

    #[test]
    fn parameters_vjp_is_the_transpose() {
        let (young, poisson, bars) = (2e4, 0.27, [0.3, -0.8]);
        let plain: Elasticity<f64> = Elasticity::new(young, poisson);
        let back = plain.parameters_vjp(bars[0], bars[1]);
        for (index, [young_eps, poisson_eps]) in [[1.0, 0.0], [0.0, 1.0]].into_iter().enumerate() {
            let dual = Elasticity::new(
                Dual64::new(young, young_eps),
                Dual64::new(poisson, poisson_eps),
            );
            let forward = dual.mu.eps * bars[0] + dual.lambda.eps * bars[1];
            // Round-off of a handful of operations on terms of this size.
            let scale = (dual.mu.eps * bars[0]).abs() + (dual.lambda.eps * bars[1]).abs();
            assert!((forward - back[index]).abs() <= 1e-12 * scale);
        }
    }
}
