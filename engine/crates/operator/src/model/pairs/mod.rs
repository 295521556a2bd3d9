//! Operators whose forces act between pairs of samples and from walls.

mod network;
mod sight;

pub use network::{PairNetwork, PairTape};
pub use sight::Sight;
