//! Whether a scene is sound: all that is wrong with it, at once.
//!
//! First every number, name and reference by itself; then what they make together, as
//! far as the numbers allow: grid, particles, overlaps, substep.

mod collectors;
mod gas;
mod injectors;
mod names;
mod numbers;
mod parts;
mod rigid;
mod space;
mod tools;

use std::path::Path;

use super::{
    fault::{Fault, number, vector},
    meshes::Meshes,
    spec::Spec,
};

/// Everything that is wrong with a scene; files are looked for in `directory`.
pub fn check<O>(spec: &Spec<O>, directory: &Path) -> Vec<Fault> {
    check_with(spec, &Meshes::new(directory))
}

/// Everything that is wrong with a scene; see [`Meshes`] for its files.
pub fn check_with<O>(spec: &Spec<O>, meshes: &Meshes) -> Vec<Fault> {
    let spec = &spec.physics();
    let mut faults = Faults::default();
    numbers::check(spec, &mut faults);
    parts::check(spec, &mut faults);
    rigid::check(spec, meshes, &mut faults);
    names::check(spec, meshes.directory(), &mut faults);
    collectors::check(spec, meshes.directory(), &mut faults);
    space::check(spec, meshes, &mut faults);
    gas::check(spec, meshes, &mut faults);
    faults.list
}

/// Numbers beyond this are mistakes: no material, length or speed of a scene in SI units
/// comes near, and its square is still finite.
const LARGEST: f64 = 1e12;

/// Faults as they are found.
#[derive(Debug, Default)]
struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    fn add(
        &mut self,
        path: impl Into<String>,
        value: impl std::fmt::Display,
        expected: impl Into<String>,
    ) {
        self.list.push(Fault::new(path, value, expected));
    }

    /// Whether something at or under a path is wrong.
    fn under(&self, path: &str) -> bool {
        self.list.iter().any(|fault| {
            let rest = fault.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Whether what is made of several paths can be judged.
    fn sound(&self, paths: &[&str]) -> bool {
        !paths.iter().any(|path| self.under(path))
    }

    /// A number for which `holds`, and that is not absurdly large.
    fn number(&mut self, path: &str, value: f64, holds: bool, expected: &str) {
        if !holds || !value.is_finite() {
            self.add(path, number(value), expected);
        } else if value.abs() > LARGEST {
            self.add(path, number(value), format!("{expected} up to {LARGEST:e}"));
        }
    }

    fn finite(&mut self, path: &str, value: f64, unit: &str) {
        self.number(path, value, true, &format!("a finite number ({unit})"));
    }

    fn positive(&mut self, path: &str, value: f64, unit: &str) {
        self.number(
            path,
            value,
            value > 0.0,
            &format!("a positive number ({unit})"),
        );
    }

    fn nonnegative(&mut self, path: &str, value: f64, unit: &str) {
        self.number(
            path,
            value,
            value >= 0.0,
            &format!("zero or a positive number ({unit})"),
        );
    }

    fn within(&mut self, path: &str, value: f64, inside: bool, range: &str) {
        self.number(path, value, inside, &format!("a number {range}"));
    }

    fn vector(&mut self, path: &str, value: &[f64; 3], unit: &str) {
        let usable = |value: &f64| (-LARGEST..=LARGEST).contains(value);
        if let Some(worst) = value.iter().find(|value| !usable(value)) {
            let limit = if worst.is_finite() {
                format!(" up to {LARGEST:e}")
            } else {
                String::new()
            };
            self.add(
                path,
                vector(value),
                format!("three finite numbers ({unit}){limit}"),
            );
        }
    }
}

#[cfg(test)]
mod tests;
