//! What the thread of a simulation does: it obeys, makes frames, and rests.

use std::sync::{Arc, PoisonError};

use backflow::{sim::rollout::forward::Scratch, task::Task};
use rayon::ThreadPool;

use super::{Aim, Command, Condition, Origin, QUEUE, Refusal, Shared, run::Run};
use crate::threads::{background, step_back};

/// What the thread does.
pub(super) struct Worker {
    shared: Arc<Shared>,
    run: Option<Run>,
    scratch: Scratch<f32>,
    /// The threads that simulate; those of everyone if there are no others.
    threads: Option<ThreadPool>,
}

/// What is next.
enum Next {
    Command(Command),
    Frame(Option<Aim>, Vec<usize>),
    Quit,
}

impl Worker {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            run: None,
            scratch: Scratch::default(),
            threads: background(),
        }
    }

    pub fn work(mut self) {
        step_back();
        loop {
            match self.next() {
                Next::Quit => break,
                Next::Command(command) => self.obey(command),
                Next::Frame(aim, steered) => self.frame(aim, &steered),
            }
        }
        self.shared.wake.notify_all();
    }

    /// Waits for something to do.
    fn next(&self) -> Next {
        let frame = self.run.as_ref().map(|run| run.frame);
        let mut inner = self.shared.lock();
        inner.busy = false;
        self.shared.wake.notify_all();
        loop {
            if inner.quit {
                return Next::Quit;
            }
            if let Some(command) = inner.commands.pop_front() {
                inner.busy = true;
                return Next::Command(command);
            }
            let sound = !matches!(inner.condition, Condition::Failed(_));
            let due = frame.is_some_and(|frame| frame < inner.last);
            let room = inner.frames.len() < QUEUE;
            let asked = inner.running || inner.steps > 0;
            if sound && due && room && asked {
                inner.busy = true;
                return Next::Frame(inner.aim, inner.steered.clone());
            }
            if !due && frame.is_some() && inner.steps > 0 {
                inner.steps = 0;
                self.shared.wake.notify_all();
            }
            if !due && frame.is_some() && inner.running {
                inner.running = false;
                self.shared.wake.notify_all();
            }
            inner = self
                .shared
                .wake
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Build(origin, keep) => {
                let built = match origin {
                    Origin::File(path, quality) => Task::load(&path, quality),
                    Origin::Spec(spec, directory) => Task::new(*spec, directory),
                };
                match built {
                    Ok(task) => {
                        // At the start nothing goes on.
                        let goes_on = |run: &Run| keep && run.frame > 0;
                        let before = self.run.take().filter(goes_on);
                        let run = match before {
                            Some(before) => before.changed(task),
                            None => Run::new(task),
                        };
                        let mut inner = self.shared.lock();
                        inner.task = Some(Arc::clone(&run.task));
                        inner.condition = Condition::Ready;
                        inner.last = run.stage.frames;
                        if run.frame == 0 {
                            inner.driven.clear();
                            inner.steered.clear();
                            inner.aim = None;
                        }
                        drop(inner);
                        self.run = Some(run);
                        self.publish();
                    }
                    Err(error) => {
                        let refusal = Arc::new(Refusal::from(&error));
                        self.shared.lock().condition = Condition::Refused(refusal);
                    }
                }
            }
            Command::Restart => {
                if let Some(run) = &mut self.run {
                    run.restart();
                    let mut inner = self.shared.lock();
                    inner.driven.clear();
                    inner.steered.clear();
                    inner.aim = None;
                    inner.condition = Condition::Ready;
                    drop(inner);
                    self.publish();
                }
            }
            Command::Read => self.publish(),
            Command::Choose(x) => {
                if let Some(run) = &mut self.run {
                    match run.chosen(&x) {
                        Ok(chosen) => *run = chosen,
                        Err(error) => self.shared.lock().condition = Condition::Failed(error),
                    }
                }
            }
        }
        self.shared.wake.notify_all();
    }

    /// Shows the state as it is.
    fn publish(&self) {
        if let Some(run) = &self.run {
            let field = self.shared.lock().field;
            let frame = Arc::new(run.read(field));
            self.shared.lock().frames.push_back(frame);
        }
    }

    fn frame(&mut self, aim: Option<Aim>, steered: &[usize]) {
        let Some(run) = &mut self.run else { return };
        run.command(aim, steered);
        let shared = &self.shared;
        let go_on = || !shared.lock().quit;
        match run.advance(&mut self.scratch, self.threads.as_ref(), go_on) {
            Ok(true) => {
                let field = shared.lock().field;
                let frame = Arc::new(run.read(field));
                let mut inner = shared.lock();
                // A restart while the frame was made has made it void.
                let void = inner
                    .commands
                    .iter()
                    .any(|command| matches!(command, Command::Restart | Command::Build(_, false)));
                if !void {
                    inner.frames.push_back(frame);
                    inner.driven.resize(run.trajectories.len(), Vec::new());
                    let velocities = run.velocities(run.frame - 1);
                    for (driven, velocity) in inner.driven.iter_mut().zip(velocities) {
                        driven.push(velocity);
                    }
                    inner.made += 1;
                    inner.steps = inner.steps.saturating_sub(1);
                }
            }
            Ok(false) => {}
            Err(error) => shared.lock().condition = Condition::Failed(error),
        }
        shared.wake.notify_all();
    }
}
