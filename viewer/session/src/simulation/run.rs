//! A scene at some point of its run: what tools are told, a frame at a time.

use std::sync::Arc;

use backflow::{
    sim::{
        particle::Particles,
        pose::Twist,
        rollout::{
            State,
            decide::told,
            forward::{Rollout, Scratch},
        },
        scene::spec::Velocity,
        tool::{Command as Order, Drive, Rate, Trajectory},
        world::World,
    },
    task::{Task, binding::Binding},
};
use nalgebra::Vector3;
use rayon::ThreadPool;

use super::{Aim, flow::Flow};
use crate::{
    frame::{Field, Frame, carried},
    stage::{Poses, Stage},
};

/// Share of a cell that a steered tool may move in a substep, at most (1).
const STRIDE: f64 = 0.25;

/// A scene at some point of its run.
pub(super) struct Run {
    pub task: Arc<Task>,
    pub stage: Arc<Stage>,
    world: World<f32>,
    state: State<f32>,
    /// The gas, if there is any.
    flow: Option<Flow>,
    /// How each tool has moved so far.
    pub trajectories: Vec<Trajectory<f64>>,
    /// Frames done.
    pub frame: usize,
}

impl Run {
    pub fn new(task: Task) -> Self {
        let task = Arc::new(task);
        let world: World<f32> = task.scene.world.cast();
        let state = State::new(&world, task.scene.particles.cast());
        Self {
            stage: Arc::new(Stage::of(&task)),
            trajectories: Rollout::new(&world, &[]).trajectories,
            flow: Flow::new(&task),
            frame: 0,
            task,
            world,
            state,
        }
    }

    pub fn restart(&mut self) {
        self.state = State::new(&self.world, self.task.scene.particles.cast());
        self.trajectories = Rollout::new(&self.world, &[]).trajectories;
        if let Some(flow) = &mut self.flow {
            flow.restart();
        }
        self.frame = 0;
    }

    /// The same scene with other values of what is optimised, at its start.
    pub fn chosen(&self, x: &[f64]) -> Result<Self, String> {
        let mut task = (*self.task).clone();
        let binding = Binding::new(&task.spec, &task.scene).map_err(|error| error.to_string())?;
        let setup = binding.setup(x);
        let scene = &mut task.scene;
        (scene.world, scene.particles) = (setup.world, setup.particles);
        (scene.programs, scene.gas) = (setup.programs, setup.gas);
        Ok(Self::new(task))
    }

    /// The changed scene, with what goes on.
    pub fn changed(&self, task: Task) -> Self {
        let particles = self.particles();
        let carried = carried((&self.task.scene, &particles), &task.scene);
        let mut run = Self::new(task);
        run.state = State::new(&run.world, carried);
        run.frame = self.frame;
        if let (Some(flow), Some(known)) = (&mut run.flow, &self.flow) {
            flow.carry(known);
        }
        let known = self.world.rigids.iter().zip(&self.state.rigids);
        for (body, state) in run.world.rigids.iter().zip(&mut run.state.rigids) {
            let same = known.clone().find(|(known, _)| known.name == body.name);
            *state = same.map_or(*state, |(_, known)| *known);
        }
        let same = |tool: &Trajectory<f64>| {
            let mut known = self.trajectories.iter();
            known.find(|known| {
                let (known, tool) = (known.tool(), tool.tool());
                known.name == tool.name && known.joints.len() == tool.joints.len()
            })
        };
        for trajectory in &mut run.trajectories {
            match same(trajectory) {
                Some(known) => *trajectory = known.clone(),
                // A new tool has held still until now.
                None => (0..self.frame).for_each(|_| hold(trajectory)),
            }
        }
        run
    }

    fn particles(&self) -> Particles<f32> {
        self.state.canonical(&self.world)
    }

    pub fn read(&self, field: Field) -> Frame {
        let time = self.stage.frame_time * self.frame as f64;
        let links = |trajectory: &Trajectory<f64>| {
            let links = trajectory.links(self.frame, 0.0);
            links.iter().map(|(pose, _)| *pose).collect()
        };
        Frame::read(
            &self.stage,
            &self.task.scene,
            &self.world,
            &self.particles(),
            field,
            (self.frame, time),
            (
                Poses::of(
                    self.trajectories.iter().map(links).collect(),
                    &self.state.rigids,
                    self.task.scene.gas.as_ref(),
                    self.frame,
                ),
                self.flow.as_ref().map(Flow::read),
            ),
        )
    }

    /// The velocity that brings a tool to its aim by the end of a frame, as far as the grid lets
    /// it go.
    fn towards(&self, aim: &Aim) -> Twist<f64> {
        let clock = &self.task.scene.world.clock;
        let most = STRIDE * self.stage.cell / clock.dt;
        let at = self.trajectories.get(aim.tool);
        let way = at.map_or(Vector3::zeros(), |tool| {
            aim.position - tool.stance(self.frame, 0.0).pose.position
        });
        let linear = way / self.stage.frame_time;
        let speed = linear.norm();
        Twist {
            linear: linear * if speed > most { most / speed } else { 1.0 },
            angular: aim.spin,
        }
    }

    /// Tells every tool what to do in the next frame: to go to its aim, to rest where it was left,
    /// or what the scene says.
    pub fn command(&mut self, aim: Option<Aim>, steered: &[usize]) {
        let aimed = aim.map(|aim| (aim.tool, self.towards(&aim)));
        let (world, state, frame) = (&self.world, &self.state, self.frame);
        for (index, trajectory) in self.trajectories.iter_mut().enumerate() {
            match aimed {
                Some((tool, twist)) if tool == index => {
                    let mut values = vec![0.0; trajectory.tool().freedoms()];
                    values[..3].copy_from_slice(twist.linear.as_slice());
                    values[3..6].copy_from_slice(twist.angular.as_slice());
                    trajectory.push(VELOCITY, &values);
                }
                _ if !steered.contains(&index) => {
                    let stance = trajectory.stance(frame, 0.0);
                    let program = self.task.scene.programs.get(index);
                    let (command, values) = told(world, state, index, &stance, program, frame);
                    trajectory.push(command, &values);
                }
                _ => hold(trajectory),
            }
        }
    }

    /// How each tool moves in a frame.
    pub fn velocities(&self, frame: usize) -> impl Iterator<Item = Velocity> {
        self.trajectories.iter().map(move |trajectory| {
            let Rate { twist, joints } = trajectory.rate(frame);
            Velocity {
                linear: twist.linear.into(),
                angular: twist.angular.into(),
                joints: joints.to_vec(),
            }
        })
    }

    /// Makes the next frame, for which the tools have been told what to do, on `threads`; `go_on` is
    /// asked before each substep. Returns whether it was finished.
    pub fn advance(
        &mut self,
        scratch: &mut Scratch<f32>,
        threads: Option<&ThreadPool>,
        go_on: impl FnMut() -> bool,
    ) -> Result<bool, String> {
        match &mut self.flow {
            Some(flow) if flow.alone() => {
                let frame = self.frame;
                match threads {
                    Some(threads) => threads.install(|| flow.advance(frame))?,
                    None => flow.advance(frame)?,
                }
                self.frame += 1;
                Ok(true)
            }
            Some(_) => self.advance_both(scratch, threads),
            None => self.advance_matter(scratch, threads, go_on),
        }
    }

    /// A frame of gas and matter.
    fn advance_both(
        &mut self,
        scratch: &mut Scratch<f32>,
        threads: Option<&ThreadPool>,
    ) -> Result<bool, String> {
        let mut rollout = Rollout::new(&self.world, &[]).with_scratch(std::mem::take(scratch));
        std::mem::swap(&mut rollout.trajectories, &mut self.trajectories);
        let (state, frame) = (&mut self.state, self.frame);
        let went = self.flow.as_mut().map_or(Ok(()), |flow| {
            let mut run = || flow.advance_with(&mut rollout, state, frame);
            match threads {
                Some(threads) => threads.install(run),
                None => run(),
            }
        });
        std::mem::swap(&mut rollout.trajectories, &mut self.trajectories);
        *scratch = rollout.into_scratch();
        went?;
        self.frame += 1;
        Ok(true)
    }

    fn advance_matter(
        &mut self,
        scratch: &mut Scratch<f32>,
        threads: Option<&ThreadPool>,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<bool, String> {
        let substeps = self.world.clock.substeps;
        let mut rollout = Rollout::new(&self.world, &[]).with_scratch(std::mem::take(scratch));
        std::mem::swap(&mut rollout.trajectories, &mut self.trajectories);
        let mut outcome = Ok(true);
        for step in self.frame * substeps..(self.frame + 1) * substeps {
            if !go_on() {
                outcome = Ok(false);
                break;
            }
            let state = &mut self.state;
            let done = match threads {
                Some(threads) => threads.install(|| rollout.advance(state, step)),
                None => rollout.advance(state, step),
            };
            if let Err(error) = done {
                outcome = Err(format!("frame {}: {error}", self.frame));
                break;
            }
        }
        std::mem::swap(&mut rollout.trajectories, &mut self.trajectories);
        *scratch = rollout.into_scratch();
        if outcome == Ok(true) {
            let step = (self.frame + 1) * substeps;
            if let Err(error) = self.state.check(&self.world, step) {
                return Err(format!("frame {}: {error}", self.frame));
            }
            self.frame += 1;
        }
        outcome
    }
}

/// A velocity for a frame, such as a hand gives.
const VELOCITY: Order = Order {
    drive: Drive::Velocity,
    free: true,
};

/// Lets a tool rest for a frame.
fn hold(trajectory: &mut Trajectory<f64>) {
    let still = vec![0.0; trajectory.tool().freedoms()];
    trajectory.push(VELOCITY, &still);
}
