//! Scenes as environments that a policy acts in, frame by frame.

use std::ops::Range;

use backflow_optim::{Bounds, Layout};
use backflow_sim::{
    Compiled,
    rollout::{
        State,
        forward::{Rollout, Scratch},
        frame::Criterion,
        state::NonFinite,
    },
};

use super::{
    Task,
    binding::Setup,
    frames::{ToolRows, bodies, tools},
    scenarios::{Case, Cases, ScenarioError},
};

/// What a policy sees and does, one frame of the scene a step.
///
/// Nothing is random: the same seed and actions give the same bits. What is seen keeps its shape
/// through an episode, save that particles which a nozzle lets out are seen from then on.
pub trait Environment {
    /// Why a step can fail.
    type Error: std::error::Error + 'static;

    /// What each entry of an action may be; an action has as many entries as this.
    fn action_bounds(&self) -> &[Bounds];

    /// Begins an episode. The seed picks the scenario, of those that the scene declares: number
    /// `seed` modulo their count.
    ///
    /// # Errors
    /// What cannot be simulated.
    fn reset(&mut self, seed: u64) -> Result<Observation, Self::Error>;

    /// Acts for one frame. Entries beyond their bounds are clamped to them. After the last frame
    /// nothing moves any more, and the reward is 0.
    ///
    /// # Errors
    /// What cannot be simulated.
    fn step(&mut self, action: &[f64]) -> Result<Transition, Self::Error>;

    /// What there is to see now.
    fn observe(&self) -> Observation;

    /// Reward of the last step; 0 at the start.
    fn reward(&self) -> f64;
}

/// The run without the policies of its scene: whoever acts is the policy.
fn unsteered(mut setup: Setup) -> Setup {
    setup.world.policies.clear();
    setup
}

/// What a step led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// What there is to see after it.
    pub observation: Observation,
    /// `scale (offset - L_t)`, with L_t what the frame adds to the loss of the scene.
    pub reward: f64,
    /// Whether the episode is over.
    pub done: bool,
    /// Entries of the action that were clamped.
    pub clamped: usize,
}

/// What a policy sees: FluidLab's observation (Xian et al. 2023, appendix A): positions and velocities
/// of some particles of each body, and the pose of each tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// Frame that comes next, from 0.
    pub frame: usize,
    /// The bodies, in the order of the scene.
    pub bodies: Vec<SeenBody>,
    /// The tools, in the order of the scene.
    pub tools: Vec<ToolRows>,
}

/// Some particles of a body.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenBody {
    /// Name of the body.
    pub name: String,
    /// Positions of its particles (m), one after the other.
    pub x: Vec<f64>,
    /// Their velocities (m/s).
    pub v: Vec<f64>,
}

impl Observation {
    /// As one vector: for each body x and v, particle by particle; for each tool the position and the
    /// rotation matrix (row by row) of each of its frames, and its joints.
    pub fn flat(&self) -> Vec<f64> {
        let mut flat = Vec::new();
        for body in &self.bodies {
            for (x, v) in body.x.chunks_exact(3).zip(body.v.chunks_exact(3)) {
                flat.extend_from_slice(x);
                flat.extend_from_slice(v);
            }
        }
        for tool in &self.tools {
            for link in &tool.links {
                flat.extend(link.position.iter());
                flat.extend(link.rotation.transpose().iter());
            }
            flat.extend_from_slice(&tool.joints);
        }
        flat
    }
}

/// How an environment is made of a scene.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnvironmentSettings {
    /// Most particles of a body that are seen: every (n/K)-th (default: 500).
    pub particles: usize,
    /// Factor of the reward (default: 1).
    pub scale: f64,
    /// Loss of a frame whose reward is 0 (default: 0, so that the rewards of an episode add up to minus the
    /// loss).
    pub offset: f64,
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self {
            particles: 500,
            scale: 1.0,
            offset: 0.0,
        }
    }
}

/// Why an environment cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// Scenarios that do not fit.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// No controls to act with.
    #[error("optimize.variables: no `Controls` in them; expected some, which actions set")]
    Controls,
    /// It has gas, which an environment does not run.
    #[error("gas: expected a scene without gas")]
    Gas,
}

/// A scene with `Controls` among its variables as an environment: an action is what they are in the
/// frame, in units of the flat vector. Where several frames share a value, that of the first of
/// them counts. What lies between knots that are joined by lines goes to the value that the scene
/// has at the next knot.
pub struct SceneEnvironment<T: Compiled> {
    cases: Cases,
    settings: EnvironmentSettings,
    /// Entries of the flat vector that begin to act in each frame.
    entries: Vec<Vec<usize>>,
    bounds: Vec<Bounds>,
    layout: Layout,
    /// The scenario, the flat vector so far, and the state.
    case: usize,
    x: Vec<f64>,
    state: Option<State<T>>,
    scratch: Scratch<T>,
    frame: usize,
    reward: f64,
    seen: Observation,
}

impl<T: Compiled<Wide = f64>> SceneEnvironment<T> {
    /// The environment of a task.
    ///
    /// # Errors
    /// A scene without controls or with gas, or scenarios that do not fit.
    pub fn new(task: &Task, settings: EnvironmentSettings) -> Result<Self, EnvironmentError> {
        if task.scene.gas.is_some() {
            return Err(EnvironmentError::Gas);
        }
        let cases = Cases::new::<T>(task)?;
        let (entries, layout, frames) = {
            let Case { binding, scene, .. } = cases.case(0);
            let frames = scene.world.clock.frames;
            (binding.acting(), binding.layout().clone(), frames)
        };
        let begins = |frame: usize| -> Vec<usize> {
            let first = |range: &Option<Range<usize>>| range.as_ref().map(|range| range.start);
            let acting = entries.iter().enumerate();
            let fit = acting.filter(|(_, range)| first(range) == Some(frame));
            fit.map(|(index, _)| index).collect()
        };
        let entries: Vec<Vec<usize>> = (0..frames).map(begins).collect();
        let widest = entries.iter().max_by_key(|entries| entries.len());
        let widest = widest.filter(|entries| !entries.is_empty());
        let widest = widest.ok_or(EnvironmentError::Controls)?;
        let bounds = widest.iter().map(|index| layout.bounds()[*index]).collect();
        let mut environment = Self {
            cases,
            settings,
            entries,
            bounds,
            layout,
            case: 0,
            x: Vec::new(),
            state: None,
            scratch: Scratch::default(),
            frame: 0,
            reward: 0.0,
            seen: Observation::default(),
        };
        environment.begin(0);
        Ok(environment)
    }

    /// Frames of an episode.
    pub fn frames(&self) -> usize {
        self.entries.len()
    }

    fn begin(&mut self, case: usize) {
        let Case { binding, .. } = self.cases.case(case);
        let x = binding.start();
        let Setup {
            world, particles, ..
        } = binding.setup(&x);
        self.state = Some(State::new(&world.cast::<T>(), particles.cast::<T>()));
        (self.case, self.x, self.frame, self.reward) = (case, x, 0, 0.0);
        self.seen = self.look();
    }

    /// What there is to see in the state as it is.
    fn look(&self) -> Observation {
        let Case { binding, scene, .. } = self.cases.case(self.case);
        let Setup {
            world, programs, ..
        } = unsteered(binding.setup(&self.x));
        let world = world.cast::<T>();
        let Some(state) = &self.state else {
            return Observation::default();
        };
        let most = self.settings.particles.max(1);
        let some = |rows: super::frames::BodyRows| {
            let step = (rows.x.len() / 3).div_ceil(most).max(1);
            let thin = |all: &[f64]| -> Vec<f64> {
                all.chunks_exact(3)
                    .step_by(step)
                    .flatten()
                    .copied()
                    .collect()
            };
            SeenBody {
                name: rows.name,
                x: thin(&rows.x),
                v: thin(&rows.v),
            }
        };
        let seen = bodies(scene, &world, state, self.frame.saturating_sub(1));
        let rollout = Rollout::new(&world, &programs);
        Observation {
            frame: self.frame,
            bodies: seen.into_iter().map(some).collect(),
            tools: tools(&rollout, self.frame * world.clock.substeps),
        }
    }
}

impl<T: Compiled<Wide = f64>> Environment for SceneEnvironment<T> {
    type Error = NonFinite;

    fn action_bounds(&self) -> &[Bounds] {
        &self.bounds
    }

    fn reset(&mut self, seed: u64) -> Result<Observation, NonFinite> {
        self.begin((seed % self.cases.len() as u64) as usize);
        Ok(self.observe())
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, NonFinite> {
        let mut clamped = 0;
        self.reward = 0.0;
        if let (Some(entries), Some(mut state)) = (self.entries.get(self.frame), self.state.take())
        {
            for (index, value) in entries.iter().zip(action) {
                let nearest = self.layout.bounds()[*index].nearest(*value);
                clamped += usize::from(nearest != *value);
                self.x[*index] = nearest;
            }
            let Case { binding, judge, .. } = self.cases.case(self.case);
            let Setup {
                world, programs, ..
            } = unsteered(binding.setup(&self.x));
            let world = world.cast::<T>();
            let scratch = std::mem::take(&mut self.scratch);
            let mut rollout = Rollout::new(&world, &programs).with_scratch(scratch);
            let substeps = world.clock.substeps;
            if judge.reads_reactions() {
                rollout.record_reactions(self.frame * substeps);
            }
            for step in self.frame * substeps..(self.frame + 1) * substeps {
                rollout.advance(&mut state, step)?;
            }
            state.check(&world, (self.frame + 1) * substeps)?;
            let (matter, moves) = (judge.reads(self.frame), judge.reads_tools(self.frame));
            if matter || moves {
                let read = rollout.read(&state, self.frame, matter);
                let loss = judge.value(&read);
                self.reward = self.settings.scale * (self.settings.offset - loss);
            } else {
                self.reward = self.settings.scale * self.settings.offset;
            }
            self.scratch = rollout.into_scratch();
            self.state = Some(state);
            self.frame += 1;
            self.seen = self.look();
        }
        Ok(Transition {
            observation: self.observe(),
            reward: self.reward,
            done: self.frame >= self.frames(),
            clamped,
        })
    }

    fn observe(&self) -> Observation {
        self.seen.clone()
    }

    fn reward(&self) -> f64 {
        self.reward
    }
}
