//! A real window on a virtual screen, driven by simulated mouse and keys.

mod screen;
mod session;
