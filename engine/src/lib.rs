//! Backflow: a differentiable physics engine.
//!
//! | crate | what it holds |
//! |---|---|
//! | [`diff`] | how things are differentiated: scalars, matrix functions, implicit maps, checkpoint plans, gradient checks |
//! | [`sim`] | the physics and its adjoint: scenes, materials, transfers, contact, tools, rollouts, losses, files |
//! | [`optim`] | how parameters move: objectives, estimators, updates, schedules, the driver |
//! | [`grasp`] | hands, contact forces, the synthesis of grasps, their files |
//! | [`operator`] | reduced-order graph operators: data sets, networks, training, decoding |
//! | [`mod@bench`] | a workload that other engines run, too, and how long it takes |
//! | [`task`] | a scene as an optimisation problem, and its run folder |
//! | [`validate`] | the physics against theory and experiment |
//! | [`cli`] | the `backflow` command |

pub mod bench;
pub mod cli;
pub mod task;
pub mod validate;

pub use backflow_diff as diff;
pub use backflow_grasp as grasp;
pub use backflow_operator as operator;
pub use backflow_optim as optim;
pub use backflow_sim as sim;
