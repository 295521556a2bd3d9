//! A scene as an objective on an operator.

use std::collections::BTreeMap;

use backflow_operator::{
    Course, Operator, OperatorError,
    data::farthest_points,
    decode::{Decoder, Kernel},
    model::{Obstacle, Room},
    rollout::{Memory, Unrolled},
    train::Trained,
};
use backflow_optim::{Evaluation, Objective};
use backflow_sim::{
    loss::{Frame, FrameBar},
    particle::{Motion, Particles},
    rollout::{Gradient, State, forward::Rollout, frame::Criterion},
    scene::{BodyRef, Kind, Scene},
};
use nalgebra::{DMatrix, Vector3};

use super::{
    super::{
        Task,
        binding::{Binding, Setup},
        criterion::{Judge, metrics, world_index},
    },
    fit::steps_per_frame,
    verify::Verified,
};

/// Why a scene cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The operator fails, or does not fit.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// The loss is not finite.
    #[error("the loss that the operator leads to is {0}; expected a finite number")]
    NotFinite(f64),
}

/// The loss of a scene over the flat vector of its variables, with an operator in place of the engine.
///
/// The operator steps samples of the body; its decoder says where all particles are, and the scene's own losses
/// read these. What the engine has found at a point can be taken in by [`Planned::correct`].
pub struct Planned<'a> {
    scene: &'a Scene,
    binding: &'a Binding,
    judge: &'a Judge,
    body: &'a BodyRef,
    operator: Operator<f64>,
    room: Room,
    /// Which particles of the body are samples.
    samples: Vec<usize>,
    decoder: Decoder,
    /// Steps of the operator in a frame.
    stride: usize,
    /// What losses read at the end of a frame, but for the positions and the number of the frame.
    like: Frame<f64>,
    /// What is added to the positions at the ends of frames (m).
    shifts: BTreeMap<usize, Vec<Vector3<f64>>>,
    /// Steps of the operator so far.
    pub steps: usize,
    /// Coordinates and samples that walls and obstacles have held back so far.
    pub held: usize,
}

/// A run of the operator.
struct Run {
    unrolled: Unrolled<f64>,
    /// Frames that are read, in order.
    frames: Vec<Frame<f64>>,
}

fn motions<'a>(scene: &Scene, body: &BodyRef, particles: &'a Particles<f64>) -> &'a [Motion<f64>] {
    let motions = match body.kind {
        Kind::Liquid => &particles.liquid.motion,
        Kind::Solid => &particles.solid.motion,
    };
    motions.get(scene.range(body)).unwrap_or_default()
}

fn columns(all: impl Iterator<Item = Vector3<f64>>) -> DMatrix<f64> {
    let x: Vec<f64> = all.flat_map(|x| [x.x, x.y, x.z]).collect();
    DMatrix::from_vec(3, x.len() / 3, x)
}

impl<'a> Planned<'a> {
    /// The scene with so many samples of its body, which [`unfit`](super::unfit) has found to fit.
    ///
    /// # Errors
    /// Fewer particles than samples, no body, or a frame that is no whole number of steps.
    pub fn new(
        task: &'a Task,
        binding: &'a Binding,
        judge: &'a Judge,
        trained: &Trained,
        samples: usize,
    ) -> Result<Self, OperatorError> {
        let (spec, scene) = (&task.spec, &task.scene);
        let (operator, frame) = (trained.operator.cast::<f64>(), spec.time.frame);
        let step = operator.scales.frame;
        let stride = steps_per_frame(frame, step).ok_or_else(|| {
            OperatorError::mismatch("time of a frame (s)", frame, format!("steps of {step}"))
        })?;
        let body = (scene.bodies.first())
            .ok_or_else(|| OperatorError::mismatch("bodies", 0, "one body"))?;
        let state = State::new(&scene.world, scene.particles.clone());
        let like = Rollout::new(&scene.world, &scene.programs).read(&state, 0, true);
        let start = motions(scene, body, &scene.particles);
        if samples == 0 || samples > start.len() {
            let expected = format!("1 to {}, the particles of the body", start.len());
            return Err(OperatorError::mismatch("samples", samples, expected));
        }
        let points: Vec<f32> = start
            .iter()
            .flat_map(|motion| motion.x().map(|x| x as f32).data.0[0])
            .collect();
        let samples = farthest_points(&points, samples, 0);
        let places = columns(samples.iter().map(|&at| start[at].x()));
        let kernel: Option<&Kernel> = trained.kernel.as_ref();
        let decoder = Decoder::new(&places.map(|x| x as f32), &points, kernel)?;
        let (low, size) = (spec.domain.min, spec.domain.size);
        let obstacles = scene.world.colliders.iter().map(|collider| Obstacle {
            shape: collider.shape.clone(),
            pose: collider.pose,
        });
        let room = Room {
            bounds: [low, [0, 1, 2].map(|axis| low[axis] + size[axis])],
            gravity: spec.gravity,
            obstacles: obstacles.collect(),
        };
        Ok(Self {
            scene,
            binding,
            judge,
            body,
            operator,
            room,
            samples,
            decoder,
            stride,
            like,
            shifts: BTreeMap::new(),
            steps: 0,
            held: 0,
        })
    }

    /// Frames that are read: those of the losses, and the last.
    fn read(&self) -> Vec<usize> {
        let frames = self.scene.world.clock.frames;
        let read = |&frame: &usize| frame + 1 == frames || self.judge.reads(frame);
        (0..frames).filter(read).collect()
    }

    /// Runs the operator from a point.
    fn run(&mut self, x: &[f64], memory: Memory) -> Result<Run, OperatorError> {
        let Setup { particles, .. } = self.binding.setup(x);
        let start = motions(self.scene, self.body, &particles);
        let samples = self.samples.iter().map(|&at| &start[at]);
        let places = columns(samples.clone().map(Motion::x));
        let velocities = columns(samples.map(Motion::v));
        let (step, seen) = (self.operator.scales.frame, self.operator.steps());
        let window = Course::window(&self.room, step, seen, &places, &velocities);
        let read = self.read();
        let steps = self.stride * read.last().map_or(0, |last| last + 1);
        let unrolled = Unrolled::new(&self.operator, &self.room, &window, steps, memory)?;
        self.steps += steps;
        self.held += unrolled.steps.iter().map(|step| step.held).sum::<usize>();
        let mut frames = Vec::with_capacity(read.len());
        for index in read {
            let Some(stepped) = unrolled.steps.get(self.stride * (index + 1) - 1) else {
                continue;
            };
            let moved = self.decoder.apply(&(&stepped.x - &places))?;
            let shift = self.shifts.get(&index);
            let position = |(at, (motion, u)): (usize, (&Motion<f64>, &[f64]))| {
                let u = Vector3::new(u[0], u[1], u[2]);
                let shift = shift.map_or_else(Vector3::zeros, |shift| shift[at]);
                motion.x() + u + shift
            };
            let all = start.iter().zip(moved.chunks_exact(3)).enumerate();
            let mut frame = self.like.clone();
            frame.index = index;
            if let Some(body) = frame.bodies.get_mut(world_index(self.scene, 0)) {
                body.x = all.map(position).collect();
            }
            frames.push(frame);
        }
        Ok(Run { unrolled, frames })
    }

    /// The loss of a run, and the scene's metrics at its end.
    fn judged(&self, run: &Run) -> Result<(f64, Vec<(String, f64)>), PlanError> {
        let read = run.frames.iter();
        let read = read.filter(|frame| self.judge.reads(frame.index));
        let value: f64 = read.map(|frame| self.judge.value(frame)).sum();
        if !value.is_finite() {
            return Err(PlanError::NotFinite(value));
        }
        let last = run.frames.last();
        let metrics = last.map(|frame| metrics(self.scene, frame));
        Ok((value, metrics.unwrap_or_default()))
    }

    /// The loss at a point as the operator predicts it, and the scene's metrics at the end.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn predict(&mut self, x: &[f64]) -> Result<(f64, Vec<(String, f64)>), PlanError> {
        let run = self.run(x, Memory::Checkpoint)?;
        self.judged(&run)
    }

    /// Takes in what the engine has found at the point `x`: from now on the operator says how far particles end
    /// from where they did then, not where. At `x` loss and metrics are then those of the engine, and its
    /// gradient is that of the scene's losses there, through the operator (output space mapping, Bandler et al. 2004).
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn correct(&mut self, x: &[f64], found: &Verified) -> Result<(), PlanError> {
        self.shifts.clear();
        let run = self.run(x, Memory::Checkpoint)?;
        for frame in &run.frames {
            let body = frame.bodies.get(world_index(self.scene, 0));
            if let (Some(body), Some(truth)) = (body, found.x.get(&frame.index)) {
                let off = truth.iter().zip(&body.x).map(|(truth, x)| truth - x);
                self.shifts.insert(frame.index, off.collect());
            }
        }
        Ok(())
    }
}

impl Objective for Planned<'_> {
    type Error = PlanError;

    fn value(&mut self, x: &[f64]) -> Result<f64, PlanError> {
        self.predict(x).map(|(value, _)| value)
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, PlanError> {
        let run = self.run(x, Memory::Tape)?;
        let (value, metrics) = self.judged(&run)?;
        let count = self.samples.len();
        let zero = DMatrix::zeros(3, count);
        let mut bars = vec![(zero.clone(), zero); run.unrolled.steps.len()];
        let mut all = Particles::zeros(
            self.scene.particles.liquid.len(),
            self.scene.particles.solid.len(),
        );
        let range = self.scene.range(self.body);
        let gradient = match self.body.kind {
            Kind::Liquid => &mut all.liquid.motion,
            Kind::Solid => &mut all.solid.motion,
        };
        let gradient = gradient.get_mut(range).unwrap_or_default();
        let mut places_bar = DMatrix::<f64>::zeros(3, count);
        for frame in &run.frames {
            if !self.judge.reads(frame.index) {
                continue;
            }
            let mut frame_bar = FrameBar::zeros(frame);
            self.judge.value_vjp(frame, &mut frame_bar);
            let Some(body) = frame_bar.bodies.get(world_index(self.scene, 0)) else {
                continue;
            };
            for (motion, bar) in gradient.iter_mut().zip(&body.x) {
                motion.add_x(bar);
            }
            let flat: Vec<f64> = body
                .x
                .iter()
                .flat_map(|bar| [bar.x, bar.y, bar.z])
                .collect();
            let moved_bar = self.decoder.apply_vjp(&flat)?;
            places_bar -= &moved_bar;
            bars[self.stride * (frame.index + 1) - 1].1 += moved_bar;
        }
        let mut weights_bar = vec![0.0; self.operator.weights.len()];
        let bar = (run.unrolled).pull(&self.operator, &self.room, &bars, &mut weights_bar)?;
        let [x_bar, v_bar] = Course::window_vjp(self.operator.scales.frame, bar);
        places_bar += x_bar;
        for (column, &at) in self.samples.iter().enumerate() {
            let of =
                |x: &DMatrix<f64>| Vector3::new(x[(0, column)], x[(1, column)], x[(2, column)]);
            gradient[at].add_x(&of(&places_bar));
            let v = gradient[at].v() + of(&v_bar);
            gradient[at].set_v(&v);
        }
        // Variables that an operator plans read nothing else.
        let gradient = self.binding.pull(x, &Gradient::of_particles(all));
        let mut evaluation = Evaluation::new(value, gradient);
        evaluation.metrics = metrics;
        Ok(evaluation)
    }

    fn diverged(&self, error: &PlanError) -> bool {
        matches!(
            error,
            PlanError::NotFinite(_) | PlanError::Operator(OperatorError::NotFinite { .. })
        )
    }
}
