//! Grid update: velocity from momentum, gravity, contact, walls and locked axes.

use arrayvec::ArrayVec;
use backflow_diff::{
    Real,
    lanes::{Lanes, WIDTH},
};
use nalgebra::Vector3;

use crate::{
    contact::{Placed, PlacedBar, Stage, contact, contact_vjp, wall, wall_vjp},
    grid::{
        block::{BLOCK, BlockNodes, GridBlock, Node},
        layout::PADDING,
    },
    world::World,
};

/// Colliders that a scene may have.
pub const MAX_COLLIDERS: usize = 64;

/// Nodes lighter than this share of the lightest particle count as empty (1). Momentum
/// and mass carry the same weights, so that their quotient is exact however small they
/// are: the threshold only keeps `1 / m` finite in single precision.
const NEGLIGIBLE: f64 = 1e-24;

/// The colliders of a substep where they stand.
pub type Scenery<'a, T> = ArrayVec<Placed<'a, T>, MAX_COLLIDERS>;

/// Cotangents of the colliders of a scene: as many as it has.
pub type ColliderBars<T> = ArrayVec<ColliderBar<T>, MAX_COLLIDERS>;

/// Cotangents of what the grid update depends on besides the nodes.
#[derive(Debug, Clone)]
pub struct GridBar<T: Real> {
    /// Of gravity.
    pub gravity: Vector3<T>,
    /// Of the friction of each wall.
    pub walls: [[T; 2]; 3],
    /// Of each collider.
    pub colliders: ColliderBars<T>,
}

/// Cotangents of a collider where it stands.
#[derive(Debug, Clone, Copy)]
pub struct ColliderBar<T: Real> {
    /// Of its placement and motion.
    pub placed: PlacedBar<T>,
    /// Of its friction.
    pub friction: T,
}

impl<T: Real> ColliderBar<T> {
    /// The zero cotangent.
    pub fn zero() -> Self {
        Self {
            placed: PlacedBar::zero(),
            friction: T::zero(),
        }
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.placed += other.placed;
        self.friction += other.friction;
    }
}

/// Zero cotangents of so many colliders.
pub fn no_bars<T: Real>(colliders: usize) -> ColliderBars<T> {
    (0..colliders).map(|_| ColliderBar::zero()).collect()
}

impl<T: Real> GridBar<T> {
    /// The zero cotangent, with so many colliders.
    pub fn zero(colliders: usize) -> Self {
        Self {
            gravity: Vector3::zeros(),
            walls: [[T::zero(); 2]; 3],
            colliders: no_bars(colliders),
        }
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.gravity += other.gravity;
        for axis in 0..3 {
            for side in 0..2 {
                self.walls[axis][side] += other.walls[axis][side];
            }
        }
        for (sum, part) in self.colliders.iter_mut().zip(&other.colliders) {
            sum.add(part);
        }
    }
}

/// One block as the grid update sees it.
pub struct Site<'a, T: Real> {
    world: &'a World<T>,
    scenery: &'a Scenery<'a, T>,
    first: [usize; 3],
    /// Indices of the colliders that may touch the block.
    near: ArrayVec<u8, MAX_COLLIDERS>,
    /// Whether a wall acts on some node.
    walled: bool,
    threshold: T,
}

/// What acts on a node, in order.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Collider(u8),
    Wall(u8, u8),
}

/// At most every collider and one wall an axis act on a node.
pub(super) type Acts<T> = ArrayVec<(Act, Vector3<T>), { MAX_COLLIDERS + 3 }>;

impl<'a, T: Real> Site<'a, T> {
    /// Looks at a block: which colliders and walls are within its reach.
    pub fn new(
        world: &'a World<T>,
        scenery: &'a Scenery<'a, T>,
        block: &GridBlock,
        threshold: T,
    ) -> Self {
        let first = block.first_node();
        let half = T::of((BLOCK - 1) as f64 * 0.5) * world.lattice.dx;
        let centre = world.lattice.position(first) + Vector3::repeat(half);
        let radius = half * T::of(3.0_f64.sqrt());
        let near = (0..scenery.len() as u8)
            .filter(|&index| {
                let placed = &scenery[usize::from(index)];
                placed.collider.stage != Stage::Particles && placed.reaches(&centre, radius)
            })
            .collect();
        let walled = (0..3).any(|axis| {
            first[axis] <= PADDING || first[axis] + BLOCK > world.lattice.nodes[axis] - 1 - PADDING
        });
        Self {
            world,
            scenery,
            first,
            near,
            walled,
            threshold,
        }
    }

    /// Whether nothing constrains the nodes of the block.
    fn is_free(&self) -> bool {
        self.near.is_empty() && !self.walled && self.world.locked == [false; 3]
    }

    /// Whether a collider or a wall may act on its nodes.
    pub(super) fn touched(&self) -> bool {
        !self.near.is_empty() || self.walled
    }

    /// Mass (kg) up to which a node counts as empty.
    pub(super) fn threshold(&self) -> T {
        self.threshold
    }

    /// What gravity adds to a velocity in a substep (m/s).
    pub(super) fn push(&self) -> Vector3<T> {
        self.world.gravity * self.world.clock.dt
    }

    /// Adds the cotangent of gravity of [`Site::push`].
    pub(super) fn push_vjp(&self, push_bar: &Vector3<T>, rest: &mut GridBar<T>) {
        rest.gravity += push_bar * self.world.clock.dt;
    }

    /// Where a node of the block is (m).
    pub(super) fn position(&self, index: usize) -> Vector3<T> {
        self.world.lattice.position(self.node(index))
    }

    #[inline(always)]
    fn node(&self, index: usize) -> [usize; 3] {
        [
            self.first[0] + index / (BLOCK * BLOCK),
            self.first[1] + index / BLOCK % BLOCK,
            self.first[2] + index % BLOCK,
        ]
    }

    /// Applies `act` to a velocity.
    pub(super) fn apply(&self, act: Act, position: &Vector3<T>, v: &Vector3<T>) -> Vector3<T> {
        match act {
            Act::Collider(index) => {
                contact(&self.scenery[usize::from(index)], position, v).unwrap_or(*v)
            }
            Act::Wall(axis, side) => {
                let wall_here = &self.world.walls[usize::from(axis)][usize::from(side)];
                wall(
                    wall_here.law,
                    wall_here.friction,
                    axis.into(),
                    side.into(),
                    v,
                )
            }
        }
    }

    /// Velocity of a node after all that acts on it; `record` learns each act with the
    /// velocity before it.
    #[inline(always)]
    pub(super) fn constrain(
        &self,
        index: usize,
        free: Vector3<T>,
        mut record: impl FnMut(Act, &Vector3<T>),
    ) -> Vector3<T> {
        let mut v = free;
        if !self.near.is_empty() || self.walled {
            let node = self.node(index);
            let position = self.world.lattice.position(node);
            for &collider in &self.near {
                let act = Act::Collider(collider);
                record(act, &v);
                v = self.apply(act, &position, &v);
            }
            for axis in 0..3 {
                let last = self.world.lattice.nodes[axis] - 1 - PADDING;
                let side = if node[axis] <= PADDING {
                    0
                } else if node[axis] >= last {
                    1
                } else {
                    continue;
                };
                let on_it = node[axis] == PADDING || node[axis] == last;
                if self.world.walls[axis][usize::from(side)].mirror && !on_it {
                    continue;
                }
                let act = Act::Wall(axis as u8, side);
                record(act, &v);
                v = self.apply(act, &position, &v);
            }
        }
        for axis in 0..3 {
            if self.world.locked[axis] {
                v[axis] = T::zero();
            }
        }
        v
    }
}

/// Mass (kg) below which a node counts as empty.
pub fn mass_threshold<T: Real>(world: &World<T>) -> T {
    let liquids = world.liquids.iter().map(|body| body.density * body.volume);
    let solids = world.solids.iter().map(|body| body.density * body.volume);
    let least = liquids
        .chain(solids)
        .map(Real::to_f64)
        .fold(f64::INFINITY, f64::min);
    T::of(if least.is_finite() {
        least * NEGLIGIBLE
    } else {
        0.0
    })
}

/// `v_i = p_i / m_i + dt g`; empty nodes have no velocity.
#[inline(always)]
pub fn free_velocity<T: Real, L: Lanes<T>>(
    isa: L::Isa,
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    velocity: &mut BlockNodes<T>,
) {
    let push = site.world.gravity * site.world.clock.dt;
    let components = [T::one(), T::one(), T::one(), T::zero()];
    let components = L::load(isa, &std::array::from_fn(|lane| components[lane % 4]));
    let push = [push.x, push.y, push.z, T::zero()];
    let push = L::load(isa, &std::array::from_fn(|lane| push[lane % 4]));
    let (one, threshold) = (L::splat(isa, T::one()), L::splat(isa, site.threshold));
    let (rows, _) = momentum.as_flattened().as_chunks::<WIDTH>();
    let (free_rows, _) = velocity.as_flattened_mut().as_chunks_mut::<WIDTH>();
    for (row, free) in rows.iter().zip(free_rows) {
        let momentum = L::load(isa, row);
        let mass = momentum.lane::<3>();
        momentum
            .mul(components)
            .mul_add(one.div(mass), push)
            .unless_at_most(mass, threshold)
            .store(free);
    }
}

/// Contact with each collider, the walls, the locked axes, in place.
#[inline(always)]
pub fn constrain<T: Real>(
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    velocity: &mut BlockNodes<T>,
) {
    if site.is_free() {
        return;
    }
    for (index, (node, out)) in momentum.iter().zip(velocity).enumerate() {
        if node[3] <= site.threshold {
            continue;
        }
        let v = site.constrain(index, Vector3::new(out[0], out[1], out[2]), |_, _| {});
        *out = [v.x, v.y, v.z, T::zero()];
    }
}

/// [`free_velocity`], then [`constrain`].
#[inline(always)]
pub fn grid_update<T: Real, L: Lanes<T>>(
    isa: L::Isa,
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    velocity: &mut BlockNodes<T>,
) {
    free_velocity::<T, L>(isa, site, momentum, velocity);
    constrain(site, momentum, velocity);
}

/// Cotangents of momentum and mass of a node from that of its free velocity.
fn free_node_vjp<T: Real>(
    site: &Site<'_, T>,
    [x, y, z, mass]: &Node<T>,
    v_bar: &Vector3<T>,
    rest: &mut GridBar<T>,
) -> Node<T> {
    let inverse = T::one() / *mass;
    rest.gravity += v_bar * site.world.clock.dt;
    let momentum_bar = v_bar * inverse;
    [
        momentum_bar.x,
        momentum_bar.y,
        momentum_bar.z,
        -momentum_bar.dot(&(Vector3::new(*x, *y, *z) * inverse)),
    ]
}

/// Cotangent of the velocity `before` the constraints of a node.
fn constrain_node_vjp<T: Real>(
    site: &Site<'_, T>,
    index: usize,
    before: Vector3<T>,
    bar: &Node<T>,
    rest: &mut GridBar<T>,
) -> Vector3<T> {
    let mut acts: Acts<T> = ArrayVec::new();
    site.constrain(index, before, |act, before| acts.push((act, *before)));
    let mut v_bar = Vector3::new(bar[0], bar[1], bar[2]);
    for axis in 0..3 {
        if site.world.locked[axis] {
            v_bar[axis] = T::zero();
        }
    }
    let position = site.world.lattice.position(site.node(index));
    for (act, before) in acts.iter().rev() {
        v_bar = act_vjp(site, *act, &position, before, &v_bar, rest);
    }
    v_bar
}

/// Cotangents of momentum and mass, in place of those of the velocity with what is to be added
/// to that of the mass in the last entry, and of all else that [`grid_update`] depends on.
pub fn grid_update_vjp<T: Real>(
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    bars: &mut BlockNodes<T>,
    rest: &mut GridBar<T>,
) {
    let push = site.world.gravity * site.world.clock.dt;
    for (index, (node, bar)) in momentum.iter().zip(bars).enumerate() {
        let [x, y, z, mass] = *node;
        if mass <= site.threshold {
            *bar = [T::zero(); 4];
            continue;
        }
        let free = Vector3::new(x, y, z) * (T::one() / mass) + push;
        let v_bar = constrain_node_vjp(site, index, free, bar, rest);
        let mut found = free_node_vjp(site, node, &v_bar, rest);
        found[3] += bar[3];
        *bar = found;
    }
}

/// Cotangents of the velocities `before` [`constrain`], in place of those after it, and of all
/// else that it depends on; the last entries stay.
pub fn constrain_vjp<T: Real>(
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    before: &BlockNodes<T>,
    bars: &mut BlockNodes<T>,
    rest: &mut GridBar<T>,
) {
    for (index, ((node, before), bar)) in momentum.iter().zip(before).zip(bars).enumerate() {
        if node[3] <= site.threshold {
            *bar = [T::zero(); 4];
            continue;
        }
        let before = Vector3::new(before[0], before[1], before[2]);
        let v_bar = constrain_node_vjp(site, index, before, bar, rest);
        *bar = [v_bar.x, v_bar.y, v_bar.z, bar[3]];
    }
}

/// Cotangents of momentum and mass, in place of those of the free velocities with what is to be
/// added to those of the masses in the last entry.
pub fn free_velocity_vjp<T: Real>(
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    bars: &mut BlockNodes<T>,
    rest: &mut GridBar<T>,
) {
    for (node, bar) in momentum.iter().zip(bars) {
        if node[3] <= site.threshold {
            *bar = [T::zero(); 4];
            continue;
        }
        let mut found = free_node_vjp(site, node, &Vector3::new(bar[0], bar[1], bar[2]), rest);
        found[3] += bar[3];
        *bar = found;
    }
}

/// Cotangent of the velocity before one act.
pub(super) fn act_vjp<T: Real>(
    site: &Site<'_, T>,
    act: Act,
    position: &Vector3<T>,
    before: &Vector3<T>,
    v_bar: &Vector3<T>,
    rest: &mut GridBar<T>,
) -> Vector3<T> {
    match act {
        Act::Collider(index) => {
            let index = usize::from(index);
            let bar = contact_vjp(&site.scenery[index], position, before, v_bar);
            let sum = &mut rest.colliders[index];
            sum.placed += bar.placed;
            sum.friction += bar.friction;
            bar.velocity
        }
        Act::Wall(axis, side) => {
            let (axis, side) = (usize::from(axis), usize::from(side));
            let wall_here = &site.world.walls[axis][side];
            let (v_bar, friction_bar) =
                wall_vjp(wall_here.law, wall_here.friction, axis, side, before, v_bar);
            rest.walls[axis][side] += friction_bar;
            v_bar
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
