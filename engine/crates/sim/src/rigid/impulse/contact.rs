//! A contact between bodies, and how they give way to it.

use backflow_diff::Real;
use nalgebra::{Matrix3, Matrix6, Matrix6x3, Vector3, Vector6};

use crate::rigid::axial;

/// Bodies as the contacts know them: how an impulse moves each, and how each moves.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rigid) struct Moving<W: Real> {
    /// Mobility, see [`super::joint::mobility`].
    pub mobility: Matrix6<W>,
    /// Twist, linear part first.
    pub twist: Vector6<W>,
}

/// One side of a contact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::rigid) struct Side<W: Real> {
    /// The body.
    pub body: usize,
    /// From its centre of mass to the point of contact (m).
    pub arm: Vector3<W>,
}

/// A contact that may push.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::rigid) struct Contact<W: Real> {
    /// The body that it pushes along the normal.
    pub on: Side<W>,
    /// The body that it pushes back, if there is one.
    pub against: Option<Side<W>>,
    /// Unit normal.
    pub normal: Vector3<W>,
    /// Velocity of the other surface where it is not a body (m/s).
    pub surface: Vector3<W>,
    /// Least normal velocity that it leaves (m/s).
    pub bias: W,
    /// Coulomb coefficient (1).
    pub friction: W,
}

/// Cotangents of a [`Contact`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::rigid) struct ContactBar<W: Real> {
    pub on: Vector3<W>,
    pub against: Vector3<W>,
    pub normal: Vector3<W>,
    pub surface: Vector3<W>,
    pub bias: W,
    pub friction: W,
}

impl<W: Real> ContactBar<W> {
    /// The zero cotangent.
    pub fn zero() -> Self {
        Self {
            on: Vector3::zeros(),
            against: Vector3::zeros(),
            normal: Vector3::zeros(),
            surface: Vector3::zeros(),
            bias: W::zero(),
            friction: W::zero(),
        }
    }
}

/// What follows from a contact and the mobilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Response<W: Real> {
    /// Change of the twist of each side by an impulse on it: `B = M G^T`.
    pub push: [Matrix6x3<W>; 2],
    /// Change of the relative velocity by an impulse: `K = sum G B`.
    pub velocity: Matrix3<W>,
    /// `n . K n`.
    pub normal: W,
    /// `|P K P|`, `P = 1 - n n^T`, of all entries: at least the largest eigenvalue.
    pub tangent: W,
}

/// Cotangents of a [`Response`].
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseBar<W: Real> {
    pub push: [Matrix6x3<W>; 2],
    pub normal: W,
    pub tangent: W,
}

/// `G^T f`: the impulse `f` at `arm`, about the centre of mass.
pub(crate) fn lever<W: Real>(arm: &Vector3<W>, impulse: &Vector3<W>) -> Vector6<W> {
    let torque = arm.cross(impulse);
    Vector6::new(
        impulse.x, impulse.y, impulse.z, torque.x, torque.y, torque.z,
    )
}

/// `G V`: velocity of the point at `arm`.
pub(crate) fn velocity_at<W: Real>(twist: &Vector6<W>, arm: &Vector3<W>) -> Vector3<W> {
    let [linear, angular] = halves(twist);
    linear + angular.cross(arm)
}

/// Linear and angular part.
pub(crate) fn halves<W: Real>(stack: &Vector6<W>) -> [Vector3<W>; 2] {
    [
        stack.fixed_rows::<3>(0).into_owned(),
        stack.fixed_rows::<3>(3).into_owned(),
    ]
}

/// `M G^T`.
fn push<W: Real>(mobility: &Matrix6<W>, arm: &Vector3<W>) -> Matrix6x3<W> {
    let column = |axis| mobility * lever(arm, &Vector3::ith(axis, W::one()));
    Matrix6x3::from_columns(&[column(0), column(1), column(2)])
}

/// `G B`.
fn seen<W: Real>(arm: &Vector3<W>, push: &Matrix6x3<W>) -> Matrix3<W> {
    let column = |axis| velocity_at(&push.column(axis).into_owned(), arm);
    Matrix3::from_columns(&[column(0), column(1), column(2)])
}

pub(super) fn across<W: Real>(normal: &Vector3<W>, v: &Vector3<W>) -> Vector3<W> {
    v - normal * normal.dot(v)
}

impl<W: Real> Contact<W> {
    pub(super) fn response(&self, bodies: &[Moving<W>]) -> Response<W> {
        let of = |side: &Side<W>| push(&bodies[side.body].mobility, &side.arm);
        let on = of(&self.on);
        let mut velocity = seen(&self.on.arm, &on);
        let mut against = Matrix6x3::zeros();
        if let Some(side) = &self.against {
            against = of(side);
            velocity += seen(&side.arm, &against);
        }
        let projector = Matrix3::identity() - self.normal * self.normal.transpose();
        Response {
            push: [on, against],
            velocity,
            normal: self.normal.dot(&(velocity * self.normal)),
            tangent: (projector * velocity * projector).norm(),
        }
    }

    /// Adds the cotangents of mobilities and contact of [`Contact::response`].
    pub(super) fn response_vjp(
        &self,
        bodies: &[Moving<W>],
        response: &Response<W>,
        bar: &ResponseBar<W>,
        mobilities: &mut [Matrix6<W>],
        contact_bar: &mut ContactBar<W>,
    ) {
        let (n, k) = (&self.normal, &response.velocity);
        let projector = Matrix3::identity() - n * n.transpose();
        let mut k_bar = n * n.transpose() * bar.normal;
        contact_bar.normal += (k + k.transpose()) * n * bar.normal;
        if response.tangent > W::zero() {
            let middle = projector * k * projector;
            let middle_bar = middle * (bar.tangent / response.tangent);
            k_bar += projector * middle_bar * projector;
            let projector_bar =
                middle_bar * projector * k.transpose() + k.transpose() * projector * middle_bar;
            contact_bar.normal -= (projector_bar + projector_bar.transpose()) * n;
        }
        let sides = [Some(&self.on), self.against.as_ref()];
        for (index, side) in sides.into_iter().enumerate() {
            let Some(side) = side else { continue };
            let push = &response.push[index];
            // K = G B: B_bar += G^T K_bar, and the part of G: K_bar B^T.
            let lifted = |column: usize| lever(&side.arm, &k_bar.column(column).into_owned());
            let push_bar =
                bar.push[index] + Matrix6x3::from_columns(&[lifted(0), lifted(1), lifted(2)]);
            // B = M G^T: M_bar = B_bar G, and the part of G: B_bar^T M.
            let mobility = &bodies[side.body].mobility;
            let row = |row: usize| {
                let row = push_bar.row(row).transpose();
                lever(&side.arm, &row)
            };
            for at in 0..6 {
                let mut target = mobilities[side.body].row_mut(at);
                target += row(at).transpose();
            }
            let g_bar = k_bar * push.transpose() + push_bar.transpose() * mobility;
            // G = [1, -[r]_x].
            let angular = g_bar.fixed_view::<3, 3>(0, 3).into_owned();
            let arm_bar = -axial(&angular);
            let sum = if index == 0 {
                &mut contact_bar.on
            } else {
                &mut contact_bar.against
            };
            *sum += arm_bar;
        }
    }

    /// Velocity of the body's point against that of the other surface (m/s).
    pub fn relative(&self, twists: &[Vector6<W>; 2]) -> Vector3<W> {
        let mut relative = velocity_at(&twists[0], &self.on.arm) - self.surface;
        if let Some(side) = &self.against {
            relative -= velocity_at(&twists[1], &side.arm);
        }
        relative
    }

    /// Adds the cotangents of [`Contact::relative`].
    pub fn relative_vjp(
        &self,
        twists: &[Vector6<W>; 2],
        bar: &Vector3<W>,
        twist_bars: &mut [Vector6<W>; 2],
        contact_bar: &mut ContactBar<W>,
    ) {
        twist_bars[0] += lever(&self.on.arm, bar);
        contact_bar.on += bar.cross(&halves(&twists[0])[1]);
        contact_bar.surface -= bar;
        if let Some(side) = &self.against {
            twist_bars[1] -= lever(&side.arm, bar);
            contact_bar.against -= bar.cross(&halves(&twists[1])[1]);
        }
    }

    pub fn twists(&self, bodies: &[Moving<W>]) -> [Vector6<W>; 2] {
        let against = self.against.map(|side| bodies[side.body].twist);
        [
            bodies[self.on.body].twist,
            against.unwrap_or_else(Vector6::zeros),
        ]
    }

    pub(super) fn set_twists(&self, bodies: &mut [Moving<W>], twists: &[Vector6<W>; 2]) {
        bodies[self.on.body].twist = twists[0];
        if let Some(side) = &self.against {
            bodies[side.body].twist = twists[1];
        }
    }
}
