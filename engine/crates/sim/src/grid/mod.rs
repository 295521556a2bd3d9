//! The background grid.

pub mod block;
pub mod kernel;
pub mod layout;

pub use kernel::Stencil;
pub use layout::Lattice;
