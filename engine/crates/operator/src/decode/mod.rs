//! From samples to all points.

mod decoder;
mod fit;
mod kernel;

pub use decoder::Decoder;
pub use kernel::{Kernel, train_kernel};
