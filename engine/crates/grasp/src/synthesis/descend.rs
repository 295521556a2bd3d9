//! The descent: steps along the gradient, its length evened out finger by finger.

use backflow_diff::lanes::WIDTH;
use nalgebra::{Rotation3, Vector3};

use super::{
    Settings,
    clearance::Margins,
    energy::{Forces, Stance, Weights, Workspace, energy_vjp},
};
use crate::{
    force::{Batch, LOADS, Limits, Rows, VARIABLES, admm, loads},
    hand::{Hand, spec::JointKind},
    object::Object,
};

/// Grasps that go in step, so that their programmes fill whole batches: 8 x 6 = 3 x 16.
pub const TOGETHER: usize = 8;

/// One grasp on its way.
struct Walker {
    stance: Stance<f64>,
    best: Stance<f64>,
    least: f64,
    momentum: Vec<f64>,
    gradient: Vec<f64>,
    forces: Forces<f64>,
    workspace: Workspace<f64>,
}

/// Descends from up to [`TOGETHER`] starts; returns the best stances of the time when the
/// fingers are closed.
///
/// As in BODex the gradient of position, rotation and each finger is divided by its length,
/// `m <- (beta m + g) / 2` remembers it, and `x <- x - alpha m`. Unlike there forces are
/// minded to the end and the best stance is kept, not the last.
pub fn descend(
    hand: &Hand,
    object: &Object,
    settings: &Settings,
    starts: &[Stance<f64>],
) -> Vec<Stance<f64>> {
    let limits = Limits {
        friction: settings.friction,
        ..Limits::of(&hand.pressures)
    };
    let rows = Rows::new(hand.fingers.len(), &limits);
    let solver = admm::Settings::default();
    let mut batches = vec![Batch::<f32>::new(&rows); (starts.len() * LOADS).div_ceil(WIDTH)];
    let size = 6 + hand.motors.len();
    let mut walkers: Vec<Walker> = starts
        .iter()
        .map(|start| Walker {
            stance: start.clone(),
            best: start.clone(),
            least: f64::INFINITY,
            momentum: vec![0.0; size],
            gradient: vec![0.0; size],
            forces: [[0.0; VARIABLES]; LOADS],
            workspace: Workspace::new(hand),
        })
        .collect();
    let groups = groups(hand);
    for iteration in 0..=settings.iterations {
        for walker in &mut walkers {
            walker.workspace.place(hand, object, &walker.stance);
        }
        if iteration % settings.interval == 0 {
            solve(&rows, &solver, &mut batches, &mut walkers);
        }
        let done = iteration as f64 / settings.iterations as f64;
        let weights = weights(settings, &limits, done);
        let scale = settings.decay.powf(done);
        for walker in &mut walkers {
            let energy = energy_vjp(
                hand,
                object,
                &walker.stance,
                &walker.forces,
                &weights,
                &mut walker.workspace,
                &mut walker.gradient,
            );
            if done >= settings.close && energy < walker.least {
                walker.least = energy;
                walker.best.clone_from(&walker.stance);
            }
            if iteration < settings.iterations {
                step(hand, settings, &groups, scale, walker);
            }
        }
    }
    walkers.into_iter().map(|walker| walker.best).collect()
}

/// The weights when a part `done` of the steps is done.
fn weights(settings: &Settings, limits: &Limits, done: f64) -> Weights {
    // From 0 when fingers start to close to 1 when they are closed.
    let closed =
        ((done - settings.approach) / (settings.close - settings.approach)).clamp(0.0, 1.0);
    let distance = settings.distance.ln() * (1.0 - closed) + settings.distance_closed.ln() * closed;
    Weights {
        force: settings.force,
        distance: distance.exp(),
        reach: settings.reach * (1.0 - closed),
        collision: settings.collision,
        margins: Margins {
            links: settings.margin * (1.0 - closed) + 0.002 * closed,
            tips: 0.0,
        },
        apart: settings.apart,
        spread: limits.spread,
    }
}

/// Solves the programmes of all walkers, warm from the last time.
fn solve(rows: &Rows, solver: &admm::Settings, batches: &mut [Batch<f32>], walkers: &mut [Walker]) {
    let loads = loads();
    for (index, batch) in batches.iter_mut().enumerate() {
        for lane in 0..WIDTH {
            // Lanes beyond the last walker repeat the first.
            let problem = (index * WIDTH + lane) % (walkers.len() * LOADS);
            let (walker, load) = (&walkers[problem / LOADS], problem % LOADS);
            for (contact, touch) in walker.workspace.touches.iter().enumerate() {
                for axis in 0..3 {
                    let column = touch.contact.column(axis);
                    for (wide, entry) in batch.grasp[3 * contact + axis].iter_mut().zip(column) {
                        wide[lane] = entry as f32;
                    }
                }
            }
            for (wide, entry) in batch.load.iter_mut().zip(loads[load]) {
                wide[lane] = entry as f32;
            }
        }
        batch.solve(rows, solver);
    }
    for (index, walker) in walkers.iter_mut().enumerate() {
        for (load, forces) in walker.forces.iter_mut().enumerate() {
            let problem = index * LOADS + load;
            let batch = &batches[problem / WIDTH];
            for (force, wide) in forces.iter_mut().zip(&batch.z) {
                *force = f64::from(wide[problem % WIDTH]);
            }
        }
    }
}

/// Entries of the gradient whose length is evened out together: position, rotation, the motors
/// of each finger, and those of none.
fn groups(hand: &Hand) -> Vec<Vec<usize>> {
    let mut groups = vec![vec![0, 1, 2], vec![3, 4, 5]];
    for finger in (0..hand.fingers.len()).map(Some).chain([None]) {
        let motors = hand
            .motors
            .iter()
            .enumerate()
            .filter(|(_, motor)| motor.finger == finger);
        let group: Vec<usize> = motors.map(|(index, _)| 6 + index).collect();
        if !group.is_empty() {
            groups.push(group);
        }
    }
    groups
}

/// One step.
fn step(hand: &Hand, settings: &Settings, groups: &[Vec<usize>], scale: f64, walker: &mut Walker) {
    for (group, entries) in groups.iter().enumerate() {
        let square: f64 = entries
            .iter()
            .map(|&entry| walker.gradient[entry].powi(2))
            .sum();
        let reciprocal = 1.0 / (square.sqrt() + 1e-9);
        let slides = entries[0] >= 6 && slides(hand, entries[0] - 6);
        let length = match group {
            0 => settings.steps.0,
            1 => settings.steps.1,
            _ if slides => settings.steps.0,
            _ => settings.steps.2,
        };
        for &entry in entries {
            let momentum = &mut walker.momentum[entry];
            *momentum = 0.5 * (settings.momentum * *momentum + walker.gradient[entry] * reciprocal);
            walker.gradient[entry] = -length * scale * *momentum;
        }
    }
    advance(hand, &mut walker.stance, &walker.gradient);
}

/// Whether a motor moves along, not about, an axis.
pub(super) fn slides(hand: &Hand, motor: usize) -> bool {
    let joint = hand.motors[motor].joints[0];
    hand.joints[joint].kind == JointKind::Slide
}

/// Moves a stance: position, rotation vector in the world, motors, which stay in their ranges.
pub(super) fn advance(hand: &Hand, stance: &mut Stance<f64>, step: &[f64]) {
    stance.position += Vector3::new(step[0], step[1], step[2]);
    let turn = Rotation3::from_scaled_axis(Vector3::new(step[3], step[4], step[5]));
    let mut rotation = turn * Rotation3::from_matrix_unchecked(stance.rotation);
    rotation.renormalize();
    stance.rotation = rotation.into_inner();
    for ((motor, value), step) in hand.motors.iter().zip(&mut stance.motors).zip(&step[6..]) {
        *value = (*value + step).clamp(motor.range.0, motor.range.1);
    }
}
