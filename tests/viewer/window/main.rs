//! A real window on a virtual screen, driven by simulated mouse and keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod figures;
mod screen;
mod session;
