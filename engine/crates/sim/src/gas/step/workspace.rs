//! Memory of the steps of a gas.

use backflow_diff::Real;

use crate::gas::{
    advect::AdvectScratch,
    boundary::{Ghosts, carried_ghosts, scalar_ghosts, velocity_ghosts},
    confine::ConfineScratch,
    drag::Matter,
    field::{Field, Velocity},
    flux::FluxScratch,
    model::{Gas, Model, Moment},
    opening::{Hit, Openings, Placement, openings},
    projector::{ProjectScratch, Projector},
    spread::Spread,
};

use super::mirror::Carried;

/// Memory of the steps of a model, and what does not change between them. The first step takes it,
/// and the first step back; those that follow take none, whatever has moved in between.
#[derive(Debug)]
pub struct Workspace<T: Real> {
    pub(super) velocity_ghosts: [Ghosts<T>; 3],
    pub(super) scalar_ghosts: Vec<Ghosts<T>>,
    pub(super) carried_ghosts: Vec<Ghosts<T>>,
    pub(super) openings: Openings<T>,
    pub(super) projector: Option<(Vec<Placement<T>>, Projector)>,
    pub(super) advect: AdvectScratch<T>,
    pub(super) flux: Option<FluxScratch<T>>,
    pub(super) confine: Option<ConfineScratch<T>>,
    pub(super) spread: Spread<T>,
    /// Carried along.
    pub(super) carried: Velocity<T>,
    pub(super) carried_scalars: Vec<Field<T>>,
    /// Scalars after jets and sources.
    pub(super) mixed: Vec<Field<T>>,
    /// Smeared by viscosity, then pushed, then held by matter and solids.
    pub(super) smeared: Velocity<T>,
    pub(super) pushed: Velocity<T>,
    pub(super) dragged: Velocity<T>,
    pub(super) held: Velocity<T>,
    pub(super) openings_bar: Openings<T>,
    pub(super) bars: Gas<T>,
    pub(super) project: ProjectScratch<T>,
    /// The velocity mirrored between two halves; `None` while a step has it, and where steps have
    /// none.
    pub(super) mirrored: Option<Carried<T>>,
    /// The gas at the middle of a step, and after its pressure.
    pub(super) half: Option<Gas<T>>,
    pub(super) after: Option<Gas<T>>,
    /// Cotangents of a component that is carried, and of what is at the sides.
    pub(super) own_bar: Velocity<T>,
    pub(super) side_bars: Vec<[[f64; 2]; 3]>,
    pub(super) hits: Vec<Hit<T>>,
}

impl<T: Real> Workspace<T> {
    /// For a model.
    pub fn new(model: &Model<T>) -> Self {
        let grid = &model.grid;
        let velocity = || Field::zero_velocity(grid);
        let scalars = || vec![Field::zero(grid.centres()); model.species.len()];
        Self {
            velocity_ghosts: [0, 1, 2].map(|axis| velocity_ghosts(&model.sides, axis)),
            scalar_ghosts: (0..model.species.len())
                .map(|index| scalar_ghosts(&model.sides, index))
                .collect(),
            carried_ghosts: (0..model.species.len())
                .map(|index| carried_ghosts(&model.sides, index))
                .collect(),
            openings: Openings::open(grid),
            projector: None,
            advect: AdvectScratch::default(),
            flux: (model.method.conservative && !model.species.is_empty())
                .then(|| FluxScratch::new(grid)),
            confine: model.confinement.map(|_| ConfineScratch::new(grid)),
            spread: Spread::default(),
            carried: velocity(),
            carried_scalars: scalars(),
            pushed: velocity(),
            mixed: scalars(),
            smeared: velocity(),
            dragged: velocity(),
            held: velocity(),
            openings_bar: Openings::zero(grid),
            bars: Gas::zero(model),
            project: ProjectScratch::default(),
            mirrored: None,
            half: None,
            after: None,
            own_bar: velocity(),
            side_bars: vec![[[0.0; 2]; 3]; model.species.len()],
            hits: Vec::new(),
        }
    }

    /// What the faces let through at a moment.
    pub fn openings(&self) -> &Openings<T> {
        &self.openings
    }

    /// The velocity that drag by matter left in the last step.
    pub fn dragged(&self) -> &Velocity<T> {
        &self.dragged
    }

    /// Sets the openings and the matrix of the pressure, if they are not those of the last step.
    pub(super) fn prepare(
        &mut self,
        model: &Model<T>,
        moment: &Moment<T>,
        matter: Option<&Matter<T>>,
    ) {
        let known = self
            .projector
            .as_ref()
            .is_some_and(|(places, _)| *places == moment.obstacles);
        if !known {
            let (sides, places) = (&model.sides, &moment.obstacles);
            openings(
                &model.grid,
                sides,
                &model.obstacles,
                places,
                &mut self.openings,
            );
        }
        if known && matter.is_none() {
            return;
        }
        let occupied = matter.map(|matter| &matter.occupied);
        match &mut self.projector {
            Some((places, projector)) => {
                places.clone_from(&moment.obstacles);
                projector.set(&self.openings, occupied);
            }
            None => {
                let method = &model.method;
                let projector = Projector::new(
                    &model.grid,
                    &self.openings,
                    occupied,
                    method.precondition,
                    method.tolerance,
                );
                self.projector = Some((moment.obstacles.clone(), projector));
            }
        }
    }
}
