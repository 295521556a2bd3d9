//! Gas: an incompressible flow on a staggered grid, with all that it carries.
//!
//! A step ([`step()`]) is: carry ([`advect`], [`calm`]), mix and push ([`jet`], [`source`], [`buoyancy`],
//! [`confine`]), smear ([`diffuse`]), hold ([`drag`], [`opening`]), make incompressible
//! ([`project`]). Each is a function with its vector-Jacobian product below it. The pressure is
//! found by conjugate gradients with a multigrid cycle ([`pressure`], [`multigrid`]); its adjoint
//! is one solve with the same matrix.

pub mod advect;
pub mod boundary;
pub mod buoyancy;
pub mod calm;
pub mod clock;
pub mod compiled;
pub mod confine;
pub mod coupled;
pub mod course;
pub mod diffuse;
pub mod divergence;
pub mod drag;
pub mod exchange;
pub mod field;
pub mod flux;
pub mod grid;
pub mod incomplete;
pub mod jet;
pub mod learned;
pub mod loss;
pub mod model;
pub mod motion;
pub mod multigrid;
pub mod occupied;
pub mod opening;
pub mod poisson;
pub mod pressure;
pub mod project;
pub mod projector;
pub mod rigid;
pub mod rollout;
pub mod sample;
pub mod source;
pub mod spread;
pub mod stencil;
pub mod step;
#[cfg(test)]
pub(crate) mod testing;
pub mod trace;

pub use compiled::Compiled;
pub use model::{Gas, Model, ModelBar, Moment, MomentBar};
pub use rollout::Rollout;
pub use step::{Workspace, step, step_vjp};
