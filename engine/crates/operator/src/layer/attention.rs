//! Every token sees every other, in time that grows with their number.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Dense, normalize, normalize_vjp, softmax, softmax_vjp};

/// Normalised linear attention (Hao et al. 2023, "GNOT: a general neural operator transformer", section 3.2)
/// among tokens z of a latent grid. Of each head, with q, k and v its rows of the products of Q, K and V with
/// the normalised token, softmax over the entries of q and of k, and `s_t` how far token t is occupied:
///
/// ```text
/// M = sum_t s_t k_t v_t^T      n = sum_t s_t k_t
/// y_t = M^T q_t / (n . q_t)
/// z_t <- z_t + O y_t + o
/// ```
///
/// The shares s are not in GNOT, whose tokens are always there; here a token comes and goes smoothly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    width: usize,
    heads: usize,
    /// Query, key and value on top of each other.
    project: Dense,
    out: Dense,
}

/// What [`Attention::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct AttentionTape<T: Real> {
    z: DMatrix<T>,
    normal: DMatrix<T>,
    q: DMatrix<T>,
    k: DMatrix<T>,
    v: DMatrix<T>,
    sums: Vec<Sums<T>>,
    y: DMatrix<T>,
}

/// M and n of a head.
#[derive(Debug, Clone)]
struct Sums<T: Real> {
    m: DMatrix<T>,
    n: DMatrix<T>,
}

impl Attention {
    /// For tokens of `width` rows; four heads, or as many as divide the width of 2 and 1.
    pub const fn new(width: usize) -> Self {
        let heads = if width.is_multiple_of(4) {
            4
        } else if width.is_multiple_of(2) {
            2
        } else {
            1
        };
        Self {
            width,
            heads,
            project: Dense::plain(width, 3 * width),
            out: Dense::new(width, width),
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.project.size() + self.out.size()
    }

    /// First weights.
    pub fn start(&self, random: &mut Random, weights: &mut [f64]) {
        let (project, out) = weights.split_at_mut(self.project.size());
        self.project.start(1.0, random, project);
        self.out.start(1.0, random, out);
    }

    /// First row of a head, and its rows.
    const fn rows(&self, head: usize) -> (usize, usize) {
        let rows = self.width / self.heads;
        (head * rows, rows)
    }

    /// New tokens.
    pub fn apply<T: Real>(
        &self,
        weights: &[T],
        shares: &[T],
        z: &DMatrix<T>,
    ) -> (DMatrix<T>, AttentionTape<T>) {
        let (project, out) = weights.split_at(self.project.size());
        let (width, count) = (self.width, z.ncols());
        let normal = normalize(z);
        let all = self.project.apply(project, &normal);
        let part = |at: usize| all.rows(at * width, width).into_owned();
        let each = width / self.heads;
        let (q, k, v) = (softmax(&part(0), each), softmax(&part(1), each), part(2));
        let mut y = DMatrix::zeros(width, count);
        let mut sums = Vec::with_capacity(self.heads);
        for head in 0..self.heads {
            let (from, rows) = self.rows(head);
            let (mut m, mut n) = (DMatrix::zeros(rows, rows), DMatrix::zeros(rows, 1));
            for (t, &s) in shares.iter().enumerate() {
                let k = k.view((from, t), (rows, 1));
                m.gemm(s, &k, &v.view((from, t), (rows, 1)).transpose(), T::one());
                n += k * s;
            }
            for t in 0..count {
                let q = q.view((from, t), (rows, 1));
                let down = T::one() / n.dot(&q);
                let up = m.tr_mul(&q) * down;
                y.view_mut((from, t), (rows, 1)).copy_from(&up);
            }
            sums.push(Sums { m, n });
        }
        let next = z + self.out.apply(out, &y);
        let tape = AttentionTape {
            z: z.clone(),
            normal,
            q,
            k,
            v,
            sums,
            y,
        };
        (next, tape)
    }

    /// Cotangent of the tokens; adds to those of their shares and of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        shares: &[T],
        tape: &AttentionTape<T>,
        z_bar: DMatrix<T>,
        shares_bar: &mut [T],
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let (project, out) = weights.split_at(self.project.size());
        let (project_bar, out_bar) = weights_bar.split_at_mut(self.project.size());
        let (width, count) = (self.width, z_bar.ncols());
        let y_bar = self.out.apply_vjp(out, &tape.y, &z_bar, out_bar);
        let zeros = || DMatrix::zeros(width, count);
        let (mut q_bar, mut k_bar, mut v_bar) = (zeros(), zeros(), zeros());
        for head in 0..self.heads {
            let (from, rows) = self.rows(head);
            let Sums { m, n } = &tape.sums[head];
            let (mut m_bar, mut n_bar) = (DMatrix::zeros(rows, rows), DMatrix::zeros(rows, 1));
            for t in 0..count {
                let at = |x: &DMatrix<T>| x.view((from, t), (rows, 1)).into_owned();
                let (q, bar) = (at(&tape.q), at(&y_bar));
                let down = T::one() / n.dot(&q);
                // y = up / down: the slope in what is divided by is -y / down.
                let up_bar = &bar * down;
                let down_bar = -at(&tape.y).dot(&up_bar);
                let part = m * &up_bar + n * down_bar;
                q_bar.view_mut((from, t), (rows, 1)).copy_from(&part);
                m_bar.gemm(T::one(), &q, &up_bar.transpose(), T::one());
                n_bar += q * down_bar;
            }
            for (t, &s) in shares.iter().enumerate() {
                let at = |x: &DMatrix<T>| x.view((from, t), (rows, 1)).into_owned();
                let (k, v) = (at(&tape.k), at(&tape.v));
                let part = &m_bar * &v + &n_bar;
                shares_bar[t] += k.dot(&part);
                k_bar.view_mut((from, t), (rows, 1)).copy_from(&(part * s));
                let part = m_bar.tr_mul(&k) * s;
                v_bar.view_mut((from, t), (rows, 1)).copy_from(&part);
            }
        }
        let each = width / self.heads;
        softmax_vjp(&tape.q, each, &mut q_bar);
        softmax_vjp(&tape.k, each, &mut k_bar);
        let mut all_bar = DMatrix::zeros(3 * width, count);
        for (at, bar) in [q_bar, k_bar, v_bar].iter().enumerate() {
            all_bar.rows_mut(at * width, width).copy_from(bar);
        }
        let mut normal_bar = (self.project).apply_vjp(project, &tape.normal, &all_bar, project_bar);
        normalize_vjp(&tape.z, &mut normal_bar);
        z_bar + normal_bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    #[test]
    fn a_token_that_is_not_occupied_is_not_seen() {
        let layer = Attention::new(4);
        let mut random = Random::new(5, &[]);
        let weights = random.normals(layer.size());
        let z = matrix(4, &random.normals(12));
        let (two, _) = layer.apply(&weights, &[0.7, 1.0], &z.columns(0, 2).into_owned());
        let (three, _) = layer.apply(&weights, &[0.7, 1.0, 0.0], &z);
        assert!((three.columns(0, 2) - two).abs().max() < 1e-14);
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        for width in [4, 6, 3] {
            let layer = Attention::new(width);
            let size = layer.size();
            let shares = |x: &[f64]| x.iter().map(|x| x * x).collect::<Vec<_>>();
            check(
                size + 5 * width + 5,
                |x| {
                    let (weights, x) = x.split_at(size);
                    let (z, roots) = x.split_at(5 * width);
                    let shares: Vec<_> = roots.iter().map(|&x| x * x).collect();
                    let (z, _) = layer.apply(weights, &shares, &matrix(width, z));
                    z.as_slice().to_vec()
                },
                |x, bar| {
                    let (weights, x) = x.split_at(size);
                    let (z, roots) = x.split_at(5 * width);
                    let shares = shares(roots);
                    let (_, tape) = layer.apply(weights, &shares, &matrix(width, z));
                    let (mut all, mut at) = (vec![0.0; size], vec![0.0; 5]);
                    let bar = matrix(width, bar);
                    let z = layer.apply_vjp(weights, &shares, &tape, bar, &mut at, &mut all);
                    all.extend(z.iter());
                    all.extend(at.iter().zip(roots).map(|(bar, root)| 2.0 * root * bar));
                    all
                },
            );
        }
    }
}
