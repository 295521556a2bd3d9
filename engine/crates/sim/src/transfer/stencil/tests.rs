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

/// `sum_i (q_i . field(x_i)) grad w_i`, the sum over both.
fn pull<T: Real>(tiles: [&Tile<T>; 2], x: &Vector3<T>, fields: [&Affine<T>; 2]) -> Vector3<T> {
    let (splines, place, base) = seat(x);
    let rows = tiles.map(|tile| load_rows((), tile, base));
    let fields = fields.map(|field| splines.along_z((), &place, &field.stored()));
    let parts = splines.pull_weights((), rows.each_ref(), &place, fields.each_ref());
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
    let of =
        |axis: usize| f64::from(AT[axis]) * BLOCK as f64 + local[axis] as f64 - f64::from(MARGIN);
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
        let fields = [affine(seed), affine(seed + 64)];
        let nodes = [tile(seed), tile(seed + 64)];
        let (mut forward, mut backward) = (0.0, 0.0);
        for (field, nodes) in fields.iter().zip(&nodes) {
            let lifted = lift_nodes(nodes, &EMPTY);
            let sums = gather_from(&lifted, &lift_vector(&x, &along));
            for channel in 0..4 {
                forward += sums.value[channel].eps * field.value[channel];
                for axis in 0..3 {
                    forward += sums.slope[axis][channel].eps * field.slope[axis][channel];
                }
            }
            // Besides the weights, `x_i - x_p` moves.
            let value = gather_from(nodes, &x).value;
            for axis in 0..3 {
                backward -= dot(&[field.slope[axis]], &[value]) * along[axis];
            }
        }
        backward += pull(nodes.each_ref(), &x, fields.each_ref()).dot(&along);
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
        let pulled = pull([&ones; 2], &place(seed), [&constant; 2]);
        assert!(pulled.norm() <= 1e-12);
        let slope = matrix(seed);
        let sloping = Affine::new(&Vector3::zeros(), &slope, 0.0);
        let sloping = pull([&ones, &EMPTY], &place(seed), [&sloping; 2]);
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
