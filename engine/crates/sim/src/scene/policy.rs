//! From the policy of a tool in a scene to what is run.

use super::{
    build::{BodyRef, Kind},
    spec::{self, Tool},
};
use crate::{policy::Policy, tool::injector::Matter};

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
    let policy = Policy {
        tool: 0,
        sees: vec![Matter::Solid(0); bodies],
        joints,
        reach: reach(given, joints),
        hidden: given.hidden,
        length: given.length,
        speed: given.speed,
        weights: Vec::new(),
    };
    policy.network().weights()
}
