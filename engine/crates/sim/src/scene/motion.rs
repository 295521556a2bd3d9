//! From the tools of a scene and how they move to what is run.

use super::{
    solid::placement,
    spec::{Action, JointKind, Limits, Motion, Placement, Tool, Velocity},
};
use crate::tool;

/// The tool with its joints and limits.
pub(super) fn tool(given: &Tool) -> tool::Tool<f64> {
    let joint = |joint: &super::spec::Joint| tool::Joint {
        name: joint.name.clone(),
        kind: match joint.kind {
            JointKind::Hinge => tool::JointKind::Hinge,
            JointKind::Slider => tool::JointKind::Slider,
        },
        parent: joint
            .on
            .as_ref()
            .and_then(|on| given.joint(on))
            .map_or(0, |parent| parent + 1),
        anchor: joint.anchor.into(),
        axis: nalgebra::Vector3::from(joint.axis).normalize(),
        range: joint.range.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]),
        speed: joint.speed.unwrap_or(f64::INFINITY),
    };
    tool::Tool {
        name: given.name.clone(),
        start: tool::Stance {
            pose: placement(given.position, given.rotation),
            joints: given.joints.iter().map(|joint| joint.position).collect(),
        },
        joints: given.joints.iter().map(joint).collect(),
        limits: limits(&given.limits),
    }
}

fn limits(given: &Limits) -> tool::Limits<f64> {
    let mut limits = tool::Limits::none();
    if let Some(linear) = given.linear {
        limits.linear.fill(linear);
    }
    if let Some(angular) = given.angular {
        limits.angular.fill(angular);
    }
    if let Some(workspace) = given.workspace {
        limits.workspace = [workspace.min.into(), workspace.max.into()];
    }
    limits
}

/// What the tool is told in each of the first `frames` frames.
pub fn program(given: &Tool, frames: usize) -> tool::Program<f64> {
    let mut program = tool::Program::new(6 + given.joints.len());
    let start = given.start();
    let velocity = |velocity: &Velocity| {
        numbers(
            velocity.linear,
            velocity.angular,
            &velocity.joints,
            &vec![0.0; given.joints.len()],
        )
    };
    let placement = |to: &Placement| numbers(to.position, to.rotation, &to.joints, &start.joints);
    let free = |drive| tool::Command { drive, free: true };
    match &given.motion {
        Motion::Hold => {
            let still = velocity(&Velocity::default());
            for _ in 0..frames {
                program.push(free(tool::Drive::Velocity), &still);
            }
        }
        Motion::Constant {
            linear,
            angular,
            joints,
        } => {
            let (linear, angular, joints) = (*linear, *angular, joints.clone());
            let constant = velocity(&Velocity {
                linear,
                angular,
                joints,
            });
            for _ in 0..frames {
                program.push(free(tool::Drive::Velocity), &constant);
            }
        }
        Motion::Frames(given) => {
            let still = Velocity::default();
            for frame in 0..frames {
                let values = velocity(given.get(frame).unwrap_or(&still));
                program.push(free(tool::Drive::Velocity), &values);
            }
        }
        Motion::Poses(given) => {
            for frame in 0..frames {
                let values = placement(given.get(frame).or(given.last()).unwrap_or(&start));
                program.push(free(tool::Drive::Pose { frames: 1 }), &values);
            }
        }
        Motion::Strokes(strokes) => {
            let cycle = strokes.iter().cycle().flat_map(|stroke| {
                (0..stroke.frames).map(move |frame| (stroke, stroke.frames - frame))
            });
            // Without a stroke that takes a frame, which is a fault, there is no end of it.
            let ends = strokes.iter().any(|stroke| stroke.frames > 0);
            for (stroke, left) in cycle.take(if ends { frames } else { 0 }) {
                let (drive, values) = match &stroke.action {
                    Action::Move(by) => (tool::Drive::Velocity, velocity(by)),
                    Action::Go(to) => (tool::Drive::Pose { frames: left }, placement(to)),
                };
                let free = stroke.free;
                program.push(tool::Command { drive, free }, &values);
            }
        }
    }
    program
}

/// The numbers of a command; joints that are not given are as in `joints`.
fn numbers(first: [f64; 3], second: [f64; 3], given: &[f64], joints: &[f64]) -> Vec<f64> {
    let mut numbers = first.to_vec();
    numbers.extend(second);
    numbers.extend((0..joints.len()).map(|joint| given.get(joint).unwrap_or(&joints[joint])));
    numbers
}

#[cfg(test)]
mod tests {
    use super::{super::spec::Stroke, *};
    use crate::tool::Drive;

    fn tool_with(motion: Motion) -> Tool {
        ron::from_str::<Tool>(
            r#"(name: "arm", position: (1, 2, 3), joints: [
                (name: "rail", kind: Slider, position: 0.1),
                (name: "wrist", kind: Hinge, on: Some("rail"), axis: (0, 2, 0), range: Some((-1, 1))),
            ])"#,
        )
        .map(|tool| Tool { motion, ..tool })
        .unwrap()
    }

    #[test]
    fn strokes_follow_one_another_over_and_over() {
        let go = Action::Go(Placement {
            position: [0.5, 0.0, 0.0],
            rotation: [0.0; 3],
            joints: vec![],
        });
        let given = tool_with(Motion::Strokes(vec![
            Stroke {
                frames: 2,
                action: Action::default(),
                free: true,
            },
            Stroke {
                frames: 3,
                action: go,
                free: false,
            },
        ]));
        let program = program(&given, 8);
        let free: Vec<usize> = program.free().collect();
        assert_eq!(free, [0, 1, 5, 6]);
        let drives: Vec<Drive> = program
            .commands
            .iter()
            .map(|command| command.drive)
            .collect();
        let pose = |frames| Drive::Pose { frames };
        let (still, by) = (Drive::Velocity, [3, 2, 1].map(pose));
        assert_eq!(
            drives,
            [still, still, by[0], by[1], by[2], still, still, by[0]]
        );
        // Joints stay where they start unless told.
        assert_eq!(program.at(3), [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0]);
    }

    #[test]
    fn poses_stay_at_the_last_and_joints_hang_on_one_another() {
        let given = tool_with(Motion::Poses(vec![]));
        let program = program(&given, 3);
        assert_eq!(program.at(2), [1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.1, 0.0]);
        let tool = tool(&given);
        assert_eq!((tool.joints[0].parent, tool.joints[1].parent), (0, 1));
        assert_eq!(tool.joints[1].axis, nalgebra::Vector3::y());
        assert_eq!(tool.joints[1].range, [-1.0, 1.0]);
        assert_eq!(tool.joints[0].speed, f64::INFINITY);
    }
}
