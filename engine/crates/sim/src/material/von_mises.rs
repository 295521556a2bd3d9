//! Metal and clay: flow at a limit of the shear stress, with hardening.

use backflow_diff::Real;

use super::{
    Elasticity, PARAMETERS,
    flow::{Flow, Flowed, Slopes, Trial},
};
use crate::world::cast;

/// Von Mises' yield condition with linear isotropic hardening, returned along the radius
/// (Simo & Hughes 1998, box 3.1, in Hencky strains):
///
/// `|dev tau| <= sqrt(2/3) (Y + H a)`, with the plastic strain `a` as history and
/// `da = sqrt(2/3) gamma`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VonMises<T: Real> {
    /// Its elastic constants.
    pub elasticity: Elasticity<T>,
    /// Yield stress Y in uniaxial tension (Pa).
    pub yield_stress: T,
    /// Hardening modulus H (Pa), not negative.
    pub hardening: T,
}

impl<T: Real> VonMises<T> {
    /// The same law in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> VonMises<U> {
        VonMises {
            elasticity: self.elasticity.cast(),
            yield_stress: cast(self.yield_stress),
            hardening: cast(self.hardening),
        }
    }
}

impl<T: Real> Flow<T> for VonMises<T> {
    const NAMES: &'static [&'static str] = &["young", "poisson", "yield_stress", "hardening"];

    fn elasticity(&self) -> &Elasticity<T> {
        &self.elasticity
    }

    fn rest(&self) -> [T; PARAMETERS - 2] {
        [self.yield_stress, self.hardening, T::zero()]
    }

    fn with(&self, elasticity: Elasticity<T>, [yield_stress, hardening, _]: [T; 3]) -> Self {
        Self {
            elasticity,
            yield_stress,
            hardening,
        }
    }

    /// `gamma = (2 mu q - sqrt(2/3) (Y + H a)) / (2 mu + 2/3 H)` of the shear `q`.
    fn flow(
        &self,
        &[mu, _, limit, hardening, _]: &[T::Primal; PARAMETERS],
        trial: &Trial<T::Primal>,
        _dt: T::Primal,
    ) -> Flowed<T::Primal> {
        let of = T::Primal::of;
        let (two, root) = (of(2.0), of((2.0_f64 / 3.0).sqrt()));
        let Trial { shear, history, .. } = *trial;
        let excess = two * mu * shear - root * (limit + hardening * history);
        if excess <= of(0.0) {
            return Flowed::elastic(trial);
        }
        let stiffness = two * mu + of(2.0 / 3.0) * hardening;
        let gamma = excess / stiffness;
        let slopes = [
            two * mu,
            of(0.0),
            -root * hardening,
            two * (shear - gamma),
            of(0.0),
            -root,
            -root * history - of(2.0 / 3.0) * gamma,
            of(0.0),
        ];
        let gamma = Slopes(gamma, slopes.map(|slope| slope / stiffness));
        let mut scale = Slopes::combine(of(1.0) - gamma.0 / shear, &[(-of(1.0) / shear, gamma)]);
        scale.1[0] += gamma.0 / (shear * shear);
        let before = Slopes::input(history, 2);
        Flowed {
            scale,
            mean: Slopes::input(trial.mean, 1),
            history: Slopes::combine(
                history + root * gamma.0,
                &[(of(1.0), before), (root, gamma)],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix3;

    use super::{
        super::{Deformation, Law, Solid, Yielding, testing::*},
        *,
    };

    fn law() -> Yielding<VonMises<f64>> {
        Yielding(VonMises {
            elasticity: Elasticity::new(2.0, 0.3),
            yield_stress: 0.2,
            hardening: 0.4,
        })
    }

    #[test]
    fn vjps_are_the_transposes_within_the_limit_and_beyond() {
        let flows = check_flow(&Solid::VonMises(law()), &[0.0, 0.3]);
        assert!(flows.contains(&true) && flows.contains(&false));
    }

    #[test]
    fn stress_after_flow_is_at_the_limit() {
        let law = law();
        for f in stretches() {
            let before = Deformation::new(&f, 0.1);
            let after = law.project(&before, 0.01);
            let stress = law.stress(&after, &Matrix3::zeros());
            let mean = stress.trace() / 3.0;
            let deviator = (stress - Matrix3::from_diagonal_element(mean)).norm();
            let limit = (2.0_f64 / 3.0).sqrt() * (0.2 + 0.4 * after.history());
            assert!(deviator <= limit * (1.0 + 1e-12));
            let flowed = after.history() > before.history();
            assert!(!flowed || deviator >= limit * (1.0 - 1e-12));
            assert!((after.f().determinant() - f.determinant()).abs() <= 1e-13);
            let again = law.project(&after, 0.01);
            assert!((again.f() - after.f()).norm() <= 1e-12);
        }
    }
}
