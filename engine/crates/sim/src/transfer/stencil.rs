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
        let [mut plane, along_x, along_y] = field.0.map(|part| part.mul(z));
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

    /// `sum_i (q_i . field(x_i)) grad w_i` (grad per metre): what the weights contribute to
    /// the cotangent of the particle's position, for both directions of transfer. Component
    /// `a` is the sum of quad `a`; the last quad is zero.
    #[inline(always)]
    pub fn pull_weights<T: Real>(
        &self,
        isa: L::Isa,
        rows: &Rows<L>,
        place: &Place<T>,
        field: &AlongZ<L>,
    ) -> L
    where
        L: Lanes<T>,
    {
        let (weights, slopes) = (&place.weights, &place.slopes);
        // The weights of an axis sum to one and their slopes to nothing: what is added up are
        // the differences from the middle node.
        let [value, along_x, along_y] = field.0;
        let y = [y_of(isa, weights, 0), y_of(isa, weights, 2)];
        let slope = [y_of(isa, slopes, 0), y_of(isa, slopes, 2)];
        let plane = [rows[0], rows[1], rows[2]];
        let next = value.add(along_x);
        let (below, below_y) = pull_plane(plane, value, along_y, y, slope);
        let plane = [rows[3], rows[4], rows[5]];
        let (middle, middle_y) = pull_plane(plane, next, along_y, y, slope);
        let plane = [rows[6], rows[7], rows[8]];
        let (above, above_y) = pull_plane(plane, next.add(along_x), along_y, y, slope);
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

/// Sums of the products of the rows of a plane with a field: with the weights along y, and
/// with their slopes. Of both, the first and the last are given.
#[inline(always)]
fn pull_plane<T: Copy, L: Lanes<T>>(
    rows: [L; 3],
    line: L,
    along_y: L,
    y: [L; 2],
    slope: [L; 2],
) -> (L, L) {
    let next = line.add(along_y);
    let middle = rows[1].mul(next);
    let below = rows[0].mul(line).sub(middle);
    let above = rows[2].mul(next.add(along_y)).sub(middle);
    let even = below.mul_add(y[0], above.mul_add(y[1], middle));
    (even, below.mul_add(slope[0], above.mul(slope[1])))
}

#[cfg(test)]
mod tests {
    use backflow_diff::lanes::{Portable, columns::columns};
    use nalgebra::{Matrix3, Vector3};

    use super::{
        super::{
            field::{field_of, load_motion, motion_of, position_of},
            rows::{add_rows, load_rows},
            testing::*,
        },
        *,
    };
    use crate::grid::{
        Stencil,
        block::{Node, Tile, fits, tile_base},
    };

    /// An affine field about a particle, per node channel.
    #[derive(Debug, Clone, Copy)]
    struct Affine<T> {
        /// Value at the particle.
        value: Node<T>,
        /// Change per metre along each axis.
        slope: [Node<T>; 3],
    }

    impl<T: Real> Affine<T> {
        /// The field `vector + matrix (x_i - x_p)` with `fourth` in the fourth channel.
        fn new(vector: &Vector3<T>, matrix: &Matrix3<T>, fourth: T) -> Self {
            let column = |axis: usize| {
                let [x, y, z] = matrix.column(axis).into();
                [x, y, z, T::zero()]
            };
            Self {
                value: [vector.x, vector.y, vector.z, fourth],
                slope: [column(0), column(1), column(2)],
            }
        }

        /// As the loops read it: per cell.
        fn stored(&self) -> Stored<T> {
            let dx = T::of(DX);
            let [x, y, z] = self.slope.map(|slope| slope.map(|slope| slope * dx));
            let quads = [self.value, x, y, z];
            let mut stored = Stored::zero();
            stored.put(Portable::load(
                (),
                &std::array::from_fn(|lane| quads[lane / 4][lane % 4]),
            ));
            stored
        }
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
    static EMPTY: Tile<f64> = [[0.0; 4]; NODES];

    fn store<T: Real>(lanes: Portable<T>) -> [T; WIDTH] {
        let mut stored = [T::zero(); WIDTH];
        lanes.store(&mut stored);
        stored
    }

    /// Splines, place and first tile node of the stencil of a particle at `x`.
    fn seat<T: Real>(x: &Vector3<T>) -> (Splines<Portable<T>>, Place<T>, usize) {
        // Its motion has no say in it.
        let (v, c) = (Vector3::repeat(T::of(7.0)), Matrix3::repeat(T::of(-5.0)));
        let motion = Motion::new(x, &v, &c);
        let splines = Splines::<Portable<T>>::new((), &lattice(), &AT);
        let (mut place, mut starts) = (Place::zero(), [0]);
        splines.weigh_and_slope(load_motion((), &motion), &mut place);
        splines.starts((), &[motion], &mut starts);
        (splines, place, usize::from(starts[0]))
    }

    /// Adds `w_i * field(x_i)` to the nodes.
    fn scatter_to<T: Real>(tile: &mut Tile<T>, x: &Vector3<T>, field: &Affine<T>) {
        let (splines, place, base) = seat(x);
        let mut rows = [Portable::splat((), T::zero()); 9];
        let field = splines.along_z((), &place, &field.stored());
        splines.scatter((), &mut rows, &place, &field);
        add_rows((), tile, base, rows);
    }

    /// `sum_i w_i q_i` and, per axis, `sum_i w_i q_i (x_i - x_p)[axis]` (metres).
    fn gather_from<T: Real>(tile: &Tile<T>, x: &Vector3<T>) -> Affine<T> {
        let (splines, place, base) = seat(x);
        let rows = load_rows((), tile, base);
        let about_base = splines.gather((), &rows, &place);
        let sums = store(splines.about_particle((), &place, about_base));
        let quad = |quad: usize| std::array::from_fn(|channel| sums[4 * quad + channel]);
        let moment = |axis: usize| quad(1 + axis).map(|moment: T| moment * T::of(DX));
        Affine {
            value: quad(0),
            slope: [moment(0), moment(1), moment(2)],
        }
    }

    /// `sum_i (q_i . field(x_i)) grad w_i`.
    fn pull<T: Real>(tile: &Tile<T>, x: &Vector3<T>, field: &Affine<T>) -> Vector3<T> {
        let (splines, place, base) = seat(x);
        let rows = load_rows((), tile, base);
        let field = splines.along_z((), &place, &field.stored());
        let parts = splines.pull_weights((), &rows, &place, &field);
        let sums = store(position_of(parts));
        for lane in [0, 4, 8, 12] {
            // Nothing but the position is to change by them.
            assert_eq!(sums[lane], T::zero());
        }
        let parts = store(parts);
        let sum = |quad: usize| {
            let quad = &parts[4 * quad..];
            (quad[0] + quad[1]) + (quad[2] + quad[3])
        };
        assert_eq!(sums[1..4], [sum(0), sum(1), sum(2)]);
        Vector3::from_column_slice(&sums[1..4])
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
            let (field, nodes) = (affine(seed), tile(seed));
            let mut scattered = EMPTY;
            scatter_to(&mut scattered, &place(seed), &field);
            let forward = dot(&scattered, &nodes);
            let backward = pairing(&field, &gather_from(&nodes, &place(seed)));
            // Terms are of size 1.
            assert!((forward - backward).abs() <= 1e-14, "{forward} {backward}");
        }
    }

    #[test]
    fn a_unit_that_is_scattered_arrives_whole_and_about_the_particle() {
        for seed in 0..64 {
            let field = Affine::new(&Vector3::zeros(), &Matrix3::zeros(), 1.0);
            let mut scattered = EMPTY;
            scatter_to(&mut scattered, &place(seed), &field);
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
            let field = affine(seed);
            let unit = Affine::new(&Vector3::zeros(), &Matrix3::zeros(), 1.0);
            let (mut weights, mut scattered) = (EMPTY, tile(seed));
            scatter_to(&mut weights, &place(seed), &unit);
            scatter_to(&mut scattered, &place(seed), &field);
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
    fn weights_are_those_of_the_stencil() {
        // Two ways to compute them, in numbers of size 1.
        for seed in 0..64 {
            let stencil = Stencil::at(&lattice::<f64>(), &place(seed));
            let slopes = stencil.slopes(1.0 / DX);
            let (_, seat, _) = seat(&place(seed));
            let unit = Affine::new(&Vector3::zeros(), &Matrix3::zeros(), 1.0);
            let mut scattered = EMPTY;
            scatter_to(&mut scattered, &place(seed), &unit);
            for node in 0..27 {
                let [i, j, k] = [node / 9, node / 3 % 3, node % 3];
                let at = tile_base(&AT, &stencil.base) + (i * TILE + j) * TILE + k;
                let w = &stencil.weights;
                assert!((scattered[at][3] - w[i].x * w[j].y * w[k].z).abs() <= 1e-14);
            }
            for node in 0..3 {
                for axis in 0..3 {
                    // Slopes are of size 1 / dx.
                    let error = seat.slopes.numbers()[4 * node + 1 + axis] - slopes[node][axis];
                    assert!(error.abs() <= 1e-13 / DX);
                }
            }
        }
    }

    #[test]
    fn stencils_start_in_the_tile_where_they_do_in_the_lattice() {
        // A number of them that fills no quad.
        let motion = |seed| Motion::new(&place(seed), &vector(seed), &matrix(seed));
        let motions: Vec<Motion<f64>> = (0..63).map(motion).collect();
        let splines = Splines::<Portable<f64>>::new((), &lattice(), &AT);
        let mut starts = [u16::MAX; 63];
        splines.starts((), &motions, &mut starts);
        for (motion, start) in motions.iter().zip(starts) {
            let base = Stencil::base_of(&lattice(), &motion.x());
            assert!(fits(&AT, &base));
            assert_eq!(usize::from(start), tile_base(&AT, &base));
        }
    }

    #[test]
    fn a_row_has_no_fourth_node_whatever_is_there() {
        let last = TILE - 3;
        for base in [0, tile_base(&AT, &AT.map(|at| at * BLOCK as i32 + 1)), {
            (last * TILE + last) * TILE + last
        }] {
            let mut nodes = [[f64::NAN; 4]; NODES];
            for row in 0..9 {
                let at = base + (row / 3 * TILE + row % 3) * TILE;
                nodes[at..at + 3].fill([1.0; 4]);
            }
            let rows: Rows<Portable<f64>> = load_rows((), &nodes, base);
            for row in rows {
                let expected = std::array::from_fn(|lane| if lane < 12 { 1.0 } else { 0.0 });
                assert_eq!(store(row), expected);
            }
            let mut sums = EMPTY;
            add_rows((), &mut sums, base, [Portable::splat((), 2.0); 9]);
            for (sum, node) in sums.iter().zip(&nodes) {
                let reached = !node[0].is_nan();
                assert_eq!(*sum, [if reached { 2.0 } else { 0.0 }; 4]);
            }
        }
    }

    #[test]
    fn a_motion_and_its_field_hold_the_same_numbers() {
        let motion = Motion::new(&vector(1), &vector(2), &matrix(3));
        let field = field_of(load_motion::<f64, Portable<f64>>((), &motion));
        let numbers = store(field);
        assert_eq!(numbers[4..7], motion.c().as_slice()[..3]);
        assert_eq!(numbers[12..15], motion.c().as_slice()[6..]);
        assert_eq!(
            numbers[..4],
            [motion.v().x, motion.v().y, motion.v().z, 0.0]
        );
        assert_eq!([numbers[7], numbers[11], numbers[15]], [0.0; 3]);
        let slopes = store(columns::<f64, Portable<f64>>((), &motion.c()));
        assert_eq!((&slopes[..4], &slopes[4..]), (&[0.0; 4][..], &numbers[4..]));
        let mut back = Motion::zero();
        motion_of(field).store(back.lanes_mut());
        // The value takes the place of the position, too.
        assert_eq!(back, Motion::new(&motion.v(), &motion.v(), &motion.c()));
    }

    #[test]
    fn gather_reproduces_linear_fields() {
        for seed in 0..64 {
            let field = affine(seed);
            let nodes = std::array::from_fn(|node| at_arm(&field, &arm(node, &place(seed))));
            let Affine { value, slope } = gather_from(&nodes, &place(seed));
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
            let (field, nodes) = (affine(seed), tile(seed));
            let lifted = lift_nodes(&nodes, &EMPTY);
            let sums = gather_from(&lifted, &lift_vector(&x, &along));
            let mut forward = 0.0;
            for channel in 0..4 {
                forward += sums.value[channel].eps * field.value[channel];
                for axis in 0..3 {
                    forward += sums.slope[axis][channel].eps * field.slope[axis][channel];
                }
            }
            let mut backward = pull(&nodes, &x, &field).dot(&along);
            // Besides the weights, `x_i - x_p` moves.
            let value = gather_from(&nodes, &x).value;
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
            let constant = Affine::new(&vector(seed), &Matrix3::zeros(), noise(seed));
            assert!(pull(&ones, &place(seed), &constant).norm() <= 1e-12);
            let slope = matrix(seed);
            let sloping = Affine::new(&Vector3::zeros(), &slope, 0.0);
            let sloping = pull(&ones, &place(seed), &sloping);
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
