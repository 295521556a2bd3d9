//! What is checked of a gas.

use backflow_sim::scene::spec::{self, Axis, GasSide, GasSides};

use crate::task::variables::{
    Freedom,
    gas::{GasParameter, GasVariable},
};

/// Divergence that the pressure may leave while a gradient is checked: what it leaves is an error
/// of the loss that does not shrink with the step.
pub(super) const TOLERANCE: f64 = 1e-12;

/// Substeps that a frame of gas counts for.
pub(super) const SUBSTEPS: usize = 20;

/// A small velocity (m/s).
const SPEED: f64 = 0.02;

/// Every class of input of a gas, each in the unit of a small change.
pub(super) fn everything(gas: &spec::Gas, dx: f64) -> Vec<GasVariable> {
    let mut variables = vec![GasVariable::StartVelocity { scale: SPEED }];
    for (name, scalar) in &gas.scalars {
        variables.extend(of_scalar(name, scalar));
    }
    let numbers = [
        (GasParameter::Viscosity, gas.viscosity),
        (GasParameter::Confinement, gas.confinement),
    ];
    for (name, value) in numbers {
        variables.extend(parameter(name, None, value.unwrap_or(0.0)));
    }
    for (sides, names) in gas.sides.all().iter().zip(GasSides::NAMES) {
        for (side, name) in sides.iter().zip(names) {
            let moved = match side {
                GasSide::Inflow { .. } => true,
                GasSide::Wall { velocity, .. } => *velocity != [0.0; 3],
                GasSide::Slip | GasSide::Outflow | GasSide::Open { .. } | GasSide::Periodic => {
                    false
                }
            };
            if moved {
                let (side, scale) = (name.to_owned(), SPEED);
                variables.push(GasVariable::Side { side, scale });
            }
        }
    }
    for obstacle in &gas.obstacles {
        variables.push(motion(&obstacle.name));
        variables.extend(placed(&obstacle.name, dx));
    }
    for jet in &gas.jets {
        variables.push(motion(&jet.name));
        variables.extend(placed(&jet.name, dx));
        variables.push(GasVariable::Strength {
            jet: jet.name.clone(),
            lower: None,
            upper: None,
            hold: 1,
            scale: 0.1 * jet.strength.abs().max(1.0),
        });
        variables.push(GasVariable::Radius {
            jet: jet.name.clone(),
            lower: None,
            upper: None,
            hold: 1,
            scale: 0.05 * jet.radius,
        });
    }
    for source in &gas.sources {
        variables.extend(placed(&source.name, dx));
        for (scalar, rate) in &source.rates {
            variables.push(GasVariable::Rate {
                source: source.name.clone(),
                scalar: scalar.clone(),
                lower: None,
                upper: None,
                scale: 0.1 * rate.abs().max(0.1),
            });
        }
        if source.push != [0.0; 3] {
            variables.push(GasVariable::Push {
                source: source.name.clone(),
                scale: 0.1,
            });
        }
    }
    variables
}

fn of_scalar(name: &str, scalar: &spec::GasScalar) -> Vec<GasVariable> {
    let mut variables = vec![GasVariable::StartScalar {
        scalar: name.to_owned(),
        scale: 0.02,
    }];
    let numbers = [
        (GasParameter::Diffusivity, scalar.diffusivity.unwrap_or(0.0)),
        (GasParameter::Lift, scalar.lift),
    ];
    for (parameter, value) in numbers {
        variables.extend(self::parameter(parameter, Some(name), value));
    }
    variables
}

/// A number of the gas, or of one of its scalars; none where it is zero.
fn parameter(name: GasParameter, scalar: Option<&str>, value: f64) -> Option<GasVariable> {
    (value != 0.0).then(|| GasVariable::Parameter {
        name,
        scalar: scalar.map(str::to_owned),
        lower: None,
        scale: 0.1 * value.abs(),
    })
}

fn motion(of: &str) -> GasVariable {
    GasVariable::Motion {
        of: of.to_owned(),
        axes: Freedom::RIGID.to_vec(),
        limit: None,
        hold: 1,
        scale: SPEED,
    }
}

fn placed(of: &str, dx: f64) -> [GasVariable; 2] {
    let position = GasVariable::Position {
        of: of.to_owned(),
        axes: Axis::ALL.to_vec(),
        lower: None,
        upper: None,
        scale: 0.02 * dx,
    };
    let (of, scale) = (of.to_owned(), 0.01);
    [position, GasVariable::Rotation { of, scale }]
}
