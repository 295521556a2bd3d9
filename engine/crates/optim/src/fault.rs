//! Bad settings, gathered rather than reported one at a time.

use std::fmt::Display;

/// One bad setting: the field's path (`update.beta1`), its value, and what was expected.
pub type Fault = (String, String, String);

/// Collects the faults of one group of fields, under a common path.
pub(crate) struct Faults<'a> {
    path: &'a str,
    list: &'a mut Vec<Fault>,
}

impl<'a> Faults<'a> {
    /// A collector whose fields are written `path.field`, or `path` alone for a field `""`.
    pub(crate) fn new(path: &'a str, list: &'a mut Vec<Fault>) -> Self {
        Self { path, list }
    }

    /// Adds a fault unless `holds`.
    pub(crate) fn require(
        &mut self,
        holds: bool,
        field: &str,
        value: impl Display,
        expected: &str,
    ) {
        if holds {
            return;
        }
        let field = match (self.path, field) {
            ("", field) => field.to_string(),
            (path, "") => path.to_string(),
            (path, field) => format!("{path}.{field}"),
        };
        self.list
            .push((field, value.to_string(), expected.to_string()));
    }

    /// Requires a finite number above zero.
    pub(crate) fn positive(&mut self, field: &str, value: f64) {
        let holds = value.is_finite() && value > 0.0;
        self.require(holds, field, value, "a finite number > 0");
    }

    /// Requires a number in `[0, 1)`.
    pub(crate) fn fraction(&mut self, field: &str, value: f64) {
        self.require(
            (0.0..1.0).contains(&value),
            field,
            value,
            "a number in [0, 1)",
        );
    }

    /// Requires a finite number not below zero.
    pub(crate) fn not_negative(&mut self, field: &str, value: f64) {
        let holds = value.is_finite() && value >= 0.0;
        self.require(holds, field, value, "a finite number >= 0");
    }

    /// Requires a count of at least one.
    pub(crate) fn at_least_one(&mut self, field: &str, value: usize) {
        self.require(value >= 1, field, value, "a count >= 1");
    }
}
