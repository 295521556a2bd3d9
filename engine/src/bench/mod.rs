//! Speed on a workload that other engines run, too.

mod measure;
mod workload;

pub use measure::{Measured, Mode, Time, load, measure, peak_memory};
pub use workload::{Case, Order, Size, Workload};
