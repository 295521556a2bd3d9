//! What a gas is, and what is at its sides.

use backflow_sim::{
    gas::{boundary::Side, rollout::Gradient},
    scene::GasScene,
};

use super::GasPlace;
use crate::task::variables::gas::GasParameter;

/// A number of the gas, or of one of its scalars.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: GasParameter,
    pub(super) scalar: usize,
}

impl Parameter {
    /// Its value; none where the gas does without it.
    pub(super) fn of(&self, gas: &GasScene) -> Option<f64> {
        let model = &gas.model;
        match self.name {
            GasParameter::Viscosity => model.viscosity,
            GasParameter::Confinement => model.confinement,
            GasParameter::Diffusivity => model.species[self.scalar].diffusivity,
            GasParameter::Lift => Some(model.species[self.scalar].lift.expansion),
        }
    }
}

impl GasPlace for Parameter {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        self.of(gas).into_iter().collect()
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        let model = &mut gas.model;
        let Some(&value) = values.first() else { return };
        match self.name {
            GasParameter::Viscosity => model.viscosity = Some(value),
            GasParameter::Confinement => model.confinement = Some(value),
            GasParameter::Diffusivity => model.species[self.scalar].diffusivity = Some(value),
            GasParameter::Lift => model.species[self.scalar].lift.expansion = value,
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let model = &gradient.model;
        vec![match self.name {
            GasParameter::Viscosity => model.viscosity,
            GasParameter::Confinement => model.confinement,
            GasParameter::Diffusivity => model.diffusivities[self.scalar],
            GasParameter::Lift => model.lifts[self.scalar].expansion,
        }]
    }
}

/// Velocity of what comes in at a side, or of a wall, by axis and end.
#[derive(Debug)]
pub(super) struct SideVelocity(pub(super) [usize; 2]);

impl GasPlace for SideVelocity {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        let [axis, end] = self.0;
        match &gas.model.sides[axis][end] {
            Side::Inflow { velocity, .. } | Side::Wall { velocity, .. } => velocity.to_vec(),
            Side::Outflow | Side::Open { .. } | Side::Periodic => Vec::new(),
        }
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        let [axis, end] = self.0;
        if let Side::Inflow { velocity, .. } | Side::Wall { velocity, .. } =
            &mut gas.model.sides[axis][end]
        {
            velocity.copy_from_slice(values);
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let [axis, end] = self.0;
        gradient.model.sides[axis][end].velocity.to_vec()
    }
}
