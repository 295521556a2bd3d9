//! Contact of particles: what the grid is too coarse for, after it has moved them.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    g2p::Moved,
    grid_update::{ColliderBar, ColliderBars, MAX_COLLIDERS, Scenery, no_bars},
    hold::hold,
    reaction::{Impulses, Wrench},
};
use crate::{
    contact::{Placed, Stage, contact, contact_vjp},
    grid::{
        Stencil,
        block::{BLOCK, MARGIN, fits},
    },
    particle::{
        Order, Particles,
        order::ParticleBlock,
        split::{ParticlesMut, for_each_block},
    },
    world::World,
};

/// What became of the particles.
#[derive(Debug, Clone)]
pub struct Pressed<W: Real> {
    /// Whether they have to be sorted, and how many were held in the domain.
    pub moved: Moved,
    /// What the colliders took.
    pub impulses: Impulses<W>,
}

/// Cotangents of what [`press`] depends on besides the particles.
#[derive(Debug, Clone)]
pub struct PressBar<T: Real> {
    /// Of each collider.
    pub colliders: ColliderBars<T>,
    /// Of the mass of a particle of each body, liquids first; empty where no impulse counts.
    pub masses: Vec<T>,
}

impl<W: Real> Pressed<W> {
    fn merge(mut self, other: Self) -> Self {
        self.moved = self.moved.merge(other.moved);
        self.impulses.add(&other.impulses);
        self
    }
}

impl<T: Real> PressBar<T> {
    fn merge(mut self, other: Self) -> Self {
        for (sum, part) in self.colliders.iter_mut().zip(&other.colliders) {
            sum.add(part);
        }
        for (sum, part) in self.masses.iter_mut().zip(&other.masses) {
            *sum += *part;
        }
        self
    }
}

/// Whether a collider acts on particles.
fn acts<T: Real>(placed: &Placed<'_, T>) -> bool {
    placed.collider.stage != Stage::Grid
}

/// Whether any collider acts on particles.
pub fn presses<T: Real>(world: &World<T>) -> bool {
    let mut colliders = world.colliders.iter();
    colliders.any(|collider| collider.stage != Stage::Grid)
}

/// Where a collider leaves a particle at `x` with velocity `v`, and how fast; `None` where it
/// is beyond reach.
///
/// With `v' = contact(x, v)`: at [`Stage::Particles`] and [`Stage::Both`] the particle goes
/// where `v'` would have taken it, `x' = x + dt (v' - v)`. At [`Stage::Shell`] it acts inside
/// alone, `d < 0`, and puts the particle on the surface: `x' = x - d n`.
fn strike<T: Real>(
    placed: &Placed<'_, T>,
    dt: T,
    x: &Vector3<T>,
    v: &Vector3<T>,
) -> Option<(Vector3<T>, Vector3<T>)> {
    if placed.collider.stage == Stage::Shell {
        let probe = placed.probe(x);
        if probe.distance >= T::zero() {
            return None;
        }
        return Some((x - probe.normal * probe.distance, contact(placed, x, v)?));
    }
    let after = contact(placed, x, v)?;
    Some((x + (after - v) * dt, after))
}

/// Cotangents of position, velocity, placement and friction of [`strike`], where it acts. A
/// surface that moves by `delta` is the same as a point that moves by `-delta`.
fn strike_vjp<T: Real>(
    placed: &Placed<'_, T>,
    dt: T,
    x: &Vector3<T>,
    v: &Vector3<T>,
    x_bar: &Vector3<T>,
    v_bar: &Vector3<T>,
) -> (Vector3<T>, Vector3<T>, ColliderBar<T>) {
    let shell = placed.collider.stage == Stage::Shell;
    let after_bar = if shell { *v_bar } else { v_bar + x_bar * dt };
    let of = contact_vjp(placed, x, v, &after_bar);
    let (mut placed_bar, mut velocity_bar) = (of.placed, of.velocity);
    if shell {
        let probe = placed.probe(x);
        let distance_bar = -probe.normal.dot(x_bar);
        let normal_bar = -x_bar * probe.distance;
        placed_bar.pose += placed.probe_vjp(x, distance_bar, &probe.normal, &normal_bar);
    } else {
        velocity_bar -= x_bar * dt;
    }
    let point_bar = x_bar - placed_bar.pose.position - placed_bar.origin;
    let bar = ColliderBar {
        placed: placed_bar,
        friction: of.friction,
    };
    (point_bar, velocity_bar, bar)
}

/// The colliders that may touch the particles of a block.
fn near<'a, T: Real>(
    world: &World<T>,
    scenery: &'a Scenery<'_, T>,
    block: &ParticleBlock,
) -> impl Iterator<Item = (usize, &'a Placed<'a, T>)> {
    // Particles are within the margin of the block; a stencil starts half a cell below.
    let middle = |axis: usize| f64::from(block.at[axis] * BLOCK as i32) + 0.5 * BLOCK as f64 + 0.5;
    let offset = Vector3::from_fn(|axis, _| T::of(middle(axis)));
    let centre = world.lattice.origin + offset * world.lattice.dx;
    let half = 0.5 * BLOCK as f64 + f64::from(MARGIN) + 0.5;
    let radius = world.lattice.dx * T::of(half * 3.0_f64.sqrt());
    let colliders = scenery.iter().enumerate();
    colliders.filter(move |(_, placed)| acts(placed) && placed.reaches(&centre, radius))
}

/// Mass of a particle of each liquid and of each solid body.
fn masses<T: Real>(world: &World<T>) -> [Vec<T>; 2] {
    let liquids = world.liquids.iter().map(|body| body.density * body.volume);
    let solids = world.solids.iter().map(|body| body.density * body.volume);
    [liquids.collect(), solids.collect()]
}

/// Lets the colliders that act on particles act, one after the other, where they stand at the
/// end of a substep. What a particle of mass `m` at `x` gives to one is
/// `j = m (v - v')`, with the moment `x x j` about the origin. Momentum is accounted for to
/// round-off, its moment to first order in `dt`, because particles are moved, too.
pub fn press<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &mut Particles<T>,
) -> Pressed<T::Wide> {
    let (lattice, dt, [liquids, solids]) = (&world.lattice, world.clock.dt, masses(world));
    let work = |block: &ParticleBlock, view: ParticlesMut<'_, T>| {
        let mut pressed = Pressed {
            moved: Moved::default(),
            impulses: Impulses::zero(scenery.len()),
        };
        let colliders: arrayvec::ArrayVec<_, MAX_COLLIDERS> = near(world, scenery, block).collect();
        if colliders.is_empty() {
            return pressed;
        }
        let owners = [
            &order.liquid.bodies[block.liquid.clone()],
            &order.solid.bodies[block.solid.clone()],
        ];
        let kinds = [
            (view.liquid.motion, owners[0], &liquids),
            (view.solid.motion, owners[1], &solids),
        ];
        for (motion, owners, masses) in kinds {
            for (motion, &owner) in motion.iter_mut().zip(owners) {
                let (mut x, mut v, mut struck) = (motion.x(), motion.v(), false);
                for (index, placed) in &colliders {
                    let Some((after_x, after_v)) = strike(placed, dt, &x, &v) else {
                        continue;
                    };
                    let mass = masses[usize::from(owner)];
                    let force = ((v - after_v) * mass).map(Real::widen);
                    let torque = x.map(Real::widen).cross(&force);
                    pressed.impulses.colliders[*index].add(&Wrench { force, torque });
                    (x, v, struck) = (after_x, after_v, true);
                }
                if struck {
                    let (inside, held) = hold(lattice, &x);
                    motion.set_x(&inside);
                    motion.set_v(&v);
                    let finite = inside.iter().all(|x| x.is_finite());
                    pressed.moved.stale |=
                        !finite || !fits(&block.at, &Stencil::base_of(lattice, &inside));
                    pressed.moved.held += usize::from(held.contains(&true));
                }
            }
        }
        pressed
    };
    let view = ParticlesMut::of(particles);
    let merged = for_each_block(&order.blocks, view, &work, &Pressed::merge);
    merged.unwrap_or_else(|| Pressed {
        moved: Moved::default(),
        impulses: Impulses::zero(scenery.len()),
    })
}

/// Pulls `bars`, the cotangents of the particles after [`press`], back to those before it,
/// which are `particles`. `impulses` are the cotangents of what the colliders took, if that
/// counts. A coordinate that was held in the domain passes nothing on.
pub fn press_vjp<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &Particles<T>,
    bars: &mut Particles<T>,
    impulses: Option<&Impulses<T>>,
) -> PressBar<T> {
    let (lattice, dt, [liquids, solids]) = (&world.lattice, world.clock.dt, masses(world));
    let bodies = if impulses.is_some() {
        liquids.len() + solids.len()
    } else {
        0
    };
    let nothing = || PressBar {
        colliders: no_bars(scenery.len()),
        masses: vec![T::zero(); bodies],
    };
    let work = |block: &ParticleBlock, view: ParticlesMut<'_, T>| {
        let mut sum = nothing();
        let colliders: arrayvec::ArrayVec<_, MAX_COLLIDERS> = near(world, scenery, block).collect();
        if colliders.is_empty() {
            return sum;
        }
        let kinds = [
            (
                view.liquid.motion,
                &particles.liquid.motion[block.liquid.clone()],
                &order.liquid.bodies[block.liquid.clone()],
                &liquids,
                0,
            ),
            (
                view.solid.motion,
                &particles.solid.motion[block.solid.clone()],
                &order.solid.bodies[block.solid.clone()],
                &solids,
                liquids.len(),
            ),
        ];
        for (bars, motion, owners, masses, first) in kinds {
            for ((bar, motion), &owner) in bars.iter_mut().zip(motion).zip(owners) {
                let (mut x, mut v) = (motion.x(), motion.v());
                let mut strikes: arrayvec::ArrayVec<_, MAX_COLLIDERS> = arrayvec::ArrayVec::new();
                for (index, placed) in &colliders {
                    if let Some((after_x, after_v)) = strike(placed, dt, &x, &v) {
                        strikes.push((*index, *placed, x, v, after_v));
                        (x, v) = (after_x, after_v);
                    }
                }
                if strikes.is_empty() {
                    continue;
                }
                let (mut x_bar, mut v_bar) = (bar.x(), bar.v());
                for (bar, held) in x_bar.iter_mut().zip(hold(lattice, &x).1) {
                    if held {
                        *bar = T::zero();
                    }
                }
                for (index, placed, x, v, after) in strikes.into_iter().rev() {
                    let mass = masses[usize::from(owner)];
                    let (mut given_bar, mut arm_bar) = (Vector3::zeros(), Vector3::zeros());
                    if let Some(bars) = impulses {
                        let Wrench { force, torque } = bars.colliders[index];
                        given_bar = force + torque.cross(&x);
                        arm_bar = ((v - after) * mass).cross(&torque);
                        sum.masses[first + usize::from(owner)] += given_bar.dot(&(v - after));
                    }
                    let after_bar = v_bar - given_bar * mass;
                    let (point, velocity, of) = strike_vjp(placed, dt, &x, &v, &x_bar, &after_bar);
                    sum.colliders[index].placed += of.placed;
                    sum.colliders[index].friction += of.friction;
                    (x_bar, v_bar) = (point + arm_bar, velocity + given_bar * mass);
                }
                bar.set_x(&x_bar);
                bar.set_v(&v_bar);
            }
        }
        sum
    };
    let view = ParticlesMut::of(bars);
    let merged = for_each_block(&order.blocks, view, &work, &PressBar::merge);
    merged.unwrap_or_else(nothing)
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::testing::{dual, noise, tangent},
        contact::{
            place,
            tests::{LAWS, collider, dual_collider, shapes, tool},
        },
        pose::{
            PoseBar, Twist,
            tests::{dot, dot_twist, dual_pose, dual_twist, sample},
        },
    };

    const DT: f64 = 0.02;

    #[test]
    fn strike_vjp_is_the_transpose_at_every_stage() {
        let (pose, twist) = tool();
        let mut struck = 0;
        for (shape, [inside, layer, _]) in shapes() {
            for (law, stage) in
                LAWS.into_iter()
                    .zip([Stage::Shell, Stage::Particles, Stage::Both, Stage::Shell])
            {
                let mut collider = collider(shape.clone(), law);
                collider.stage = stage;
                let placed = place(&collider, Some((&pose, &twist)));
                for y in [inside, layer] {
                    let x = placed.pose.apply(&Vector3::from(y));
                    // Against the surface and along it.
                    let n = placed.probe(&x).normal;
                    let v = placed.velocity(&x) - n * 0.9 + n.cross(&noise(4)).normalize();
                    if strike(&placed, DT, &x, &v).is_none() {
                        assert!(stage == Stage::Shell && y == layer);
                        continue;
                    }
                    struck += 1;
                    let (x_bar, v_bar) = (noise(5), noise(6));
                    let (of_x, of_v, of) = strike_vjp(&placed, DT, &x, &v, &x_bar, &v_bar);
                    let through = crate::contact::place_vjp(&collider, Some(&pose), &of.placed);
                    for input in 0..6 {
                        let pick = |at| {
                            if at == input {
                                noise(20 + input)
                            } else {
                                Vector3::zeros()
                            }
                        };
                        let push = |at| {
                            if at == input {
                                sample(30).1
                            } else {
                                PoseBar::zero()
                            }
                        };
                        let swing = Twist {
                            linear: pick(4),
                            angular: pick(4).yzx(),
                        };
                        let moved = dual_collider(&collider, &push(2), pick(5).x);
                        let frame = (dual_pose(&pose, &push(3)), dual_twist(&twist, &swing));
                        let placed = place(&moved, Some((&frame.0, &frame.1)));
                        let (x, v) = (dual(&x, &pick(0)), dual(&v, &pick(1)));
                        let (after_x, after_v) = strike(&placed, Dual64::from(DT), &x, &v).unwrap();
                        let forward = tangent(&after_x).dot(&x_bar) + tangent(&after_v).dot(&v_bar);
                        let backward = of_x.dot(&pick(0))
                            + of_v.dot(&pick(1))
                            + dot(&through.collider, &push(2))
                            + dot(&through.frame, &push(3))
                            + dot_twist(&through.twist, &swing)
                            + of.friction * pick(5).x;
                        let error = (forward - backward).abs();
                        assert!(
                            error <= 1e-12 * (1.0 + forward.abs()),
                            "{shape:?} {law:?} {stage:?} {input}: {forward} {backward}"
                        );
                    }
                }
            }
        }
        assert!(struck > 30);
    }

    #[test]
    fn a_shell_puts_particles_onto_its_surface() {
        let (pose, twist) = tool();
        for (shape, [inside, layer, _]) in shapes() {
            let mut collider = collider(shape, crate::contact::ContactLaw::Separating);
            collider.stage = Stage::Shell;
            let placed = place(&collider, Some((&pose, &twist)));
            let x = placed.pose.apply(&Vector3::from(inside));
            let n = placed.probe(&x).normal;
            let (after, v) = strike(&placed, DT, &x, &(placed.velocity(&x) - n)).unwrap();
            // A distance by a spline is one near its surface alone.
            assert!(placed.probe(&after).distance.abs() < 5e-3);
            assert!((v - placed.velocity(&x)).dot(&n).abs() < 1e-12);
            let near = placed.pose.apply(&Vector3::from(layer));
            assert_eq!(strike(&placed, DT, &near, &Vector3::zeros()), None);
        }
    }
}
