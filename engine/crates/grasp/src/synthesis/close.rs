//! The end: forces are balanced, gaps closed and overlaps resolved by Newton's method.

use backflow_sim::collider::SignedDistance;
use nalgebra::{DMatrix, DVector, Vector3};

use super::{
    Settings, avoidance,
    descend::{advance, slides},
    energy::{Stance, Workspace},
    overlap,
    squeeze::Balance,
    touch::{Touch, touch, touch_vjp},
};
use crate::{
    force::{Contact, contact::tangents_vjp},
    hand::{Hand, kinematics::Frames, shape::Ball},
    object::{
        Object,
        distance::{SLACK, distance},
    },
};

/// The place of a link that is nearest to the object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Distance (m), negative inside.
    pub gap: f64,
    /// The point of the link (m).
    pub point: Vector3<f64>,
    /// Outward normal of the object there.
    pub normal: Vector3<f64>,
    /// The ball of the link that is nearest, in its frame.
    pub ball: Ball,
}

/// What is nearest of the surface of a link; `None` if it has none, or if it is farther away
/// than `within` (m).
pub fn nearest(
    hand: &Hand,
    object: &Object,
    frames: &Frames<f64>,
    link: usize,
    within: f64,
) -> Option<Nearest> {
    let part = &hand.links[link];
    let around = frames.point(link, &part.bound.centre);
    let far = object.floor.at(&around);
    if part.surface.is_empty() || far > SLACK * (part.bound.radius + within) {
        return None;
    }
    // The least that the gaps of a patch can be.
    let least: Vec<f64> = part
        .patches
        .iter()
        .map(|patch| {
            let centre = frames.point(link, &patch.bound.centre);
            object.floor.at(&centre) - SLACK * patch.bound.radius
        })
        .collect();
    let mut best: Option<(f64, Ball)> = None;
    let mut visit = |patch: usize| {
        if best.is_some_and(|(gap, _)| least[patch] > gap) {
            return;
        }
        for ball in &part.surface[part.patches[patch].balls.clone()] {
            let centre = frames.point(link, &ball.centre);
            let least = object.floor.at(&centre) - ball.radius;
            if best.is_some_and(|(gap, _)| least > gap) {
                continue;
            }
            let gap = distance(&object.field, &centre) - ball.radius;
            if best.is_none_or(|(best, _)| gap < best) {
                best = Some((gap, *ball));
            }
        }
    };
    let first = (0..least.len()).min_by(|&a, &b| least[a].total_cmp(&least[b]));
    visit(first?);
    (0..least.len()).for_each(visit);
    let (gap, ball) = best.filter(|(gap, _)| *gap <= within)?;
    let centre = frames.point(link, &ball.centre);
    let normal = object.field.probe(&centre).normal;
    Some(Nearest {
        gap,
        point: centre - normal * ball.radius,
        normal,
        ball,
    })
}

/// Distance (m) that links other than tips keep from the object.
const KEEP: f64 = 0.001;
/// Distance (m) that links keep from one another.
const APART: f64 = 0.001;
/// Unit of distances (m), of angles (rad), and of what is left of a sum of forces, over the sum
/// of the normal ones (1).
const UNITS: (f64, f64, f64) = (0.001, 0.02, 0.01);
/// Least weight of the damping (1).
const DAMPING: f64 = 0.02;
/// A step (m, rad) that ends the search.
const STILL: f64 = 2e-5;
/// By how much the damping grows after a step that made it worse, and shrinks after another.
const CHANGE: (f64, f64) = (8.0, 0.5);

/// Residuals of a stance, linearised: `merit = |r|^2`, `matrix = J^T J`, `right = -J^T r`, each
/// residual in its unit.
struct Linear {
    merit: f64,
    matrix: DMatrix<f64>,
    right: DVector<f64>,
}

impl Linear {
    fn new(size: usize) -> Self {
        Self {
            merit: 0.0,
            matrix: DMatrix::zeros(size, size),
            right: DVector::zeros(size),
        }
    }

    fn add(&mut self, row: &DVector<f64>, residual: f64, unit: f64) {
        let weight = 1.0 / (unit * unit);
        self.merit += weight * residual * residual;
        self.matrix.ger(weight, row, row, 1.0);
        self.right.axpy(-weight * residual, row, 1.0);
    }

    /// The damped step of Gauss and Newton (Levenberg 1944); `None` where it is not finite.
    fn step(&self, hand: &Hand, damping: f64) -> Option<DVector<f64>> {
        let mut matrix = self.matrix.clone();
        for index in 0..matrix.nrows() {
            let way = index < 3 || index >= 6 && slides(hand, index - 6);
            let unit = if way { UNITS.0 } else { UNITS.1 };
            matrix[(index, index)] += damping / (unit * unit);
        }
        let step = matrix.cholesky()?.solve(&self.right);
        step.iter().all(|x| x.is_finite()).then_some(step)
    }
}

/// Columns of the Jacobian of a point of a link with respect to root and motors.
fn columns(
    hand: &Hand,
    workspace: &Workspace<f64>,
    movers: &[usize],
    link: usize,
    point: &Vector3<f64>,
    all: &mut [Vector3<f64>],
) -> Vec<Vector3<f64>> {
    hand.jacobian(&workspace.frames, link, point, all);
    let motors = movers.iter().map(|mover| all[6 + mover]);
    all[..6].iter().copied().chain(motors).collect()
}

/// What is nearest of every link: of tips however far, of others as far as they have to keep.
fn near(hand: &Hand, object: &Object, workspace: &Workspace<f64>) -> Vec<Option<Nearest>> {
    let within = |link| {
        if is_tip(hand, link) {
            f64::INFINITY
        } else {
            KEEP
        }
    };
    let links = 0..hand.links.len();
    links
        .map(|link| nearest(hand, object, &workspace.frames, link, within(link)))
        .collect()
}

fn is_tip(hand: &Hand, link: usize) -> bool {
    hand.fingers.iter().any(|finger| finger.link == link)
}

/// Adds the gaps of all fingers and the deepest overlap of every link with the object and what
/// stands about it, and of every pair of links.
fn add_gaps(
    hand: &Hand,
    object: &Object,
    workspace: &Workspace<f64>,
    movers: &[usize],
    near: &[Option<Nearest>],
    linear: &mut Linear,
) {
    let mut all = vec![Vector3::zeros(); 6 + hand.joints.len()];
    let mut row_of = |link: usize, point: &Vector3<f64>, along: &Vector3<f64>| {
        let columns = columns(hand, workspace, movers, link, point, &mut all);
        DVector::from_iterator(
            columns.len(),
            columns.iter().map(|column| column.dot(along)),
        )
    };
    for (link, at) in near.iter().enumerate() {
        if let Some(at) = at {
            let keep = if is_tip(hand, link) { 0.0 } else { KEEP };
            linear.add(&row_of(link, &at.point, &at.normal), at.gap - keep, UNITS.0);
        }
        if let Some(at) = avoidance::deepest(hand, object, &workspace.frames, link, KEEP) {
            linear.add(&row_of(link, &at.point, &at.normal), -at.overlap, UNITS.0);
        }
    }
    let mut deepest: Vec<((usize, usize), [Vector3<f64>; 3], f64)> = Vec::new();
    overlap::visit(
        hand,
        &workspace.frames,
        APART,
        |pair, (p, q), normal, depth| match deepest.last_mut() {
            Some(last) if last.0 == pair => {
                if depth > last.2 {
                    *last = (pair, [p, q, *normal], depth);
                }
            }
            _ => deepest.push((pair, [p, q, *normal], depth)),
        },
    );
    for ((a, b), [p, q, normal], depth) in deepest {
        let row = row_of(a, &p, &normal) - row_of(b, &q, &normal);
        linear.add(&row, -depth, UNITS.0);
    }
}

/// The touches of the places of the fingers that are nearest to the object.
fn touches(
    hand: &Hand,
    object: &Object,
    workspace: &Workspace<f64>,
    near: &[Option<Nearest>],
) -> Vec<Touch<f64>> {
    let fingers = hand.fingers.iter();
    fingers
        .map(|finger| {
            let ball = near[finger.link].map_or(finger.pad, |at| at.ball);
            let centre = workspace.frames.point(finger.link, &ball.centre);
            touch(object, centre, ball.radius)
        })
        .collect()
}

/// Adds what is left of the sum of the forces `z`, over the sum `s` of the normal ones:
/// `(sum F_i, sum a_i x F_i) / s`, for forces that stay as they are in the frames of their
/// touches.
fn add_balance(
    hand: &Hand,
    object: &Object,
    workspace: &Workspace<f64>,
    movers: &[usize],
    touches: &[Touch<f64>],
    z: &[f64],
    linear: &mut Linear,
) {
    let size = linear.right.len();
    let sum: f64 = (0..touches.len()).map(|index| z[3 * index]).sum();
    let scale = 1.0 / sum.max(1e-6);
    let mut all = vec![Vector3::zeros(); 6 + hand.joints.len()];
    let mut rows = vec![DVector::zeros(size); 6];
    let mut rest = [0.0; 6];
    for ((finger, touch), f) in hand.fingers.iter().zip(touches).zip(z.chunks(3)) {
        let (link, contact) = (finger.link, &touch.contact);
        let columns = columns(hand, workspace, movers, link, &touch.centre, &mut all);
        let push = contact.force(f);
        let turn = contact.arm.cross(&push);
        for (index, row) in rows.iter_mut().enumerate() {
            let axis = Vector3::ith(index % 3, scale);
            // d (axis . (a x F)) = (axis x a) . dF + (F x axis) . da
            let (push_bar, arm_bar) = if index < 3 {
                (axis, Vector3::zeros())
            } else {
                (axis.cross(&contact.arm), push.cross(&axis))
            };
            rest[index] += axis.dot(if index < 3 { &push } else { &turn });
            let tangents_bar = [push_bar * f[1], push_bar * f[2]];
            let inward_bar = push_bar * f[0] + tangents_vjp(&contact.axes[0], &tangents_bar);
            let centre_bar = touch_vjp(object, touch, 0.0, &(arm_bar, inward_bar));
            for (entry, column) in row.iter_mut().zip(&columns) {
                *entry += column.dot(&centre_bar);
            }
        }
    }
    for (row, rest) in rows.iter().zip(rest) {
        linear.add(row, rest, UNITS.2);
    }
}

/// A stance on its way.
struct Closing {
    trial: Stance<f64>,
    best: Stance<f64>,
    workspace: Workspace<f64>,
    near: Vec<Option<Nearest>>,
    touches: Vec<Touch<f64>>,
    linear: Linear,
    damping: f64,
    done: bool,
}

impl Closing {
    fn new(hand: &Hand, stance: &Stance<f64>) -> Self {
        Self {
            trial: stance.clone(),
            best: stance.clone(),
            workspace: Workspace::new(hand),
            near: Vec::new(),
            touches: Vec::new(),
            linear: Linear {
                merit: f64::INFINITY,
                ..Linear::new(6 + hand.motors.len())
            },
            damping: DAMPING,
            done: false,
        }
    }

    fn place(&mut self, hand: &Hand, object: &Object) {
        if self.done {
            return;
        }
        self.workspace.place(hand, object, &self.trial);
        self.near = near(hand, object, &self.workspace);
        self.touches = touches(hand, object, &self.workspace, &self.near);
    }

    /// Keeps the trial if it is better than the best, and makes the next one.
    fn next(&mut self, hand: &Hand, object: &Object, forces: Option<&[f64]>) {
        if self.done {
            return;
        }
        let mut trial = Linear::new(self.linear.right.len());
        let movers = hand.movers(&self.trial.motors);
        let (workspace, near) = (&self.workspace, &self.near);
        add_gaps(hand, object, workspace, &movers, near, &mut trial);
        if let Some(z) = forces {
            let touches = &self.touches;
            add_balance(hand, object, workspace, &movers, touches, z, &mut trial);
        }
        if trial.merit < self.linear.merit {
            self.best.clone_from(&self.trial);
            self.linear = trial;
            self.damping = (self.damping * CHANGE.1).max(DAMPING);
        } else {
            self.damping *= CHANGE.0;
        }
        self.trial.clone_from(&self.best);
        match self.linear.step(hand, self.damping) {
            Some(step) if step.norm() > STILL => advance(hand, &mut self.trial, step.as_slice()),
            // It is there, or not finite: then the stance is judged as it is.
            _ => self.done = true,
        }
    }
}

/// Steps of Levenberg and Marquardt on all gaps and overlaps and, for the first
/// `settings.balance` of them, on what is left of the sum of the forces that balance best
/// within the friction `settings.balance_friction`, solved anew at each step; the last
/// `settings.newton` ones close the gaps alone.
pub fn close(hand: &Hand, object: &Object, settings: &Settings, stances: &mut [Stance<f64>]) {
    let mut balance = Balance::new(hand, settings.balance_friction);
    for (steps, balanced) in [(settings.balance, true), (settings.newton, false)] {
        let mut closings: Vec<Closing> = stances
            .iter()
            .map(|stance| Closing::new(hand, stance))
            .collect();
        for _ in 0..steps {
            if closings.iter().all(|closing| closing.done) {
                break;
            }
            for closing in &mut closings {
                closing.place(hand, object);
            }
            if balanced {
                let contacts = |closing: &Closing| {
                    let touches = closing.touches.iter();
                    touches.map(|touch| touch.contact).collect()
                };
                let contacts: Vec<Vec<Contact<f64>>> = closings.iter().map(contacts).collect();
                let forces = balance.solve(&contacts);
                for (closing, z) in closings.iter_mut().zip(&forces) {
                    closing.next(hand, object, Some(z));
                }
            } else {
                for closing in &mut closings {
                    closing.next(hand, object, None);
                }
            }
        }
        for (closing, stance) in closings.into_iter().zip(stances.iter_mut()) {
            *stance = closing.best;
        }
    }
}
