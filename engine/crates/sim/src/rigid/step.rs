//! One step of all rigid bodies: contacts, bounces at their time of impact, motion.

use backflow_diff::Real;
use nalgebra::{Matrix6, Vector6};

use super::{
    body::{RigidBar, RigidBody, RigidParameterBar, RigidState},
    impulse::{Contact, ContactBar, Moving, Sweep, solve, solve_vjp},
    joint::{coast, coast_vjp, mobility, mobility_vjp},
    meeting::{Meeting, Surroundings, meet, meet_vjp},
    stacked, unstacked,
};
use crate::{contact::PlacedBar, pose::Twist};

/// Scratch of the steps: owned by the caller, reused, never part of the state.
#[derive(Debug, Clone)]
pub struct RigidScratch<W: Real> {
    pub(super) moving: Vec<Moving<W>>,
    pub(super) meetings: Vec<Meeting<W>>,
    pub(super) contacts: Vec<Contact<W>>,
    sweep: Sweep<W>,
    /// Of each body, the contact that it meets first and the time of that (s).
    first: Vec<Option<(usize, W)>>,
}

impl<W: Real> Default for RigidScratch<W> {
    fn default() -> Self {
        Self {
            moving: Vec::new(),
            meetings: Vec::new(),
            contacts: Vec::new(),
            sweep: Sweep::default(),
            first: Vec::new(),
        }
    }
}

/// Cotangents that [`step_vjp`] adds to.
#[derive(Debug)]
pub struct RigidStepBar<'a, T: Real> {
    /// Of the constants of each body.
    pub parameters: &'a mut [RigidParameterBar<T::Wide>],
    /// Of the velocity of each body at the start of the substep.
    pub before: &'a mut [Twist<T::Wide>],
    /// Of each collider where it stands.
    pub colliders: &'a mut [PlacedBar<T>],
}

/// Finds the contacts of this step and solves for the twists after them.
fn resolve<T: Real>(
    surroundings: &Surroundings<'_, T>,
    bodies: &[RigidBody<T::Wide>],
    before: &[Twist<T::Wide>],
    states: &[RigidState<T::Wide>],
    dt: T::Wide,
    scratch: &mut RigidScratch<T::Wide>,
) {
    scratch.moving.clear();
    scratch.meetings.clear();
    scratch.contacts.clear();
    scratch.first.clear();
    scratch.first.resize(bodies.len(), None);
    let moving = bodies.iter().zip(states).map(|(body, state)| Moving {
        mobility: mobility(body, &state.pose),
        twist: stacked(&state.twist),
    });
    scratch.moving.extend(moving);
    for index in 0..bodies.len() {
        meet(surroundings, bodies, before, states, dt, index, scratch);
    }
    solve(&scratch.contacts, &mut scratch.moving, &mut scratch.sweep);
    // Time of impact: the earliest among the contacts that push.
    for (index, (contact, meeting)) in scratch.contacts.iter().zip(&scratch.meetings).enumerate() {
        if scratch.sweep.impulses[index].normal <= T::Wide::of(0.0) {
            continue;
        }
        let time = meeting.impact();
        for side in [Some(contact.on), contact.against].into_iter().flatten() {
            let first = &mut scratch.first[side.body];
            if first.is_none_or(|(_, earliest)| time < earliest) {
                *first = Some((index, time));
            }
        }
    }
}

/// Advances the bodies by `dt` (s) after forces have changed their velocities from `before`;
/// only contacts push them on the way.
///
/// A contact pushes if its gap `g` and normal velocity `u` have `g + u dt < 0`, by an impulse
/// with Coulomb friction. The impact is after the time `t = -g / u`, zero where there is no gap.
/// With `a` the part of `u` that the forces gave, the normal velocity at the impact is
/// `h = u - (1 - t / dt) a`, and the impulse leaves at least `max(0, -e h + (1 - t / dt) a)`:
/// what rests has `h = 0` and does not bounce. A tenth of an overlap is taken back. A body
/// moves at its old velocity up to its first impact and then at its new one.
///
/// So the derivative through a bounce is that of the bounce and not of the steps: an impact
/// that comes later by a part of a step is faster by as much gravity (the time of impact after
/// Hu et al. 2020, "DiffTaichi", section 5, who leave gravity out).
///
/// Kinks: at `g + u dt = 0` the derivative of no contact is taken, at `g = 0` that of contact
/// from the start, at `h = 0` that of rest. Impulses act at the place of the start of the step, so that the angular
/// momentum of bodies that collide is kept to first order in `dt`; that of each body alone is
/// exact.
pub fn step<T: Real>(
    surroundings: &Surroundings<'_, T>,
    bodies: &[RigidBody<T::Wide>],
    before: &[Twist<T::Wide>],
    states: &mut [RigidState<T::Wide>],
    dt: T::Wide,
    scratch: &mut RigidScratch<T::Wide>,
) {
    resolve(surroundings, bodies, before, states, dt, scratch);
    for (index, (body, state)) in bodies.iter().zip(states).enumerate() {
        *state = match scratch.first[index] {
            None => coast(body, state, dt),
            Some((_, time)) => {
                let met = coast(body, state, time);
                coast(
                    body,
                    &pushed(body, state, &met, &scratch.moving[index]),
                    dt - time,
                )
            }
        };
    }
}

/// The state at an impact, with the change of velocity of it.
fn pushed<W: Real>(
    body: &RigidBody<W>,
    before: &RigidState<W>,
    met: &RigidState<W>,
    after: &Moving<W>,
) -> RigidState<W> {
    let change = unstacked(&(after.twist - stacked(&before.twist)));
    let mut twist = met.twist;
    twist += change;
    RigidState {
        pose: met.pose,
        twist: body.joint.admit(&met.pose, &twist),
    }
}

/// Cotangents of the states before [`step`] from `bars`, those after, in their place; `states`
/// are those before.
pub fn step_vjp<T: Real>(
    surroundings: &Surroundings<'_, T>,
    bodies: &[RigidBody<T::Wide>],
    before: &[Twist<T::Wide>],
    states: &[RigidState<T::Wide>],
    dt: T::Wide,
    scratch: &mut RigidScratch<T::Wide>,
    bars: &mut [RigidBar<T::Wide>],
    rest: &mut RigidStepBar<'_, T>,
) {
    resolve(surroundings, bodies, before, states, dt, scratch);
    let count = scratch.contacts.len();
    let mut twist_bars = vec![Vector6::zeros(); bodies.len()];
    let mut time_bars = vec![T::Wide::of(0.0); bodies.len()];
    for (index, (body, state)) in bodies.iter().zip(states).enumerate() {
        let (bar, parameters) = (&mut bars[index], &mut rest.parameters[index]);
        let Some((_, time)) = scratch.first[index] else {
            *bar = coast_vjp(body, state, dt, bar, parameters).0;
            continue;
        };
        let met = coast(body, state, time);
        let left = pushed(body, state, &met, &scratch.moving[index]);
        let (left_bar, rest_bar) = coast_vjp(body, &left, dt - time, bar, parameters);
        let change = unstacked(&(scratch.moving[index].twist - stacked(&state.twist)));
        let mut twist = met.twist;
        twist += change;
        let (pose_bar, twist_bar) = body.joint.admit_vjp(&met.pose, &twist, &left_bar.twist);
        let mut met_bar = RigidBar {
            pose: left_bar.pose,
            twist: twist_bar,
        };
        met_bar.pose += pose_bar;
        let (state_bar, time_bar) = coast_vjp(body, state, time, &met_bar, parameters);
        *bar = state_bar;
        let change_bar = stacked(&twist_bar);
        bar.twist += unstacked(&-change_bar);
        twist_bars[index] = change_bar;
        time_bars[index] = time_bar - rest_bar;
    }
    if count == 0 {
        return;
    }
    // A body whose contacts do not push keeps its twist, to which nothing else looks.
    let mut mobilities = vec![Matrix6::zeros(); bodies.len()];
    let mut contact_bars = vec![ContactBar::zero(); count];
    solve_vjp(
        &scratch.contacts,
        &scratch.moving,
        &scratch.sweep,
        &mut twist_bars,
        &mut mobilities,
        &mut contact_bars,
    );
    for index in 0..count {
        let meeting = &scratch.meetings[index];
        let mut time_bar = T::Wide::of(0.0);
        for (first, bar) in scratch.first.iter().zip(&time_bars) {
            if first.is_some_and(|(at, _)| at == index) {
                time_bar += *bar;
            }
        }
        let bias_bar = contact_bars[index].bias;
        let meeting_bar = meeting.bias_vjp(dt, bias_bar, time_bar);
        meet_vjp(
            surroundings,
            bodies,
            before,
            states,
            &scratch.contacts[index],
            meeting,
            &meeting_bar,
            &contact_bars[index],
            &mut twist_bars,
            bars,
            rest,
        );
    }
    for (index, (body, state)) in bodies.iter().zip(states).enumerate() {
        let parameters = &mut rest.parameters[index];
        bars[index].pose += mobility_vjp(body, &state.pose, &mobilities[index], parameters);
        bars[index].twist += unstacked(&twist_bars[index]);
    }
}

#[cfg(test)]
mod tests;
