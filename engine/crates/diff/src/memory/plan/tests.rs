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
