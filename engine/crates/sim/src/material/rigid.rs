//! Rigid matter: what its particles may do is decided for the body as a whole.

use backflow_diff::Real;
use nalgebra::Matrix3;

use super::{Deformation, Law, PARAMETERS, StressBar};

/// Rigid matter made of particles, which carry no stress: after each substep their motion is
/// made that of a rigid body (see [`crate::transfer::shape_match`]), and F its rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rigid;

impl<T: Real> Law<T> for Rigid {
    type Strain = Deformation<T>;

    fn stress(&self, _strain: &Deformation<T>, _gradient: &Matrix3<T>) -> Matrix3<T> {
        Matrix3::zeros()
    }

    fn stress_vjp(
        &self,
        _strain: &Deformation<T>,
        _gradient: &Matrix3<T>,
        _stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        StressBar::zero()
    }

    /// No wave travels through it on the grid.
    fn sound_speed(&self, _density: T) -> T {
        T::zero()
    }

    fn viscosity(&self) -> T {
        T::zero()
    }

    fn parameters_vjp(&self, _inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        [0.0; PARAMETERS]
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        &[]
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        [T::zero(); PARAMETERS]
    }

    fn with_parameters(&self, _parameters: [T; PARAMETERS]) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Solid, testing::*},
        *,
    };

    #[test]
    fn no_strain_causes_a_stress() {
        for f in stretches() {
            assert_eq!(stress::<f64, _>(&Rigid, &strain(&f)), Matrix3::zeros());
        }
        assert!(!check_flow(&Solid::Rigid(Rigid), &[0.0]).contains(&true));
    }
}
