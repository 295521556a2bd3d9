//! Units of a data set.

use crate::{data::Trajectory, error::OperatorError, model::Scales};

/// Root mean squares of the velocities and of the accelerations beyond gravity, over all particles and
/// steps of all trajectories (not the mean of those of each trajectory).
///
/// # Errors
/// No trajectories, different steps of time, or nothing that moves.
pub fn scales(trajectories: &[Trajectory]) -> Result<Scales, OperatorError> {
    let Some(first) = trajectories.first() else {
        return Err(OperatorError::mismatch("trajectories", 0, "at least 1"));
    };
    let frame = first.frame;
    let (mut velocity, mut acceleration, mut count) = (0.0, 0.0, 0.0);
    for trajectory in trajectories {
        if trajectory.frame != frame {
            let what = "time of a step (s)";
            return Err(OperatorError::mismatch(what, trajectory.frame, frame));
        }
        for step in 1..trajectory.frames() - 1 {
            let [old, now, new] =
                [step - 1, step, step + 1].map(|frame| trajectory.positions(frame));
            for (index, ((&old, &now), &new)) in old.iter().zip(now).zip(new).enumerate() {
                let [old, now, new] = [old, now, new].map(f64::from);
                let v = (new - now) / frame;
                let a = (new - 2.0 * now + old) / (frame * frame);
                velocity += v * v;
                acceleration += (a - trajectory.gravity[index % 3]).powi(2);
                count += 1.0 / 3.0;
            }
        }
    }
    let scales = Scales {
        frame,
        velocity: (velocity / count).sqrt(),
        acceleration: (acceleration / count).sqrt(),
        spacing: None,
    };
    if scales.velocity > 0.0 && scales.acceleration > 0.0 {
        Ok(scales)
    } else {
        let what = "velocities and accelerations beyond gravity";
        Err(OperatorError::mismatch(
            what,
            "zero",
            "something that moves and touches",
        ))
    }
}
