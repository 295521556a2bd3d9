//! All forces on all particles before a substep.

use backflow_diff::Real;
use nalgebra::Vector3;
use rayon::prelude::*;

use super::{Force, PARAMETERS};
use crate::{
    particle::{Motion, Order, Particles, order::Slots},
    world::World,
};

/// Particles that one task works on at least. Sums of cotangents are taken over as many.
const GRAIN: usize = 1024;

/// Cotangents of what [`push`] depends on besides the particles.
#[derive(Debug, Clone, PartialEq)]
pub struct PushBar {
    /// Of the parameters of each force.
    pub forces: Vec<[f64; PARAMETERS]>,
    /// Of the share of gravity of each body: the liquid ones, then the solid ones.
    pub shares: Vec<f64>,
    /// Of gravity.
    pub gravity: Vector3<f64>,
}

impl PushBar {
    /// The zero cotangent.
    pub fn zero<T: Real>(world: &World<T>) -> Self {
        Self {
            forces: vec![[0.0; PARAMETERS]; world.forces.len()],
            shares: vec![0.0; world.liquids.len() + world.solids.len()],
            gravity: Vector3::zeros(),
        }
    }

    fn add(&mut self, other: &Self) {
        let forces = self.forces.iter_mut().zip(&other.forces);
        for (sum, part) in forces.flat_map(|(sum, part)| sum.iter_mut().zip(part)) {
            *sum += part;
        }
        for (sum, part) in self.shares.iter_mut().zip(&other.shares) {
            *sum += part;
        }
        self.gravity += other.gravity;
    }
}

/// What acts on the particles of one kind.
struct Site<'a, T: Real> {
    dt: T,
    gravity: Vector3<T>,
    forces: &'a [Force<T>],
    /// Share of gravity of each body of the kind.
    shares: Vec<Option<T>>,
    /// Number of the kind's first body among all.
    first: usize,
}

impl<'a, T: Real> Site<'a, T> {
    fn new(world: &'a World<T>, shares: impl Iterator<Item = Option<T>>, first: usize) -> Self {
        Self {
            dt: world.clock.dt,
            gravity: world.gravity,
            forces: &world.forces,
            shares: shares.collect(),
            first,
        }
    }

    fn liquids(world: &'a World<T>) -> Self {
        Self::new(world, world.liquids.iter().map(|body| body.gravity), 0)
    }

    fn solids(world: &'a World<T>) -> Self {
        let first = world.liquids.len();
        Self::new(world, world.solids.iter().map(|body| body.gravity), first)
    }

    /// Gravity beyond what the grid adds: `(s - 1) g` where a body has a share of its own.
    fn weight(&self, body: usize) -> Vector3<T> {
        match self.shares[body] {
            Some(share) => self.gravity * (share - T::one()),
            None => Vector3::zeros(),
        }
    }

    fn acting(&self, body: usize) -> impl DoubleEndedIterator<Item = (usize, &Force<T>)> {
        let forces = self.forces.iter().enumerate();
        forces.filter(move |(_, force)| force.acts[self.first + body])
    }

    fn push(&self, motions: &mut [Motion<T>], slots: &Slots) {
        let each = motions.par_iter_mut().zip(&slots.bodies);
        each.with_min_len(GRAIN).for_each(|(motion, &body)| {
            let body = usize::from(body);
            let x = motion.x();
            let v = motion.v() + self.weight(body) * self.dt;
            let push = |v, (_, force): (usize, &Force<T>)| force.law.push(&x, &v, self.dt);
            motion.set_v(&self.acting(body).fold(v, push));
        });
    }

    fn push_vjp(
        &self,
        motions: &[Motion<T>],
        slots: &Slots,
        bars: &mut [Motion<T>],
        rest: &mut PushBar,
    ) {
        let empty = PushBar {
            forces: vec![[0.0; PARAMETERS]; self.forces.len()],
            shares: vec![0.0; rest.shares.len()],
            gravity: Vector3::zeros(),
        };
        let chunks = motions
            .par_chunks(GRAIN)
            .zip(slots.bodies.par_chunks(GRAIN));
        let parts: Vec<PushBar> = chunks
            .zip(bars.par_chunks_mut(GRAIN))
            .map(|((motions, bodies), bars)| {
                let mut sum = empty.clone();
                for ((motion, &body), bar) in motions.iter().zip(bodies).zip(bars) {
                    self.pull(motion, usize::from(body), bar, &mut sum);
                }
                sum
            })
            .collect();
        for part in &parts {
            rest.add(part);
        }
    }

    fn pull(&self, motion: &Motion<T>, body: usize, bar: &mut Motion<T>, rest: &mut PushBar) {
        let (x, mut v_bar) = (motion.x(), bar.v());
        let start = motion.v() + self.weight(body) * self.dt;
        for (index, force) in self.acting(body).rev() {
            // Few forces act on a particle: the velocity before each is found anew.
            let before = self
                .acting(body)
                .take_while(|(earlier, _)| *earlier < index);
            let v = before.fold(start, |v, (_, force)| force.law.push(&x, &v, self.dt));
            let back = force.law.push_vjp(&x, &v, self.dt, &v_bar);
            bar.add_x(&back.x);
            v_bar = back.v;
            for (sum, part) in rest.forces[index].iter_mut().zip(back.parameters) {
                *sum += part.to_f64();
            }
        }
        bar.set_v(&v_bar);
        if let Some(share) = self.shares[body] {
            rest.shares[self.first + body] += (v_bar.dot(&self.gravity) * self.dt).to_f64();
            rest.gravity += (v_bar * ((share - T::one()) * self.dt)).map(Real::to_f64);
        }
    }
}

/// Changes the velocities of the particles, which lie in `order`, by what acts on them in a
/// time step: shares of gravity that differ from 1, then the forces in their order. Particles that
/// rest, because they are not born or a collector has them, are left alone.
pub fn push<T: Real>(world: &World<T>, order: &Order, particles: &mut Particles<T>) {
    if !world.is_pushed() {
        return;
    }
    let [liquids, solids] = order.present;
    Site::liquids(world).push(&mut particles.liquid.motion[..liquids], &order.liquid);
    Site::solids(world).push(&mut particles.solid.motion[..solids], &order.solid);
}

/// Cotangents of [`push`] of the particles as they were before it; those of all else are
/// added to `rest`.
pub fn push_vjp<T: Real>(
    world: &World<T>,
    order: &Order,
    particles: &Particles<T>,
    bars: &mut Particles<T>,
    rest: &mut PushBar,
) {
    if !world.is_pushed() {
        return;
    }
    let [liquids, solids] = order.present;
    let (cloud, bar) = (&particles.liquid.motion, &mut bars.liquid.motion);
    Site::liquids(world).push_vjp(&cloud[..liquids], &order.liquid, &mut bar[..liquids], rest);
    let (cloud, bar) = (&particles.solid.motion, &mut bars.solid.motion);
    Site::solids(world).push_vjp(&cloud[..solids], &order.solid, &mut bar[..solids], rest);
}
