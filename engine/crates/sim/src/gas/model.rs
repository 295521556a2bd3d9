//! What a gas is, besides what changes during a run.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    advect::Scheme,
    boundary::Sides,
    buoyancy::Lift,
    field::{Field, Velocity, reduce},
    grid::Grid,
    jet::{Blow, Jet, JetBar},
    opening::{Obstacle, Placement, PlacementBar},
    pressure::Precondition,
    source::{Source, SourceBar},
};
use crate::pose::Pose;

/// A quantity that the gas carries: smoke, temperature, or anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Species<T: Real> {
    /// Its name.
    pub name: String,
    /// Diffusivity (m^2/s); `None` where it does not diffuse.
    pub diffusivity: Option<T>,
    /// How it makes the gas lighter.
    pub lift: Lift<T>,
}

/// How transport and pressure follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splitting {
    /// Transport, then pressure (Stam 1999): first order in time.
    Projected,
    /// Twice in half of the time, with the velocity mirrored at what the pressure leaves of it in
    /// between (Zehnder, Narain & Thomaszewski 2018): second order in time.
    Reflected,
}

/// How the equations are solved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Method {
    /// How quantities are carried along.
    pub scheme: Scheme,
    /// Whether scalars are carried by [fluxes](super::flux), which keep their sums, and not by
    /// `scheme`.
    pub conservative: bool,
    /// How transport and pressure follow one another.
    pub splitting: Splitting,
    /// What speeds the pressure up.
    pub precondition: Precondition,
    /// `max |div u| dx / max |u|` that the pressure leaves (1).
    pub tolerance: f64,
    /// Cells that the fastest gas may cross in a step (1).
    pub courant: f64,
}

/// A gas and all that acts on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model<T: Real> {
    /// Its grid.
    pub grid: Grid,
    /// The sides of the box.
    pub sides: Sides<T>,
    /// Mass density (kg/m^3), which counts where matter or bodies are pushed.
    pub density: T,
    /// Acceleration of gravity (m/s^2), which acts on differences of density.
    pub gravity: Vector3<T>,
    /// Kinematic viscosity (m^2/s); `None` where only the grid smears.
    pub viscosity: Option<T>,
    /// Vorticity confinement (1); `None` without.
    pub confinement: Option<T>,
    /// What the gas carries.
    pub species: Vec<Species<T>>,
    /// Solids that it flows around.
    pub obstacles: Vec<Obstacle<T>>,
    /// Jets.
    pub jets: Vec<Jet<T>>,
    /// Sources.
    pub sources: Vec<Source<T>>,
    /// How the equations are solved.
    pub method: Method,
}

/// Where everything that acts on a gas is during a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment<T: Real> {
    /// The obstacles.
    pub obstacles: Vec<Placement<T>>,
    /// The jets, and what they do.
    pub jets: Vec<(Pose<T>, Blow<T>)>,
    /// The sources.
    pub sources: Vec<Pose<T>>,
}

/// Cotangents of a [`Moment`], and of what jets and sources are.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentBar {
    /// Of the obstacles.
    pub obstacles: Vec<PlacementBar>,
    /// Of the jets.
    pub jets: Vec<JetBar>,
    /// Of the sources.
    pub sources: Vec<SourceBar>,
}

/// Cotangents of what is at a side of the box.
#[derive(Debug, Clone, PartialEq)]
pub struct SideBar {
    /// Of the velocity.
    pub velocity: [f64; 3],
    /// Of the scalars.
    pub scalars: Vec<f64>,
}

/// Cotangents of a [`Model`], besides those in a [`MomentBar`].
#[derive(Debug, Clone, PartialEq)]
pub struct ModelBar {
    /// Of gravity.
    pub gravity: Vector3<f64>,
    /// Of the density.
    pub density: f64,
    /// Of the viscosity.
    pub viscosity: f64,
    /// Of the vorticity confinement.
    pub confinement: f64,
    /// Of the diffusivity of each species.
    pub diffusivities: Vec<f64>,
    /// Of the lift of each species.
    pub lifts: Vec<Lift<f64>>,
    /// Of the sides.
    pub sides: [[SideBar; 2]; 3],
}

/// What changes during a run. Its cotangent has the same type, without pressure: that is a
/// first guess, on which nothing depends.
#[derive(Debug, PartialEq)]
pub struct Gas<T: Real> {
    /// Velocity (m/s). Ghosts mean nothing between steps.
    pub velocity: Velocity<T>,
    /// The species.
    pub scalars: Vec<Field<T>>,
    /// Pressure of the last step, times `dt / (rho dx)` (m/s).
    pub pressure: Vec<f64>,
}

impl<T: Real> Clone for Gas<T> {
    fn clone(&self) -> Self {
        Self {
            velocity: self.velocity.clone(),
            scalars: self.scalars.clone(),
            pressure: self.pressure.clone(),
        }
    }

    fn clone_from(&mut self, other: &Self) {
        for (own, other) in self.velocity.iter_mut().zip(&other.velocity) {
            own.copy_from(other);
        }
        for (own, other) in self.scalars.iter_mut().zip(&other.scalars) {
            own.copy_from(other);
        }
        self.pressure.clone_from(&other.pressure);
    }
}

impl<T: Real> Gas<T> {
    /// At rest, with each scalar at its reference.
    pub fn at_rest(model: &Model<T>) -> Self {
        let centres = model.grid.centres();
        Self {
            velocity: Field::zero_velocity(&model.grid),
            scalars: model
                .species
                .iter()
                .map(|species| Field::constant(centres, species.lift.reference))
                .collect(),
            pressure: vec![0.0; model.grid.count()],
        }
    }

    /// Zero, as a cotangent.
    pub fn zero(model: &Model<T>) -> Self {
        let centres = model.grid.centres();
        Self {
            velocity: Field::zero_velocity(&model.grid),
            scalars: model.species.iter().map(|_| Field::zero(centres)).collect(),
            pressure: Vec::new(),
        }
    }

    /// The fastest component of the velocity (m/s).
    pub fn fastest(&self) -> f64 {
        self.velocity.iter().map(Field::largest).fold(0.0, f64::max)
    }

    /// The first quantity that is not a finite number, if there is one.
    pub fn not_finite(&self) -> Option<&'static str> {
        let sound = |field: &Field<T>| {
            let finite = |_: [usize; 3], index: usize| field.data[index].to_f64().is_finite();
            reduce(&field.layout, finite, true, |a, b| a && b)
        };
        if !self.velocity.iter().all(sound) {
            Some("velocity")
        } else if !self.scalars.iter().all(sound) {
            Some("scalar")
        } else {
            None
        }
    }

    /// The same gas in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Gas<U> {
        Gas {
            velocity: [0, 1, 2].map(|axis| self.velocity[axis].cast()),
            scalars: self.scalars.iter().map(Field::cast).collect(),
            pressure: self.pressure.clone(),
        }
    }

    /// Bytes of the gas of a model.
    pub fn bytes(model: &Model<T>) -> usize {
        let faces: usize = model.grid.faces().iter().map(|layout| layout.size()).sum();
        let scalars = model.species.len() * model.grid.centres().size();
        (faces + scalars) * size_of::<T>() + model.grid.count() * size_of::<f64>()
    }
}

impl MomentBar {
    /// Zero for a model.
    pub fn zero<T: Real>(model: &Model<T>) -> Self {
        let species = model.species.len();
        Self {
            obstacles: vec![PlacementBar::zero(); model.obstacles.len()],
            jets: vec![JetBar::zero(species); model.jets.len()],
            sources: vec![SourceBar::zero(species); model.sources.len()],
        }
    }

    /// Sets all of it to zero.
    pub fn clear(&mut self) {
        self.obstacles.fill(PlacementBar::zero());
        self.jets.iter_mut().for_each(JetBar::clear);
        self.sources.iter_mut().for_each(SourceBar::clear);
    }
}

impl ModelBar {
    /// Zero for a model.
    pub fn zero<T: Real>(model: &Model<T>) -> Self {
        let species = model.species.len();
        let side = SideBar {
            velocity: [0.0; 3],
            scalars: vec![0.0; species],
        };
        let lift = Lift {
            expansion: 0.0,
            reference: 0.0,
        };
        Self {
            gravity: Vector3::zeros(),
            density: 0.0,
            viscosity: 0.0,
            confinement: 0.0,
            diffusivities: vec![0.0; species],
            lifts: vec![lift; species],
            sides: [0, 1, 2].map(|_| [side.clone(), side.clone()]),
        }
    }
}

/// A scalar in another type, without tangent.
fn to<T: Real, U: Real>(value: T) -> U {
    U::of(value.to_f64())
}

impl<T: Real> Moment<T> {
    /// Nothing acts.
    pub fn still() -> Self {
        Self {
            obstacles: Vec::new(),
            jets: Vec::new(),
            sources: Vec::new(),
        }
    }
}

impl<T: Real> Model<T> {
    /// Gas of 1 kg/m^3 without weight and viscosity, which carries nothing and on which nothing acts.
    pub fn plain(grid: Grid, sides: Sides<T>, method: Method) -> Self {
        Self {
            grid,
            sides,
            density: T::one(),
            gravity: Vector3::zeros(),
            viscosity: None,
            confinement: None,
            species: Vec::new(),
            obstacles: Vec::new(),
            jets: Vec::new(),
            sources: Vec::new(),
            method,
        }
    }

    /// The same model in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Model<U> {
        use super::boundary::Side;
        let side = |side: &Side<T>| match side {
            Side::Periodic => Side::Periodic,
            Side::Wall {
                velocity,
                slip,
                scalars,
            } => Side::Wall {
                velocity: velocity.map(to),
                slip: *slip,
                scalars: scalars.iter().map(|value| value.map(to)).collect(),
            },
            Side::Inflow { velocity, scalars } => Side::Inflow {
                velocity: velocity.map(to),
                scalars: scalars.iter().map(|value| to(*value)).collect(),
            },
            Side::Outflow => Side::Outflow,
            Side::Open { scalars } => Side::Open {
                scalars: scalars.iter().map(|value| to(*value)).collect(),
            },
        };
        Model {
            grid: self.grid,
            sides: [0, 1, 2].map(|axis| [0, 1].map(|end| side(&self.sides[axis][end]))),
            density: to(self.density),
            gravity: self.gravity.map(to),
            viscosity: self.viscosity.map(to),
            confinement: self.confinement.map(to),
            species: self
                .species
                .iter()
                .map(|species| Species {
                    name: species.name.clone(),
                    diffusivity: species.diffusivity.map(to),
                    lift: Lift {
                        expansion: to(species.lift.expansion),
                        reference: to(species.lift.reference),
                    },
                })
                .collect(),
            obstacles: self
                .obstacles
                .iter()
                .map(|obstacle| Obstacle {
                    name: obstacle.name.clone(),
                    shape: obstacle.shape.cast(),
                })
                .collect(),
            jets: self
                .jets
                .iter()
                .map(|jet| Jet {
                    name: jet.name.clone(),
                    direction: jet.direction.map(to),
                    scalars: jet.scalars.iter().map(|value| value.map(to)).collect(),
                    mixing: to(jet.mixing),
                })
                .collect(),
            sources: self
                .sources
                .iter()
                .map(|source| Source {
                    name: source.name.clone(),
                    shape: source.shape.cast(),
                    width: source.width,
                    rates: source.rates.iter().map(|rate| to(*rate)).collect(),
                    push: source.push.map(to),
                })
                .collect(),
            method: self.method,
        }
    }

    /// The number of a species.
    pub fn species_named(&self, name: &str) -> Option<usize> {
        self.species.iter().position(|species| species.name == name)
    }
}
