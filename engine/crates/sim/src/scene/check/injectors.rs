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
