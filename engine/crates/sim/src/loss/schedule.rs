//! Which losses are read, when, and how they add up.

use std::ops::Range;

use backflow_diff::Real;
use serde::{Deserialize, Serialize};

use super::{Frame, FrameBar, FrameLoss, LossError};

/// At the end of which frames a loss is read. Frames are counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum When {
    /// The last frame.
    #[default]
    End,
    /// Every frame; the mean of them is taken.
    Every,
    /// One frame.
    Frame(usize),
    /// The frames from `from` to `to`, both included; the mean of them is taken.
    Frames {
        /// First frame.
        from: usize,
        /// Last frame.
        to: usize,
    },
}

impl When {
    /// The frames in a run of `frames` frames; `None` if that run does not have them.
    pub fn of(self, frames: usize) -> Option<Range<usize>> {
        let (from, to) = match self {
            Self::End => (frames.checked_sub(1)?, frames - 1),
            Self::Every => (0, frames.checked_sub(1)?),
            Self::Frame(at) => (at, at),
            Self::Frames { from, to } => (from, to),
        };
        (from <= to && to < frames).then(|| from..to + 1)
    }
}

/// A loss with its weight and its time.
pub struct Term<W: Real> {
    /// What is read.
    pub loss: Box<dyn FrameLoss<W>>,
    /// Factor of the loss; it carries the unit that makes the sum one of like things.
    pub weight: f64,
    /// When it is read.
    pub when: When,
}

/// `L = sum_t weight_t / K_t sum_{k in when_t} loss_t(frame_k)` over the terms `t`, with
/// `K_t` the number of frames that the term is read at.
pub struct Schedule<W: Real> {
    /// The terms, each with its frames.
    terms: Vec<(Term<W>, Range<usize>)>,
}

impl<W: Real> Schedule<W> {
    /// The sum of `terms` in a run of `frames` frames whose grid, bodies and particle
    /// counts are those of `like`.
    pub fn new(terms: Vec<Term<W>>, frames: usize, like: &Frame<W>) -> Result<Self, LossError> {
        let place = |(at, term): (usize, Term<W>)| {
            let when = term.when;
            let range = when.of(frames).ok_or(LossError::When {
                term: at,
                when,
                frames,
            })?;
            if !term.weight.is_finite() {
                return Err(LossError::Value {
                    loss: "term",
                    field: "weight",
                    value: term.weight,
                    expected: "a finite number",
                });
            }
            term.loss.check(range.clone(), like)?;
            Ok((term, range))
        };
        let terms = terms.into_iter().enumerate().map(place);
        Ok(Self {
            terms: terms.collect::<Result<_, _>>()?,
        })
    }

    /// Whether any term reads matter at the end of a frame.
    pub fn reads(&self, frame: usize) -> bool {
        let mut terms = self.terms.iter();
        terms.any(|(term, range)| range.contains(&frame) && term.loss.reads_matter())
    }

    /// Whether any term is read at the end of a frame.
    pub fn reads_tools(&self, frame: usize) -> bool {
        self.terms.iter().any(|(_, range)| range.contains(&frame))
    }

    /// Whether any term reads forces.
    pub fn reads_reactions(&self) -> bool {
        self.terms
            .iter()
            .any(|(term, _)| term.loss.reads_reactions())
    }

    /// What a frame adds to the sum.
    pub fn value(&self, frame: &Frame<W>) -> W {
        let mut sum = W::zero();
        for (term, share) in self.at(frame.index) {
            sum += term.loss.value(frame) * share;
        }
        sum
    }

    /// What those terms add to the sum at a frame whose index is `counted`.
    pub fn value_of(&self, frame: &Frame<W>, counted: impl Fn(usize) -> bool) -> W {
        let mut sum = W::zero();
        for (index, (term, range)) in self.terms.iter().enumerate() {
            if counted(index) && range.contains(&frame.index) {
                sum += term.loss.value(frame) * Self::share(term, range);
            }
        }
        sum
    }

    /// Adds `bar` times the gradient of [`Schedule::value`] to `bars`.
    pub fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        for (term, share) in self.at(frame.index) {
            term.loss.value_vjp(frame, bar * share, bars);
        }
    }

    /// Each loss by itself, without weight, for reports; `None` where it is not read.
    pub fn values(&self, frame: &Frame<W>) -> Vec<Option<W>> {
        let value = |(term, range): &(Term<W>, Range<usize>)| {
            (range.contains(&frame.index)).then(|| term.loss.value(frame))
        };
        self.terms.iter().map(value).collect()
    }

    /// The terms read at a frame, with the factor of each.
    fn at(&self, frame: usize) -> impl Iterator<Item = (&Term<W>, W)> {
        self.terms
            .iter()
            .filter(move |(_, range)| range.contains(&frame))
            .map(|(term, range)| (term, Self::share(term, range)))
    }

    fn share(term: &Term<W>, range: &Range<usize>) -> W {
        W::of(term.weight / range.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;

    use super::{super::testing::*, *};
    use crate::loss::{Bodies, CentreOfMass, Chamfer};

    /// A schedule as one loss, for the dot-product test.
    impl<W: Real> FrameLoss<W> for Schedule<W> {
        fn check(&self, _frames: Range<usize>, _like: &Frame<W>) -> Result<(), LossError> {
            Ok(())
        }
        fn value(&self, frame: &Frame<W>) -> W {
            self.value(frame)
        }
        fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
            self.value_vjp(frame, bar, bars);
        }
    }

    fn centre() -> CentreOfMass {
        CentreOfMass {
            bodies: Bodies::All,
            axes: [true; 3],
            target: Vector3::zeros(),
        }
    }

    fn terms<W: Real>() -> Vec<Term<W>> {
        vec![
            Term {
                loss: Box::new(centre()),
                weight: 3.0,
                when: When::Frames { from: 1, to: 4 },
            },
            Term {
                loss: Box::new(Chamfer::new(Bodies::All, points(20, 9)).unwrap()),
                weight: -2.0,
                when: When::Frame(2),
            },
            Term {
                loss: Box::new(centre()),
                weight: 1.0,
                when: When::End,
            },
        ]
    }

    fn at(index: usize) -> Frame<f64> {
        Frame { index, ..cloud(1) }
    }

    #[test]
    fn frames_of_a_run() {
        assert_eq!(When::End.of(5), Some(4..5));
        assert_eq!(When::Every.of(5), Some(0..5));
        assert_eq!(When::Frame(3).of(5), Some(3..4));
        assert_eq!(When::Frames { from: 1, to: 4 }.of(5), Some(1..5));
        assert_eq!(When::Frame(5).of(5), None);
        assert_eq!(When::Frames { from: 3, to: 2 }.of(5), None);
        assert_eq!(When::Frames { from: 1, to: 5 }.of(5), None);
        let last = usize::MAX;
        assert_eq!(When::Frames { from: 1, to: last }.of(last), None);
        assert_eq!((When::End.of(0), When::Every.of(0)), (None, None));
    }

    #[test]
    fn value_vjp_is_the_transpose() {
        let like = Frame {
            index: 0,
            lattice: lift(&at(0).lattice),
            bodies: (at(0).bodies.iter())
                .map(|body| crate::loss::BodyFrame {
                    mass: Dual64::of(body.mass),
                    x: body.x.iter().map(|x| x.map(Dual64::of)).collect(),
                    taken: Vec::new(),
                })
                .collect(),
            tools: Vec::new(),
            reactions: crate::loss::Reactions::zero(1, 1),
            rigids: Vec::new(),
        };
        let dual = Schedule::new(terms(), 6, &like).unwrap();
        let plain = Schedule::new(terms(), 6, &at(0)).unwrap();
        assert_transpose(&dual, &plain, &at(2));
    }

    #[test]
    fn weights_and_means_by_hand() {
        let schedule = Schedule::new(terms(), 6, &at(0)).unwrap();
        let reads: Vec<_> = (0..6).map(|frame| schedule.reads(frame)).collect();
        assert_eq!(reads, [false, true, true, true, true, true]);
        let one: f64 = centre().value(&at(0));
        let sum = |frame| schedule.value(&at(frame));
        assert_eq!(sum(0), 0.0);
        assert!((sum(1) - 0.75 * one).abs() < 1e-15);
        assert!((sum(5) - one).abs() < 1e-15);
        let apart = schedule.values(&at(2));
        assert_eq!((apart[0], apart[2]), (Some(one), None));
        let both = 0.75 * one - 2.0 * apart[1].unwrap();
        assert!((sum(2) - both).abs() < 1e-15);
    }

    #[test]
    fn times_outside_the_run_are_refused() {
        let error = |frames| Schedule::new(terms(), frames, &at(0)).err().unwrap();
        assert_eq!(
            error(4).to_string(),
            "loss term 0, when: Frames { from: 1, to: 4 }; expected frames of 0..4, from <= to"
        );
        let mut terms = terms();
        terms[1].weight = f64::NAN;
        assert!(Schedule::new(terms, 6, &at(0)).is_err());
    }
}
