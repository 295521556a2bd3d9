//! The shape of an operator, and its units.

use serde::{Deserialize, Serialize};

use crate::{error::OperatorError, graph::Reach};

/// What the network of an operator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Kind {
    /// Forces between pairs of samples and from walls, see
    /// [`PairNetwork`](super::pairs::PairNetwork).
    #[default]
    Pairs,
    /// Accelerations of samples, by whatever network, see [`Network`](super::Network).
    Free,
    /// As `Free`, with the latent grid of GIOROM half way through the layers, see
    /// [`Transformer`](crate::layer::Transformer).
    Giorom,
}

/// The shape of a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What it is. Default: Pairs.
    pub kind: Kind,
    /// Features of a point or an edge. Default: 32.
    pub width: usize,
    /// Interaction layers. Default: 2.
    pub layers: usize,
    /// Velocities that are seen, at least 1. Default: 2.
    pub history: usize,
    /// Edges of the graph. Default: 0.08 m, 12 neighbours.
    pub reach: Reach,
    /// Of `Free` and `Giorom`: edge of the cells of the latent grid (m), which is asked half way through the
    /// layers; `Giorom` has to have one. Default: none.
    pub latent: Option<f64>,
    /// Of `Free` and `Giorom`: whether edges know how the samples lay at rest. Default: true.
    pub rest: bool,
    /// Of `Free` and `Giorom`: whether forces within a piece of matter cancel where it touches nothing. Default: true.
    pub balanced: bool,
    /// Of `Pairs`: whether lengths are in spacings of the samples at rest, see [`Spacing`](super::Spacing), so that an operator
    /// runs with other numbers of samples than it has learned from. `reach` is that at the mean spacing in the
    /// training data. Default: false.
    pub spacings: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kind: Kind::Pairs,
            width: 32,
            layers: 2,
            history: 2,
            reach: Reach {
                radius: 0.08,
                cap: 12,
            },
            latent: None,
            rest: true,
            balanced: true,
            spacings: false,
        }
    }
}

impl Config {
    /// A graph network simulator (Sanchez-Gonzalez et al. 2020) of the same width in the same frame:
    /// ten layers, five velocities, nothing known of rest, forces that need not cancel.
    #[must_use]
    pub fn graph_network_simulator(width: usize, reach: Reach) -> Self {
        Self {
            kind: Kind::Free,
            width,
            layers: 10,
            history: 5,
            reach,
            latent: None,
            rest: false,
            balanced: false,
            spacings: false,
        }
    }

    /// The stepper of GIOROM (Viswanath et al.) of the same width in the same frame: two layers, a latent grid of
    /// cells of `latent` (m) whose nodes attend to each other, two layers; five velocities, nothing known of rest,
    /// forces that need not cancel.
    #[must_use]
    pub fn giorom(width: usize, reach: Reach, latent: f64) -> Self {
        Self {
            kind: Kind::Giorom,
            layers: 4,
            latent: Some(latent),
            ..Self::graph_network_simulator(width, reach)
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// The first that is not as expected.
    pub fn check(&self) -> Result<(), OperatorError> {
        let within = |field: &str, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                let expected = format!("{least} to {most}");
                Err(OperatorError::setting(field, value, expected))
            }
        };
        within("model.width", self.width, 1, 1024)?;
        within("model.layers", self.layers, 1, 64)?;
        within("model.history", self.history, 1, 16)?;
        within("model.reach.cap", self.reach.cap, 1, 1024)?;
        if self.kind == Kind::Giorom && self.latent.is_none() {
            let expected = "the edge of the cells of its grid (m)";
            return Err(OperatorError::setting("model.latent", "None", expected));
        }
        if self.spacings && self.kind != Kind::Pairs {
            let expected = "false, but for Pairs";
            return Err(OperatorError::setting("model.spacings", true, expected));
        }
        if let Some(edge) = self.latent
            && !(edge > 0.0 && edge.is_finite())
        {
            let expected = "a positive length (m)";
            return Err(OperatorError::setting("model.latent", edge, expected));
        }
        if !(self.reach.radius > 0.0 && self.reach.radius.is_finite()) {
            let (field, found) = ("model.reach.radius", self.reach.radius);
            return Err(OperatorError::setting(
                field,
                found,
                "a positive length (m)",
            ));
        }
        Ok(())
    }
}

/// What numbers of a network are multiples of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// Time of a step (s).
    pub frame: f64,
    /// Root mean square of the velocities in the training data (m/s).
    pub velocity: f64,
    /// Root mean square of the accelerations in it beyond gravity (m/s^2).
    pub acceleration: f64,
    /// Mean spacing of the samples (m), where lengths are in spacings.
    #[serde(default)]
    pub spacing: Option<f64>,
}
