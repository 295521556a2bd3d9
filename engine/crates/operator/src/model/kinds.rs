//! The network of an operator, of whichever kind: from a window to accelerations, and back.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{
    Config, Features, Kind, Network, NetworkTape, Operator, Room, Spacing, StepTape, Window,
    balance, balance_vjp,
    pairs::{PairNetwork, PairTape, Sight},
};
use crate::{
    error::OperatorError,
    graph::{Graph, components},
};

/// The network of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AnyNetwork {
    Pairs(Box<PairNetwork>),
    Free(Box<Network>),
}

impl AnyNetwork {
    pub(super) fn new(config: &Config) -> Self {
        match config.kind {
            Kind::Pairs => Self::Pairs(Box::new(PairNetwork::new(config))),
            Kind::Free | Kind::Giorom => Self::Free(Box::new(Network::new(config))),
        }
    }

    pub(super) const fn size(&self) -> usize {
        match self {
            Self::Pairs(network) => network.size(),
            Self::Free(network) => network.size(),
        }
    }
}

/// First weights of an operator, from a seed.
pub fn first_weights(config: &Config, seed: u64) -> Vec<f64> {
    match AnyNetwork::new(config) {
        AnyNetwork::Pairs(network) => network.start(seed),
        AnyNetwork::Free(network) => network.start(seed),
    }
}

/// What the network of each kind leaves.
#[derive(Debug, Clone)]
pub(super) enum AnyTape<T: Real> {
    Pairs(Box<ForceTape<T>>),
    Free(Box<FreeTape<T>>),
}

/// What forces between pairs leave.
#[derive(Debug, Clone)]
pub(super) struct ForceTape<T: Real> {
    sight: Sight<T>,
    network: PairTape<T>,
    a: DMatrix<T>,
}

/// What free accelerations leave.
#[derive(Debug, Clone)]
pub(super) struct FreeTape<T: Real> {
    features: Features<T>,
    network: NetworkTape<T>,
    pub(super) raw: DMatrix<T>,
    pub(super) pieces: (Vec<usize>, usize),
}

impl<T: Real> AnyTape<T> {
    /// See [`StepTape::draw`].
    pub(super) fn draw(&mut self, graph: &Graph, share: f64, random: &mut Random) {
        match self {
            Self::Pairs(tape) => {
                let ForceTape { sight, network, .. } = &mut **tape;
                network.draw(graph, &sight.weights, share, random);
            }
            Self::Free(tape) => {
                let FreeTape {
                    features, network, ..
                } = &mut **tape;
                network.draw(graph, &features.weights, share, random);
            }
        }
    }
}

impl<T: Real> Operator<T> {
    /// Accelerations over their scale.
    pub(super) fn accelerations(
        &self,
        room: &Room,
        graph: &Graph,
        window: &Window<T>,
        spacing: &Spacing<T>,
    ) -> (DMatrix<T>, AnyTape<T>) {
        let (config, scales, weights) = (&self.config, &self.scales, &self.weights);
        match &self.network {
            AnyNetwork::Pairs(network) => {
                let sight = Sight::of(config, scales, room, graph, window, spacing);
                let (mut a, network) = network.apply(weights, graph, &sight);
                a /= spacing.ratio;
                let tape = ForceTape {
                    sight,
                    network,
                    a: a.clone(),
                };
                (a, AnyTape::Pairs(Box::new(tape)))
            }
            AnyNetwork::Free(network) => {
                let features = Features::of(config, scales, room, graph, window);
                let (raw, network) = network.apply(weights, graph, &features);
                let pieces = components(graph);
                let mut a = raw.clone();
                if config.balanced {
                    balance(&mut a, &features.touch, &pieces.0, pieces.1);
                }
                let tape = FreeTape {
                    features,
                    network,
                    raw,
                    pieces,
                };
                (a, AnyTape::Free(Box::new(tape)))
            }
        }
    }

    /// Adds the cotangents of window and weights from that of the accelerations.
    pub(super) fn accelerations_vjp(
        &self,
        room: &Room,
        window: &Window<T>,
        tape: &StepTape<T>,
        mut a_bar: DMatrix<T>,
        window_bar: &mut Window<T>,
        weights_bar: &mut [T],
    ) -> Result<(), OperatorError> {
        let (config, scales, weights) = (&self.config, &self.scales, &self.weights);
        let (graph, spacing) = (&tape.graph, &tape.spacing);
        match (&self.network, &tape.network) {
            (AnyNetwork::Pairs(network), AnyTape::Pairs(tape)) => {
                let ForceTape {
                    sight,
                    network: tape,
                    a,
                } = &**tape;
                a_bar /= spacing.ratio;
                let mut bar = sight.zeros();
                network.apply_vjp(weights, graph, sight, tape, &a_bar, &mut bar, weights_bar);
                let ratio_bar = Sight::of_vjp(
                    config, scales, room, graph, window, spacing, &bar, window_bar,
                );
                spacing.of_vjp(ratio_bar - a.dot(&a_bar), window, window_bar);
            }
            (AnyNetwork::Free(network), AnyTape::Free(tape)) => {
                let features = &tape.features;
                let mut bar = features.zeros();
                if config.balanced {
                    let (piece, pieces) = (&tape.pieces.0, tape.pieces.1);
                    let touch_bar = &mut bar.touch;
                    balance_vjp(
                        &tape.raw,
                        &features.touch,
                        piece,
                        pieces,
                        &mut a_bar,
                        touch_bar,
                    );
                }
                let tape = &tape.network;
                network.apply_vjp(weights, graph, features, tape, a_bar, &mut bar, weights_bar);
                Features::of_vjp(config, scales, room, graph, window, &bar, window_bar);
            }
            _ => {
                let (what, found) = ("network of a tape", "another kind of network");
                return Err(OperatorError::mismatch(what, found, "that of the operator"));
            }
        }
        Ok(())
    }
}
