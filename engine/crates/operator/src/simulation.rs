//! The engine as a differentiable map, for models that are trained through it.

use backflow_diff::{Map, memory::Plan};
use backflow_sim::{
    loss::{Frame, FrameBar},
    particle::{Motion, Particles},
    rollout::{State, forward::Rollout, frame::Criterion, store::plan},
    scene::Scene,
};
use nalgebra::Vector3;

use crate::error::OperatorError;

/// A run of a scene by the engine as a [`Map`] in `f64`, from how its particles start to how they end: positions (m) of all
/// particles, then velocities (m/s) of all, particle by particle, liquid bodies first. What else a particle starts with,
/// and everything around it, is the scene's.
///
/// Its [`Map::vjp`] is the adjoint of the engine, so that what comes before and after it, networks or other runs, is
/// trained through it; [`Course`](crate::Course) is the same of an operator.
#[derive(Debug, Clone, Copy)]
pub struct Simulation<'a> {
    scene: &'a Scene,
    /// Budget of an adjoint (bytes); as much as it needs by default.
    pub memory: Option<usize>,
}

/// No loss: cotangents come from the end of the run alone.
struct Nothing;

impl Criterion<f64> for Nothing {
    fn reads(&self, _: usize) -> bool {
        false
    }

    fn value(&self, _: &Frame<f64>) -> f64 {
        0.0
    }

    fn value_vjp(&self, _: &Frame<f64>, _: &mut FrameBar<f64>) {}
}

fn motions(particles: &Particles<f64>) -> impl Iterator<Item = &Motion<f64>> {
    particles
        .liquid
        .motion
        .iter()
        .chain(&particles.solid.motion)
}

/// Positions, then velocities.
fn flat(particles: &Particles<f64>) -> Vec<f64> {
    let parts = [Motion::x, Motion::v].map(|part| motions(particles).map(part).collect::<Vec<_>>());
    let numbers = parts.iter().flatten().flat_map(|part| part.iter());
    numbers.copied().collect()
}

impl<'a> Simulation<'a> {
    /// Of a scene of matter.
    ///
    /// # Errors
    /// A scene with gas, or with matter that enters or leaves on the way.
    pub fn new(scene: &'a Scene) -> Result<Self, OperatorError> {
        let wrong = |what: &str| {
            let expected = "matter alone, as much at the end as at the start";
            Err(OperatorError::mismatch("scene of a map", what, expected))
        };
        if scene.gas.is_some() {
            return wrong("gas");
        }
        if !scene.world.injectors.is_empty() || !scene.world.collectors.is_empty() {
            return wrong("matter that enters or leaves");
        }
        Ok(Self {
            scene,
            memory: None,
        })
    }

    /// What the particles of the scene start with: an input of the map.
    pub fn start(&self) -> Vec<f64> {
        flat(&self.scene.particles)
    }

    fn count(&self) -> usize {
        let particles = &self.scene.particles;
        particles.liquid.len() + particles.solid.len()
    }

    /// Particles that start, or cotangents of such that end, with these numbers.
    fn with(&self, mut particles: Particles<f64>, numbers: &[f64]) -> Particles<f64> {
        let (x, v) = numbers.split_at(3 * self.count());
        let numbers = x.chunks_exact(3).zip(v.chunks_exact(3));
        let motions = particles.liquid.motion.iter_mut();
        let motions = motions.chain(&mut particles.solid.motion);
        for (motion, (x, v)) in motions.zip(numbers) {
            motion.set_x(&Vector3::from_column_slice(x));
            motion.set_v(&Vector3::from_column_slice(v));
        }
        particles
    }

    fn state(&self, x: &[f64]) -> Result<State<f64>, OperatorError> {
        if x.len() != self.inputs() {
            let what = "positions and velocities at the start";
            return Err(OperatorError::mismatch(what, x.len(), self.inputs()));
        }
        let particles = self.with(self.scene.particles.clone(), x);
        Ok(State::new(&self.scene.world, particles))
    }

    fn plan(&self, state: &State<f64>) -> Result<Plan, OperatorError> {
        let clock = &self.scene.world.clock;
        Ok(plan(
            &self.scene.world,
            state,
            clock.frames * clock.substeps,
            self.memory,
        )?)
    }
}

impl Map for Simulation<'_> {
    /// What it started from.
    type Tape = State<f64>;
    type Error = OperatorError;

    fn inputs(&self) -> usize {
        6 * self.count()
    }

    fn outputs(&self) -> usize {
        self.inputs()
    }

    fn apply(&self, x: &[f64]) -> Result<(Vec<f64>, State<f64>), OperatorError> {
        let start = self.state(x)?;
        let mut state = start.clone();
        let mut rollout = Rollout::new(&self.scene.world, &self.scene.programs);
        rollout.value(&mut state, &Nothing, &mut |_, _| true)?;
        Ok((flat(&state.canonical(&self.scene.world)), start))
    }

    /// The run is done once more, by the plan of its memory.
    fn vjp(&self, start: &State<f64>, y_bar: &[f64]) -> Result<Vec<f64>, OperatorError> {
        if y_bar.len() != self.outputs() {
            let what = "cotangents of positions and velocities at the end";
            return Err(OperatorError::mismatch(what, y_bar.len(), self.outputs()));
        }
        let own = &self.scene.particles;
        let zeros = Particles::zeros(own.liquid.len(), own.solid.len());
        let end = self.with(zeros, y_bar);
        let plan = self.plan(start)?;
        let mut rollout = Rollout::new(&self.scene.world, &self.scene.programs);
        let (_, gradient) =
            rollout.gradient(start, &Nothing, Some(&end), &plan, &mut |_, _| true)?;
        Ok(flat(&gradient.particles))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use backflow_diff::gradcheck::{DifferenceParams, central_difference};
    use backflow_optim::{Driver, Evaluation, Layout, Objective, Random, Settings, UpdateSettings};
    use backflow_sim::scene;
    use nalgebra::DMatrix;

    use super::*;
    use crate::{
        data::{Split, spec},
        layer::Mlp,
        testing::recipe,
    };

    /// A ball of jelly that bounces off the floor.
    fn bouncing(frames: usize) -> Scene {
        let mut spec = spec(&recipe(), "jelly", Split::Train, 0).unwrap();
        (spec.bodies[0].velocity, spec.bodies[0].spin) = ([0.0; 3], [0.0; 3]);
        spec.time.frames = frames;
        scene::build(&spec, Path::new("")).unwrap()
    }

    #[test]
    fn gradient_agrees_with_central_differences() {
        let scene = bouncing(14);
        let simulation = Simulation::new(&scene).unwrap();
        let mut x = simulation.start();
        let half = x.len() / 2;
        x[half..]
            .chunks_exact_mut(3)
            .for_each(|v| v.copy_from_slice(&[0.4, -1.5, 0.2]));
        let weights = Random::new(4, &[]).normals(x.len());
        let value = |x: &[f64]| -> Result<f64, OperatorError> {
            let y = simulation.value(x)?;
            Ok(y.iter().zip(&weights).map(|(y, w)| y * w).sum())
        };
        let (_, tape) = simulation.apply(&x).unwrap();
        let gradient = simulation.vjp(&tape, &weights).unwrap();
        let limited = Simulation {
            memory: Some(2 << 20),
            ..simulation
        };
        assert_eq!(gradient, limited.vjp(&tape, &weights).unwrap());
        let params = DifferenceParams {
            entries: Some((0..x.len()).step_by(x.len() / 40).collect()),
            step: 1e-6, // m and m/s
            ..DifferenceParams::default()
        };
        let report = central_difference(value, &x, &gradient, &params).unwrap();
        assert!(report.error <= 1e-6, "{report}");
    }

    /// A network that says how to throw the ball so that its centre ends at a place, and the places that it learns from.
    struct Thrower<'a> {
        simulation: Simulation<'a>,
        network: Mlp,
        targets: Vec<[f64; 3]>,
    }

    impl Thrower<'_> {
        fn count(&self) -> f64 {
            self.simulation.count() as f64
        }

        /// All particles start with one velocity.
        fn thrown(&self, v: &DMatrix<f64>) -> Vec<f64> {
            let mut x = self.simulation.start();
            let half = x.len() / 2;
            x[half..]
                .chunks_exact_mut(3)
                .for_each(|part| part.copy_from_slice(v.as_slice()));
            x
        }

        fn centre(&self, y: &[f64]) -> [f64; 3] {
            let x = &y[..y.len() / 2];
            [0, 1, 2].map(|axis| x.iter().skip(axis).step_by(3).sum::<f64>() / self.count())
        }

        /// Square of the distance by which a throw misses (m^2); adds its cotangent to that of the weights.
        fn miss(&self, weights: &[f64], target: [f64; 3], weights_bar: &mut [f64]) -> f64 {
            // Places are some centimetres from the middle of the box, speeds about 1 m/s.
            let place = DMatrix::from_fn(3, 1, |axis, _| (target[axis] - 0.25) * 10.0);
            let (v, tape) = self.network.apply(weights, &place);
            let (y, run) = self.simulation.apply(&self.thrown(&v)).unwrap();
            let off = [0, 1, 2].map(|axis| self.centre(&y)[axis] - target[axis]);
            let mut y_bar = vec![0.0; y.len()];
            let half = y.len() / 2;
            for part in y_bar[..half].chunks_exact_mut(3) {
                (0..3).for_each(|axis| part[axis] = 2.0 * off[axis] / self.count());
            }
            let x_bar = self.simulation.vjp(&run, &y_bar).unwrap();
            let sum = |axis: usize| x_bar[half..].iter().skip(axis).step_by(3).sum();
            let v_bar = DMatrix::from_fn(3, 1, |axis, _| sum(axis));
            (self.network).apply_vjp(weights, &place, &tape, v_bar, weights_bar);
            off.iter().map(|off| off * off).sum()
        }
    }

    impl Objective for Thrower<'_> {
        type Error = OperatorError;

        fn value(&mut self, weights: &[f64]) -> Result<f64, OperatorError> {
            Ok(self.gradient(weights)?.value)
        }

        fn gradient(&mut self, weights: &[f64]) -> Result<Evaluation, OperatorError> {
            let mut bar = vec![0.0; weights.len()];
            let count = self.targets.len() as f64;
            let sum: f64 = (self.targets.iter())
                .map(|&target| self.miss(weights, target, &mut bar))
                .sum();
            bar.iter_mut().for_each(|bar| *bar /= count);
            Ok(Evaluation::new(sum / count, bar))
        }
    }

    #[test]
    fn a_network_learns_to_throw_through_the_engine() {
        let scene = bouncing(14);
        let mut thrower = Thrower {
            simulation: Simulation::new(&scene).unwrap(),
            network: Mlp::new(3, 16, 3, false),
            targets: Vec::new(),
        };
        // Places that throws lead to, after they have bounced.
        let mut random = Random::new(9, &[]);
        let mut places = |count: usize| -> Vec<[f64; 3]> {
            let one = |_| {
                let v = DMatrix::from_fn(3, 1, |axis, _| {
                    let sideways = 1.2 * random.uniform() - 0.6;
                    if axis == 1 { sideways - 0.6 } else { sideways }
                });
                thrower.centre(&thrower.simulation.value(&thrower.thrown(&v)).unwrap())
            };
            (0..count).map(one).collect()
        };
        let (learned, unseen) = (places(10), places(6));
        thrower.targets = learned;
        let mut start = vec![0.0; thrower.network.size()];
        thrower
            .network
            .start(0.1, &mut Random::new(1, &[]), &mut start);
        let settings = Settings {
            update: UpdateSettings::lbfgs(),
            iterations: 40,
            ..Settings::default()
        };
        let mut layout = Layout::new();
        layout.push("weights", start.len()).unwrap();
        let driver = Driver::new(settings, layout).unwrap();
        let mut state = driver.start(&start).unwrap();
        let found = driver.run(&mut state, &mut thrower, &mut ()).unwrap();
        let mean = |weights: &[f64]| -> f64 {
            let mut bar = vec![0.0; weights.len()];
            let misses = unseen
                .iter()
                .map(|&place| thrower.miss(weights, place, &mut bar).sqrt());
            misses.sum::<f64>() / unseen.len() as f64
        };
        let (before, after) = (mean(&start), mean(&found.best_x));
        println!(
            "misses places that it has not seen by {before:.3} m before and {after:.4} m after training"
        );
        assert!(after <= 0.2 * before, "{after} {before}");
    }
}
