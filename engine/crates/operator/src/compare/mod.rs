//! Operators of several kinds against each other, under one budget.

mod outcome;
mod settings;
mod table;

pub use outcome::{At, Outcome, Reference, median};
pub use settings::{Comparison, Contestant, Job};
pub use table::{Row, rows, table};
