//! Variables of the gas.

mod course;
mod model;
mod source;
mod start;

use std::sync::Arc;

use backflow_sim::{
    gas::{boundary::Side, rollout::Gradient as GasGradient},
    rollout::Gradient,
    scene::{GasScene, spec::Walls},
};

use self::course::Part;
use super::{Place, Setup, indices};
use crate::task::variables::gas::{GasParameter, GasVariable};

/// What is wrong with a variable: which field, and what was expected of it.
pub(in crate::task) type Unplaced = (&'static str, String);

/// Finds the place of a variable in a scene with gas.
///
/// # Errors
/// It names something that the gas does not have.
pub(in crate::task) fn find(
    variable: &GasVariable,
    gas: &GasScene,
) -> Result<Arc<dyn Place>, Unplaced> {
    let scalar = |name: &str| {
        let expected = || ("scalar", "a scalar of the gas".to_owned());
        gas.model.species_named(name).ok_or_else(expected)
    };
    Ok(match variable {
        GasVariable::Motion { of, axes, hold, .. } => {
            let part = Part::named(gas, of).filter(|part| !matches!(part, Part::Source(_)));
            let axes: Vec<usize> = axes.iter().filter_map(|axis| axis.of_rigid()).collect();
            if axes.is_empty() {
                return Err(("axes", "at least one of X, Y, Z, Rx, Ry, Rz".to_owned()));
            }
            Arc::new(course::Motion {
                part: part.ok_or_else(|| missing("of", "a jet or an obstacle"))?,
                axes,
                hold: *hold,
            })
        }
        GasVariable::Strength { jet, hold, .. } => Arc::new(course::Blowing {
            jet: Part::jet(gas, jet).ok_or_else(|| missing("jet", "a jet"))?,
            what: course::Blown::Strength,
            hold: *hold,
        }),
        GasVariable::Radius { jet, hold, .. } => Arc::new(course::Blowing {
            jet: Part::jet(gas, jet).ok_or_else(|| missing("jet", "a jet"))?,
            what: course::Blown::Radius,
            hold: *hold,
        }),
        GasVariable::Position { of, axes, .. } => Arc::new(course::Position {
            part: Part::named(gas, of).ok_or_else(|| missing("of", PLACED))?,
            axes: indices(axes),
        }),
        GasVariable::Rotation { of, .. } => Arc::new(course::Rotation(
            Part::named(gas, of).ok_or_else(|| missing("of", PLACED))?,
        )),
        GasVariable::Rate {
            source, scalar: of, ..
        } => Arc::new(source::Rate {
            source: Part::source(gas, source).ok_or_else(|| missing("source", "a source"))?,
            scalar: scalar(of)?,
        }),
        GasVariable::Push { source, .. } => Arc::new(source::Push(
            Part::source(gas, source).ok_or_else(|| missing("source", "a source"))?,
        )),
        GasVariable::Parameter {
            name, scalar: of, ..
        } => {
            let scalar = match name {
                GasParameter::Diffusivity | GasParameter::Lift => {
                    scalar(of.as_deref().unwrap_or(""))?
                }
                GasParameter::Viscosity | GasParameter::Confinement => 0,
            };
            let parameter = model::Parameter {
                name: *name,
                scalar,
            };
            if parameter.of(gas).is_none() {
                let what = format!("{name:?}").to_lowercase();
                return Err(("name", format!("a gas whose {what} is given")));
            }
            Arc::new(parameter)
        }
        GasVariable::Side { side, .. } => {
            let moves = |[axis, end]: &[usize; 2]| {
                let side = &gas.model.sides[*axis][*end];
                matches!(side, Side::Inflow { .. } | Side::Wall { slip: false, .. })
            };
            let named = |[axis, end]: &[usize; 2]| Walls::NAMES[*axis][*end] == side;
            let mut sides = (0..6).map(|number| [number / 2, number % 2]);
            let found = sides.find(|side| named(side) && moves(side));
            let expected = "a side with inflow, or a wall that gas sticks to".to_owned();
            Arc::new(model::SideVelocity(found.ok_or(("side", expected))?))
        }
        GasVariable::StartVelocity { .. } => Arc::new(start::Velocity),
        GasVariable::StartScalar { scalar: of, .. } => Arc::new(start::Scalar(scalar(of)?)),
    })
}

/// What has a place in a gas.
const PLACED: &str = "a jet, an obstacle or a source";

fn missing(field: &'static str, what: &str) -> Unplaced {
    (field, format!("the name of {what}"))
}

/// Something of a gas that has values. Where there is no gas it has none: such a variable is
/// refused.
trait GasPlace: std::fmt::Debug + Send + Sync {
    /// The values that it has.
    fn values(&self, gas: &GasScene) -> Vec<f64>;

    /// Puts values in their place.
    fn apply(&self, values: &[f64], gas: &mut GasScene);

    /// Cotangents of the values.
    fn pull(&self, values: &[f64], gradient: &GasGradient<f64>) -> Vec<f64>;
}

impl<P: GasPlace> Place for P {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        let gas = setup.gas.as_ref();
        gas.map_or_else(Vec::new, |gas| GasPlace::values(self, gas))
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        if let Some(gas) = &mut setup.gas {
            GasPlace::apply(self, values, gas);
        }
    }

    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        match &gradient.gas {
            Some(gradient) => GasPlace::pull(self, values, gradient),
            None => vec![0.0; values.len()],
        }
    }
}
