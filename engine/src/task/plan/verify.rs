//! A plan in the engine.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use backflow_sim::{
    Compiled,
    loss::{Frame, FrameBar},
    rollout::{State, forward::Rollout, frame::Criterion, store::RunError},
    scene::Scene,
};
use nalgebra::Vector3;

use super::super::{
    binding::{Binding, Setup},
    criterion::{Judge, world_index},
    objective::Watch,
};

/// What the engine makes of a point.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The loss.
    pub value: f64,
    /// The scene's metrics at the end.
    pub metrics: Vec<(String, f64)>,
    /// Positions (m) of the particles of the first body at the ends of the frames that the losses read, and
    /// of the last.
    pub x: BTreeMap<usize, Vec<Vector3<f64>>>,
    /// Substeps that it took.
    pub substeps: usize,
}

/// A judge that notes where the matter is.
struct Witness<'a> {
    watch: Watch<'a>,
    scene: &'a Scene,
    x: RefCell<BTreeMap<usize, Vec<Vector3<f64>>>>,
}

impl Criterion<f64> for Witness<'_> {
    fn reads(&self, frame: usize) -> bool {
        self.watch.reads(frame)
    }

    fn reads_tools(&self, frame: usize) -> bool {
        self.watch.reads_tools(frame)
    }

    fn reads_reactions(&self) -> bool {
        self.watch.reads_reactions()
    }

    fn value(&self, frame: &Frame<f64>) -> f64 {
        let body = frame.bodies.get(world_index(self.scene, 0));
        let x = body.map(|body| body.x.clone()).unwrap_or_default();
        self.x.borrow_mut().insert(frame.index, x);
        self.watch.value(frame)
    }

    fn value_vjp(&self, frame: &Frame<f64>, bars: &mut FrameBar<f64>) {
        self.watch.value_vjp(frame, bars);
    }
}

/// Runs the engine forward from the point `x` of a scene's variables, once.
///
/// # Errors
/// A run that fails.
pub fn verify<T: Compiled<Wide = f64>>(
    scene: &Scene,
    binding: &Binding,
    judge: &Judge,
    x: &[f64],
) -> Result<Verified, RunError> {
    let Setup {
        world,
        particles,
        programs,
        ..
    } = binding.setup(x);
    let world = world.cast::<T>();
    let mut state = State::new(&world, particles.cast::<T>());
    let witness = Witness {
        watch: Watch::new(judge, scene),
        scene,
        x: RefCell::default(),
    };
    let substeps = Cell::new(0);
    let mut count = |_, _| {
        substeps.set(substeps.get() + 1);
        true
    };
    let value = Rollout::new(&world, &programs).value(&mut state, &witness, &mut count)?;
    Ok(Verified {
        value,
        metrics: witness.watch.into_metrics(),
        x: witness.x.into_inner(),
        substeps: substeps.get(),
    })
}
