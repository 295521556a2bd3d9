//! Tools: bodies that move as commanded and act on the matter.

pub mod rigid;
