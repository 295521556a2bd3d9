//! Bad input, damaged files and broken physics: one clear message each, and no panic.

#[cfg(test)]
mod blow_up;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod grasps;
#[cfg(test)]
#[path = "../cli/harness.rs"]
mod harness;
#[cfg(test)]
mod input;
#[cfg(test)]
mod meshes;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod output;
#[cfg(test)]
mod scene;
