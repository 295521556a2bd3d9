//! A latent grid whose nodes all see each other.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{
    Attention, AttentionTape, Dense, Experts, ExpertsTape, FromNodes, FromNodesTape, Nodes,
    ToNodes, ToNodesTape,
};

/// The middle of GIOROM's stepper (Viswanath et al., "Learning Lagrangian interaction dynamics with
/// sampling-based model order reduction"): an [integral transform](ToNodes) to the nodes of a regular grid, an
/// operator transformer among them, and an [integral transform](FromNodes) back, added to the features:
///
/// ```text
/// z_c = g_c + E p_c + e                  p_c where the node is in the room
/// z   = experts(attention(z))
/// h_i <- h_i + from_nodes(z)_i
/// ```
///
/// GIOROM takes attention from the tokens to their places first and has dropout; here places are added to the
/// tokens, and only nodes that samples are near to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transformer {
    width: usize,
}

/// What [`Transformer::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct TransformerTape<T: Real> {
    to: ToNodesTape<T>,
    shares: Vec<T>,
    attention: AttentionTape<T>,
    experts: ExpertsTape<T>,
    from: FromNodesTape<T>,
}

impl Transformer {
    /// For features of `width` rows.
    pub const fn new(width: usize) -> Self {
        Self { width }
    }

    // Its parts follow from the width.

    const fn to(&self) -> ToNodes {
        ToNodes::new(self.width)
    }

    const fn place(&self) -> Dense {
        Dense::new(3, self.width)
    }

    const fn attention(&self) -> Attention {
        Attention::new(self.width)
    }

    const fn experts(&self) -> Experts {
        Experts::new(self.width)
    }

    const fn from(&self) -> FromNodes {
        FromNodes::new(self.width)
    }

    /// Where the weights of its parts end.
    const fn ends(&self) -> [usize; 5] {
        let to = self.to().size();
        let place = to + self.place().size();
        let attention = place + self.attention().size();
        let experts = attention + self.experts().size();
        [to, place, attention, experts, experts + self.from().size()]
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.ends()[4]
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let [to, place, attention, experts, end] = self.ends();
        self.to().start(random, &mut weights[..to]);
        self.place().start(1.0, random, &mut weights[to..place]);
        self.attention()
            .start(random, &mut weights[place..attention]);
        self.experts()
            .start(random, &mut weights[attention..experts]);
        self.from().start(random, &mut weights[experts..end]);
    }

    /// New features of points.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        nodes: &Nodes<T>,
        h: &DMatrix<T>,
    ) -> (DMatrix<T>, TransformerTape<T>) {
        let [first, second, third, fourth, _] = self.ends();
        let (g, shares, to) = self.to().apply(&weights[..first], nodes, h);
        let z = g + self.place().apply(&weights[first..second], &nodes.places);
        let (z, attention) = self.attention().apply(&weights[second..third], &shares, &z);
        let (z, experts) = self
            .experts()
            .apply(&weights[third..fourth], &nodes.places, &z);
        let (change, from) = self.from().apply(&weights[fourth..], nodes, h.ncols(), &z);
        let tape = TransformerTape {
            to,
            shares,
            attention,
            experts,
            from,
        };
        (h + change, tape)
    }

    /// Cotangent of the features; adds to those of the nodes and of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        nodes: &Nodes<T>,
        tape: &TransformerTape<T>,
        h_bar: DMatrix<T>,
        nodes_bar: &mut Nodes<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let [first, second, third, fourth, _] = self.ends();
        let z_bar = self.from().apply_vjp(
            &weights[fourth..],
            nodes,
            &tape.from,
            &h_bar,
            nodes_bar,
            &mut weights_bar[fourth..],
        );
        let z_bar = self.experts().apply_vjp(
            &weights[third..fourth],
            &nodes.places,
            &tape.experts,
            z_bar,
            &mut weights_bar[third..fourth],
        );
        let mut shares_bar = vec![T::zero(); nodes.count()];
        let z_bar = self.attention().apply_vjp(
            &weights[second..third],
            &tape.shares,
            &tape.attention,
            z_bar,
            &mut shares_bar,
            &mut weights_bar[second..third],
        );
        self.place().apply_vjp(
            &weights[first..second],
            &nodes.places,
            &z_bar,
            &mut weights_bar[first..second],
        );
        h_bar
            + self.to().apply_vjp(
                &weights[..first],
                nodes,
                &tape.to,
                &z_bar,
                &shares_bar,
                nodes_bar,
                &mut weights_bar[..first],
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_at, matrix};

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        const WIDTH: usize = 4;
        let (layer, edge, bounds) = (Transformer::new(WIDTH), 0.5, [[0.0; 3], [1.0; 3]]);
        let size = layer.size();
        let mut random = Random::new(9, &[]);
        let mut x = random.normals(size + 4 * WIDTH);
        x.extend((0..12).map(|_| random.uniform()));
        check_at(
            &x,
            |x| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(4 * WIDTH);
                let nodes = Nodes::new(&matrix(3, x), edge, &bounds);
                let (h, _) = layer.apply(weights, &nodes, &matrix(WIDTH, h));
                h.as_slice().to_vec()
            },
            |x, bar| {
                let (weights, x) = x.split_at(size);
                let (h, x) = x.split_at(4 * WIDTH);
                let nodes = Nodes::new(&matrix(3, x), edge, &bounds);
                let (_, tape) = layer.apply(weights, &nodes, &matrix(WIDTH, h));
                let (mut all, mut at) = (vec![0.0; size], nodes.zeros());
                let bar = matrix(WIDTH, bar);
                let h = layer.apply_vjp(weights, &nodes, &tape, bar, &mut at, &mut all);
                let mut x_bar = DMatrix::zeros(3, 4);
                nodes.new_vjp(edge, &at, &mut x_bar);
                all.extend(h.iter().chain(x_bar.iter()));
                all
            },
        );
    }
}
