//! One step of all rigid bodies: contacts, bounces at their time of impact, motion.

use backflow_diff::Real;
use nalgebra::{Matrix6, Vector3, Vector6};

use super::{
    body::{RigidBar, RigidBody, RigidParameterBar, RigidState},
    feeler::Feeler,
    impulse::{Contact, ContactBar, Moving, Side, Sweep, halves, solve, solve_vjp},
    joint::{Joint, coast, coast_vjp, mobility, mobility_vjp},
    stacked,
    touch::{Surface, Touch, touch, touch_vjp},
    unstacked,
};
use crate::{
    contact::{Placed, PlacedBar},
    pose::Twist,
};

/// Share of an overlap that a step takes back (1): what numbers leave of an overlap fades in
/// some ten steps, without a push that could be felt.
const CORRECTION: f64 = 0.1;

/// What bodies can touch besides each other.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a, T: Real> {
    /// Lower and upper corner of the domain (m), whose sides are walls; `None`: there are none.
    pub walls: Option<[Vector3<T::Wide>; 2]>,
    /// The colliders where they stand.
    pub colliders: &'a [Placed<'a, T>],
}

/// What a body meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    Wall(u8, u8),
    Collider(u8),
    Body(u32),
}

/// A contact and how it came about.
#[derive(Debug, Clone, Copy)]
struct Meeting<W: Real> {
    feeler: u32,
    other: Other,
    touch: Touch<W>,
    /// Normal velocity before it (m/s).
    approach: W,
    /// Normal velocity at the start of the substep, before forces (m/s).
    earlier: W,
    /// Mean restitution (1).
    bounce: W,
}

impl<W: Real> Meeting<W> {
    /// Time of impact (s): `t = -g / u` where there is a gap yet, else zero.
    fn impact(&self) -> W {
        if self.touch.gap > W::zero() {
            -self.touch.gap / self.approach
        } else {
            W::zero()
        }
    }

    /// Normal velocity that the contact leaves at least (m/s): see [`step`].
    fn bias(&self, dt: W) -> W {
        let left = W::one() - self.impact() / dt;
        let change = self.approach - self.earlier;
        let hit = self.approach - change * left;
        let hit = if hit < W::zero() { hit } else { W::zero() };
        let wanted = change * left - hit * self.bounce;
        let mut bias = if wanted > W::zero() {
            wanted
        } else {
            W::zero()
        };
        if self.touch.gap < W::zero() {
            bias -= self.touch.gap * W::of(CORRECTION) / dt;
        }
        bias
    }

    /// Cotangents of gap, both velocities and restitution of [`Meeting::bias`] and, from
    /// `time_bar`, of [`Meeting::impact`].
    fn bias_vjp(&self, dt: W, bar: W, mut time_bar: W) -> MeetingBar<W> {
        let left = W::one() - self.impact() / dt;
        let change = self.approach - self.earlier;
        let hit = self.approach - change * left;
        let comes = hit < W::zero();
        let wanted = change * left - if comes { hit * self.bounce } else { W::zero() };
        let mut found = MeetingBar {
            gap: W::zero(),
            approach: W::zero(),
            earlier: W::zero(),
            bounce: W::zero(),
        };
        if wanted > W::zero() {
            let hit_bar = if comes { -self.bounce * bar } else { W::zero() };
            found.bounce = if comes { -hit * bar } else { W::zero() };
            let change_bar = left * (bar - hit_bar);
            time_bar -= change * (bar - hit_bar) / dt;
            found.approach = hit_bar + change_bar;
            found.earlier = -change_bar;
        }
        if self.touch.gap > W::zero() {
            found.gap = -time_bar / self.approach;
            found.approach += time_bar * self.touch.gap / (self.approach * self.approach);
        } else if self.touch.gap < W::zero() {
            found.gap = -bar * W::of(CORRECTION) / dt;
        }
        found
    }
}

/// Cotangents of a [`Meeting`].
struct MeetingBar<W: Real> {
    gap: W,
    approach: W,
    earlier: W,
    bounce: W,
}

/// Scratch of the steps: owned by the caller, reused, never part of the state.
#[derive(Debug, Clone)]
pub struct RigidScratch<W: Real> {
    moving: Vec<Moving<W>>,
    meetings: Vec<Meeting<W>>,
    contacts: Vec<Contact<W>>,
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

impl<'a, T: Real> Surroundings<'a, T> {
    fn surface(
        &self,
        other: Other,
        bodies: &'a [RigidBody<T::Wide>],
        states: &[RigidState<T::Wide>],
    ) -> Option<Surface<'a, T>> {
        match other {
            Other::Wall(axis, side) => {
                let corners = self.walls?;
                let (axis, side) = (usize::from(axis), usize::from(side));
                let sign = T::Wide::of(if side == 0 { 1.0 } else { -1.0 });
                Some(Surface::Wall {
                    normal: Vector3::ith(axis, sign),
                    offset: corners[side][axis] * sign,
                })
            }
            Other::Collider(index) => self
                .colliders
                .get(usize::from(index))
                .map(Surface::Collider),
            Other::Body(index) => {
                let index = index as usize;
                Some(Surface::Body(&bodies[index].collider, states[index].pose))
            }
        }
    }
}

/// Radius (m) about the centre of mass that holds all feelers of a body.
fn reach<W: Real>(body: &RigidBody<W>) -> W {
    let of = |feeler: &Feeler<W>| match feeler {
        Feeler::Ball { centre, radius } | Feeler::Rim { centre, radius, .. } => {
            centre.norm() + *radius
        }
    };
    let longest = |most: W, next: W| if next > most { next } else { most };
    body.feelers.iter().map(of).fold(W::zero(), longest)
}

/// Average of what two surfaces say of friction or restitution.
fn shared<W: Real>(a: W, b: Option<W>) -> W {
    b.map_or(a, |b| (a + b) * W::of(0.5))
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

/// Adds the contacts of one body.
fn meet<T: Real>(
    surroundings: &Surroundings<'_, T>,
    bodies: &[RigidBody<T::Wide>],
    before: &[Twist<T::Wide>],
    states: &[RigidState<T::Wide>],
    dt: T::Wide,
    index: usize,
    scratch: &mut RigidScratch<T::Wide>,
) {
    let (body, state) = (&bodies[index], &states[index]);
    let zero = T::Wide::of(0.0);
    let radius = reach(body);
    let way = |state: &RigidState<T::Wide>, radius: T::Wide| -> T::Wide {
        (state.twist.linear.norm() + state.twist.angular.norm() * radius) * dt
    };
    let centre = state.pose.position;
    let walls = surroundings
        .walls
        .iter()
        .flat_map(|_| (0..3).flat_map(|axis| [Other::Wall(axis, 0), Other::Wall(axis, 1)]));
    let near = |&(_, placed): &(usize, &Placed<'_, T>)| {
        let x = centre.map(T::narrow);
        let speed = placed.velocity(&x).norm() + placed.twist.angular.norm() * T::narrow(radius);
        let reach: T::Wide = radius + way(state, radius) + Real::widen(speed) * dt;
        placed.reaches(&x, T::narrow(reach))
    };
    let colliders = surroundings.colliders.iter().enumerate();
    let colliders = colliders
        .filter(near)
        .map(|(at, _)| Other::Collider(at as u8));
    let close = |&other: &usize| {
        let radius_there = reach(&bodies[other]);
        let apart = (states[other].pose.position - centre).norm();
        let ways = way(state, radius) + way(&states[other], radius_there);
        other != index && apart <= radius + radius_there + ways
    };
    let others = (0..bodies.len())
        .filter(close)
        .map(|at| Other::Body(at as u32));
    for other in walls.chain(colliders).chain(others) {
        let Some(surface) = surroundings.surface(other, bodies, states) else {
            continue;
        };
        let partner = match other {
            Other::Body(at) => Some(at as usize),
            _ => None,
        };
        for (at, feeler) in body.feelers.iter().enumerate() {
            let touch = touch(feeler, &state.pose, &surface);
            let moves = match &surface {
                Surface::Collider(placed) => {
                    let x = touch.point.map(T::narrow);
                    placed.velocity(&x).map(Real::widen)
                }
                _ => Vector3::zeros(),
            };
            let mut contact = Contact {
                on: Side {
                    body: index,
                    arm: touch.point - centre,
                },
                against: partner.map(|body| Side {
                    body,
                    arm: touch.point - states[body].pose.position,
                }),
                normal: touch.normal,
                surface: moves,
                bias: zero,
                friction: shared(body.friction, partner.map(|at| bodies[at].friction)),
            };
            let relative = contact.relative(&contact.twists(&scratch.moving));
            let approach = touch.normal.dot(&relative);
            if touch.gap + approach * dt >= zero {
                continue;
            }
            let earlier = contact.relative(&twists_of(before, index, partner));
            let meeting = Meeting {
                feeler: at as u32,
                other,
                touch,
                approach,
                earlier: touch.normal.dot(&earlier),
                bounce: shared(body.restitution, partner.map(|at| bodies[at].restitution)),
            };
            contact.bias = meeting.bias(dt);
            scratch.contacts.push(contact);
            scratch.meetings.push(meeting);
        }
    }
}

/// The twists of a body and of its partner.
fn twists_of<W: Real>(twists: &[Twist<W>], on: usize, partner: Option<usize>) -> [Vector6<W>; 2] {
    [
        stacked(&twists[on]),
        partner.map_or_else(Vector6::zeros, |at| stacked(&twists[at])),
    ]
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
        pull_contact(
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

/// From the cotangents of a contact to those of states, constants and colliders.
fn pull_contact<T: Real>(
    surroundings: &Surroundings<'_, T>,
    bodies: &[RigidBody<T::Wide>],
    before: &[Twist<T::Wide>],
    states: &[RigidState<T::Wide>],
    contact: &Contact<T::Wide>,
    meeting: &Meeting<T::Wide>,
    meeting_bar: &MeetingBar<T::Wide>,
    bar: &ContactBar<T::Wide>,
    twist_bars: &mut [Vector6<T::Wide>],
    bars: &mut [RigidBar<T::Wide>],
    rest: &mut RigidStepBar<'_, T>,
) {
    let (on, partner) = (contact.on.body, contact.against.map(|side| side.body));
    let mut bar = *bar;
    let touch = &meeting.touch;
    let share = shared(T::Wide::of(1.0), partner.map(|_| T::Wide::of(0.0)));
    for body in [Some(on), partner].into_iter().flatten() {
        rest.parameters[body].friction += bar.friction * share;
        rest.parameters[body].restitution += meeting_bar.bounce * share;
    }
    // Normal velocities: after the forces, and before.
    let after = [
        stacked(&states[on].twist),
        partner.map_or_else(Vector6::zeros, |at| stacked(&states[at].twist)),
    ];
    let before = twists_of(before, on, partner);
    for (twists, speed_bar, earlier) in [
        (after, meeting_bar.approach, false),
        (before, meeting_bar.earlier, true),
    ] {
        bar.normal += contact.relative(&twists) * speed_bar;
        let mut pair = [Vector6::zeros(); 2];
        contact.relative_vjp(&twists, &(contact.normal * speed_bar), &mut pair, &mut bar);
        for (body, part) in [Some(on), partner].into_iter().zip(pair) {
            let Some(body) = body else { continue };
            if earlier {
                rest.before[body] += unstacked(&part);
            } else {
                twist_bars[body] += part;
            }
        }
    }
    // Arms.
    let mut point_bar = bar.on;
    bars[on].pose.position -= bar.on;
    if let Some(body) = partner {
        point_bar += bar.against;
        bars[body].pose.position -= bar.against;
    }
    // Velocity of the other surface.
    if let Other::Collider(index) = meeting.other {
        let index = usize::from(index);
        let placed = &surroundings.colliders[index];
        let offset: Vector3<T> = touch.point.map(T::narrow) - placed.origin;
        let surface_bar: Vector3<T> = bar.surface.map(T::narrow);
        let (twist_bar, offset_bar): (Twist<T>, Vector3<T>) =
            placed.twist.velocity_vjp(&offset, &surface_bar);
        rest.colliders[index].twist += twist_bar;
        rest.colliders[index].origin -= offset_bar;
        point_bar += offset_bar.map(Real::widen);
    }
    let touch_bar = Touch {
        gap: meeting_bar.gap,
        normal: bar.normal,
        point: point_bar,
    };
    let Some(surface) = surroundings.surface(meeting.other, bodies, states) else {
        return;
    };
    let feeler = &bodies[on].feelers[meeting.feeler as usize];
    let (pose_bar, surface_bar) = touch_vjp(feeler, &states[on].pose, &surface, &touch_bar);
    bars[on].pose += pose_bar;
    match meeting.other {
        Other::Wall(..) => {}
        Other::Collider(index) => {
            let sum = &mut rest.colliders[usize::from(index)].pose;
            sum.position += surface_bar.pose.position.map(T::narrow);
            sum.rotation += surface_bar.pose.rotation.map(T::narrow);
        }
        Other::Body(index) => bars[index as usize].pose += surface_bar.pose,
    }
}

/// Changes the velocities by a force that acts on all matter alike, gravity `g` (m/s^2):
/// `V' = V + dt W (m g, 0)`.
pub fn fall<W: Real>(
    bodies: &[RigidBody<W>],
    states: &mut [RigidState<W>],
    gravity: &Vector3<W>,
    dt: W,
) {
    for (body, state) in bodies.iter().zip(states) {
        if body.joint == Joint::Free {
            state.twist.linear += gravity * dt;
            continue;
        }
        let weight = stacked(&Twist {
            linear: gravity * (body.mass * dt),
            angular: Vector3::zeros(),
        });
        state.twist += unstacked(&(mobility(body, &state.pose) * weight));
    }
}

/// Cotangent of gravity of [`fall`]; those of the states before, `states`, replace those after.
pub fn fall_vjp<W: Real>(
    bodies: &[RigidBody<W>],
    states: &[RigidState<W>],
    gravity: &Vector3<W>,
    dt: W,
    bars: &mut [RigidBar<W>],
    parameters: &mut [RigidParameterBar<W>],
) -> Vector3<W> {
    let mut gravity_bar = Vector3::zeros();
    for (index, (body, state)) in bodies.iter().zip(states).enumerate() {
        let bar = &mut bars[index];
        if body.joint == Joint::Free {
            gravity_bar += bar.twist.linear * dt;
            continue;
        }
        let weight = stacked(&Twist {
            linear: gravity * (body.mass * dt),
            angular: Vector3::zeros(),
        });
        let change_bar = stacked(&bar.twist);
        let mobility_bar = change_bar * weight.transpose();
        let [weight_bar, _] = halves(&(mobility(body, &state.pose) * change_bar));
        gravity_bar += weight_bar * (body.mass * dt);
        parameters[index].mass += weight_bar.dot(gravity) * dt;
        bar.pose += mobility_vjp(body, &state.pose, &mobility_bar, &mut parameters[index]);
    }
    gravity_bar
}

#[cfg(test)]
mod tests;
