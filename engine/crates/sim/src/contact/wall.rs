//! The six plane walls of the domain.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::law::{ContactLaw, project, project_vjp};

/// Normal into the domain of the wall across `axis` (0, 1, 2) at its lower (`side`
/// 0) or upper (1) end.
#[inline]
fn inward<T: Real>(axis: usize, side: usize) -> Vector3<T> {
    Vector3::ith(axis, if side == 0 { T::one() } else { -T::one() })
}

/// Velocity (m/s) that a wall leaves to a node on or beyond it that had `v`: the
/// projection by `law` with the inward normal; the wall stands still.
#[inline]
pub fn wall<T: Real>(
    law: ContactLaw,
    friction: T,
    axis: usize,
    side: usize,
    v: &Vector3<T>,
) -> Vector3<T> {
    project(law, friction, v, &inward(axis, side))
}

/// Cotangents of the velocity and of the friction coefficient of [`wall`].
#[inline]
pub fn wall_vjp<T: Real>(
    law: ContactLaw,
    friction: T,
    axis: usize,
    side: usize,
    v: &Vector3<T>,
    bar: &Vector3<T>,
) -> (Vector3<T>, T) {
    let bar = project_vjp(law, friction, v, &inward(axis, side), bar);
    (bar.velocity, bar.friction)
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{super::law::tests::*, *};
    use crate::collider::testing::{dual, noise, tangent};

    #[test]
    fn nothing_goes_out_through_a_wall() {
        for law in LAWS {
            for axis in 0..3 {
                for (side, inwards) in [(0, 1.0), (1, -1.0)] {
                    for seed in 0..6 {
                        let v = noise(seed);
                        let after = wall(law, 0.3, axis, side, &v);
                        assert!(after[axis] * inwards >= 0.0);
                        // What leaves the wall is held back by sticky and slip alone.
                        if v[axis] * inwards > 0.0 {
                            let free = matches!(law, ContactLaw::Separating | ContactLaw::Coulomb);
                            assert_eq!(after[axis], if free { v[axis] } else { 0.0 });
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn vjp_is_the_transpose_at_every_wall() {
        let (mu, bar) = (0.4, noise(70));
        for (axis, side) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
            for law in LAWS {
                for (branch, v) in velocities(&inward(axis, side)) {
                    let (v_bar, mu_bar) = wall_vjp(law, mu, axis, side, &v, &bar);
                    for (dv, dmu) in [(noise(71), 0.0), (Vector3::zeros(), 1.0)] {
                        let after = wall(law, Dual64::new(mu, dmu), axis, side, &dual(&v, &dv));
                        let forward = tangent(&after).dot(&bar);
                        let backward = v_bar.dot(&dv) + mu_bar * dmu;
                        assert!((forward - backward).abs() < 1e-12, "{law:?} {branch}");
                    }
                }
            }
        }
    }
}
