//! Policies: small networks that steer tools by what they see, inside the simulation.
//!
//! At the start of each frame a policy looks at the matter and at its tool (`sight.rs`), and its
//! [`Network`] makes of that what is added to the tool's command of the frame. The gradient of a
//! run goes through all of it: through the weights, and through what was seen to everything that
//! came before.

mod network;
mod sight;

use backflow_diff::Real;

pub use network::Network;

use crate::{
    particle::Particles,
    rollout::State,
    tool::{Stance, StanceBar, injector::Matter},
    world::{World, cast},
};

/// A policy of one tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy<T: Real> {
    /// Index of the tool.
    pub tool: usize,
    /// The bodies that it sees.
    pub sees: Vec<Matter>,
    /// Joints of the tool.
    pub joints: usize,
    /// The numbers of a command that it adds to, and the most that it adds to each.
    pub reach: Vec<(usize, T)>,
    /// Hidden units of its network.
    pub hidden: usize,
    /// Unit of the lengths that it sees (m).
    pub length: T,
    /// Unit of the speeds that it sees (m/s).
    pub speed: T,
    /// Weights of its network, as [`Network`] lists them.
    pub weights: Vec<T>,
}

/// Cotangents of what a policy decided by.
pub struct DecisionBar<'a, T: Real> {
    /// Of the particles, in the order of the state.
    pub particles: &'a mut Particles<T>,
    /// Of where the tool was.
    pub stance: &'a mut StanceBar<T::Wide>,
    /// Of the weights.
    pub weights: &'a mut [f64],
}

impl<W: Real> Policy<W> {
    /// The shape of its network.
    pub fn network(&self) -> Network {
        Network::seeing(self.sees.len(), self.joints, self.hidden, self.reach.len())
    }

    /// The same policy in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Policy<U> {
        Policy {
            tool: self.tool,
            sees: self.sees.clone(),
            joints: self.joints,
            reach: self
                .reach
                .iter()
                .map(|&(at, most)| (at, cast(most)))
                .collect(),
            hidden: self.hidden,
            length: cast(self.length),
            speed: cast(self.speed),
            weights: self.weights.iter().map(|&weight| cast(weight)).collect(),
        }
    }

    /// Adds what it decides to the numbers of a command, `reach_k tanh(z_k)` of the network's
    /// output z, when the run is at the start of `frame` in `state` and the tool at `stance`.
    pub fn decide<T: Real<Wide = W>>(
        &self,
        world: &World<T>,
        state: &State<T>,
        frame: usize,
        stance: &Stance<W>,
        command: &mut [W],
    ) {
        let seen = sight::see(self, world, state, frame, stance);
        let outputs = self.network().output(&self.weights, &seen);
        for (&(at, most), z) in self.reach.iter().zip(outputs) {
            command[at] += most * z.tanh();
        }
    }

    /// Adds the cotangents of [`Policy::decide`], of which `command` is that of the numbers of the
    /// command; the numbers before pass it on as it is.
    pub fn decide_vjp<T: Real<Wide = W>>(
        &self,
        world: &World<T>,
        state: &State<T>,
        frame: usize,
        stance: &Stance<W>,
        command: &[W],
        bar: &mut DecisionBar<'_, T>,
    ) {
        let (network, seen) = (
            self.network(),
            sight::see(self, world, state, frame, stance),
        );
        let outputs = network.output(&self.weights, &seen);
        let pull = |(&(at, most), z): (&(usize, W), W)| {
            let share = z.tanh();
            command[at] * most * (W::one() - share * share)
        };
        let bars: Vec<W> = self.reach.iter().zip(outputs).map(pull).collect();
        let (weights, seen_bar) = network.output_vjp(&self.weights, &seen, &bars);
        for (sum, part) in bar.weights.iter_mut().zip(weights) {
            *sum += part.to_f64();
        }
        sight::see_vjp(
            self,
            world,
            state,
            frame,
            &seen_bar,
            bar.particles,
            bar.stance,
        );
    }
}

#[cfg(test)]
mod tests;
