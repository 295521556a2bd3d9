//! The three loops over the 27 nodes of a stencil that every transfer is made of.
//!
//! A particle carries the affine field `a + B (x_i - x_p)` of four channels: the value
//! `a` at the particle and, per axis, the slope `b[axis]` per metre.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use crate::grid::{
    Stencil,
    block::{BLOCK, MARGIN, Node, TILE, Tile},
};

/// An affine field about a particle, per node channel.
#[derive(Debug, Clone, Copy)]
pub struct Affine<T> {
    /// Value at the particle.
    pub value: Node<T>,
    /// Change per metre along each axis.
    pub slope: [Node<T>; 3],
}

impl<T: Real> Affine<T> {
    /// The field `vector + matrix (x_i - x_p)` with `fourth` in the fourth channel.
    #[inline(always)]
    pub fn new(vector: &Vector3<T>, matrix: &Matrix3<T>, fourth: T) -> Self {
        let column = |axis: usize| {
            [
                matrix[(0, axis)],
                matrix[(1, axis)],
                matrix[(2, axis)],
                T::zero(),
            ]
        };
        Self {
            value: [vector.x, vector.y, vector.z, fourth],
            slope: [column(0), column(1), column(2)],
        }
    }

    /// The field in cells about the base node of `stencil`.
    #[inline(always)]
    fn about_base(&self, stencil: &Stencil<T>, dx: T) -> Self {
        let slope = self.slope.map(|slope| scale(&slope, dx));
        let mut value = self.value;
        for axis in 0..3 {
            for channel in 0..4 {
                value[channel] -= slope[axis][channel] * stencil.offset[axis];
            }
        }
        Self { value, slope }
    }
}

#[inline(always)]
fn scale<T: Real>(node: &Node<T>, factor: T) -> Node<T> {
    node.map(|value| value * factor)
}

#[inline(always)]
fn add<T: Real>(a: &Node<T>, b: &Node<T>) -> Node<T> {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
}

#[inline(always)]
fn accumulate<T: Real>(sum: &mut Node<T>, factor: T, node: &Node<T>) {
    for channel in 0..4 {
        sum[channel] += factor * node[channel];
    }
}

/// Where in the tile of block `at` a stencil starts.
#[inline(always)]
pub fn tile_base<T: Real>(at: &[i32; 3], stencil: &Stencil<T>) -> usize {
    let local = |axis: usize| (stencil.base[axis] - at[axis] * BLOCK as i32 + MARGIN) as usize;
    (local(0) * TILE + local(1)) * TILE + local(2)
}

/// Whether a stencil starting at `base` fits the tile of block `at`.
#[inline(always)]
pub fn fits(at: &[i32; 3], base: &[i32; 3]) -> bool {
    let span = BLOCK as i32 - 1 + 2 * MARGIN;
    (0..3).all(|axis| {
        let local = base[axis] - at[axis] * BLOCK as i32 + MARGIN;
        (0..=span).contains(&local)
    })
}

/// Adds `w_i * field(x_i)` to the nodes.
#[inline(always)]
pub fn scatter<T: Real>(
    tile: &mut Tile<T>,
    base: usize,
    stencil: &Stencil<T>,
    field: &Affine<T>,
    dx: T,
) {
    let field = field.about_base(stencil, dx);
    let w = &stencil.weights;
    let mut plane = field.value;
    for i in 0..3 {
        let mut line = plane;
        for j in 0..3 {
            let weight = w[i].x * w[j].y;
            let next = add(&line, &field.slope[2]);
            let last = add(&next, &field.slope[2]);
            let at = base + (i * TILE + j) * TILE;
            if let [a, b, c] = &mut tile[at..at + 3] {
                accumulate(a, weight * w[0].z, &line);
                accumulate(b, weight * w[1].z, &next);
                accumulate(c, weight * w[2].z, &last);
            }
            line = add(&line, &field.slope[1]);
        }
        plane = add(&plane, &field.slope[0]);
    }
}

/// `sum_i w_i q_i` and, per axis, `sum_i w_i q_i (x_i - x_p)[axis]` (metres).
#[inline(always)]
pub fn gather<T: Real>(tile: &Tile<T>, base: usize, stencil: &Stencil<T>, dx: T) -> Affine<T> {
    let w = &stencil.weights;
    let zero = [T::zero(); 4];
    let two = T::of(2.0);
    let (mut sum, mut sum_x, mut sum_y, mut sum_z) = (zero, zero, zero, zero);
    for i in 0..3 {
        let (mut plane, mut plane_y, mut plane_z) = (zero, zero, zero);
        for j in 0..3 {
            let at = base + (i * TILE + j) * TILE;
            if let [a, b, c] = &tile[at..at + 3] {
                let (a, b, c) = (scale(a, w[0].z), scale(b, w[1].z), scale(c, w[2].z));
                let line = add(&add(&a, &b), &c);
                let line_z = add(&b, &scale(&c, two));
                accumulate(&mut plane, w[j].y, &line);
                accumulate(&mut plane_y, w[j].y * T::of(j as f64), &line);
                accumulate(&mut plane_z, w[j].y, &line_z);
            }
        }
        accumulate(&mut sum, w[i].x, &plane);
        accumulate(&mut sum_x, w[i].x * T::of(i as f64), &plane);
        accumulate(&mut sum_y, w[i].x, &plane_y);
        accumulate(&mut sum_z, w[i].x, &plane_z);
    }
    let about = |moment: &Node<T>, axis: usize| {
        let mut slope = scale(moment, dx);
        accumulate(&mut slope, -stencil.offset[axis] * dx, &sum);
        slope
    };
    Affine {
        value: sum,
        slope: [about(&sum_x, 0), about(&sum_y, 1), about(&sum_z, 2)],
    }
}

/// `sum_i (q_i . field(x_i)) grad w_i`: what the weights contribute to the cotangent of
/// the particle's position, for both directions of transfer.
#[inline(always)]
pub fn pull_weights<T: Real>(
    tile: &Tile<T>,
    base: usize,
    stencil: &Stencil<T>,
    field: &Affine<T>,
    dx: T,
    inverse_dx: T,
) -> Vector3<T> {
    let field = field.about_base(stencil, dx);
    let (w, g) = (&stencil.weights, &stencil.slopes(inverse_dx));
    let dot = |a: &Node<T>, b: &Node<T>| (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3]);
    let mut sum = Vector3::zeros();
    let mut plane = field.value;
    for i in 0..3 {
        let mut line = plane;
        for j in 0..3 {
            let next = add(&line, &field.slope[2]);
            let last = add(&next, &field.slope[2]);
            let at = base + (i * TILE + j) * TILE;
            if let [a, b, c] = &tile[at..at + 3] {
                let (a, b, c) = (dot(a, &line), dot(b, &next), dot(c, &last));
                let even = w[0].z * a + w[1].z * b + w[2].z * c;
                let steep = g[0].z * a + g[1].z * b + g[2].z * c;
                sum.x += g[i].x * w[j].y * even;
                sum.y += w[i].x * g[j].y * even;
                sum.z += w[i].x * w[j].y * steep;
            }
            line = add(&line, &field.slope[1]);
        }
        plane = add(&plane, &field.slope[0]);
    }
    sum
}

#[cfg(test)]
pub(super) mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::grid::Lattice;

    /// The block that the tests of the transfers work in.
    pub(in crate::transfer) const AT: [i32; 3] = [1, 2, 1];

    pub(in crate::transfer) const NODES: usize = TILE * TILE * TILE;

    /// A number in [-1, 1] without pattern.
    pub(in crate::transfer) fn noise(seed: usize) -> f64 {
        let mixed = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    pub(in crate::transfer) fn vector(seed: usize) -> Vector3<f64> {
        Vector3::from_fn(|row, _| noise(3 * seed + row))
    }

    pub(in crate::transfer) fn matrix(seed: usize) -> Matrix3<f64> {
        Matrix3::from_fn(|row, column| noise(9 * seed + 3 * row + column + 7_000_000))
    }

    pub(in crate::transfer) fn tile(seed: usize) -> Tile<f64> {
        std::array::from_fn(|node| {
            std::array::from_fn(|channel| noise(seed * 10_000 + 4 * node + channel))
        })
    }

    pub(in crate::transfer) fn dot(a: &[Node<f64>], b: &[Node<f64>]) -> f64 {
        a.iter()
            .flatten()
            .zip(b.iter().flatten())
            .map(|(a, b)| a * b)
            .sum()
    }

    pub(in crate::transfer) fn lift_vector(
        value: &Vector3<f64>,
        tangent: &Vector3<f64>,
    ) -> Vector3<Dual64> {
        value.zip_map(tangent, Dual64::new)
    }

    pub(in crate::transfer) fn lift_matrix(
        value: &Matrix3<f64>,
        tangent: &Matrix3<f64>,
    ) -> Matrix3<Dual64> {
        value.zip_map(tangent, Dual64::new)
    }

    pub(in crate::transfer) fn lift_nodes<const N: usize>(
        value: &[Node<f64>; N],
        tangent: &[Node<f64>; N],
    ) -> [Node<Dual64>; N] {
        std::array::from_fn(|node| {
            std::array::from_fn(|channel| Dual64::new(value[node][channel], tangent[node][channel]))
        })
    }

    pub(in crate::transfer) fn lattice<T: Real>() -> Lattice<T> {
        Lattice::over(
            Vector3::new(0.1, -0.2, 0.3).map(T::of),
            [12; 3],
            T::of(0.125),
        )
    }

    /// A place in block [`AT`] or in the cell around it that its particles may drift to.
    pub(in crate::transfer) fn place(seed: usize) -> Vector3<f64> {
        let lattice = lattice::<f64>();
        let cells = AT.map(|at| f64::from(at) * BLOCK as f64 + 2.5);
        lattice.origin + (Vector3::from(cells) + vector(seed + 100_000) * 2.99) * lattice.dx
    }

    fn affine(seed: usize) -> Affine<f64> {
        let mut field = Affine::new(&vector(seed), &matrix(seed), noise(seed + 50));
        // The fourth channel may slope as well.
        for axis in 0..3 {
            field.slope[axis][3] = noise(seed + 60 + axis);
        }
        field
    }

    fn pairing(a: &Affine<f64>, b: &Affine<f64>) -> f64 {
        dot(&[a.value], &[b.value]) + dot(&a.slope, &b.slope)
    }

    const DX: f64 = 0.125;
    const EMPTY: Tile<f64> = [[0.0; 4]; NODES];

    fn stencil(seed: usize) -> (Stencil<f64>, usize) {
        let stencil = Stencil::at(&lattice(), &place(seed));
        assert!(fits(&AT, &stencil.base));
        let base = tile_base(&AT, &stencil);
        (stencil, base)
    }

    /// Position of a node of the tile relative to a particle (m).
    fn arm(node: usize, x: &Vector3<f64>) -> Vector3<f64> {
        let local = [node / (TILE * TILE), node / TILE % TILE, node % TILE];
        let of = |axis: usize| {
            f64::from(AT[axis]) * BLOCK as f64 + local[axis] as f64 - f64::from(MARGIN)
        };
        lattice::<f64>().origin + Vector3::new(of(0), of(1), of(2)) * DX - x
    }

    fn at_arm(field: &Affine<f64>, arm: &Vector3<f64>) -> Node<f64> {
        std::array::from_fn(|channel| {
            let slope = |axis: usize| field.slope[axis][channel] * arm[axis];
            field.value[channel] + slope(0) + slope(1) + slope(2)
        })
    }

    #[test]
    fn scatter_and_gather_are_transposes() {
        for seed in 0..64 {
            let (stencil, base) = stencil(seed);
            let (field, nodes) = (affine(seed), tile(seed));
            let mut scattered = EMPTY;
            scatter(&mut scattered, base, &stencil, &field, DX);
            let forward = dot(&scattered, &nodes);
            let backward = pairing(&field, &gather(&nodes, base, &stencil, DX));
            // Terms are of size 1.
            assert!((forward - backward).abs() <= 1e-14, "{forward} {backward}");
        }
    }

    #[test]
    fn a_unit_that_is_scattered_arrives_whole_and_about_the_particle() {
        for seed in 0..64 {
            let (stencil, base) = stencil(seed);
            let field = Affine::new(&Vector3::zeros(), &Matrix3::zeros(), 1.0);
            let mut scattered = EMPTY;
            scatter(&mut scattered, base, &stencil, &field, DX);
            let (mut sum, mut moment, mut touched) = (0.0, Vector3::zeros(), 0);
            for (node, value) in scattered.iter().enumerate() {
                sum += value[3];
                moment += arm(node, &place(seed)) * value[3];
                touched += usize::from(value[3] != 0.0);
            }
            assert!((sum - 1.0).abs() <= 1e-14);
            assert!(moment.norm() <= 1e-14);
            assert!(touched <= 27);
        }
    }

    #[test]
    fn scatter_adds_the_field_at_each_node_times_its_weight() {
        for seed in 0..16 {
            let (stencil, base) = stencil(seed);
            let field = affine(seed);
            let unit = Affine::new(&Vector3::zeros(), &Matrix3::zeros(), 1.0);
            let (mut weights, mut scattered) = (EMPTY, tile(seed));
            scatter(&mut weights, base, &stencil, &unit, DX);
            scatter(&mut scattered, base, &stencil, &field, DX);
            for (node, before) in tile(seed).iter().enumerate() {
                let expected = at_arm(&field, &arm(node, &place(seed)));
                for channel in 0..4 {
                    let added = scattered[node][channel] - before[channel];
                    assert!((added - weights[node][3] * expected[channel]).abs() <= 1e-14);
                }
            }
        }
    }

    #[test]
    fn gather_reproduces_linear_fields() {
        for seed in 0..64 {
            let (stencil, base) = stencil(seed);
            let field = affine(seed);
            let nodes = std::array::from_fn(|node| at_arm(&field, &arm(node, &place(seed))));
            let Affine { value, slope } = gather(&nodes, base, &stencil, DX);
            for channel in 0..4 {
                assert!((value[channel] - field.value[channel]).abs() <= 1e-14);
                for axis in 0..3 {
                    // The inertia of quadratic splines: dx^2 / 4.
                    let expected = field.slope[axis][channel] * (0.25 * DX * DX);
                    assert!((slope[axis][channel] - expected).abs() <= 1e-14);
                }
            }
        }
    }

    #[test]
    fn pull_weights_is_the_derivative_of_the_weights() {
        for seed in 0..64 {
            let (x, along) = (place(seed), vector(seed + 9));
            let (stencil, base) = stencil(seed);
            let (field, nodes) = (affine(seed), tile(seed));
            let moving = Stencil::at(&lattice(), &lift_vector(&x, &along));
            let lifted = lift_nodes(&nodes, &EMPTY);
            let sums = gather(&lifted, base, &moving, Dual64::from(DX));
            let mut forward = 0.0;
            for channel in 0..4 {
                forward += sums.value[channel].eps * field.value[channel];
                for axis in 0..3 {
                    forward += sums.slope[axis][channel].eps * field.slope[axis][channel];
                }
            }
            let mut backward =
                pull_weights(&nodes, base, &stencil, &field, DX, 1.0 / DX).dot(&along);
            // Besides the weights, `x_i - x_p` moves.
            let value = gather(&nodes, base, &stencil, DX).value;
            for axis in 0..3 {
                backward -= dot(&[field.slope[axis]], &[value]) * along[axis];
            }
            // Slopes are of size 1 / dx.
            assert!((forward - backward).abs() <= 1e-12, "{forward} {backward}");
        }
    }

    #[test]
    fn moving_a_particle_changes_no_sum_of_its_weights() {
        // sum grad w_i = 0 and sum grad w_i (x_i - x_p) = I.
        let ones = [[1.0; 4]; NODES];
        for seed in 0..64 {
            let (stencil, base) = stencil(seed);
            let pull = |field| pull_weights(&ones, base, &stencil, &field, DX, 1.0 / DX);
            let constant = Affine::new(&vector(seed), &Matrix3::zeros(), noise(seed));
            assert!(pull(constant).norm() <= 1e-12);
            let slope = matrix(seed);
            let sloping = pull(Affine::new(&Vector3::zeros(), &slope, 0.0));
            assert!((sloping - slope.row_sum().transpose()).norm() <= 1e-12);
        }
    }

    #[test]
    fn a_stencil_fits_a_cell_beyond_its_block_and_no_further() {
        let first = AT.map(|at| at * BLOCK as i32);
        for axis in 0..3 {
            for (shift, expected) in [(-2, false), (-1, true), (0, true), (4, true), (5, false)] {
                let mut base = first;
                base[axis] += shift;
                assert_eq!(fits(&AT, &base), expected, "{shift}");
            }
        }
    }
}
