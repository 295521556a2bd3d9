//! How a control runs over frames: between knots.

use serde::{Deserialize, Serialize};

/// What a control does between its knots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Shape {
    /// It keeps the value of the knot before.
    #[default]
    Steps,
    /// It goes evenly from knot to knot.
    Lines,
}

/// Values at some of the frames that may be changed, and what the others take from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knots {
    /// The frames that may be changed, rising.
    pub frames: Vec<usize>,
    /// Frames from one knot to the next; at least 1.
    pub hold: usize,
    /// What happens between.
    pub shape: Shape,
}

impl Knots {
    /// How many there are.
    pub fn count(&self) -> usize {
        match (self.shape, self.frames.len()) {
            (_, 0) => 0,
            (Shape::Steps, frames) => frames.div_ceil(self.hold),
            (Shape::Lines, frames) => (frames - 1).div_ceil(self.hold) + 1,
        }
    }

    /// The frame of each knot; a last one beyond the frames is at the last frame.
    pub fn starts(&self) -> impl Iterator<Item = usize> {
        let last = self.frames.len().saturating_sub(1);
        (0..self.count()).map(move |knot| self.frames[(knot * self.hold).min(last)])
    }

    /// Shows `each` every frame with the knots that it takes its value from and their shares.
    pub fn each(&self, mut each: impl FnMut(usize, &[(usize, f64)])) {
        for (index, &frame) in self.frames.iter().enumerate() {
            let (knot, past) = (index / self.hold, index % self.hold);
            let part = past as f64 / self.hold as f64;
            match self.shape {
                Shape::Lines if past > 0 => each(frame, &[(knot, 1.0 - part), (knot + 1, part)]),
                _ => each(frame, &[(knot, 1.0)]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knots(hold: usize, shape: Shape) -> Knots {
        Knots {
            frames: vec![0, 1, 2, 10, 11, 12, 20],
            hold,
            shape,
        }
    }

    #[test]
    fn steps_share_a_value_and_lines_join_them() {
        let steps = knots(3, Shape::Steps);
        assert_eq!(
            (steps.count(), steps.starts().collect::<Vec<_>>()),
            (3, vec![0, 10, 20])
        );
        let lines = knots(4, Shape::Lines);
        assert_eq!(
            (lines.count(), lines.starts().collect::<Vec<_>>()),
            (3, vec![0, 11, 20])
        );
        let mut seen = Vec::new();
        lines.each(|frame, shares| seen.push((frame, shares.to_vec())));
        assert_eq!(seen[1], (1, vec![(0, 0.75), (1, 0.25)]));
        assert_eq!(seen[4], (11, vec![(1, 1.0)]));
        assert_eq!(seen[6], (20, vec![(1, 0.5), (2, 0.5)]));
    }

    #[test]
    fn shares_add_up_and_every_knot_counts() {
        for shape in [Shape::Steps, Shape::Lines] {
            for hold in 1..9 {
                let knots = knots(hold, shape);
                let mut met = vec![false; knots.count()];
                knots.each(|_, shares| {
                    assert!(
                        (shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-15
                    );
                    shares.iter().for_each(|&(knot, _)| met[knot] = true);
                });
                assert!(met.iter().all(|&met| met), "{shape:?} {hold}");
            }
        }
        let none = Knots {
            frames: vec![],
            hold: 1,
            shape: Shape::Lines,
        };
        assert_eq!(none.count(), 0);
    }
}
