//! Files that leave a run and come back: arrays, particles, pictures.
//!
//! Every file appears whole or not at all ([`atomic`]), and holds the same bytes for
//! the same content: no clock, no host name.

pub mod atomic;
pub mod npz;
pub mod obj;
pub mod particles;
pub mod picture;
pub mod ply;
pub mod png;
pub mod vti;
pub mod vtk;

pub use atomic::{FileError, write_atomic};
pub use npz::{Array, Npz, NpzError, write_npz};
pub use obj::{obj_text, write_obj};
pub use particles::ParticleRow;
pub use picture::{Ball, GREY, GasPicture, Image, PALETTE, Picture, PictureError, Solid, View};
pub use ply::write_ply;
pub use png::write_png;
pub use vti::{CellArray, write_vti};
pub use vtk::{write_pvd, write_vtp};
