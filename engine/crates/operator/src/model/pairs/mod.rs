//! Operators whose forces act between pairs of samples and from walls and obstacles.

mod network;
mod sight;
mod surface;

pub use network::{PairNetwork, PairTape};
pub use sight::Sight;
pub use surface::Surface;
