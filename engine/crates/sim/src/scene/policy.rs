//! From the policy of a tool in a scene to what is run.

use super::{
    build::{BodyRef, Kind},
    spec::{self, Tool},
};
use crate::{
    policy::{Network, Policy},
    tool::injector::Matter,
};

/// What steers the tool with this index, if the scene says so; of the bodies of the scene.
pub(super) fn policy(index: usize, tool: &Tool, bodies: &[BodyRef]) -> Option<Policy<f64>> {
    let given = tool.policy.as_ref()?;
    let seen = |body: &&BodyRef| given.sees.is_empty() || given.sees.contains(&body.name);
    let matter = |body: &BodyRef| match body.kind {
        Kind::Liquid => Matter::Liquid(body.index),
        Kind::Solid => Matter::Solid(body.index),
    };
    let mut policy = Policy {
        tool: index,
        sees: bodies.iter().filter(seen).map(matter).collect(),
        joints: tool.joints.len(),
        reach: reach(given, tool.joints.len()),
        hidden: given.hidden,
        length: given.length,
        speed: given.speed,
        weights: given.weights.clone(),
    };
    if policy.weights.is_empty() {
        policy.weights = policy.network().start(given.seed);
    }
    Some(policy)
}

/// The numbers of a command that it adds to, and the most that it adds to each.
fn reach(given: &spec::Policy, joints: usize) -> Vec<(usize, f64)> {
    let all = given.reach(joints).into_iter().enumerate();
    all.filter(|(_, most)| *most != 0.0).collect()
}

/// Weights that the policy of a tool has if it sees so many bodies.
pub(super) fn weights(given: &spec::Policy, joints: usize, bodies: usize) -> usize {
    let outputs = reach(given, joints).len();
    Network::seeing(bodies, joints, given.hidden, outputs).weights()
}

#[cfg(test)]
mod tests {
    use crate::scene::testing::{faults_of, throw_with};

    /// The faults of the sound scene with this policy for its thrower.
    fn faults(policy: &str) -> Vec<String> {
        let motion = "motion: Constant(linear: (0.2, 0.1, 0))";
        faults_of(&throw_with(&[(
            motion,
            &format!("{motion}, policy: ({policy})"),
        )]))
    }

    #[test]
    fn a_sound_policy_has_no_fault() {
        let none = Vec::<String>::new();
        assert_eq!(
            faults("linear: (0.5, 0, 0), sees: [\"block\"], hidden: 4"),
            none
        );
        // 4 units of 11 inputs, and their weights and one for x.
        let weights = vec!["0.1"; 4 * 11 + 5].join(", ");
        let policy =
            format!("linear: (0.5, 0, 0), sees: [\"drop\"], hidden: 4, weights: [{weights}]");
        assert_eq!(faults(&policy), none);
    }

    #[test]
    fn faults_of_a_policy_say_what_was_expected() {
        for (policy, expected) in [
            (
                "sees: [\"drop\"]",
                "tools[0].policy = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]: expected some of `linear`, `angular` and `joints` above zero: it would steer nothing",
            ),
            (
                "linear: (0, 0, -1)",
                "tools[0].policy = [0.0, 0.0, -1.0, 0.0, 0.0, 0.0]: expected the most that it adds to each number: not negative",
            ),
            (
                "linear: (1, 0, 0), joints: [1]",
                "tools[0].policy.joints = [1 numbers]: expected none, or one for each of the 0 joints",
            ),
            (
                "linear: (1, 0, 0), hidden: 0",
                "tools[0].policy.hidden = 0: expected 1 to 1024 hidden units",
            ),
            (
                "linear: (1, 0, 0), speed: 0",
                "tools[0].policy.speed = 0: expected a positive number (m/s)",
            ),
            (
                "linear: (1, 0, 0), sees: [\"drop\", \"jam\"]",
                "tools[0].policy.sees[1] = \"jam\": expected the name of a body: \"drop\", \"block\"",
            ),
            (
                "linear: (1, 0, 0), sees: [\"drop\", \"drop\"]",
                "tools[0].policy.sees[1] = \"drop\": expected each body once",
            ),
            (
                "linear: (1, 0, 0), hidden: 2, weights: [0.5]",
                "tools[0].policy.weights = [1 numbers]: expected 37 numbers, or none for first weights",
            ),
        ] {
            assert_eq!(faults(policy), [expected], "{policy}");
        }
    }
}
