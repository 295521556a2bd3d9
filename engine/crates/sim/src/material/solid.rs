//! Any of the solid laws: which one a body follows is known at run time.

use backflow_diff::{
    Real,
    lanes::{Lanes, Stored},
};
use nalgebra::Matrix3;

use super::{
    BoxPlastic, Deformation, DruckerPrager, FixedCorotated, Group, HerschelBulkley, Law, Muscle,
    NeoHookean, PARAMETERS, Rigid, Snow, StressBar, VonMises, Yielding,
};
use crate::world::cast;

/// Any of the solid laws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Solid<T: Real> {
    /// See [`NeoHookean`].
    NeoHookean(NeoHookean<T>),
    /// See [`FixedCorotated`].
    FixedCorotated(FixedCorotated<T>),
    /// See [`BoxPlastic`].
    BoxPlastic(BoxPlastic<T>),
    /// See [`VonMises`].
    VonMises(Yielding<VonMises<T>>),
    /// See [`DruckerPrager`].
    DruckerPrager(Yielding<DruckerPrager<T>>),
    /// See [`HerschelBulkley`].
    HerschelBulkley(Yielding<HerschelBulkley<T>>),
    /// See [`Snow`].
    Snow(Snow<T>),
    /// See [`Muscle`].
    Muscle(Muscle<T>),
    /// See [`Rigid`].
    Rigid(Rigid),
}

/// Runs one expression on whichever law there is.
macro_rules! each_law {
    ($self:expr, $law:ident => $body:expr) => {
        match $self {
            Solid::NeoHookean($law) => $body,
            Solid::FixedCorotated($law) => $body,
            Solid::BoxPlastic($law) => $body,
            Solid::VonMises($law) => $body,
            Solid::DruckerPrager($law) => $body,
            Solid::HerschelBulkley($law) => $body,
            Solid::Snow($law) => $body,
            Solid::Muscle($law) => $body,
            Solid::Rigid($law) => $body,
        }
    };
}

impl<T: Real> Law<T> for Solid<T> {
    type Strain = Deformation<T>;

    #[inline(always)]
    fn stress(&self, strain: &Deformation<T>, gradient: &Matrix3<T>) -> Matrix3<T> {
        each_law!(self, law => law.stress(strain, gradient))
    }

    #[inline(always)]
    fn stresses<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        group: &Group<'_, T, Deformation<T>>,
        stresses: &mut [Stored<T>],
    ) {
        each_law!(self, law => law.stresses::<L>(isa, group, stresses));
    }

    #[inline(always)]
    fn pressure(&self, strain: &Deformation<T>) -> Option<T> {
        each_law!(self, law => law.pressure(strain))
    }

    #[inline(always)]
    fn stress_vjp(
        &self,
        strain: &Deformation<T>,
        gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        each_law!(self, law => law.stress_vjp(strain, gradient, stress_bar))
    }

    #[inline(always)]
    fn stresses_vjp<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        group: &Group<'_, T, Deformation<T>>,
        stress_bars: &[Stored<T>],
        bars: &mut [StressBar<T, Deformation<T>>],
    ) {
        each_law!(self, law => law.stresses_vjp::<L>(isa, group, stress_bars, bars));
    }

    #[inline(always)]
    fn project(&self, trial: &Deformation<T>, dt: T) -> Deformation<T> {
        each_law!(self, law => law.project(trial, dt))
    }

    #[inline(always)]
    fn is_plastic(&self) -> bool {
        each_law!(self, law => Law::<T>::is_plastic(law))
    }

    #[inline(always)]
    fn project_vjp(
        &self,
        trial: &Deformation<T>,
        dt: T,
        bar: &Deformation<T>,
    ) -> (Deformation<T>, [T; PARAMETERS]) {
        each_law!(self, law => law.project_vjp(trial, dt, bar))
    }

    fn sound_speed(&self, density: T) -> T {
        each_law!(self, law => law.sound_speed(density))
    }

    #[inline(always)]
    fn viscosity(&self) -> T {
        each_law!(self, law => law.viscosity())
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        each_law!(self, law => Law::<T>::parameters_vjp(law, inner))
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        each_law!(self, law => Law::<T>::parameter_names(law))
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        each_law!(self, law => law.parameters())
    }

    fn with_parameters(&self, parameters: [T; PARAMETERS]) -> Self {
        match self {
            Self::NeoHookean(law) => Self::NeoHookean(law.with_parameters(parameters)),
            Self::FixedCorotated(law) => Self::FixedCorotated(law.with_parameters(parameters)),
            Self::BoxPlastic(law) => Self::BoxPlastic(law.with_parameters(parameters)),
            Self::VonMises(law) => Self::VonMises(law.with_parameters(parameters)),
            Self::DruckerPrager(law) => Self::DruckerPrager(law.with_parameters(parameters)),
            Self::HerschelBulkley(law) => Self::HerschelBulkley(law.with_parameters(parameters)),
            Self::Snow(law) => Self::Snow(law.with_parameters(parameters)),
            Self::Muscle(law) => Self::Muscle(law.with_parameters(parameters)),
            Self::Rigid(law) => Self::Rigid(*law),
        }
    }
}

impl<T: Real> Solid<T> {
    /// The same law in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Solid<U> {
        let corotated = |law: &FixedCorotated<T>| FixedCorotated {
            elasticity: law.elasticity.cast(),
        };
        match self {
            Self::NeoHookean(law) => Solid::NeoHookean(NeoHookean {
                elasticity: law.elasticity.cast(),
            }),
            Self::FixedCorotated(law) => Solid::FixedCorotated(corotated(law)),
            Self::BoxPlastic(law) => Solid::BoxPlastic(BoxPlastic {
                elastic: corotated(&law.elastic),
                compression: cast(law.compression),
                extension: cast(law.extension),
            }),
            Self::VonMises(law) => Solid::VonMises(Yielding(law.0.cast())),
            Self::DruckerPrager(law) => Solid::DruckerPrager(Yielding(law.0.cast())),
            Self::HerschelBulkley(law) => Solid::HerschelBulkley(Yielding(law.0.cast())),
            Self::Snow(law) => Solid::Snow(law.cast()),
            Self::Muscle(law) => Solid::Muscle(law.cast()),
            Self::Rigid(law) => Solid::Rigid(*law),
        }
    }
}
