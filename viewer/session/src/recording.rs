//! The frames so far. Beyond its budget a recording forgets every second frame, so that all of
//! a run can be scrubbed through, ever more coarsely, in memory that does not grow.

use std::sync::Arc;

use crate::frame::Frame;

/// Frames in order, in memory that is bounded.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    frames: Vec<Arc<Frame>>,
    budget: usize,
    bytes: usize,
    /// Frames whose number is a multiple of this are kept; the newest always is.
    stride: usize,
}

impl Recording {
    /// An empty recording that takes at most `budget` bytes, and two frames.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            stride: 1,
            ..Self::default()
        }
    }

    /// Adds the next frame. One with a number that is there takes the place of it and all
    /// behind it.
    pub fn push(&mut self, frame: Arc<Frame>) {
        let stride = self.stride;
        // The last may have been kept only because it was the newest.
        let passing = |last: &Arc<Frame>| !last.index.is_multiple_of(stride);
        while let Some(last) = self.frames.last() {
            if last.index < frame.index && !passing(last) {
                break;
            }
            self.bytes -= last.bytes();
            self.frames.pop();
        }
        self.bytes += frame.bytes();
        self.frames.push(frame);
        while self.bytes > self.budget && self.frames.len() > 2 {
            self.stride *= 2;
            let newest = self.frames.last().map_or(0, |frame| frame.index);
            let stride = self.stride;
            self.frames
                .retain(|frame| frame.index.is_multiple_of(stride) || frame.index == newest);
            self.bytes = self.frames.iter().map(|frame| frame.bytes()).sum();
        }
    }

    /// Replaces a frame by another reading of it.
    pub fn replace(&mut self, position: usize, frame: Arc<Frame>) {
        if let Some(place) = self.frames.get_mut(position) {
            self.bytes = self.bytes - place.bytes() + frame.bytes();
            *place = frame;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.budget);
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that the frames take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The frame at a position.
    pub fn get(&self, position: usize) -> Option<&Arc<Frame>> {
        self.frames.get(position)
    }

    /// All frames.
    pub fn frames(&self) -> &[Arc<Frame>] {
        &self.frames
    }

    /// Position of the frame with the nearest number from below.
    pub fn position(&self, index: usize) -> usize {
        let after = self.frames.partition_point(|frame| frame.index <= index);
        after.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::frame;

    fn indices(recording: &Recording) -> Vec<usize> {
        recording.frames().iter().map(|frame| frame.index).collect()
    }

    #[test]
    fn a_frame_replaces_those_from_its_number_on() {
        let mut recording = Recording::new(1 << 20);
        for index in [0, 1, 2, 3, 2] {
            recording.push(frame(index, 10));
        }
        assert_eq!(indices(&recording), [0, 1, 2]);
        assert_eq!([0, 1, 7].map(|index| recording.position(index)), [0, 1, 2]);
    }

    #[test]
    fn memory_stays_within_the_budget_and_both_ends_stay() {
        let each = frame(0, 100).bytes();
        let mut recording = Recording::new(10 * each);
        for index in 0..1000 {
            recording.push(frame(index, 100));
            assert!(recording.bytes() <= 10 * each);
        }
        let kept = indices(&recording);
        assert_eq!((kept.first(), kept.last()), (Some(&0), Some(&999)));
        assert!(kept.len() > 4 && kept.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
