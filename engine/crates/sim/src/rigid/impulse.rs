//! Impulses of contacts: projected Gauss-Seidel for Coulomb's law, and its adjoint.

use backflow_diff::Real;
use nalgebra::{Matrix3, Matrix6, Matrix6x3, Vector3, Vector6};

/// Sweeps over all contacts at most.
const SWEEPS: usize = 400;

/// Sweeps in which nothing changes, at least, and as many as went before them: what is
/// differentiated is the sequence, and its derivative settles after its values.
const QUIET: usize = 32;

/// A sweep changes nothing if the velocities change by less than this share of those at the
/// start (1).
const SETTLED: f64 = 1e-15;

/// Bodies as the contacts know them: how an impulse moves each, and how each moves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moving<W: Real> {
    /// Mobility, see [`super::joint::mobility`].
    pub mobility: Matrix6<W>,
    /// Twist, linear part first.
    pub twist: Vector6<W>,
}

/// One side of a contact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Side<W: Real> {
    /// The body.
    pub body: usize,
    /// From its centre of mass to the point of contact (m).
    pub arm: Vector3<W>,
}

/// A contact that may push.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Contact<W: Real> {
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
pub(super) struct ContactBar<W: Real> {
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
struct Response<W: Real> {
    /// Change of the twist of each side by an impulse on it: `B = M G^T`.
    push: [Matrix6x3<W>; 2],
    /// Change of the relative velocity by an impulse: `K = sum G B`.
    velocity: Matrix3<W>,
    /// `n . K n`.
    normal: W,
    /// `|P K P|`, `P = 1 - n n^T`, of all entries: at least the largest eigenvalue.
    tangent: W,
}

/// Cotangents of a [`Response`].
#[derive(Debug, Clone, Copy)]
struct ResponseBar<W: Real> {
    push: [Matrix6x3<W>; 2],
    normal: W,
    tangent: W,
}

/// Impulse of a contact: along the normal, and across it (kg m/s).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Impulse<W: Real> {
    pub normal: W,
    pub tangent: Vector3<W>,
}

/// What was before one contact acted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Record<W: Real> {
    contact: u32,
    twists: [Vector6<W>; 2],
    impulse: Impulse<W>,
}

/// Scratch of the solution.
#[derive(Debug, Clone)]
pub(super) struct Sweep<W: Real> {
    responses: Vec<Response<W>>,
    records: Vec<Record<W>>,
    /// The impulses found.
    pub impulses: Vec<Impulse<W>>,
}

impl<W: Real> Default for Sweep<W> {
    fn default() -> Self {
        Self {
            responses: Vec::new(),
            records: Vec::new(),
            impulses: Vec::new(),
        }
    }
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

fn across<W: Real>(normal: &Vector3<W>, v: &Vector3<W>) -> Vector3<W> {
    v - normal * normal.dot(v)
}

impl<W: Real> Contact<W> {
    fn response(&self, bodies: &[Moving<W>]) -> Response<W> {
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
    fn response_vjp(
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
            let arm_bar = -super::axial(&angular);
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

    fn set_twists(&self, bodies: &mut [Moving<W>], twists: &[Vector6<W>; 2]) {
        bodies[self.on.body].twist = twists[0];
        if let Some(side) = &self.against {
            bodies[side.body].twist = twists[1];
        }
    }
}

/// One action of a contact: first along the normal, then across it.
///
/// `l_n' = max(0, l_n + (b - u_n) / k_n)`; then, with the velocity `u` after that,
/// `z = l_t - u_t / k_t`, `l_t' = z min(1, mu l_n' / |z|)`. At the kinks the derivatives of
/// no contact and of sticking are taken.
fn act<W: Real>(
    contact: &Contact<W>,
    response: &Response<W>,
    twists: &mut [Vector6<W>; 2],
    impulse: &mut Impulse<W>,
) {
    let n = &contact.normal;
    let speed = n.dot(&contact.relative(twists));
    let wanted = impulse.normal + (contact.bias - speed) / response.normal;
    let normal = if wanted > W::zero() {
        wanted
    } else {
        W::zero()
    };
    pushed(response, twists, &(n * (normal - impulse.normal)));
    impulse.normal = normal;
    if response.tangent <= W::zero() {
        return;
    }
    let slip = across(n, &contact.relative(twists));
    let wanted = impulse.tangent - slip / response.tangent;
    let (length, most) = (wanted.norm(), contact.friction * normal);
    let tangent = if length <= most {
        wanted
    } else {
        wanted * (most / length)
    };
    pushed(response, twists, &(tangent - impulse.tangent));
    impulse.tangent = tangent;
}

fn pushed<W: Real>(response: &Response<W>, twists: &mut [Vector6<W>; 2], change: &Vector3<W>) {
    twists[0] += response.push[0] * change;
    twists[1] -= response.push[1] * change;
}

/// Adds the cotangents of [`pushed`] and returns that of the change.
fn pushed_vjp<W: Real>(
    response: &Response<W>,
    change: &Vector3<W>,
    twist_bars: &[Vector6<W>; 2],
    bar: &mut ResponseBar<W>,
) -> Vector3<W> {
    bar.push[0] += twist_bars[0] * change.transpose();
    bar.push[1] -= twist_bars[1] * change.transpose();
    response.push[0].tr_mul(&twist_bars[0]) - response.push[1].tr_mul(&twist_bars[1])
}

/// Cotangents of [`act`], which started from `record`: those of twists and impulse in place,
/// the rest added.
fn act_vjp<W: Real>(
    contact: &Contact<W>,
    response: &Response<W>,
    record: &Record<W>,
    twist_bars: &mut [Vector6<W>; 2],
    impulse_bar: &mut Impulse<W>,
    bar: &mut ResponseBar<W>,
    contact_bar: &mut ContactBar<W>,
) {
    let n = &contact.normal;
    let before = &record.impulse;
    let first = contact.relative(&record.twists);
    let speed = n.dot(&first);
    let wanted = before.normal + (contact.bias - speed) / response.normal;
    let open = wanted <= W::zero();
    let normal = if open { W::zero() } else { wanted };
    let change = n * (normal - before.normal);
    let mut between = record.twists;
    pushed(response, &mut between, &change);

    if response.tangent > W::zero() {
        let second = contact.relative(&between);
        let slip = across(n, &second);
        let wanted = before.tangent - slip / response.tangent;
        let (length, most) = (wanted.norm(), contact.friction * normal);
        let sticks = length <= most;
        let tangent = if sticks {
            wanted
        } else {
            wanted * (most / length)
        };
        let change_bar = pushed_vjp(response, &(tangent - before.tangent), twist_bars, bar);
        let tangent_bar = impulse_bar.tangent + change_bar;
        let wanted_bar = if sticks {
            tangent_bar
        } else {
            let unit = wanted / length;
            let along = unit.dot(&tangent_bar);
            contact_bar.friction += along * normal;
            impulse_bar.normal += along * contact.friction;
            (tangent_bar - unit * along) * (most / length)
        };
        impulse_bar.tangent = wanted_bar - change_bar;
        let slip_bar = -wanted_bar / response.tangent;
        bar.tangent += wanted_bar.dot(&slip) / (response.tangent * response.tangent);
        let second_bar = across(n, &slip_bar);
        contact_bar.normal -= slip_bar * n.dot(&second) + second * n.dot(&slip_bar);
        contact.relative_vjp(&between, &second_bar, twist_bars, contact_bar);
    }

    let change_bar = pushed_vjp(response, &change, twist_bars, bar);
    contact_bar.normal += change_bar * (normal - before.normal);
    let along = n.dot(&change_bar);
    let wanted_bar = impulse_bar.normal + along;
    impulse_bar.normal = -along;
    if !open {
        impulse_bar.normal += wanted_bar;
        let rate_bar = wanted_bar / response.normal;
        contact_bar.bias += rate_bar;
        bar.normal -= rate_bar * (contact.bias - speed) / response.normal;
        contact_bar.normal -= first * rate_bar;
        contact.relative_vjp(&record.twists, &(-n * rate_bar), twist_bars, contact_bar);
    }
}

/// Contacts whose bodies cannot give way along the normal do not act.
fn acts<W: Real>(response: &Response<W>) -> bool {
    response.normal > W::of(1e-12) * response.velocity.norm()
}

/// Changes the twists of `bodies` by impulses with no approach beyond each bias, no pull, and
/// Coulomb friction.
///
/// Sweeps of projected Gauss-Seidel over the contacts in order, until nothing changes any more
/// (Moreau 1988, "Unilateral contact and dry friction in finite freedom dynamics"; Jourdan,
/// Alart, Jean 1998). What is differentiated is the sequence that was done.
pub(super) fn solve<W: Real>(
    contacts: &[Contact<W>],
    bodies: &mut [Moving<W>],
    sweep: &mut Sweep<W>,
) {
    sweep.records.clear();
    sweep.responses.clear();
    sweep.impulses.clear();
    let responses = contacts.iter().map(|contact| contact.response(bodies));
    sweep.responses.extend(responses);
    let none = Impulse {
        normal: W::zero(),
        tangent: Vector3::zeros(),
    };
    sweep.impulses.resize(contacts.len(), none);
    let mut scale = W::zero();
    for contact in contacts {
        scale += contact.relative(&contact.twists(bodies)).norm() + contact.bias.abs();
    }
    let mut quiet = 0;
    for sweeps in 0..SWEEPS {
        let mut change = W::zero();
        for (index, contact) in contacts.iter().enumerate() {
            let response = &sweep.responses[index];
            if !acts(response) {
                continue;
            }
            let mut twists = contact.twists(bodies);
            let impulse = &mut sweep.impulses[index];
            let record = Record {
                contact: index as u32,
                twists,
                impulse: *impulse,
            };
            act(contact, response, &mut twists, impulse);
            contact.set_twists(bodies, &twists);
            change += (impulse.normal - record.impulse.normal).abs() * response.normal
                + (impulse.tangent - record.impulse.tangent).norm() * response.tangent;
            sweep.records.push(record);
        }
        if change > scale * W::of(SETTLED) {
            quiet = 0;
        } else {
            quiet += 1;
        }
        if quiet >= QUIET && 2 * quiet > sweeps {
            break;
        }
    }
}

/// Cotangents of [`solve`], whose scratch holds what it did: those of the twists before it in
/// place of those after, of the mobilities added to `mobilities`, of the contacts to `bars`.
pub(super) fn solve_vjp<W: Real>(
    contacts: &[Contact<W>],
    bodies: &[Moving<W>],
    sweep: &Sweep<W>,
    twist_bars: &mut [Vector6<W>],
    mobilities: &mut [Matrix6<W>],
    bars: &mut [ContactBar<W>],
) {
    let none = Impulse {
        normal: W::zero(),
        tangent: Vector3::zeros(),
    };
    let mut impulse_bars = vec![none; contacts.len()];
    let zero = ResponseBar {
        push: [Matrix6x3::zeros(); 2],
        normal: W::zero(),
        tangent: W::zero(),
    };
    let mut response_bars = vec![zero; contacts.len()];
    for record in sweep.records.iter().rev() {
        let index = record.contact as usize;
        let contact = &contacts[index];
        let against = contact.against.map(|side| side.body);
        let mut pair = [
            twist_bars[contact.on.body],
            against.map_or_else(Vector6::zeros, |body| twist_bars[body]),
        ];
        act_vjp(
            contact,
            &sweep.responses[index],
            record,
            &mut pair,
            &mut impulse_bars[index],
            &mut response_bars[index],
            &mut bars[index],
        );
        twist_bars[contact.on.body] = pair[0];
        if let Some(body) = against {
            twist_bars[body] = pair[1];
        }
    }
    for (index, contact) in contacts.iter().enumerate() {
        let (response, bar) = (&sweep.responses[index], &response_bars[index]);
        contact.response_vjp(bodies, response, bar, mobilities, &mut bars[index]);
    }
}
