//! Carries out a [`Plan`] on any kind of state.

use super::{Action, Plan};

/// A plan asked for a state that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plan restores step {step} from slot {slot}, which does not hold it")]
pub struct Lost {
    /// The slot.
    pub slot: usize,
    /// The step whose state it should hold.
    pub step: usize,
}

/// Carries out `plan` from `state`: `advance` runs a step forwards and is told whether it runs
/// for the first time, `reverse` pulls cotangents back over a step from the state before it.
/// Both share the `context`.
///
/// The first descent runs every step once and in order, so that what `advance` adds up on first
/// runs does not depend on the plan. States that are released are used again.
///
/// # Errors
/// What `advance` and `reverse` return, or a plan that does not fit itself.
pub fn sweep<C, S: Clone, E: From<Lost>>(
    plan: &Plan,
    context: &mut C,
    state: &mut S,
    mut advance: impl FnMut(&mut C, &mut S, usize, bool) -> Result<(), E>,
    mut reverse: impl FnMut(&mut C, &mut S, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut slots: Vec<Option<(usize, S)>> = vec![None; plan.kept()];
    let mut spare: Vec<S> = Vec::new();
    let mut reached = 0;
    for action in plan.actions() {
        match action {
            Action::Store { step, slot } => {
                let kept = match spare.pop() {
                    Some(mut kept) => {
                        kept.clone_from(state);
                        kept
                    }
                    None => state.clone(),
                };
                slots[slot] = Some((step, kept));
            }
            Action::Restore { step, slot } => match &slots[slot] {
                Some((held, kept)) if *held == step => state.clone_from(kept),
                _ => return Err(Lost { slot, step }.into()),
            },
            Action::Advance { from, to } => {
                for step in from..to {
                    let first = step == reached;
                    reached += usize::from(first);
                    advance(context, state, step, first)?;
                }
            }
            Action::Reverse { step } => reverse(context, state, step)?,
            Action::Release { slot } => spare.extend(slots[slot].take().map(|(_, kept)| kept)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x <- sin(x) + x / 2`, and the cotangent of its start.
    fn gradient(slots: usize) -> (f64, f64, usize) {
        let plan = Plan::new(23, slots).unwrap();
        let (mut x, mut context) = (0.7_f64, (0.0, 1.0, 0));
        let advance = |context: &mut (f64, f64, usize), x: &mut f64, _: usize, first: bool| {
            *x = x.sin() + 0.5 * *x;
            if first {
                context.0 += *x;
                context.2 += 1;
            }
            Ok::<_, Lost>(())
        };
        let reverse = |context: &mut (f64, f64, usize), x: &mut f64, step: usize| {
            // The sum of the states after every step, of which the last one starts.
            if step + 1 < 23 {
                context.1 += 1.0;
            }
            context.1 *= x.cos() + 0.5;
            Ok(())
        };
        sweep(&plan, &mut context, &mut x, advance, reverse).unwrap();
        context
    }

    #[test]
    fn every_budget_gives_the_same_bits() {
        let all = gradient(23);
        assert_eq!(all.2, 23);
        for slots in 1..23 {
            assert_eq!(gradient(slots), all);
        }
        let step = 1e-6;
        let value = |shift: f64| {
            let (mut x, mut sum) = (0.7 + shift, 0.0);
            for _ in 0..23 {
                x = f64::sin(x) + 0.5 * x;
                sum += x;
            }
            sum
        };
        let difference = (value(step) - value(-step)) / (2.0 * step);
        assert!((all.1 - difference).abs() < 1e-8 * difference.abs());
        assert!((all.0 - value(0.0)).abs() < 1e-14);
    }
}
