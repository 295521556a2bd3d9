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
mod tests {
    use super::{Action, Plan, PlanError, binomial};

    /// What following a plan does; checks on the way that every action is allowed.
    #[derive(Debug, Default)]
    struct Followed {
        advanced: u64,
        peak: usize,
        most_runs: u32,
    }

    fn follow(plan: &Plan) -> Followed {
        let (mut working, mut slots) = (0, vec![None; plan.kept()]);
        let mut runs = vec![0_u32; plan.steps()];
        let mut to_reverse = plan.steps();
        let mut followed = Followed::default();
        let (mut descent, mut live) = (0, 0);
        for action in plan.actions() {
            match action {
                Action::Store { step, slot } => {
                    assert_eq!(step, working);
                    assert_eq!(slots[slot].replace(step), None, "slot {slot} was in use");
                    live += 1;
                }
                Action::Restore { step, slot } => {
                    assert_eq!(slots[slot], Some(step));
                    working = step;
                }
                Action::Advance { from, to } => {
                    assert!(from == working && from < to && to <= to_reverse);
                    if descent < plan.steps() {
                        assert_eq!(from, descent, "the first descent runs every step once");
                        descent = to;
                    }
                    runs[from..to].iter_mut().for_each(|runs| *runs += 1);
                    followed.advanced += (to - from) as u64;
                    working = to;
                }
                Action::Reverse { step } => {
                    assert_eq!(
                        descent,
                        plan.steps(),
                        "the loss is known before the first reversal"
                    );
                    assert!(step == working && step + 1 == to_reverse);
                    to_reverse = step;
                }
                Action::Release { slot } => {
                    assert!(slots[slot].take().is_some(), "slot {slot} was free");
                    live -= 1;
                }
            }
            followed.peak = followed.peak.max(live);
        }
        assert_eq!(to_reverse, 0, "every step is reversed");
        assert!(
            slots.iter().all(Option::is_none),
            "everything stored is released"
        );
        followed.most_runs = runs.into_iter().max().unwrap_or(0);
        followed
    }

    /// Fewest forward steps by dynamic programming over where to store next:
    /// `again[s][l]` reverses `l` steps of which only the first `l - 1` states are needed,
    /// `first[s][l]` runs to the end before it reverses.
    fn brute_force(steps: usize, slots: usize) -> Vec<Vec<u64>> {
        let mut again = vec![vec![0; steps + 1]; slots + 1];
        let mut first = vec![vec![0; steps + 1]; slots + 1];
        for s in 1..=slots {
            for l in 1..=steps {
                again[s][l] = (1..l)
                    .filter(|&m| s > 1 || m == l - 1)
                    .map(|m| m as u64 + again[s - 1][l - m] + again[s][m])
                    .min()
                    .unwrap_or(0);
                let to_the_end = l as u64 + again[s][l];
                first[s][l] = (1..l)
                    .filter(|_| s > 1)
                    .map(|m| m as u64 + first[s - 1][l - m] + again[s][m])
                    .fold(to_the_end, u64::min);
            }
        }
        first
    }

    #[test]
    fn plan_is_as_good_as_dynamic_programming() {
        let best = brute_force(60, 8);
        for slots in 1..=8 {
            for steps in 1..=60 {
                let plan = Plan::new(steps, slots).unwrap();
                let followed = follow(&plan);
                assert_eq!(
                    followed.advanced, best[slots][steps],
                    "{steps} steps, {slots} slots"
                );
                assert_eq!(plan.forward_steps(), followed.advanced);
                assert!(followed.peak <= slots);
                assert_eq!(followed.peak, plan.kept());
            }
        }
    }

    #[test]
    fn no_step_runs_more_often_than_the_binomial_bound() {
        for slots in [1, 2, 3, 5, 9, 20] {
            for r in 1..=4_u32 {
                let reach = binomial(slots as u128 + u128::from(r), slots as u128) as usize;
                let followed = follow(&Plan::new(reach - 1, slots).unwrap());
                assert_eq!(followed.most_runs, r, "{slots} slots reach {reach}");
            }
        }
    }

    #[test]
    fn enough_slots_store_every_state() {
        for (steps, slots) in [(1, 1), (7, 7), (7, 100), (5000, 5000), (5000, usize::MAX)] {
            let plan = Plan::new(steps, slots).unwrap();
            assert_eq!(plan.forward_steps(), steps as u64);
            assert_eq!(follow(&plan).advanced, steps as u64);
            assert_eq!(plan.forward_passes(), 1.0);
        }
    }

    #[test]
    fn one_slot_starts_again_from_the_beginning() {
        assert_eq!(follow(&Plan::new(40, 1).unwrap()).advanced, 40 * 41 / 2);
        assert_eq!(
            Plan::new(100_000, 1).unwrap().forward_steps(),
            100_000 * 100_001 / 2
        );
    }

    #[test]
    fn long_chains_follow_the_formula() {
        for (steps, slots) in [
            (100_000, 450),
            (100_000, 20),
            (100_000, 99_999),
            (5_000, 140),
        ] {
            let plan = Plan::new(steps, slots).unwrap();
            let followed = follow(&plan);
            assert_eq!(followed.advanced, plan.forward_steps());
            assert_eq!(followed.peak, slots);
        }
    }

    #[test]
    fn display_says_what_it_costs() {
        let plan = Plan::new(5000, 140).unwrap();
        assert_eq!(
            plan.to_string(),
            "5000 substeps, 140 of 140 states kept, 1.97 forward passes"
        );
    }

    #[test]
    fn no_steps_need_no_actions() {
        let plan = Plan::new(0, 3).unwrap();
        assert_eq!(plan.actions().count(), 0);
        assert_eq!(plan.forward_steps(), 0);
    }

    #[test]
    fn budgets_too_small_say_the_least_that_would_do() {
        assert_eq!(Plan::new(9, 0), Err(PlanError::NoSlots { steps: 9 }));
        let error = Plan::within(9, 99, 100).unwrap_err();
        assert_eq!(
            error,
            PlanError::Budget {
                steps: 9,
                budget: 99,
                state: 100
            }
        );
        assert!(error.to_string().contains("takes 100 bytes"));
        assert_eq!(Plan::within(9, 399, 100).unwrap().slots(), 3);
    }
}
