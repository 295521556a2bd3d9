//! The velocity mirrored at what the pressure left of it.

use backflow_diff::Real;

use crate::gas::field::Velocity;

/// A velocity that is carried along another one, and its cotangent.
pub(super) struct Carried<T: Real> {
    pub(super) velocity: Velocity<T>,
    pub(super) bar: Velocity<T>,
}

/// `2 h - w`.
pub(super) fn mirror<T: Real>(h: &Velocity<T>, w: &Velocity<T>) -> Velocity<T> {
    let mut mirrored = h.clone();
    for (mirrored, w) in mirrored.iter_mut().zip(w) {
        mirrored.update(|_, index, value| *value = *value + *value - w.data[index]);
    }
    mirrored
}

/// Cotangents of `h` and `w`.
pub(super) fn mirror_vjp<T: Real>(bar: &Velocity<T>) -> (Velocity<T>, Velocity<T>) {
    let times = |factor: T| {
        let mut scaled = bar.clone();
        for field in &mut scaled {
            field.update(|_, _, value| *value *= factor);
        }
        scaled
    };
    (times(T::of(2.0)), times(T::of(-1.0)))
}
