//! The gas of a scene at some point of its run.

use std::sync::Arc;

use backflow::{
    sim::{
        gas::{Gas, Model, Rollout},
        scene::GasScene,
    },
    task::Task,
};

use crate::gas::GasFrame;

/// A gas at some point of its run.
pub(super) struct Flow {
    task: Arc<Task>,
    model: Model<f32>,
    gas: Gas<f32>,
}

impl Flow {
    /// The gas of a task at its start; none where it has none.
    pub fn new(task: &Arc<Task>) -> Option<Self> {
        let scene = task.scene.gas.as_ref()?;
        Some(Self {
            task: Arc::clone(task),
            model: scene.model.cast(),
            gas: scene.initial.cast(),
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
            self.gas.clone_from(&other.gas);
        }
    }

    /// Back to the start.
    pub fn restart(&mut self) {
        if let Some(gas) = self.scene().map(|scene| scene.initial.cast()) {
            self.gas = gas;
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
        let went = rollout.advance(gas, frame);
        went.map(|_| ()).map_err(|error| error.to_string())
    }
}
