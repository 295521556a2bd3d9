//! Pictures without a window, on a software GPU: what must be seen is seen, in the right colour and
//! at the right place, it moves, and the same command gives the same pixels.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod command;
mod fields;
mod gas;
mod golden;
mod grasps;
mod picture;
mod scenes;
mod share;
mod solids;
mod views;
