//! Time: play, pause, step, speed and scrubbing, over a run that is live or recorded.

use std::sync::Arc;

use crate::{
    frame::{Field, Frame},
    recording::Recording,
    simulation::{Condition, Simulation},
};

/// Frames shown in one go, at most, when the window is slower than the speed asks for.
const HASTE: usize = 4;

/// Shows one frame after another.
pub struct Player {
    /// What makes frames; none for a run that was recorded.
    pub simulation: Option<Simulation>,
    /// The frames so far.
    pub recording: Recording,
    /// Whether time goes on.
    pub playing: bool,
    /// Times real time (1).
    pub speed: f64,
    /// Whether it starts over at its end, if it is recorded.
    pub looping: bool,
    position: usize,
    /// Frames that are due, as time has passed.
    due: f64,
    /// Frames to be made at the pace of the thread.
    stepping: usize,
}

impl Player {
    /// A player of a live run, whose frames take at most `budget` bytes.
    pub fn live(simulation: Simulation, budget: usize) -> Self {
        Self {
            simulation: Some(simulation),
            recording: Recording::new(budget),
            playing: false,
            speed: 1.0,
            looping: false,
            position: 0,
            due: 0.0,
            stepping: 0,
        }
    }

    /// A player of a run that was recorded.
    pub fn recorded(frames: Vec<Arc<Frame>>) -> Self {
        let mut recording = Recording::new(usize::MAX);
        frames.into_iter().for_each(|frame| recording.push(frame));
        Self {
            simulation: None,
            recording,
            playing: false,
            speed: 1.0,
            looping: true,
            position: 0,
            due: 0.0,
            stepping: 0,
        }
    }

    /// The frame that is shown.
    pub fn current(&self) -> Option<&Arc<Frame>> {
        self.recording.get(self.position)
    }

    /// Its position among the recorded frames.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the newest frame is shown.
    pub fn at_head(&self) -> bool {
        self.position + 1 >= self.recording.len()
    }

    /// Starts or stops. At the end of a recorded run it starts over.
    pub fn play(&mut self, playing: bool) {
        self.playing = playing;
        self.due = 0.0;
        if playing && self.simulation.is_none() && self.at_head() {
            self.position = 0;
        }
        if let Some(simulation) = &self.simulation {
            simulation.run(playing);
        }
    }

    /// Shows the next frame, then rests.
    pub fn step(&mut self) {
        self.play(false);
        if !self.at_head() {
            self.position += 1;
        } else if let Some(simulation) = &self.simulation {
            // A frame may be waiting from before.
            self.stepping += 1;
            if simulation.pulse().0 == 0 {
                simulation.step();
            }
        }
    }

    /// Shows the frame before, then rests.
    pub fn step_back(&mut self) {
        self.play(false);
        self.position = self.position.saturating_sub(1);
    }

    /// Shows the recorded frame at a position.
    pub fn seek(&mut self, position: usize) {
        self.position = position.min(self.recording.len().saturating_sub(1));
        self.due = 0.0;
    }

    /// Back to the start.
    pub fn reset(&mut self) {
        self.play(false);
        self.stepping = 0;
        self.position = 0;
        if let Some(simulation) = &self.simulation {
            simulation.restart();
            self.recording.clear();
        }
    }

    /// Chooses what frames come with.
    pub fn show(&mut self, field: Field) {
        if let Some(simulation) = &self.simulation {
            simulation.show(field);
        }
    }

    /// Lets `seconds` pass.
    pub fn tick(&mut self, seconds: f64) {
        self.receive();
        let Some(frame_time) = self.current().map(|frame| frame.stage.frame_time) else {
            return;
        };
        if !self.playing {
            return;
        }
        // More than a quarter of a second is a hiccup, not time that has to be made up for.
        self.due += seconds.clamp(0.0, 0.25) * self.speed / frame_time;
        let mut shown = 0;
        while self.due >= 1.0 && shown < HASTE {
            if !self.forward() {
                break;
            }
            self.due -= 1.0;
            shown += 1;
        }
        self.due = self.due.min(1.0);
    }

    /// Goes on by a frame; false where there is none yet.
    fn forward(&mut self) -> bool {
        if !self.at_head() {
            self.position += 1;
            return true;
        }
        match &self.simulation {
            Some(simulation) => match simulation.take() {
                Some(frame) => {
                    self.add(frame);
                    true
                }
                None => {
                    let frames = self.current().map_or(0, |frame| frame.stage.frames);
                    let done = self.current().is_some_and(|frame| frame.index >= frames);
                    let failed = matches!(simulation.condition(), Condition::Failed(_));
                    self.playing &= !(done || failed);
                    false
                }
            },
            None if self.looping && self.recording.len() > 1 => {
                self.position = 0;
                true
            }
            None => {
                self.playing = false;
                false
            }
        }
    }

    /// Takes the frames that are not a matter of time: the first, steps, and the present one
    /// read anew after an edit.
    fn receive(&mut self) {
        let Some(simulation) = &self.simulation else {
            return;
        };
        let mut taken = Vec::new();
        let newest = self.recording.frames().last().map(|last| last.index);
        match newest {
            None => taken.extend(simulation.take()),
            Some(newest) => {
                while let Some(frame) = simulation.take_up_to(newest) {
                    taken.push(frame);
                }
                if self.stepping > 0
                    && let Some(frame) = simulation.take()
                {
                    self.stepping -= 1;
                    taken.push(frame);
                }
            }
        }
        taken.into_iter().for_each(|frame| self.add(frame));
    }

    fn add(&mut self, frame: Arc<Frame>) {
        self.recording.push(frame);
        self.position = self.recording.len() - 1;
    }

    /// Shows the frame of a number, or the last before it that there is by now; a live run makes
    /// frames up to it.
    pub fn follow(&mut self, index: usize) {
        self.receive();
        let newest = self.recording.frames().last().map(|last| last.index);
        if let (Some(simulation), Some(newest)) = (&self.simulation, newest) {
            simulation.run(newest < index);
            while let Some(frame) = simulation.take_up_to(index) {
                self.recording.push(frame);
            }
        }
        self.position = self.recording.position(index);
    }

    /// Shows the frame of a number as soon as it is made, or the last one.
    pub fn reach(&mut self, index: usize) {
        let behind = |player: &Self| player.current().is_none_or(|frame| frame.index < index);
        while behind(self) && self.wait() {}
        self.position = self.recording.position(index);
    }

    /// Shows the next frame as soon as it is made; false where there is none.
    pub fn wait(&mut self) -> bool {
        let newest = self.recording.frames().last().map(|last| last.index);
        match &self.simulation {
            Some(simulation) if newest.is_some() => simulation.step(),
            Some(_) => {}
            None if self.at_head() => return false,
            None => {
                self.position += 1;
                return true;
            }
        }
        while let Some(frame) = self.simulation.as_ref().and_then(Simulation::wait) {
            // The present frame may come once more, read anew.
            let next = newest.is_none_or(|newest| frame.index > newest);
            self.add(frame);
            if next {
                return true;
            }
        }
        false
    }
}
