//! The transfers of a substep: particles to grid, grid update, grid to particles.

pub mod blocks;
mod compiled;
pub mod field;
pub mod g2p;
pub mod grid_update;
pub(crate) mod hold;
pub mod immersed;
pub mod mirror;
pub mod p2g;
pub mod patch;
pub mod press;
pub mod reaction;
pub mod rows;
mod runs;
pub mod shape_match;
pub mod stencil;
pub mod substep;
pub mod substep_vjp;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod twins;
pub mod workspace;

pub use compiled::Compiled;
