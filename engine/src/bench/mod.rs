//! Speed on a workload that other engines run, too.

mod measure;
mod workload;

pub(crate) use measure::Watch;
pub use measure::{Measured, Mode, Time, load, measure, peak_memory};
pub use workload::{Case, Order, Size, Workload};
