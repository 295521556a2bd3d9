//! Where a hand starts: about the object, its palm towards it.

use backflow_sim::collider::SignedDistance;
use nalgebra::{Rotation3, Vector3};

use super::{Settings, energy::Stance};
use crate::{
    hand::Hand,
    object::Object,
    random::{halton, uniform},
};

/// Largest shift to the side (m).
const ASIDE: f64 = 0.03;
/// Largest tilt of the palm (rad).
const TILT: f64 = 0.26;

/// The start `index` of `settings.seed`: the palm's centre near a point of the surface, its approach
/// along the inward normal there, turned about it by any angle and tilted a little. Points
/// and turns follow Halton's sequence, so that any number of starts is spread evenly.
pub fn start(hand: &Hand, object: &Object, settings: &Settings, index: u64) -> Stance<f64> {
    // Objects have starts of their own, so that grasps of many are not alike.
    let seed = settings.seed ^ object.length.to_bits();
    let between = |(least, most): (f64, f64), part: f64| least + (most - least) * part;
    let random = |what: u64| uniform(seed.wrapping_mul(1_000_003).wrapping_add(index), what);
    // A shift of the whole sequence for each of them (Cranley & Patterson 1976).
    let spread =
        |base: u64, what: u64| (halton(index + 1, base) + uniform(seed, 1 << 40 | what)).fract();
    let (z, turn) = (
        2.0 * spread(2, 0) - 1.0,
        std::f64::consts::TAU * spread(3, 1),
    );
    let flat = (1.0 - z * z).sqrt();
    let direction = Vector3::new(flat * turn.cos(), flat * turn.sin(), z);
    let surface = surface(object, &direction);
    let normal: Vector3<f64> = object.field.probe(&(surface + direction * 0.02)).normal;

    let approach = Vector3::from(hand.spec.palm.approach).normalize();
    let onto = Rotation3::rotation_between(&approach, &-normal).unwrap_or_else(|| {
        Rotation3::from_scaled_axis(any_normal(&approach) * std::f64::consts::PI)
    });
    let roll = Rotation3::from_scaled_axis(normal * (std::f64::consts::TAU * spread(5, 2)));
    let lean = Vector3::from_fn(|axis, _| random(axis as u64) - 0.5);
    let lean = Rotation3::from_scaled_axis(lean * (2.0 * TILT / 3.0_f64.sqrt()));
    let rotation = lean * roll * onto;
    let side = Vector3::from_fn(|axis, _| (2.0 * random(4 + axis as u64) - 1.0) * ASIDE);
    let side = side - normal * side.dot(&normal);
    let bend = between(settings.bend, random(9));
    let grip = surface + normal * between(settings.away, random(8)) + side;
    Stance {
        position: grip - rotation * Vector3::from(hand.spec.palm.centre),
        rotation: rotation.into_inner(),
        motors: hand
            .motors
            .iter()
            .map(|motor| (motor.rest * bend).clamp(motor.range.0, motor.range.1))
            .collect(),
    }
}

/// The outermost point of the surface (m) on the ray from the centre of mass.
fn surface(object: &Object, direction: &Vector3<f64>) -> Vector3<f64> {
    let probe = |way: f64| -> f64 {
        object
            .field
            .probe(&(object.centre + direction * way))
            .distance
    };
    // Inwards from outside by the distance itself, which never steps too far.
    let mut way = 2.0 * object.length + 0.01;
    for _ in 0..100 {
        let distance = probe(way);
        if distance < 1e-4 || way <= 0.0 {
            break;
        }
        way -= distance * 0.9;
    }
    object.centre + direction * way.max(0.0)
}

/// A unit vector at a right angle to another.
fn any_normal(n: &Vector3<f64>) -> Vector3<f64> {
    crate::force::contact::tangents(n)[0]
}
