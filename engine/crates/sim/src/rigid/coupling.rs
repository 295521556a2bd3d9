//! A rigid body among the nodes of the grid: both change their velocities at once.

use backflow_diff::Real;
use nalgebra::{Matrix3, Matrix6, Vector3, Vector6};

use super::{
    body::{RigidBar, RigidBody, RigidParameterBar, RigidState},
    impulse::{halves, lever, velocity_at},
    joint::{mobility, mobility_vjp},
    stacked, unstacked,
};
use crate::{
    collider::Probe,
    contact::{Placed, influence, project, project_vjp},
    pose::PoseBar,
};

/// Newton's iterations at most. What the laws of contact make of a velocity is linear in pieces,
/// so that a few are enough.
const ITERATIONS: usize = 40;

/// The iteration ends when the velocity is off by less than this share of itself (1).
const SETTLED: f64 = 1e-14;

/// Halvings of a step that does not come closer.
const HALVINGS: usize = 12;

/// Pieces tried from a kink at most.
const CROSSINGS: usize = 8;

/// A node of the grid in reach of a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node<W: Real> {
    /// Block of the grid and node in it.
    pub place: [u32; 2],
    /// Where it is (m).
    pub x: Vector3<W>,
    /// Its mass (kg).
    pub mass: W,
    /// Its velocity before (m/s).
    pub velocity: Vector3<W>,
    /// Distance and normal of the body's surface there.
    pub probe: Probe<W>,
    /// Influence of contact (1) and its slope (1/m).
    pub influence: [W; 2],
}

/// Cotangents of a [`Node`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeBar<W: Real> {
    /// Of its velocity.
    pub velocity: Vector3<W>,
    /// Of its mass.
    pub mass: W,
}

/// What [`couple`] came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coupled<W: Real> {
    /// Twist of the body that the nodes have met, linear part first.
    pub twist: Vector6<W>,
    /// Impulse on the body about its centre of mass (kg m/s, kg m^2/s).
    pub impulse: Vector6<W>,
}

/// The solid of a body where it is.
pub fn place_body<'a, W: Real>(body: &'a RigidBody<W>, state: &RigidState<W>) -> Placed<'a, W> {
    Placed {
        collider: &body.collider,
        pose: state.pose.compose(&body.collider.pose),
        twist: state.twist,
        origin: state.pose.position,
    }
}

impl<W: Real> Node<W> {
    /// A node at `x` (m), if the body reaches it.
    pub fn touched(
        placed: &Placed<'_, W>,
        place: [u32; 2],
        x: Vector3<W>,
        mass: W,
        velocity: Vector3<W>,
    ) -> Option<Self> {
        let probe = placed.probe(&x);
        let (s, slope) = influence(probe.distance, placed.collider.width)?;
        Some(Self {
            place,
            x,
            mass,
            velocity,
            probe,
            influence: [s, slope],
        })
    }

    /// Change of its velocity where the surface moves at `surface` (m/s): `s (g(u, n) - u)`,
    /// `u = v - surface`, as for any collider.
    fn change(&self, body: &RigidBody<W>, surface: &Vector3<W>) -> Vector3<W> {
        let relative = self.velocity - surface;
        let collider = &body.collider;
        let kept = project(
            collider.law,
            collider.friction,
            &relative,
            &self.probe.normal,
        );
        (kept - relative) * self.influence[0]
    }

    /// Derivative of that change by the velocity of the surface: `s (1 - dg/du)`.
    fn yielding(&self, body: &RigidBody<W>, surface: &Vector3<W>) -> Matrix3<W> {
        let relative = self.velocity - surface;
        let collider = &body.collider;
        let mut slope = Matrix3::identity();
        for row in 0..3 {
            let unit = Vector3::ith(row, W::one());
            let normal = &self.probe.normal;
            let bar = project_vjp(collider.law, collider.friction, &relative, normal, &unit);
            let mut line = slope.row_mut(row);
            line -= bar.velocity.transpose();
        }
        slope * self.influence[0]
    }
}

/// Velocity (m/s) of a node after [`couple`].
pub fn velocity_after<W: Real>(
    body: &RigidBody<W>,
    state: &RigidState<W>,
    node: &Node<W>,
    coupled: &Coupled<W>,
) -> Vector3<W> {
    let surface = velocity_at(&coupled.twist, &(node.x - state.pose.position));
    node.velocity + node.change(body, &surface)
}

/// The impulse on the body at the twist `V`: `P = -sum m G^T dv`.
fn impulse_at<W: Real>(
    body: &RigidBody<W>,
    state: &RigidState<W>,
    nodes: &[Node<W>],
    twist: &Vector6<W>,
) -> Vector6<W> {
    let mut impulse = Vector6::zeros();
    for node in nodes {
        let arm = node.x - state.pose.position;
        let change = node.change(body, &velocity_at(twist, &arm));
        impulse -= lever(&arm, &(change * node.mass));
    }
    impulse
}

/// `-dP/dV = sum m G^T D G`.
fn resistance<W: Real>(
    body: &RigidBody<W>,
    state: &RigidState<W>,
    nodes: &[Node<W>],
    twist: &Vector6<W>,
) -> Matrix6<W> {
    let mut sum = Matrix6::zeros();
    for node in nodes {
        let arm = node.x - state.pose.position;
        let slope = node.yielding(body, &velocity_at(twist, &arm)) * node.mass;
        // D G = D [1, -[r]_x].
        let turned = -slope * arm.cross_matrix();
        for column in 0..3 {
            let part = lever(&arm, &slope.column(column).into_owned());
            let mut target = sum.column_mut(column);
            target += part;
            let part = lever(&arm, &turned.column(column).into_owned());
            let mut target = sum.column_mut(3 + column);
            target += part;
        }
    }
    sum
}

/// Solves for the velocities of a body and of the nodes that it touches; changes that of the
/// body.
///
/// The surface of the body acts on the nodes as that of a collider, with the velocity that the
/// body has *after* it: with the mobility `W`, its twist `V*` before, and the impulse `P` that
/// the nodes give it,
///
/// `V = V* + W P(V)`, `P(V) = -sum_i m_i G_i^T s_i (g(v_i - G_i V) - (v_i - G_i V))`.
///
/// Newton's method, from `V*`, damped so that the residual falls. The laws are smooth in pieces, and
/// a damped step can end on the kink between two of them, from where the derivative of the one
/// leads nowhere; that of the other does (Katzenelson 1965). A light body takes the motion of the matter around it and a heavy
/// one gives it its own, whatever the ratio of densities: nothing is overshot, since the masses
/// of both are weighed in the same equation. The sum of momenta of body and nodes is kept to
/// round-off, also where the iteration has not come to its end.
///
/// Kinks are those of [`crate::contact::contact`].
pub fn couple<W: Real>(
    body: &RigidBody<W>,
    state: &mut RigidState<W>,
    nodes: &[Node<W>],
) -> Coupled<W> {
    let before = stacked(&state.twist);
    let mut twist = before;
    let mut impulse = Vector6::zeros();
    if nodes.is_empty() {
        return Coupled { twist, impulse };
    }
    let mobility = mobility(body, &state.pose);
    impulse = impulse_at(body, state, nodes, &twist);
    let mut residual = twist - before - mobility * impulse;
    // Where the derivative is taken: at the twist, or ahead of it where it lies on a kink.
    let mut piece = twist;
    let mut crossings = 0;
    for _ in 0..ITERATIONS {
        let scale = before.norm() + twist.norm() + (mobility * impulse).norm();
        if residual.norm() <= scale * W::of(SETTLED) {
            break;
        }
        let slope = Matrix6::identity() + mobility * resistance(body, state, nodes, &piece);
        let Some(step) = slope.lu().solve(&residual) else {
            break;
        };
        let mut share = W::one();
        let mut closer = None;
        for _ in 0..HALVINGS {
            let tried = twist - step * share;
            let found = impulse_at(body, state, nodes, &tried);
            let left = tried - before - mobility * found;
            if left.norm() < residual.norm() {
                closer = Some((tried, found, left));
                break;
            }
            piece = tried;
            share *= W::of(0.5);
        }
        match closer {
            Some((tried, found, left)) => {
                (twist, impulse, residual, piece) = (tried, found, left, tried);
                crossings = 0;
            }
            // On a kink: the piece that the shortest step led into has another derivative.
            None if crossings < CROSSINGS => crossings += 1,
            None => break,
        }
    }
    if W::DUAL {
        // The tangent follows the value by an iteration.
        for _ in 0..2 {
            let slope = Matrix6::identity() + mobility * resistance(body, state, nodes, &twist);
            if let Some(step) = slope.lu().solve(&residual) {
                twist -= step;
            }
            impulse = impulse_at(body, state, nodes, &twist);
            residual = twist - before - mobility * impulse;
        }
    }
    state.twist = unstacked(&(before + mobility * impulse));
    Coupled { twist, impulse }
}

/// Cotangents of [`couple`] and [`velocity_after`] at their solution, by one linear solve.
///
/// `state` is that before; `bar` and the velocities in `bars`, which come after, are replaced by
/// those before. With `V_bar` all that depends on `V`, `(1 + W K)^T l = V_bar`, `K = -dP/dV`:
/// `V*_bar = l`, `P_bar = W l`, `W_bar = l P^T`.
pub fn couple_vjp<W: Real>(
    body: &RigidBody<W>,
    state: &RigidState<W>,
    nodes: &[Node<W>],
    coupled: &Coupled<W>,
    bars: &mut [NodeBar<W>],
    bar: &mut RigidBar<W>,
    parameters: &mut RigidParameterBar<W>,
) {
    if nodes.is_empty() {
        return;
    }
    let centre = state.pose.position;
    let twist = &coupled.twist;
    let mut twist_bar = stacked(&bar.twist);
    for (node, bar) in nodes.iter().zip(bars.iter()) {
        let arm = node.x - centre;
        let slope = node.yielding(body, &velocity_at(twist, &arm));
        twist_bar += lever(&arm, &slope.tr_mul(&bar.velocity));
    }
    let w = mobility(body, &state.pose);
    let slope = Matrix6::identity() + w * resistance(body, state, nodes, twist);
    // Singular only where the forward iteration ended for that reason: no change then.
    let adjoint = slope
        .transpose()
        .lu()
        .solve(&twist_bar)
        .unwrap_or(twist_bar);
    let impulse_bar = w * adjoint;
    let [_, torque_bar] = halves(&impulse_bar);
    bar.twist = unstacked(&adjoint);
    let mobility_bar = adjoint * coupled.impulse.transpose();
    bar.pose += mobility_vjp(body, &state.pose, &mobility_bar, parameters);

    let collider = &body.collider;
    let mut placed = place_body(body, state);
    placed.twist = unstacked(twist);
    let mut pose_bar = PoseBar::zero();
    let [_, angular] = halves(twist);
    for (node, node_bar) in nodes.iter().zip(bars) {
        let arm = node.x - centre;
        let relative = node.velocity - velocity_at(twist, &arm);
        let normal = &node.probe.normal;
        let kept = project(collider.law, collider.friction, &relative, normal);
        let [s, slope] = node.influence;
        let change = (kept - relative) * s;
        // P = -sum m G^T dv.
        let pulled = velocity_at(&impulse_bar, &arm);
        node_bar.mass -= change.dot(&pulled);
        bar.pose.position += change.cross(&torque_bar) * node.mass;
        let after_bar = node_bar.velocity;
        let change_bar = after_bar - pulled * node.mass;
        let kept_bar = change_bar * s;
        let found = project_vjp(
            collider.law,
            collider.friction,
            &relative,
            normal,
            &kept_bar,
        );
        let relative_bar = found.velocity - kept_bar;
        node_bar.velocity = after_bar + relative_bar;
        // The surface's velocity: its part in V is in the solve, its part in the arm is not.
        bar.pose.position += relative_bar.cross(&angular);
        parameters.matter_friction += found.friction;
        let distance_bar = (kept - relative).dot(&change_bar) * slope;
        pose_bar += placed.probe_vjp(&node.x, distance_bar, normal, &found.normal);
    }
    let (frame_bar, _) = state.pose.compose_vjp(&collider.pose, &pose_bar);
    bar.pose += frame_bar;
}

/// Kinetic energy (J) of nodes at their velocities before.
#[cfg(test)]
fn energy(nodes: &[Node<f64>]) -> f64 {
    let of = |node: &Node<f64>| 0.5 * node.mass * node.velocity.norm_squared();
    nodes.iter().map(of).sum()
}

#[cfg(test)]
mod tests;
