//! One action of a contact in a sweep, and its adjoint.

use backflow_diff::Real;
use nalgebra::{Vector3, Vector6};

use super::contact::{Contact, ContactBar, Response, ResponseBar, across};

/// Impulse of a contact: along the normal, and across it (kg m/s).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::rigid) struct Impulse<W: Real> {
    pub normal: W,
    pub tangent: Vector3<W>,
}

/// What was before one contact acted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Record<W: Real> {
    pub contact: u32,
    pub twists: [Vector6<W>; 2],
    pub impulse: Impulse<W>,
}

/// One action of a contact: first along the normal, then across it.
///
/// `l_n' = max(0, l_n + (b - u_n) / k_n)`; then, with the velocity `u` after that,
/// `z = l_t - u_t / k_t`, `l_t' = z min(1, mu l_n' / |z|)`. At the kinks the derivatives of
/// no contact and of sticking are taken.
pub(super) fn act<W: Real>(
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
pub(super) fn act_vjp<W: Real>(
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
pub(super) fn acts<W: Real>(response: &Response<W>) -> bool {
    response.normal > W::of(1e-12) * response.velocity.norm()
}
