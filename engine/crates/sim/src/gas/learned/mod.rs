//! Learned helpers of gas: a search direction for the pressure, and the small network it is.

pub mod conv;
pub mod direction;
pub mod network;
pub mod samples;
