//! Which contacts of a rigid body push in a step, when, and what velocity they leave.

use backflow_diff::Real;
use nalgebra::{Vector3, Vector6};

use super::{
    body::{RigidBar, RigidBody, RigidState},
    feeler::Feeler,
    impulse::{Contact, ContactBar, Side},
    stacked,
    step::{RigidScratch, RigidStepBar},
    touch::{Surface, Touch, touch, touch_vjp},
    unstacked,
};
use crate::{contact::Placed, pose::Twist};

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
pub(super) struct Meeting<W: Real> {
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
    pub(super) fn impact(&self) -> W {
        if self.touch.gap > W::zero() {
            -self.touch.gap / self.approach
        } else {
            W::zero()
        }
    }

    /// Normal velocity that the contact leaves at least (m/s): see [`super::step()`].
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
    pub(super) fn bias_vjp(&self, dt: W, bar: W, mut time_bar: W) -> MeetingBar<W> {
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
pub(super) struct MeetingBar<W: Real> {
    gap: W,
    approach: W,
    earlier: W,
    bounce: W,
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

/// Adds the contacts of one body.
pub(super) fn meet<T: Real>(
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

/// From the cotangents of a contact of [`meet`] to those of states, constants and colliders.
pub(super) fn meet_vjp<T: Real>(
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
