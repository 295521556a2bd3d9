//! The same rate throughout.

use super::Schedule;

/// Factor 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Constant;

impl Schedule for Constant {
    fn factor(&self, _: usize, _: usize) -> f64 {
        1.0
    }
}
