//! Rigid matter: the motion of the particles of a body is made that of a rigid body.

use backflow_diff::Real;
use nalgebra::{ComplexField, Matrix3, Vector3};

use super::hold::{hold, quiet};
use crate::{
    material::{Solid, Strain},
    particle::{Motion, Order, Particles},
    pose::{exp, exp_vjp},
    world::World,
};

/// A particle of a rigid body before a substep, or the cotangents of that.
#[derive(Debug, Clone, Copy)]
struct Member<T: Real> {
    /// Its slot.
    slot: usize,
    /// The block that it lies in.
    at: [i32; 3],
    /// Its position (m).
    x: Vector3<T>,
    /// Its rotation (1).
    f: Matrix3<T>,
}

/// The rigid bodies before a substep: scratch that the caller owns.
#[derive(Debug, Clone)]
pub struct RigidBodies<T: Real> {
    bodies: Vec<Vec<Member<T>>>,
}

impl<T: Real> Default for RigidBodies<T> {
    fn default() -> Self {
        Self { bodies: Vec::new() }
    }
}

/// The rigid motion that has the momentum and the angular momentum of some particles.
struct Fit<W: Real> {
    count: W,
    /// Centre of mass before the substep.
    centre: Vector3<W>,
    /// Its velocity.
    velocity: Vector3<W>,
    /// Angular momentum about it, for particles of mass 1.
    momentum: Vector3<W>,
    /// Inverse of the inertia before the substep, about the axes that are free to turn.
    inverse: Matrix3<W>,
    /// Angular velocity before the substep.
    omega: Vector3<W>,
    /// Rotation during the substep.
    turn: Matrix3<W>,
    /// `I^-1 R^T L`, the angular velocity after the substep in the axes before it.
    before: Vector3<W>,
    /// Angular velocity after the substep.
    spin: Vector3<W>,
}

/// `(C_32 - C_23, C_13 - C_31, C_21 - C_12)`.
fn axial<W: Real>(c: &Matrix3<W>) -> Vector3<W> {
    Vector3::new(c.m32 - c.m23, c.m13 - c.m31, c.m21 - c.m12)
}

/// `dx^2 / 4`: inertia of quadratic B-splines along every axis, for a mass of 1 (m^2).
fn inertia<T: Real>(world: &World<T>) -> T::Wide {
    let dx = world.lattice.dx.widen();
    dx * dx * T::Wide::of(0.25)
}

/// Inverse of an inertia about the axes that the locked ones leave free to turn about.
fn inverse<W: Real>(inertia: &Matrix3<W>, locked: [bool; 3]) -> Matrix3<W> {
    if locked == [false; 3] {
        return inertia.try_inverse().unwrap_or_else(Matrix3::zeros);
    }
    let mut inverse = Matrix3::zeros();
    for axis in 0..3 {
        if !locked[(axis + 1) % 3] && !locked[(axis + 2) % 3] {
            inverse[(axis, axis)] = W::one() / inertia[(axis, axis)];
        }
    }
    inverse
}

fn wide<T: Real>(v: &Vector3<T>) -> Vector3<T::Wide> {
    v.map(Real::widen)
}

impl<W: Real> Fit<W> {
    fn new<T: Real<Wide = W>>(
        world: &World<T>,
        members: &[Member<T>],
        motions: &[Motion<T>],
    ) -> Self {
        let (own, dt) = (inertia(world), world.clock.dt.widen());
        let count = W::of(members.len() as f64);
        let (mut centre, mut velocity) = (Vector3::zeros(), Vector3::zeros());
        for member in members {
            centre += wide(&member.x);
            velocity += wide(&motions[member.slot].v());
        }
        (centre, velocity) = (centre / count, velocity / count);
        let (mut momentum, mut moments) = (Vector3::zeros(), Matrix3::zeros());
        for member in members {
            let (r, motion) = (wide(&member.x) - centre, &motions[member.slot]);
            momentum += r.cross(&wide(&motion.v())) + axial(&motion.c().map(Real::widen)) * own;
            moments += r * r.transpose();
        }
        let spherical = moments.trace() + own * count * W::of(2.0);
        let inverse = inverse(
            &(Matrix3::from_diagonal_element(spherical) - moments),
            world.locked,
        );
        let omega = inverse * momentum;
        let turn = exp(&(omega * dt));
        let before = inverse * turn.tr_mul(&momentum);
        Self {
            count,
            centre,
            velocity,
            momentum,
            inverse,
            omega,
            turn,
            before,
            spin: turn * before,
        }
    }

    /// Where a particle that was at `x` is after the substep.
    fn place(&self, x: &Vector3<W>, dt: W) -> Vector3<W> {
        self.centre + self.velocity * dt + self.turn * (x - self.centre)
    }
}

/// How far a body must be moved back into the domain along an axis, and the member, by number,
/// that says so.
type Shift<W> = [Option<(usize, W)>; 3];

/// The shift of a body whose particles are at `places`; the farthest one out counts.
fn shift<T: Real>(world: &World<T>, places: &[Vector3<T::Wide>]) -> Shift<T::Wide> {
    let mut shift: Shift<T::Wide> = [None; 3];
    for (number, place) in places.iter().enumerate() {
        let x = place.map(T::narrow);
        let (inside, held) = hold(&world.lattice, &x);
        for axis in (0..3).filter(|&axis| held[axis]) {
            let by = inside[axis].widen() - place[axis];
            if shift[axis].is_none_or(|(_, most)| by.abs() > most.abs()) {
                shift[axis] = Some((number, by));
            }
        }
    }
    shift
}

impl<T: Real> RigidBodies<T> {
    /// Notes where the particles of the rigid bodies of `world` are before a substep.
    pub fn note(&mut self, world: &World<T>, order: &Order, particles: &Particles<T>) {
        self.bodies.resize(world.solids.len(), Vec::new());
        for members in &mut self.bodies {
            members.clear();
        }
        if !world.is_rigid() {
            return;
        }
        for block in &order.blocks {
            for slot in block.solid.clone() {
                let body = usize::from(order.solid.bodies[slot]);
                if matches!(world.solids[body].law, Solid::Rigid(_)) {
                    self.bodies[body].push(Member {
                        slot,
                        at: block.at,
                        x: particles.solid.motion[slot].x(),
                        f: particles.solid.strain[slot].f(),
                    });
                }
            }
        }
    }

    fn occupied(&self) -> impl Iterator<Item = &Vec<Member<T>>> {
        self.bodies.iter().filter(|members| !members.is_empty())
    }

    /// Makes the motion of each body rigid after the grid has moved its particles. Of their
    /// velocities it keeps the momentum `p` and the angular momentum `L`, affine velocities
    /// included, exactly; from where the particles were before the substep they move with
    /// `v = p / M` and `R = exp(dt w)`, `w = I^-1 L`, so that the shape stays what it is:
    ///
    /// `x <- c + dt v + R (x - c)`, `v <- v + w' x (x - c')`, `C <- [w']_x`, `F <- R F`,
    /// with `w' = R I^-1 R^T L`, the spin that has `L` after the turn.
    ///
    /// A body of which a particle would leave the domain is moved back as a whole. Returns
    /// how many particles did that, and whether one has left the reach of its tile.
    pub fn match_shape(&self, world: &World<T>, particles: &mut Particles<T>) -> (usize, bool) {
        let dt = world.clock.dt.widen();
        let (mut held, mut stale) = (0, false);
        for members in self.occupied() {
            let fit = Fit::new(world, members, &particles.solid.motion);
            let mut places: Vec<_> = members
                .iter()
                .map(|member| fit.place(&wide(&member.x), dt))
                .collect();
            let mut back = Vector3::zeros();
            for (axis, shift) in shift(world, &places).into_iter().enumerate() {
                if let Some((_, by)) = shift {
                    back[axis] = by;
                    held += 1;
                }
            }
            let c = fit.spin.cross_matrix().map(T::narrow);
            for (member, place) in members.iter().zip(&mut places) {
                let v = fit.velocity + fit.spin.cross(&(fit.turn * (wide(&member.x) - fit.centre)));
                let x = (*place + back).map(T::narrow);
                let motion = &mut particles.solid.motion[member.slot];
                *motion = Motion::new(&x, &v.map(T::narrow), &c);
                let turned = fit.turn * member.f.map(Real::widen);
                particles.solid.strain[member.slot].set_f(&turned.map(T::narrow));
                let (low, high) = quiet(&world.lattice, &member.at);
                stale |= (0..3).any(|axis| !(x[axis] >= low[axis] && x[axis] <= high[axis]));
            }
        }
        (held, stale)
    }

    /// Cotangents of [`RigidBodies::match_shape`]. `motions` are those that the grid gave the
    /// particles. On entry `bars` holds the cotangents of the state after the stage; on return
    /// of the solid particles' motions before it: their positions and strains count no more.
    /// What goes straight to the state before the substep is kept here for
    /// [`RigidBodies::pass_on`].
    pub fn match_shape_vjp(
        &mut self,
        world: &World<T>,
        motions: &[Motion<T>],
        bars: &mut Particles<T>,
    ) {
        let (dt, own) = (world.clock.dt.widen(), inertia(world));
        for members in self.bodies.iter_mut().filter(|body| !body.is_empty()) {
            let fit = Fit::new(world, members, motions);
            let places: Vec<_> = members
                .iter()
                .map(|member| fit.place(&wide(&member.x), dt))
                .collect();
            let mut x_bars: Vec<Vector3<T::Wide>> = members
                .iter()
                .map(|member| wide(&bars.solid.motion[member.slot].x()))
                .collect();
            for (axis, shift) in shift(world, &places).into_iter().enumerate() {
                if let Some((farthest, _)) = shift {
                    let sum = x_bars
                        .iter()
                        .fold(T::Wide::of(0.0), |sum, bar| sum + bar[axis]);
                    x_bars[farthest][axis] -= sum;
                }
            }
            // r_bar of each member goes where its x was.
            let (mut centre_bar, mut velocity_bar) = (Vector3::zeros(), Vector3::zeros());
            let (mut turn_bar, mut spin_bar) = (Matrix3::zeros(), Vector3::zeros());
            let mut r_bars = Vec::with_capacity(members.len());
            for (member, x_bar) in members.iter().zip(&x_bars) {
                let motion_bar = &bars.solid.motion[member.slot];
                let v_bar = wide(&motion_bar.v());
                let f_bar = bars.solid.strain[member.slot].f().map(Real::widen);
                let r = wide(&member.x) - fit.centre;
                centre_bar += x_bar;
                velocity_bar += v_bar + x_bar * dt;
                spin_bar += (fit.turn * r).cross(&v_bar);
                spin_bar += axial(&motion_bar.c().map(Real::widen));
                let q_bar = x_bar + v_bar.cross(&fit.spin);
                turn_bar += q_bar * r.transpose() + f_bar * member.f.map(Real::widen).transpose();
                r_bars.push(fit.turn.tr_mul(&q_bar));
            }
            // w' = R I^-1 R^T L.
            turn_bar += spin_bar * fit.before.transpose();
            let before_bar = fit.turn.tr_mul(&spin_bar);
            let turned_bar = fit.inverse * before_bar;
            let mut inertia_bar = -turned_bar * fit.before.transpose();
            turn_bar += fit.momentum * turned_bar.transpose();
            let mut momentum_bar = fit.turn * turned_bar;
            // R = exp(dt w), w = I^-1 L.
            let rotation_bar = axial(&(turn_bar * fit.turn.transpose()));
            let omega_bar = exp_vjp(&(fit.omega * dt), &rotation_bar) * dt;
            let part = fit.inverse * omega_bar;
            momentum_bar += part;
            inertia_bar -= part * fit.omega.transpose();
            let moments_bar = Matrix3::from_diagonal_element(inertia_bar.trace()) - inertia_bar;
            let moments_bar = moments_bar + moments_bar.transpose();
            let affine_bar = momentum_bar.cross_matrix() * own;
            let mut mean = Vector3::zeros();
            for (member, r_bar) in members.iter().zip(&mut r_bars) {
                let (r, v) = (
                    wide(&member.x) - fit.centre,
                    wide(&motions[member.slot].v()),
                );
                *r_bar += moments_bar * r + v.cross(&momentum_bar);
                mean += *r_bar;
            }
            let mean = (mean - centre_bar) / fit.count;
            for (member, r_bar) in members.iter_mut().zip(&r_bars) {
                let r = wide(&member.x) - fit.centre;
                let v_bar = velocity_bar / fit.count + momentum_bar.cross(&r);
                let strain_bar = &mut bars.solid.strain[member.slot];
                member.f = (fit.turn.tr_mul(&strain_bar.f().map(Real::widen))).map(T::narrow);
                member.x = (r_bar - mean).map(T::narrow);
                strain_bar.set_f(&Matrix3::zeros());
                bars.solid.motion[member.slot] = Motion::new(
                    &Vector3::zeros(),
                    &v_bar.map(T::narrow),
                    &affine_bar.map(T::narrow),
                );
            }
        }
    }

    /// Adds the cotangents that [`RigidBodies::match_shape_vjp`] has kept to those of the state
    /// before the substep.
    pub fn pass_on(&self, bars: &mut Particles<T>) {
        for member in self.occupied().flatten() {
            bars.solid.motion[member.slot].add_x(&member.x);
            let strain = &mut bars.solid.strain[member.slot];
            *strain = strain.plus(&crate::material::Deformation::new(&member.f, T::zero()));
        }
    }
}

#[cfg(test)]
mod tests;
