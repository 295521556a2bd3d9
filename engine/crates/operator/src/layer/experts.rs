//! Several networks that share the work by place.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Mlp, MlpTape, normalize, normalize_vjp, softmax, softmax_vjp};

/// A soft mixture of experts (Hao et al. 2023, "GNOT: a general neural operator transformer", section 3.3:
/// "geometric gating"): of tokens `z_t` at places `p_t`
///
/// ```text
/// c_t = softmax(gate(p_t))
/// z_t <- z_t + sum_e c_te mlp_e(norm(z_t))
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experts {
    gate: Mlp,
    expert: Mlp,
}

/// What [`Experts::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct ExpertsTape<T: Real> {
    z: DMatrix<T>,
    normal: DMatrix<T>,
    gate: MlpTape<T>,
    shares: DMatrix<T>,
    experts: Vec<(DMatrix<T>, MlpTape<T>)>,
}

/// Experts, as GIOROM has.
const COUNT: usize = 2;

impl Experts {
    /// For tokens of `width` rows.
    pub const fn new(width: usize) -> Self {
        Self {
            gate: Mlp::new(3, width, COUNT, false),
            expert: Mlp::new(width, width, width, false),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.gate.size() + COUNT * self.expert.size()
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let (gate, experts) = weights.split_at_mut(self.gate.size());
        self.gate.start(1.0, random, gate);
        for expert in experts.chunks_exact_mut(self.expert.size()) {
            self.expert.start(1.0, random, expert);
        }
    }

    /// New tokens; `places` are fixed.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        places: &DMatrix<T>,
        z: &DMatrix<T>,
    ) -> (DMatrix<T>, ExpertsTape<T>) {
        let (gate, experts) = weights.split_at(self.gate.size());
        let (raw, gate) = self.gate.apply(gate, places);
        let shares = softmax(&raw, COUNT);
        let normal = normalize(z);
        let mut next = z.clone();
        let mut tapes = Vec::with_capacity(COUNT);
        for (e, weights) in experts.chunks_exact(self.expert.size()).enumerate() {
            let (y, tape) = self.expert.apply(weights, &normal);
            for (t, mut next) in next.column_iter_mut().enumerate() {
                next.axpy(shares[(e, t)], &y.column(t), T::one());
            }
            tapes.push((y, tape));
        }
        let tape = ExpertsTape {
            z: z.clone(),
            normal,
            gate,
            shares,
            experts: tapes,
        };
        (next, tape)
    }

    /// Cotangent of the tokens; adds to that of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        places: &DMatrix<T>,
        tape: &ExpertsTape<T>,
        z_bar: DMatrix<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let (gate, experts) = weights.split_at(self.gate.size());
        let (gate_bar, experts_bar) = weights_bar.split_at_mut(self.gate.size());
        let size = self.expert.size();
        let mut normal_bar = DMatrix::zeros(z_bar.nrows(), z_bar.ncols());
        let mut shares_bar = DMatrix::zeros(COUNT, z_bar.ncols());
        let experts = experts
            .chunks_exact(size)
            .zip(experts_bar.chunks_exact_mut(size));
        for ((e, (y, part)), (weights, weights_bar)) in tape.experts.iter().enumerate().zip(experts)
        {
            let mut y_bar = z_bar.clone();
            for (t, mut y_bar) in y_bar.column_iter_mut().enumerate() {
                shares_bar[(e, t)] = y.column(t).dot(&y_bar);
                y_bar *= tape.shares[(e, t)];
            }
            normal_bar += (self.expert).apply_vjp(weights, &tape.normal, part, y_bar, weights_bar);
        }
        softmax_vjp(&tape.shares, COUNT, &mut shares_bar);
        (self.gate).apply_vjp(gate, places, &tape.gate, shares_bar, gate_bar);
        normalize_vjp(&tape.z, &mut normal_bar);
        z_bar + normal_bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        const WIDTH: usize = 3;
        let layer = Experts::new(WIDTH);
        let size = layer.size();
        let places = Random::new(7, &[]).normals(12);
        check(
            size + 4 * WIDTH,
            |x| {
                let (weights, z) = x.split_at(size);
                let places = matrix(3, &places).map(num_dual::Dual64::of);
                let (z, _) = layer.apply(weights, &places, &matrix(WIDTH, z));
                z.as_slice().to_vec()
            },
            |x, bar| {
                let (weights, z) = x.split_at(size);
                let places = matrix(3, &places);
                let (_, tape) = layer.apply(weights, &places, &matrix(WIDTH, z));
                let mut all = vec![0.0; size];
                let bar = matrix(WIDTH, bar);
                let z = layer.apply_vjp(weights, &places, &tape, bar, &mut all);
                all.extend(z.iter());
                all
            },
        );
    }
}
