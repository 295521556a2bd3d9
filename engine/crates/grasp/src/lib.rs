//! Grasps of multi-fingered hands: what holds an object, found by bilevel optimisation.
//!
//! - [`hand`]: links, joints, motors and shapes of hands, their kinematics and its adjoint;
//! - [`force`]: the lower level, the forces of the fingers by a quadratic programme, its value's
//!   gradient and the derivative of its solution;
//! - [`object`]: solids with a signed distance whose normal is continuous;
//! - [`synthesis`]: the upper level, from a start to a grasp with its squeeze and its score;
//! - [`set`]: sets of grasps as JSON and NPZ, hands and scenes as MJCF;
//! - [`evaluation`]: how good they are when they are simulated in MuJoCo;
//! - [`import`]: hands from MJCF and URDF;
//! - [`generate`]: objects for data sets, and convex pieces of meshes;
//! - [`play`](mod@play): grasps of soft things as scenes, the hand being an articulated tool;
//! - [`picture`](mod@picture), [`drawn`]: pictures of grasps, and what others draw of them.

pub mod drawn;
pub mod error;
pub mod evaluation;
pub mod force;
pub mod generate;
pub mod hand;
pub mod import;
pub mod object;
pub mod picture;
pub mod play;
mod random;
pub mod set;
pub mod synthesis;
#[cfg(test)]
mod testing;

pub use error::GraspError;
pub use hand::Hand;
