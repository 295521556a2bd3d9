//! What a policy sees.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::Policy;
use crate::{
    particle::{Cloud, Particles, order::Slots},
    rollout::State,
    tool::{Stance, StanceBar, injector::Matter},
    world::World,
};

/// Numbers that a policy sees of so many bodies and joints.
pub fn inputs(bodies: usize, joints: usize) -> usize {
    2 + 6 * bodies + 3 + joints
}

fn slots<T: Real>(state: &State<T>, matter: Matter) -> &Slots {
    match matter {
        Matter::Liquid(_) => &state.order.liquid,
        Matter::Solid(_) => &state.order.solid,
    }
}

/// Mean position (m) and velocity (m/s) of the particles in some slots; `None` for none.
fn means<T: Real, S>(
    cloud: &Cloud<T, S>,
    slots: &[u32],
) -> Option<(Vector3<T::Wide>, Vector3<T::Wide>)> {
    let (mut x, mut v) = (Vector3::zeros(), Vector3::zeros());
    for &slot in slots {
        let motion = &cloud.motion[slot as usize];
        x += motion.x().map(Real::widen);
        v += motion.v().map(Real::widen);
    }
    let count = T::Wide::of(slots.len() as f64);
    (!slots.is_empty()).then(|| (x / count, v / count))
}

/// What `policy` sees at the start of `frame`:
///
/// - one, and the time, from -1 at the start of the run to 1 at its end;
/// - of each body the centre of its particles, from the tool's origin, in units of `length`, and
///   their mean velocity in units of `speed`; zeros for a body that is not there yet, and what a
///   nozzle lets out at the very start of the frame is seen a frame later;
/// - the tool's origin, from the middle of the domain, in units of `length`;
/// - the positions of the tool's joints (rad, m).
pub fn see<T: Real>(
    policy: &Policy<T::Wide>,
    world: &World<T>,
    state: &State<T>,
    frame: usize,
    stance: &Stance<T::Wide>,
) -> Vec<T::Wide> {
    let one = T::Wide::of(1.0);
    let mut seen = Vec::with_capacity(inputs(policy.sees.len(), policy.joints));
    seen.push(one);
    let frames = world.clock.frames.max(1) as f64;
    seen.push(T::Wide::of(2.0 * frame as f64 / frames - 1.0));
    for &matter in &policy.sees {
        let slot_of = slots(state, matter).slot_of();
        let there = &slot_of[world.born_before(matter, frame)];
        let found = match matter {
            Matter::Liquid(_) => means(&state.particles.liquid, there),
            Matter::Solid(_) => means(&state.particles.solid, there),
        };
        let (away, v) = found.map_or((Vector3::zeros(), Vector3::zeros()), |(x, v)| {
            ((x - stance.pose.position) / policy.length, v / policy.speed)
        });
        seen.extend(away.iter().chain(v.iter()));
    }
    let lattice = &world.lattice;
    let middle = (lattice.min() + lattice.max()).map(Real::widen) * T::Wide::of(0.5);
    seen.extend(((stance.pose.position - middle) / policy.length).iter());
    seen.extend(stance.joints.iter());
    seen
}

/// Adds to the cotangents of some particles.
fn add<T: Real, S>(
    bars: &mut Cloud<T, S>,
    slots: &[u32],
    x: &Vector3<T::Wide>,
    v: &Vector3<T::Wide>,
) {
    let (x, v) = (x.map(T::narrow), v.map(T::narrow));
    for &slot in slots {
        let bar = &mut bars.motion[slot as usize];
        bar.add_x(&x);
        bar.set_v(&(bar.v() + v));
    }
}

/// Adds the cotangents of [`see`]: those of the particles, which lie in the order of `state`, and
/// of where the tool is.
pub fn see_vjp<T: Real>(
    policy: &Policy<T::Wide>,
    world: &World<T>,
    state: &State<T>,
    frame: usize,
    bars: &[T::Wide],
    particles: &mut Particles<T>,
    stance: &mut StanceBar<T::Wide>,
) {
    let (bodies, own) = bars[2..].split_at(6 * policy.sees.len());
    for (&matter, bars) in policy.sees.iter().zip(bodies.chunks_exact(6)) {
        let slot_of = slots(state, matter).slot_of();
        let there = &slot_of[world.born_before(matter, frame)];
        if there.is_empty() {
            continue;
        }
        let away = Vector3::from_column_slice(&bars[..3]) / policy.length;
        stance.pose.position -= away;
        let count = T::Wide::of(there.len() as f64);
        let x = away / count;
        let v = Vector3::from_column_slice(&bars[3..]) / (policy.speed * count);
        match matter {
            Matter::Liquid(_) => add(&mut particles.liquid, there, &x, &v),
            Matter::Solid(_) => add(&mut particles.solid, there, &x, &v),
        }
    }
    stance.pose.position += Vector3::from_column_slice(&own[..3]) / policy.length;
    for (sum, part) in stance.joints.iter_mut().zip(&own[3..]) {
        *sum += *part;
    }
}
