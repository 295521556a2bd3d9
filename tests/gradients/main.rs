//! Hand-written adjoints against dual numbers: one substep and whole runs, for every
//! material, boundary and class of input.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod rigid;
#[cfg(test)]
mod rollout;
#[cfg(test)]
mod tools;
