//! Laws of mechanics that every run must keep, and closed forms that single laws must meet.

#[cfg(test)]
mod angular_momentum;
#[cfg(test)]
mod domain;
#[cfg(test)]
mod elastic_laws;
#[cfg(test)]
mod energy;
#[cfg(test)]
mod finite;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod free_fall;
#[cfg(test)]
mod gas;
#[cfg(test)]
mod gas_among_matter;
#[cfg(test)]
mod hydrostatics;
#[cfg(test)]
mod mass;
#[cfg(test)]
mod momentum;
#[cfg(test)]
mod reaction;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod rigid;
#[cfg(test)]
mod similarity;
#[cfg(test)]
mod symmetry;
#[cfg(test)]
mod thin_shell;
