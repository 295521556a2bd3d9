//! Contact between the grid and colliders.

mod law;
mod placed;
mod wall;

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::{
    collider::{Probe, Shape},
    pose::Pose,
    tool::Mount,
    world::cast,
};

pub use law::ContactLaw;
pub(crate) use law::{project, project_vjp};
pub use placed::{PlaceBar, Placed, PlacedBar, place, place_vjp};
pub use wall::{wall, wall_vjp};

/// A solid that the grid may not flow into.
#[derive(Debug, Clone, PartialEq)]
pub struct Collider<T: Real> {
    /// Name in the scene.
    pub name: String,
    /// Its solid.
    pub shape: Shape<T>,
    /// Placement in the world, or in the frame that it is mounted on.
    pub pose: Pose<T>,
    /// How it holds what touches it.
    pub law: ContactLaw,
    /// Coulomb coefficient (1), used by [`ContactLaw::Coulomb`] alone.
    pub friction: T,
    /// Distance (m) over which contact fades in outside the surface; zero is hard.
    pub width: T,
    /// The frame of a tool that it moves with, if any.
    pub mount: Option<Mount>,
    /// What it acts on.
    pub stage: Stage,
}

/// When in a substep a collider acts, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// On the nodes of the grid: matter and collider exchange momentum, and walls thinner than
    /// a cell leak.
    #[default]
    Grid,
    /// On particles alone, after the grid has moved them (Xian et al. 2023, FluidLab): nothing
    /// leaks, but the affine velocities of particles do not know of it, and liquids shrink.
    Particles,
    /// On both.
    Both,
    /// On the nodes of the grid, and on the particles that it lets into the wall nevertheless:
    /// they are put back onto the surface at the end of the substep. A wall holds if particles
    /// move less than half its thickness in a substep.
    Shell,
}

impl<T: Real> Collider<T> {
    /// The same collider in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Collider<U> {
        Collider {
            name: self.name.clone(),
            shape: self.shape.cast(),
            pose: Pose {
                position: self.pose.position.map(cast),
                rotation: self.pose.rotation.map(cast),
            },
            law: self.law,
            friction: cast(self.friction),
            width: cast(self.width),
            mount: self.mount,
            stage: self.stage,
        }
    }
}

/// Cotangents of what [`contact`] depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContactBar<T: Real> {
    /// Of the velocity of the node before contact.
    pub velocity: Vector3<T>,
    /// Of what the collider's placement gives.
    pub placed: PlacedBar<T>,
    /// Of the friction coefficient.
    pub friction: T,
}

/// Influence `s(d)` (1) and its slope (1/m) at the distance `d` (m): 1 in the solid,
/// `(1 - u)^2 (1 + 2 u)` with `u = d / width` in the layer around it, `None` beyond.
///
/// It is once continuously differentiable. Without a layer it jumps at `d = 0`, and the
/// slope of the inside (zero) is taken.
#[inline]
pub(crate) fn influence<T: Real>(d: T, width: T) -> Option<(T, T)> {
    if d <= T::zero() {
        Some((T::one(), T::zero()))
    } else if d < width {
        let u = d / width;
        let fade = T::one() - u;
        Some((
            fade * fade * (T::one() + u + u),
            -T::of(6.0) * u * fade / width,
        ))
    } else {
        None
    }
}

/// Velocity (m/s) that contact leaves to a node at `x` (m) that had `v`; `None` where
/// the node is beyond reach and keeps `v`.
///
/// With the distance `d`, the influence `s(d)` (1 in the solid, `(1 - u)^2 (1 + 2 u)`,
/// `u = d / width`, in the layer around it), the normal `n` and the relative velocity
/// `v_r = v - v_c(x)`: `v' = v + s (g(v_r, n) - v_r)`, where `g` is what the
/// [`ContactLaw`] makes of `v_r`:
///
/// - sticky: `g = 0`;
/// - slip: `g = v_t = v_r - v_n n`, `v_n = v_r . n`;
/// - separating: `g = v_t` if `v_n < 0`, otherwise `v_r`;
/// - Coulomb: `g = max(0, 1 + mu v_n / |v_t|) v_t` if `v_n < 0`, otherwise `v_r`.
///
/// Kinks: at `v_n = 0` the derivative of leaving matter is taken, where friction just
/// stops the matter that of sticking, at the border of a hard collider that of the
/// inside; creases of the shape are documented there.
#[inline]
pub fn contact<T: Real>(placed: &Placed<T>, x: &Vector3<T>, v: &Vector3<T>) -> Option<Vector3<T>> {
    let Probe { distance, normal } = placed.probe(x);
    let Collider {
        law,
        friction,
        width,
        ..
    } = *placed.collider;
    let (s, _) = influence(distance, width)?;
    let relative = *v - placed.velocity(x);
    let kept = project(law, friction, &relative, &normal);
    Some(*v + (kept - relative) * s)
}

/// Cotangents of [`contact`]; beyond reach that of the velocity is `bar` itself. With
/// `g_bar = s v'_bar` and `v_r_bar` that of `g` less `g_bar`:
/// `v_bar = v'_bar + v_r_bar`, `v_c_bar = -v_r_bar`, `d_bar = s'(d) (g - v_r) . v'_bar`.
#[inline]
pub fn contact_vjp<T: Real>(
    placed: &Placed<T>,
    x: &Vector3<T>,
    v: &Vector3<T>,
    bar: &Vector3<T>,
) -> ContactBar<T> {
    let Probe { distance, normal } = placed.probe(x);
    let Collider {
        law,
        friction,
        width,
        ..
    } = *placed.collider;
    let Some((s, slope)) = influence(distance, width) else {
        return ContactBar {
            velocity: *bar,
            placed: PlacedBar::zero(),
            friction: T::zero(),
        };
    };
    let offset = *x - placed.origin;
    let relative = *v - placed.twist.velocity(&offset);
    let kept = project(law, friction, &relative, &normal);

    let kept_bar = *bar * s;
    let project_bar = project_vjp(law, friction, &relative, &normal, &kept_bar);
    let relative_bar = project_bar.velocity - kept_bar;
    let distance_bar = (kept - relative).dot(bar) * slope;
    let (twist_bar, offset_bar) = placed.twist.velocity_vjp(&offset, &-relative_bar);
    ContactBar {
        velocity: *bar + relative_bar,
        placed: PlacedBar {
            pose: placed.probe_vjp(x, distance_bar, &normal, &project_bar.normal),
            twist: twist_bar,
            origin: -offset_bar,
        },
        friction: project_bar.friction,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use num_dual::Dual64;

    pub(crate) use super::{law::tests::*, placed::tests::*};

    use super::*;
    use crate::{
        collider::{Sphere, testing::*},
        pose::{
            PoseBar, Twist,
            tests::{dot, dot_twist, dual_pose, dual_twist},
        },
    };

    /// Runs `check` on every law, branch, shape, zone, on a static and a moving tool.
    fn for_every_contact(check: impl Fn(&Placed<f64>, &Vector3<f64>, &Vector3<f64>, &str)) {
        let (pose, twist) = tool();
        for (shape, [inside, layer, _]) in shapes() {
            for (zone, y) in [("inside", inside), ("layer", layer)] {
                for law in LAWS {
                    for (motion, twist) in [("static", Twist::zero()), ("moving", twist)] {
                        let collider = collider(shape.clone(), law);
                        let placed = place(&collider, Some((&pose, &twist)));
                        let x = placed.pose.apply(&Vector3::from(y));
                        let Probe { distance, normal } = placed.probe(&x);
                        assert_eq!(distance < 0.0, zone == "inside", "{shape:?}");
                        assert!(distance < 0.9 * WIDTH, "{shape:?}");
                        for (branch, relative) in velocities(&normal) {
                            let v = placed.velocity(&x) + relative;
                            let name = format!("{shape:?} {zone} {law:?} {motion} {branch}");
                            check(&placed, &x, &v, &name);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn contact_vjp_is_the_transpose_on_every_branch() {
        let bar = noise(90);
        for_every_contact(|placed, x, v, name| {
            let of = contact_vjp(placed, x, v, &bar);
            // One input at a time: v, pose, v_c (linear, angular, origin), friction.
            for input in 0..7 {
                let pick = |i: u32| {
                    if input == i {
                        noise(91 + i)
                    } else {
                        Vector3::zeros()
                    }
                };
                let pose = PoseBar {
                    position: pick(1),
                    rotation: pick(2),
                };
                let twist = Twist {
                    linear: pick(3),
                    angular: pick(4),
                };
                let mu = pick(6).x;
                let moved = dual_collider(placed.collider, &PoseBar::zero(), mu);
                let moved = Placed {
                    collider: &moved,
                    pose: dual_pose(&placed.pose, &pose),
                    twist: dual_twist(&placed.twist, &twist),
                    origin: dual(&placed.origin, &pick(5)),
                };
                let after = contact(&moved, &x.map(Dual64::from), &dual(v, &pick(0))).unwrap();
                let forward = tangent(&after).dot(&bar);
                let backward = of.velocity.dot(&pick(0))
                    + dot(&of.placed.pose, &pose)
                    + dot_twist(&of.placed.twist, &twist)
                    + of.placed.origin.dot(&pick(5))
                    + of.friction * mu;
                let scale = 1.0 + forward.abs();
                assert!(
                    (forward - backward).abs() <= 1e-12 * scale,
                    "{name}, input {input}: {forward} {backward}"
                );
            }
        });
    }

    #[test]
    fn contact_vjp_is_the_central_difference_of_contact() {
        let (bar, step) = (noise(98), 1e-6);
        for_every_contact(|placed, x, v, name| {
            let of = contact_vjp(placed, x, v, &bar);
            let turn = noise(99);
            let at = |h: f64| {
                let mut moved = *placed;
                moved.pose.rotation = crate::pose::exp(&(turn * h)) * moved.pose.rotation;
                moved.pose.position += noise(100) * h;
                moved.twist.angular += noise(101) * h;
                contact(&moved, x, &(v + noise(102) * h)).unwrap().dot(&bar)
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            let derivative = of.placed.pose.rotation.dot(&turn)
                + of.placed.pose.position.dot(&noise(100))
                + of.placed.twist.angular.dot(&noise(101))
                + of.velocity.dot(&noise(102));
            // Truncation step^2 times third derivatives of 1/width^3, round-off 1e-16/step.
            assert!((difference - derivative).abs() < 1e-7, "{name}");
        });
    }

    #[test]
    fn a_node_in_the_layer_goes_half_way_to_the_surface_velocity() {
        let (pose, twist) = tool();
        let collider = collider(Shape::Sphere(Sphere { radius: 0.3 }), ContactLaw::Sticky);
        let placed = place(&collider, Some((&pose, &twist)));
        let centre = pose.apply(&collider.pose.position);
        let surface = |x: &Vector3<f64>| twist.linear + twist.angular.cross(&(x - pose.position));
        let ray = noise(106).normalize();
        let v = noise(107);
        // u = 1/2: s = 1/2; in the solid s = 1.
        for (distance, s) in [(0.35, 0.5), (0.3, 1.0), (0.1, 1.0)] {
            let x = centre + ray * distance;
            let known = v + (surface(&x) - v) * s;
            assert!((contact(&placed, &x, &v).unwrap() - known).norm() < 1e-14);
        }
        // Beyond, and outside a hard collider, nothing happens.
        assert_eq!(contact(&placed, &(centre + ray * 0.401), &v), None);
        let mut hard = collider.clone();
        hard.width = 0.0;
        let hard = place(&hard, Some((&pose, &twist)));
        let (near, inside) = (centre + ray * 0.3001, centre + ray * 0.2999);
        assert_eq!(contact(&hard, &near, &v), None);
        let after = contact(&hard, &inside, &v).unwrap();
        assert!((after - surface(&inside)).norm() < 1e-14);
        let free = contact_vjp(&hard, &near, &v, &noise(108));
        assert_eq!(
            (free.velocity, free.placed),
            (noise(108), PlacedBar::zero())
        );
    }

    #[test]
    fn influence_is_once_continuously_differentiable() {
        let at = |d: f64| influence(d, WIDTH).unwrap_or((0.0, 0.0));
        let step = 1e-9;
        for border in [0.0, WIDTH] {
            let (below, above) = (at(border - step), at(border + step));
            assert!((below.0 - above.0).abs() < 1e-9);
            assert!((below.1 - above.1).abs() < 1e-5, "slope jumps at {border}");
        }
        for i in -5..16 {
            let (d, h) = (f64::from(i) * 0.01 + 0.003, 1e-6);
            let slope = (at(d + h).0 - at(d - h).0) / (2.0 * h);
            assert!((at(d).1 - slope).abs() < 1e-7);
        }
        assert_eq!((at(0.0).0, at(WIDTH).0), (1.0, 0.0));
        assert_eq!(influence(0.0, 0.0), Some((1.0, 0.0)));
        assert_eq!(influence(1e-12, 0.0), None);
    }

    #[test]
    fn a_node_beyond_the_layer_is_left_alone() {
        let (pose, twist) = tool();
        for (shape, [.., beyond]) in shapes() {
            let collider = collider(shape, ContactLaw::Sticky);
            let placed = place(&collider, Some((&pose, &twist)));
            let x = placed.pose.apply(&Vector3::from(beyond));
            assert_eq!(contact(&placed, &x, &noise(110)), None);
            assert!(!placed.reaches(&x, 0.05) && placed.reaches(&x, 0.3));
        }
    }
}
