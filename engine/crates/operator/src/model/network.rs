//! The network of an operator.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Config, Features, FeaturesBar, Kind};
use crate::{
    graph::Graph,
    layer::{
        Interaction, InteractionTape, Latent, LatentTape, Mlp, MlpTape, Transformer,
        TransformerTape,
    },
};

/// From features to accelerations over their scale: two encoders, interaction layers, half way through
/// them a latent grid if there is one, a decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    points: Mlp,
    edges: Mlp,
    interaction: Interaction,
    layers: usize,
    middle: Middle,
    read_out: Mlp,
}

/// What [`Network::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct NetworkTape<T: Real> {
    points: MlpTape<T>,
    edges: MlpTape<T>,
    layers: Vec<InteractionTape<T>>,
    middle: MiddleTape<T>,
    last: DMatrix<T>,
    read_out: MlpTape<T>,
}

impl<T: Real> NetworkTape<T> {
    /// Keeps some of what the layers over edges read, see [`InteractionTape::draw`]; `w` are the weights of edges.
    pub(super) fn draw(&mut self, graph: &Graph, w: &[T], share: f64, random: &mut Random) {
        let norms: Vec<f64> = w.iter().map(|w| w.to_f64()).collect();
        self.edges.draw(&norms, share, random);
        for layer in &mut self.layers {
            layer.draw(graph, w, share, random);
        }
    }
}

/// What is asked half way through the layers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Middle {
    /// Nothing.
    None,
    /// A latent grid that is convolved.
    Convolved(Latent),
    /// A latent grid whose nodes attend to each other.
    Attended(Box<Transformer>),
}

/// What it leaves for its adjoint.
#[derive(Debug, Clone)]
enum MiddleTape<T: Real> {
    None,
    Convolved(Box<LatentTape<T>>),
    Attended(Box<TransformerTape<T>>),
}

impl Middle {
    fn new(config: &Config) -> Self {
        match (config.latent, config.kind) {
            (None, _) => Self::None,
            (Some(_), Kind::Giorom) => Self::Attended(Box::new(Transformer::new(config.width))),
            (Some(_), _) => Self::Convolved(Latent::new(config.width)),
        }
    }

    const fn size(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Convolved(layer) => layer.size(),
            Self::Attended(layer) => layer.size(),
        }
    }

    fn start(&self, random: &mut Random, weights: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Convolved(layer) => layer.start(random, weights),
            Self::Attended(layer) => layer.start(random, weights),
        }
    }

    /// New features of points.
    fn apply<T: Real>(
        &self,
        weights: &[T],
        features: &Features<T>,
        h: DMatrix<T>,
    ) -> (DMatrix<T>, MiddleTape<T>) {
        match (self, &features.latent, &features.nodes) {
            (Self::Convolved(layer), Some(stencils), _) => {
                let (h, tape) = layer.apply(weights, stencils, &h);
                (h, MiddleTape::Convolved(Box::new(tape)))
            }
            (Self::Attended(layer), _, Some(nodes)) => {
                let (h, tape) = layer.apply(weights, nodes, &h);
                (h, MiddleTape::Attended(Box::new(tape)))
            }
            _ => (h, MiddleTape::None),
        }
    }

    /// Cotangent of the features of points; adds to those of the grid and of the weights.
    fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        features: &Features<T>,
        tape: &MiddleTape<T>,
        h_bar: DMatrix<T>,
        bar: &mut FeaturesBar<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        match (self, tape) {
            (Self::Convolved(layer), MiddleTape::Convolved(tape)) => {
                if let (Some(stencils), Some(bar)) = (&features.latent, &mut bar.latent) {
                    return layer.apply_vjp(weights, stencils, tape, h_bar, bar, weights_bar);
                }
            }
            (Self::Attended(layer), MiddleTape::Attended(tape)) => {
                if let (Some(nodes), Some(bar)) = (&features.nodes, &mut bar.nodes) {
                    return layer.apply_vjp(weights, nodes, tape, h_bar, bar, weights_bar);
                }
            }
            _ => {}
        }
        h_bar
    }
}

/// Size of the first accelerations: near zero, so that training starts from free fall.
const FIRST: f64 = 0.1;

impl Network {
    /// Of a shape.
    pub fn new(config: &Config) -> Self {
        let width = config.width;
        Self {
            points: Mlp::new(Features::<f64>::point_rows(config), width, width, true),
            edges: Mlp::new(Features::<f64>::edge_rows(config), width, width, true),
            interaction: Interaction::new(width),
            layers: config.layers,
            middle: Middle::new(config),
            read_out: Mlp::new(width, width, 3, false),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.points.size()
            + self.edges.size()
            + self.layers * self.interaction.size()
            + self.middle.size()
            + self.read_out.size()
    }

    /// Where the weights of the latent grid start, and where those of the decoder.
    fn ends(&self) -> [usize; 2] {
        let start = self.layer(self.layers).start;
        [start, start + self.middle.size()]
    }

    /// The layer before which the latent grid is asked.
    const fn half(&self) -> usize {
        self.layers / 2
    }

    /// Where the weights of each layer start and end.
    fn layer(&self, layer: usize) -> std::ops::Range<usize> {
        let start = self.points.size() + self.edges.size() + layer * self.interaction.size();
        start..start + self.interaction.size()
    }

    /// First weights, from a seed.
    pub fn start(&self, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, &[0x6e65]);
        let mut weights = vec![0.0; self.size()];
        let points = self.points.size();
        let edges = points + self.edges.size();
        self.points.start(1.0, &mut random, &mut weights[..points]);
        self.edges
            .start(1.0, &mut random, &mut weights[points..edges]);
        for layer in 0..self.layers {
            let range = self.layer(layer);
            self.interaction.start(&mut random, &mut weights[range]);
        }
        let [start, end] = self.ends();
        self.middle.start(&mut random, &mut weights[start..end]);
        self.read_out.start(FIRST, &mut random, &mut weights[end..]);
        weights
    }

    /// Accelerations over their scale, a column a point.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        features: &Features<T>,
    ) -> (DMatrix<T>, NetworkTape<T>) {
        let first = self.points.size();
        let second = self.layer(0).start;
        let (mut h, points) = self.points.apply(&weights[..first], &features.points);
        let (mut e, edges) = self.edges.apply(&weights[first..second], &features.edges);
        let [start, end] = self.ends();
        let (mut layers, mut middle) = (Vec::with_capacity(self.layers), MiddleTape::None);
        for layer in 0..self.layers {
            if layer == self.half() {
                (h, middle) = self.middle.apply(&weights[start..end], features, h);
            }
            let weights = &weights[self.layer(layer)];
            let (next_h, next_e, tape) =
                (self.interaction).apply(weights, graph, &h, &e, &features.weights);
            (h, e) = (next_h, next_e);
            layers.push(tape);
        }
        let (a, read_out) = self.read_out.apply(&weights[end..], &h);
        let tape = NetworkTape {
            points,
            edges,
            layers,
            middle,
            last: h,
            read_out,
        };
        (a, tape)
    }

    /// Adds cotangents of features and weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        graph: &Graph,
        features: &Features<T>,
        full: &NetworkTape<T>,
        a_bar: DMatrix<T>,
        features_bar: &mut FeaturesBar<T>,
        weights_bar: &mut [T],
    ) {
        let first = self.points.size();
        let second = self.layer(0).start;
        let [start, end] = self.ends();
        let mut h_bar = self.read_out.apply_vjp(
            &weights[end..],
            &full.last,
            &full.read_out,
            a_bar,
            &mut weights_bar[end..],
        );
        let mut e_bar = DMatrix::zeros(h_bar.nrows(), graph.edges());
        for (layer, tape) in full.layers.iter().enumerate().rev() {
            let range = self.layer(layer);
            let bars = self.interaction.apply_vjp(
                &weights[range.clone()],
                graph,
                &features.weights,
                tape,
                h_bar,
                e_bar,
                &mut weights_bar[range],
            );
            (h_bar, e_bar) = (bars.h, bars.e);
            for (sum, w) in features_bar.weights.iter_mut().zip(bars.w) {
                *sum += w;
            }
            if layer == self.half() {
                h_bar = self.middle.apply_vjp(
                    &weights[start..end],
                    features,
                    &full.middle,
                    h_bar,
                    features_bar,
                    &mut weights_bar[start..end],
                );
            }
        }
        features_bar.edges += self.edges.apply_vjp(
            &weights[first..second],
            &features.edges,
            &full.edges,
            e_bar,
            &mut weights_bar[first..second],
        );
        features_bar.points += self.points.apply_vjp(
            &weights[..first],
            &features.points,
            &full.points,
            h_bar,
            &mut weights_bar[..first],
        );
    }
}
