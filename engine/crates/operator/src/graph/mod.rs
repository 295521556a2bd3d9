//! Which points know of each other.

mod component;
mod neighbours;

pub use component::components;
pub use neighbours::{Graph, Reach};
