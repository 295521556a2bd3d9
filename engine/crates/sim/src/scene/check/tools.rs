//! The numbers of every tool by themselves.

use super::Faults;
use crate::{
    scene::{
        fault::{number, vector},
        spec::{Action, Joint, Limits, Motion, Placement, Policy, Spec, Stroke, Tool, Velocity},
    },
    tool::{MAX_JOINTS, MAX_TOOLS},
};

pub(super) fn check(spec: &Spec<()>, faults: &mut Faults) {
    if spec.tools.len() > MAX_TOOLS {
        let count = format!("[{} tools]", spec.tools.len());
        faults.add("tools", count, format!("at most {MAX_TOOLS} tools"));
    }
    for (index, tool) in spec.tools.iter().enumerate() {
        self::tool(&format!("tools[{index}]"), tool, spec.time.frames, faults);
    }
}

fn tool(path: &str, tool: &Tool, frames: usize, faults: &mut Faults) {
    faults.vector(&format!("{path}.position"), &tool.position, "m");
    faults.vector(&format!("{path}.rotation"), &tool.rotation, "rad");
    if tool.joints.len() > MAX_JOINTS {
        let count = format!("[{} joints]", tool.joints.len());
        let expected = format!("at most {MAX_JOINTS} joints");
        faults.add(format!("{path}.joints"), count, expected);
    }
    for (index, joint) in tool.joints.iter().enumerate() {
        self::joint(&format!("{path}.joints[{index}]"), joint, faults);
    }
    if let Some(policy) = &tool.policy {
        self::policy(&format!("{path}.policy"), policy, tool.joints.len(), faults);
    }
    limits(
        &format!("{path}.limits"),
        &tool.limits,
        &tool.position,
        faults,
    );
    motion(
        &format!("{path}.motion"),
        &tool.motion,
        tool.joints.len(),
        frames,
        faults,
    );
}

/// The numbers of what steers a tool with so many joints.
fn policy(path: &str, policy: &Policy, joints: usize, faults: &mut Faults) {
    faults.vector(&format!("{path}.linear"), &policy.linear, "m/s or m");
    faults.vector(&format!("{path}.angular"), &policy.angular, "rad/s or rad");
    if ![0, joints].contains(&policy.joints.len()) {
        let count = format!("[{} numbers]", policy.joints.len());
        let expected = format!("none, or one for each of the {joints} joints");
        faults.add(format!("{path}.joints"), count, expected);
    }
    let reach = policy.reach(joints);
    if reach.iter().any(|most| *most < 0.0 || !most.is_finite()) {
        let expected = "the most that it adds to each number: not negative";
        faults.add(path, format!("{reach:?}"), expected);
    } else if reach.iter().all(|most| *most == 0.0) {
        let expected =
            "some of `linear`, `angular` and `joints` above zero: it would steer nothing";
        faults.add(path, format!("{reach:?}"), expected);
    }
    if !(1..=MOST_HIDDEN).contains(&policy.hidden) {
        let expected = format!("1 to {MOST_HIDDEN} hidden units");
        faults.add(format!("{path}.hidden"), policy.hidden, expected);
    }
    faults.positive(&format!("{path}.length"), policy.length, "m");
    faults.positive(&format!("{path}.speed"), policy.speed, "m/s");
    if let Some(weight) = policy.weights.iter().find(|weight| !weight.is_finite()) {
        faults.add(format!("{path}.weights"), weight, "finite numbers");
    }
}

/// Hidden units of a policy at most.
const MOST_HIDDEN: usize = 1024;

/// How a tool with so many joints moves.
pub(super) fn motion(
    path: &str,
    motion: &Motion,
    joints: usize,
    frames: usize,
    faults: &mut Faults,
) {
    match motion {
        Motion::Hold => {}
        Motion::Constant {
            linear,
            angular,
            joints: rates,
        } => {
            faults.vector(&format!("{path}.linear"), linear, "m/s");
            faults.vector(&format!("{path}.angular"), angular, "rad/s");
            self::joints(path, rates, joints, faults);
        }
        Motion::Frames(given) => {
            at_most(path, "velocities", given.len(), frames, faults);
            for (index, given) in given.iter().enumerate() {
                velocity(&format!("{path}[{index}]"), given, joints, faults);
            }
        }
        Motion::Poses(given) => {
            at_most(path, "poses", given.len(), frames, faults);
            for (index, given) in given.iter().enumerate() {
                placement(&format!("{path}[{index}]"), given, joints, faults);
            }
        }
        Motion::Strokes(given) => {
            if given.is_empty() {
                faults.add(path, "Strokes([])", "at least one stroke");
            }
            for (index, given) in given.iter().enumerate() {
                stroke(&format!("{path}[{index}]"), given, joints, faults);
            }
        }
    }
}

fn at_most(path: &str, what: &str, given: usize, frames: usize, faults: &mut Faults) {
    if given > frames {
        let value = format!("[{given} {what}]");
        let expected = format!("at most {frames}, one for each of `time.frames`");
        faults.add(path, value, expected);
    }
}

fn joint(path: &str, joint: &Joint, faults: &mut Faults) {
    faults.vector(&format!("{path}.anchor"), &joint.anchor, "m");
    faults.vector(&format!("{path}.axis"), &joint.axis, "1");
    if joint.axis.iter().map(|part| part * part).sum::<f64>() < 1e-12 {
        let expected = "a direction: a vector that is not zero";
        faults.add(format!("{path}.axis"), vector(&joint.axis), expected);
    }
    faults.finite(&format!("{path}.position"), joint.position, "rad, m");
    if let Some([least, greatest]) = joint.range
        && !(least..=greatest).contains(&joint.position)
    {
        let value = format!("({}, {})", number(least), number(greatest));
        let position = number(joint.position);
        let expected = format!("a least and a greatest position, with {position} between");
        faults.add(format!("{path}.range"), value, expected);
    }
    if let Some(speed) = joint.speed {
        faults.positive(&format!("{path}.speed"), speed, "rad/s, m/s");
    }
}

fn limits(path: &str, limits: &Limits, start: &[f64; 3], faults: &mut Faults) {
    if let Some(linear) = limits.linear {
        faults.positive(&format!("{path}.linear"), linear, "m/s");
    }
    if let Some(angular) = limits.angular {
        faults.positive(&format!("{path}.angular"), angular, "rad/s");
    }
    if let Some(workspace) = limits.workspace {
        let path = &format!("{path}.workspace");
        faults.vector(&format!("{path}.min"), &workspace.min, "m");
        faults.vector(&format!("{path}.max"), &workspace.max, "m");
        let inside =
            |axis: usize| workspace.min[axis] <= start[axis] && start[axis] <= workspace.max[axis];
        if !(0..3).all(inside) {
            let value = format!("{} to {}", vector(&workspace.min), vector(&workspace.max));
            let expected = format!("a box that holds the start of the tool, {}", vector(start));
            faults.add(path, value, expected);
        }
    }
}

fn velocity(path: &str, given: &Velocity, joints: usize, faults: &mut Faults) {
    faults.vector(&format!("{path}.linear"), &given.linear, "m/s");
    faults.vector(&format!("{path}.angular"), &given.angular, "rad/s");
    self::joints(path, &given.joints, joints, faults);
}

fn placement(path: &str, given: &Placement, joints: usize, faults: &mut Faults) {
    faults.vector(&format!("{path}.position"), &given.position, "m");
    faults.vector(&format!("{path}.rotation"), &given.rotation, "rad");
    self::joints(path, &given.joints, joints, faults);
}

fn stroke(path: &str, given: &Stroke, joints: usize, faults: &mut Faults) {
    if given.frames == 0 {
        faults.add(format!("{path}.frames"), 0, "at least 1 frame");
    }
    let path = &format!("{path}.action");
    match &given.action {
        Action::Move(by) => velocity(path, by, joints, faults),
        Action::Go(to) => placement(path, to, joints, faults),
    }
}

/// Numbers for the joints: none, or one for each.
fn joints(path: &str, given: &[f64], joints: usize, faults: &mut Faults) {
    let path = format!("{path}.joints");
    if !given.is_empty() && given.len() != joints {
        let expected = format!("no numbers, or one for each of {joints} joints");
        faults.add(path, format!("[{} numbers]", given.len()), expected);
        return;
    }
    for &entry in given {
        faults.finite(&path, entry, "rad/s, m/s; of poses rad, m");
    }
}
