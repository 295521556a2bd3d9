//! The loss of a scene, with what is drawn of its gradient.

use std::cell::RefCell;

use backflow::{
    optim::{Evaluation, Objective},
    sim::{
        loss::{Frame as LossFrame, FrameBar},
        rollout::{
            Gradient, State,
            forward::{Rollout, Scratch},
            frame::Criterion,
            reverse::Pass,
            store::{RunError, plan},
        },
        scene::{Kind, Scene},
        tool::Program,
    },
    task::{
        binding::{Binding, Setup},
        criterion::{Judge, metrics, world_index},
        objective::RolloutObjective,
    },
};
use nalgebra::Vector3;

use super::{Iteration, Shared};

/// Particles of a ghost, at most.
const GHOST: usize = 4000;

/// Memory of a gradient (bytes).
const MEMORY: usize = 1 << 30;

/// The loss of a scene that keeps what its gradient came from.
pub struct Watched<'a> {
    scene: &'a Scene,
    binding: &'a Binding,
    judge: &'a Judge,
    shared: &'a Shared,
    scratch: Scratch<f32>,
    /// What the last gradient came from.
    pub latest: Option<Iteration>,
}

/// A judge that keeps positions of every frame and the metrics of the last.
struct Ghost<'a> {
    scene: &'a Scene,
    judge: &'a Judge,
    last: usize,
    frames: RefCell<Vec<Vec<[f32; 3]>>>,
    metrics: RefCell<Vec<(String, f64)>>,
}

impl<'a> Ghost<'a> {
    fn new(scene: &'a Scene, judge: &'a Judge) -> Self {
        Self {
            scene,
            judge,
            last: scene.world.clock.frames.saturating_sub(1),
            frames: RefCell::default(),
            metrics: RefCell::default(),
        }
    }
}

impl Criterion<f64> for Ghost<'_> {
    fn reads(&self, _frame: usize) -> bool {
        true
    }

    fn reads_tools(&self, frame: usize) -> bool {
        self.judge.reads_tools(frame)
    }

    fn reads_reactions(&self) -> bool {
        self.judge.reads_reactions()
    }

    fn value(&self, frame: &LossFrame<f64>) -> f64 {
        let every = self.scene.particles.len().div_ceil(GHOST).max(1);
        let bodies = (0..self.scene.bodies.len())
            .filter_map(|body| frame.bodies.get(world_index(self.scene, body)));
        let positions = bodies
            .flat_map(|body| &body.x)
            .step_by(every)
            .map(|x| <[f32; 3]>::from(x.map(|x| x as f32)))
            .collect();
        self.frames.borrow_mut().push(positions);
        if frame.index == self.last {
            self.metrics.replace(metrics(self.scene, frame));
        }
        if self.counts(frame.index) {
            self.judge.value(frame)
        } else {
            0.0
        }
    }

    fn value_vjp(&self, frame: &LossFrame<f64>, bars: &mut FrameBar<f64>) {
        if self.counts(frame.index) {
            self.judge.value_vjp(frame, bars);
        }
    }
}

impl Ghost<'_> {
    /// Whether the judge reads a frame, its matter or its tools.
    fn counts(&self, frame: usize) -> bool {
        self.judge.reads(frame) || self.judge.reads_tools(frame)
    }
}

/// Cotangents of the first three numbers of each command of the first tool.
fn controls_bar(programs: &[Program<f64>], gradient: &Gradient<f64>) -> Vec<Vector3<f64>> {
    let (Some(program), Some(bar)) = (programs.first(), gradient.tools.first()) else {
        return Vec::new();
    };
    bar.commands
        .chunks_exact(program.freedoms.max(3))
        .map(|bar| Vector3::new(bar[0], bar[1], bar[2]))
        .collect()
}

impl<'a> Watched<'a> {
    /// Not evaluated yet.
    pub fn new(
        scene: &'a Scene,
        binding: &'a Binding,
        judge: &'a Judge,
        shared: &'a Shared,
    ) -> Self {
        Self {
            scene,
            binding,
            judge,
            shared,
            scratch: Scratch::default(),
            latest: None,
        }
    }

    fn go_on(&self) -> bool {
        !self.shared.lock().quit
    }

    /// The objective of the command, which knows gas.
    fn with_gas(&self) -> RolloutObjective<'_, f32> {
        let shared = self.shared;
        let on_step = Box::new(|_: Pass, _: usize| !shared.lock().quit);
        RolloutObjective::new(self.scene, self.binding, self.judge, Some(MEMORY), on_step)
    }

    /// A gradient of a scene with gas, of which no trajectory is drawn.
    fn gradient_with_gas(&mut self, x: &[f64]) -> Result<Evaluation, RunError> {
        let evaluation = self.with_gas().gradient(x)?;
        self.latest = Some(Iteration {
            index: 0,
            loss: evaluation.value,
            x: x.to_vec(),
            ghost: Vec::new(),
            way: Vec::new(),
            controls_bar: Vec::new(),
            particles_bar: Vec::new(),
        });
        Ok(evaluation)
    }
}

impl Objective for Watched<'_> {
    type Error = RunError;

    fn value(&mut self, x: &[f64]) -> Result<f64, RunError> {
        if self.scene.gas.is_some() {
            return self.with_gas().value(x);
        }
        let Setup {
            world,
            particles,
            programs,
            ..
        } = self.binding.setup(x);
        let world = world.cast::<f32>();
        let mut state = State::new(&world, particles.cast());
        let scratch = std::mem::take(&mut self.scratch);
        let mut rollout = Rollout::new(&world, &programs).with_scratch(scratch);
        let mut on_step = |_: Pass, _: usize| self.go_on();
        let value = rollout.value(&mut state, self.judge, &mut on_step);
        self.scratch = rollout.into_scratch();
        value
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, RunError> {
        if self.scene.gas.is_some() {
            return self.gradient_with_gas(x);
        }
        let Setup {
            world,
            particles,
            programs,
            ..
        } = self.binding.setup(x);
        let world = world.cast::<f32>();
        let state = State::new(&world, particles.cast());
        let ghost = Ghost::new(self.scene, self.judge);
        let steps = world.clock.frames * world.clock.substeps;
        let plan = plan(&world, &state, steps, Some(MEMORY))?;
        let scratch = std::mem::take(&mut self.scratch);
        let mut rollout = Rollout::new(&world, &programs).with_scratch(scratch);
        let mut on_step = |_: Pass, _: usize| self.go_on();
        let found = rollout.gradient(&state, &ghost, None, &plan, &mut on_step);
        let way = (0..world.clock.frames)
            .filter_map(|frame| {
                let frames = rollout.frames(frame * world.clock.substeps);
                let (pose, _) = frames.first()?.first()?;
                Some(pose.position.map(f64::from))
            })
            .collect();
        self.scratch = rollout.into_scratch();
        let (loss, gradient) = found?;
        let gradient = gradient.widen();
        let mut evaluation = Evaluation::new(loss, self.binding.pull(x, &gradient));
        evaluation.metrics = ghost.metrics.into_inner();
        let particles_bar = self
            .scene
            .bodies
            .iter()
            .flat_map(|body| {
                let range = self.scene.range(body);
                match body.kind {
                    Kind::Liquid => &gradient.particles.liquid.motion[range],
                    Kind::Solid => &gradient.particles.solid.motion[range],
                }
            })
            .map(|bar| <[f32; 3]>::from(bar.x().map(|x| x as f32)))
            .collect();
        self.latest = Some(Iteration {
            index: 0,
            loss,
            x: x.to_vec(),
            ghost: ghost.frames.into_inner(),
            controls_bar: controls_bar(&programs, &gradient),
            way,
            particles_bar,
        });
        Ok(evaluation)
    }

    fn diverged(&self, error: &RunError) -> bool {
        matches!(error, RunError::NonFinite(_))
    }
}
