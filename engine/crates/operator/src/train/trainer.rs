//! The loop of a training.

use backflow_optim::{
    Context, Evaluation, Layout, Random, Schedule, Update, schedule::Cosine, update::AdamW,
};
use rayon::prelude::*;

use super::{Pool, Score, Training, batch::Track, loss, score};
use crate::{
    data::Trajectory,
    error::OperatorError,
    model::{Operator, Scales, first_weights},
    rollout::roll,
};

/// A training: what it learns from, and where it stands.
#[derive(Debug, Clone)]
pub struct Trainer {
    /// How it goes.
    pub settings: Training,
    /// Units of the data.
    pub scales: Scales,
    /// Where it stands.
    pub state: State,
    pub(super) train: Pool,
    validation: Pool,
}

/// Where a training stands: all that the next iteration depends on besides data and settings.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The weights.
    pub weights: Vec<f64>,
    /// Memory of the optimiser.
    pub update: AdamW,
    /// Iterations done.
    pub iteration: usize,
    /// Best weights so far.
    pub best: Vec<f64>,
    /// Their error on the validation trajectories; infinite before the first validation.
    pub best_score: f64,
    /// Validations since.
    pub stale: usize,
    /// Mean training loss since the last validation, and over how many iterations.
    pub running: (f64, usize),
    /// What each validation found.
    pub log: Vec<Progress>,
}

/// What a validation found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Iterations done.
    pub iteration: usize,
    /// Mean loss of the iterations since the validation before.
    pub loss: f64,
    /// Errors of whole rollouts of the validation trajectories.
    pub validation: Score,
}

/// How often a trainer calls back.
pub enum Event {
    /// An iteration is done.
    Iteration(usize),
    /// So is a validation.
    Validation(Progress),
}

impl Trainer {
    /// A training that is about to start. Without validation trajectories it validates on those that
    /// it learns from.
    ///
    /// # Errors
    /// Wrong settings, trajectories that do not fit them, or nothing that moves.
    pub fn new(
        settings: Training,
        train: &[Trajectory],
        validation: &[Trajectory],
    ) -> Result<Self, OperatorError> {
        settings.check()?;
        let mut scales = super::scales(train)?;
        let most = train.iter().map(Trajectory::frames).min().unwrap_or(0);
        let least = settings.model.history + 1 + settings.unroll;
        if most < least {
            let what = "frames of a trajectory";
            let expected = format!("at least {least}: those of the window and of the loss");
            return Err(OperatorError::mismatch(what, most, expected));
        }
        let (count, seed) = (settings.samples, settings.seed);
        let judged = if validation.is_empty() {
            train
        } else {
            validation
        };
        let weights = first_weights(&settings.model, seed);
        let update = AdamW {
            decay: settings.decay,
            ..AdamW::new(weights.len())
        };
        let mut pool = Pool::new(train, count, settings.sets, settings.spread, seed)?;
        if settings.model.spacings {
            scales.spacing = pool.spacing(count)?;
        }
        let window = settings.model.history + 1;
        let mut random = Random::new(seed, &[0x7769]);
        pool.keep(settings.windows, window, settings.unroll, &mut random);
        Ok(Self {
            settings,
            scales,
            train: pool,
            validation: Pool::new(judged, count, 1, 1.0, seed)?,
            state: State {
                best: weights.clone(),
                weights,
                update,
                iteration: 0,
                best_score: f64::INFINITY,
                stale: 0,
                running: (0.0, 0),
                log: Vec::new(),
            },
        })
    }

    /// The operator with the best weights so far.
    ///
    /// # Errors
    /// None that [`Trainer::new`] has not found.
    pub fn operator(&self) -> Result<Operator<f32>, OperatorError> {
        self.with(&self.state.best)
    }

    pub(super) fn with(&self, weights: &[f64]) -> Result<Operator<f32>, OperatorError> {
        let weights = weights.iter().map(|&w| w as f32).collect();
        Operator::new(self.settings.model, self.scales, weights)
    }

    /// Whether it has come to its end.
    pub fn is_done(&self) -> bool {
        let Self {
            settings, state, ..
        } = self;
        state.iteration >= settings.iterations || state.stale >= settings.patience
    }

    /// Goes on to the end, or until `on_event` returns `false`.
    ///
    /// # Errors
    /// A loss that is not finite.
    pub fn run(
        &mut self,
        on_event: &mut dyn FnMut(&Self, Event) -> bool,
    ) -> Result<(), OperatorError> {
        while !self.is_done() {
            self.iterate()?;
            let iteration = self.state.iteration;
            let mut go_on = true;
            if iteration.is_multiple_of(self.settings.validate)
                || iteration == self.settings.iterations
            {
                let progress = self.validate()?;
                go_on &= on_event(self, Event::Validation(progress));
            }
            go_on &= on_event(self, Event::Iteration(iteration));
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// One step of the optimiser. The gradient is the sum over the excerpts of the batch in their order,
    /// whichever thread each was on.
    fn iterate(&mut self) -> Result<(), OperatorError> {
        let operator = self.with(&self.state.weights)?;
        let Training {
            batch,
            noise,
            seed,
            iterations,
            ..
        } = self.settings;
        let iteration = self.state.iteration;
        let span = self.settings.span(iteration);
        let one = |number: usize| {
            let place = [0x6261, iteration as u64, number as u64];
            let mut random = Random::new(seed, &place);
            let steps = operator.steps();
            let excerpt = self
                .train
                .excerpt(steps, span, &self.scales, noise, &mut random);
            let mut bar = vec![0.0_f32; operator.weights.len()];
            let memory = self.settings.memory.drawn(&mut random);
            loss(&operator, &excerpt, memory, &mut bar).map(|value| (value, bar))
        };
        let found: Vec<_> = (0..batch).into_par_iter().map(one).collect();
        let (mut value, mut gradient) = (0.0, vec![0.0; operator.weights.len()]);
        for found in found {
            let (part, bar) = found?;
            value += part / batch as f64;
            for (sum, bar) in gradient.iter_mut().zip(bar) {
                *sum += f64::from(bar) / batch as f64;
            }
        }
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        if !(value.is_finite() && norm.is_finite()) {
            return Err(OperatorError::NotFinite {
                what: "the loss, or its gradient,",
                place: format!("at iteration {iteration}: a lower rate may help"),
            });
        }
        if norm > self.settings.clip {
            let factor = self.settings.clip / norm;
            gradient.iter_mut().for_each(|g| *g *= factor);
        }
        let schedule = Cosine {
            floor: self.settings.floor,
            warmup: self.settings.warmup,
        };
        let mut layout = Layout::new();
        // One slice of at least one weight.
        let _ = layout.push("weights", gradient.len());
        let context = Context {
            iteration,
            rate: self.settings.rate * schedule.factor(iteration, iterations),
            layout: &layout,
        };
        let evaluation = Evaluation::new(value, gradient);
        let state = &mut self.state;
        (state.update).step(&mut state.weights, &evaluation, &context);
        state.iteration += 1;
        let (mean, count) = state.running;
        let count = count + 1;
        state.running = (mean + (value - mean) / count as f64, count);
        Ok(())
    }

    /// Rolls the validation trajectories out and keeps the weights if they are the best.
    fn validate(&mut self) -> Result<Progress, OperatorError> {
        let operator = self.with(&self.state.weights)?;
        let validation = whole(&operator, self.validation.tracks());
        let state = &mut self.state;
        let progress = Progress {
            iteration: state.iteration,
            loss: state.running.0,
            validation,
        };
        state.running = (0.0, 0);
        if validation.mse < state.best_score {
            state.best_score = validation.mse;
            state.best.clone_from(&state.weights);
            state.stale = 0;
        } else {
            state.stale += 1;
        }
        state.log.push(progress);
        Ok(progress)
    }
}

/// Mean score of rollouts over whole tracks; a rollout that blows up scores infinitely.
fn whole(operator: &Operator<f32>, tracks: &[Track]) -> Score {
    let one = |track: &Track| {
        let (steps, frames) = (operator.steps(), track.x.len());
        let excerpt = track.excerpt(steps - 1, steps, frames);
        let rolled = roll(
            operator,
            &track.room,
            &excerpt.window,
            excerpt.targets.len(),
        );
        match rolled {
            Ok((x, _)) => score(&x, &excerpt.targets, &excerpt.window.rest),
            Err(_) => Score {
                mse: f64::INFINITY,
                last: f64::INFINITY,
                relative: f64::INFINITY,
            },
        }
    };
    let scores: Vec<Score> = tracks.par_iter().map(one).collect();
    Score::mean(&scores)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::{Split, simulate},
        evaluate::{Judged, judge},
        model::Baseline,
        rollout::Memory,
        testing::{TINY, recipe, settings, trajectories},
        train::Card,
    };

    #[test]
    fn a_tiny_operator_beats_predictions_without_learning_on_shapes_it_has_not_seen() {
        let (recipe, operator) = &*TINY;
        let judged: Vec<_> = trajectories(recipe, Split::Test)
            .iter()
            .map(|trajectory| judge(operator, trajectory, 48).unwrap())
            .collect();
        let mean = |part: &dyn Fn(&Judged) -> Score| {
            Score::mean(&judged.iter().map(part).collect::<Vec<_>>()).mse
        };
        let of = |baseline: Baseline| {
            let same = |found: &&(Baseline, Score)| found.0 == baseline;
            mean(&|judged| judged.baselines.iter().find(same).unwrap().1)
        };
        let own = mean(&|judged| judged.score);
        let (velocity, fall) = (of(Baseline::ConstantVelocity), of(Baseline::FreeFall));
        assert!(
            own * 5.0 <= velocity,
            "{own:e}, constant velocity {velocity:e}"
        );
        // Free fall in the room is what an operator without weights does.
        assert!(own * 2.0 <= fall, "{own:e}, free fall {fall:e}");
        assert!(judged.iter().all(|judged| judged.beyond == 0.0));
    }

    #[test]
    fn training_gives_the_same_bits_on_any_threads_and_after_a_resume() {
        let recipe = recipe();
        let [train, validation, _] = Split::ALL.map(|split| trajectories(&recipe, split));
        let sampled = Memory::Sampled {
            share: 0.3,
            seed: 0,
        };
        for memory in [Memory::Tape, sampled] {
            let settings = Training {
                iterations: 12,
                validate: 5,
                memory,
                ..settings()
            };
            let on = |threads: usize, stop: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                pool.build().unwrap().install(|| {
                    let mut trainer = Trainer::new(settings, &train, &validation).unwrap();
                    let mut go_on = |trainer: &Trainer, _| trainer.state.iteration < stop;
                    trainer.run(&mut go_on).unwrap();
                    trainer
                })
            };
            let whole = on(1, 12);
            assert_eq!(whole.state.log.len(), 3);
            assert_eq!(whole.state, on(3, 12).state);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("checkpoint.npz");
            on(2, 7).save(&path).unwrap();
            let mut resumed = Trainer::new(settings, &train, &validation).unwrap();
            resumed.resume(&path).unwrap();
            assert_eq!(resumed.state.iteration, 7);
            resumed.run(&mut |_, _| true).unwrap();
            assert_eq!(resumed.state, whole.state);
            // And the operator comes back from its files.
            let card = whole.card("jelly");
            let path = folder.path().join("operator.ron");
            card.write(&path, &whole.operator().unwrap(), None).unwrap();
            let read = Card::read(&path).unwrap();
            assert_eq!(read.card, card);
            assert_eq!(read.operator, whole.operator().unwrap());
            assert_eq!(read.kernel, None);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let recipe = recipe();
        let train = [simulate(&recipe, "jelly", Split::Train, 0).unwrap()];
        let error =
            |settings: Training| Trainer::new(settings, &train, &[]).unwrap_err().to_string();
        let many = Training {
            samples: 100_000,
            ..settings()
        };
        assert!(error(many).contains("expected at least 100000"));
        let long = Training {
            unroll: 40,
            ..settings()
        };
        assert!(error(long).starts_with("frames of a trajectory: found 13, expected at least 43"));
    }
}
