//! The scenes of the repository: each is short, sound and stable, and its gradient is right.

#[cfg(test)]
mod files;
#[cfg(test)]
mod gradient;
#[cfg(test)]
mod hands;
#[cfg(test)]
#[path = "../cli/harness.rs"]
mod harness;
#[cfg(test)]
mod optimize;
#[cfg(test)]
mod stable;
#[cfg(test)]
mod tasks;
