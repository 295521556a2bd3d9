//! What is drawn: one plugin a kind of thing.

pub mod balls;
pub mod ghosts;
pub mod ground;
pub mod lines;
pub mod liquids;
pub mod matter;
pub mod shading;
pub mod smoke;
pub mod solids;
