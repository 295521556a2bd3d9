//! Which points know of each other.

mod component;
mod nearest;
mod neighbours;

pub use component::components;
pub use nearest::nearest;
pub use neighbours::{Graph, Reach};
