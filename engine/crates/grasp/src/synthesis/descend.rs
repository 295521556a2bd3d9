//! The descent: steps along the gradient, its length evened out finger by finger.

use std::ops::Range;

use backflow_diff::lanes::WIDTH;
use nalgebra::{Rotation3, Vector3};

use super::{
    Settings, Solver,
    clearance::Margins,
    energy::{Forces, Stance, Weights, Workspace, energy_vjp},
};
use crate::{
    force::{
        Batch, LOADS, Limits, Rows, VARIABLES, admm,
        interior::{self, Friction},
        loads,
    },
    hand::{Hand, spec::JointKind},
    object::Object,
};

/// Grasps that go in step, so that their programmes fill whole batches: 8 x 6 = 3 x 16.
pub const TOGETHER: usize = 8;

/// One grasp on its way.
struct Walker {
    stance: Stance<f64>,
    best: Stance<f64>,
    energy: f64,
    least: f64,
    momentum: Vec<f64>,
    gradient: Vec<f64>,
    forces: Forces<f64>,
    workspace: Workspace<f64>,
}

/// Descends from the starts of up to [`TOGETHER`] grasps, `settings.scouts` each; returns the
/// best stances of the time when the fingers are closed.
///
/// As in BODex the gradient of position, rotation and each finger is divided by its length,
/// `m <- (beta m + g) / 2` remembers it, and `x <- x - alpha m`. Unlike there several starts go
/// some steps and the best of them goes on, forces are minded to the end, and the best stance
/// is kept, not the last.
pub fn descend(
    hand: &Hand,
    object: &Object,
    settings: &Settings,
    starts: &[Stance<f64>],
) -> Vec<Stance<f64>> {
    let descent = Descent::new(hand, object, settings);
    let mut walkers = Vec::with_capacity(starts.len());
    let scout = if settings.scouts > 1 {
        settings.scout
    } else {
        0
    };
    for starts in starts.chunks(TOGETHER) {
        let mut some: Vec<Walker> = starts
            .iter()
            .map(|start| Walker::new(hand, start))
            .collect();
        descent.run(&mut some, 0..scout);
        walkers.extend(some);
    }
    let mut walkers = chosen(walkers, settings.scouts);
    descent.run(&mut walkers, scout..settings.iterations + 1);
    walkers.into_iter().map(|walker| walker.best).collect()
}

/// Of every so many walkers that with the least energy, the first of equals.
fn chosen(walkers: Vec<Walker>, scouts: usize) -> Vec<Walker> {
    let mut chosen: Vec<Walker> = Vec::with_capacity(walkers.len() / scouts);
    for (index, walker) in walkers.into_iter().enumerate() {
        match chosen.last_mut() {
            Some(last) if index % scouts != 0 => {
                if walker.energy < last.energy {
                    *last = walker;
                }
            }
            _ => chosen.push(walker),
        }
    }
    chosen
}

impl Walker {
    fn new(hand: &Hand, start: &Stance<f64>) -> Self {
        let size = 6 + hand.motors.len();
        Self {
            stance: start.clone(),
            best: start.clone(),
            energy: f64::INFINITY,
            least: f64::INFINITY,
            momentum: vec![0.0; size],
            gradient: vec![0.0; size],
            forces: [[0.0; VARIABLES]; LOADS],
            workspace: Workspace::new(hand),
        }
    }
}

/// What all walkers of a descent share.
struct Descent<'a> {
    hand: &'a Hand,
    object: &'a Object,
    settings: &'a Settings,
    limits: Limits,
    rows: Rows,
    solver: admm::Settings,
    groups: Vec<Vec<usize>>,
}

impl<'a> Descent<'a> {
    fn new(hand: &'a Hand, object: &'a Object, settings: &'a Settings) -> Self {
        let limits = Limits {
            friction: settings.friction,
            ..Limits::of(&hand.pressures)
        };
        Self {
            hand,
            object,
            settings,
            rows: Rows::new(hand.fingers.len(), &limits),
            limits,
            solver: admm::Settings::default(),
            groups: groups(hand),
        }
    }

    /// Takes some of the steps; the first of them solves the forces.
    fn run(&self, walkers: &mut [Walker], steps: Range<usize>) {
        let (hand, object, settings) = (self.hand, self.object, self.settings);
        let count = (walkers.len() * LOADS).div_ceil(WIDTH);
        let mut batches = vec![Batch::<f32>::new(&self.rows); count];
        for iteration in steps.clone() {
            for walker in walkers.iter_mut() {
                walker.workspace.place(hand, object, &walker.stance);
            }
            if (iteration - steps.start).is_multiple_of(settings.interval) {
                match settings.solver {
                    Solver::Multipliers => solve(&self.rows, &self.solver, &mut batches, walkers),
                    Solver::Interior(friction) => solve_exactly(&self.limits, friction, walkers),
                }
            }
            let done = iteration as f64 / settings.iterations as f64;
            let weights = weights(settings, &self.limits, done);
            let scale = settings.decay.powf(done);
            for walker in walkers.iter_mut() {
                walker.energy = energy_vjp(
                    hand,
                    object,
                    &walker.stance,
                    &walker.forces,
                    &weights,
                    &mut walker.workspace,
                    &mut walker.gradient,
                );
                if done >= settings.close && walker.energy < walker.least {
                    walker.least = walker.energy;
                    walker.best.clone_from(&walker.stance);
                }
                if iteration < settings.iterations {
                    step(hand, settings, &self.groups, scale, walker);
                }
            }
        }
    }
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
            batch.set_contacts(lane, walker.workspace.contacts());
            batch.set_load(lane, &loads[load]);
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

/// Solves the programmes of all walkers one by one; of one without a solution the forces stay as
/// they were.
fn solve_exactly(limits: &Limits, friction: Friction, walkers: &mut [Walker]) {
    let loads = loads();
    for walker in walkers {
        for (load, forces) in loads.iter().zip(&mut walker.forces) {
            let contacts = walker.workspace.contacts();
            if let Ok((_, z)) = interior::solve(contacts, load, limits, friction) {
                forces[..z.len()].copy_from_slice(&z);
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
