//! Reduced-order graph operators: the physics of a body of many particles learned on a few hundred of
//! them, run on those alone, and shown on all.
//!
//! - [`data`]: data sets from rollouts of the engine, split by seed and by shape;
//! - [`graph`]: radius graphs with a cap, and what hangs together in them;
//! - [`layer`]: layers of networks with their adjoints;
//! - [`model`]: what an operator sees, its step, and predictions without learning;
//! - [`rollout`]: many steps, and their adjoint;
//! - [`course`]: a trained operator as a [`Map`](backflow_diff::Map);
//! - [`simulation`]: the engine as one, for models that are trained through it;
//! - [`continuous`]: models in continuous time;
//! - [`train`]: how the weights are found;
//! - [`decode`]: where all other points are;
//! - [`evaluate`]: how good it is on trajectories that it has not seen;
//! - [`compare`]: operators of several kinds against each other, under one budget.
//!
//! Layers and steps are generic over [`Real`](backflow_diff::Real): they train in `f32`, plan in `f64`,
//! and every adjoint is checked on dual numbers.

pub mod compare;
pub mod continuous;
pub mod course;
pub mod data;
pub mod decode;
pub mod error;
pub mod evaluate;
pub mod graph;
pub mod layer;
pub mod model;
pub mod rollout;
pub mod simulation;
#[cfg(test)]
mod testing;
mod text;
pub mod train;

pub use course::Course;
pub use error::OperatorError;
pub use model::Operator;
pub use simulation::Simulation;
