//! Particles: what they carry and in which order they lie in memory.

pub mod cloud;
pub mod order;
pub mod sample;
pub mod split;

pub use cloud::{Cloud, Particles};
pub use order::Order;
