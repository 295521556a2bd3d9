//! Muscle: an elastic solid whose fibres pull as they are told to.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{Deformation, Elasticity, Law, NeoHookean, PARAMETERS, StressBar};
use crate::world::cast;

/// A neo-Hookean solid with an active stress along its fibres (Hu et al. 2020, sec. 4, `diffmpm`):
/// `tau = tau_passive + a S (F d)(F d)^T` with the activation `a`, the strength `S` and the
/// unit vector `d` along the undeformed fibres. A positive activation contracts them.
///
/// The history is the activation, which is set at the start of every frame
/// (see [`crate::rollout::activation`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Muscle<T: Real> {
    /// The passive part.
    pub passive: NeoHookean<T>,
    /// Stress S of full activation along an unstretched fibre (Pa).
    pub strength: T,
    /// Angle of the fibres about y, from x towards -z (rad).
    pub azimuth: T,
    /// Angle of the fibres above the plane of x and z (rad).
    pub elevation: T,
}

impl<T: Real> Muscle<T> {
    /// The same law in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Muscle<U> {
        Muscle {
            passive: NeoHookean {
                elasticity: self.passive.elasticity.cast(),
            },
            strength: cast(self.strength),
            azimuth: cast(self.azimuth),
            elevation: cast(self.elevation),
        }
    }

    /// Unit vector along the undeformed fibres, and its slopes along azimuth and elevation.
    fn fibre(&self) -> [Vector3<T>; 3] {
        let (sin_a, cos_a) = (self.azimuth.sin(), self.azimuth.cos());
        let (sin_e, cos_e) = (self.elevation.sin(), self.elevation.cos());
        [
            Vector3::new(cos_e * cos_a, sin_e, -cos_e * sin_a),
            Vector3::new(-cos_e * sin_a, T::zero(), -cos_e * cos_a),
            Vector3::new(-sin_e * cos_a, cos_e, sin_e * sin_a),
        ]
    }
}

impl<T: Real> Law<T> for Muscle<T> {
    type Strain = Deformation<T>;

    fn stress(&self, strain: &Deformation<T>, gradient: &Matrix3<T>) -> Matrix3<T> {
        let along = strain.f() * self.fibre()[0];
        let pull = self.strength * strain.history();
        self.passive.stress(strain, gradient) + along * along.transpose() * pull
    }

    fn stress_vjp(
        &self,
        strain: &Deformation<T>,
        gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        let ([fibre, by_azimuth, by_elevation], activation) = (self.fibre(), strain.history());
        let (f, pull) = (strain.f(), self.strength * activation);
        let along = f * fibre;
        let pull_bar = along.dot(&(stress_bar * along));
        let along_bar = (stress_bar + stress_bar.transpose()) * along * pull;
        let fibre_bar = f.tr_mul(&along_bar);
        let mut bar = self.passive.stress_vjp(strain, gradient, stress_bar);
        bar.strain = Deformation::new(
            &(bar.strain.f() + along_bar * fibre.transpose()),
            pull_bar * self.strength,
        );
        bar.parameters[2] = pull_bar * activation;
        bar.parameters[3] = fibre_bar.dot(&by_azimuth);
        bar.parameters[4] = fibre_bar.dot(&by_elevation);
        bar
    }

    /// Of the fully activated muscle along its fibres: the active stress stiffens it by `2 S`.
    fn sound_speed(&self, density: T) -> T {
        let Elasticity { mu, lambda, .. } = self.passive.elasticity;
        ((lambda + T::of(2.0) * (mu + self.strength)) / density).sqrt()
    }

    fn viscosity(&self) -> T {
        T::zero()
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        let mut named = *inner;
        [named[0], named[1]] = self.passive.elasticity.parameters_vjp(inner[0], inner[1]);
        named
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        &["young", "poisson", "strength", "azimuth", "elevation"]
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        let Elasticity { young, poisson, .. } = self.passive.elasticity;
        [young, poisson, self.strength, self.azimuth, self.elevation]
    }

    fn with_parameters(
        &self,
        [young, poisson, strength, azimuth, elevation]: [T; PARAMETERS],
    ) -> Self {
        Self {
            passive: NeoHookean {
                elasticity: Elasticity::new(young, poisson),
            },
            strength,
            azimuth,
            elevation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Solid, testing::*},
        *,
    };

    fn law() -> Muscle<f64> {
        Muscle {
            passive: NeoHookean {
                elasticity: Elasticity::new(2.0, 0.3),
            },
            strength: 0.7,
            azimuth: 0.4,
            elevation: -0.3,
        }
    }

    #[test]
    fn vjps_are_the_transposes_at_rest_and_both_ways() {
        let flows = check_flow(&Solid::Muscle(law()), &[0.0, 0.8, -0.5]);
        assert!(!flows.contains(&true));
    }

    #[test]
    fn active_stress_pulls_along_the_fibre_alone() {
        let [fibre, ..] = law().fibre();
        assert!((fibre.norm() - 1.0).abs() <= 1e-15);
        let active = Deformation::new(&Matrix3::identity(), 0.5);
        let stress = law().stress(&active, &Matrix3::zeros());
        assert!((stress - fibre * fibre.transpose() * 0.35).norm() <= 1e-14);
    }

    #[test]
    fn fibres_turn_with_the_matter() {
        let turn = rotation([0.3, -1.1, 0.7]);
        let f = degenerate()[3];
        let of = |f: &Matrix3<f64>| law().stress(&Deformation::new(f, 0.5), &Matrix3::zeros());
        let turned = turn * of(&f) * turn.transpose();
        assert!((of(&(turn * f)) - turned).norm() <= 1e-13);
    }

    #[test]
    fn slopes_of_the_fibre_are_those_of_its_angles() {
        let step = 1e-6;
        let [_, by_azimuth, by_elevation] = law().fibre();
        let moved = |azimuth: f64, elevation: f64| {
            let mut moved = law();
            moved.azimuth += azimuth;
            moved.elevation += elevation;
            moved.fibre()[0]
        };
        let slope = (moved(step, 0.0) - moved(-step, 0.0)) / (2.0 * step);
        assert!((slope - by_azimuth).norm() <= 1e-9);
        let slope = (moved(0.0, step) - moved(0.0, -step)) / (2.0 * step);
        assert!((slope - by_elevation).norm() <= 1e-9);
    }
}
