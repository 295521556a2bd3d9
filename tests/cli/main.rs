//! The command from outside: what it prints, writes and returns.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod check;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod export;
#[cfg(test)]
mod gas;
#[cfg(test)]
mod gradcheck;
#[cfg(test)]
mod grasp;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod help;
#[cfg(unix)]
#[cfg(test)]
mod interrupt;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod optimize;
#[cfg(unix)]
#[cfg(test)]
mod pipe;
#[cfg(test)]
mod scene;
#[cfg(unix)]
#[cfg(test)]
mod scheme;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod synthesize;
#[cfg(test)]
mod task;
