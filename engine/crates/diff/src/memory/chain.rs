//! Value and gradient of a chain of maps under each kind of memory.

use super::{Action, Plan, PlanError};
use crate::Map;

/// What is kept of the forward pass for the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The tape of every map: one forward pass.
    Tape,
    /// At most this many states at a time, by a binomial [`Plan`].
    Checkpoint(usize),
    /// As many states as fit into this many bytes, by a binomial [`Plan`].
    CheckpointBytes(u64),
    /// Nothing but the last state: the maps are inverted on the way back.
    Reversible,
}

/// Why a chain has no gradient.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError<E: std::error::Error + 'static> {
    /// No plan fits the budget.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A map failed.
    #[error("map {index} of {length} failed")]
    Map {
        /// Its place in the chain, from 0.
        index: usize,
        /// Maps of the chain.
        length: usize,
        /// Why.
        #[source]
        source: E,
    },
    /// A map has no inverse.
    #[error("map {index} of {length} is not reversible: choose tape or checkpoint memory")]
    NotReversible {
        /// Its place in the chain, from 0.
        index: usize,
        /// Maps of the chain.
        length: usize,
    },
    /// A plan asked for a state that is not there.
    #[error("the plan restores step {step} from slot {slot}, which is empty")]
    EmptySlot {
        /// The slot.
        slot: usize,
        /// The step whose state it should hold.
        step: usize,
    },
}

/// What a gradient cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Maps that ran forwards without a tape.
    pub forward_maps: usize,
    /// Maps that ran forwards and left a tape.
    pub taped_maps: usize,
    /// States (or tapes) that were stored at the fullest moment.
    pub peak_states: usize,
    /// States (or tapes) that were still stored at the end: 0.
    pub left_states: usize,
}

/// Value and gradient of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// The value of the last map.
    pub output: Vec<f64>,
    /// The cotangent of the input of the first map.
    pub input_bar: Vec<f64>,
    /// What it cost.
    pub usage: Usage,
}

impl Memory {
    /// Runs `chain` from `x` and pulls the cotangent that `loss_bar` gives to its output back
    /// to `x`.
    ///
    /// [`Memory::Tape`] and checkpoints of any budget give the same bits;
    /// [`Memory::Reversible`] differs by the rounding of the inverses.
    pub fn pull<M: Map>(
        &self,
        chain: &[M],
        x: &[f64],
        loss_bar: impl FnOnce(&[f64]) -> Vec<f64>,
    ) -> Result<Pulled, MemoryError<M::Error>> {
        let length = chain.len();
        match *self {
            Self::Tape => pull_tape(chain, x, loss_bar),
            Self::Checkpoint(slots) => {
                pull_checkpoint(chain, &Plan::new(length, slots)?, x, loss_bar)
            }
            Self::CheckpointBytes(budget) => {
                let numbers = chain.iter().map(Map::inputs).max().unwrap_or(0);
                let plan = Plan::within(length, budget, (numbers * size_of::<f64>()) as u64)?;
                pull_checkpoint(chain, &plan, x, loss_bar)
            }
            Self::Reversible => pull_reversible(chain, x, loss_bar),
        }
    }
}

fn failed<E: std::error::Error>(index: usize, length: usize) -> impl Fn(E) -> MemoryError<E> {
    move |source| MemoryError::Map {
        index,
        length,
        source,
    }
}

fn pull_tape<M: Map>(
    chain: &[M],
    x: &[f64],
    loss_bar: impl FnOnce(&[f64]) -> Vec<f64>,
) -> Result<Pulled, MemoryError<M::Error>> {
    let mut tapes = Vec::with_capacity(chain.len());
    let mut state = x.to_vec();
    for (index, map) in chain.iter().enumerate() {
        let (next, tape) = map.apply(&state).map_err(failed(index, chain.len()))?;
        tapes.push(tape);
        state = next;
    }
    let peak_states = tapes.len();
    let mut bar = loss_bar(&state);
    for (index, map) in chain.iter().enumerate().rev() {
        if let Some(tape) = tapes.pop() {
            bar = map.vjp(&tape, &bar).map_err(failed(index, chain.len()))?;
        }
    }
    let usage = Usage {
        forward_maps: 0,
        taped_maps: chain.len(),
        peak_states,
        left_states: tapes.len(),
    };
    Ok(Pulled {
        output: state,
        input_bar: bar,
        usage,
    })
}

fn pull_checkpoint<M: Map>(
    chain: &[M],
    plan: &Plan,
    x: &[f64],
    loss_bar: impl FnOnce(&[f64]) -> Vec<f64>,
) -> Result<Pulled, MemoryError<M::Error>> {
    let length = chain.len();
    let mut slots: Vec<Option<Vec<f64>>> = vec![None; plan.kept()];
    let (mut working, mut stored, mut usage) = (x.to_vec(), 0, Usage::default());
    let mut loss_bar = Some(loss_bar);
    let (mut output, mut bar) = (Vec::new(), Vec::new());
    if chain.is_empty() {
        output.clone_from(&working);
        bar = loss_bar
            .take()
            .map_or_else(Vec::new, |loss_bar| loss_bar(&output));
    }
    for action in plan.actions() {
        match action {
            Action::Store { slot, .. } => {
                slots[slot] = Some(working.clone());
                stored += 1;
                usage.peak_states = usage.peak_states.max(stored);
            }
            Action::Restore { step, slot } => match &slots[slot] {
                Some(state) => working.clone_from(state),
                None => return Err(MemoryError::EmptySlot { slot, step }),
            },
            Action::Advance { from, to } => {
                for index in from..to {
                    working = chain[index]
                        .value(&working)
                        .map_err(failed(index, length))?;
                }
                usage.forward_maps += to - from;
                if to == length
                    && let Some(loss_bar) = loss_bar.take()
                {
                    output.clone_from(&working);
                    bar = loss_bar(&output);
                }
            }
            Action::Reverse { step } => {
                let (_, tape) = chain[step].apply(&working).map_err(failed(step, length))?;
                bar = chain[step].vjp(&tape, &bar).map_err(failed(step, length))?;
                usage.taped_maps += 1;
            }
            Action::Release { slot } => {
                slots[slot] = None;
                stored -= 1;
            }
        }
    }
    usage.left_states = stored;
    Ok(Pulled {
        output,
        input_bar: bar,
        usage,
    })
}

fn pull_reversible<M: Map>(
    chain: &[M],
    x: &[f64],
    loss_bar: impl FnOnce(&[f64]) -> Vec<f64>,
) -> Result<Pulled, MemoryError<M::Error>> {
    let length = chain.len();
    let mut state = x.to_vec();
    for (index, map) in chain.iter().enumerate() {
        if map.reversible().is_none() {
            return Err(MemoryError::NotReversible { index, length });
        }
        state = map.value(&state).map_err(failed(index, length))?;
    }
    let output = state.clone();
    let mut bar = loss_bar(&output);
    for (index, map) in chain.iter().enumerate().rev() {
        let inverse = map
            .reversible()
            .ok_or(MemoryError::NotReversible { index, length })?;
        state = inverse.inverse(&state);
        let (_, tape) = map.apply(&state).map_err(failed(index, length))?;
        bar = map.vjp(&tape, &bar).map_err(failed(index, length))?;
    }
    let usage = Usage {
        forward_maps: length,
        taped_maps: length,
        peak_states: usize::from(length > 0),
        left_states: 0,
    };
    Ok(Pulled {
        output,
        input_bar: bar,
        usage,
    })
}

#[cfg(test)]
mod tests {
    use super::{Memory, MemoryError, Plan, PlanError, Pulled};
    use crate::{
        Map,
        map::samples::{Coupling, Wave},
    };

    const START: [f64; 4] = [0.3, -0.7, 1.1, 0.2];

    fn waves(length: usize) -> Vec<Wave> {
        (0..length).map(|i| Wave(0.6 + 0.01 * i as f64)).collect()
    }

    fn square(y: &[f64]) -> Vec<f64> {
        y.iter().map(|y| 2.0 * y).collect()
    }

    fn pull<M: Map>(memory: Memory, chain: &[M]) -> Pulled {
        memory.pull(chain, &START, square).unwrap()
    }

    #[test]
    fn gradient_has_the_same_bits_for_every_budget() {
        let chain = waves(37);
        let tape = pull(Memory::Tape, &chain);
        assert!(tape.input_bar.iter().all(|bar| bar.abs() > 1e-12));
        for slots in (1..=40).chain([1000]) {
            let found = pull(Memory::Checkpoint(slots), &chain);
            assert_eq!(found.output, tape.output, "{slots} slots");
            assert_eq!(found.input_bar, tape.input_bar, "{slots} slots");
            let bytes = pull(Memory::CheckpointBytes(32 * slots as u64), &chain);
            assert_eq!(bytes, found);
        }
    }

    #[test]
    fn usage_is_what_the_plan_says() {
        for (length, slots) in [(1, 1), (37, 1), (37, 4), (37, 36), (37, 37), (200, 9)] {
            let plan = Plan::new(length, slots).unwrap();
            let usage = pull(Memory::Checkpoint(slots), &waves(length)).usage;
            assert_eq!(usage.forward_maps as u64, plan.forward_steps());
            assert_eq!(usage.taped_maps, length);
            assert_eq!(usage.peak_states, plan.kept());
            assert!(usage.peak_states <= slots);
            assert_eq!(usage.left_states, 0, "everything stored is consumed");
        }
        let usage = pull(Memory::Tape, &waves(37)).usage;
        assert_eq!((usage.peak_states, usage.left_states), (37, 0));
    }

    #[test]
    fn gradient_is_the_central_difference() {
        let chain = waves(12);
        let value = |x: &[f64]| {
            let end = chain
                .iter()
                .fold(x.to_vec(), |x, map| map.value(&x).unwrap());
            end.iter().map(|y| y * y).sum::<f64>()
        };
        let bar = pull(Memory::Checkpoint(3), &chain).input_bar;
        for i in 0..4 {
            let shifted = |h: f64| {
                let mut x = START;
                x[i] += h;
                value(&x)
            };
            let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!(
                (bar[i] - difference).abs() <= 1e-8,
                "{} {difference}",
                bar[i]
            );
        }
    }

    #[test]
    fn reversible_memory_gives_the_gradient_of_the_tape() {
        let chain: Vec<_> = (0..64)
            .map(|i| Coupling(0.5 + 0.01 * f64::from(i)))
            .collect();
        let tape = pull(Memory::Tape, &chain);
        let found = pull(Memory::Reversible, &chain);
        let size = tape
            .input_bar
            .iter()
            .fold(0.0_f64, |size, bar| size.max(bar.abs()));
        for (found, tape) in found.input_bar.iter().zip(&tape.input_bar) {
            assert!((found - tape).abs() <= 1e-8 * size, "{found} {tape}");
        }
        assert_eq!(found.output, tape.output);
        // 16 % of the tape at most (Liao et al. 2023); here one state of 64.
        assert!(found.usage.peak_states * 100 <= 16 * tape.usage.peak_states);
    }

    #[test]
    fn empty_chains_pass_the_cotangent_through() {
        for memory in [Memory::Tape, Memory::Checkpoint(1), Memory::Reversible] {
            let found = pull::<Wave>(memory, &[]);
            assert_eq!(found.output, START);
            assert_eq!(found.input_bar, square(&START));
        }
    }

    #[test]
    fn what_cannot_be_done_is_an_error() {
        let error = Memory::Reversible
            .pull(&waves(3), &START, square)
            .unwrap_err();
        assert!(matches!(
            error,
            MemoryError::NotReversible {
                index: 0,
                length: 3
            }
        ));
        let error = Memory::CheckpointBytes(31)
            .pull(&waves(3), &START, square)
            .unwrap_err();
        let expected = PlanError::Budget {
            steps: 3,
            budget: 31,
            state: 32,
        };
        assert!(matches!(error, MemoryError::Plan(error) if error == expected));
    }
}
