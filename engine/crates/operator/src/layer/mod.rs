//! Layers of networks, one file each, with their adjoints.
//!
//! A layer is its sizes; its weights are a slice of a flat vector. Features are columns: a matrix
//! of `width` rows has a column for each point or edge. `apply` leaves a tape where the adjoint
//! needs more than inputs; `apply_vjp` adds to the cotangent of the weights and returns that of
//! the inputs.

mod activation;
mod dense;
mod interaction;
mod latent;
mod mlp;
mod norm;
mod steady;

pub use activation::{bend, bend_vjp};
pub use dense::Dense;
pub use interaction::{Interaction, InteractionBar, InteractionTape};
pub use latent::{Latent, LatentTape, Stencils};
pub use mlp::{Mlp, MlpTape};
pub use norm::{normalize, normalize_vjp};
pub use steady::{Steady, SteadyTape};
