//! How things are differentiated, without any physics.
//!
//! - [`Real`]: the scalar of the kernels, which may carry a tangent;
//! - [`lanes`]: sixteen of them at once, with the instructions that the machine has;
//! - [`matrix`]: functions of 3 x 3 matrices that are differentiable at equal singular values;
//! - [`Map`]: a function with its vector-Jacobian product, and [`Root`] with [`Implicit`]: one
//!   that solves equations;
//! - [`memory`]: what a chain of maps stores and what it computes again;
//! - [`linear`]: solvers that say how well they did;
//! - [`gradcheck`]: checks of gradients that refuse to pass on nothing.

pub mod gradcheck;
pub mod lanes;
pub mod linear;
pub mod map;
pub mod matrix;
pub mod memory;
pub mod real;
pub mod root;

pub use map::Map;
pub use memory::Memory;
pub use real::Real;
pub use root::{Implicit, Root};
