//! Panels of the viewer: plain functions over egui. They read what is shown, change what may be
//! changed, and return what was asked for; they know neither renderer nor window.

pub mod gallery;
pub mod keys;
pub mod legend;
pub mod marks;
pub mod methods;
pub mod optimise;
pub mod presets;
pub mod schema;
pub mod text;
pub mod time;
pub mod tree;
pub mod view;
pub mod views;
