//! A real window on a virtual screen, driven by simulated mouse and keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking; measurements read the clock"
)]

mod figures;
mod screen;
mod session;
