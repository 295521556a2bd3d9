//! Constitutive laws: one law a file, each with its derivative beside it.

mod box_plastic;
mod deformation;
mod drucker_prager;
mod elasticity;
mod fixed_corotated;
mod flow;
mod group;
mod hencky;
mod herschel_bulkley;
mod liquid;
mod muscle;
mod neo_hookean;
mod parting;
mod rigid;
mod snow;
mod solid;
mod strain;
mod stretch_box;
mod von_mises;

use backflow_diff::{
    Real,
    lanes::{Lanes, Stored},
};
use nalgebra::Matrix3;

pub use box_plastic::BoxPlastic;
pub use deformation::Deformation;
pub use drucker_prager::DruckerPrager;
pub use elasticity::Elasticity;
pub use fixed_corotated::FixedCorotated;
pub use flow::Yielding;
pub use group::Group;
pub use herschel_bulkley::HerschelBulkley;
pub use liquid::Liquid;
pub use muscle::Muscle;
pub use neo_hookean::NeoHookean;
pub use rigid::Rigid;
pub use snow::Snow;
pub use solid::Solid;
pub use strain::Strain;
pub use von_mises::VonMises;

/// Parameters of a law that a gradient is taken with respect to, at most.
pub const PARAMETERS: usize = 5;

/// The first parameters; there are no others.
#[inline(always)]
fn fill<T: Real, const N: usize>(first: [T; N]) -> [T; PARAMETERS] {
    let mut all = [T::zero(); PARAMETERS];
    for (all, first) in all.iter_mut().zip(first) {
        *all = first;
    }
    all
}

/// Cotangents of what a stress depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StressBar<T: Real, S> {
    /// Of the strain measure.
    pub strain: S,
    /// Of the velocity gradient.
    pub gradient: Matrix3<T>,
    /// Of the law's inner parameters (those that the formula of the stress names).
    pub parameters: [T; PARAMETERS],
}

impl<T: Real, S: Strain<T>> StressBar<T, S> {
    /// The zero cotangent.
    #[inline(always)]
    pub fn zero() -> Self {
        Self {
            strain: S::zero(),
            gradient: Matrix3::zeros(),
            parameters: [T::zero(); PARAMETERS],
        }
    }
}

/// A constitutive law: what stress a strain causes and what strain it admits.
pub trait Law<T: Real>: Copy + Send + Sync + 'static {
    /// The strain it is written in.
    type Strain: Strain<T>;

    /// Whether stresses are computed for groups of particles rather than one by one.
    const GROUPED: bool = true;

    /// Kirchhoff stress `tau = J sigma` (Pa), positive in tension, at `strain` with velocity
    /// gradient `gradient` (1/s).
    fn stress(&self, strain: &Self::Strain, gradient: &Matrix3<T>) -> Matrix3<T>;

    /// [`Law::stress`] of each particle of a group, the first lanes of its record zero.
    #[inline(always)]
    fn stresses<L: Lanes<T>>(
        &self,
        _isa: L::Isa,
        group: &Group<'_, T, Self::Strain>,
        stresses: &mut [Stored<T>],
    ) {
        for (stress, (strain, gradient)) in stresses.iter_mut().zip(group.particles()) {
            stress.set_matrix(&self.stress(strain, &gradient));
        }
    }

    /// `p` if the stress is `-p I` (Pa), which is cheaper to transfer than a matrix.
    #[inline(always)]
    fn pressure(&self, _strain: &Self::Strain) -> Option<T> {
        None
    }

    /// Whether the stress depends on the velocity gradient.
    #[inline(always)]
    fn is_viscous(&self) -> bool {
        // A dual may have a tangent where its value is zero.
        self.viscosity() != T::zero() || T::DUAL
    }

    /// Cotangents of [`Law::stress`].
    fn stress_vjp(
        &self,
        strain: &Self::Strain,
        gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Self::Strain>;

    /// [`Law::stress_vjp`] of each particle of a group.
    #[inline(always)]
    fn stresses_vjp<L: Lanes<T>>(
        &self,
        _isa: L::Isa,
        group: &Group<'_, T, Self::Strain>,
        stress_bars: &[Stored<T>],
        bars: &mut [StressBar<T, Self::Strain>],
    ) {
        let particles = group.particles().zip(stress_bars);
        for (bar, ((strain, gradient), stress_bar)) in bars.iter_mut().zip(particles) {
            *bar = self.stress_vjp(strain, &gradient, &stress_bar.matrix());
        }
    }

    /// Whether some strains are not admissible, so that [`Law::project`] changes them.
    #[inline(always)]
    fn is_plastic(&self) -> bool {
        false
    }

    /// The admissible strain that a trial strain flows to in a step `dt` (s), the return map;
    /// asked for only where the law is plastic.
    #[inline(always)]
    fn project(&self, trial: &Self::Strain, _dt: T) -> Self::Strain {
        *trial
    }

    /// Cotangents of the trial strain and of the law's inner parameters of [`Law::project`].
    #[inline(always)]
    fn project_vjp(
        &self,
        _trial: &Self::Strain,
        _dt: T,
        bar: &Self::Strain,
    ) -> (Self::Strain, [T; PARAMETERS]) {
        (*bar, [T::zero(); PARAMETERS])
    }

    /// Fastest wave of the undeformed material (m/s) at `density` (kg/m^3).
    fn sound_speed(&self, density: T) -> T;

    /// Shear viscosity (Pa s) that bounds the time step.
    fn viscosity(&self) -> T;

    /// Cotangents of the parameters as a scene names them ([`Law::parameter_names`])
    /// from those of the inner ones.
    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS];

    /// Names of the differentiable parameters, in the order of their cotangents.
    fn parameter_names(&self) -> &'static [&'static str];

    /// Parameters as a scene names them.
    fn parameters(&self) -> [T; PARAMETERS];

    /// The same law with other parameters.
    #[must_use]
    fn with_parameters(&self, parameters: [T; PARAMETERS]) -> Self;
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::{testing::*, *};

    #[test]
    fn undeformed_matter_is_free_of_stress() {
        let still = Matrix3::zeros();
        for law in solids() {
            assert_eq!(stress(&law, &Strain::undeformed()), still, "{law:?}");
            assert_eq!(
                law.project(&Strain::undeformed(), 0.01),
                Strain::undeformed(),
                "{law:?}"
            );
        }
        let law = Liquid {
            bulk_modulus: 2e4,
            viscosity: 1.0,
            exponent: 7.0,
            tension: true,
        };
        assert_eq!(stress(&law, &Strain::undeformed()), still);
    }

    #[test]
    fn solids_are_not_viscous_and_no_pressure_alone() {
        let gradient = rotation([0.3, -1.1, 0.7]) * 5.0;
        let f = degenerate()[3];
        for law in solids() {
            assert!(
                !law.is_viscous() && law.pressure(&strain(&f)).is_none(),
                "{law:?}"
            );
            let moving = law.stress(&strain(&f), &gradient);
            assert_eq!(moving, stress(&law, &strain(&f)), "{law:?}");
        }
    }
}
