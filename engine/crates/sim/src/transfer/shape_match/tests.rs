use num_dual::Dual64;

use super::{super::testing::noise, *};
use crate::{
    material::{Deformation, Rigid},
    particle::Cloud,
    rollout::State,
    transfer::{grid_update::tests::world as corner, testing::vector},
    world::Body,
};

const COUNT: usize = 12;

/// A world with a rigid body in its middle, or in a corner so that it is held.
fn world(locked: [bool; 3]) -> World<f64> {
    let mut world = corner(crate::contact::ContactLaw::Slip, false);
    world.locked = locked;
    world.liquids.clear();
    world.solids = vec![Body {
        name: "stone".to_owned(),
        law: Solid::Rigid(Rigid),
        density: 900.0,
        volume: 1e-4,
        gravity: None,
        range: 0..COUNT,
    }];
    world
}

fn matrix(seed: usize) -> Matrix3<f64> {
    Matrix3::from_fn(|i, j| noise(seed + 3 * i + j))
}

/// Numbers of a particle as a motion and a deformation.
fn random(seed: usize, scale: f64) -> Vec<(Motion<f64>, Deformation<f64>)> {
    (0..COUNT)
        .map(|index| {
            let seed = seed + 100 * index;
            let [x, v] = [seed, seed + 10].map(|seed| vector(seed) * scale);
            let motion = Motion::new(&x, &v, &(matrix(seed + 20) * scale));
            (motion, Deformation::new(&matrix(seed + 40), 0.0))
        })
        .collect()
}

fn cloud<T: Real>(parts: &[(Motion<T>, Deformation<T>)]) -> Particles<T> {
    Particles {
        liquid: Cloud::zeros(0),
        solid: Cloud {
            motion: parts.iter().map(|part| part.0).collect(),
            strain: parts.iter().map(|part| part.1).collect(),
        },
    }
}

/// Sorted particles around `centre`.
fn state(world: &World<f64>, centre: f64) -> State<f64> {
    let mut parts = random(3, 0.12);
    for (motion, strain) in &mut parts {
        motion.add_x(&Vector3::repeat(centre));
        strain.set_f(&Matrix3::identity());
    }
    let mut state = State::new(world, cloud(&parts));
    state.settle(world, 0).unwrap();
    state
}

/// Mass 1 a particle: momentum, angular momentum about the origin with the affine part.
fn totals(
    world: &World<f64>,
    positions: &[Vector3<f64>],
    motions: &[Motion<f64>],
) -> [Vector3<f64>; 2] {
    let mut sum = [Vector3::zeros(); 2];
    for (x, motion) in positions.iter().zip(motions) {
        sum[0] += motion.v();
        sum[1] += x.cross(&motion.v()) + axial(&motion.c()) * inertia(world);
    }
    sum
}

#[test]
fn momentum_and_angular_momentum_are_kept_and_the_shape_stays() {
    let world = world([false; 3]);
    let mut state = state(&world, 0.4);
    let mut bodies = RigidBodies::default();
    bodies.note(&world, &state.order, &state.particles);
    let places: Vec<_> = state.particles.solid.motion.iter().map(Motion::x).collect();
    // Velocities as the grid might have left them.
    for (index, motion) in state.particles.solid.motion.iter_mut().enumerate() {
        motion.set_v(&(vector(index + 700) * 3.0));
        motion.set_c(&(matrix(index + 900) * 20.0));
    }
    let before = totals(&world, &places, &state.particles.solid.motion);
    let (held, _) = bodies.match_shape(&world, &mut state.particles);
    assert_eq!(held, 0);
    let motions = &state.particles.solid.motion;
    let after: Vec<_> = motions.iter().map(Motion::x).collect();
    let [momentum, angular] = totals(&world, &after, motions);
    assert!((momentum - before[0]).norm() <= 1e-12 * before[0].norm());
    // What moved along with the momentum changes nothing: x x p of the centre.
    assert!((angular - before[1]).norm() <= 1e-12 * before[1].norm().max(1.0));
    for i in 0..COUNT {
        for j in 0..i {
            let [a, b] = [&places, &after].map(|x| (x[i] - x[j]).norm());
            assert!((a - b).abs() <= 1e-14);
        }
        let f = state.particles.solid.strain[i].f();
        assert!((f * f.transpose() - Matrix3::identity()).norm() <= 1e-14);
        let c = motions[i].c();
        assert!((c + c.transpose()).norm() <= 1e-12);
    }
}

#[test]
fn a_body_that_would_leave_the_domain_is_held_as_a_whole() {
    let world = world([false; 3]);
    let mut state = state(&world, 0.08);
    let mut bodies = RigidBodies::default();
    bodies.note(&world, &state.order, &state.particles);
    for motion in &mut state.particles.solid.motion {
        motion.set_v(&Vector3::new(-20.0, 0.0, 0.0));
        motion.set_c(&Matrix3::zeros());
    }
    let (held, _) = bodies.match_shape(&world, &mut state.particles);
    assert_eq!(held, 1);
    let least = world.lattice.min().x - 0.5 * world.lattice.dx;
    let lowest = state.particles.solid.motion.iter().map(|m| m.x().x);
    assert!((lowest.fold(f64::INFINITY, f64::min) - least).abs() <= 1e-14);
}

#[test]
fn vjp_is_the_transpose_free_held_and_in_a_plane() {
    for (locked, centre, speed) in [
        ([false; 3], 0.4, 3.0),
        ([false; 3], 0.08, 20.0),
        ([false, false, true], 0.4, 3.0),
        ([true, false, true], 0.4, 3.0),
    ] {
        let world = world(locked);
        let mut state = state(&world, centre);
        let order = state.order.clone();
        let before = state.particles.clone();
        let mut bodies = RigidBodies::default();
        bodies.note(&world, &order, &before);
        for (index, motion) in state.particles.solid.motion.iter_mut().enumerate() {
            motion.set_v(&(vector(index + 700) - Vector3::repeat(speed)));
            motion.set_c(&(matrix(index + 900) * 20.0));
        }
        let weights = cloud(&random(50, 1.0));
        let mut bars = weights.clone();
        let motions = state.particles.solid.motion.clone();
        bodies.match_shape_vjp(&world, &motions, &mut bars);
        let free = bars.clone();
        bodies.pass_on(&mut bars);

        let direction = cloud(&random(80, 1.0));
        let dual = world.cast::<Dual64>();
        let lift = |value: f64, tangent: f64| Dual64::new(value, tangent);
        let lifted = |values: &Particles<f64>, of_motion: bool| {
            let mut parts = Vec::new();
            for slot in 0..COUNT {
                let (m, d) = (&values.solid.motion[slot], &direction.solid.motion[slot]);
                let still = |v: Vector3<f64>| v.map(Dual64::from);
                let (f, df) = (
                    values.solid.strain[slot].f(),
                    direction.solid.strain[slot].f(),
                );
                let motion = if of_motion {
                    Motion::new(
                        &still(m.x()),
                        &m.v().zip_map(&d.v(), lift),
                        &m.c().zip_map(&d.c(), lift),
                    )
                } else {
                    Motion::new(
                        &m.x().zip_map(&d.x(), lift),
                        &still(m.v()),
                        &m.c().map(Dual64::from),
                    )
                };
                let f = f.zip_map(&df, lift);
                parts.push((motion, Deformation::new(&f, Dual64::from(0.0))));
            }
            cloud(&parts)
        };
        let mut pushed = RigidBodies::default();
        pushed.note(&dual, &order, &lifted(&before, false));
        let mut after = lifted(&state.particles, true);
        pushed.match_shape(&dual, &mut after);
        let (mut forward, mut backward, mut size) = (0.0, 0.0, 0.0_f64);
        for slot in 0..COUNT {
            let pairs = after.solid.motion[slot].lanes()[1..]
                .iter()
                .map(|lane| lane.eps);
            let pairs = pairs.chain(
                after.solid.strain[slot]
                    .f()
                    .iter()
                    .map(|e| e.eps)
                    .collect::<Vec<_>>(),
            );
            let w = &weights.solid;
            let w = w.motion[slot].lanes()[1..]
                .iter()
                .copied()
                .chain(w.strain[slot].f().iter().copied().collect::<Vec<_>>());
            for (tangent, weight) in pairs.zip(w) {
                forward += tangent * weight;
                size += (tangent * weight).abs();
            }
            let d = (&direction.solid.motion[slot], &direction.solid.strain[slot]);
            let (free, bar) = (&free.solid, &bars.solid);
            backward += bar.motion[slot].x().dot(&d.0.x())
                + free.motion[slot].v().dot(&d.0.v())
                + free.motion[slot].c().dot(&d.0.c())
                + bar.strain[slot].f().dot(&d.1.f());
            assert_eq!(free.motion[slot].x(), Vector3::zeros());
        }
        assert!(
            (forward - backward).abs() <= 1e-12 * size,
            "{locked:?} {forward} {backward} {size}"
        );
    }
}
