//! The gas of a scene at some point of its run.

use std::sync::Arc;

use backflow::{
    sim::{
        gas::{Gas, Model, Rollout},
        rollout::{State, forward::Rollout as Matter},
        scene::GasScene,
    },
    task::{Task, objective::is_alone},
};

use crate::gas::GasFrame;

/// A gas at some point of its run.
pub(super) struct Flow {
    task: Arc<Task>,
    model: Model<f32>,
    gas: Arc<Gas<f32>>,
}

impl Flow {
    /// The gas of a task at its start; none where it has none.
    pub fn new(task: &Arc<Task>) -> Option<Self> {
        let scene = task.scene.gas.as_ref()?;
        Some(Self {
            task: Arc::clone(task),
            model: scene.model.cast(),
            gas: Arc::new(scene.initial.cast()),
        })
    }

    fn scene(&self) -> Option<&GasScene> {
        self.task.scene.gas.as_ref()
    }

    /// Goes on from another gas, if it has the same cells and carries the same.
    pub fn carry(&mut self, other: &Self) {
        let species = |flow: &Self| -> Vec<String> {
            let species = flow.model.species.iter();
            species.map(|species| species.name.clone()).collect()
        };
        if self.model.grid == other.model.grid && species(&*self) == species(other) {
            self.gas = Arc::clone(&other.gas);
        }
    }

    /// Back to the start.
    pub fn restart(&mut self) {
        if let Some(gas) = self.scene().map(|scene| scene.initial.cast()) {
            self.gas = Arc::new(gas);
        }
    }

    /// The gas as it is.
    pub fn read(&self) -> GasFrame {
        GasFrame::of(&self.model, &self.gas)
    }

    /// Makes a frame of gas without matter.
    pub fn advance(&mut self, frame: usize) -> Result<(), String> {
        let Self { task, model, gas } = self;
        let Some(scene) = &task.scene.gas else {
            return Ok(());
        };
        let mut rollout = Rollout::new(model, &scene.course, scene.clock);
        let went = rollout.advance(Arc::make_mut(gas), frame);
        went.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Whether there is no matter in it.
    pub fn alone(&self) -> bool {
        is_alone(&self.task.scene.world, &self.task.scene.particles)
    }

    /// Makes a frame of gas and of the matter in it.
    pub fn advance_with(
        &mut self,
        matter: &mut Matter<'_, f32>,
        state: &mut State<f32>,
        frame: usize,
    ) -> Result<(), String> {
        let Self { task, model, gas } = self;
        let Some(scene) = &task.scene.gas else {
            return Ok(());
        };
        let went = scene.among(model).advance(matter, state, gas, frame);
        went.map(|_| ()).map_err(|error| error.to_string())
    }
}
