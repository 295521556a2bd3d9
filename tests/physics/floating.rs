//! A rigid cube in water: draft, buoyancy, and bodies far lighter than what they float in.

use backflow_sim::{
    collider::{Cuboid, Shape, SignedDistance},
    contact::ContactLaw,
    pose::{Pose, Twist},
    rigid::{Joint, RigidBody, RigidState},
    rollout::{State, forward::Rollout},
};
use nalgebra::{Matrix3, Vector3};

use crate::{
    fixture::{Case, DENSITY, Matter, empty},
    reference::rows,
};

const FLOATING: &str = include_str!("../reference/floating.csv");

const G: f64 = 9.81;

/// Side of the cube (m).
const SIDE: f64 = 0.1;

/// Cells along the sides of the tank, and of the water's depth.
const CELLS: [usize; 2] = [12, 8];

/// Grid spacing (m).
const DX: f64 = 0.02;

fn known(case: &str) -> (f64, f64) {
    let rows = rows(FLOATING);
    let row = rows.iter().find(|row| row.text("case") == case).unwrap();
    (row.number("value"), row.number("tolerance"))
}

/// A tank of water with a cube, whose middle is at the height `y` (m).
fn tank(density: f64, joint: Joint<f64>, y: f64) -> Case {
    let [width, depth] = CELLS;
    let solid = Cuboid {
        half_extents: Vector3::repeat(SIDE / 2.0),
        rounding: 0.0,
    };
    let mut body = RigidBody::of_shape(Shape::Cuboid(solid), density).unwrap();
    body.joint = joint;
    body.collider.law = ContactLaw::Slip;
    let middle = DX * width as f64 / 2.0;
    body.start = RigidState {
        pose: Pose {
            position: Vector3::new(middle, y, middle),
            rotation: Matrix3::identity(),
        },
        twist: Twist::zero(),
    };
    let modulus = 5e4;
    let dt = 0.2 * DX / f64::sqrt(modulus / DENSITY);
    let (shape, pose) = (body.collider.shape.clone(), body.start.pose);
    let mut case = empty([width, depth + 4, width], DX, dt)
        .fill(Matter::Viscous, [[0; 3], [width, depth, width]], 0.0, |x| {
            !shape.contains(&pose.inverse_apply(x))
        })
        .falling(Vector3::new(0.0, -G, 0.0));
    let law = &mut case.world.liquids[0].law;
    law.bulk_modulus = modulus;
    law.viscosity = 1.0;
    case.world.rigids.push(body);
    case
}

/// Runs for `time` (s); `watch` sees the time, the body and the impulse of the water upwards
/// after each substep.
fn run(case: &Case, time: f64, mut watch: impl FnMut(f64, &RigidState<f64>, f64)) {
    let mut world = case.world.clone();
    let steps = (time / world.clock.dt).round() as usize;
    (world.clock.frames, world.clock.substeps) = (steps.div_ceil(10), 10);
    let mut rollout = Rollout::new(&world, &[]);
    let mut state = State::new(&world, case.particles.clone());
    for step in 0..steps {
        rollout.advance(&mut state, step).unwrap();
        let impulse = rollout.workspace().rigid_impulse(0).unwrap();
        let time = (step + 1) as f64 * world.clock.dt;
        watch(time, &state.rigids[0], impulse.linear.y);
    }
}

#[test]
fn cube_of_half_the_density_floats_half_under_water() {
    let (value, tolerance) = known("floats");
    let level = DX * CELLS[1] as f64;
    // It starts two centimetres too high.
    let case = tank(500.0, Joint::Free, level + 0.02);
    let (mut sum, mut count) = (0.0, 0);
    run(&case, 3.0, |time, state, _| {
        if time > 2.0 {
            (sum, count) = (sum + state.pose.position.y, count + 1);
        }
    });
    let bottom = sum / f64::from(count) - SIDE / 2.0;
    // Level over the bottom of the cube, with the volume of the water and of the draft.
    let area = (DX * CELLS[0] as f64).powi(2);
    let water = case.particles.liquid.len() as f64 * (DX / 2.0).powi(3);
    let draft = (water / area - bottom) / (1.0 - SIDE * SIDE / area);
    println!("draft {draft:.4} m");
    assert!((draft - value).abs() <= tolerance, "draft {draft}");
}

#[test]
fn held_cube_feels_the_weight_of_the_water_that_it_displaces() {
    let level = DX * CELLS[1] as f64;
    for (label, y) in [("held half under", level), ("held under", level - 0.07)] {
        let (value, tolerance) = known(label);
        let case = tank(500.0, Joint::Fixed, y);
        let (mut impulse, mut start) = (0.0, None);
        run(&case, 2.0, |time, _, lift| {
            if time > 1.0 {
                start.get_or_insert(time);
                impulse += lift;
            }
        });
        let force = impulse / (2.0 - start.unwrap());
        println!("{label}: {force:.4} N");
        assert!((force / value - 1.0).abs() <= tolerance, "{label}: {force}");
    }
}

#[test]
fn body_a_tenth_as_dense_as_water_is_stable() {
    let level = DX * CELLS[1] as f64;
    for law in [ContactLaw::Sticky, ContactLaw::Slip, ContactLaw::Separating] {
        // Pushed half under, it pops up; how fast is bounded by the work of buoyancy.
        let mut case = tank(100.0, Joint::Free, level);
        case.world.rigids[0].collider.law = law;
        let mut fastest: f64 = 0.0;
        let mut last = 0.0;
        run(&case, 2.0, |_, state, _| {
            fastest = fastest.max(state.twist.linear.norm());
            last = state.twist.linear.norm();
        });
        println!("{law:?}: fastest {fastest:.3} m/s, at the end {last:.4} m/s");
        // Half of its height at nine times its weight, without drag or added mass.
        assert!(
            fastest < f64::sqrt(2.0 * 9.0 * G * SIDE / 2.0),
            "{law:?} {fastest}"
        );
        assert!(last < 0.1, "{law:?} {last}");
    }
}
