//! Impulses of contacts: projected Gauss-Seidel for Coulomb's law, and its adjoint.

mod act;
mod contact;

use backflow_diff::Real;
use nalgebra::{Matrix6, Matrix6x3, Vector3, Vector6};

use self::{
    act::{Impulse, Record, act, act_vjp, acts},
    contact::{Response, ResponseBar},
};

pub(super) use contact::{Contact, ContactBar, Moving, Side};
pub(crate) use contact::{halves, lever, velocity_at};

/// Sweeps over all contacts at most.
const SWEEPS: usize = 400;

/// Sweeps in which nothing changes, at least, and as many as went before them: what is
/// differentiated is the sequence, and its derivative settles after its values.
const QUIET: usize = 32;

/// A sweep changes nothing if the velocities change by less than this share of those at the
/// start (1).
const SETTLED: f64 = 1e-15;

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
