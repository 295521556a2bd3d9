//! What a surface does to the velocity of matter that touches it.

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::collider::polar;

/// How a surface holds matter that touches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactLaw {
    /// Matter takes the velocity of the surface, in both directions.
    Sticky,
    /// No relative normal velocity, in both directions; tangential motion is free.
    Slip,
    /// No approach; leaving and tangential motion are free.
    Separating,
    /// No approach, leaving is free, tangential motion is braked by Coulomb friction.
    Coulomb,
}

/// Cotangents of what [`project`] depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProjectBar<T: Real> {
    /// Of the relative velocity.
    pub(crate) velocity: Vector3<T>,
    /// Of the normal.
    pub(crate) normal: Vector3<T>,
    /// Of the friction coefficient.
    pub(crate) friction: T,
}

/// What [`ContactLaw::Coulomb`] does to an approaching velocity.
enum Friction<T: Real> {
    /// Everything stops.
    Stick,
    /// The tangential part of this length and direction is braked but goes on.
    Slide(T, Vector3<T>),
}

/// Stick where `|v_t| <= -mu v_n`, the border included. Without friction everything
/// slides; where `v_t = 0` as well, its direction is taken as zero.
#[inline]
fn friction_branch<T: Real>(friction: T, normal_speed: T, tangential: &Vector3<T>) -> Friction<T> {
    let (length, direction) = polar(tangential).unwrap_or((T::zero(), Vector3::zeros()));
    if friction > T::zero() && length <= -friction * normal_speed {
        Friction::Stick
    } else {
        Friction::Slide(length, direction)
    }
}

/// The relative velocity `g` (m/s) that `law` makes of `v` at a surface with outward
/// unit normal `n`; with `v_n = v . n`, `v_t = v - v_n n`:
///
/// - sticky: `g = 0`;
/// - slip: `g = v_t`;
/// - separating: `g = v_t` if `v_n < 0`, otherwise `v`;
/// - Coulomb: `g = max(0, 1 + mu v_n / |v_t|) v_t` if `v_n < 0`, otherwise `v`
///   (Stomakhin et al. 2013, sec. 8).
///
/// Kinks: at `v_n = 0` the derivative of leaving matter (identity) is taken, where
/// friction just stops the matter that of sticking (zero).
#[inline]
pub(crate) fn project<T: Real>(
    law: ContactLaw,
    friction: T,
    v: &Vector3<T>,
    n: &Vector3<T>,
) -> Vector3<T> {
    let normal_speed = v.dot(n);
    let tangential = *v - *n * normal_speed;
    match law {
        ContactLaw::Sticky => Vector3::zeros(),
        ContactLaw::Slip => tangential,
        ContactLaw::Separating | ContactLaw::Coulomb if normal_speed >= T::zero() => *v,
        ContactLaw::Separating => tangential,
        ContactLaw::Coulomb => match friction_branch(friction, normal_speed, &tangential) {
            Friction::Stick => Vector3::zeros(),
            Friction::Slide(_, t) => tangential + t * (friction * normal_speed),
        },
    }
}

/// Cotangents of [`project`]. Through the tangential part `v_t = v - (v . n) n`:
/// `v_bar = P v_t_bar`, `n_bar = -v_n v_t_bar - (n . v_t_bar) v`, `P = I - n n^T`;
/// sliding, with `t = v_t / |v_t|`, `g = v_t + mu v_n t` adds
/// `v_t_bar = g_bar + mu v_n / |v_t| (I - t t^T) g_bar`, `v_n_bar = mu t . g_bar`,
/// `mu_bar = v_n t . g_bar`.
#[inline]
pub(crate) fn project_vjp<T: Real>(
    law: ContactLaw,
    friction: T,
    v: &Vector3<T>,
    n: &Vector3<T>,
    bar: &Vector3<T>,
) -> ProjectBar<T> {
    let normal_speed = v.dot(n);
    let tangential = *v - *n * normal_speed;
    let (tangential_bar, normal_speed_bar, friction_bar) = match law {
        ContactLaw::Sticky => (Vector3::zeros(), T::zero(), T::zero()),
        ContactLaw::Slip => (*bar, T::zero(), T::zero()),
        ContactLaw::Separating | ContactLaw::Coulomb if normal_speed >= T::zero() => {
            return ProjectBar {
                velocity: *bar,
                normal: Vector3::zeros(),
                friction: T::zero(),
            };
        }
        ContactLaw::Separating => (*bar, T::zero(), T::zero()),
        ContactLaw::Coulomb => match friction_branch(friction, normal_speed, &tangential) {
            Friction::Stick => (Vector3::zeros(), T::zero(), T::zero()),
            Friction::Slide(length, t) => {
                let along = t.dot(bar);
                let across = if length > T::zero() {
                    (*bar - t * along) * (friction * normal_speed / length)
                } else {
                    Vector3::zeros()
                };
                (*bar + across, friction * along, normal_speed * along)
            }
        },
    };
    let normal_speed_bar = normal_speed_bar - n.dot(&tangential_bar);
    ProjectBar {
        velocity: tangential_bar + *n * normal_speed_bar,
        normal: *v * normal_speed_bar - tangential_bar * normal_speed,
        friction: friction_bar,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::collider::testing::{dual, noise, tangent};

    pub(crate) const LAWS: [ContactLaw; 4] = [
        ContactLaw::Sticky,
        ContactLaw::Slip,
        ContactLaw::Separating,
        ContactLaw::Coulomb,
    ];

    /// Friction coefficient of the tests.
    pub(crate) const MU: f64 = 0.4;

    /// Velocities against `n` with |v_t| = 1 that, at friction `MU`, leave, slide and stick.
    pub(crate) fn velocities(n: &Vector3<f64>) -> [(&'static str, Vector3<f64>); 3] {
        let t = n.cross(&Vector3::new(0.3, -0.8, 0.5)).normalize();
        [
            ("leave", t + n * 0.7),
            ("slide", t - n * 0.9),
            ("stick", t - n * 3.0),
        ]
    }

    #[test]
    fn each_law_keeps_what_it_says() {
        let n = noise(3).normalize();
        let [(_, leave), (_, slide), (_, stick)] = velocities(&n);
        let tangential = |v: Vector3<f64>| v - n * v.dot(&n);
        let same = |law, v: Vector3<f64>, g: Vector3<f64>| {
            assert!((project(law, MU, &v, &n) - g).norm() < 1e-14, "{law:?}");
        };
        for v in [leave, slide, stick] {
            same(ContactLaw::Sticky, v, Vector3::zeros());
            same(ContactLaw::Slip, v, tangential(v));
        }
        same(ContactLaw::Separating, leave, leave);
        same(ContactLaw::Separating, slide, tangential(slide));
        same(ContactLaw::Coulomb, leave, leave);
        // |v_t| = 1, v_n = -0.9: friction takes 0.36.
        same(ContactLaw::Coulomb, slide, tangential(slide) * 0.64);
        same(ContactLaw::Coulomb, stick, Vector3::zeros());
    }

    #[test]
    fn vjp_is_the_transpose_on_every_branch() {
        let n = noise(4).normalize();
        let bar = noise(60);
        for law in LAWS {
            for (branch, v) in velocities(&n) {
                let g_bar = project_vjp(law, MU, &v, &n, &bar);
                // One input at a time: v, n, mu.
                for input in 0..3 {
                    let pick = |i: u32| {
                        if input == i {
                            noise(61 + i)
                        } else {
                            Vector3::zeros()
                        }
                    };
                    let (dv, dn, dmu) = (pick(0), pick(1), pick(2).x);
                    let g = project(law, Dual64::new(MU, dmu), &dual(&v, &dv), &dual(&n, &dn));
                    let forward = tangent(&g).dot(&bar);
                    let backward =
                        g_bar.velocity.dot(&dv) + g_bar.normal.dot(&dn) + g_bar.friction * dmu;
                    assert!(
                        (forward - backward).abs() < 1e-12,
                        "{law:?} {branch} {input}"
                    );
                }
                let slides = law == ContactLaw::Coulomb && branch == "slide";
                assert_eq!(g_bar.friction != 0.0, slides);
            }
        }
    }

    #[test]
    fn derivatives_at_the_kinks_are_the_documented_ones() {
        let n = Vector3::y();
        let bar = noise(65);
        // v_n = 0: as if leaving.
        for law in [ContactLaw::Separating, ContactLaw::Coulomb] {
            let g_bar = project_vjp(law, MU, &Vector3::x(), &n, &bar);
            assert_eq!((g_bar.velocity, g_bar.normal), (bar, Vector3::zeros()));
            let lifted = dual(&Vector3::x(), &noise(66));
            let g = project(law, Dual64::from(MU), &lifted, &dual(&n, &bar));
            assert_eq!(tangent(&g), noise(66));
        }
        // mu v_n = -|v_t| exactly, and v_t = 0: stick.
        for v in [Vector3::new(1.0, -2.0, 0.0), Vector3::new(0.0, -2.0, 0.0)] {
            assert_eq!(project(ContactLaw::Coulomb, 0.5, &v, &n), Vector3::zeros());
            let g_bar = project_vjp(ContactLaw::Coulomb, 0.5, &v, &n, &bar);
            assert_eq!(g_bar.velocity, Vector3::zeros());
            let lifted = dual(&v, &noise(66));
            let g = project(
                ContactLaw::Coulomb,
                Dual64::from(0.5),
                &lifted,
                &dual(&n, &bar),
            );
            assert_eq!(tangent(&g), Vector3::zeros());
        }
        // No friction: as separating, also without tangential motion.
        let v = -Vector3::y();
        let slip = project_vjp(ContactLaw::Separating, 0.0, &v, &n, &bar);
        assert_eq!(project_vjp(ContactLaw::Coulomb, 0.0, &v, &n, &bar), slip);
    }
}
