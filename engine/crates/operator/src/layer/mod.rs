//! Layers of networks, one file each, with their adjoints.
//!
//! A layer is its sizes; its weights are a slice of a flat vector. Features are columns: a matrix
//! of `width` rows has a column for each point or edge. `apply` leaves a tape where the adjoint
//! needs more than inputs; `apply_vjp` adds to the cotangent of the weights and returns that of
//! the inputs.

mod activation;
mod attention;
mod constrained;
mod dense;
mod experts;
mod from_nodes;
mod interaction;
mod latent;
mod mlp;
mod nodes;
mod norm;
mod reversible;
mod sampled;
mod softmax;
mod steady;
mod to_nodes;
mod transformer;

pub use activation::{bend, bend_vjp};
pub use attention::{Attention, AttentionTape};
pub use constrained::{
    Constrained, ConstrainedTape, Diffusion, Marquardt, Minimum, Residual, Squares, Tiling,
};
pub use dense::Dense;
pub use experts::{Experts, ExpertsTape};
pub use from_nodes::{FromNodes, FromNodesTape};
pub use interaction::{Interaction, InteractionBar, InteractionTape};
pub use latent::{Latent, LatentTape, Stencils};
pub use mlp::{Mlp, MlpTape};
pub use nodes::Nodes;
pub use norm::{normalize, normalize_vjp, sizes};
pub use reversible::{BlockTape, Reversible};
pub use sampled::{Columns, Inputs, column_norms, winners};
pub use softmax::{softmax, softmax_vjp};
pub use steady::{Steady, SteadyTape};
pub use to_nodes::{ToNodes, ToNodesTape};
pub use transformer::{Transformer, TransformerTape};
