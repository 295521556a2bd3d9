//! What a grasp is judged by while it is sought.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{
    avoidance::{avoidance, avoidance_vjp},
    clearance::{Margins, clearance, clearance_vjp},
    overlap::{overlap, overlap_vjp},
    touch::{Touch, touch, touch_vjp},
};
use crate::{
    force::{LOADS, VARIABLES, loads, value},
    hand::{
        Hand,
        kinematics::{Frames, FramesBar, Posture, PostureBar},
    },
    object::Object,
};

/// A hand about an object: what is optimised.
#[derive(Debug, Clone, PartialEq)]
pub struct Stance<T: Real> {
    /// Origin of the root of the hand (m).
    pub position: Vector3<T>,
    /// Its rotation.
    pub rotation: Matrix3<T>,
    /// Sums of angles that the motors hold.
    pub motors: Vec<T>,
}

/// Weights and distances of an energy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Of the value of the forces, mean over the loads (1).
    pub force: f64,
    /// Of the mean square of `gap - reach` (1 / m^2).
    pub distance: f64,
    /// The gap `reach` that fingers keep (m).
    pub reach: f64,
    /// Of overlaps with the object and of the hand with itself (1 / m).
    pub collision: f64,
    /// How near links may come to the object.
    pub margins: Margins,
    /// How near links may come to one another (m).
    pub apart: f64,
    /// The weight that spreads pressure, that of the forces' programme (1).
    pub spread: f64,
}

/// The forces of all loads.
pub type Forces<T> = [[T; VARIABLES]; LOADS];

/// Scratch of an energy and its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace<T: Real> {
    posture: Posture<T>,
    /// Frames of the links at the last stance.
    pub frames: Frames<T>,
    /// Touches of the fingers at the last stance.
    pub touches: Vec<Touch<T>>,
    frames_bar: FramesBar<T>,
    posture_bar: PostureBar<T>,
    touch_bars: Vec<(Vector3<T>, Vector3<T>)>,
    contacts: Vec<crate::force::Contact<T>>,
}

impl<T: Real> Workspace<T> {
    /// For a hand.
    pub fn new(hand: &Hand) -> Self {
        Self {
            posture: Posture {
                position: Vector3::zeros(),
                rotation: Matrix3::identity(),
                joints: vec![T::zero(); hand.joints.len()],
            },
            frames: hand.frames(),
            touches: Vec::with_capacity(hand.fingers.len()),
            frames_bar: FramesBar::new(hand.links.len()),
            posture_bar: PostureBar::new(hand.joints.len()),
            touch_bars: Vec::with_capacity(hand.fingers.len()),
            contacts: Vec::with_capacity(hand.fingers.len()),
        }
    }

    /// Joint angles at the last stance.
    pub fn joints(&self) -> &[T] {
        &self.posture.joints
    }

    /// Contacts of the fingers' pads at the last stance.
    pub fn contacts(&self) -> &[crate::force::Contact<T>] {
        &self.contacts
    }

    /// Places the hand and finds its touches.
    pub fn place(&mut self, hand: &Hand, object: &Object, stance: &Stance<T>) {
        self.posture.position = stance.position;
        self.posture.rotation = stance.rotation;
        hand.spread(&stance.motors, &mut self.posture.joints);
        hand.place(&self.posture, &mut self.frames);
        self.touches.clear();
        self.contacts.clear();
        for finger in &hand.fingers {
            let centre = self.frames.point(finger.link, &finger.pad.centre);
            let touch = touch(object, centre, finger.pad.radius);
            self.contacts.push(touch.contact);
            self.touches.push(touch);
        }
    }
}

/// The energy of the stance that `workspace` was placed at, for given forces:
///
/// `E = w_f mean_j V_j + w_d mean_i (gap_i - reach)^2 + w_c (clearance + avoidance + overlap)`.
pub fn energy<T: Real>(
    hand: &Hand,
    object: &Object,
    forces: &Forces<T>,
    weights: &Weights,
    workspace: &Workspace<T>,
) -> T {
    let count = workspace.contacts.len();
    let mut energy = T::zero();
    if weights.force > 0.0 {
        for (load, z) in loads().iter().zip(forces) {
            let value = value::value(&workspace.contacts, load, &z[..=3 * count], weights.spread);
            energy += value * T::of(weights.force / LOADS as f64);
        }
    }
    for touch in &workspace.touches {
        let off = touch.gap - T::of(weights.reach);
        energy += off * off * T::of(weights.distance / count as f64);
    }
    let frames = &workspace.frames;
    let near = clearance(hand, object, frames, &weights.margins)
        + avoidance(hand, object, frames, weights.margins.links)
        + overlap(hand, frames, weights.apart);
    energy + near * T::of(weights.collision)
}

/// Overwrites the gradient with respect to the position and rotation vector of the root and
/// the motors, in this order; returns the energy. The forces are held, see
/// [`value_vjp`](value::value_vjp).
pub fn energy_vjp<T: Real>(
    hand: &Hand,
    object: &Object,
    stance: &Stance<T>,
    forces: &Forces<T>,
    weights: &Weights,
    workspace: &mut Workspace<T>,
    gradient: &mut [T],
) -> T {
    let count = hand.fingers.len();
    let mut energy = T::zero();
    workspace.touch_bars.clear();
    workspace
        .touch_bars
        .resize(count, (Vector3::zeros(), Vector3::zeros()));
    workspace.frames_bar.clear();
    if weights.force > 0.0 {
        let scale = T::of(weights.force / LOADS as f64);
        for (load, z) in loads().iter().zip(forces) {
            let (contacts, z) = (&workspace.contacts, &z[..=3 * count]);
            energy += value::value(contacts, load, z, weights.spread) * scale;
            value::value_vjp(contacts, load, z, scale, &mut workspace.touch_bars);
        }
    }
    for finger in 0..count {
        let at = workspace.touches[finger];
        let off = at.gap - T::of(weights.reach);
        let weight = T::of(weights.distance / count as f64);
        energy += off * off * weight;
        let gap_bar = off * weight * T::of(2.0);
        let bar = touch_vjp(object, &at, gap_bar, &workspace.touch_bars[finger]);
        let (link, frames) = (hand.fingers[finger].link, &workspace.frames);
        workspace.frames_bar.add(frames, link, &at.centre, &bar);
    }
    let (frames, bar) = (&workspace.frames, &mut workspace.frames_bar);
    let scale = T::of(weights.collision);
    let near = clearance_vjp(hand, object, frames, &weights.margins, scale, bar)
        + avoidance_vjp(hand, object, frames, weights.margins.links, scale, bar)
        + overlap_vjp(hand, frames, weights.apart, scale, bar);
    energy += near * scale;
    hand.place_vjp(frames, bar, &mut workspace.posture_bar);
    gradient[..3].copy_from_slice(workspace.posture_bar.position.as_slice());
    gradient[3..6].copy_from_slice(workspace.posture_bar.rotation.as_slice());
    hand.spread_vjp(
        &stance.motors,
        &workspace.posture_bar.joints,
        &mut gradient[6..],
    );
    energy
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        force::{Limits, Rows, admm},
        hand::library,
        testing::{ball, noise, table},
    };

    const WEIGHTS: Weights = Weights {
        force: 100.0,
        distance: 1000.0,
        reach: 0.005,
        collision: 100.0,
        margins: Margins {
            links: 0.01,
            tips: 0.0,
        },
        apart: 0.004,
        spread: 0.01,
    };

    fn stance(hand: &Hand, seed: u64) -> Stance<f64> {
        // The object is about where the palm grips.
        let centre = Vector3::from(hand.spec.palm.centre);
        let rotation = nalgebra::Rotation3::from_scaled_axis(noise(seed)).into_inner();
        Stance {
            position: -(rotation * centre) + noise(seed + 1) * 0.01,
            rotation,
            motors: hand
                .motors
                .iter()
                .zip(0..)
                .map(|(motor, index)| {
                    let wish = motor.rest + 0.15 * noise(seed + 5 + index).x;
                    wish.clamp(motor.range.0 + 0.01, motor.range.1 - 0.01)
                })
                .collect(),
        }
    }

    fn forces(seed: u64) -> Forces<f64> {
        std::array::from_fn(|load| {
            std::array::from_fn(|i| 0.3 + 0.3 * noise(seed + (load * 16 + i) as u64).x)
        })
    }

    #[test]
    fn energy_vjp_is_the_transpose() {
        let mut object = ball(0.04);
        object.surroundings = table(-0.045);
        for hand in library::all().unwrap() {
            for seed in 0..4 {
                let at = stance(&hand, seed);
                let forces = forces(seed);
                let (linear, angular) = (noise(seed + 30), noise(seed + 31));
                let speeds: Vec<f64> = (0..hand.motors.len() as u64)
                    .map(|i| noise(seed + 60 + i).z)
                    .collect();
                let spin = angular.cross_matrix() * at.rotation;
                let dual = Stance {
                    position: at.position.zip_map(&linear, Dual64::new),
                    rotation: at.rotation.zip_map(&spin, Dual64::new),
                    motors: at
                        .motors
                        .iter()
                        .zip(&speeds)
                        .map(|(&x, &v)| Dual64::new(x, v))
                        .collect(),
                };
                let mut duals = Workspace::new(&hand);
                duals.place(&hand, &object, &dual);
                let lifted = forces.map(|z| z.map(Dual64::from));
                let forward = energy(&hand, &object, &lifted, &WEIGHTS, &duals);
                let mut workspace = Workspace::new(&hand);
                workspace.place(&hand, &object, &at);
                let mut gradient = vec![0.0; 6 + hand.motors.len()];
                let value = energy_vjp(
                    &hand,
                    &object,
                    &at,
                    &forces,
                    &WEIGHTS,
                    &mut workspace,
                    &mut gradient,
                );
                let direction = linear.iter().chain(&angular).chain(&speeds);
                let backward: f64 = gradient.iter().zip(direction).map(|(g, d)| g * d).sum();
                assert!(
                    (value - forward.re).abs() < 1e-12 * (1.0 + value),
                    "{value} {forward}"
                );
                assert!(
                    (backward - forward.eps).abs()
                        < 1e-12 * (1.0 + gradient.iter().map(|g| g.abs()).sum::<f64>()),
                    "{} {seed}: {backward} {}",
                    hand.spec.name,
                    forward.eps
                );
                assert!(gradient.iter().filter(|g| g.abs() > 1e-6).count() >= gradient.len() / 2);
            }
        }
    }

    #[test]
    fn gradient_with_optimal_forces_is_what_central_differences_say() {
        let object = ball(0.04);
        let hand = library::named("shadow").unwrap();
        let rows = Rows::new(5, &Limits::of(&hand.pressures));
        let tight = admm::Settings {
            tolerance: 1e-10,
            iterations: 200_000,
            ..admm::Settings::default()
        };
        let optimal = |workspace: &Workspace<f64>| {
            let mut batch = admm::Batch::<f64>::new(&rows);
            for (index, touch) in workspace.touches.iter().enumerate() {
                for axis in 0..3 {
                    batch.grasp[3 * index + axis] = touch.contact.column(axis).map(|x| [x; 16]);
                }
            }
            for axis in 0..6 {
                batch.load[axis] = std::array::from_fn(|lane| loads()[lane % LOADS][axis]);
            }
            assert!(batch.solve(&rows, &tight).converged);
            let forces: Forces<f64> =
                std::array::from_fn(|load| std::array::from_fn(|i| batch.z[i][load]));
            forces
        };
        let at = stance(&hand, 2);
        let evaluate = |stance: &Stance<f64>| {
            let mut workspace = Workspace::new(&hand);
            workspace.place(&hand, &object, stance);
            let forces = optimal(&workspace);
            energy(&hand, &object, &forces, &WEIGHTS, &workspace)
        };
        let mut workspace = Workspace::new(&hand);
        workspace.place(&hand, &object, &at);
        let forces = optimal(&workspace);
        let mut gradient = vec![0.0; 6 + hand.motors.len()];
        energy_vjp(
            &hand,
            &object,
            &at,
            &forces,
            &WEIGHTS,
            &mut workspace,
            &mut gradient,
        );
        let size = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let step = 1e-6;
        for index in 0..gradient.len() {
            let moved = |by: f64| {
                let mut stance = at.clone();
                match index {
                    0..3 => stance.position[index] += by,
                    3..6 => {
                        let turn = Vector3::ith(index - 3, by);
                        stance.rotation = nalgebra::Rotation3::from_scaled_axis(turn).into_inner()
                            * stance.rotation;
                    }
                    _ => stance.motors[index - 6] += by,
                }
                evaluate(&stance)
            };
            let known = (moved(step) - moved(-step)) / (2.0 * step);
            assert!(
                (known - gradient[index]).abs() < 1e-6 * size,
                "{index}: {known} {}",
                gradient[index]
            );
        }
    }
}
