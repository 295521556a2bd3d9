//! What the viewer shows and does, without a window: a scene that runs in a thread of its own
//! and is steered and edited meanwhile, its recording, recorded runs, optimisations, and the
//! files that leave.
//!
//! | module | what it holds |
//! |---|---|
//! | [`stage`] | what stands around the matter of a scene: bodies, surfaces, tool |
//! | [`frame`] | the matter at the end of a frame, as it is drawn |
//! | [`gas`] | what of a gas can be seen, and its values at the end of a frame |
//! | [`simulation`] | the thread that runs a scene, and the queue between it and the window |
//! | [`recording`] | the frames so far, within a budget |
//! | [`player`] | time: play, pause, step, speed, scrub |
//! | [`playback`] | run folders and trajectories as recordings |
//! | [`grasps`] | sets of grasps as recordings |
//! | [`gallery`] | the scenes to choose from, with pictures |
//! | [`edit`] | a scene that is being edited |
//! | [`optimise`] | an optimisation in a thread of its own |
//! | [`share`] | what leaves: animations, demonstrations |
//! | [`skin`] | liquids as surfaces |
//! | [`flight`] | the way of a camera |
//! | [`pose`] | what of a scene can be put elsewhere |
//! | [`handle`] | what is dragged to put it there |
//! | [`balls`] | particles as the renderer reads them |
//! | [`smoke`] | gas as the renderer reads it |
//! | [`colour`] | from fields of particles to colours |
//! | [`hidden`] | particles too deep inside of matter to be seen |
//! | [`light`] | shadows of matter on itself and on the floor |
//! | [`threads`] | work that the window must not wait for |
//! | [`surface`] | triangles of the surface of a solid |

pub mod balls;
pub mod colour;
pub mod edit;
pub mod flight;
pub mod frame;
pub mod gallery;
pub mod gas;
pub mod grasps;
pub mod handle;
pub mod hidden;
pub mod light;
pub mod optimise;
pub mod playback;
pub mod player;
pub mod pose;
pub mod recording;
pub mod share;
pub mod simulation;
pub mod skin;
pub mod smoke;
pub mod stage;
pub mod surface;
pub mod threads;

#[cfg(test)]
mod testing;

pub use frame::{Field, Frame};
pub use player::Player;
pub use simulation::Simulation;
pub use stage::Stage;
