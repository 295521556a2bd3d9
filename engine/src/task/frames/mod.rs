//! Frames of a run as files and pictures.

mod checkpoint;
mod file;
mod picture;
mod rows;

pub use checkpoint::{read_checkpoint, write_checkpoint};
pub use file::{read_felt, read_frame, read_rigids, read_tools, write_frame};
pub use picture::picture;
pub use rows::{BodyRows, Felt, ToolRows, bodies, felt, particle_rows, time_of, tools};
