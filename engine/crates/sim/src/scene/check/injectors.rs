//! The numbers of every injector by themselves.

use super::Faults;
use crate::scene::{
    fault::vector,
    spec::{Injector, Nozzle, Spec},
};

pub(super) fn check(spec: &Spec<()>, faults: &mut Faults) {
    for (index, injector) in spec.injectors.iter().enumerate() {
        let path = format!("injectors[{index}]");
        self::injector(&path, injector, spec.time.frames, faults);
        born(&path, injector, spec, faults);
    }
}

/// Particles that come out of an injector, at most: all are in memory from the start.
const MOST: f64 = 1e8;

fn born(path: &str, injector: &Injector, spec: &Spec<()>, faults: &mut Faults) {
    let end = injector
        .to
        .map_or(spec.time.frames, |last| last.saturating_add(1));
    let frames = end.min(spec.time.frames).saturating_sub(injector.from);
    let volume = injector.flux * frames as f64 * spec.time.frame;
    let count = volume * f64::from(injector.per_cell) / spec.domain.cell.powi(3);
    if injector.flux > 0.0 && count > MOST {
        let expected = format!("a flux of at most {MOST:e} particles, not {count:.0e}");
        faults.add(format!("{path}.flux"), injector.flux, expected);
    }
}

fn injector(path: &str, injector: &Injector, frames: usize, faults: &mut Faults) {
    faults.vector(&format!("{path}.position"), &injector.position, "m");
    faults.vector(&format!("{path}.rotation"), &injector.rotation, "rad");
    faults.vector(&format!("{path}.velocity"), &injector.velocity, "m/s");
    faults.positive(&format!("{path}.flux"), injector.flux, "m^3/s");
    if !(1..=4096).contains(&injector.per_cell) {
        faults.add(
            format!("{path}.per_cell"),
            injector.per_cell,
            "1 to 4096 particles",
        );
    }
    let last = injector.to.unwrap_or(frames.saturating_sub(1));
    if frames > 0 && (injector.from > last || injector.from >= frames) {
        let expected = format!("a frame from 0 to {}, not after `to`", frames - 1);
        faults.add(format!("{path}.from"), injector.from, expected);
    }
    let path = &format!("{path}.nozzle");
    match &injector.nozzle {
        Nozzle::Cube { half } => {
            faults.vector(&format!("{path}.half"), half, "m");
            if half.iter().any(|&half| half <= 0.0) {
                let expected = "three positive numbers (m)";
                faults.add(format!("{path}.half"), vector(half), expected);
            }
        }
        Nozzle::Ball { radius } | Nozzle::Disc { radius } => {
            faults.positive(&format!("{path}.radius"), *radius, "m");
        }
    }
}
