//! A trained operator as a differentiable map, for planning.

use backflow_diff::{Map, Real};
use nalgebra::DMatrix;

use crate::{
    error::OperatorError,
    model::{Operator, Room, Window},
    rollout::{Memory, Unrolled, roll},
};

/// The course of samples from how they start: a [`Map`] from their positions and velocities at the
/// start, `(x, v)` sample by sample (m, m/s), to their positions after `steps` steps (m).
///
/// What an operator sees of the time before the start is free flight:
/// `x(-t) = x - t v + t^2 g / 2`. The shape at the start is that at rest.
#[derive(Debug, Clone)]
pub struct Course {
    /// The operator.
    pub operator: Operator<f64>,
    /// Where it is used.
    pub room: Room,
    /// Number of samples.
    pub samples: usize,
    /// Number of steps.
    pub steps: usize,
    /// What is kept of them for the adjoint.
    pub memory: Memory,
}

impl Course {
    /// The window of samples that start with velocities `v` (m/s) at `x` (m).
    pub fn window<T: Real>(
        room: &Room,
        frame: f64,
        steps: usize,
        x: &DMatrix<T>,
        v: &DMatrix<T>,
    ) -> Window<T> {
        let at = |step: usize| {
            let t = frame * (steps - 1 - step) as f64;
            DMatrix::from_fn(3, x.ncols(), |axis, i| {
                let fall = T::of(0.5 * t * t * room.gravity[axis]);
                x[(axis, i)] - v[(axis, i)] * T::of(t) + fall
            })
        };
        Window {
            rest: x.clone(),
            x: (0..steps).map(at).collect(),
        }
    }

    /// Cotangents of the positions and of the velocities of [`Course::window`] from that of the window.
    pub fn window_vjp<T: Real>(frame: f64, bar: Window<T>) -> [DMatrix<T>; 2] {
        let mut x_bar = bar.rest;
        let mut v_bar = DMatrix::zeros(3, x_bar.ncols());
        let last = bar.x.len().saturating_sub(1);
        for (step, bar) in bar.x.into_iter().enumerate() {
            v_bar -= &bar * T::of(frame * (last - step) as f64);
            x_bar += bar;
        }
        [x_bar, v_bar]
    }

    fn split(&self, x: &[f64]) -> Result<Window<f64>, OperatorError> {
        if x.len() != self.inputs() {
            let what = "positions and velocities at the start";
            return Err(OperatorError::mismatch(what, x.len(), self.inputs()));
        }
        let (x, v) = x.split_at(3 * self.samples);
        let [x, v] = [x, v].map(|x| DMatrix::from_column_slice(3, self.samples, x));
        let (frame, steps) = (self.operator.scales.frame, self.operator.steps());
        Ok(Self::window(&self.room, frame, steps, &x, &v))
    }
}

impl Map for Course {
    type Tape = Unrolled<f64>;
    type Error = OperatorError;

    fn inputs(&self) -> usize {
        6 * self.samples
    }

    fn outputs(&self) -> usize {
        3 * self.samples
    }

    fn apply(&self, x: &[f64]) -> Result<(Vec<f64>, Unrolled<f64>), OperatorError> {
        let window = self.split(x)?;
        let unrolled = Unrolled::new(&self.operator, &self.room, &window, self.steps, self.memory)?;
        let last = unrolled.steps.last().map(|step| &step.x);
        let y = last.unwrap_or(window.newest()).as_slice().to_vec();
        Ok((y, unrolled))
    }

    fn vjp(&self, tape: &Unrolled<f64>, y_bar: &[f64]) -> Result<Vec<f64>, OperatorError> {
        if y_bar.len() != self.outputs() {
            let what = "cotangents of the positions at the end";
            return Err(OperatorError::mismatch(what, y_bar.len(), self.outputs()));
        }
        let y_bar = DMatrix::from_column_slice(3, self.samples, y_bar);
        let zero = DMatrix::zeros(3, self.samples);
        let mut x_bar = zero.clone();
        let mut v_bar = zero.clone();
        if tape.steps.is_empty() {
            x_bar += y_bar;
        } else {
            let mut bars = vec![(zero.clone(), zero); tape.steps.len()];
            if let Some(last) = bars.last_mut() {
                last.1 = y_bar;
            }
            let mut weights_bar = vec![0.0; self.operator.weights.len()];
            let bar = tape.pull(&self.operator, &self.room, &bars, &mut weights_bar)?;
            [x_bar, v_bar] = Self::window_vjp(self.operator.scales.frame, bar);
        }
        Ok([x_bar.as_slice(), v_bar.as_slice()].concat())
    }

    fn value(&self, x: &[f64]) -> Result<Vec<f64>, OperatorError> {
        let window = self.split(x)?;
        let (all, _) = roll(&self.operator, &self.room, &window, self.steps)?;
        let last = all.last().unwrap_or(window.newest());
        Ok(last.as_slice().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use backflow_diff::gradcheck::{DifferenceParams, central_difference};
    use backflow_optim::Random;

    use backflow_optim::{Driver, Evaluation, Layout, Objective, Settings, UpdateSettings};

    use super::*;
    use crate::{
        data::{Split, Trajectory, farthest_points, run, spec},
        model::Obstacle,
        testing::{TINY, obstructed, pair_operator, pushed, room},
    };

    /// The centre of a body after a course: how far it is from a target, by the common velocity at the start.
    struct Aim {
        course: Course,
        start: Vec<f64>,
        target: [f64; 3],
    }

    impl Aim {
        fn inputs(&self, v: &[f64]) -> Vec<f64> {
            let mut x = self.start.clone();
            (0..self.course.samples).for_each(|_| x.extend(v));
            x
        }
    }

    impl Objective for Aim {
        type Error = OperatorError;

        fn value(&mut self, v: &[f64]) -> Result<f64, OperatorError> {
            Ok(self.gradient(v)?.value)
        }

        fn gradient(&mut self, v: &[f64]) -> Result<Evaluation, OperatorError> {
            let (y, tape) = self.course.apply(&self.inputs(v))?;
            let count = self.course.samples as f64;
            let off = [0, 1, 2].map(|axis| {
                let sum: f64 = y.iter().skip(axis).step_by(3).sum();
                sum / count - self.target[axis]
            });
            let y_bar: Vec<f64> = (0..y.len()).map(|at| 2.0 * off[at % 3] / count).collect();
            let bar = self.course.vjp(&tape, &y_bar)?;
            let v_bar = &bar[self.start.len()..];
            let sum = |axis: usize| v_bar.iter().skip(axis).step_by(3).sum();
            let value = off.iter().map(|off| off * off).sum();
            Ok(Evaluation::new(value, vec![sum(0), sum(1), sum(2)]))
        }
    }

    fn centre(trajectory: &Trajectory, frame: usize) -> [f64; 3] {
        let x = trajectory.positions(frame);
        [0, 1, 2].map(|axis| {
            let sum: f64 = x.iter().skip(axis).step_by(3).map(|&x| f64::from(x)).sum();
            sum / trajectory.count as f64
        })
    }

    fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
        (0..3)
            .map(|axis| (a[axis] - b[axis]).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    #[test]
    fn a_throw_planned_on_an_operator_lands_in_the_engine() {
        const FRAME: usize = 28;
        let (recipe, operator) = &*TINY;
        let thrown = |velocity: [f64; 3]| {
            let mut spec = spec(recipe, "jelly", Split::Test, 1).unwrap();
            (spec.bodies[0].velocity, spec.bodies[0].spin) = (velocity, [0.0; 3]);
            spec.time.frames = FRAME;
            run(&spec).unwrap()
        };
        let target = centre(&thrown([0.5, 0.6, -0.4]), FRAME);
        let first = [-0.2, 0.0, 0.3];
        let before = thrown(first);
        let chosen = farthest_points(before.positions(0), 48, 0);
        let places = chosen.iter().flat_map(|&at| before.position(0, at));
        let mut aim = Aim {
            start: places.map(f64::from).collect(),
            course: Course {
                operator: operator.cast(),
                room: Room::plain(before.bounds, before.gravity),
                samples: 48,
                steps: FRAME,
                memory: Memory::Tape,
            },
            target,
        };
        let settings = Settings {
            update: UpdateSettings::lbfgs(),
            iterations: 25,
            ..Settings::default()
        };
        let mut layout = Layout::new();
        layout.push("velocity", 3).unwrap();
        let driver = Driver::new(settings, layout).unwrap();
        let mut state = driver.start(&first).unwrap();
        let found = driver.run(&mut state, &mut aim, &mut ()).unwrap();
        let v = [found.best_x[0], found.best_x[1], found.best_x[2]];
        let (missed, planned) = (
            distance(centre(&before, FRAME), target),
            distance(centre(&thrown(v), FRAME), target),
        );
        assert!(missed > 0.1, "{missed}");
        assert!(
            planned <= 0.2 * missed,
            "{planned} m after planning, {missed} m before: {v:?}"
        );
    }

    #[test]
    fn gradient_of_a_course_agrees_with_central_differences() {
        for room in [room(), obstructed()] {
            let samples = 10;
            let course = Course {
                operator: pair_operator(),
                room,
                samples,
                steps: 6,
                memory: Memory::Checkpoint,
            };
            let mut random = Random::new(6, &[]);
            let mut x = Vec::new();
            while x.len() < 3 * samples {
                let place = [(); 3].map(|()| 0.25 + 0.4 * random.uniform());
                let clear = |obstacle: &Obstacle<f64>| obstacle.probe(&place.into()).distance > 0.0;
                if course.room.obstacles.iter().all(clear) {
                    x.extend(place);
                }
            }
            x.extend(random.normals(3 * samples));
            let target = random.normals(3 * samples);
            // A loss of the last positions, of order one.
            let loss = |y: &[f64]| {
                y.iter()
                    .zip(&target)
                    .map(|(y, t)| (y - t).powi(2))
                    .sum::<f64>()
            };
            let (y, tape) = course.apply(&x).unwrap();
            let touching = tape.steps.iter().map(|step| pushed(&course.room, &step.x));
            assert!(touching.sum::<usize>() >= 3 * course.room.obstacles.len());
            assert_eq!(y, course.value(&x).unwrap());
            let y_bar: Vec<f64> = y.iter().zip(&target).map(|(y, t)| 2.0 * (y - t)).collect();
            let gradient = course.vjp(&tape, &y_bar).unwrap();
            let report = central_difference(
                |x: &[f64]| course.value(x).map(|y| loss(&y)),
                &x,
                &gradient,
                &DifferenceParams {
                    // Lengths here are centimetres, not metres; near the edge of an obstacle normals turn within less.
                    step: if course.room.obstacles.is_empty() {
                        1e-6
                    } else {
                        3e-8
                    },
                    ..DifferenceParams::default()
                },
            )
            .unwrap();
            assert!(report.error <= 1e-6, "{report}");
        }
    }
}
