//! The same bits on any number of threads, for any memory plan and across a resume.

#[cfg(test)]
mod bits;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod gas;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod threads;
