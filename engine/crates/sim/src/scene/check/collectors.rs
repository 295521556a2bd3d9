//! The numbers of every collector by themselves, and whether its bodies can be taken.

use super::{
    Faults,
    names::{attached, mesh, refers},
    parts::placed,
};
use crate::scene::spec::{Collector, Material, Spec};

/// Collectors of a scene, at most.
const COLLECTORS: usize = 16;

pub(super) fn check(spec: &Spec<()>, directory: &std::path::Path, faults: &mut Faults) {
    if spec.collectors.len() > COLLECTORS {
        let count = format!("[{} collectors]", spec.collectors.len());
        let expected = format!("at most {COLLECTORS} collectors");
        faults.add("collectors", count, expected);
    }
    for (index, collector) in spec.collectors.iter().enumerate() {
        self::collector(&format!("collectors[{index}]"), spec, collector, faults);
        mesh(
            &format!("collectors[{index}]"),
            &collector.shape,
            directory,
            faults,
        );
    }
}

fn collector(path: &str, spec: &Spec<()>, collector: &Collector, faults: &mut Faults) {
    let Collector {
        shape,
        position,
        rotation,
        ..
    } = collector;
    placed(path, shape, position, rotation, faults);
    attached(&format!("{path}.on"), spec, &collector.on, faults);
    if spec
        .metrics
        .iter()
        .any(|metric| metric.name == collector.name)
    {
        let expected = "a name that no metric has";
        faults.add(
            format!("{path}.name"),
            format!("{:?}", collector.name),
            expected,
        );
    }
    let frames = spec.time.frames;
    let last = collector.to.unwrap_or(frames.saturating_sub(1));
    if frames > 0 && (collector.from > last || collector.from >= frames) {
        let expected = format!("a frame from 0 to {}, not after `to`", frames - 1);
        faults.add(format!("{path}.from"), collector.from, expected);
    }
    let bodies = spec.bodies.iter().map(|body| (&*body.name, &body.material));
    let injectors = spec
        .injectors
        .iter()
        .map(|injector| (&*injector.name, &injector.material));
    let all: Vec<_> = bodies.chain(injectors).collect();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let path = format!("{path}.bodies");
    match &collector.bodies {
        Some(given) => {
            if given.is_empty() {
                faults.add(&path, "[]", "at least one body, or none given for all");
            }
            for name in given {
                refers(&path, name, "body", &names, faults);
                let found = all.iter().find(|(known, _)| known == name);
                let material = found.and_then(|(_, material)| spec.materials.get(*material));
                if collector.removes && matches!(material, Some(Material::Rigid { .. })) {
                    let expected = "bodies that are not of the material Rigid, whose particles \
                                    move as one";
                    faults.add(&path, format!("{name:?}"), expected);
                }
            }
        }
        None if all.is_empty() => faults.add(&path, "", "a scene with matter to collect"),
        None => {}
    }
}

#[cfg(test)]
mod tests;
