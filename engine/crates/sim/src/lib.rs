//! The physics of Backflow and its adjoint.
//!
//! A [`World`](world::World) is what does not change during a run; a
//! [`State`](rollout::State) is what does; every stage of a substep is a function
//! with its vector-Jacobian product right below it.
//!
//! Conventions, said once: SI units, right-handed axes with y up, angles in radians,
//! stress positive in tension. A cotangent of `x` is named `x_bar`. Rotations are
//! differentiated in the world frame: `delta R = [delta theta]_x R`.

pub mod collider;
pub mod contact;
pub mod force;
pub mod gas;
pub mod grid;
pub mod io;
pub mod loss;
pub mod material;
pub mod mesh;
pub mod particle;
pub mod policy;
pub mod pose;
mod random;
pub mod rigid;
pub mod rollout;
pub mod scene;
pub mod tool;
pub mod transfer;
pub mod world;

pub use backflow_diff::Real;
pub use transfer::Compiled;
