//! Particles: what they carry and in which order they lie in memory.

pub mod cloud;
pub mod motion;
pub mod order;
pub mod sample;
pub mod split;
pub mod visits;

pub use cloud::{Cloud, Particles};
pub use motion::Motion;
pub use order::Order;
