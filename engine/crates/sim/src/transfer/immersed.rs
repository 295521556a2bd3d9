//! Rigid bodies in a substep: they fall, meet the nodes of the grid, and move.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::grid_update::{GridBar, Scenery};
use crate::{
    contact::PlacedBar,
    grid::{
        Lattice,
        block::{BLOCK, BlockNodes, GridBlock},
    },
    pose::Twist,
    rigid::{
        RigidBar, RigidParameterBar, RigidScratch, RigidState, RigidStepBar, Surroundings,
        coupling::{Coupled, Node, NodeBar, couple, couple_vjp, place_body, velocity_after},
        fall, fall_vjp, step, step_vjp, unstacked,
    },
    world::World,
};

/// What a substep knows of its rigid bodies: scratch, owned by the workspace.
#[derive(Debug, Clone)]
pub struct Immersed<T: Real> {
    /// Whether a body reaches each block of the grid; empty without bodies.
    near: Vec<bool>,
    /// Velocities of the blocks near a body once it has met them, before colliders and walls.
    met: Vec<BlockNodes<T>>,
    /// States at the start of the substep, and after the fall.
    states: [Vec<RigidState<T::Wide>>; 2],
    /// Twists at the start of the substep.
    before: Vec<Twist<T::Wide>>,
    /// Nodes that each body touches.
    nodes: Vec<Vec<Node<T::Wide>>>,
    found: Vec<Coupled<T::Wide>>,
    node_bars: Vec<NodeBar<T::Wide>>,
    before_bars: Vec<Twist<T::Wide>>,
    collider_bars: Vec<PlacedBar<T>>,
    scratch: RigidScratch<T::Wide>,
}

impl<T: Real> Default for Immersed<T> {
    fn default() -> Self {
        Self {
            near: Vec::new(),
            met: Vec::new(),
            states: [Vec::new(), Vec::new()],
            before: Vec::new(),
            nodes: Vec::new(),
            found: Vec::new(),
            node_bars: Vec::new(),
            before_bars: Vec::new(),
            collider_bars: Vec::new(),
            scratch: RigidScratch::default(),
        }
    }
}

fn widen<T: Real>(v: &Vector3<T>) -> Vector3<T::Wide> {
    v.map(Real::widen)
}

/// Centre (m) of a block and the radius of the ball that holds its nodes.
fn ball<T: Real>(lattice: &Lattice<T>, block: &GridBlock) -> (Vector3<T>, T) {
    let half = T::of((BLOCK - 1) as f64 * 0.5) * lattice.dx;
    let centre = lattice.position(block.first_node()) + Vector3::repeat(half);
    (centre, half * T::of(3.0_f64.sqrt()))
}

/// The node of the lattice at an index in a block.
fn place(block: &GridBlock, index: usize) -> [usize; 3] {
    let first = block.first_node();
    [
        first[0] + index / (BLOCK * BLOCK),
        first[1] + index / BLOCK % BLOCK,
        first[2] + index % BLOCK,
    ]
}

fn surroundings<'a, T: Real>(world: &World<T>, scenery: &'a Scenery<'a, T>) -> Surroundings<'a, T> {
    let walls = [world.lattice.min(), world.lattice.max()];
    Surroundings {
        walls: Some(walls.map(|corner| widen(&corner))),
        colliders: scenery,
    }
}

impl<T: Real> Immersed<T> {
    /// Impulse of matter on a body, about its centre of mass, in the last substep (kg m/s,
    /// kg m^2/s); also of a body whose joint takes it.
    pub fn impulse(&self, body: usize) -> Option<Twist<T::Wide>> {
        self.found.get(body).map(|found| unstacked(&found.impulse))
    }

    /// Whether a body reaches a block.
    pub fn is_near(&self, block: usize) -> bool {
        self.near.get(block).copied().unwrap_or(false)
    }

    /// Velocities of a block near a body, once it has met it.
    pub fn met(&self, block: usize) -> Option<&BlockNodes<T>> {
        self.met.get(block).filter(|_| self.is_near(block))
    }

    /// Lets the bodies fall and finds the blocks that they reach.
    pub fn begin(
        &mut self,
        world: &World<T>,
        grid: &[GridBlock],
        states: &mut [RigidState<T::Wide>],
    ) {
        self.near.clear();
        self.found.clear();
        if states.is_empty() {
            return;
        }
        self.before.clear();
        self.before.extend(states.iter().map(|state| state.twist));
        let [start, fallen] = &mut self.states;
        start.clear();
        start.extend_from_slice(states);
        let (gravity, dt) = (widen(&world.gravity), world.clock.dt.widen());
        fall(&world.rigids, states, &gravity, dt);
        fallen.clear();
        fallen.extend_from_slice(states);
        let reaches = |block: &GridBlock| {
            let (centre, radius) = ball(&world.lattice, block);
            world.rigids.iter().zip(&*fallen).any(|(body, state)| {
                place_body(body, state).reaches(&widen(&centre), radius.widen())
            })
        };
        self.near.extend(grid.iter().map(reaches));
        self.nodes.resize_with(world.rigids.len(), Vec::new);
    }

    /// Lets the bodies meet the grid, whose blocks near them have their free velocities, one
    /// after another: changes those velocities and the twists of the bodies.
    pub fn meet(
        &mut self,
        world: &World<T>,
        grid: &[GridBlock],
        momentum: &[BlockNodes<T>],
        velocity: &mut [BlockNodes<T>],
        threshold: T,
        states: &mut [RigidState<T::Wide>],
    ) {
        self.found.clear();
        for (index, (body, state)) in world.rigids.iter().zip(states).enumerate() {
            let placed = place_body(body, state);
            let nodes = &mut self.nodes[index];
            nodes.clear();
            for (at, block) in grid.iter().enumerate().filter(|(at, _)| self.near[*at]) {
                let (centre, radius) = ball(&world.lattice, block);
                if !placed.reaches(&widen(&centre), radius.widen()) {
                    continue;
                }
                for (node, values) in momentum[at].iter().enumerate() {
                    if values[3] <= threshold {
                        continue;
                    }
                    let x = world.lattice.position(place(block, node));
                    let [vx, vy, vz, _] = velocity[at][node];
                    nodes.extend(Node::touched(
                        &placed,
                        [at as u32, node as u32],
                        widen(&x),
                        values[3].widen(),
                        widen(&Vector3::new(vx, vy, vz)),
                    ));
                }
            }
            let before = *state;
            let found = couple(body, state, nodes);
            for node in &*nodes {
                let after = velocity_after(body, &before, node, &found).map(T::narrow);
                let [block, at] = node.place.map(|index| index as usize);
                velocity[block][at] = [after.x, after.y, after.z, T::zero()];
            }
            self.found.push(found);
        }
        self.met.resize(velocity.len(), [[T::zero(); 4]; _]);
        for (at, met) in self.met.iter_mut().enumerate() {
            if self.near[at] {
                *met = velocity[at];
            }
        }
    }

    /// Moves the bodies, which touch colliders, walls and each other on the way.
    pub fn finish(
        &mut self,
        world: &World<T>,
        scenery: &Scenery<'_, T>,
        states: &mut [RigidState<T::Wide>],
    ) {
        let dt = world.clock.dt.widen();
        let (around, scratch) = (surroundings(world, scenery), &mut self.scratch);
        step(&around, &world.rigids, &self.before, states, dt, scratch);
    }

    /// Adjoint of [`Immersed::finish`], which started from `states`.
    pub fn finish_vjp(
        &mut self,
        world: &World<T>,
        scenery: &Scenery<'_, T>,
        states: &[RigidState<T::Wide>],
        bars: &mut [RigidBar<T::Wide>],
        parameters: &mut [RigidParameterBar<T::Wide>],
        rest: &mut GridBar<T>,
    ) {
        self.before_bars.clear();
        self.before_bars.resize(states.len(), Twist::zero());
        self.collider_bars.clear();
        self.collider_bars.resize(scenery.len(), PlacedBar::zero());
        let dt = world.clock.dt.widen();
        step_vjp(
            &surroundings(world, scenery),
            &world.rigids,
            &self.before,
            states,
            dt,
            &mut self.scratch,
            bars,
            &mut RigidStepBar {
                parameters,
                before: &mut self.before_bars,
                colliders: &mut self.collider_bars,
            },
        );
        for (sum, part) in rest.colliders.iter_mut().zip(&self.collider_bars) {
            sum.placed += *part;
        }
    }

    /// Adjoint of [`Immersed::meet`]. `node_bars` hold the cotangents of the velocities after
    /// it, and get those before it; in their last entry is what is added to those of the
    /// masses.
    pub fn meet_vjp(
        &mut self,
        world: &World<T>,
        node_bars: &mut [BlockNodes<T>],
        bars: &mut [RigidBar<T::Wide>],
        parameters: &mut [RigidParameterBar<T::Wide>],
    ) {
        for (index, body) in world.rigids.iter().enumerate().rev() {
            let nodes = &self.nodes[index];
            self.node_bars.clear();
            self.node_bars.extend(nodes.iter().map(|node| {
                let [block, at] = node.place.map(|index| index as usize);
                let [x, y, z, _] = node_bars[block][at];
                NodeBar {
                    velocity: widen(&Vector3::new(x, y, z)),
                    mass: T::Wide::of(0.0),
                }
            }));
            couple_vjp(
                body,
                &self.states[1][index],
                nodes,
                &self.found[index],
                &mut self.node_bars,
                &mut bars[index],
                &mut parameters[index],
            );
            for (node, bar) in nodes.iter().zip(&self.node_bars) {
                let [block, at] = node.place.map(|index| index as usize);
                let v = bar.velocity.map(T::narrow);
                let mass = node_bars[block][at][3] + T::narrow(bar.mass);
                node_bars[block][at] = [v.x, v.y, v.z, mass];
            }
        }
    }

    /// Adjoint of the fall in [`Immersed::begin`].
    pub fn begin_vjp(
        &mut self,
        world: &World<T>,
        bars: &mut [RigidBar<T::Wide>],
        parameters: &mut [RigidParameterBar<T::Wide>],
        rest: &mut GridBar<T>,
    ) {
        let (gravity, dt) = (widen(&world.gravity), world.clock.dt.widen());
        let start = &self.states[0];
        let found = fall_vjp(&world.rigids, start, &gravity, dt, bars, parameters);
        rest.gravity += found.map(T::narrow);
        for (bar, before) in bars.iter_mut().zip(&self.before_bars) {
            bar.twist += *before;
        }
    }
}
