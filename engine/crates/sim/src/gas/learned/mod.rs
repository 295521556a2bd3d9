//! Learned helpers of gas: a search direction for the pressure, steps of smoke, and the small networks
//! that they are.

pub mod conv;
pub mod direction;
pub mod network;
pub mod samples;
pub mod smoke;
pub mod stagger;
