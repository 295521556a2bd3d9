//! A block slides down an incline.

use backflow_sim::{
    collider::{Cuboid, Shape},
    contact::ContactLaw,
    material::{Elasticity, FixedCorotated, Rigid, Solid},
    pose::Pose,
    rigid::RigidBody,
    rollout::{NonFinite, State, store::RunError},
    world::Wall,
};
use nalgebra::Vector3;

use super::{
    Case, Outcome, Reference, Tier,
    bench::{Bench, GRAVITY, mean},
};

pub const CASE: Case = Case {
    id: "G8",
    about: "block on an incline of 30 degrees with Coulomb friction: elastic, rigid by shape matching, \
            and a rigid body of mass and inertia",
    remark: "A block of particles, elastic or rigid, meets the wall on the grid, whose nodes each have a \
             normal force of their own. A rigid body meets it at its corners.",
    run,
};

/// Edge of the block (m).
const EDGE: f64 = 0.1;

/// An incline of so many cells along the edge of the block, as deep as `depth` cells; x is down.
fn incline(cells: usize, depth: usize, friction: f64) -> Bench {
    let (dx, sound) = (EDGE / cells as f64, 15.0);
    let (sin, cos) = 30.0_f64.to_radians().sin_cos();
    let mut bench = Bench::new([7 * cells, cells + 3, depth], dx, 0.25 * dx / sound)
        .falling(Vector3::new(GRAVITY * sin, -GRAVITY * cos, 0.0));
    bench.world.walls[1][0] = Wall::new(ContactLaw::Coulomb, friction);
    bench
}

/// Acceleration (m/s^2) between a quarter and the end of 0.4 s.
fn acceleration(bench: &Bench, speed: impl Fn(&State<f64>) -> f64) -> Result<f64, NonFinite> {
    let steps = (0.4 / bench.world.clock.dt) as usize;
    let mut series = Vec::new();
    bench.run(steps, |time, state| series.push([time, speed(state)]))?;
    let (a, b) = (series[steps / 4], series[steps - 1]);
    Ok((b[1] - a[1]) / (b[0] - a[0]))
}

/// Of a block of particles of `law`.
fn block(cells: usize, law: Solid<f64>, friction: f64) -> Result<f64, NonFinite> {
    let bench = incline(cells, 1, friction);
    let dx = bench.world.lattice.dx;
    let bench = bench.solid(law, 1000.0, |x| x.x > dx && x.x < dx + EDGE && x.y < EDGE);
    acceleration(&bench, |state| {
        mean(&state.particles.solid.motion, |motion| motion.v().x)
    })
}

/// Of a rigid body.
fn body(cells: usize, friction: f64) -> Result<f64, NonFinite> {
    let mut bench = incline(cells, 2 * cells, friction);
    let shape = Shape::Cuboid(Cuboid {
        half_extents: Vector3::repeat(0.5 * EDGE),
        rounding: 0.0,
    });
    let middle = Vector3::new(1.5 * EDGE, 0.5 * EDGE, EDGE);
    bench.world.rigids = RigidBody::of_shape(shape, 1000.0)
        .map(|mut body| {
            body.friction = friction;
            body.start.pose = Pose::from_rotation_vector(middle, &Vector3::zeros());
            body
        })
        .into_iter()
        .collect();
    acceleration(&bench, |state| state.rigids[0].twist.linear.x)
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 6,
        Tier::Full => 12,
    };
    let elastic = Solid::FixedCorotated(FixedCorotated {
        elasticity: Elasticity::new(1e5, 0.2),
    });
    let grid = format!("{cells} cells an edge");
    let mut outcome = Outcome::default();
    for (name, law) in [("elastic", elastic), ("rigid", Solid::Rigid(Rigid))] {
        for friction in [0.1, 0.3, 0.5, 0.7] {
            let value = block(cells, law, friction)?;
            let quantity = format!("{name} block with friction {friction}");
            outcome.measure(reference, &quantity, &grid, value);
        }
    }
    for friction in [0.1, 0.3, 0.5, 0.7] {
        let quantity = format!("rigid body with friction {friction}");
        outcome.measure(reference, &quantity, &grid, body(cells, friction)?);
    }
    Ok(outcome)
}
