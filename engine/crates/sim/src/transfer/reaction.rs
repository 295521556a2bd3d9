//! Reaction: the momentum that matter gives to walls and colliders in a substep.

use arrayvec::ArrayVec;
use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    grid_update::{Act, Acts, GridBar, MAX_COLLIDERS, Scenery, Site, act_vjp, mass_threshold},
    mirror::mirror_reactions,
    substep::GRAIN,
    workspace::Workspace,
};
use crate::{
    grid::block::{BlockNodes, GridBlock},
    particle::Order,
    world::World,
};

/// An impulse, or the force that it is the time integral of, and its moment about a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wrench<W: Real> {
    /// Impulse (N s), or force (N).
    pub force: Vector3<W>,
    /// Moment of the impulse (N m s), or torque (N m).
    pub torque: Vector3<W>,
}

/// What matter gives to each wall and each collider.
#[derive(Debug, Clone, PartialEq)]
pub struct Impulses<W: Real> {
    /// To the walls, `[axis][0: lower, 1: upper]`.
    pub walls: [[Wrench<W>; 2]; 3],
    /// To the colliders.
    pub colliders: ArrayVec<Wrench<W>, MAX_COLLIDERS>,
}

impl<W: Real> Wrench<W> {
    /// No force and no torque.
    pub fn zero() -> Self {
        Self {
            force: Vector3::zeros(),
            torque: Vector3::zeros(),
        }
    }

    /// Adds another about the same point.
    pub fn add(&mut self, other: &Self) {
        self.force += other.force;
        self.torque += other.torque;
    }

    /// Times a factor.
    #[must_use]
    pub fn scaled(&self, factor: W) -> Self {
        Self {
            force: self.force * factor,
            torque: self.torque * factor,
        }
    }

    /// About the point `o`, from one about the origin: `tau_o = tau - o x f`.
    #[must_use]
    pub fn about(&self, point: &Vector3<W>) -> Self {
        Self {
            force: self.force,
            torque: self.torque - point.cross(&self.force),
        }
    }

    /// Cotangents of the wrench about the origin and of the point of [`Wrench::about`]:
    /// `f_bar = f_o_bar + o x tau_bar`, `o_bar = tau_bar x f`.
    pub fn about_vjp(&self, point: &Vector3<W>, bar: &Self) -> (Self, Vector3<W>) {
        let wrench_bar = Self {
            force: bar.force + point.cross(&bar.torque),
            torque: bar.torque,
        };
        (wrench_bar, bar.torque.cross(&self.force))
    }

    /// In another scalar.
    pub fn map<U: Real>(&self, scalar: impl Fn(W) -> U) -> Wrench<U> {
        Wrench {
            force: self.force.map(&scalar),
            torque: self.torque.map(&scalar),
        }
    }
}

impl<W: Real> Impulses<W> {
    /// None, to walls and so many colliders.
    pub fn zero(colliders: usize) -> Self {
        Self {
            walls: [[Wrench::zero(); 2]; 3],
            colliders: (0..colliders).map(|_| Wrench::zero()).collect(),
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let walls = self.walls.as_flattened_mut().iter_mut();
        walls
            .zip(other.walls.as_flattened())
            .for_each(|(sum, part)| sum.add(part));
        let colliders = self.colliders.iter_mut().zip(&other.colliders);
        colliders.for_each(|(sum, part)| sum.add(part));
    }

    fn of_mut(&mut self, act: Act) -> &mut Wrench<W> {
        match act {
            Act::Collider(index) => &mut self.colliders[usize::from(index)],
            Act::Wall(axis, side) => &mut self.walls[usize::from(axis)][usize::from(side)],
        }
    }

    fn of(&self, act: Act) -> &Wrench<W> {
        match act {
            Act::Collider(index) => &self.colliders[usize::from(index)],
            Act::Wall(axis, side) => &self.walls[usize::from(axis)][usize::from(side)],
        }
    }
}

/// All that acts on a node with mass, in order, with the velocity before it; `free` is that of
/// the node before gravity, `met` that after rigid bodies have met the block.
fn acts_on<T: Real>(
    site: &Site<'_, T>,
    index: usize,
    free: &Vector3<T>,
    met: Option<&BlockNodes<T>>,
) -> Acts<T> {
    let mut acts = ArrayVec::new();
    let before = met.map_or_else(
        || *free + site.push(),
        |met| {
            let [x, y, z, _] = met[index];
            Vector3::new(x, y, z)
        },
    );
    site.constrain(index, before, |act, before| {
        acts.push((act, *before));
    });
    acts
}

/// Adds what the nodes of a block give to what acts on them: an act that changes the
/// velocity of a node of mass `m` at `x` from `v` to `v'` takes the impulse `j = m (v - v')`
/// and its moment about the origin, `x x j`. `met` are the velocities that rigid bodies have
/// left to the block, if any has met it.
pub fn reaction<T: Real>(
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    met: Option<&BlockNodes<T>>,
    sum: &mut Impulses<T::Wide>,
) {
    if !site.touched() {
        return;
    }
    for (index, node) in momentum.iter().enumerate() {
        let [x, y, z, mass] = *node;
        if mass <= site.threshold() {
            continue;
        }
        let position = site.position(index);
        let acts = acts_on(site, index, &(Vector3::new(x, y, z) / mass), met);
        for (act, before) in acts {
            let after = site.apply(act, &position, &before);
            let force = ((before - after) * mass).map(Real::widen);
            let torque = position.map(Real::widen).cross(&force);
            sum.of_mut(act).add(&Wrench { force, torque });
        }
    }
}

/// Adds the cotangents of momentum and mass to those in `node_bars`, and of all else that
/// [`reaction`] depends on to `rest`. With `j_bar` that of an impulse and `tau_bar` of its
/// moment, `i = j_bar + tau_bar x x`: `v_bar = m i`, `v'_bar = -m i`, `m_bar = i . (v - v')`.
/// Where rigid bodies have met the block, the cotangents are those of the velocities `met` in
/// place of the momenta.
pub fn reaction_vjp<T: Real>(
    site: &Site<'_, T>,
    momentum: &BlockNodes<T>,
    met: Option<&BlockNodes<T>>,
    bars: &Impulses<T>,
    node_bars: &mut BlockNodes<T>,
    rest: &mut GridBar<T>,
) {
    if !site.touched() {
        return;
    }
    for (index, (node, node_bar)) in momentum.iter().zip(node_bars).enumerate() {
        let [x, y, z, mass] = *node;
        if mass <= site.threshold() {
            continue;
        }
        let position = site.position(index);
        let free = Vector3::new(x, y, z) / mass;
        let (mut v_bar, mut mass_bar) = (Vector3::zeros(), T::zero());
        for (act, before) in acts_on(site, index, &free, met).iter().rev() {
            let after = site.apply(*act, &position, before);
            let bar = bars.of(*act);
            let impulse_bar = bar.force + bar.torque.cross(&position);
            mass_bar += impulse_bar.dot(&(before - after));
            let after_bar = v_bar - impulse_bar * mass;
            v_bar = act_vjp(site, *act, &position, before, &after_bar, rest) + impulse_bar * mass;
        }
        if met.is_some() {
            for axis in 0..3 {
                node_bar[axis] += v_bar[axis];
            }
            node_bar[3] += mass_bar;
            continue;
        }
        site.push_vjp(&v_bar, rest);
        let momentum_bar = v_bar / mass;
        for axis in 0..3 {
            node_bar[axis] += momentum_bar[axis];
        }
        node_bar[3] += mass_bar - momentum_bar.dot(&free);
    }
}

/// What matter gave to walls and colliders in the substep whose grid `workspace` holds, in
/// the wide scalar, summed in an order that depends on the number of blocks alone.
pub fn reactions<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    workspace: &Workspace<T>,
) -> Impulses<T::Wide> {
    let (threshold, colliders) = (mass_threshold(world), scenery.len());
    let mut sum = halves(
        0,
        &order.grid,
        workspace.grid(),
        colliders,
        &|at, block, momentum, sum| {
            let site = Site::new(world, scenery, block, threshold);
            reaction(&site, momentum, workspace.immersed.met(at), sum);
        },
    );
    let Workspace {
        momentum,
        velocity,
        unmirrored,
        ..
    } = workspace;
    mirror_reactions(world, order, momentum, velocity, unmirrored, &mut sum);
    sum
}

fn halves<T: Real>(
    first: usize,
    blocks: &[GridBlock],
    momentum: &[BlockNodes<T>],
    colliders: usize,
    each: &(impl Fn(usize, &GridBlock, &BlockNodes<T>, &mut Impulses<T::Wide>) + Sync),
) -> Impulses<T::Wide> {
    if blocks.len() > GRAIN {
        let at = blocks.len() / 2;
        let (mut sum, part) = rayon::join(
            || halves(first, &blocks[..at], &momentum[..at], colliders, each),
            || halves(first + at, &blocks[at..], &momentum[at..], colliders, each),
        );
        sum.add(&part);
        return sum;
    }
    let mut sum = Impulses::zero(colliders);
    for (at, (block, momentum)) in blocks.iter().zip(momentum).enumerate() {
        each(first + at, block, momentum, &mut sum);
    }
    sum
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{
        super::{
            grid_update::tests::{LAWS, momentum, world},
            testing::*,
        },
        *,
    };
    use crate::{contact::place, grid::block::NONE, world::World};

    /// What the nodes of a block give.
    fn given<T: Real>(world: &World<T>, at: [i32; 3], nodes: &BlockNodes<T>) -> Impulses<T::Wide> {
        let colliders = world.colliders.iter();
        let scenery: Scenery<'_, T> = colliders.map(|collider| place(collider, None)).collect();
        let block = GridBlock {
            at,
            tiles: [NONE; 27],
        };
        let mut sum = Impulses::zero(scenery.len());
        let site = Site::new(world, &scenery, &block, mass_threshold(world));
        reaction(&site, nodes, None, &mut sum);
        sum
    }

    fn weights() -> Impulses<f64> {
        let wrench = |seed| Wrench {
            force: vector(seed),
            torque: vector(seed + 1),
        };
        Impulses {
            walls: [10, 20, 30].map(|seed| [wrench(seed), wrench(seed + 4)]),
            colliders: [wrench(40)].into_iter().collect(),
        }
    }

    fn pairing(found: &Impulses<Dual64>, weights: &Impulses<f64>) -> f64 {
        let walls = found.walls.as_flattened().iter().chain(&found.colliders);
        let others = weights
            .walls
            .as_flattened()
            .iter()
            .chain(&weights.colliders);
        let pairs = walls.zip(others);
        let eps = |v: &Vector3<Dual64>| v.map(|entry| entry.eps);
        pairs
            .map(|(a, b)| eps(&a.force).dot(&b.force) + eps(&a.torque).dot(&b.torque))
            .sum()
    }

    #[test]
    fn vjp_is_the_transpose_for_every_law() {
        for law in LAWS {
            for at in [[0; 3], [0, 1, 0], [2, 0, 2]] {
                let world = world(law, false);
                let colliders = world.colliders.iter();
                let scenery: Scenery<'_, f64> =
                    colliders.map(|collider| place(collider, None)).collect();
                let block = GridBlock {
                    at,
                    tiles: [NONE; 27],
                };
                let site = Site::new(&world, &scenery, &block, mass_threshold(&world));
                let (nodes, weights) = (momentum(), weights());
                let mut bars = [[0.0; 4]; _];
                let mut rest = GridBar::zero(scenery.len());
                reaction_vjp(&site, &nodes, None, &weights, &mut bars, &mut rest);

                let direction: BlockNodes<f64> = std::array::from_fn(|node| {
                    std::array::from_fn(|at| noise(900 + 4 * node + at))
                });
                let dual = world.cast::<Dual64>();
                let near = |forward: f64, backward: f64, what: &str| {
                    let error = (forward - backward).abs();
                    // Terms are of size 1 and there are some hundred.
                    assert!(
                        error <= 1e-11 * (1.0 + forward.abs()),
                        "{law:?} {at:?} {what}"
                    );
                };
                let moved = lift_nodes(&nodes, &direction);
                let forward = pairing(&given(&dual, at, &moved), &weights);
                assert!(forward != 0.0);
                near(forward, dot(&direction, &bars), "nodes");
                let still = lift_nodes(&nodes, &[[0.0; 4]; _]);
                let mut pulled = dual.clone();
                pulled.gravity = lift_vector(&world.gravity, &vector(3));
                let forward = pairing(&given(&pulled, at, &still), &weights);
                near(forward, rest.gravity.dot(&vector(3)), "gravity");
                let mut rough = dual.clone();
                rough.colliders[0].friction.eps = 1.0;
                let forward = pairing(&given(&rough, at, &still), &weights);
                near(forward, rest.colliders[0].friction, "friction of the ball");
                let mut shifted = dual.clone();
                shifted.colliders[0].pose.position =
                    lift_vector(&world.colliders[0].pose.position, &vector(7));
                let forward = pairing(&given(&shifted, at, &still), &weights);
                let backward = rest.colliders[0].placed.pose.position.dot(&vector(7));
                near(forward, backward, "place of the ball");
            }
        }
    }

    #[test]
    fn about_vjp_is_the_transpose() {
        let wrench = weights().walls[0][0];
        let (point, bar) = (vector(50), weights().walls[1][0]);
        let (of_wrench, of_point) = wrench.about_vjp(&point, &bar);
        let push = weights().walls[2][1];
        let lifted = Wrench {
            force: lift_vector(&wrench.force, &push.force),
            torque: lift_vector(&wrench.torque, &push.torque),
        };
        let moved = lifted.about(&lift_vector(&point, &vector(60)));
        let eps = |v: &Vector3<Dual64>| v.map(|entry| entry.eps);
        let forward = eps(&moved.force).dot(&bar.force) + eps(&moved.torque).dot(&bar.torque);
        let backward = of_wrench.force.dot(&push.force)
            + of_wrench.torque.dot(&push.torque)
            + of_point.dot(&vector(60));
        assert!((forward - backward).abs() < 1e-14);
    }
}
