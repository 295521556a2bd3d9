//! Pictures without a window, on a software GPU: what must be seen is seen, in the right colour and
//! at the right place, it moves, and the same command gives the same pixels.

mod command;
mod fields;
mod picture;
mod scenes;
mod share;
