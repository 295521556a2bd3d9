//! The three loops over the 27 nodes of a stencil that every transfer is made of: scatter,
//! gather, and the pull of the weights on the particle's position.

use backflow_diff::{
    Real,
    lanes::{Lanes, Stored, WIDTH},
};

use super::{field::quads, rows::Rows};
use crate::{
    grid::{
        Lattice,
        block::{BLOCK, MARGIN, TILE},
        kernel,
    },
    particle::Motion,
};

/// Particles that a transfer takes through one loop before it goes on to the next, at most.
/// Short loops with independent iterations overlap better than a long chain of operations.
pub const CHUNK: usize = WIDTH;

/// The number of them: what a group takes, or as many as memory close by holds well.
pub const fn chunk(grouped: bool) -> usize {
    if grouped { CHUNK } else { CHUNK / 2 }
}

/// Quadratic B-splines of one block, see [`Stencil`](crate::grid::Stencil). Quads are the
/// nodes of an axis, their lanes 1 to 3 the axes.
#[derive(Clone, Copy)]
pub struct Splines<L> {
    /// Cells per metre in the lanes of a position, zero in the first.
    cells: L,
    /// Where the lattice begins, in the lanes of a position.
    origin: L,
    /// Node that the tile begins at, in the lanes of a position.
    tile: L,
    /// One half in the lanes of a position.
    half: L,
    centre: L,
    constant: L,
    curvature: L,
    steepness: L,
    /// Index of the node of each quad.
    node: L,
    zero: L,
}

/// What the loops over the nodes read of a particle.
#[derive(Clone, Copy)]
pub struct Place<T> {
    /// Weights by node and axis.
    weights: Stored<T>,
    /// Their derivatives (1/m), if asked for.
    slopes: Stored<T>,
    /// `[0, f_x, f_y, f_z]`, the position in cells from the base node, in each quad.
    offset: Stored<T>,
}

impl<T: Real> Place<T> {
    /// Room for it.
    #[inline(always)]
    pub fn zero() -> Self {
        Self {
            weights: Stored::zero(),
            slopes: Stored::zero(),
            offset: Stored::zero(),
        }
    }
}

/// The number of a node along x, of those by node and axis.
#[inline(always)]
fn x_of<T: Real, L: Lanes<T>>(isa: L::Isa, numbers: &Stored<T>, node: usize) -> L {
    L::splat(isa, numbers.0[4 * node + 1])
}

/// That along y.
#[inline(always)]
fn y_of<T: Real, L: Lanes<T>>(isa: L::Isa, numbers: &Stored<T>, node: usize) -> L {
    L::splat(isa, numbers.0[4 * node + 2])
}

/// Those along z, by quad.
#[inline(always)]
fn z_of<T: Real, L: Lanes<T>>(isa: L::Isa, numbers: &Stored<T>) -> L {
    numbers.lanes::<L>(isa).lane::<3>()
}

/// A field about the base node along z, and its slopes along x and y (per cell).
#[derive(Clone, Copy)]
pub struct AlongZ<L>([L; 3]);

impl<L> Splines<L> {
    /// The splines in the tile of block `at`.
    #[inline(always)]
    pub fn new<T: Real>(isa: L::Isa, lattice: &Lattice<T>, at: &[i32; 3]) -> Self
    where
        L: Lanes<T>,
    {
        let constants = |[a, b, c]: [f64; 3]| quads(isa, [a, b, c, 0.0].map(T::of));
        let position = |x: [T; 3]| {
            let quad = [T::zero(), x[0], x[1], x[2]];
            L::load(isa, &std::array::from_fn(|lane| quad[lane % 4]))
        };
        let inverse_dx = lattice.inverse_dx();
        Self {
            cells: position([inverse_dx; 3]),
            origin: position(lattice.origin.into()),
            tile: position(at.map(|at| T::of(f64::from(at * BLOCK as i32 - MARGIN)))),
            half: position([T::of(0.5); 3]),
            centre: constants(kernel::CENTRE),
            constant: constants(kernel::CONSTANT),
            curvature: constants(kernel::CURVATURE),
            steepness: constants(kernel::STEEPNESS).mul(L::splat(isa, inverse_dx)),
            node: quads(isa, [0.0, 1.0, 2.0, 3.0].map(T::of)),
            zero: L::splat(isa, T::zero()),
        }
    }

    /// Positions (m) in cells from the first node of the tile, and the nodes that their
    /// stencils start at; any four positions, in the lanes 1 to 3 of each quad.
    #[inline(always)]
    fn locate<T: Real>(&self, x: L) -> (L, L)
    where
        L: Lanes<T>,
    {
        let cell = x.sub(self.origin).mul(self.cells).sub(self.tile);
        (cell, cell.sub(self.half).floor())
    }

    /// Where in the tile the stencils of particles start.
    #[inline(always)]
    pub fn starts<T: Real>(&self, isa: L::Isa, motion: &[Motion<T>], starts: &mut [u16])
    where
        L: Lanes<T>,
    {
        let strides = [0, TILE * TILE, TILE, 1].map(|stride| T::of(stride as f64));
        let strides = L::load(isa, &std::array::from_fn(|lane| strides[lane % 4]));
        for (starts, motion) in starts.chunks_mut(4).zip(motion.chunks(4)) {
            let mut x = [T::zero(); WIDTH];
            for (quad, motion) in x.chunks_exact_mut(4).zip(motion) {
                quad.copy_from_slice(&motion.lanes()[..4]);
            }
            let (_, base) = self.locate(L::load(isa, &x));
            let index = base.mul(strides).sum_within_quads().indices();
            for (start, index) in starts.iter_mut().zip(index.chunks_exact(4)) {
                *start = index[0] as u16;
            }
        }
    }

    /// Finds the stencil of a particle and its weights; returns its position in cells from
    /// the centre of each node's spline.
    #[inline(always)]
    pub fn weigh<T: Real>(&self, motion: L, place: &mut Place<T>) -> L
    where
        L: Lanes<T>,
    {
        let (cell, base) = self.locate(motion.quad::<0>());
        let offset = cell.sub(base);
        let from_centre = offset.sub(self.centre);
        let bent = from_centre.mul(self.curvature);
        place.offset.put(offset);
        place.weights.put(bent.mul_add(from_centre, self.constant));
        from_centre
    }

    /// As [`Splines::weigh`], with the derivatives of the weights.
    #[inline(always)]
    pub fn weigh_and_slope<T: Real>(&self, motion: L, place: &mut Place<T>)
    where
        L: Lanes<T>,
    {
        let from_centre = self.weigh(motion, place);
        place.slopes.put(from_centre.mul(self.steepness));
    }

    /// A field as its nodes along z see it.
    #[inline(always)]
    pub fn along_z<T: Real>(&self, isa: L::Isa, place: &Place<T>, field: &Stored<T>) -> AlongZ<L>
    where
        L: Lanes<T>,
    {
        let offset = place.offset.numbers();
        let [x, y, z]: [L; 3] = [
            field.quad::<1, L>(isa),
            field.quad::<2, L>(isa),
            field.quad::<3, L>(isa),
        ];
        let value = x.neg_mul_add(L::splat(isa, offset[1]), field.quad::<0, L>(isa));
        let value = y.neg_mul_add(L::splat(isa, offset[2]), value);
        let value = z.mul_add(self.node.sub(L::splat(isa, offset[3])), value);
        AlongZ([value, x, y])
    }

    /// Adds `w_i * field(x_i)` to the nodes.
    #[inline(always)]
    pub fn scatter<T: Real>(
        &self,
        isa: L::Isa,
        rows: &mut Rows<L>,
        place: &Place<T>,
        field: &AlongZ<L>,
    ) where
        L: Lanes<T>,
    {
        let weights = &place.weights;
        let z = z_of(isa, weights);
        let [value, along_x, along_y] = field.0;
        let (mut plane, along_x, along_y) = (value.mul(z), along_x.mul(z), along_y.mul(z));
        for i in 0..3 {
            let x = x_of(isa, weights, i);
            let mut line = plane.mul(x);
            let step = along_y.mul(x);
            for j in 0..3 {
                let row = &mut rows[3 * i + j];
                *row = line.mul_add(y_of(isa, weights, j), *row);
                line = line.add(step);
            }
            plane = plane.add(along_x);
        }
    }

    /// `sum_i w_i q_i` in the first quad and, per axis, `sum_i w_i q_i (x_i - x_b)[axis]`
    /// (cells) about the base node in the others.
    #[inline(always)]
    pub fn gather<T: Real>(&self, isa: L::Isa, rows: &Rows<L>, place: &Place<T>) -> L
    where
        L: Lanes<T>,
    {
        let weights = &place.weights;
        // Products are summed twice where they can be: additions do not compete with them.
        let z = z_of(isa, weights);
        let [y0, y1, y2]: [L; 3] = [
            y_of(isa, weights, 0),
            y_of(isa, weights, 1),
            y_of(isa, weights, 2),
        ];
        let y = [y0, y1, y2];
        let (a, a_y) = gather_plane([rows[0], rows[1], rows[2]], y);
        let (b, b_y) = gather_plane([rows[3], rows[4], rows[5]], y);
        let (c, c_y) = gather_plane([rows[6], rows[7], rows[8]], y);
        let [x0, x1, x2]: [L; 3] = [
            x_of(isa, weights, 0),
            x_of(isa, weights, 1),
            x_of(isa, weights, 2),
        ];
        let (b, c) = (b.mul(x1), c.mul(x2));
        let both = b.add(c);
        let sum = a.mul_add(x0, both).mul(z);
        let sum_x = both.add(c).mul(z);
        let sum_y = c_y.mul_add(x2, b_y.mul_add(x1, a_y.mul(x0))).mul(z);
        L::sum_quads([sum, sum_x, sum_y, sum.mul(self.node)])
    }

    /// What [`Splines::gather`] returns, about the particle instead of the base node.
    #[inline(always)]
    pub fn about_particle<T: Real>(&self, isa: L::Isa, place: &Place<T>, about_base: L) -> L
    where
        L: Lanes<T>,
    {
        // [0, f_x, f_y, f_z], a quad each.
        let arms = place
            .offset
            .lanes::<L>(isa)
            .permute([0, 0, 0, 0, 5, 5, 5, 5, 10, 10, 10, 10, 15, 15, 15, 15]);
        arms.neg_mul_add(about_base.quad::<0>(), about_base)
    }

    /// `sum_i (q_i . field(x_i)) grad w_i` (grad per metre) of two `q` with a field each: what
    /// the weights contribute to the cotangent of the particle's position, for both directions
    /// of transfer at once. Component `a` is the sum of quad `a`; the last quad is zero.
    #[inline(always)]
    pub fn pull_weights<T: Real>(
        &self,
        isa: L::Isa,
        rows: [&Rows<L>; 2],
        place: &Place<T>,
        fields: [&AlongZ<L>; 2],
    ) -> L
    where
        L: Lanes<T>,
    {
        let (weights, slopes) = (&place.weights, &place.slopes);
        // The weights of an axis sum to one and their slopes to nothing: what is added up are
        // the differences from the middle node.
        let y = [y_of(isa, weights, 0), y_of(isa, weights, 2)];
        let slope = [y_of(isa, slopes, 0), y_of(isa, slopes, 2)];
        let [a, b] = rows;
        let ([a_line, a_x, a_y], [b_line, b_x, b_y]) = (fields[0].0, fields[1].0);
        let first = ([a[0], a[1], a[2]], a_line, a_y);
        let second = ([b[0], b[1], b[2]], b_line, b_y);
        let (below, below_y) = pull_plane(first, second, y, slope);
        let (a_line, b_line) = (a_line.add(a_x), b_line.add(b_x));
        let first = ([a[3], a[4], a[5]], a_line, a_y);
        let second = ([b[3], b[4], b[5]], b_line, b_y);
        let (middle, middle_y) = pull_plane(first, second, y, slope);
        let (a_line, b_line) = (a_line.add(a_x), b_line.add(b_x));
        let first = ([a[6], a[7], a[8]], a_line, a_y);
        let second = ([b[6], b[7], b[8]], b_line, b_y);
        let (above, above_y) = pull_plane(first, second, y, slope);
        let (below, above) = (below.sub(middle), above.sub(middle));
        let (below_y, above_y) = (below_y.sub(middle_y), above_y.sub(middle_y));
        let [x0, x2]: [L; 2] = [x_of(isa, weights, 0), x_of(isa, weights, 2)];
        let sum_x = below.mul_add(x_of(isa, slopes, 0), above.mul(x_of(isa, slopes, 2)));
        let sum_y = below_y.mul_add(x0, above_y.mul_add(x2, middle_y));
        let sum_z = below.mul_add(x0, above.mul_add(x2, middle));
        let z: L = z_of(isa, weights);
        let parts = [
            sum_x.mul(z),
            sum_y.mul(z),
            sum_z.mul(z_of(isa, slopes)),
            self.zero,
        ];
        L::sum_quads(parts)
    }
}

/// Weighted sum of the rows of a plane, and that of the rows times their index.
#[inline(always)]
fn gather_plane<T: Copy, L: Lanes<T>>([a, b, c]: [L; 3], y: [L; 3]) -> (L, L) {
    let (b, c) = (b.mul(y[1]), c.mul(y[2]));
    let both = b.add(c);
    (a.mul_add(y[0], both), both.add(c))
}

/// Rows of a plane and the field that meets them: on the first row, and its step to the next.
type Plane<L> = ([L; 3], L, L);

/// Sums of the products of the rows of two planes with their fields: with the weights along y,
/// and with their slopes. Of both, the first and the last are given.
#[inline(always)]
fn pull_plane<T: Copy, L: Lanes<T>>(
    (a, a_line, a_step): Plane<L>,
    (b, b_line, b_step): Plane<L>,
    y: [L; 2],
    slope: [L; 2],
) -> (L, L) {
    let (a_next, b_next) = (a_line.add(a_step), b_line.add(b_step));
    let (a_last, b_last) = (a_next.add(a_step), b_next.add(b_step));
    let middle = a[1].mul_add(a_next, b[1].mul(b_next));
    let below = a[0].mul_add(a_line, b[0].mul(b_line)).sub(middle);
    let above = a[2].mul_add(a_last, b[2].mul(b_last)).sub(middle);
    let even = below.mul_add(y[0], above.mul_add(y[1], middle));
    (even, below.mul_add(slope[0], above.mul(slope[1])))
}

#[cfg(test)]
mod tests;
