//! Binomial checkpointing: which states to keep and which to compute again.

use std::fmt;

/// One thing to do in a forward and backward sweep over a chain of steps.
///
/// There is one working state, which starts at step 0. State `i` is the one before
/// step `i`; step `i` takes state `i` to state `i + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Copy the working state, which is at `step`, into `slot`.
    Store {
        /// The step the working state is at.
        step: usize,
        /// The free slot it goes to.
        slot: usize,
    },
    /// Overwrite the working state with the copy in `slot`, which is at `step`.
    Restore {
        /// The step the copy is at.
        step: usize,
        /// The slot it is in.
        slot: usize,
    },
    /// Run the steps `from..to` on the working state.
    Advance {
        /// First step to run: where the working state is.
        from: usize,
        /// Step the working state is at afterwards.
        to: usize,
    },
    /// Pull the cotangent from state `step + 1` to state `step`; the working state is at `step`.
    Reverse {
        /// The step that is reversed.
        step: usize,
    },
    /// Forget what is in `slot`.
    Release {
        /// The slot that becomes free.
        slot: usize,
    },
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not even the first state fits.
    #[error("{steps} steps cannot be reversed with 0 stored states: at least 1 is needed")]
    NoSlots {
        /// Steps of the chain.
        steps: usize,
    },
    /// The budget holds no state.
    #[error(
        "a memory budget of {budget} bytes cannot reverse {steps} steps: \
         one stored state takes {state} bytes, which is the least that would do"
    )]
    Budget {
        /// Steps of the chain.
        steps: usize,
        /// Bytes that may be used.
        budget: u64,
        /// Bytes of one state.
        state: u64,
    },
}

/// The sweep that reverses a chain of steps with the fewest steps run forwards.
///
/// With `s` slots and `steps + 1 <= C(s + r, s)` no step runs forwards more than `r`
/// times (Griewank & Walther 2000, ACM TOMS 26(1), Algorithm 799). The end of the chain
/// counts as one step more, because its state is needed for the loss before anything is
/// reversed. The plan itself takes no memory; its actions are computed as they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    steps: usize,
    slots: usize,
}

impl Plan {
    /// A plan for `steps` steps that keeps at most `slots` states besides the working
    /// one, counting that at step 0.
    pub fn new(steps: usize, slots: usize) -> Result<Self, PlanError> {
        if slots == 0 {
            return Err(PlanError::NoSlots { steps });
        }
        Ok(Self { steps, slots })
    }

    /// The plan that keeps as many states of `state` bytes as fit into `budget` bytes.
    pub fn within(steps: usize, budget: u64, state: u64) -> Result<Self, PlanError> {
        let slots = usize::try_from(budget / state.max(1)).unwrap_or(usize::MAX);
        Self::new(steps, slots).map_err(|_| PlanError::Budget {
            steps,
            budget,
            state,
        })
    }

    /// Steps of the chain.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// States that may be kept.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// States that are kept at the fullest moment; slots are numbered below this.
    pub fn kept(&self) -> usize {
        self.slots.min(self.steps)
    }

    /// Steps that run forwards in all: `r n - C(s + r, s + 1)` with `n = steps + 1` and the
    /// least `r` with `n <= C(s + r, s)` (Griewank & Walther 2000).
    ///
    /// What the executor runs inside [`Action::Reverse`] is not counted.
    pub fn forward_steps(&self) -> u64 {
        if self.steps == 0 {
            return 0;
        }
        let (n, s) = (self.steps as u128 + 1, self.kept() as u128);
        let r = repetitions(n, s);
        let total = r * n - binomial(s + r, s + 1);
        u64::try_from(total).unwrap_or(u64::MAX)
    }

    /// [`Plan::forward_steps`] over the steps of one pass; 1 if every state is kept.
    pub fn forward_passes(&self) -> f64 {
        if self.steps == 0 {
            0.0
        } else {
            self.forward_steps() as f64 / self.steps as f64
        }
    }

    /// What to do, in order.
    ///
    /// The first descent runs every step of the chain once and in order, and ends with the
    /// only [`Action::Advance`] to [`Plan::steps`]: the loss is known then, before the first
    /// [`Action::Reverse`]. Steps are reversed from the last to the first, each once. At the
    /// end every slot is free.
    pub fn actions(&self) -> Actions {
        let segments = vec![Segment {
            start: 0,
            length: self.steps + 1,
            stage: Stage::Fresh,
        }];
        Actions {
            steps: self.steps,
            slots: self.kept().max(1),
            segments,
        }
    }
}

/// `5000 substeps, 140 of 140 states kept, 1.97 forward passes`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} substeps, {} of {} states kept, {:.2} forward passes",
            self.steps,
            self.kept(),
            self.slots,
            self.forward_passes()
        )
    }
}

/// Where the work on a segment stands.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The working state is at its start, which is not stored.
    Fresh,
    /// The working state is at its start, which is stored.
    Stored,
    /// Everything after its first `length` steps is reversed; the working state is elsewhere.
    Left,
    /// One step is left; its state is restored and still stored.
    Restored,
    /// One step is left; its state is the working state and not stored.
    Single,
}

/// A stretch of the chain that is still to be reversed; the one at depth `d` uses slot `d`.
#[derive(Debug, Clone, Copy)]
struct Segment {
    start: usize,
    length: usize,
    stage: Stage,
}

/// The actions of a [`Plan`], in order.
#[derive(Debug, Clone)]
pub struct Actions {
    steps: usize,
    slots: usize,
    segments: Vec<Segment>,
}

impl Iterator for Actions {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        loop {
            let slot = self.segments.len().checked_sub(1)?;
            let segment = self.segments.last_mut()?;
            let (step, length) = (segment.start, segment.length);
            match segment.stage {
                Stage::Fresh if length == 1 => segment.stage = Stage::Single,
                Stage::Fresh => {
                    segment.stage = Stage::Stored;
                    return Some(Action::Store { step, slot });
                }
                Stage::Stored => {
                    let first = first_part(length, self.slots - slot);
                    segment.length = first;
                    segment.stage = Stage::Left;
                    let rest = Segment {
                        start: step + first,
                        length: length - first,
                        stage: Stage::Fresh,
                    };
                    self.segments.push(rest);
                    return Some(Action::Advance {
                        from: step,
                        to: step + first,
                    });
                }
                Stage::Left => {
                    segment.stage = if length == 1 {
                        Stage::Restored
                    } else {
                        Stage::Stored
                    };
                    return Some(Action::Restore { step, slot });
                }
                Stage::Restored => {
                    segment.stage = Stage::Single;
                    return Some(Action::Release { slot });
                }
                Stage::Single => {
                    self.segments.pop();
                    // The end of the chain is where the loss is, not a step.
                    if step < self.steps {
                        return Some(Action::Reverse { step });
                    }
                }
            }
        }
    }
}

/// How far to advance before the next state is stored: `m` of `length` steps with `slots`
/// slots, counting that of the start.
///
/// `m + t(m, s) + t(length - m, s - 1)` is convex and least where
/// `C(s + r - 2, s) <= m <= C(s + r - 1, s)` and
/// `C(s + r - 2, s - 1) <= length - m <= C(s + r - 1, s - 1)` (ibid.); the largest such
/// `m` is taken, which stores the fewest states.
fn first_part(length: usize, slots: usize) -> usize {
    if slots <= 1 {
        return length - 1;
    }
    let (n, s) = (length as u128, slots as u128);
    if n <= s + 1 {
        return 1;
    }
    let r = repetitions(n, s);
    let m = binomial(s + r - 1, s).min(n - binomial(s + r - 2, s - 1));
    usize::try_from(m)
        .unwrap_or(length - 1)
        .clamp(1, length - 1)
}

/// Least `r` with `n <= C(s + r, s)`.
fn repetitions(n: u128, s: u128) -> u128 {
    if s <= 1 {
        return n.saturating_sub(1);
    }
    let (mut r, mut reach) = (0, 1_u128);
    while reach < n {
        r += 1;
        reach = reach.saturating_mul(s + r) / r;
    }
    r
}

/// `C(n, k)`, saturating.
fn binomial(n: u128, k: u128) -> u128 {
    let k = if k > n { return 0 } else { k.min(n - k) };
    (1..=k).fold(1_u128, |value, i| value.saturating_mul(n - k + i) / i)
}

#[cfg(test)]
mod tests;
